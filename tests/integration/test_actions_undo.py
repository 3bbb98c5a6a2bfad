"""Undo, undo of undo, groups, and a thousand random operations taken back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.fakes import World, append, close_world, picture, shorten

from smartsort.actions import NoSuchEvent, NotUndoable, PersonSelector
from smartsort.actions import undo as undoing
from smartsort.actions.rearrange import Rearrange
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.errors import ImmichUnreachable
from smartsort.ledger import arrangement, events, feedback, photos, review
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Event, NewEvent

BELLA = [PersonSelector("Bella")]
OPERATIONS = int(os.environ.get("SMARTSORT_TEST_OPERATIONS", "150"))
"""Length of the long row; 1000 for the whole proof."""


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"immich.album_per_person": True})
    yield made
    close_world(made)


async def one(world, name, **options):
    photo_id = await world.deliver(name, **options)
    await world.settle()
    return photo_id


def last_event(world, photo_id, kind):
    return [e for e in world.ledger.read(lambda db: events.of_photo(db, photo_id)) if e.kind == kind][-1].id


def ledger_state(world, ids):
    """Arrangements without what is only bookkeeping: row ids of names, the number of the decision."""

    def read(db):
        found = arrangement.read(db, ids)
        return {
            i: {
                **arrangement.to_json(a),
                "names": sorted(map(str, arrangement.to_json(a)["names"])),
                "decision": photos.last_decision(db, i)[:5],
            }
            for i, a in found.items()
        }

    return world.ledger.read(read)


async def test_an_undone_filing_waits_and_says_who_it_was_filed_under(place):
    photo = await one(place, "anna_1.jpg")
    before = ledger_state(place, [photo]), place.tree(), place.server.described()
    [undone] = await place.actions.undo(last_event(place, photo, "sorted"), "eva")
    await place.tell()
    assert undone.names == ("review/unidentified/undone_anna_1.jpg",)
    [row] = place.ledger.read(review.page).rows
    assert (row.reason, row.reasons[0].code) == ("undone_filing: Anna", "undone_filing")
    anna = place.server.person("Anna").id
    assert place.ledger.read(lambda db: feedback.ruled_out_people(db, [photo])) == {photo: {anna}}
    assert place.server.described()["albums"] == {}
    event = place.ledger.read(lambda db: events.get(db, undone.event))
    assert event.data["wrong"] is True
    place.check()

    await place.actions.undo(undone.event, "eva")  # undo of the undo
    await place.tell()
    assert (ledger_state(place, [photo]), place.tree(), place.server.described()) == before
    assert place.ledger.read(review.counts) == {}
    place.check()


async def test_undo_of_undo_of_undo(place):
    photo = await one(place, "stranger_1.jpg")
    states = [(ledger_state(place, [photo]), place.tree(), place.server.described())]
    [acted] = await place.actions.approve([photo], [PersonSelector("Dora", create=True)], "eva")
    await place.tell()
    states.append((ledger_state(place, [photo]), place.tree(), place.server.described()))
    event = acted.event
    for turn in range(4):
        [acted] = await place.actions.undo(event, "eva")
        event = acted.event
        await place.tell()
        # The history of what Immich was told grows, where the photo is does not.
        now = ledger_state(place, [photo]), place.tree(), place.server.described()
        assert now == states[turn % 2], turn


async def test_a_photo_that_is_put_into_review_again_before_its_old_name_has_gone(place, monkeypatch):
    """The removal takes time, and nothing holds up what recognises the photo again meanwhile."""
    photo = await one(place, "stranger_1.jpg")
    drop = Rearrange._drop

    async def late(self, plans):
        await place.settle()
        await drop(self, plans)

    monkeypatch.setattr(Rearrange, "_drop", late)
    await place.actions.undo(last_event(place, photo, "reviewed"), "eva")
    assert place.ledger.read(lambda db: photos.get(db, photo)).state is State.REVIEW
    place.check()
    assert len([path for path in place.tree() if path.startswith("review/")]) == 1


async def test_a_refiling_is_taken_back_in_immich_as_well(place):
    photo = await one(place, "anna_1.jpg")
    before = place.server.described()
    [acted] = await place.actions.refile([photo], BELLA, "eva")
    await place.tell()
    assert place.server.described() != before
    await place.actions.undo(acted.event, "eva")
    await place.tell()
    assert place.server.described() == before  # the face is Anna's again, and so is the album


async def test_decisions_made_and_taken_back_while_immich_is_down_leave_nothing(place):
    photo = await one(place, "stranger_1.jpg")
    before = place.server.described()
    place.server.down = True
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    await place.actions.undo(acted.event, "eva")
    place.server.down = False
    await place.tell()
    assert place.server.described() == before


async def test_a_face_somebody_changed_in_immich_since_is_left_alone(place):
    photo = await one(place, "stranger_1.jpg")
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    await place.tell()
    face = place.server.asset_at("stranger_1.jpg").faces[0]
    face.person = place.server.person("Carl").id
    await place.actions.undo(acted.event, "eva")
    await place.tell()
    assert face.person == place.server.person("Carl").id


async def test_archived_unwanted_photos_come_back_and_go_again(tmp_path):
    options = {"blacklist": ["Carl"], "immich.archive_unwanted": True}
    world = World(os.fspath(tmp_path / "root"), settings=options)
    try:
        photo = await one(world, "carl_1.jpg")
        asset = world.server.asset_at("carl_1.jpg")
        assert asset.visibility == "archive"
        [acted] = await world.actions.approve([photo], BELLA, "eva")
        await world.tell()
        assert asset.visibility == "timeline"
        await world.actions.undo(acted.event, "eva")
        await world.tell()
        assert asset.visibility == "archive"
    finally:
        close_world(world)


async def test_what_was_taken_back_already_is_said(place):
    photo = await one(place, "stranger_1.jpg")
    [acted] = await place.actions.approve([photo], BELLA, "eva")
    [undone] = await place.actions.undo(acted.event, "eva")
    with pytest.raises(NotUndoable, match=f"by event {undone.event}"):
        await place.actions.undo(acted.event, "eva")
    with pytest.raises(NoSuchEvent):
        await place.actions.undo(10_000, "eva")
    with pytest.raises(NotUndoable, match=r"\(accepted\)"):
        await place.actions.undo(last_event(place, photo, "accepted"), "eva")


@pytest.mark.parametrize(
    ("since", "why"),
    [
        (
            {"state": State.PURGED, "events": {"given_back": True}},
            "was given back to its folder. Adopt the folder again",
        ),
        ({"state": State.PURGED, "events": {}}, "was removed for good when its time in the trash had ended"),
        ({"state": State.REVIEW}, "is review, no longer filed"),
    ],
)
async def test_a_filing_whose_photo_is_elsewhere_says_why_it_stays(place, since, why):
    photo = await one(place, "anna_1.jpg")
    happened = [NewEvent(EventKind.UNDONE, photo, since["events"], "eva")] if "events" in since else []
    change = Change(photo, state=since["state"], events=tuple(happened))
    place.ledger.write(lambda db: photos.apply(db, [change], place.clock.text()))
    [refused] = await place.actions.undo(last_event(place, photo, "sorted"), "eva")
    assert (refused.code, refused.problem) == ("not_undoable", f"photo {photo} {why}")


async def test_an_action_on_a_photo_that_is_not_there_cannot_be_taken_back(place):
    nowhere = Event(10_000, place.clock.text(), "eva", "approved", 999, {}, None, "")
    refused = place.ledger.read(lambda db: undoing.plan(db, nowhere))
    assert (refused.code, refused.problem) == ("not_undoable", "event 10000 (approved) cannot be undone")


async def test_only_the_newest_action_of_a_photo_can_be_taken_back(place):
    photo = await one(place, "stranger_1.jpg")
    [first] = await place.actions.approve([photo], BELLA, "eva")
    [second] = await place.actions.refile([photo], [PersonSelector("Anna")], "eva")
    [refused] = await place.actions.undo(first.event, "eva")
    assert (refused.code, refused.happened.id) == ("conflict", second.event)
    assert f"undo event {second.event} first" in refused.problem
    await place.actions.undo(second.event, "eva")
    [done] = await place.actions.undo(first.event, "eva")
    assert done.action == "undone"


async def test_a_bulk_action_is_taken_back_as_one_and_done_again_as_one(place):
    ids = [await place.deliver(f"stranger_{i}.jpg") for i in range(5)]
    await place.settle()
    before = ledger_state(place, ids), place.tree()
    batch = await place.actions.approve(ids, BELLA, "eva")
    assert batch.event is not None
    approved = ledger_state(place, ids), place.tree()
    append(f"{place.root}/faces/bella/stranger_2.jpg", b"edited")
    undone = await place.actions.undo(batch.event, "eva")
    assert sorted((a.photo_id, a.code) for a in undone) == [
        (i, "changed_by_hand" if n == 2 else "") for n, i in enumerate(ids)
    ]
    shorten(f"{place.root}/faces/bella/stranger_2.jpg", 6)
    name = next(n for n in place.names(ids[2]) if n.area == "faces")
    os.utime(f"{place.root}/faces/{name.path}", ns=(name.mtime_ns, name.mtime_ns))
    await place.actions.undo(last_event(place, ids[2], "approved"), "eva")
    assert (ledger_state(place, ids), place.tree()) == before
    again = await place.actions.undo(undone.event, "eva")
    assert [a.action for a in again] == ["undone"] * 4
    await place.actions.undo(last_event(place, ids[2], "undone"), "eva")
    assert (ledger_state(place, ids), place.tree()) == approved


async def test_undo_last_takes_the_last_human_action_not_an_automatic_filing(place):
    first = await one(place, "stranger_1.jpg")
    await place.actions.approve([first], BELLA, "eva")
    second = await one(place, "stranger_2.jpg")
    await place.actions.reject([second], "max")
    await one(place, "anna_1.jpg")
    [taken] = await place.actions.undo_last(actor="eva")
    assert taken.photo_id == second
    [taken] = await place.actions.undo_last("eva", actor="eva")
    assert taken.photo_id == first
    with pytest.raises(NotUndoable):
        await place.actions.undo_last(actor="eva")


async def test_an_automatic_review_taken_back_is_judged_again(place):
    photo = await one(place, "stranger_1.jpg")
    copy = await one(place, "copy_1.jpg", content=picture(1))
    assert place.photo(copy).state is State.REVIEW
    face = place.server.asset_at("stranger_1.jpg").faces[0]
    face.person = place.server.person("Anna").id
    [acted] = await place.actions.undo(last_event(place, photo, "reviewed"), "eva")
    assert (acted.action, place.photo(photo).state) == ("undone", State.KNOWN)
    await place.settle()
    assert place.places(photo) == ["faces/anna/stranger_1.jpg"]
    await place.actions.undo(last_event(place, copy, "reviewed"), "eva")
    assert place.photo(copy).state is State.HASHED
    await place.settle()
    assert place.places(copy) == ["review/duplicates/duplicate_copy_1.jpg"]
    place.check()


async def test_a_name_taken_meanwhile_becomes_another_and_is_still_undone(place):
    first = await one(place, "stranger_1.jpg", source="a")
    second = await one(place, "stranger_1.jpg", source="b")
    [a] = await place.actions.approve([first], BELLA, "eva")
    await place.actions.undo(a.event, "eva")
    [b] = await place.actions.approve([second], BELLA, "eva")
    [again] = await place.actions.undo(last_event(place, first, "undone"), "eva")
    assert again.names == ("faces/bella/stranger_1_20240501_120000.jpg",) or again.names[0].startswith(
        "faces/bella/stranger_1_2024"
    )
    assert b.names == ("faces/bella/stranger_1.jpg",)
    [undone] = await place.actions.undo(again.event, "eva")
    assert undone.action == "undone"
    place.check()


async def test_what_was_taken_back_since_is_not_done_and_taken_back_again(place):
    """It changes nothing any more; each further undo would double the history else."""
    photo_id = await one(place, "stranger_1.jpg")
    since = place.clock.now()
    [approved] = await place.actions.approve([photo_id], BELLA, "eva")
    [undone] = await place.actions.undo(approved.event, "eva")
    assert list(await place.actions.undo_since(since, "eva")) == []
    [redone] = await place.actions.undo(undone.event, "eva")
    await place.actions.refile([photo_id], [PersonSelector("Carl", create=True)], "eva")
    taken = [a.event for a in await place.actions.undo_since(since, "eva")]
    of = place.ledger.read(lambda db: [events.get(db, i).undoes for i in taken])
    assert len(of) == 2
    assert of[1] == approved.event, "the approval itself, not its redoing"
    assert redone.event not in of
    assert place.places(photo_id) == ["review/unidentified/unknown_stranger_1.jpg"]
    assert list(await place.actions.undo_since(since, "eva")) == []
    place.check()


async def test_the_undo_of_what_was_done_before_then_is_taken_back(place):
    photo_id = await one(place, "stranger_1.jpg")
    [approved] = await place.actions.approve([photo_id], BELLA, "eva")
    await place.tell(minutes=1)
    since = place.clock.now()
    await place.actions.undo(approved.event, "eva")
    [redone] = await place.actions.undo_since(since, "eva")
    assert redone.ok
    assert place.places(photo_id) == ["faces/bella/stranger_1.jpg"]
    place.check()


async def test_automatic_filings_are_taken_back_only_when_they_are_asked_for(place):
    since = place.clock.now()
    filed, asked = await one(place, "anna_1.jpg"), await one(place, "stranger_1.jpg")
    await place.actions.reject([asked], "eva")
    would = await place.actions.undo_since(since, "eva", dry_run=True)
    assert [(a.photo_id, a.action) for a in would] == [(asked, "would_undo")]
    await place.actions.undo_since(since, "eva")
    assert place.places(filed) == ["faces/anna/anna_1.jpg"]
    assert place.places(asked) == ["review/unidentified/unknown_stranger_1.jpg"]
    await place.actions.undo_since(since, "eva", automatic=True)
    assert place.places(filed) == ["review/unidentified/undone_anna_1.jpg"]
    place.check()


async def test_a_preview_of_an_undo_says_what_stands_in_the_way_and_what_it_starts_from(place):
    since = place.clock.now()
    kept, gone = await one(place, "stranger_1.jpg"), await one(place, "stranger_2.jpg")
    await place.actions.approve([kept], BELLA, "eva")
    await place.actions.refile([kept], [PersonSelector("Anna")], "eva")
    await place.actions.reject([gone], "eva")
    place.clock.pass_by(days=31)
    await place.actions.purge_expired(30)
    would = await place.actions.undo_since(since, "eva", dry_run=True)
    assert sorted((a.photo_id, a.action, a.code) for a in would) == [
        (kept, "would_undo", ""),
        (kept, "would_undo", ""),
        (gone, "failed", "not_undoable"),
    ]
    assert all(a.version for a in would)


# --- a thousand operations -------------------------------------------------------------------

NAMES = ("anna", "bella", "stranger", "none", "anna+bella", "anna+stranger", "nobody")
PEOPLE = ("Anna", "Bella", "Carl", "Dora", "Emil")
PICK = st.integers(0, 10**6)


class Operations(RuleBasedStateMachine):
    """Random operations; at the end everything is taken back and compared with the start."""

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.root = tempfile.mkdtemp(prefix="smartsort-undo-")
        self.world = World(self.root, settings={"immich.album_per_person": True, "log.level": "error"})
        self.serial = 0
        self.arrived = {}
        for name in NAMES:
            for _ in range(2):
                self._deliver(name)
        self.do(self.world.deliver("copy_1.jpg", content=picture(1)))
        self.do(self.world.settle())
        self.ids = self._ids()
        self.start = self._snapshot(self.ids)
        self.since = self.world.clock.now()

    def do(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def _deliver(self, name):
        self.serial += 1
        # The first ones share names, so that a name is taken when somebody wants it back. What comes later
        # and stays may not take one of theirs for good: then the name that comes back is rightly another.
        file = f"{name}_{self.serial // 4 if self.serial <= 2 * len(NAMES) else self.serial}.jpg"
        self.do(self.world.deliver(file, source=f"s{self.serial}"))

    def _ids(self):
        rows = self.world.ledger.read(
            lambda db: db.conn.execute("SELECT id FROM photos ORDER BY id").fetchall()
        )
        return [i for (i,) in rows]

    def _snapshot(self, ids):
        self.do(self.world.tell(minutes=2))
        self.world.sidecar.people._read_at = None
        names = {os.path.join(n.area.value, n.path) for i in ids for n in self.world.names(i)}
        tree = {
            path.replace("temp_downloads/", "temp/"): what
            for path, what in self.world.tree().items()
            if path.replace("temp_downloads/", "temp/") in names
        }
        server = self.world.server.described()
        assets = {self.world.photo(i).asset_id for i in ids}
        server["assets"] = {p: a for p, a in server["assets"].items() if a[0] in assets}
        server["albums"] = {
            name: kept
            for name, there in server["albums"].items()
            if (kept := [a for a in there if a in assets])
        }
        return ledger_state(self.world, ids), tree, server

    def _done(self):
        """How many events of each kind there were, for the report of a long run."""

        def count(db):
            return db.conn.execute("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind").fetchall()

        return dict(self.world.ledger.read(count))

    def _some(self, pick, *states):
        known = [
            p.id
            for p in self.world.ledger.read(lambda db: photos.by_ids(db, self._ids()))
            if p.state in states
        ]
        if not known:
            return []
        count = 1 + pick % min(4, len(known))
        return [known[(pick // 7 + n) % len(known)] for n in range(count)]

    @rule(name=st.sampled_from(NAMES))
    def sort(self, name):
        self.world.server.down = False
        if len(self._ids()) < 60:
            self._deliver(name)
        self.do(self.world.settle())
        for photo_id in set(self._ids()) - set(self.ids) - self.arrived.keys():
            self.arrived[photo_id] = self.world.photo(photo_id).state

    @rule(pick=PICK, who=st.sampled_from(PEOPLE))
    def approve(self, pick, who):
        ids = self._some(pick, State.REVIEW)
        self.do(self.world.actions.approve(ids, [PersonSelector(who, create=True)], "eva"))

    @rule(pick=PICK)
    def approve_several(self, pick):
        ids = self._some(pick, State.REVIEW)
        self.do(self.world.actions.approve(ids, [PersonSelector("Anna"), PersonSelector("Bella")], "eva"))

    @rule(pick=PICK, who=st.sampled_from(PEOPLE))
    def refile(self, pick, who):
        ids = self._some(pick, State.FILED)
        self.do(self.world.actions.refile(ids, [PersonSelector(who, create=True)], "max"))

    @rule(pick=PICK)
    def reject(self, pick):
        ids = self._some(pick, State.REVIEW, State.FILED)
        self.do(self.world.actions.reject(ids, "eva", expect=(State.REVIEW, State.FILED)))

    @rule(pick=PICK)
    def skip(self, pick):
        self.do(self.world.actions.skip(self._some(pick, State.REVIEW), "max"))

    @rule(pick=PICK)
    def undo_any(self, pick):
        """Any event of the last forty, also one that cannot be taken back: then it says so."""
        last = self.world.ledger.read(events.last_id)
        event = self.world.ledger.read(lambda db: events.get(db, last - pick % min(40, last)))
        if event.kind in ("reviewed", "skipped"):
            return  # re-evaluated: a new event of the pipeline, which is nobody's to take back
        with contextlib.suppress(NotUndoable):
            self.do(self.world.actions.undo(event.id, "eva"))

    @rule()
    def undo_last(self):
        with contextlib.suppress(NotUndoable):
            self.do(self.world.actions.undo_last(actor="max"))

    @rule()
    def tell(self):
        with contextlib.suppress(ImmichUnreachable):
            self.do(self.world.tell())

    @rule(down=st.booleans())
    def immich(self, down):
        """While it is down, decisions go on and what it has to hear piles up."""
        self.world.server.down = down
        self.world.sidecar.people._read_at = None

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            self.world.server.down = False
            self.do(self.world.settle())
            self.world.check()
            if os.environ.get("SMARTSORT_TEST_REPORT"):
                print(self._done())
            batch = self.do(self.world.actions.undo_since(self.since, "eva", automatic=True))
            assert [(a.photo_id, a.problem) for a in batch if not a.ok] == []
            self.do(self.world.settle())
            self.world.check()
            ledger, tree, server = self._snapshot(self.ids)
            for photo_id, was in self.start[0].items():
                assert ledger[photo_id] == was
            assert tree == self.start[1]
            assert server == self.start[2]
            for photo_id, state in self.arrived.items():
                row = self.world.photo(photo_id)
                assert row.state is State.REVIEW
                if state is State.FILED:
                    assert self.world.places(photo_id)[0].startswith("review/unidentified/undone_")
            assert not list(self.world.ledger.read(lambda db: list(events.broken_links(db))))
        finally:
            close_world(self.world)
            self.loop.close()
            shutil.rmtree(self.root)


@pytest.mark.timeout(300)
def test_everything_can_be_taken_back():
    run_state_machine_as_test(
        Operations,
        settings=settings(
            max_examples=6,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(1800)
@settings(max_examples=1, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_a_long_row_of_operations_can_be_taken_back(seed):
    """As above, longer than hypothesis keeps choices for: it gives the seed."""
    chance = random.Random(f"{seed} {os.environ.get('SMARTSORT_TEST_SEED', '')}")
    run = Operations()
    run.begin()
    operations = {
        run.sort: lambda: {"name": chance.choice(NAMES)},
        run.approve: lambda: {"pick": chance.randrange(10**6), "who": chance.choice(PEOPLE)},
        run.approve_several: lambda: {"pick": chance.randrange(10**6)},
        run.refile: lambda: {"pick": chance.randrange(10**6), "who": chance.choice(PEOPLE)},
        run.reject: lambda: {"pick": chance.randrange(10**6)},
        run.skip: lambda: {"pick": chance.randrange(10**6)},
        run.undo_any: lambda: {"pick": chance.randrange(10**6)},
        run.undo_last: dict,
        run.tell: dict,
        run.immich: lambda: {"down": chance.random() < 0.3},
    }
    # Undo as often as all actions together, so that there are undos of undos of undos.
    weights = [1, 2, 1, 2, 2, 1, 6, 2, 1, 1]
    try:
        for operation in chance.choices(list(operations), weights, k=OPERATIONS):
            operation(**operations[operation]())
    finally:
        run.teardown()
