"""A face gets a person in Immich and loses them again, and the history has what that takes."""

from __future__ import annotations

import contextlib
import os
from types import SimpleNamespace

import pytest
from tests.fakes import FakeClock

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AssetRef, Box, Face, Person, State
from smartsort.errors import ImmichRejected
from smartsort.ledger import events, outbox, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Name
from smartsort.pipeline.routing.face_assignment import FaceAssigner, NotYetError

AT = "2024-05-01T12:00:00.000+00:00"
ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")


class Immich:
    """One photo filed under Anna, its faces in Immich, and what Immich is told."""

    def __init__(self, ledger):
        self.ledger, self.told, self.refused = ledger, [], False
        self.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, None)]
        self.known = [ANNA, BEN]
        self.renewed, self.meanwhile = False, lambda: None
        server = SimpleNamespace(
            faces=self._faces,
            assign_face=self._assign_face,
            create_person=self._create_person,
            resolve=self._resolve,
        )
        self.people = SimpleNamespace(refresh=self._people, known=self.known, expire=lambda: None)
        context = SimpleNamespace(
            ledger=ledger,
            server=server,
            clock=FakeClock(),
            checkpoint=lambda _: None,
            in_immich=lambda path: f"/mnt/library/{path}",
        )
        self.assigner = FaceAssigner(context, self.people)

        def write(db):
            [row] = photos.add(db, [NewPhoto("inbox", "inbox", "a.jpg", 3, 4)], AT)
            name = Name(row.id, Area.FACES, "anna/a.jpg")
            values = {"asset_id": "a1", "person_name": "Anna"}
            kept = Name(row.id, Area.LIBRARY, "s/a.jpg")
            change = Change(row.id, state=State.FILED, values=values, names_added=(name, kept))
            photos.apply(db, [change], AT)

        ledger.write(write)

    async def _faces(self, asset_id):
        if self.renewed:
            raise ImmichRejected("no such asset", 400)
        assert asset_id == "a1"
        return self.faces_there

    async def _resolve(self, paths):
        """Immich has the photo under another id. Something else happens before it has said so."""
        self.meanwhile()
        return {path: AssetRef("a2", path, trashed=False) for path in paths}

    async def _assign_face(self, face, person):
        if self.refused:
            raise ImmichRejected("no such person", 400)
        self.told.append((face, person))

    async def _create_person(self, name):
        self.told.append(("new", name))
        return Person(f"made-{name}", name)

    async def _people(self):
        return self.known

    async def deliver(self, kind="assign_face", photo_id=1, **data):
        whole = {"act": "x1", "person": "p1", "name": "Anna", "people": ["p1"], "instead": [], **data}
        self.ledger.write(lambda db: outbox.post(db, kind, photo_id, whole, AT))
        [message] = self.ledger.read(lambda db: outbox.due(db, AT, 1))
        await self.assigner.deliver(message)

    def left(self):
        return self.ledger.read(outbox.next_due) is not None

    def happened(self):
        found = self.ledger.read(lambda db: events.of_photo(db, 1))
        return [(event.kind, dict(event.data)) for event in found]

    def person(self):
        name = next(
            n for n in self.ledger.read(lambda db: photos.names_of(db, [1]))[1] if n.area is Area.FACES
        )
        return self.ledger.read(lambda db: photos.get(db, 1)).person_id, name.person_id


@pytest.fixture
def immich(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield Immich(opened)


def changed(person="p1", name="Anna", was=None, was_name=None):
    return {"act": "x1", "person": person, "name": name, "face": "f1", "was": was, "was_name": was_name}


async def test_a_face_gets_the_person_and_the_photo_knows_them(immich):
    await immich.deliver()
    assert immich.told == [("f1", "p1")]
    assert immich.happened() == [(EventKind.FACE_ASSIGNED, changed())]
    assert (immich.person(), immich.left()) == (("p1", "p1"), False)


async def test_whose_the_face_was_is_remembered_and_given_back(immich):
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, BEN)]
    await immich.deliver(instead=["p2"])
    assert immich.happened() == [(EventKind.FACE_ASSIGNED, changed(was="p2", was_name="Ben"))]
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, ANNA)]
    await immich.deliver("reassign_face")
    assert immich.told == [("f1", "p1"), ("f1", "p2")]
    told = {"act": "x1", "face": "f1", "from": "p1", "to": "p2", "name": "Anna", "was_name": "Ben"}
    assert immich.happened()[1:] == [(EventKind.FACE_UNASSIGNED, told)]


async def test_a_face_of_nobody_is_given_to_a_new_person_without_a_name(immich):
    await immich.deliver()
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, ANNA)]
    await immich.deliver("reassign_face")
    assert immich.told == [("f1", "p1"), ("new", ""), ("f1", "made-")]
    _, told = immich.happened()[1]
    assert (told["to"], told["stranger"]) == (None, "made-")


async def test_what_somebody_changed_in_immich_since_stays(immich):
    await immich.deliver()
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, BEN)]
    await immich.deliver("reassign_face")
    await immich.deliver("reassign_face", act="another")
    assert immich.told == [("f1", "p1")]
    assert (len(immich.happened()), immich.left()) == (1, False)


