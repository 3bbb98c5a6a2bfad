"""Photos that were in Immich before smartsort: listed, judged, linked, asked about, undone, followed."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes import FakeClock, World, close_world, content_of, picture, write

from smartsort.actions import backfill, undo
from smartsort.actions.values import IMMICH, ActionRefused, PersonSelector
from smartsort.api.backfill import read_plan
from smartsort.api.explanations import explained
from smartsort.audit.audit import Audit
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import State
from smartsort.core.policy import PersonRef
from smartsort.demo.library import draw_uploads
from smartsort.doctor.backfill_checks import photos_in_immich
from smartsort.errors import ConfigurationError, RootUnavailable
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer, PlaceRequest, RemoveRequest
from smartsort.ledger import deletions, events, observed
from smartsort.ledger.backup import backup
from smartsort.ledger.records import Area
from smartsort.rescue.rebuild import rebuild, restore

UPLOADS = "/data/upload"


def same_file(one: str, other: str) -> bool:
    return os.path.samefile(one, other)


def folders(plan: observed.Totals) -> dict[str, int]:
    return {one.folder: one.photos for one in plan.folders}


def is_link(path: str) -> bool:
    return os.path.islink(path)


class Library:
    """Photos that lie in Immich before smartsort comes, and a sidecar beside it."""

    def __init__(self, tmp_path: os.PathLike[str], **options: Any) -> None:
        self.folder = os.path.join(tmp_path, "immich")
        os.makedirs(self.folder)
        settings = {
            "backfill.path_mapping": {UPLOADS: self.folder},
            "backfill.requests_per_minute": 60_000,
            **options.pop("settings", {}),
        }
        self.world = World(os.path.join(tmp_path, "root"), settings=settings, **options)
        self._seeds = iter(range(1000, 100_000))

    def upload(self, name: str, **more: Any) -> str:
        """One more upload. Return its path on this machine."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        content = picture(next(self._seeds))
        write(path, content)
        more.setdefault("checksum", base64.b64encode(hashlib.sha1(content).digest()).decode())
        self.world.server.upload(f"{UPLOADS}/{name}", **more)
        return path

    async def run(self, steps: int = 1000) -> None:
        """Step the stage until it has nothing left to do."""
        for _ in range(steps):
            if await self.world.stage("backfill") is not True:
                return
        raise AssertionError("it never ends")

    async def plan(self) -> observed.Totals:
        await self.world.actions.backfill_plan()
        await self.run()
        return self.totals()

    async def apply(self, portion: int | None = None, preview: str | None = None) -> observed.Totals:
        await self.world.actions.backfill_apply("ann", portion, preview)
        await self.run()
        return self.totals()

    def preview(self) -> str:
        """What stands for the plan as it is now."""
        return self.world.ledger.read(read_plan).preview

    def totals(self) -> observed.Totals:
        return self.world.ledger.read(observed.totals)

    def progress(self) -> observed.Progress:
        return self.world.ledger.read(observed.progress)

    def links(self) -> list[str]:
        """What stands below `faces/` and `review/`."""
        return sorted(p for p in self.world.tree() if p.startswith(("faces/", "review/")))

    def originals(self) -> dict[str, tuple[int, int, bytes]]:
        """Inode, time and bytes of everything in Immich's folder."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                found[path] = (status.st_ino, status.st_mtime_ns, content_of(path))
        return found

    def photo_of(self, name: str) -> int:
        asset = self.world.server.asset_at(name)
        [(photo_id,)] = self.world.ledger.read(
            lambda db: db.conn.execute("SELECT id FROM photos WHERE asset_id = ?", (asset.id,)).fetchall()
        )
        return int(photo_id)

    def state(self, name: str) -> State:
        return self.world.photo(self.photo_of(name)).state


@pytest.fixture
def make(tmp_path) -> Iterator[Callable[..., Library]]:
    made: list[Library] = []

    def make(**options: Any) -> Library:
        made.append(Library(tmp_path, **options))
        return made[-1]

    yield make
    for one in made:
        close_world(one.world)


@pytest.fixture
def library(make) -> Library:
    found = make()
    for number in range(3):
        found.upload(f"a/anna_{number}.jpg")
    found.upload("b/bella_0.jpg", taken="2021-01-01T00:00:00.000Z")
    found.upload("b/anna+stranger_0.jpg", taken="2022-01-01T00:00:00.000Z")
    found.upload("b/none_0.jpg", taken="2022-01-02T00:00:00.000Z")
    found.upload("b/stranger_0.jpg", taken="2022-01-03T00:00:00.000Z")
    return found


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
    library.world.sidecar.runtime_settings.change({}, {"blacklist": [_ref("Bella")]}, "ann")
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


async def test_a_mapping_into_a_wrong_folder_links_nothing(make):
    """Equal paths do not make the same photo: the content of some is compared."""
    library = make()
    for number in range(9):
        library.upload(f"anna_{number}.jpg", checksum=base64.b64encode(b"x" * 20).decode())
    assert (await library.apply()).done == 0
    assert library.links() == []
    assert library.progress().counts["differing"] == 9
    told = {why.partition(" photos than ")[2] for _, why in library.progress().differing} - {""}
    assert told == {"/data/upload. Correct backfill.path_mapping"}


async def test_a_single_file_that_is_another_is_left_out(make):
    library = make()
    library.upload("anna_0.jpg", checksum=base64.b64encode(b"x" * 20).decode())
    library.upload("anna_1.jpg")
    assert (await library.apply()).done == 1
    assert library.progress().counts["differing"] == 1
    [[path, why]] = library.progress().differing
    assert path == "/data/upload/anna_0.jpg"
    assert "is not the photo that Immich has" in why


def _of_a_library(library: Library, name: str, content: bytes, **more: Any) -> str:
    """A photo of another external library. Its checksum says nothing of its content."""
    path = os.path.join(library.folder, name)
    write(path, content)
    status = os.stat(path)
    read = {"size": status.st_size, "preview": content} | more
    modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds")
    checksum = base64.b64encode(hashlib.sha1(f"path:{name}".encode()).digest()).decode()
    read = {"library_id": "other-library", "checksum": checksum, "modified": modified} | read
    library.world.server.upload(f"{UPLOADS}/{name}", **read)
    return path


async def test_a_photo_of_an_external_library_is_linked_when_it_shows_what_immich_shows(make):
    library = make()
    one, other = (upload.content for upload in draw_uploads(2, seed=5))
    _of_a_library(library, "anna_0.jpg", one)
    # Another picture: by size and time, by time alone, and with the very size and time that Immich has read.
    _of_a_library(library, "anna_1.jpg", one, preview=other, size=7)
    _of_a_library(library, "anna_2.jpg", one, preview=other, modified="2020-01-01T00:00:00.000Z")
    _of_a_library(library, "anna_3.jpg", one, preview=other)
    # Touched, and written again with other metadata: it still is what Immich shows.
    _of_a_library(library, "anna_4.jpg", one, modified="2020-01-01T00:00:00.000Z")
    _of_a_library(library, "anna_5.jpg", one, size=7)
    done = await library.apply()
    assert library.links() == [f"faces/anna/anna_{number}.jpg" for number in (0, 4, 5)]
    assert done.done == 3
    assert library.progress().counts["differing"] == 3
    assert all("is not the photo that Immich has" in why for _, why in library.progress().differing)


async def test_the_doctor_compares_what_photos_of_an_external_library_show(make):
    library = make()
    one, other = (upload.content for upload in draw_uploads(2, seed=5))
    _of_a_library(library, "anna_0.jpg", one)
    server, settings = library.world.server, library.world.sidecar.settings
    check = await photos_in_immich(server, settings, "user-1")
    assert (check.verdict, "1 photos compared" in check.detail) == ("ok", True)
    _of_a_library(library, "anna_1.jpg", one, preview=other)
    check = await photos_in_immich(server, settings, "user-1")
    assert check.verdict == "broken"
    assert "anna_1.jpg is not the photo that Immich has" in check.detail


async def test_comparing_costs_a_bounded_number_of_calls_a_page(make):
    library = make()
    [one] = (upload.content for upload in draw_uploads(1, seed=5))
    for number in range(60):
        _of_a_library(library, f"anna_{number}.jpg", one, size=7)
    assert (await library.plan()).link == 60, "those that were compared are the same, so the rest is believed"
    assert library.world.server.calls_made["thumbnail"] == 50


async def test_a_flat_picture_and_a_video_are_told_by_size_and_time(make):
    library = make()
    _of_a_library(library, "anna_0.jpg", picture(1))
    _of_a_library(library, "anna_1.jpg", picture(1), size=7)
    _of_a_library(library, "anna_0.mp4", picture(1))
    _of_a_library(library, "anna_1.mp4", picture(1), modified="2020-01-01T00:00:00.000Z")
    await library.apply()
    assert library.links() == ["faces/anna/anna_0.jpg", "faces/anna/anna_0.mp4"]


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
    batch = await library.world.actions.approve([photo_id], [_person("Anna")], "ann")
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


async def test_other_settings_cost_no_request(library):
    await library.plan()
    library.world.server.calls_made.clear()
    library.world.sidecar.runtime_settings.change({"multiple_faces": "each_person"}, {}, "ann")
    library.world.sidecar.runtime_settings.change({}, {"blacklist": [_ref("Bella")]}, "ann")
    plan = await library.plan()
    assert folders(plan) == {"anna": 3}
    assert library.world.server.calls_made["faces"] == 0


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


async def test_without_a_mapping_it_says_what_to_set(make):
    library = make(settings={"backfill.path_mapping": {}})
    with pytest.raises(ActionRefused, match="Set backfill"):
        await library.plan()


class OtherMount(Disk):
    """A disk on which Immich's folder is another mount: no hard links from there, nor reflinks."""

    def link(self, source: str, target: str) -> None:
        if "/immich/" in source:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        super().link(source, target)

    def clone(self, source: int, target: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def _on_another_mount(guard: Callable[[], None]) -> Placer:
    return Placer(OtherMount(), guard)


@pytest.mark.parametrize("link", ["auto", "copy"])
async def test_on_another_mount_links_point_there_and_only_a_wish_copies(make, link):
    library = make(settings={"backfill.link": link}, placer=_on_another_mount)
    original = library.upload("anna_0.jpg")
    library.upload("anna+stranger_0.jpg")
    files = library.originals()
    assert (await library.apply()).done == 1
    path = f"{library.world.root}/faces/anna/anna_0.jpg"
    assert is_link(path) is (link == "auto")
    assert content_of(path) == content_of(original)
    assert Audit(library.world.context.layout).run().findings == []
    question = library.photo_of("anna+stranger_0.jpg")
    assert (await library.world.actions.approve([question], [_person("Anna")], "ann")).done == 1
    assert library.links() == ["faces/anna/anna+stranger_0.jpg", "faces/anna/anna_0.jpg"]
    assert (await library.world.actions.undo_last("ann", actor="ann")).done == 1
    assert (await library.world.actions.undo_last("ann", actor="ann")).failed == 0
    assert library.links() == []
    assert library.originals() == files


@pytest.mark.parametrize("step", ["act:intent", "act:placed", "act:committed", "act:dropped"])
@pytest.mark.parametrize("mount", [Placer, _on_another_mount])
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


async def test_the_audit_is_content_with_photos_that_are_only_known(library):
    await library.apply()
    assert Audit(library.world.context.layout).run().findings == []
    await library.world.actions.undo_last("ann", actor="ann")
    assert Audit(library.world.context.layout).run().findings == []


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


def _person(name: str) -> PersonSelector:
    return PersonSelector(name=name)


def _ref(name: str) -> PersonRef:
    return PersonRef(name)


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
    policy = replace(library.world.context.policy(), blacklist=(_ref("Bella"),))
    effect = await library.world.actions.past.effect(policy, "2000-01-01")
    assert effect.ways == {"faces -> unwanted_person": 1}
    assert library.originals() == files


async def _lose_the_ledger(library: Library) -> dict[str, int]:
    """Rebuild from the folders alone. Return the photos found, by state."""
    server, settings, root = library.world.server, library.world.sidecar.settings, library.world.root
    await library.world.tell()
    close_world(library.world)
    await asyncio.to_thread(rebuild, settings, server, lambda _: None)
    mapping = {"backfill.path_mapping": {UPLOADS: library.folder}, "backfill.requests_per_minute": 60_000}
    library.world = World(root, server=server, settings=mapping)
    rows = library.world.ledger.read(
        lambda db: db.conn.execute("SELECT state, count(*) FROM photos GROUP BY 1").fetchall()
    )
    return dict(rows)


@pytest.mark.parametrize(
    ("link", "options"),
    [("auto", {}), ("auto", {"placer": _on_another_mount}), ("copy", {"placer": _on_another_mount})],
)
async def test_a_lost_ledger_finds_links_to_photos_of_immich_again(make, link, options):
    """Whatever a link is, it is no photo of its own: none is rejected, thrown away or counted twice."""
    library = make(settings={"backfill.link": link}, **options)
    library.upload("a/anna_0.jpg")
    library.upload("a/bella_0.jpg", taken="2021-01-01T00:00:00.000Z")
    library.upload("b/anna+stranger_0.jpg", taken="2022-01-01T00:00:00.000Z")
    await library.apply()
    links, files, before = library.links(), library.originals(), library.world.server.described()
    assert await _lose_the_ledger(library) == {"filed": 2, "review": 1}
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


@pytest.mark.parametrize("options", [{}, {"placer": _on_another_mount}])
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
