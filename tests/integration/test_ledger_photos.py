"""Photos in the ledger: changes whole or not at all, other copies, the history and the outbox."""

import os
import sqlite3
from dataclasses import replace

import pytest

from smartsort.core.model import (
    Box,
    Category,
    Confidence,
    CopyPlace,
    Decision,
    Evidence,
    Face,
    Origin,
    OtherCopy,
    Outcome,
    Person,
    Reason,
    State,
    Suggestion,
)
from smartsort.ledger import arrangement, events, key_value, outbox, photos, shards
from smartsort.ledger.copies import copies_of, located
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, NewPhoto, StaleChange
from smartsort.ledger.records import (
    Area,
    Member,
    Name,
    NewEvent,
    evidence_from_json,
    evidence_to_json,
    reasons_from_json,
    reasons_to_json,
)

AT, LATER = "2024-05-01T12:00:00.000+00:00", "2024-05-01T12:00:05.000+00:00"
SHA, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, name="a.jpg", state=None, sha256=None, **values):
    [row] = ledger.write(lambda db: photos.add(db, [NewPhoto("phone", "inbox", name, 3, 4)], AT))
    values |= {} if sha256 is None else {"sha256": sha256}
    if state or values:
        apply(ledger, Change(row.id, state=state, values=values))
    return row.id


def apply(ledger, *changes, at=AT):
    return ledger.write(lambda db: photos.apply(db, changes, at))


def get(ledger, photo_id):
    return ledger.read(lambda db: photos.get(db, photo_id))


def copies(ledger, *ids, sha=SHA):
    return ledger.read(lambda db: copies_of(db, dict.fromkeys(ids, sha)))


# --- changes ---------------------------------------------------------------------------------


def test_a_change_is_refused_when_the_photo_has_moved_on(ledger):
    photo = add(ledger, state=State.REVIEW)
    apply(ledger, Change(photo, state=State.FILED, expect=(State.REVIEW,)))
    with pytest.raises(StaleChange, match="is filed, not review") as caught:
        apply(ledger, Change(photo, state=State.REJECTED, expect=(State.REVIEW,)))
    assert caught.value.found is State.FILED
    assert get(ledger, photo).state is State.FILED


def test_one_stale_change_undoes_all_of_its_transaction(ledger):
    first, second = add(ledger), add(ledger, "b.jpg", state=State.FILED)
    name = Name(first, Area.TEMP, "1-photo_a.jpg")
    good = Change(first, state=State.CLAIMED, names_added=(name,), events=(NewEvent("accepted", first),))
    with pytest.raises(StaleChange):
        apply(ledger, good, Change(second, state=State.REVIEW, expect=(State.KNOWN,)))
    assert get(ledger, first).state is State.ARRIVED
    assert ledger.read(lambda db: photos.names_of(db, [first])) == {first: []}
    assert ledger.read(events.last_id) == 0


def test_a_change_of_a_photo_nobody_knows_is_refused(ledger):
    with pytest.raises(StaleChange, match="photo 99 is unknown"):
        apply(ledger, Change(99, state=State.FILED, expect=(State.KNOWN,)))


def test_a_state_that_does_not_exist_cannot_be_written(ledger):
    photo = add(ledger)
    with pytest.raises(sqlite3.IntegrityError):
        apply(ledger, Change(photo, values={"state": "lost"}))


def test_a_photo_keeps_a_name_that_is_not_utf_8(ledger):
    strange = os.fsdecode(b"caf\xe9 \n.jpg")
    photo = add(ledger, strange)
    apply(ledger, Change(photo, names_added=(Name(photo, Area.TEMP, f"1-photo_{strange}"),)))
    assert get(ledger, photo).original_name == strange
    [name] = ledger.read(lambda db: photos.names_of(db, [photo]))[photo]
    assert name.path == f"1-photo_{strange}"
    assert ledger.read(lambda db: photos.name_at(db, Area.TEMP, name.path)).photo_id == photo
    apply(ledger, Change(photo, names_removed=((Area.TEMP, name.path),)))
    assert ledger.read(lambda db: photos.names_of(db, [photo])) == {photo: []}


