"""What becomes of linked photos: new ones, deleted ones, other settings, a ledger that is lost."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.earlier_library import UPLOADS, folders, lose_the_ledger, on_another_mount, ref
from tests.fakes import FakeClock, World, close_world, content_of, picture, write

from smartsort.actions import reversal, undo
from smartsort.actions.values import IMMICH
from smartsort.api.explanations import explained
from smartsort.audit.audit import Audit
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import State
from smartsort.errors import RootUnavailable
from smartsort.files.placement import PlaceRequest, RemoveRequest
from smartsort.ledger import deletions, events, observed
from smartsort.ledger.backup import backup
from smartsort.ledger.records import Area
from smartsort.rescue.rebuild import rebuild, restore


async def test_a_named_person_costs_their_photos_and_no_others(make):
    library = make(people=("Anna", "Bella"))
    server = library.world.server
    unnamed = server._add_person("")
    for number in range(4):
        library.upload(f"anna_{number}.jpg")
    for number in range(2):
        asset = server.upload(f"{UPLOADS}/x_{number}.jpg")
        write(os.path.join(library.folder, f"x_{number}.jpg"), picture(number))
        asset.faces[0].person = unnamed.id
    assert (await library.plan()).link == 4
    server.people_by_id[unnamed.id] = type(unnamed)(unnamed.id, "Dora")
    server.calls_made.clear()
    await library.world.sidecar.people.refresh(max_age=0)
    await library.run()
    assert server.calls_made["faces"] == 2
    assert folders(library.totals()) == {"anna": 4, "dora": 2}


async def test_new_uploads_are_followed_when_that_is_switched_on(make):
    clock = FakeClock()
    library = make(settings={"backfill.follow": True}, clock=clock)
    library.upload("anna_0.jpg")
    await library.plan()
    await library.run()
    assert library.totals().done == 1
    library.upload("anna_1.jpg")
    library.world.context.clock.monotonic = lambda: 1e9
    await library.run()
    assert library.links() == ["faces/anna/anna_0.jpg", "faces/anna/anna_1.jpg"]
    await library.world.actions.undo_photo(library.photo_of("anna_1.jpg"), "ann")
    library.world.context.clock.monotonic = lambda: 2e9
    await library.run()
    assert library.links() == ["faces/anna/anna_0.jpg"]


async def test_without_follow_nothing_is_linked_unasked(library):
    await library.plan()
    library.upload("anna_9.jpg")
    await library.run()
    assert library.links() == []
    assert library.world.server.calls_made["owned"] == 1


async def test_the_audit_is_content_with_photos_that_are_only_known(library):
    await library.apply()
    assert Audit(library.world.context.layout).run().findings == []
    await library.world.actions.undo_last("ann", actor="ann")
    assert Audit(library.world.context.layout).run().findings == []


async def test_an_undo_of_many_lists_the_first_and_counts_the_others(library, monkeypatch):
    """A million links are one event. A result of each would fill the memory."""
    monkeypatch.setattr(reversal, "LISTED", 1)
    monkeypatch.setattr(undo, "BATCH", 1)
    monkeypatch.setattr(reversal, "BATCH", 1)
    linked = (await library.apply()).done
    undone = await library.world.actions.undo_last("ann", actor="ann")
    assert linked > 2
    assert (len(undone.results), undone.failed) == (1, 0)
    assert undone.done >= linked
    assert library.links() == []


async def test_nothing_ever_removes_an_original(library):
    await library.apply()
    context = library.world.context
    [original] = [n for n in library.world.names(library.photo_of("anna_0.jpg")) if n.area is Area.ORIGINAL]
    path = context.absolute(original)
    link = f"{library.world.root}/faces/anna/anna_0.jpg"
    [kept] = context.placer.remove([RemoveRequest(path, link)])
    assert "was there before" in str(kept)
    [refused] = context.placer.place([PlaceRequest(link, library.folder, ["x.jpg"])])
    assert "Nothing is put there" in str(refused)
    assert content_of(path)


async def test_links_go_where_a_new_template_says_and_back_and_the_originals_stay(library):
    world, files = library.world, library.originals()
    await library.apply()
    before = library.links()
    policy = replace(
        world.context.policy(),
        template="{person}/{year}",
        rules=(FilingRule("all", also="all", album="All"),),
    )
    world.context.policy = lambda: policy
    done = await world.actions.relink("ann")
    assert done.done == 4
    assert {os.path.dirname(path) for path in library.links()} == {
        *("faces/all", "faces/anna/2020", "faces/bella/2021", "review/multiple_faces"),
    }
    await world.tell()
    assert len(world.server.albums_by_name["All"][1]) == 4
    await world.actions.undo(done.event, "ann", admin=True)
    assert library.links() == before
    assert library.originals() == files


async def test_a_photo_that_is_only_known_can_be_explained(library):
    await library.plan()
    photo_id = library.photo_of("anna+stranger_0.jpg")
    found = library.world.ledger.read(lambda db: explained(db, photo_id, library.world.context.policy()))
    assert found is not None
    assert found.state == "observed"


async def test_other_settings_reach_linked_photos(library):
    await library.apply()
    files = library.originals()
    policy = replace(library.world.context.policy(), blacklist=(ref("Bella"),))
    effect = await library.world.actions.past.effect(policy, "2000-01-01")
    assert effect.ways == {"faces -> unwanted_person": 1}
    assert library.originals() == files


@pytest.mark.parametrize(
    ("link", "options"),
    [("auto", {}), ("auto", {"placer": on_another_mount}), ("copy", {"placer": on_another_mount})],
)
async def test_a_lost_ledger_finds_links_to_photos_of_immich_again(make, link, options):
    """Whatever a link is, it is no photo of its own: none is rejected, thrown away or counted twice."""
    library = make(settings={"backfill.link": link}, **options)
    library.upload("a/anna_0.jpg")
    library.upload("a/bella_0.jpg", taken="2021-01-01T00:00:00.000Z")
    library.upload("b/anna+stranger_0.jpg", taken="2022-01-01T00:00:00.000Z")
    await library.apply()
    links, files, before = library.links(), library.originals(), library.world.server.described()
    assert await lose_the_ledger(library) == {"filed": 2, "review": 1}
    assert library.links() == links
    assert Audit(library.world.context.layout).run().findings == []
    plan = await library.plan()
    assert (plan.known, plan.done, plan.asked, plan.link, plan.ask) == (3, 2, 1, 0, 0)
    assert library.state("anna_0.jpg") is State.FILED
    assert library.world.photo(library.photo_of("anna_0.jpg")).person_name == "Anna"
    asked = library.photo_of("anna+stranger_0.jpg")
    assert (await library.world.actions.reject([asked], "ann")).done == 1
    assert library.state("anna+stranger_0.jpg") is State.OBSERVED
    assert library.links() == [path for path in links if path.startswith("faces/")]
    assert library.originals() == files
    assert library.world.server.described() == before
    assert not [path for path in library.world.tree() if path.startswith(("trash/", "library/shard"))]


@pytest.mark.parametrize("options", [{}, {"placer": on_another_mount}])
async def test_a_ledger_from_before_the_links_catches_up_with_them(make, options):
    library = make(**options)
    library.upload("a/anna_0.jpg")
    library.upload("b/anna+stranger_0.jpg", taken="2022-01-01T00:00:00.000Z")
    await library.plan()
    older = backup(library.world.ledger.path, f"{library.folder}-backup", datetime.now(UTC))
    await library.apply()
    links, files = library.links(), library.originals()
    server, settings, root = library.world.server, library.world.sidecar.settings, library.world.root
    close_world(library.world)
    await asyncio.to_thread(restore, settings, older, None, lambda _: None)
    library.world = World(root, server=server, settings={"backfill.path_mapping": {UPLOADS: library.folder}})
    plan = library.totals()
    assert (plan.known, plan.done, plan.asked) == (2, 1, 1)
    assert (library.links(), library.originals()) == (links, files)
    assert Audit(library.world.context.layout).run().findings == []


async def test_a_rebuild_waits_for_the_folder_of_immich(library):
    await library.apply()
    settings = library.world.sidecar.settings
    close_world(library.world)
    os.rename(library.folder, f"{library.folder}-away")
    with pytest.raises(RootUnavailable, match="Mount it"):
        await asyncio.to_thread(rebuild, settings, None, lambda _: None)
    os.rename(f"{library.folder}-away", library.folder)


async def test_what_is_deleted_in_immich_loses_its_links_and_has_them_again_when_it_is_restored(library):
    await library.apply()
    links, files = library.links(), library.originals()
    server = library.world.server
    for name in ("anna_0.jpg", "anna+stranger_0.jpg"):
        server.asset_at(name).trashed_by_user = True
    assert (await library.apply()).done == 3
    assert library.links() == [path for path in links if "anna_0" not in path and "stranger" not in path]
    assert library.state("anna_0.jpg") is State.OBSERVED
    assert library.originals() == files
    history = library.world.ledger.read(lambda db: events.of_photo(db, library.photo_of("anna_0.jpg")))
    assert (history[-1].kind, history[-1].actor) == (EventKind.REMOVED_IN_IMMICH, IMMICH)
    assert library.totals().link == 0, "it is not linked while it lies in Immich's trash"
    for name in ("anna_0.jpg", "anna+stranger_0.jpg"):
        server.asset_at(name).trashed_by_user = False
    await library.plan()
    assert (library.links(), library.originals()) == (links, files)


async def test_a_human_has_the_last_word_about_a_link_to_a_deleted_photo(library):
    await library.apply()
    links = library.links()
    library.world.server.asset_at("anna_0.jpg").trashed_by_user = True
    await library.plan()
    assert "faces/anna/anna_0.jpg" not in library.links()
    await library.world.actions.undo_photo(library.photo_of("anna_0.jpg"), "ann")
    await library.plan()
    assert library.links() == links


async def test_a_photo_that_immich_has_no_more_is_not_linked(library):
    await library.plan()
    asset = library.world.server.asset_at("anna_0.jpg")
    asset.trashed_by_user = True
    assert (await library.plan()).link == 3
    del library.world.server.assets[asset.id]
    os.unlink(f"{library.folder}/a/anna_0.jpg")
    assert (await library.apply()).done == 3
    assert (await library.plan()).link == 0


async def test_many_deletions_at_once_wait_for_a_word(make):
    library = make(settings={"immich.max_unconfirmed_deletions": 1})
    for number in range(3):
        library.upload(f"anna_{number}.jpg")
    await library.apply()
    links = library.links()
    for number in range(3):
        library.world.server.asset_at(f"anna_{number}.jpg").trashed_by_user = True
    await library.plan()
    assert library.links() == links
    up_to = library.world.ledger.read(deletions.newest_held)
    assert (await library.world.actions.answer(up_to, "ann", reject=True)).done == 3
    assert library.links() == []


async def test_what_is_followed_is_found_by_its_own_index(library):
    """Otherwise every photo that belongs to somebody would be looked at, again and again."""
    asked: list[str] = []

    def plan(db: Any) -> list[str]:
        db.conn.set_trace_callback(asked.append)
        observed.fresh(db, 5)
        db.conn.set_trace_callback(None)
        return [row[3] for row in db.conn.execute(f"EXPLAIN QUERY PLAN {asked[-1]}")]

    assert any("idx_observed_fresh" in step for step in library.world.ledger.read(plan))


async def test_an_undo_of_everything_does_not_hold_what_every_event_says(library):
    """Each says where a photo was and is: a million of them would fill the memory."""
    await library.apply()
    group = library.progress().group
    found = library.world.ledger.read(lambda db: undo.members(db, events.get(db, group)))
    assert (len(found), [event for event in found if event.data]) == (5, [])
    assert (await library.world.actions.undo_last("ann", actor="ann")).done == 5
