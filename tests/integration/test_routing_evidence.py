"""What a decision is given to know, and which older photo a new one is a near copy of."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from smartsort.core.model import (
    Box,
    Category,
    Comparison,
    CopyPlace,
    Evidence,
    Face,
    FaceMark,
    Film,
    Hint,
    MarkKind,
    Origin,
    OtherCopy,
    Person,
    Quality,
    SortedBefore,
    State,
)
from smartsort.files.problems import FileUnreadable
from smartsort.ledger import adopted, face_marks, feedback, films, photos, picture_hashes, shards
from smartsort.ledger.database import Ledger
from smartsort.ledger.face_marks import PlacedMark
from smartsort.ledger.films import Copies
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name
from smartsort.pipeline.routing import near
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.near import NearCopy, NearDuplicates, file_of
from smartsort.pipeline.routing.route import PhotoEvidence

AT = "2024-05-01T12:00:00.000+00:00"
ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")
ANN_NOW = Person("p9", "Anna")


class Place:
    """Four photos of the same size in the library of Immich, and a context around them."""

    def __init__(self, ledger):
        self.ledger, self.damaged, self.asked = ledger, set(), []
        self.groups, self.group_of, self.probed = {}, {}, {}
        self.context = SimpleNamespace(
            ledger=ledger,
            server=SimpleNamespace(duplicate_ids=self._ids, duplicate_groups=self._groups),
            decoders=SimpleNamespace(probe=self._probe),
            tuning=SimpleNamespace(max_pixels=99),
            absolute=lambda name: f"/{name.area.value}/{name.path}",
            policy=lambda: "the policy",
        )
        self.near = NearDuplicates(self.context)
        new = [NewPhoto("insta", "inbox", f"{n}.jpg", 3, 4, f"insta/trip/{n}.jpg") for n in (1, 2, 3, 4)]
        ledger.write(lambda db: photos.add(db, new, AT))
        for number in (1, 2, 3, 4):
            self.change(
                number,
                State.PLACED,
                asset_id=f"a{number}",
                media_kind="image",
                sha256=f"{number}" * 64,
                width=400,
                height=300,
                size=1000 * number,
                taken_at=AT if number % 2 else None,
            )

    def change(self, number, state=None, **values):
        self.ledger.write(lambda db: photos.apply(db, [Change(number, state=state, values=values)], AT))

    def photo(self, number):
        return self.ledger.read(lambda db: photos.get(db, number))

    async def find(self, *numbers):
        return dict(await self.near.find([self.photo(n) for n in numbers or (1, 2, 3, 4)]))

    async def _ids(self, library, since):
        self.asked.append((library, since))
        return self.group_of

    async def _groups(self):
        self.asked.append("groups")
        return self.groups

    def _probe(self, paths, most):
        assert most == 99
        self.asked.append(paths)
        return [self.probed[path] for path in paths]

    def looks(self, **hashes):
        made = {int(name[1:]): value.to_bytes(32, "big") for name, value in hashes.items()}
        self.ledger.write(lambda db: picture_hashes.put(db, made))


@pytest.fixture
def place(tmp_path, monkeypatch):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        made = Place(opened)

        class Intact:
            def __init__(self, context):
                assert context is made.context

            def looked_at(self, copy, sha256):
                assert sha256 == f"{copy.photo_id}" * 64
                return replace(copy, place=CopyPlace.DAMAGED) if copy.photo_id in made.damaged else copy

        monkeypatch.setattr(near, "Intact", Intact)
        yield made


def copy_of(number, own, other, distance=None, pixels=(120_000, 120_000)):
    mine = Quality(pixels[0], 1000 * own, bool(own % 2))
    theirs = Quality(pixels[1], 1000 * other, bool(other % 2))
    copy = OtherCopy(CopyPlace.LEDGER, photo_id=number, asset_id=f"a{number}")
    return NearCopy(copy, Comparison(mine, theirs, distance))


# By looks.


async def test_the_later_of_two_that_look_alike_is_the_copy(place):
    place.looks(n1=0, n2=0b111, n3=(1 << 100) - 1, n4=0b1)
    assert await place.find() == {2: copy_of(1, 2, 1, 3), 4: copy_of(1, 4, 1, 1)}
    assert await place.find(4) == {4: copy_of(1, 4, 1, 1)}
    assert await place.find(1) == {}
    assert place.asked == []


async def test_of_several_the_oldest_that_is_no_copy_itself_counts(place):
    place.looks(n1=0, n2=0, n3=0, n4=0)
    place.change(1, State.REVIEW, category=Category.DUPLICATES.value)
    assert (await place.find(4))[4] == copy_of(2, 4, 2, 0)
    place.change(2, State.REVIEW, category=Category.DUPLICATES.value)
    place.change(3, State.REVIEW, category=Category.DUPLICATES.value)
    assert (await place.find(4))[4] == copy_of(1, 4, 1, 0)


@pytest.mark.parametrize("state", State)
async def test_only_a_photo_that_is_there_has_copies(place, state):
    place.looks(n1=0, n2=0)
    place.change(1, state)
    there = state in (State.PLACED, State.KNOWN, State.FILED, State.REVIEW)
    assert bool(await place.find(2)) is there


async def test_a_damaged_picture_is_no_better_copy(place):
    place.looks(n1=0, n2=0, n3=0)
    place.damaged = {1}
    assert await place.find(3) == {3: copy_of(2, 3, 2, 0)}
    place.damaged = {1, 2}
    assert await place.find(3) == {}


@pytest.mark.parametrize("told", [(2, "photo:1"), (1, "photo:2")])
async def test_two_that_a_human_has_told_apart_are_no_copies(place, told):
    place.looks(n1=0, n2=0, n3=0)
    place.ledger.write(lambda db: feedback.say_not_same(db, *told, AT))
    assert await place.find() == {3: copy_of(1, 3, 1, 0)}


@pytest.mark.parametrize(
    ("size", "alike"),
    [
        ((800, 600), True),
        ((389, 300), True),
        ((387, 300), False),
        ((400, 292), True),
        ((400, 290), False),
        ((300, 400), False),
        ((None, 300), True),
        ((400, None), True),
    ],
)
async def test_a_picture_that_was_cut_is_another(place, size, alike):
    place.looks(n1=0, n2=0)
    place.change(2, width=size[0], height=size[1])
    pixels = (size[0] or 0) * (size[1] or 0)
    assert await place.find(2) == ({2: copy_of(1, 2, 1, 0, (pixels, 120_000))} if alike else {})
    place.change(2, width=400, height=300)
    place.change(1, width=size[0], height=size[1])
    assert await place.find(2) == ({2: copy_of(1, 2, 1, 0, (120_000, pixels))} if alike else {})


async def test_pictures_without_a_hash_are_hashed_once(place):
    def write(db):
        names = [
            Name(1, Area.TEMP, "1.jpg"),
            Name(2, Area.LIBRARY, "s/2.jpg"),
            Name(2, Area.FACES, "anna/2.jpg"),
            Name(2, Area.LIBRARY, "s/2.xmp", member=Member.XMP),
            Name(3, Area.REVIEW, "x/3.jpg"),
        ]
        photos.apply(
            db, [Change(n, names_added=tuple(x for x in names if x.photo_id == n)) for n in (1, 2, 3)], AT
        )

    place.ledger.write(write)
    look = SimpleNamespace(look=(5).to_bytes(32, "big"))
    place.probed = {
        "/temp/1.jpg": look,
        "/library/s/2.jpg": look,
        "/review/x/3.jpg": FileUnreadable("no", "3"),
    }
    place.looks(n4=5)
    assert await place.find() == {2: copy_of(1, 2, 1, 0), 4: copy_of(1, 4, 1, 0)}
    [asked] = place.asked
    assert sorted(asked) == sorted(place.probed)
    assert await place.find() == {2: copy_of(1, 2, 1, 0), 4: copy_of(1, 4, 1, 0)}
    assert len(place.asked) == 1
    assert place.ledger.read(lambda db: picture_hashes.hashed(db, [3])) == {3: None}


def test_a_photo_is_read_in_the_library_if_it_is_there():
    context = SimpleNamespace(absolute=lambda name: name.path)
    xmp = Name(1, Area.LIBRARY, "a.xmp", member=Member.XMP)
    names = [xmp, Name(1, Area.FACES, "faces"), Name(1, Area.TEMP, "temp"), Name(1, Area.LIBRARY, "library")]
    assert [file_of(context, names[:end]) for end in (0, 1, 2, 3, 4)] == [
        None,
        None,
        "faces",
        "faces",
        "library",
    ]


# By Immich's groups.


def in_shards(place, *placed):
    def write(db):
        for number in sorted({shard for _, shard, _ in placed}):
            shards.grow_shard(db, shards.open_shard(db, 1).number, 1)
            if number != 3:
                shards.name_library(db, number, f"library-{number}")

    place.ledger.write(write)
    for photo, shard, when in placed:
        place.change(photo, shard=shard, placed_at=when)


async def test_immich_is_asked_about_the_libraries_since_their_oldest_photo(place):
    in_shards(
        place,
        (1, 1, "2024-05-01T12:30:00+02:00"),
        (2, 1, "2024-05-01T12:20:00+02:00"),
        (3, 2, "2024-05-01T09:00:00+00:00"),
        (4, 3, "2024-05-01T09:00:00+00:00"),
    )
    place.looks(n1=0, n2=1 << 255 | ((1 << 90) - 1), n3=((1 << 90) - 1) << 100, n4=((1 << 60) - 1) << 60)
    assert await place.find() == {}
    assert place.asked == [
        ("library-1", datetime(2024, 5, 1, 10, 10, tzinfo=UTC)),
        ("library-2", datetime(2024, 5, 1, 8, 50, tzinfo=UTC)),
    ]
    place.asked.clear()
    place.change(3, placed_at=None)
    await place.find(3, 4)
    assert place.asked == []


@pytest.fixture
def grouped(place):
    """Photos of one library that look like nothing else by themselves."""
    in_shards(place, *((n, 1, AT) for n in (1, 2, 3, 4)))
    place.looks(n1=0, n2=1 << 255 | ((1 << 90) - 1), n3=((1 << 90) - 1) << 100, n4=((1 << 60) - 1) << 60)
    return place


async def test_a_group_of_immich_makes_copies_of_any_shape(grouped):
    grouped.group_of = {"a2": "g", "a3": "g", "a4": "h"}
    grouped.groups = {"g": ["a1", "a2", "a3"], "h": ["a4"]}
    grouped.change(3, width=10)
    found = await grouped.find()
    assert found == {2: copy_of(1, 2, 1), 3: copy_of(1, 3, 1, pixels=(3000, 120_000))}
    assert grouped.asked.count("groups") == 1
    grouped.groups = {}
    assert await grouped.find() == {}


async def test_what_only_immich_has_is_a_copy_where_smartsort_has_none(grouped):
    foreign = NearCopy(OtherCopy(CopyPlace.IMMICH, asset_id="x1"), Comparison(Quality(120_000, 2000, False)))
    grouped.group_of = {"a2": "g", "new": "g"}
    grouped.groups = {"g": ["x2", "new", "a2", "x1"]}
    assert await grouped.find(2) == {2: foreign}
    grouped.ledger.write(lambda db: feedback.say_not_same(db, 2, "asset:x1", AT))
    assert await grouped.find(2) == {}
    grouped.groups = {"g": ["x1", "a1", "a2"]}
    assert await grouped.find(2) == {2: copy_of(1, 2, 1)}
    grouped.groups = {"g": ["a2", "new"]}
    assert await grouped.find(2) == {}


async def test_immich_s_groups_come_first(grouped):
    grouped.ledger.write(lambda db: db.conn.execute("DELETE FROM picture_hashes"))
    grouped.ledger.write(lambda db: db.conn.execute("DELETE FROM picture_hash_parts"))
    grouped.looks(n1=0, n2=0, n3=0, n4=0)
    grouped.group_of, grouped.groups = {"a4": "g"}, {"g": ["a3", "a4"]}
    assert await grouped.find(3, 4) == {3: copy_of(1, 3, 1, 0), 4: copy_of(3, 4, 3)}


# Videos.


async def test_a_video_is_compared_with_how_long_both_are_and_whether_they_have_sound(place):
    for number in (1, 2, 3):
        place.change(number, media_kind="video")

    def write(db):
        for number, copies in (
            (1, Copies(10.0, True)),
            (2, Copies(9.0, False, (1,))),
            (3, Copies(8.0, True, (1, 2))),
        ):
            films.put(db, photos.get(db, number), Film((0.0,)), AT, copies)

    place.ledger.write(write)

    def copy(own, seconds, sound):
        found = copy_of(1, own, 1)
        mine = replace(found.comparison.own, seconds=seconds, has_sound=sound)
        theirs = replace(found.comparison.other, seconds=10.0, has_sound=True)
        return NearCopy(found.copy, replace(found.comparison, own=mine, other=theirs))

    place.looks(n4=0)
    assert await place.find() == {2: copy(2, 9.0, False), 3: copy(3, 8.0, True)}
    assert place.asked == []
    place.ledger.write(lambda db: db.conn.execute("DELETE FROM films WHERE photo_id = 1"))
    assert (await place.find(2)) == {2: copy_of(1, 2, 1)}
    place.damaged = {1}
    assert set(await place.find(2, 3)) == {3}


# Evidence.


def face(name, person=None):
    return Face(name, Box(0, 0, 50, 50), 100, 100, person)


@pytest.fixture
def people():
    return SimpleNamespace(on=tuple, known=(ANNA, BEN), ambiguous=frozenset({"p7"}))


async def test_the_evidence_of_a_new_photo(place, people):
    def write(db):
        face_marks.replace(db, 1, [PlacedMark.on(face("f1"), MarkKind.LOCKED, "k", ANN_NOW, AT)])
        said = {"people": [["p2", "Ben"], ["", "Anna"], ["p2", "Ben"]], "by": "me"}
        adopted.put(db, {1: {"run": 1, "paths": ["/old/1.jpg"], "said": said}})
        db.conn.execute(
            "INSERT INTO feedback (kind, photo_id, person_id, at) VALUES ('not_person', 1, 'p2', ?)", (AT,)
        )

    place.ledger.write(write)
    builder = EvidenceBuilder(place.context, people)
    [found, second] = await builder.build([(place.photo(1), [face("f1", ANNA)]), (place.photo(2), [])])
    assert found == PhotoEvidence(
        place.photo(1),
        Evidence(
            faces=(face("f1", ANNA),),
            taken=AT,
            origin=Origin("insta", "trip", "", "photo"),
            marks={"f1": FaceMark(MarkKind.LOCKED, "k", ANNA)},
            ruled_out=place.ledger.read(lambda db: feedback.ruled_out_people(db, [1])).get(1, frozenset()),
            sorted_before=SortedBefore((BEN, ANNA), "me"),
        ),
    )
    assert second.evidence == Evidence(origin=Origin("insta", "trip", "", "photo"))
    assert await builder.build([]) == []


async def test_a_near_copy_is_looked_for_once_and_counts_on(place, people):
    asked = []

    class Near:
        async def find(self, batch):
            asked.append([photo.id for photo in batch])
            return {photo.id: copy_of(1, 2, 1, 3) for photo in batch}

    builder = EvidenceBuilder(place.context, people, Near())
    known = copy_of(1, 3, 1, 5)
    before = {
        3: Evidence(near_copy=known.copy, comparison=known.comparison),
        4: Evidence(near_copy=known.copy),
        1: Evidence(hint=Hint("blur")),
    }
    found = await builder.build([(place.photo(n), []) for n in (1, 2, 3, 4)], before)
    assert asked == [[2]]
    copies = [(each.evidence.near_copy, each.evidence.comparison) for each in found]
    new = copy_of(1, 2, 1, 3)
    assert copies == [
        (None, None),
        (new.copy, new.comparison),
        (known.copy, known.comparison),
        (known.copy, Comparison(Quality())),
    ]
    assert [each.evidence.hint for each in found] == [Hint("blur"), None, None, None]
    [again] = await builder.build([(place.photo(1), [face("f1")])], before)
    assert again.evidence.hint is None
    place.ledger.write(lambda db: feedback.say_not_same(db, 3, "photo:1", AT))
    asked.clear()
    [again] = await builder.build([(place.photo(3), [])], before)
    assert (again.evidence.near_copy, asked) == (None, [])


async def test_a_face_that_a_human_has_moved_is_confirmed(place, people):
    builder = EvidenceBuilder(place.context, people)

    async def confirmed(was, now, before=()):
        old = Evidence(faces=was, confirmed=frozenset(before))
        [found] = await builder.build([(place.photo(1), now)], {1: old})
        return found.evidence.confirmed

    anna, ben, gone = face("f1", ANNA), face("f1", BEN), face("f1", Person("p8", "Gone"))
    assert await confirmed((anna,), (ben,)) == {"f1"}
    assert await confirmed((anna,), (anna,)) == frozenset()
    assert await confirmed((face("f1"),), (ben,)) == frozenset()
    assert await confirmed((gone,), (ben,)) == frozenset()
    assert await confirmed((anna,), (face("f1"),)) == frozenset()
    assert await confirmed((anna,), (face("f2", BEN),)) == frozenset()
    assert await confirmed((anna,), (anna,), ["f1"]) == {"f1"}
    assert await confirmed((anna,), (face("f1"),), ["f1"]) == frozenset()
    assert await confirmed((gone,), (ben,), ["f1"]) == frozenset()


async def test_a_video_says_who_is_in_its_frames_or_that_nobody_knows_yet(place, people):
    for number in (1, 2):
        place.change(number, media_kind="video")
    film = Film((0.0, 1.0))
    place.ledger.write(lambda db: films.put(db, place.photo(1), film, AT, Copies()))
    builder = EvidenceBuilder(place.context, people)
    found = await builder.build([(place.photo(n), []) for n in (1, 2, 3)])
    unseen = Film(unknown="it was not looked through yet")
    assert [each.evidence.film for each in found] == [film, unseen, None]
    assert [each.evidence.origin.kind for each in found] == ["video", "video", "photo"]


async def test_what_can_be_measured_is_and_a_video_of_which_nothing_is_known_is_watched_again(place, people):
    asked, watched = [], []

    class Measure:
        async def complete(self, asset, evidence, policy, ambiguous):
            asked.append((asset, evidence.film, policy, ambiguous))
            return replace(evidence, gave_up="measured")

    async def watch(photo, film):
        watched.append((photo.id, film.unknown))
        return answer

    for number in (1, 2):
        place.change(number, media_kind="video")
    place.change(4, asset_id=None)
    builder = EvidenceBuilder(place.context, people, measure=Measure())
    entries = [(place.photo(n), []) for n in (1, 3, 4)]
    unseen = Film(unknown="it was not looked through yet")
    found = await builder.build(entries)
    assert [each.evidence.gave_up for each in found] == ["measured", "measured", None]
    more = "the policy", frozenset({"p7"})
    assert sorted(asked, key=str) == sorted([("a1", unseen, *more), ("a3", None, *more)], key=str)
    builder.watch_again = watch
    for answer, times in ((Film((0.0,)), 2), (Film(unknown="no"), 1)):
        asked.clear()
        watched.clear()
        await builder.build(entries[:1])
        assert watched == [(1, "it was not looked through yet")]
        assert [film for _, film, *_ in asked] == [unseen, answer][:times]
    place.ledger.write(lambda db: films.put(db, place.photo(2), Film((0.0,)), AT, Copies()))
    watched.clear()
    await builder.build([(place.photo(2), [])])
    assert watched == []


async def test_a_photo_that_was_given_up_says_why(place, people):
    said = {"people": [["", "Anna"]], "by": "me"}
    place.ledger.write(lambda db: adopted.put(db, {1: {"run": 1, "paths": ["/old"], "said": said}}))
    builder = EvidenceBuilder(place.context, people)
    origin = Origin("insta", "trip", "", "photo")
    assert await builder.given_up([(place.photo(1), "too late"), (place.photo(2), "never")]) == [
        PhotoEvidence(
            place.photo(1),
            Evidence(gave_up="too late", taken=AT, origin=origin, sorted_before=SortedBefore((ANNA,), "me")),
        ),
        PhotoEvidence(place.photo(2), Evidence(gave_up="never", origin=origin)),
    ]


async def test_of_two_people_of_one_name_nobody_is_chosen(place, people):
    people.known = (ANNA, Person("p3", "anna"))
    said = {"people": [["", "Anna"], ["p3", "Old name"]], "by": "me"}
    place.ledger.write(lambda db: adopted.put(db, {1: {"run": 1, "paths": ["/old"], "said": said}}))
    [found] = await EvidenceBuilder(place.context, people).build([(place.photo(1), [])])
    assert found.evidence.sorted_before.people == (Person("", "Anna"), Person("p3", "anna"))