def test_the_same_name_written_twice_is_one_name(ledger):
    photo = add(ledger)
    name = Name(photo, Area.FACES, "anna/a.jpg", person_id="p", size=3, mtime_ns=4, sha256=SHA)
    apply(ledger, Change(photo, names_added=(name, name)))
    apply(ledger, Change(photo, names_added=(name,)))
    [found] = ledger.read(lambda db: photos.names_of(db, [photo]))[photo]
    assert (found.person_id, found.size, found.mtime_ns, found.sha256) == ("p", 3, 4, SHA)


def test_photos_with_a_problem_wait_for_another_turn(ledger):
    one, two = add(ledger, state=State.HASHED), add(ledger, "b.jpg", state=State.HASHED, problem="no room")
    rest = add(ledger, "c.jpg", state=State.REVIEW, problem="told already")
    hashed = lambda db: [p.id for p in photos.in_state(db, State.HASHED, 10)]  # noqa: E731
    assert ledger.read(hashed) == [one]
    assert ledger.write(photos.retry_problems) == 1
    assert ledger.read(hashed) == [one, two]
    assert get(ledger, rest).problem == "told already"


def test_photos_are_taken_oldest_first_and_in_pages(ledger):
    ids = [add(ledger, f"{n}.jpg", state=State.UNIQUE) for n in range(5)]
    page = ledger.read(lambda db: photos.in_state(db, State.UNIQUE, 2))
    assert [p.id for p in page] == ids[:2]
    page = ledger.read(lambda db: photos.in_state(db, (State.UNIQUE, State.PLACED), 10, after=ids[1]))
    assert [p.id for p in page] == ids[2:]


def test_photos_waiting_for_proof_of_no_face_do_not_count_as_in_flight(ledger):
    add(ledger, state=State.PLACED)
    add(ledger, "b.jpg", state=State.KNOWN)
    add(ledger, "c.jpg", state=State.KNOWN, detection_asked_at=AT)
    add(ledger, "d.jpg", state=State.UNIQUE)
    assert ledger.read(photos.in_flight) == 2


def test_photos_that_are_let_through_do_not_count_as_in_flight(ledger):
    ids = [add(ledger, f"{n}.jpg", state=State.PLACED) for n in range(3)]
    elsewhere = add(ledger, "d.jpg", state=State.UNIQUE)
    unknown = range(1000, 2000)
    assert ledger.read(lambda db: photos.in_flight(db, {ids[1], elsewhere, *unknown})) == 2


def test_more_ids_than_sqlite_takes_variables(ledger):
    ids = [row.id for row in ledger.write(
        lambda db: photos.add(db, [NewPhoto("s", "add", f"{n}.jpg", 1, 1) for n in range(1200)], AT)
    )]  # fmt: skip
    assert [p.id for p in ledger.read(lambda db: photos.by_ids(db, ids[::-1]))] == ids[::-1]
    assert set(ledger.read(lambda db: photos.names_of(db, ids))) == set(ids)


# --- other copies ----------------------------------------------------------------------------


def test_a_new_photo_has_no_copy_and_is_not_its_own(ledger):
    photo = add(ledger, state=State.UNIQUE, sha256=SHA)
    assert copies(ledger, photo) == {}


@pytest.mark.parametrize("state", [State.CLAIMED, State.HASHED])
def test_of_two_equal_files_photos_in_progress_the_older_is_the_photo(ledger, state):
    first, second = add(ledger, state=state, sha256=SHA), add(ledger, "b.jpg", state=state, sha256=SHA)
    found = copies(ledger, first, second)
    assert set(found) == {second}
    assert (found[second].place, found[second].photo_id) == (CopyPlace.LEDGER, first)


