"""A face gets a person in Immich and loses them again, and the history has what that takes."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.fakes import FakeClock

from smartsort.core.decision import decide
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AssetRef, Box, Evidence, Face, Film, FilmFace, Person, State
from smartsort.core.policy import Policy
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
        self.context = SimpleNamespace(
            ledger=ledger,
            server=server,
            clock=FakeClock(),
            checkpoint=lambda _: None,
            in_immich=lambda path: f"/mnt/library/{path}",
        )
        self.assigner = FaceAssigner(self.context, self.people)

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


def posted(immich):
    rows = immich.ledger.read(
        lambda db: db.conn.execute("SELECT kind, photo_id, data FROM outbox ORDER BY id").fetchall()
    )
    return [(kind, photo_id, json.loads(data)) for kind, photo_id, data in rows]


async def test_a_new_asset_hears_whole_messages_and_the_history_names_both(immich):
    told = (("visibility", {"visibility": "archive"}), ("album_add", {"album": "Anna"}))
    immich.ledger.write(lambda db: photos.apply(db, [Change(1, messages=told)], AT))
    immich.ledger.write(lambda db: outbox.delivered(db, [1, 2]))
    immich.ledger.write(lambda db: db.conn.execute("UPDATE names SET person_id = 'p1' WHERE area = 'faces'"))
    immich.renewed = True
    await immich.deliver("revive")
    face = {
        "act": "revive-a2",
        "face": None,
        "person": "p1",
        "name": "Anna",
        "create": False,
        "instead": [],
        "people": ["p1"],
        "wait": True,
    }
    assert posted(immich) == [
        ("album_add", 1, {"asset_id": "a2", "album": "Anna"}),
        ("visibility", 1, {"asset_id": "a2", "visibility": "archive"}),
        ("assign_face", 1, face),
    ]
    assert immich.happened() == [(EventKind.ASSET_RELINKED, {"asset": "a2", "was": "a1"})]


async def test_a_photo_that_is_back_waits_until_immich_has_its_file(immich):
    async def resolve(paths):
        return dict.fromkeys(paths[:0])

    immich.context.server.resolve = resolve
    with pytest.raises(NotYetError, match=r"^Immich has not found the file again yet$"):
        await immich.deliver("revive")
    assert immich.left()


async def test_a_photo_that_is_back_as_the_same_asset_or_out_of_the_library_needs_nothing(immich):
    async def resolve(paths):
        assert paths == ["/mnt/library/s/a.jpg"]
        return {path: AssetRef("a1", path, trashed=False) for path in paths}

    immich.context.server.resolve = resolve
    await immich.deliver("revive")
    assert (posted(immich), immich.happened()) == ([], [])
    immich.context.server.resolve = None
    immich.ledger.write(lambda db: db.conn.execute("DELETE FROM names WHERE area = 'library'"))
    await immich.deliver("revive")
    assert (posted(immich), immich.happened()) == ([], [])


async def test_a_refusal_that_is_no_news_of_the_asset_is_one(immich):
    async def resolve(paths):
        return {path: AssetRef("a1", path, trashed=False) for path in paths}

    immich.renewed, immich.context.server.resolve = True, resolve
    with pytest.raises(ImmichRejected, match="no such asset"):
        await immich.deliver()
    assert (immich.happened(), len(posted(immich))) == ([], 1)


async def test_the_steps_of_an_assignment_are_announced_and_what_was_chosen_is_kept(immich):
    steps = []

    def step(name):
        steps.append((name, [data.get("chosen") for *_, data in posted(immich)], list(immich.told)))

    immich.context.checkpoint = step
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, BEN)]
    await immich.deliver(instead=["p2"])
    chosen = {"face": "f1", "was": "p2", "was_name": "Ben"}
    assert steps == [
        ("assign_face:chosen", [chosen], []),
        ("assign_face:assigned", [chosen], [("f1", "p1")]),
    ]


async def test_what_was_chosen_before_a_kill_is_done_without_asking_again(immich):
    immich.faces_there = None
    chosen = {"face": "f7", "was": "p2", "was_name": "Ben"}
    await immich.deliver(chosen=chosen)
    assert immich.told == [("f7", "p1")]
    told = {"act": "x1", "person": "p1", "name": "Anna", **chosen}
    assert immich.happened() == [(EventKind.FACE_ASSIGNED, told)]


async def test_a_person_who_gets_their_first_face_is_listed_from_now_on(immich):
    expired = []
    immich.people.expire = lambda: expired.append(True)
    await immich.deliver()
    assert expired == []
    await immich.deliver(person="p9", name="Dora", people=["p9"])
    assert expired == [True]


async def test_a_refused_person_whom_smartsort_has_not_made_stays_refused(immich):
    immich.refused = True
    with pytest.raises(ImmichRejected, match="no such person"):
        await immich.deliver()
    [(_, _, data)] = posted(immich)
    assert (data["person"], data["chosen"]["face"]) == ("p1", "f1")


async def test_the_person_of_a_name_is_asked_for_in_any_spelling_of_its_folder(immich):
    immich.known[:] = [Person("p3", "Ann-Marie"), BEN]
    await immich.deliver(person=None, name="ann marie", people=[None])
    assert immich.told == [("f1", "p3")]
    # A new person may have the folder form of another's name.
    await immich.deliver(person=None, name="Ann Marie", people=[None], create=True)
    assert immich.told[1:] == [("new", "Ann Marie"), ("f1", "made-Ann Marie")]
    await immich.deliver(person=None, name="ANN-MARIE", people=[None], create=True)
    assert immich.told[3:] == [("f1", "p3")]


async def test_what_the_poster_frame_does_not_show_is_told(immich):
    film = Film((0.0,), (FilmFace(Face("film-1-1", Box(0, 0, 9, 9), 99, 99, ANNA), (), None),))
    decision = (decide(Evidence(film=film, faces=()), Policy()), Evidence(film=film))
    immich.ledger.write(lambda db: photos.apply(db, [Change(1, decision=decision)], AT))
    await immich.deliver()
    why = "the poster frame does not show Anna"
    assert immich.happened() == [(EventKind.IMMICH_UPDATE_FAILED, {"act": "x1", "name": "Anna", "why": why})]
    shown = replace(film, faces=(replace(film.faces[0], poster="f1"),))
    decision = (decision[0], Evidence(film=shown))
    immich.ledger.write(lambda db: photos.apply(db, [Change(1, decision=decision)], AT))
    await immich.deliver()
    assert immich.told == [("f1", "p1")]
    unseen = replace(film, unknown="it was not looked through yet")
    immich.told.clear()
    immich.ledger.write(
        lambda db: photos.apply(db, [Change(1, decision=(decision[0], Evidence(film=unseen)))], AT)
    )
    await immich.deliver()
    assert immich.told == [("f1", "p1")]


async def test_all_faces_that_one_decision_gave_are_given_back_the_last_first(immich):
    faces = [Face(f"f{n}", Box(0, 0, 9, 9), 99, 99, None) for n in (1, 2)]
    immich.faces_there = faces
    for given in ("f1", "f2"):
        await immich.deliver(face=given)
    await immich.deliver(act="x2", face="f1", person="p2", name="Ben", people=["p2"])
    immich.told.clear()
    immich.faces_there = [replace(face, person=ANNA) for face in faces]
    await immich.deliver("reassign_face")
    assert immich.told == [("new", ""), ("f2", "made-"), ("new", ""), ("f1", "made-")]
    told = {"act": "x1", "from": "p1", "to": None, "stranger": "made-", "name": "Anna", "was_name": None}
    assert immich.happened()[-2:] == [
        (EventKind.FACE_UNASSIGNED, {**told, "face": "f2"}),
        (EventKind.FACE_UNASSIGNED, {**told, "face": "f1"}),
    ]


async def test_what_somebody_changed_in_immich_does_not_keep_the_others(immich):
    faces = [Face(f"f{n}", Box(0, 0, 9, 9), 99, 99, None) for n in (1, 2)]
    immich.faces_there = faces
    for given in ("f1", "f2"):
        await immich.deliver(face=given)
    immich.told.clear()
    immich.faces_there = [replace(faces[0], person=ANNA), replace(faces[1], person=BEN)]
    await immich.deliver("reassign_face")
    assert immich.told == [("new", ""), ("f1", "made-")]


async def test_a_photo_that_was_given_back_loses_its_faces_though_it_is_purged(immich):
    await immich.deliver()
    immich.ledger.write(lambda db: photos.apply(db, [Change(1, state=State.PURGED)], AT))
    immich.faces_there = [Face("f1", Box(0, 0, 9, 9), 99, 99, ANNA)]
    await immich.deliver("reassign_face")
    assert immich.told[1:] == [("new", ""), ("f1", "made-")]


async def test_only_a_photo_without_a_person_gets_the_id_that_its_name_has_now(immich):
    def people(*statement):
        immich.ledger.write(lambda db: db.conn.execute(*statement))

    people("UPDATE photos SET person_name = 'Other'")
    await immich.deliver()
    assert immich.person() == (None, "p1")
    people("UPDATE photos SET person_name = 'Anna', person_id = 'p8'")
    people("UPDATE names SET person_id = 'p8'")
    await immich.deliver()
    assert immich.person() == ("p8", "p8")
    people("UPDATE photos SET person_id = NULL")
    people("UPDATE names SET person_id = NULL, path = 'other/a.jpg' WHERE area = 'faces'")
    await immich.deliver()
    assert immich.person() == ("p1", None)