async def test_a_photo_whose_faces_are_not_found_yet_waits(immich):
    immich.faces_there = []
    with pytest.raises(NotYetError, match="Immich has not found the faces yet"):
        await immich.deliver(wait=True)
    assert immich.left()


async def test_a_person_who_is_missing_is_made_where_that_is_wanted_and_else_it_is_told(immich):
    await immich.deliver(person=None, name="Cleo", people=[None])
    assert immich.told == []
    why = "Immich has no person called Cleo, or several"
    assert immich.happened() == [(EventKind.IMMICH_UPDATE_FAILED, {"act": "x1", "name": "Cleo", "why": why})]
    await immich.deliver(person=None, name="Cleo", people=[None], create=True)
    assert immich.told == [("new", "Cleo"), ("f1", "made-Cleo")]
    assert immich.happened()[1] == (EventKind.FACE_ASSIGNED, changed("made-Cleo", "Cleo"))
    await immich.deliver(person=None, name="cleo", people=[None], create=True)
    assert immich.told[2:] == [("f1", "made-Cleo")]


async def test_a_person_whom_immich_has_tidied_away_is_made_again(immich):
    await immich.deliver(person=None, name="Cleo", people=[None], create=True)
    immich.refused = True
    with pytest.raises(NotYetError, match="Cleo is no longer in Immich and is made again"):
        await immich.deliver(person=None, name="Cleo", people=[None], create=True)
    immich.refused = False
    [message] = immich.ledger.read(lambda db: outbox.due(db, AT, 1))
    assert (message.data["person"], "chosen" in message.data) == (None, False)
    await immich.assigner.deliver(message)
    assert immich.told[2:] == [("new", "Cleo"), ("f1", "made-Cleo")]


async def test_two_people_of_one_name_are_no_choice_of_ours(immich):
    immich.known.append(Person("p3", "Ben"))
    await immich.deliver(person=None, name="Ben", people=[None], create=True)
    assert immich.told == []
    assert immich.happened()[0][0] == EventKind.IMMICH_UPDATE_FAILED


async def test_what_immich_found_out_by_itself_is_noted_and_nothing_is_told(immich):
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, ANNA)]
    await immich.deliver()
    assert (immich.told, immich.happened(), immich.left()) == ([], [], False)
    assert immich.person() == ("p1", "p1")


@pytest.mark.parametrize("values", [{"asset_id": None}, {"state": State.PURGED}])
async def test_a_photo_that_immich_has_not_or_that_is_gone_needs_nothing(immich, values):
    state = values.pop("state", None)
    immich.ledger.write(lambda db: photos.apply(db, [Change(1, state=state, values=values)], AT))
    await immich.deliver()
    assert (immich.told, immich.happened(), immich.left()) == ([], [], False)


def kinds_left(immich):
    rows = immich.ledger.read(lambda db: db.conn.execute("SELECT kind FROM outbox ORDER BY id").fetchall())
    return [kind for (kind,) in rows]


async def test_a_new_asset_is_told_again_what_the_old_one_was(immich):
    immich.ledger.write(
        lambda db: photos.apply(db, [Change(1, messages=(("album_add", {"album": "Anna"}),))], AT)
    )
    immich.ledger.write(lambda db: outbox.delivered(db, [1]))
    immich.ledger.write(lambda db: db.conn.execute("UPDATE names SET person_id = 'p1' WHERE area = 'faces'"))
    immich.renewed = True
    with pytest.raises(NotYetError, match="a new asset"):
        await immich.deliver()
    assert kinds_left(immich) == ["assign_face", "album_add", "assign_face"]
    assert immich.ledger.read(lambda db: photos.get(db, 1)).asset_id == "a2"


async def test_an_undo_while_immich_is_asked_for_the_new_asset_has_the_last_word(immich):
    """What the photo was filed under before would be said after the undo had taken it back."""

    def undo():
        change = Change(1, state=State.REVIEW, messages=(("reassign_face", {"act": "x1"}),))
        immich.ledger.write(lambda db: photos.apply(db, [change], AT))

    immich.ledger.write(lambda db: db.conn.execute("UPDATE names SET person_id = 'p1' WHERE area = 'faces'"))
    immich.renewed, immich.meanwhile = True, undo
    with pytest.raises(NotYetError):
        await immich.deliver()
    assert kinds_left(immich) == ["assign_face", "reassign_face"]


@pytest.mark.parametrize("kind", ["assign_face", "revive"])
async def test_a_new_asset_that_another_stage_took_over_meanwhile_is_told_once(immich, kind):
    def taken_over():
        immich.ledger.write(lambda db: photos.apply(db, [Change(1, values={"asset_id": "a2"})], AT))

    immich.ledger.write(lambda db: db.conn.execute("UPDATE names SET person_id = 'p1' WHERE area = 'faces'"))
    immich.renewed, immich.meanwhile = True, taken_over
    with contextlib.suppress(NotYetError):
        await immich.deliver(kind)
    assert kinds_left(immich) == [kind]
    assert immich.happened() == []