@pytest.mark.parametrize("state", [State.UNIQUE, State.PLACED, State.KNOWN, State.FILED, State.REVIEW])
def test_a_younger_twin_that_has_overtaken_is_the_photo(ledger, state):
    """The older one was held up; it must not push out what is on its way to the library already."""
    older, younger = (
        add(ledger, state=State.HASHED, sha256=SHA),
        add(ledger, "b.jpg", state=state, sha256=SHA),
    )
    found = copies(ledger, older)
    assert found[older].photo_id == younger


def test_duplicates_never_point_at_each_other(ledger):
    first = add(ledger, state=State.REVIEW, sha256=SHA)
    second = add(ledger, "b.jpg", state=State.REVIEW, sha256=SHA, duplicate_of=first)
    assert copies(ledger, first) == {}
    assert copies(ledger, second)[second].photo_id == first


def test_every_duplicate_points_at_the_photo_not_at_another_duplicate(ledger):
    first = add(ledger, state=State.FILED, sha256=SHA)
    add(ledger, "b.jpg", state=State.REVIEW, sha256=SHA, duplicate_of=first)
    third = add(ledger, "c.jpg", state=State.HASHED, sha256=SHA)
    assert copies(ledger, third)[third].photo_id == first


def test_a_living_copy_counts_before_one_in_the_trash(ledger):
    rejected = add(ledger, state=State.REJECTED, sha256=SHA)
    alive = add(ledger, "b.jpg", state=State.REVIEW, sha256=SHA)
    third = add(ledger, "c.jpg", state=State.HASHED, sha256=SHA)
    assert copies(ledger, third)[third].photo_id == alive
    apply(ledger, Change(alive, state=State.REJECTED))
    found = copies(ledger, third)[third]
    assert (found.place, found.photo_id) == (CopyPlace.TRASH, rejected)
    assert not found.alive


@pytest.mark.parametrize("state", [State.REJECTED, State.PURGED])
def test_a_photo_rejected_before_is_known_even_when_its_bytes_are_gone(ledger, state):
    rejected = add(ledger, state=state, sha256=SHA)
    again = add(ledger, "b.jpg", state=State.HASHED, sha256=SHA)
    assert copies(ledger, again)[again] == OtherCopy(CopyPlace.TRASH, None, rejected)


def test_a_rejection_is_remembered_before_a_skipped_duplicate(ledger):
    skipped = add(ledger, state=State.SKIPPED, sha256=SHA)
    rejected = add(ledger, "b.jpg", state=State.REJECTED, sha256=SHA)
    again = add(ledger, "c.jpg", state=State.HASHED, sha256=SHA)
    assert copies(ledger, again)[again].photo_id == rejected
    assert skipped < rejected


def test_a_copy_is_named_where_people_find_it(ledger):
    photo = add(ledger, state=State.FILED, sha256=SHA)
    apply(
        ledger,
        Change(
            photo,
            names_added=(
                Name(photo, Area.LIBRARY, "shard-0001/ab/x/a.jpg"),
                Name(photo, Area.FACES, "anna/a.jpg.xmp", Member.XMP),
                Name(photo, Area.FACES, "anna/a.jpg"),
            ),
        ),
    )
    again = add(ledger, "b.jpg", state=State.HASHED, sha256=SHA)
    found = copies(ledger, again)[again]
    assert (found.photo_id, found.path) == (photo, None), "a path is looked up when it is shown"
    evidence = {again: Evidence(other_copy=found)}
    assert ledger.read(lambda db: located(db, evidence))[again].other_copy.path == "faces/anna/a.jpg"


def test_other_content_is_no_copy(ledger):
    add(ledger, state=State.FILED, sha256=OTHER)
    photo = add(ledger, "b.jpg", state=State.HASHED, sha256=SHA)
    assert copies(ledger, photo) == {}


