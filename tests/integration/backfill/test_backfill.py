"""Photos that were in Immich before smartsort: planned, linked, asked about, undone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.earlier_library import UPLOADS, folders, is_link, on_another_mount, person_called, ref, same_file
from tests.fakes import FakeClock, World, close_world, content_of

from smartsort.actions import backfill
from smartsort.actions.values import ActionRefused
from smartsort.audit.audit import Audit
from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import State
from smartsort.errors import ConfigurationError
from smartsort.files.placement import Placer


async def test_it_starts_as_a_what_if_and_changes_nothing(library):
    before, files = library.world.server.described(), library.originals()
    plan = await library.plan()
    assert (plan.link, plan.ask, plan.done) == (4, 1, 0)
    assert folders(plan) == {"anna": 3, "bella": 1}
    assert library.progress().counts == {"seen": 7, "outside": 0, "missing": 0, "differing": 0}
    assert library.links() == []
    assert library.world.server.described() == before
    assert library.originals() == files


async def test_links_are_made_as_one_event_and_undone_to_the_start(library):
    before, files = library.world.server.described(), library.originals()
    done = await library.apply()
    assert (done.link, done.ask, done.done, done.asked) == (0, 0, 4, 1)
    assert library.links() == [
        "faces/anna/anna_0.jpg",
        "faces/anna/anna_1.jpg",
        "faces/anna/anna_2.jpg",
        "faces/bella/bella_0.jpg",
        "review/multiple_faces/multi_anna+stranger_0.jpg",
    ]
    assert same_file(f"{library.world.root}/faces/anna/anna_0.jpg", f"{library.folder}/a/anna_0.jpg")
    await library.world.tell()
    assert library.world.server.described() == before
    undone = await library.world.actions.undo_last("ann", actor="ann")
    assert (undone.done, undone.failed) == (5, 0)
    assert library.links() == []
    assert library.originals() == files
    assert library.world.server.described() == before
    assert (library.totals().link, library.totals().ask) == (4, 1)


async def test_what_the_plan_showed_is_linked_and_nothing_else(library):
    """A count is not the set that a user has seen: a new photo makes up for one that went."""
    await library.plan()
    preview = library.preview()
    library.upload("c/anna_9.jpg")
    library.upload("c/anna+stranger_9.jpg")
    [face] = library.world.server.asset_at("bella_0.jpg").faces
    face.person = library.world.server.person("Anna").id
    done = await library.apply(preview=preview)
    assert (done.done, done.asked) == (3, 1)
    assert (done.link, done.ask) == (2, 1), "the new ones, and the one that would go elsewhere by now"
    assert not [path for path in library.links() if "_9" in path or "bella" in path]
    await library.run()
    assert library.totals().asked == 1
    done = await library.apply(preview=library.preview())
    assert (done.done, done.asked, done.link, done.ask) == (5, 2, 0, 0)


async def test_a_plan_of_other_settings_is_not_applied(library):
    await library.plan()
    preview = library.preview()
    library.world.sidecar.runtime_settings.change({}, {"blacklist": [ref("Bella")]}, "ann")
    with pytest.raises(ActionRefused, match="settings have changed"):
        await library.apply(preview=preview)
    library.world.sidecar.runtime_settings.change({}, {"blacklist": []}, "ann")
    assert (await library.apply(preview=preview)).done == 4, "it is the very same plan again"


async def test_settings_that_change_on_the_way_end_the_rest(library, monkeypatch):
    monkeypatch.setattr(backfill, "LINKED_AT_ONCE", 1)
    await library.plan()
    await library.world.actions.backfill_apply("ann", None, library.preview())
    while not library.links():
        await library.world.stage("backfill")
    policy = replace(library.world.context.policy(), template="{person}/{year}")
    library.world.context.policy = lambda: policy
    await library.run()
    assert [path for path in library.links() if path.startswith("faces/")] == ["faces/anna/anna_0.jpg"]


async def test_the_plan_counts_what_would_be_linked(library):
    await library.apply()
    await library.world.actions.undo_photo(library.photo_of("anna_0.jpg"), "ann")
    assert library.totals().link == 0, "a human has taken this link back"


async def test_the_plan_names_the_folders_of_the_template(library):
    rules = (FilingRule("all", also="all"),)
    policy = replace(library.world.context.policy(), template="{person}/{year}", rules=rules)
    library.world.context.policy = lambda: policy
    plan = await library.plan()
    assert plan.folders == [("all", None, 4), ("anna/2020", "Anna", 3), ("bella/2021", "Bella", 1)]
    await library.apply(preview=library.preview())
    assert {os.path.dirname(path) for path in library.links() if path.startswith("faces/")} == {
        *("faces/all", "faces/anna/2020", "faces/bella/2021"),
    }


async def test_portions_are_one_event(library):
    assert (await library.apply(2)).done == 2
    assert (await library.apply(1)).done == 3
    assert (await library.apply()).done == 4
    undone = await library.world.actions.undo_last("ann", actor="ann")
    assert undone.done == 5
    assert library.links() == []


async def test_an_undo_on_the_way_ends_the_rest(make, monkeypatch):
    monkeypatch.setattr(backfill, "LINKED_AT_ONCE", 2)
    library = make()
    for number in range(6):
        library.upload(f"anna_{number}.jpg")
    await library.plan()
    await library.world.actions.backfill_apply("ann")
    while not library.links():
        await library.world.stage("backfill")
    await library.world.actions.undo_last("ann", actor="ann")
    await library.run()
    assert library.links() == []
    assert (await library.apply()).done == 6


async def test_what_was_undone_is_linked_again_only_when_asked_for(library):
    await library.apply()
    await library.world.actions.undo_last("ann", actor="ann")
    await library.run()
    assert library.links() == []
    assert (await library.apply()).done == 4
    await library.world.actions.undo_photo(library.photo_of("anna_0.jpg"), "ann")
    assert (await library.apply()).done == 3
    assert library.state("anna_0.jpg") is State.OBSERVED


async def test_what_an_earlier_event_had_linked_and_was_undone_on_the_way_is_not_linked_by_the_next(library):
    await library.apply()
    first = library.progress().group
    for number in (7, 8):
        library.upload(f"anna_{number}.jpg")
    assert (await library.apply(1)).done == 5
    await library.world.actions.undo(first, "ann")
    assert (await library.apply()).done == 2
    assert library.state("anna_0.jpg") is State.OBSERVED


async def test_a_photo_costs_one_request_and_a_page_one(library):
    server = library.world.server
    server.calls_made.clear()
    await library.plan()
    assert server.calls_made["owned"] == 1
    assert server.calls_made["faces"] == 5  # of those with somebody named on them
    server.calls_made.clear()
    await library.apply()
    assert server.calls_made["faces"] == 0
    assert server.calls_made["owned"] == 1


async def test_pages_go_on_by_the_moment_and_not_by_a_number(make):
    library = make()
    library.world.server.page_size = 2
    for number in range(5):
        library.upload(f"anna_{number}.jpg", taken="2020-01-01T00:00:00.000Z")
    for number in range(5, 9):
        library.upload(f"anna_{number}.jpg", taken=f"2020-01-0{number}T00:00:00.000Z")
    assert (await library.plan()).link == 9


async def test_a_pass_goes_on_after_a_restart(make, tmp_path):
    library = make()
    library.world.server.page_size = 2
    for number in range(8):
        library.upload(f"anna_{number}.jpg", taken=f"2020-01-0{number + 1}T00:00:00.000Z")
    await library.world.actions.backfill_plan()
    for _ in range(2):
        await library.world.stage("backfill")
    server = library.world.server
    close_world(library.world)
    library.world = World(
        os.path.join(tmp_path, "root"),
        server=server,
        settings={"backfill.path_mapping": {UPLOADS: library.folder}},
    )
    server.calls_made.clear()
    await library.run()
    assert library.totals().link == 8
    assert server.calls_made["owned"] < 8


async def test_a_request_that_comes_while_a_page_is_read_is_kept(library):
    """Each writes what it changed and no more: a portion that was asked for is not forgotten."""
    await library.world.actions.backfill_plan()
    server = library.world.server
    listed = server.owned

    async def owned(*args: Any) -> Any:
        await library.world.actions.backfill_apply("ann", 3)
        return await listed(*args)

    server.owned = owned
    await library.world.stage("backfill")
    server.owned = listed
    await library.run()
    assert library.totals().done == 3


async def test_only_the_users_own_photos_outside_our_library_count(library):
    server = library.world.server
    library.upload("partner/anna_9.jpg", owner_id="user-2")
    await library.world.deliver("anna_10.jpg")
    await library.world.settle()
    server.upload("/elsewhere/anna_11.jpg")
    server.upload(f"{UPLOADS}/anna_12.jpg")
    plan = await library.plan()
    assert plan.link == 4
    assert library.progress().counts == {"seen": 9, "outside": 1, "missing": 1, "differing": 0}


async def test_at_most_so_many_questions_a_day(make):
    clock = FakeClock()
    library = make(settings={"backfill.questions_per_day": 2}, clock=clock)
    for number in range(5):
        library.upload(f"anna+stranger_{number}.jpg")
    assert (await library.apply()).asked == 2
    await library.run()
    assert library.totals().asked == 2
    clock.pass_by(days=1)
    await library.run()
    assert library.totals().asked == 4


async def test_a_question_is_answered_as_any_other_and_the_original_stays(library):
    await library.apply()
    files = library.originals()
    photo_id = library.photo_of("anna+stranger_0.jpg")
    batch = await library.world.actions.approve([photo_id], [person_called("Anna")], "ann")
    assert batch.done == 1
    assert library.world.places(photo_id) == [
        "faces/anna/anna+stranger_0.jpg",
        "original/data/upload/b/anna+stranger_0.jpg",
    ]
    assert library.originals() == files


async def test_a_rejected_question_throws_nothing_away_and_is_not_asked_again(library):
    await library.apply()
    files = library.originals()
    photo_id = library.photo_of("anna+stranger_0.jpg")
    batch = await library.world.actions.reject([photo_id], "ann")
    assert batch.done == 1
    assert library.state("anna+stranger_0.jpg") is State.OBSERVED
    assert library.originals() == files
    assert not [p for p in library.world.tree() if p.startswith(("review/", "trash/"))]
    assert library.world.server.asset_at("anna+stranger_0.jpg").trashed is False
    assert (await library.apply()).asked == 0
    await library.world.actions.undo_photo(photo_id, "ann")
    assert library.state("anna+stranger_0.jpg") is State.REVIEW


async def test_other_settings_cost_no_request(library):
    await library.plan()
    library.world.server.calls_made.clear()
    library.world.sidecar.runtime_settings.change({"multiple_faces": "each_person"}, {}, "ann")
    library.world.sidecar.runtime_settings.change({}, {"blacklist": [ref("Bella")]}, "ann")
    plan = await library.plan()
    assert folders(plan) == {"anna": 3}
    assert library.world.server.calls_made["faces"] == 0


async def test_without_a_mapping_it_says_what_to_set(make):
    library = make(settings={"backfill.path_mapping": {}})
    with pytest.raises(ActionRefused, match="Set backfill"):
        await library.plan()


@pytest.mark.parametrize("link", ["auto", "copy"])
async def test_on_another_mount_links_point_there_and_only_a_wish_copies(make, link):
    library = make(settings={"backfill.link": link}, placer=on_another_mount)
    original = library.upload("anna_0.jpg")
    library.upload("anna+stranger_0.jpg")
    files = library.originals()
    assert (await library.apply()).done == 1
    path = f"{library.world.root}/faces/anna/anna_0.jpg"
    assert is_link(path) is (link == "auto")
    assert content_of(path) == content_of(original)
    assert Audit(library.world.context.layout).run().findings == []
    question = library.photo_of("anna+stranger_0.jpg")
    assert (await library.world.actions.approve([question], [person_called("Anna")], "ann")).done == 1
    assert library.links() == ["faces/anna/anna+stranger_0.jpg", "faces/anna/anna_0.jpg"]
    assert (await library.world.actions.undo_last("ann", actor="ann")).done == 1
    assert (await library.world.actions.undo_last("ann", actor="ann")).failed == 0
    assert library.links() == []
    assert library.originals() == files


@pytest.mark.parametrize("step", ["act:intent", "act:placed", "act:committed", "act:dropped"])
@pytest.mark.parametrize("mount", [Placer, on_another_mount])
async def test_a_kill_on_the_way_leaves_nothing_behind(make, tmp_path, step, mount):
    class Killed(BaseException):
        pass

    def checkpoint(name: str) -> None:
        if armed and name == step:
            raise Killed

    def placer(guard: Callable[[], None]) -> Placer:
        return Placer(guard=guard) if mount is Placer else mount(guard)

    armed: list[bool] = []
    library = make(checkpoint=checkpoint, placer=placer)
    for number in range(3):
        library.upload(f"anna_{number}.jpg")
    files, server = library.originals(), library.world.server
    await library.plan()
    armed.append(True)
    with pytest.raises(Killed):
        await library.apply()
    armed.clear()
    close_world(library.world)
    settings = {"backfill.path_mapping": {UPLOADS: library.folder}}
    library.world = World(os.path.join(tmp_path, "root"), server=server, settings=settings, placer=placer)
    await library.run()
    assert library.totals().done == 3
    assert library.links() == [f"faces/anna/anna_{number}.jpg" for number in range(3)]
    assert Audit(library.world.context.layout).run().findings == []
    assert (await library.world.actions.undo_last("ann", actor="ann")).done == 3
    assert library.links() == []
    assert library.originals() == files


@pytest.mark.parametrize("inside", ["", "faces", "library/old"])
def test_a_mapping_into_our_own_folders_is_refused(tmp_path, inside):
    """Nothing may be made in a mapped folder, so smartsort could file nothing."""
    root = os.path.join(tmp_path, "root")
    settings = {"backfill.path_mapping": {UPLOADS: os.path.join(root, inside)}}
    with pytest.raises(ConfigurationError, match="maps /data/upload to"):
        World(root, settings=settings)
