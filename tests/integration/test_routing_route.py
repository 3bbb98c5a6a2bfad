"""What a route writes into the ledger, tells Immich and asks of the disk, as a whole."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.fakes import FakeClock

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import (
    Box,
    Category,
    CopyPlace,
    Decision,
    Evidence,
    Face,
    OtherCopy,
    Outcome,
    Person,
    Reason,
    SortedBefore,
    State,
)
from smartsort.errors import StorageError
from smartsort.files.placement import Method, Placed, PlaceRequest, Removed, RemoveRequest
from smartsort.files.problems import FileRefused, NameKept, NameLeft
from smartsort.files.stamps import FileStamp
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, NewEvent, Photo
from smartsort.ledger.source_tables import Download, ReviewRow
from smartsort.pipeline.routing import route as routing
from smartsort.pipeline.routing.route import PhotoEvidence, Router, Target, known_face, targets_of

AT = datetime(2024, 5, 1, 12, 30, 5, tzinfo=UTC)
ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")
PHOTO = Photo(7, State.KNOWN, "insta", "inbox", "a.jpg", 3, 4, "then", asset_id="a7", sha256="d7")
SORTED = Decision(
    Outcome.SORTED, (Reason("face_match_verified", ("Anna",)),), "v1", people=(ANNA,), faces_detected=2
)
REVIEWED = Decision(
    Outcome.REVIEWED,
    (Reason("unknown_face"),),
    "v1",
    category=Category.UNIDENTIFIED,
    prefix="unknown_",
    suggested=BEN,
    faces_detected=1,
)
LIBRARY = Name(7, Area.LIBRARY, "s/a.jpg", sha256="d7")
TEMP = Name(7, Area.TEMP, "7-a.jpg")
STAMP = FileStamp(1, 2, 3, 4)


class World:
    """A context that notes what it is asked for, and a disk that does as a test says."""

    def __init__(self, monkeypatch):
        self.said, self.results, self.removals, self.refuses = [], {}, {}, None
        self.decisions, self.names = {}, {}
        self.context = SimpleNamespace(
            needs_recovery=set(),
            clock=FakeClock(),
            policy=lambda: "policy",
            tuning=SimpleNamespace(archive_unwanted=True, album_per_person=True),
            person_folder=lambda person: person.name.lower(),
            absolute=lambda name: f"/{name.area.value}/{name.path}",
            folder=lambda area: f"/{area.value}",
            place=lambda area, folder: f"/{area.value}/{folder}",
            free_names=lambda own, area, folder, names: [own.path, area, folder, next(iter(names))],
            checkpoint=self.said.append,
            commit=self._commit,
            ledger=SimpleNamespace(aread=self._read),
            placer=SimpleNamespace(place=self._place, remove=self._remove),
        )
        self.router = Router(self.context, SimpleNamespace(ambiguous=frozenset({"x"})))
        monkeypatch.setattr(routing, "decide", self._decide)

    def _decide(self, evidence, policy, ambiguous):
        assert (policy, ambiguous) == ("policy", {"x"})
        return self.decisions[evidence.taken]

    async def _read(self, _query):
        return self.names

    async def _commit(self, changes):
        self.said.append(changes)

    def _place(self, requests):
        self.said.append(requests)
        return [self.results.get(request.source) or placed(request) for request in requests]

    def _remove(self, requests):
        self.said.append(requests)
        if self.refuses is not None:
            raise self.refuses
        return [self.removals.get(request.path, Removed(request.path)) for request in requests]

    async def route(self, photo, decision, *names, **evidence):
        return await self.route_all([(photo, decision, names)], **evidence)

    async def route_all(self, entries, **evidence):
        found = []
        for photo, decision, names in entries:
            self.decisions[f"t{photo.id}"] = decision
            self.names[photo.id] = list(names)
            found.append(PhotoEvidence(photo, Evidence(taken=f"t{photo.id}", **evidence)))
        self.said.clear()
        return await self.router.route(found)

    @property
    def change(self):
        """What was committed once the names were made."""
        [change] = self.said[self.said.index("route:placed") + 1]
        return change


def placed(request):
    return Placed(request.source, f"{request.folder}/{request.names[3]}", Method.COPY, STAMP, STAMP)


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


async def test_a_photo_is_filed_in_the_order_intent_link_ledger_drop(world):
    assert await world.route(PHOTO, SORTED, TEMP, LIBRARY) == [7]
    request = PlaceRequest(
        "/library/s/a.jpg", "/faces/anna", ["s/a.jpg", Area.FACES, "anna", "a.jpg"], sha256="d7"
    )
    filed = Name(7, Area.FACES, "anna/a.jpg", Member.PHOTO, "copy", "p1", 3, 4, "d7")
    told = {
        "reason": "face_match_verified",
        "category": None,
        "people": ["Anna"],
        "names": [["faces", "anna/a.jpg"]],
        "from": "known",
    }
    [[started], [asked], [dropped]] = (world.said[n] for n in (1, 2, 6))
    now = world.change.values["routed_at"]
    assert "2024-05-01T12:00:00.000+00:00" < now < "2024-05-01T12:00:01"
    change = Change(
        7,
        state=State.FILED,
        expect=(State.KNOWN,),
        values={
            "category": None,
            "person_id": "p1",
            "person_name": "Anna",
            "auto_sorted": 1,
            "faces_detected": 2,
            "duplicate_of": None,
            "problem": None,
            "recognised_at": now,
            "routed_at": now,
        },
        names_added=(filed,),
        names_removed=((Area.TEMP, "7-a.jpg"),),
        events=(NewEvent(EventKind.SORTED, 7, told),),
        decision=(SORTED, Evidence(taken="t7")),
        download=Download("/faces/anna/a.jpg", "a.jpg", "d7", "insta", "then", "Anna", True),
        messages=(("album_add", {"asset_id": "a7", "album": "Anna"}),),
        intents_done=("route",),
    )
    at = started.intent[1]["at"]
    assert started == Change(7, intent=("route", {"targets": [["faces", "anna", ""]], "at": at}))
    assert datetime.fromisoformat(at) < datetime.fromisoformat(now)
    assert asked == request
    assert world.change._asdict() == change._asdict()
    # The bytes live on in the library, which stays whatever becomes of the filing.
    assert dropped == RemoveRequest("/temp/7-a.jpg", "/library/s/a.jpg", "d7")
    assert (world.said[0], world.said[3], world.said[5]) == (
        "route:intent",
        "route:placed",
        "route:committed",
    )
    assert world.said[7:] == [[]]
    assert world.context.needs_recovery == set()


async def test_a_photo_for_review_waits_with_its_reason(world):
    await world.route(PHOTO, REVIEWED, LIBRARY)
    change = world.change
    assert (change.state, change.names_removed, change.messages) == (State.REVIEW, (), ())
    assert change.values["category"] == "unidentified"
    assert (change.values["person_id"], change.values["person_name"], change.values["auto_sorted"]) == (
        None,
        None,
        0,
    )
    place = "/review/unidentified/unknown_a.jpg"
    assert change.review == ReviewRow(place, Category.UNIDENTIFIED, "d7", "unknown_face", 1, "Ben")
    assert change.download == Download(place, "a.jpg", "d7", "insta", "then", None, False)
    assert (change.review_closed, change.intent) == (None, None)
    [event] = change.events
    assert (event.kind, event.data["category"]) == (EventKind.REVIEWED, "unidentified")


async def test_a_photo_of_review_that_is_filed_closes_its_row_and_says_what_it_was(world):
    old = Name(7, Area.REVIEW, "unidentified/unknown_a.jpg")
    photo = PHOTO._replace(state=State.REVIEW, category=Category.UNIDENTIFIED)
    await world.route(photo, SORTED, LIBRARY, old)
    change = world.change
    assert (change.expect, change.review, change.review_closed) == (
        (State.REVIEW,),
        None,
        ("withdrawn", "smartsort"),
    )
    [filed, resolved] = change.events
    assert (resolved.kind, resolved.photo_id) == (EventKind.AUTO_RESOLVED, 7)
    assert resolved.data == {**filed.data, "was": "unidentified"}
    assert filed.data["from"] == "review"
    drop = ["/review/unidentified/unknown_a.jpg", "/library/s/a.jpg", "d7"]
    assert change.intent == ("drop", {"drops": [drop]})
    assert [Change(7, intents_done=("drop",))] in world.said


async def test_a_photo_of_review_that_stays_there_keeps_its_row(world):
    photo = PHOTO._replace(state=State.REVIEW, category=None)
    old = Name(7, Area.REVIEW, "unidentified/unknown_a.jpg")
    await world.route(photo, REVIEWED, LIBRARY, old)
    assert (world.change.review_closed, world.change.names_removed) == (None, ())
    assert [event.kind for event in world.change.events] == [EventKind.REVIEWED]
    await world.route(photo, SORTED, LIBRARY)
    assert world.change.events[1].data["was"] is None


async def test_a_duplicate_names_the_other_and_is_no_news_for_immich(world):
    photo = PHOTO._replace(asset_id=None, state=State.KNOWN)
    copy = OtherCopy(CopyPlace.LEDGER, photo_id=3)
    skipped = Decision(
        Outcome.SKIPPED, (Reason("duplicate"),), "v1", category=Category.DUPLICATES, prefix="x_"
    )
    for said in ({"other_copy": copy}, {"near_copy": copy}):
        await world.route(photo, skipped, TEMP, **said)
        change = world.change
        assert (change.values["duplicate_of"], change.values["recognised_at"]) == (3, None)
        assert (change.state, change.messages, change.review) == (State.SKIPPED, (), None)
    [request] = world.said[2]
    month = world.context.clock.now().astimezone().strftime("%Y-%m")
    assert (request.source, request.folder) == ("/temp/7-a.jpg", f"/trash/{month}")


async def test_an_unwanted_photo_is_archived_and_albums_are_told_once(world):
    unwanted = replace(REVIEWED, reasons=(Reason("blacklisted_person", ("Victor",)),))
    await world.route(PHOTO, unwanted, LIBRARY)
    assert world.change.messages == (("visibility", {"asset_id": "a7", "visibility": "archive"}),)
    world.context.tuning.archive_unwanted = False
    await world.route(PHOTO, unwanted, LIBRARY)
    assert world.change.messages == ()
    several = replace(SORTED, people=(ANNA, BEN), albums=("Trip", "Anna"))
    await world.route(PHOTO, several, LIBRARY)
    assert [data["album"] for _, data in world.change.messages] == ["Anna", "Ben", "Trip"]
    world.context.tuning.album_per_person = False
    await world.route(PHOTO, several, LIBRARY)
    assert [data["album"] for _, data in world.change.messages] == ["Trip", "Anna"]
    assert [(name.path, name.person_id) for name in world.change.names_added] == [
        ("anna/a.jpg", "p1"),
        ("ben/a.jpg", "p2"),
    ]


async def test_a_photo_of_a_folder_that_was_sorted_says_who_said_so(world):
    said = SortedBefore((ANNA,), "me")
    adopted = replace(SORTED, reasons=(Reason("sorted_before", ("Anna",)),))
    face = Face("f1", Box(0, 0, 9, 9), 99, 99, None)
    await world.route(PHOTO, adopted, LIBRARY, sorted_before=said, faces=(face,))
    change = world.change
    [event] = change.events
    assert (event.kind, event.actor, event.data["act"]) == (EventKind.FILED_AS_ADOPTED, "me", "adopt-7")
    assert (change.values["auto_sorted"], change.download.auto_sorted) == (0, False)
    told = {
        "person": "p1",
        "name": "Anna",
        "create": False,
        "people": ["p1"],
        "act": "adopt-7",
        "face": "f1",
        "instead": [],
    }
    assert change.messages[1] == ("assign_face", told)
    stranger = known_face(PHOTO, face, Person("", "Dora"))
    assert (stranger["person"], stranger["create"], stranger["people"]) == (None, True, [None])
    await world.route(PHOTO, SORTED, LIBRARY, sorted_before=said, faces=(face,))
    [event] = world.change.events
    assert (event.kind, event.actor, "act" in event.data) == (EventKind.SORTED, "smartsort", False)
    assert (len(world.change.messages), world.change.values["auto_sorted"]) == (1, 1)


XMP = Name(7, Area.LIBRARY, "s/a.jpg.xmp", Member.XMP, sha256="dx")


async def test_what_travels_with_a_photo_takes_its_name(world):
    old = Name(7, Area.TEMP, "7-a.jpg.xmp", Member.XMP, sha256="dx")
    review = Name(7, Area.REVIEW, "x/a.jpg.xmp", Member.XMP, sha256="dx")
    world.results["/library/s/a.jpg"] = Placed(
        "/library/s/a.jpg", "/faces/anna/a_1.jpg", Method.HARDLINK, STAMP, STAMP
    )
    await world.route(PHOTO, SORTED, TEMP, LIBRARY, XMP, old, review)
    _, _, [first], [follower], *_ = world.said
    assert first.source == "/library/s/a.jpg"
    assert follower == PlaceRequest(
        "/library/s/a.jpg.xmp",
        "/faces/anna",
        ["s/a.jpg.xmp", Area.FACES, "anna", "a_1.jpg.xmp"],
        sha256="dx",
    )
    [photo, xmp] = world.change.names_added
    assert (photo.path, photo.sha256, photo.method) == ("anna/a_1.jpg", "d7", "hardlink")
    assert (xmp.path, xmp.member, xmp.sha256, xmp.person_id) == ("anna/a_1.jpg.xmp", Member.XMP, "dx", "p1")
    assert world.change.events[0].data["companions"] == ["a.jpg.xmp"]
    assert world.change.names_removed == tuple((n.area, n.path) for n in (TEMP, old, review))
    await world.route(PHOTO, SORTED, LIBRARY, old)
    assert [request.source for request in world.said[3]] == ["/temp/7-a.jpg.xmp"]


async def test_a_photo_with_company_leaves_room_in_its_name(world):
    long = PHOTO._replace(original_name="x" * 251 + ".jpg")
    await world.route(long, SORTED, LIBRARY)
    assert len(world.said[2][0].names[3]) == 255
    await world.route(long, SORTED, LIBRARY, XMP)
    assert len(world.said[2][0].names[3]) == 255 - len(".supplemental-metadata.json")


OTHER = PHOTO._replace(id=8, sha256="d8")
OTHERS = Name(8, Area.LIBRARY, "s/b.jpg", sha256="d8")


async def test_a_photo_that_cannot_be_placed_notes_why_and_holds_up_no_other(world):
    world.results["/library/s/a.jpg"] = FileRefused("no", "a.jpg")
    assert await world.route_all([(PHOTO, SORTED, [LIBRARY, XMP]), (OTHER, SORTED, [OTHERS])]) == [8]
    assert world.change.photo_id == 8
    assert world.said[-2:] == [
        [Change(7, intents_done=("route",))],
        [Change(7, values={"problem": "no"})],
    ]
    assert world.context.needs_recovery == set()


async def test_what_a_failed_route_did_get_done_is_taken_back(world):
    world.results["/library/s/a.jpg.xmp"] = FileRefused("no", "a.jpg.xmp")
    assert await world.route(PHOTO, SORTED, LIBRARY, XMP) == []
    [drops] = [each for each in world.said if each and isinstance(each[0], RemoveRequest)]
    assert drops == [RemoveRequest("/faces/anna/a.jpg", "/library/s/a.jpg", "d7")]
    assert world.said[-1] == [Change(7, values={"problem": "no"})]
    world.removals["/faces/anna/a.jpg"] = StorageError("no disk")
    await world.route(PHOTO, SORTED, LIBRARY, XMP)
    assert world.context.needs_recovery == {7}
    assert world.said[-2:] == [[], [Change(7, values={"problem": "no"})]]


async def test_a_name_the_photo_had_before_is_not_taken_back(world):
    world.results["/library/s/a.jpg.xmp"] = FileRefused("no", "a.jpg.xmp")
    await world.route(PHOTO, SORTED, LIBRARY, XMP, Name(7, Area.FACES, "anna/a.jpg"))
    assert not [each for each in world.said if each and isinstance(each[0], RemoveRequest)]


async def test_a_folder_that_takes_nothing_is_raised_after_the_others(world):
    world.results["/library/s/a.jpg"] = StorageError("no room")
    with pytest.raises(StorageError, match="no room"):
        await world.route_all([(PHOTO, SORTED, [LIBRARY]), (OTHER, SORTED, [OTHERS])])
    assert world.change.photo_id == 8
    assert world.said[-1] == []
    assert world.context.needs_recovery == {7, 8}


async def test_a_name_that_is_left_is_looked_for_later(world):
    world.results["/library/s/a.jpg"] = NameLeft("left")
    with pytest.raises(NameLeft):
        await world.route(PHOTO, SORTED, LIBRARY)
    assert world.said[-2:] == [[], []]
    assert world.context.needs_recovery == {7}


@pytest.mark.parametrize(
    ("area", "problem", "again"),
    [
        (Area.REVIEW, StorageError("no"), True),
        (Area.REVIEW, NameKept("kept"), False),
        (Area.REVIEW, FileRefused("no", "x"), False),
        (Area.TEMP, NameKept("kept"), True),
    ],
)
async def test_a_name_that_does_not_go_is_cleared_up_later(world, area, problem, again):
    old = Name(7, area, "a.jpg")
    world.removals[f"/{area.value}/a.jpg"] = problem
    photo = PHOTO._replace(state=State.REVIEW)
    assert await world.route(photo, SORTED, LIBRARY, old) == [7]
    assert world.context.needs_recovery == ({7} if again else set())
    assert ([Change(7, intents_done=("drop",))] in world.said) is not again


async def test_a_disk_that_removes_nothing_does_not_undo_a_route(world):
    world.refuses = StorageError("no disk")
    assert await world.route(PHOTO, SORTED, LIBRARY, TEMP) == [7]
    assert world.context.needs_recovery == {7}


async def test_photos_that_were_broken_off_are_recovered_first(world, monkeypatch):
    recovered = []

    class Recovery:
        def __init__(self, context):
            assert context is world.context

        def recover_photos(self, ids):
            recovered.append(list(ids))
            world.context.needs_recovery.clear()

    monkeypatch.setattr(routing, "Recovery", Recovery)
    await world.route_all([(PHOTO, SORTED, [LIBRARY]), (OTHER, SORTED, [OTHERS])])
    assert recovered == []
    world.context.needs_recovery.add(8)
    await world.route_all([(PHOTO, SORTED, [LIBRARY]), (OTHER, SORTED, [OTHERS])])
    assert recovered == [[7, 8]]
    assert await world.router.route([]) == []


def test_where_a_decision_puts_a_photo():
    def targets(decision):
        return targets_of(decision, AT, lambda person: person.name.lower())

    assert targets(SORTED) == (Target(Area.FACES, "anna", "", ANNA),)
    assert targets(REVIEWED) == (Target(Area.REVIEW, "unidentified", "unknown_"),)
    assert targets(replace(REVIEWED, outcome=Outcome.SKIPPED)) == (Target(Area.TRASH, "2024-05"),)
    assert targets(replace(REVIEWED, category=None)) == (Target(Area.TRASH, "2024-05"),)
    both = replace(SORTED, people=(ANNA, BEN), folders=("{person}/trips", "all"))
    assert [(t.folder, t.person) for t in targets(both)] == [
        (os.path.join("anna", "trips"), ANNA),
        (os.path.join("ben", "trips"), BEN),
        ("all", None),
    ]