# --- claims ----------------------------------------------------------------------------------


def test_what_was_never_claimed_is_forgotten_and_nothing_else(ledger):
    arrived, claimed = add(ledger), add(ledger, "b.jpg", state=State.CLAIMED)
    apply(ledger, Change(arrived, intent=("claim", {"origins": []})))
    ledger.write(lambda db: photos.forget_unclaimed(db, [arrived, claimed]))
    assert get(ledger, arrived) is None
    assert get(ledger, claimed) is not None
    assert ledger.read(photos.open_intents) == []


def test_a_journalled_act_is_open_until_it_is_done(ledger):
    photo = add(ledger)
    apply(ledger, Change(photo, intent=("route", {"targets": [["faces", "anna", ""]]})))
    [intent] = ledger.read(photos.open_intents)
    assert (intent.photo_id, intent.act, intent.data) == (
        photo,
        "route",
        {"targets": [["faces", "anna", ""]]},
    )
    # Done and begun again in one change: the new one stays.
    apply(ledger, Change(photo, intents_done=("route",), intent=("drop", {})))
    assert [i.act for i in ledger.read(photos.open_intents)] == ["drop"]
    apply(ledger, Change(photo, intents_done=("drop",)))
    assert ledger.read(photos.open_intents) == []


# --- decisions -------------------------------------------------------------------------------

ANNA = Person("p", "Anna", hidden=True, favourite=True)
EVIDENCE = Evidence(
    faces=(Face("f", Box(1, 2, 3, 4), 1440, 960, ANNA), Face("g", Box(0, 0, 0, 0), 0, 0, None, "exif")),
    other_copy=OtherCopy(CopyPlace.LEDGER, os.fsdecode(b"faces/anna/caf\xe9.jpg"), 7, "asset"),
    near_copy=OtherCopy(CopyPlace.IMMICH_TRASH),
    confidence={"f": Confidence(0.5, 0.1, ANNA), "g": Confidence(why_unknown="no service")},
    suggestions={"g": (Suggestion(ANNA, 0.25), Suggestion(ANNA))},
    unreadable="empty",
    gave_up="failed",
)


def test_evidence_comes_back_as_it_was_stored():
    assert evidence_from_json(evidence_to_json(EVIDENCE)) == EVIDENCE
    assert evidence_from_json(evidence_to_json(Evidence())) == Evidence()


def test_reasons_come_back_and_what_a_newer_version_added_is_passed_over():
    reasons = (Reason("multiple_faces", ("A",), {"faces": 2.0}, "d"), Reason("duplicate"))
    assert reasons_from_json(reasons_to_json(reasons)) == reasons
    assert reasons_from_json('[{"code": "new", "mood": 1}]') == (Reason("new"),)


def test_the_newest_decision_counts(ledger):
    photo = add(ledger)
    for code in ("unknown_face", "face_match_verified"):
        decision = Decision(Outcome.REVIEWED, (Reason(code),), "v1", Category.UNIDENTIFIED, "unknown_")
        apply(ledger, Change(photo, decision=(decision, EVIDENCE)), at=LATER)
    found = ledger.read(lambda db: photos.last_decision(db, photo))
    assert found == (
        "reviewed",
        "unidentified",
        "v1",
        (Reason("face_match_verified"),),
        # An older version stored no origin. The photo tells it.
        replace(EVIDENCE, origin=Origin("phone")),
        LATER,
    )
    assert ledger.read(lambda db: photos.last_decision(db, 99)) is None
    own = replace(EVIDENCE, taken="2024-05-06", origin=Origin("tablet", "summer", "Canon", "live"))
    apply(ledger, Change(photo, decision=(decision, own)), at=LATER)
    assert ledger.read(lambda db: photos.last_decision(db, photo))[4] == own


# --- history ---------------------------------------------------------------------------------


