"""What is learned from each thing that a human did, row by row, and unlearned when it is undone."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

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
    State,
    Suggestion,
)
from smartsort.ledger import arrangement, events, feedback, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.feedback import RuledOut
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name, NewEvent

AT, LATER = "2024-05-01T12:00:00.000+00:00", "2024-05-01T12:00:05.000+00:00"
ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")
LONE = Face("f1", Box(0, 0, 50, 50), 100, 100, None)
CLOSE = Evidence(faces=(LONE,), suggestions={"f1": (Suggestion(ANNA, 0.6), Suggestion(BEN, 0.5))})


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, evidence=None, names=()):
    def write(db):
        [photo] = photos.add(db, [NewPhoto("phone", "inbox", "a.jpg", 3, 4)], AT)
        decision = None
        if evidence is not None:
            made = Decision(Outcome.REVIEWED, (Reason("other"),), "v1", Category.UNIDENTIFIED)
            decision = made, evidence
        given = tuple(Name(photo.id, *name) for name in names)
        change = Change(photo.id, state=State.REVIEW, decision=decision, names_added=given)
        photos.apply(db, [change], AT)
        return photo.id

    return ledger.write(write)


def learned(ledger, kind, photo_id=None, data=(), *, undoes=None, at=LATER):
    """Return the event, about whom something was learned from it, and all that is said now."""
    event = NewEvent(kind, photo_id, dict(data), "eva", undoes)
    [number] = ledger.write(lambda db: events.append(db, [event], at))
    assert ledger.read(feedback.behind) is (kind != "deferred")
    touched = ledger.write(lambda db: feedback.collect_feedback(db, at))
    assert not ledger.read(feedback.behind)
    rows = ledger.read(
        lambda db: db.conn.execute(
            "SELECT kind, photo_id, face_id, person_id, other, at FROM feedback ORDER BY id"
        ).fetchall()
    )
    return number, touched, rows


def not_person(photo, face, person):
    return ("not_person", photo, face, person, None, LATER)


def test_who_is_ruled_out_is_learned_for_every_face_that_was_meant_and_unlearned_by_the_undo(ledger):
    photo = add(ledger, CLOSE)
    data = {"person_id": "p1", "faces": ["f1", "f2"]}
    number, touched, rows = learned(ledger, "ruled_out", photo, data)
    both = [not_person(photo, "f1", "p1"), not_person(photo, "f2", "p1")]
    assert (touched, rows) == ({"p1"}, both)
    assert ledger.read(feedback.ruled_out_faces) == [RuledOut(photo, "f1", "p1"), RuledOut(photo, "f2", "p1")]
    assert ledger.read(feedback.collected_up_to) == number
    undo, touched, rows = learned(ledger, "undone", photo, undoes=number)
    assert (touched, rows) == ({"p1"}, [])
    _, touched, rows = learned(ledger, "undone", photo, undoes=undo)
    assert (touched, rows) == ({"p1"}, both)


def test_who_was_suggested_and_passed_over_by_an_approval_is_not_on_the_photo(ledger):
    photo = add(ledger, CLOSE)
    _, touched, rows = learned(ledger, "approved", photo, {"people": ["Ben"]})
    assert (touched, rows) == ({"p1"}, [not_person(photo, "f1", "p1")])
    # The last word counts.
    _, touched, rows = learned(ledger, "refiled", photo, {"people": ["ANNA"]})
    assert (touched, rows) == ({"p1"}, [])
    by_immich = add(ledger, replace(CLOSE, faces=(replace(LONE, person=BEN),)))
    _, touched, rows = learned(ledger, "approved", by_immich, {"people": ["Anna"]})
    assert (touched, rows) == ({"p2"}, [not_person(by_immich, "f1", "p2")])
    several = add(ledger, replace(CLOSE, faces=(LONE, replace(LONE, id="f2"))))
    _, touched, rows = learned(ledger, "approved", several, {"people": ["Ben"]})
    assert (touched, len(rows)) == (set(), 1)
    unjudged = add(ledger)
    assert learned(ledger, "approved", unjudged, {"people": ["Ben"]})[1] == set()


def test_a_near_duplicate_that_is_approved_is_a_picture_of_its_own(ledger):
    ours = OtherCopy(CopyPlace.LEDGER, photo_id=7)
    photo = add(ledger, Evidence(near_copy=ours))
    _, touched, rows = learned(ledger, "approved", photo, {"people": ["Ben"]})
    assert (touched, rows) == (set(), [("not_same", photo, None, None, "photo:7", LATER)])
    theirs = add(ledger, Evidence(near_copy=OtherCopy(CopyPlace.IMMICH, asset_id="a7")))
    learned(ledger, "refiled", theirs, {"people": ["Ben"]})
    learned(ledger, "approved", theirs, {"people": ["Ben"]})
    not_the_same = lambda i: ledger.read(lambda db: feedback.not_the_same(db, i))  # noqa: E731
    assert (not_the_same(photo), not_the_same(theirs), not_the_same(9)) == (
        {"photo:7"},
        {"asset:a7"},
        frozenset(),
    )
    assert not_the_same(7) == {f"photo:{photo}"}
    assert len(learned(ledger, "deferred", photo)[2]) == 2


def test_a_confirmed_filing_is_about_everybody_whom_immich_names_on_it(ledger):
    faces = tuple(
        replace(LONE, id=i, person=p) for i, p in (("f1", ANNA), ("f2", BEN), ("f3", Person("p9", "")))
    )
    photo = add(ledger, Evidence(faces=faces))
    assert learned(ledger, "confirmed", photo)[1:] == ({"p1", "p2"}, [])


def test_an_undone_filing_that_was_wrong_rules_its_people_out_by_their_faces(ledger):
    faces = tuple(replace(LONE, id=i, person=p) for i, p in (("f1", ANNA), ("f2", BEN), ("f3", None)))
    photo = add(ledger, Evidence(faces=faces))
    ledger.write(lambda db: arrangement.set_ruled_out(db, photo, {"p1": "Anna", "p7": "Rose"}))
    first = learned(ledger, "undone", photo, {"wrong": False})
    assert first[1:] == (set(), [])
    _, touched, rows = learned(ledger, "undone", photo, {"wrong": True})
    assert (touched, rows) == ({"p1"}, [not_person(photo, "f1", "p1")])
    ruled_out = ledger.read(lambda db: feedback.ruled_out_people(db, [photo, 9]))
    assert ruled_out == {photo: {"p1", "p7"}}


def test_faces_that_were_given_to_somebody_are_about_all_whom_they_concern(ledger):
    photo = add(ledger)
    _, touched, rows = learned(ledger, "face_assigned", photo, {"person": "p1", "was": "p2", "face": "f1"})
    assert (touched, rows) == ({"p1", "p2"}, [])
    assert learned(ledger, "face_unassigned", photo, {"from": "p3", "to": None})[1] == {"p3"}


def test_what_was_decided_later_is_not_what_the_human_saw(ledger):
    photo = add(ledger, CLOSE)
    assert learned(ledger, "approved", photo, {"people": ["Ben"]}, at="2024-04")[1] == set()
    assert learned(ledger, "approved", photo, {"people": ["Ben"]}, at=AT)[1] == {"p1"}


def test_who_is_taken_for_whom_is_known_from_two_photos_on(ledger):
    mistaken = lambda: ledger.read(feedback.mistaken_people)  # noqa: E731
    for number in range(2):
        photo = add(ledger, names=[(Area.FACES, f"ben/{number}.jpg", Member.PHOTO, "hardlink", "p2")])
        assert mistaken() == {}
        learned(ledger, "ruled_out", photo, {"person_id": "p1", "faces": ["f1", "f2"]})
    assert mistaken() == {"p1": {"p2"}, "p2": {"p1"}}


def test_faces_that_were_called_one_persons_are_a_set_until_that_is_taken_back(ledger):
    groups = [[["f1", "a1"], ["f2", "a2"]], [["f3", "a3"]]]
    event = NewEvent("one_person", None, {"one_person": {"id": "p1", "groups": groups, "said": True}}, "eva")
    [number] = ledger.write(lambda db: events.append(db, [event], AT))
    assert ledger.read(feedback.called_one_person) == [{"f1", "f2", "f3"}]
    ledger.write(lambda db: events.append(db, [NewEvent("undone", undoes=number)], AT))
    assert ledger.read(feedback.called_one_person) == []


def test_many_events_are_read_in_portions(ledger, monkeypatch):
    monkeypatch.setattr(feedback, "CHUNK", 2)
    photo = add(ledger, CLOSE)
    made = [NewEvent("ruled_out", photo, {"person_id": f"p{n}", "faces": ["f1"]}, "eva") for n in range(3)]
    ledger.write(lambda db: events.append(db, made, AT))
    collect = lambda: ledger.write(lambda db: feedback.collect_feedback(db, AT))  # noqa: E731
    assert (collect(), ledger.read(feedback.behind)) == ({"p0", "p1"}, True)
    assert (collect(), ledger.read(feedback.behind), collect()) == ({"p2"}, False, frozenset())


# --- the chain of events -----------------------------------------------------------------------


def test_the_chain_is_followed_from_any_event_on(ledger, monkeypatch):
    monkeypatch.setattr(events, "_PAGE", 2)
    assert list(ledger.read(lambda db: list(events.broken_links(db)))) == []
    ledger.write(lambda db: events.append(db, [NewEvent("accepted") for _ in range(6)], AT))
    broken = lambda after=0: ledger.read(lambda db: list(events.broken_links(db, after)))  # noqa: E731
    assert [broken(after) for after in (0, 1, 3, 6, 99)] == [[]] * 5

    def tear(db):
        for name in [
            row[0] for row in db.conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ]:
            db.conn.execute(f"DROP TRIGGER {name}")
        db.conn.execute("UPDATE events SET actor = 'tom' WHERE id = 2")
        db.conn.execute("DELETE FROM events WHERE id IN (4, 6)")

    ledger.write(tear)
    wrong = "its digest does not follow from the event before it"
    after_gap = [(5, "events 4 to 4 are missing"), (5, wrong), (5, "events 6 to 6 are missing at the end")]
    assert broken() == [(2, wrong), *after_gap]
    assert (broken(1), broken(2), broken(4)) == (broken(), after_gap, after_gap)
    assert broken(5) == after_gap[2:]
