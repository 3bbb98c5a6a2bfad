"""What an undo plans for one photo, whole, and why it refuses."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.planned import refused, said

from smartsort.actions import undo
from smartsort.actions.plan import PlannedName, Waiting
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import (
    Box,
    Category,
    Decision,
    Evidence,
    Face,
    Outcome,
    Person,
    Reason,
    SortedBefore,
    State,
)
from smartsort.core.reasons import UNDONE_FILING
from smartsort.ledger import arrangement, events, outbox, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name, NewEvent
from smartsort.pipeline.recovery.claimed import temp_name

AT = "2024-05-01T12:00:00.000+00:00"
ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")
FACE = Face("f1", Box(0, 0, 50, 50), 100, 100, ANNA)
SEEN = Evidence(
    faces=(FACE, replace(FACE, id="f2", person=BEN)), sorted_before=SortedBefore((ANNA,), "eva"), taken="2024"
)
FILED = {"asset_id": "asset", "person_id": "p1", "person_name": "Anna", "auto_sorted": 1, "faces_detected": 2}


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, state, *names, **values):
    """Add a photo with names (area, path, then as in `Name`); its id is 1, then 2."""

    def write(db):
        [photo] = photos.add(db, [NewPhoto("phone", "inbox", "a.jpg", 3, 4)], AT)
        given = tuple(Name(photo.id, *name) for name in names)
        photos.apply(db, [Change(photo.id, state=state, values=values, names_added=given)], AT)
        return photo.id

    return ledger.write(write)


def happen(ledger, kind, photo_id=1, *, data=(), actor="smartsort", undoes=None, decided=None):
    """Write an event, with a decision (reasons, evidence) if asked. Return it as it is read again."""

    def write(db):
        decision = None
        if decided is not None:
            reasons, seen = decided
            decision = Decision(Outcome.SORTED, reasons, "v1", people=(ANNA,)), seen
        event = NewEvent(kind, photo_id, dict(data), actor, undoes)
        [number] = photos.apply(db, [Change(photo_id, events=(event,), decision=decision)], AT)
        return events.get(db, number)

    return ledger.write(write)


def plan(ledger, event):
    return ledger.read(lambda db: undo.plan(db, event))


def names(ledger, photo_id=1):
    return ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]


LIBRARY, UNDER_ANNA = (Area.LIBRARY, "1/ab/a.jpg"), (Area.FACES, "anna/a.jpg", Member.PHOTO, "hardlink", "p1")
QUEUED = (Area.REVIEW, "unidentified/unknown_a.jpg")


def waiting_for_a_human(people, evidence, version="v1"):
    decision = Decision(
        Outcome.REVIEWED,
        (UNDONE_FILING.reason(people),),
        policy_version=version,
        category=Category.UNIDENTIFIED,
        prefix="undone_",
        faces_detected=2,
    )
    return Waiting(decision, evidence)


def test_a_filing_that_is_taken_back_waits_in_review_and_its_people_are_ruled_out(ledger):
    add(ledger, State.FILED, LIBRARY, UNDER_ANNA, **FILED)
    event = happen(ledger, EventKind.SORTED, decided=((Reason("all_clear", ("Anna",)),), SEEN))
    ledger.write(lambda db: outbox.post(db, "album_add", 1, {"asset_id": "asset", "album": "Anna"}, AT))
    ledger.write(lambda db: arrangement.set_ruled_out(db, 1, {"p3": "Cleo"}))
    library, filed = names(ledger)
    found = plan(ledger, event)
    kept = found.waiting.evidence
    assert (kept.faces, kept.sorted_before) == (SEEN.faces, None)
    assert said(found) == (
        (EventKind.UNDONE, "undone"),
        {
            "planned": [PlannedName(Area.REVIEW, "unidentified", library, "undone_a.jpg")],
            "removes": [filed],
            "values": {
                "state": "review",
                "category": "unidentified",
                "person_id": None,
                "person_name": None,
                "auto_sorted": 0,
            },
            "data": {"of": EventKind.SORTED, "wrong": True, "people": ["Anna"]},
            "messages": [("album_remove", {"asset_id": "asset", "album": "Anna"})],
            "undoes": event.id,
            "waiting": waiting_for_a_human(("Anna",), kept),
            "ruled_out": {"p3": "Cleo", "p1": "Anna"},
        },
    )


def test_whoever_shared_the_folder_is_ruled_out_when_a_filing_is_taken_back(ledger):
    add(ledger, State.FILED, LIBRARY, (Area.FACES, "family/a.jpg"), **FILED)
    event = happen(ledger, EventKind.SORTED, decided=((Reason("all_clear", ("Ben",)),), SEEN))
    found = plan(ledger, event)
    assert (found.ruled_out, found.data["people"]) == ({"p2": "Ben"}, ["Ben"])


def test_a_filing_from_before_there_were_decisions_is_taken_back_by_the_name_the_photo_has(ledger):
    add(ledger, State.FILED, LIBRARY, UNDER_ANNA, **FILED | {"asset_id": None})
    add(
        ledger,
        State.FILED,
        LIBRARY,
        (Area.FACES, "ben/a.jpg"),
        **FILED | {"person_name": None, "person_id": None},
    )
    one, other = (happen(ledger, EventKind.SORTED, i) for i in (1, 2))
    found = plan(ledger, one)
    assert (found.ruled_out, found.data["people"], found.messages) == ({"p1": "Anna"}, ["Anna"], [])
    assert found.waiting == waiting_for_a_human(("Anna",), Evidence(), "")
    assert (plan(ledger, other).ruled_out, plan(ledger, other).data["people"]) == ({}, [])


JUDGED_AGAIN = {"category": None, "duplicate_of": None, "detection_asked_at": None, "problem": None}


@pytest.mark.parametrize(("asset", "state"), [("asset", "known"), (None, "placed")])
def test_a_review_that_is_taken_back_has_the_photo_judged_again_from_where_immich_knows_it(
    ledger, asset, state
):
    add(ledger, State.REVIEW, LIBRARY, QUEUED, asset_id=asset, category="unidentified")
    event = happen(ledger, EventKind.REVIEWED, data={"from": "recognised"})
    _, queued = names(ledger)
    assert said(plan(ledger, event)) == (
        (EventKind.UNDONE, "undone"),
        {
            "removes": [queued],
            "values": {"state": state, **JUDGED_AGAIN},
            "data": {"of": EventKind.REVIEWED},
            "undoes": event.id,
            "filed": False,
            "withdrawn": True,
        },
    )


@pytest.mark.parametrize(
    ("came_from", "state"),
    [("claimed", "claimed"), ("hashed", "hashed"), ("known", "hashed"), ("", "hashed"), (None, "hashed")],
)
def test_a_photo_outside_the_library_begins_again_from_temp_downloads_with_what_travels_with_it(
    ledger, came_from, state
):
    side = (Area.TRASH, "2024-05/a.jpg.xmp", Member.XMP)
    add(ledger, State.SKIPPED, (Area.TRASH, "2024-05/a.jpg"), side)
    event = happen(ledger, EventKind.SKIPPED, data={} if came_from is None else {"from": came_from})
    picture, xmp = names(ledger)
    found = plan(ledger, event)
    assert found.planned == [
        PlannedName(Area.TEMP, "", picture, temp_name(1, Member.PHOTO, "a.jpg")),
        PlannedName(Area.TEMP, "", xmp, temp_name(1, Member.XMP, "a.jpg.xmp")),
    ]
    assert (found.removes, found.values) == ([picture, xmp], {"state": state, **JUDGED_AGAIN})


def test_a_review_is_not_taken_back_once_the_photo_waits_no_longer(ledger):
    add(ledger, State.FILED, LIBRARY, UNDER_ANNA)
    event = happen(ledger, EventKind.REVIEWED)
    assert refused(plan(ledger, event)) == ("failed", "not_undoable", "photo 1 is filed, no longer waiting")


# --- an adopted photo goes back ----------------------------------------------------------------

ADOPTED = {"origins": [["photo", "/old/a.jpg"], ["xmp", "/old/a.jpg.xmp"]], "moved": 1}


def test_an_adopted_photo_that_goes_back_leaves_nothing_of_it_behind(ledger):
    add(ledger, State.REVIEW, LIBRARY, QUEUED, **FILED)
    event = happen(ledger, EventKind.FOLDER_ADOPTED, data={**ADOPTED, "act": "a1"})
    sorted_ = happen(ledger, EventKind.SORTED, data={"act": "a2"})
    happen(ledger, EventKind.ACCEPTED, data={"act": "a3"})
    ledger.write(lambda db: outbox.post(db, "album_add", 1, {"asset_id": "asset", "album": "Anna"}, AT))
    assert sorted_.id > event.id
    found = plan(ledger, event)
    assert said(replace(found, messages=[])) == (
        (EventKind.UNDONE, "undone"),
        {
            "removes": names(ledger),
            "values": {
                "state": "purged",
                "auto_sorted": 0,
                "sha256": None,
                "sha1": None,
                "category": None,
                "person_id": None,
                "person_name": None,
                "duplicate_of": None,
                "problem": None,
            },
            "data": {"of": EventKind.FOLDER_ADOPTED, "given_back": True},
            "undoes": event.id,
            "filed": False,
            "withdrawn": True,
            "origins": {Member.PHOTO: "/old/a.jpg", Member.XMP: "/old/a.jpg.xmp"},
            "moved": True,
        },
    )
    assert found.messages == [
        ("reassign_face", {"act": "a1"}),
        ("reassign_face", {"act": "a2"}),
        ("album_remove", {"asset_id": "asset", "album": "Anna"}),
    ]


def test_an_adopted_photo_that_immich_had_stays_there(ledger):
    add(ledger, State.OBSERVED, (Area.ORIGINAL, "data/a.jpg"), asset_id="asset")
    event = happen(ledger, EventKind.FOLDER_ADOPTED, data=ADOPTED | {"moved": 0})
    _, found = said(plan(ledger, event))
    assert found.keys() == {"data", "undoes", "filed", "origins"}


def test_an_adopted_photo_does_not_go_back_past_what_a_human_did_since_or_on_its_way(ledger):
    add(ledger, State.FILED, LIBRARY, UNDER_ANNA)
    event = happen(ledger, EventKind.FOLDER_ADOPTED, data=ADOPTED)
    later = happen(ledger, EventKind.REFILED, actor="eva")
    answer = plan(ledger, event)
    why = f"photo 1 has changed since: refiled by eva at {AT}; undo event {later.id} first"
    assert (refused(answer), answer.happened) == (("failed", "conflict", why), later)
    happen(ledger, EventKind.UNDONE, actor="eva", undoes=later.id)
    assert plan(ledger, event).origins
    ledger.write(lambda db: photos.apply(db, [Change(1, state=State.REJECTED)], AT))
    why = "photo 1 is rejected. Undo its adoption when it is filed or in review"
    assert refused(plan(ledger, event)) == ("failed", "conflict", why)


# --- refusals ----------------------------------------------------------------------------------


def test_what_cannot_be_taken_back_says_why(ledger):
    add(ledger, State.REJECTED, (Area.TRASH, "2024-05/a.jpg"))
    event = happen(ledger, EventKind.SORTED)
    assert refused(plan(ledger, event)) == ("failed", "not_undoable", "photo 1 is rejected, no longer filed")
    accepted = happen(ledger, EventKind.ACCEPTED)
    why = f"event {accepted.id} (accepted) cannot be undone"
    assert refused(plan(ledger, accepted)) == ("failed", "not_undoable", why)

    ledger.write(lambda db: photos.apply(db, [Change(1, state=State.PURGED)], AT))
    why = "photo 1 was removed for good when its time in the trash had ended"
    assert refused(plan(ledger, event)) == ("failed", "not_undoable", why)
    happen(ledger, EventKind.UNDONE, data={"given_back": True})
    why = "photo 1 was given back to its folder. Adopt the folder again"
    assert refused(plan(ledger, event)) == ("failed", "not_undoable", why)
    happen(ledger, EventKind.FOLDED, data={"into": 9})
    assert refused(plan(ledger, event))[2] == "photo 1 is part of photo 9 since that came"


def test_what_is_taken_back_already_names_what_takes_it_back(ledger):
    add(ledger, State.REVIEW, LIBRARY, QUEUED)
    event = happen(ledger, EventKind.REVIEWED)
    by = happen(ledger, EventKind.UNDONE, undoes=event.id)
    answer = plan(ledger, event)
    why = f"event {event.id} is undone already, by event {by.id}. Undo that one to redo it"
    assert (refused(answer), answer.happened, answer.photo_id) == (("failed", "already_undone", why), by, 1)
    joined = happen(ledger, EventKind.JOINED, data={"members": ["video"]})
    by = happen(ledger, EventKind.UNDONE, data={"split": ["video"]}, undoes=joined.id)
    assert refused(plan(ledger, joined))[2] == f"event {joined.id} is undone already, by event {by.id}"


def test_a_joining_is_not_taken_back_while_its_photo_is_judged_or_once_the_half_is_gone(ledger):
    add(ledger, State.KNOWN, LIBRARY, (Area.LIBRARY, "1/ab/a.mov", Member.VIDEO))
    event = happen(ledger, EventKind.JOINED, data={"members": ["video"]})
    why = f"what joined photo 1 in event {event.id} is no part of it now, or it is being judged"
    assert refused(plan(ledger, event)) == ("failed", "not_undoable", why)
    ledger.write(lambda db: photos.apply(db, [Change(1, state=State.FILED)], AT))
    assert plan(ledger, event).splits
    gone = Change(1, names_removed=((Area.LIBRARY, "1/ab/a.mov"),))
    ledger.write(lambda db: photos.apply(db, [gone], AT))
    assert refused(plan(ledger, event)) == ("failed", "not_undoable", why)


# --- back to an arrangement --------------------------------------------------------------------


def acted(ledger, before, after, kind=EventKind.APPROVED, **data):
    """Write an event that led from one arrangement to another."""
    whole = {"before": arrangement.to_json(before), "after": arrangement.to_json(after), **data}
    return happen(ledger, kind, data=whole, actor="eva")


def now(ledger, photo_id=1):
    return ledger.read(lambda db: arrangement.read(db, [photo_id]))[photo_id]


def test_an_undone_approval_gives_names_albums_visibility_and_faces_back(ledger):
    add(ledger, State.FILED, LIBRARY, UNDER_ANNA, **FILED)
    ledger.write(lambda db: outbox.post(db, "album_add", 1, {"asset_id": "asset", "album": "Anna"}, AT))
    after = now(ledger)
    queued = Name(1, *QUEUED)
    values = after.values | {"state": "review", "category": "unidentified", "person_name": None}
    before = replace(
        after, values=values, names=(after.names[0], queued), told=(("visibility", "archive"),), ruled_out={}
    )
    teach = [{"face": "f1", "person": "p1", "name": "Anna"}]
    event = acted(ledger, before, after, act="a1", teach=teach)
    found = plan(ledger, event)
    library, filed = names(ledger)
    wanted = ledger.read(lambda db: arrangement.from_json(1, event.data["before"]))
    assert said(found) == (
        (EventKind.UNDONE, "undone"),
        {
            "planned": [PlannedName(Area.REVIEW, "unidentified", library, "unknown_a.jpg")],
            "removes": [filed],
            "values": values,
            "data": {"of": EventKind.APPROVED, "act": "ACT", "taught": teach},
            "messages": [
                ("album_remove", {"asset_id": "asset", "album": "Anna"}),
                ("visibility", {"asset_id": "asset", "visibility": "archive"}),
                ("reassign_face", {"act": "a1"}),
            ],
            "undoes": event.id,
            "restore": wanted,
        },
    )


def test_an_undone_undo_assigns_the_faces_again_and_brings_the_photo_back_to_the_library(ledger):
    add(ledger, State.REJECTED, (Area.TRASH, "2024-05/a.jpg"), asset_id="asset")
    after = now(ledger)
    before = replace(after, values=after.values | {"state": "filed"}, names=(Name(1, *LIBRARY),))
    taught = [{"face": "f1", "person": "p1", "name": "Anna"}]
    event = acted(ledger, before, after, EventKind.UNDONE, taught=taught)
    found = plan(ledger, event)
    [trash] = names(ledger)
    kinds, fields = said(found)
    assert kinds == (EventKind.UNDONE, "undone")
    assert fields["planned"] == [PlannedName(Area.LIBRARY, "1/ab", trash, "a.jpg")]
    assert fields["data"] == {"of": EventKind.UNDONE, "act": "ACT", "teach": taught}
    assert fields["messages"] == [("revive", {}), ("assign_face", {**taught[0], "act": "ACT"})]


def test_a_photo_that_lies_elsewhere_than_an_event_left_it_is_not_led_back(ledger):
    add(ledger, State.FILED, LIBRARY, UNDER_ANNA, **FILED)
    after = now(ledger)
    elsewhere = replace(after, names=(after.names[0],))
    event = acted(ledger, elsewhere, elsewhere)
    why = f"photo 1 is not where event {event.id} left it. Run `smartsort audit` to see why"
    assert refused(plan(ledger, event)) == ("failed", "changed_by_hand", why)
    later = happen(ledger, EventKind.REJECTED, actor="tom")
    answer = plan(ledger, event)
    why = f"photo 1 has changed since: rejected by tom at {AT}; undo event {later.id} first"
    assert (refused(answer), answer.happened) == (("failed", "conflict", why), later)