def happen(ledger, *kinds, **more):
    return ledger.write(lambda db: events.append(db, [NewEvent(k, **more) for k in kinds], AT))


def broken(ledger):
    return ledger.read(lambda db: list(events.broken_links(db)))


@pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'eve'", "DELETE FROM events"])
def test_the_history_cannot_be_changed(ledger, statement):
    happen(ledger, "one")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        ledger.write(lambda db: db.conn.execute(statement))
    assert broken(ledger) == []


def tamper(ledger, *statements):
    def write(db):
        for verb in ("update", "delete"):
            db.conn.execute(f"DROP TRIGGER events_no_{verb}")
        for statement in statements:
            db.conn.execute(statement)

    ledger.write(write)


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE events SET data = '{\"n\":2}' WHERE id = 2", [2]),
        ("UPDATE events SET at = '2020' WHERE id = 2", [2]),
        ("UPDATE events SET actor = 'eve' WHERE id = 3", [3]),
        ("UPDATE events SET undoes = 1 WHERE id = 2", [2]),
        ("UPDATE events SET digest = 'x' WHERE id = 2", [2, 3]),
        ("DELETE FROM events WHERE id = 2", [3, 3]),
        ("DELETE FROM events WHERE id = 1", [2, 2]),
        ("DELETE FROM events WHERE id = 4", [3]),
    ],
)
def test_a_changed_past_is_noticed_where_it_was_changed(ledger, statement, at):
    happen(ledger, "one", "two", "three", "four")
    assert broken(ledger) == []
    tamper(ledger, statement)
    assert [event_id for event_id, _ in broken(ledger)] == at


def test_a_transaction_that_was_undone_leaves_no_gap(ledger):
    happen(ledger, "one")

    def fails(db):
        events.append(db, [NewEvent("never")], AT)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ledger.write(fails)
    happen(ledger, "two")
    assert broken(ledger) == []
    assert [e.kind for e in ledger.read(lambda db: events.after(db, 0, 10))] == ["one", "two"]


def test_the_history_is_read_forwards_backwards_and_by_photo(ledger):
    photo = add(ledger)
    happen(ledger, "one", photo_id=photo)
    happen(ledger, "two", "three")
    happen(ledger, "four", photo_id=photo, data={"x": "ü"})
    kinds = lambda found: [e.kind for e in found]  # noqa: E731
    assert kinds(ledger.read(lambda db: events.after(db, 1, 2))) == ["two", "three"]
    assert kinds(ledger.read(lambda db: events.before(db, None, 2))) == ["four", "three"]
    assert kinds(ledger.read(lambda db: events.before(db, 4, 9, photo_id=photo))) == ["one"]
    assert kinds(ledger.read(lambda db: events.before(db, None, 9, kind="two"))) == ["two"]
    assert kinds(ledger.read(lambda db: events.of_photo(db, photo))) == ["one", "four"]
    assert ledger.read(lambda db: events.get(db, 4)).data == {"x": "ü"}
    assert ledger.read(lambda db: events.get(db, 5)) is None


def test_an_undo_that_was_undone_leaves_the_first_act_in_force(ledger):
    [act] = happen(ledger, "approved")
    assert ledger.read(lambda db: events.undone(db, act)) is None
    [undo] = happen(ledger, "undone", undoes=act)
    assert ledger.read(lambda db: events.undone(db, act)) == undo
    happen(ledger, "undone", undoes=undo)
    assert ledger.read(lambda db: events.undone(db, act)) is None


# --- facts, shards, outbox -------------------------------------------------------------------


def test_facts_are_remembered_replaced_and_forgotten(ledger):
    ledger.write(lambda db: key_value.put(db, "x", {"a": [1, None]}))
    ledger.write(lambda db: key_value.put(db, "x", {"a": [2]}))
    assert ledger.read(lambda db: key_value.get(db, "x")) == {"a": [2]}
    ledger.write(lambda db: key_value.forget(db, "x"))
    ledger.write(lambda db: key_value.forget(db, "x"))
    assert ledger.read(lambda db: key_value.get(db, "x", "none")) == "none"


def test_a_new_shard_is_opened_when_the_last_is_full(ledger):
    def opened():
        return ledger.write(lambda db: shards.open_shard(db, 3)).number

    assert opened() == 1
    ledger.write(lambda db: shards.grow_shard(db, 1, 2))
    assert opened() == 1
    ledger.write(lambda db: shards.grow_shard(db, 1, 1))
    assert opened() == 2
    assert opened() == 2
    ledger.write(lambda db: shards.name_library(db, 2, "lib"))
    assert [(s.number, s.library_id, s.photos) for s in ledger.read(shards.shards)] == [
        (1, None, 3),
        (2, "lib", 0),
    ]


def post(ledger, kind, photo_id=None, at=AT, **data):
    ledger.write(lambda db: outbox.post(db, kind, photo_id, data, at))


def due(ledger, now=AT):
    return ledger.read(lambda db: [m.kind for m in outbox.due(db, now, 10)])


def test_messages_are_delivered_when_they_are_due(ledger):
    post(ledger, "scan", at=LATER, shard=1)
    assert due(ledger) == []
    assert ledger.read(outbox.next_due) == LATER
    assert due(ledger, LATER) == ["scan"]
    [message] = ledger.read(lambda db: outbox.due(db, LATER, 1))
    ledger.write(lambda db: outbox.postpone(db, message.id, "2025", "busy"))
    assert due(ledger, LATER) == []
    [again] = ledger.read(lambda db: outbox.due(db, "2026", 1))
    assert (again.attempts, again.data) == (1, {"shard": 1})
    ledger.write(lambda db: outbox.delivered(db, [again.id]))
    assert ledger.read(outbox.next_due) is None


def test_what_is_said_about_one_photo_arrives_in_order(ledger):
    one, two = add(ledger), add(ledger, "b.jpg")
    post(ledger, "album_add", one, album="Anna")
    post(ledger, "album_remove", one, album="Anna")
    post(ledger, "visibility", two, visibility="archive")
    assert due(ledger) == ["album_add", "visibility"]
    [first, _] = ledger.read(lambda db: outbox.due(db, AT, 10))
    # Postponed, it holds back what was said later, so that the album is not left before it was joined.
    ledger.write(lambda db: outbox.postpone(db, first.id, LATER, "busy"))
    assert due(ledger) == ["visibility"]
    ledger.write(lambda db: outbox.delivered(db, [first.id]))
    assert due(ledger) == ["album_remove", "visibility"]


def test_the_same_scan_is_asked_for_once(ledger):
    for shard in (1, 1, 2):
        ledger.write(lambda db, s=shard: outbox.post_once(db, "scan", {"shard": s}, AT))
    assert due(ledger) == ["scan", "scan"]


def test_a_scan_that_is_asked_for_while_the_same_one_is_on_its_way_is_told_too(ledger):
    """Immich may have looked before the file was back."""
    ledger.write(lambda db: outbox.post_once(db, "scan", {"shard": 1}, AT))
    [told] = ledger.read(lambda db: outbox.due(db, AT, 10))
    ledger.write(lambda db: outbox.post_once(db, "scan", {"shard": 1}, AT))
    ledger.write(lambda db: outbox.delivered(db, [told.id]))
    assert due(ledger) == ["scan"]


def test_of_a_photo_that_is_shown_again_nothing_is_left_to_take_back(ledger):
    photo = add(ledger)

    def told(visibility):
        data = {"asset_id": "a", "visibility": visibility}
        ledger.write(lambda db: outbox.post(db, "visibility", photo, data, AT))
        return ledger.read(lambda db: arrangement.read(db, [photo]))[photo].told

    assert told("archive") == told("archive") == (("visibility", "archive"),)
    assert told("timeline") == ()
