"""What the pages, the API and the command line ask the ledger: answers compared whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from smartsort.core.model import (
    Box,
    Category,
    Decision,
    Evidence,
    Face,
    FaceMark,
    MarkKind,
    Outcome,
    Person,
    Reason,
    State,
    Suggestion,
)
from smartsort.core.wrong_limit import Observed
from smartsort.ledger import (
    adopted,
    embeddings,
    events,
    key_value,
    photo_lookup,
    photos,
    review_faces,
    shots,
    source_tables,
    spot_checks,
    statistics,
    takeout,
)
from smartsort.ledger.database import Ledger
from smartsort.ledger.embeddings import Embedding
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name, NewEvent
from smartsort.ledger.shots import Split
from smartsort.ledger.source_tables import ReviewRow
from smartsort.ledger.spot_checks import Counts, Drawn
from smartsort.ledger.statistics import Settled, Waiting

AT, LATER, LAST = (f"2024-05-01T12:00:0{n}.000+00:00" for n in (0, 5, 9))
ANNA = Person("p1", "Anna")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, state, name="a.jpg", *, names=(), decided=None, at=AT, **values):
    """Add a photo with names (area, path, member); `decided` is what its newest decision looked at."""

    def write(db):
        [photo] = photos.add(db, [NewPhoto("phone", "inbox", name, 3, 4, f"/in/{name}")], at)
        decision = None
        if decided is not None:
            reason = Reason("no_faces_detected" if not decided.faces else "other")
            decision = Decision(Outcome.REVIEWED, (reason,), "v1", Category.UNIDENTIFIED), decided
        given = tuple(Name(photo.id, *each) for each in names)
        change = Change(photo.id, state=state, values=values, names_added=given, decision=decision)
        photos.apply(db, [change], at)
        return photo.id

    return ledger.write(write)


def happen(ledger, kind, photo_id=None, data=(), *, at=AT, undoes=None, actor="eva"):
    event = NewEvent(kind, photo_id, dict(data), actor, undoes)
    return ledger.write(lambda db: events.append(db, [event], at))[0]


# --- faces of photos in review -----------------------------------------------------------------


def face(name, person=None):
    return Face(name, Box(1, 2, 30, 40), 400, 300, person)


def waits(ledger, *faces, category="unidentified", state=State.REVIEW, asset="asset", **seen):
    evidence = Evidence(faces=faces, **seen)
    return add(ledger, state, decided=evidence, asset_id=asset, category=category, taken_at="2020")


def measure(ledger, *face_ids, asset="asset", vector=(1.0, 0.0)):
    rows = [Embedding(one, asset, vector) for one in face_ids]
    ledger.write(lambda db: embeddings.put(db, "model", rows, AT))


def test_measured_faces_are_those_of_photos_in_review_the_newest_photo_first(ledger):
    assert ledger.read(review_faces.model_in_use) is None
    first = waits(ledger, face("f1", ANNA), face("f2"), asset="a1")
    second = waits(ledger, face("f3"), asset="a2")
    others = [
        waits(ledger, face("f4"), asset="a3", category="duplicates"),
        waits(ledger, face("f5"), asset=None),
        waits(ledger, face("f6"), asset="a4", state=State.FILED),
    ]
    measure(ledger, "f1", "f3", "f4", "f5", "f6")
    measure(ledger, "f2", vector=())
    measured = lambda *ids: [*ledger.read(lambda db: list(review_faces.measured(db, ids)))]  # noqa: E731
    found = measured(first, second, *others)
    assert [(one.photo_id, one.asset_id, one.face, one.vector, one.taken) for one in found] == [
        (second, "a2", face("f3"), (1.0, 0.0), "2020"),
        (first, "a1", face("f1", ANNA), (1.0, 0.0), "2020"),
    ]
    assert [one.photo_id for one in measured(first)] == [first]
    assert ledger.read(review_faces.model_in_use) == "model"
    assert ledger.read(review_faces.progress) == (2, 2)
    measure(ledger, "f9", asset="a9")
    assert ledger.read(review_faces.progress) == (2, 2)
    waits(ledger, face("f7"), asset="a5")
    assert ledger.read(review_faces.progress) == (2, 3)


def test_what_is_to_be_measured_are_unasked_faces_and_photos_without_a_face_that_nobody_explained(ledger):
    asked = waits(ledger, face("f1"), asset="a1")
    unasked, faceless = waits(ledger, face("f1"), face("f2"), asset="a2"), waits(ledger, asset="a3")
    waits(ledger, asset="a4", state=State.FILED)
    measure(ledger, "f1")
    unmeasured = lambda limit: ledger.read(lambda db: review_faces.unmeasured(db, "model", limit))  # noqa: E731
    assert (unmeasured(9), unmeasured(1)) == ([faceless, unasked], [faceless])
    assert asked not in unmeasured(9)
    assert ledger.read(lambda db: review_faces.unmeasured(db, "other", 9)) == [faceless, unasked, asked]


def test_the_groups_of_strangers_are_made_anew_for_what_changed_and_nothing_else(ledger):
    assert ledger.read(lambda db: review_faces.unnamed_since(db, (0, 0))) == (set(), set(), (0, 0))
    assert ledger.read(review_faces.unnamed_state) == (0,) * 8
    one, other = waits(ledger, face("f1"), asset="a1"), waits(ledger, face("f2"), asset="a2")
    waits(ledger, face("f3"), asset="a3", state=State.FILED)
    seen = ledger.read(lambda db: review_faces.unnamed_since(db, (0, 0)))
    assert seen == ({one, other}, {1, 2, 3}, (3, 0))
    measure(ledger, "f2", asset="a2")
    assert ledger.read(lambda db: review_faces.unnamed_since(db, (3, 0))) == ({one, other}, {other}, (3, 1))
    assert ledger.read(lambda db: review_faces.unnamed_since(db, (3, 1))) == ({one, other}, set(), (3, 1))
    happen(ledger, "deferred", one)
    assert ledger.read(review_faces.unnamed_state) == (2, 3, 3, 0, 1, 0, 1, 1)
    assert ledger.read(review_faces.newest_decision) == 3


def test_faces_that_a_human_has_marked_are_known_by_their_ids(ledger):
    marks = {"f1": FaceMark(MarkKind.IGNORED, "k")}
    photo, other = (waits(ledger, face("f1"), face("f2"), asset=a, marks=marks) for a in ("a1", "a2"))
    assert ledger.read(lambda db: review_faces.marked(db, [photo])) == {"f1"}
    assert ledger.read(lambda db: review_faces.marked(db, [other + 1])) == frozenset()


def test_compared_photos_say_who_was_ruled_out_the_newest_first(ledger):
    close = {"f1": (Suggestion(ANNA, 0.5),)}
    first, second = (waits(ledger, face("f1"), asset=a, suggestions=close) for a in ("a1", "a2"))
    waits(ledger, face("f1"), asset="a3")
    waits(ledger, face("f1"), asset="a4", suggestions=close, category="low_confidence")
    ledger.write(lambda db: db.conn.execute("INSERT INTO ruled_out VALUES (?, 'p1', 'Anna')", (first,)))
    found = ledger.read(lambda db: list(review_faces.compared(db, [Category.UNIDENTIFIED])))
    assert [(one.photo_id, one.ruled_out) for one in found] == [(second, frozenset()), (first, {"p1"})]
    assert (found[0].filename, found[0].source, found[0].taken) == ("a.jpg", "phone", "2020")
    assert found[0].evidence.suggestions == close


# --- statistics --------------------------------------------------------------------------------


def test_the_last_waits_and_what_is_on_its_way_are_listed_in_their_order(ledger):
    add(ledger, State.FILED, at=AT, routed_at=LATER, recognised_at=LATER)
    add(ledger, State.FILED, at=LATER, routed_at=LAST, recognised_at=LAST)
    add(ledger, State.FILED, at=AT, routed_at=LAST)
    add(ledger, State.KNOWN, at=AT, recognised_at=LAST)
    waits_ = lambda limit: ledger.read(lambda db: statistics.last_waits(db, limit))  # noqa: E731
    assert (waits_(9), waits_(1)) == ([(LATER, LAST), (AT, LATER)], [(LATER, LAST)])
    add(ledger, State.PLACED, problem="full")
    for limit, ids in ((9, [4, 5]), (1, [4])):
        found = ledger.read(lambda db, n=limit: statistics.photos_in_progress(db, n))
        assert [photo.id for photo in found] == ids
    oldest = ledger.read(lambda db: statistics.oldest_in_progress(db, ["known", "placed", "hashed"]))
    assert oldest == {"known": AT, "placed": AT}


def test_decisions_of_humans_are_counted_by_photo_by_act_and_by_key(ledger):
    add(ledger, State.FILED)
    add(ledger, State.FILED)
    happen(ledger, "approved", 1, at=AT)
    group = happen(ledger, "bulk_action", data={"what": "approved"}, at=LATER)
    for photo in (1, 2):
        happen(ledger, "approved", photo, {"group": group}, at=LATER)
    happen(ledger, "deferred", 1, at=LATER)
    gone = happen(ledger, "rejected", 2, at=LATER)
    happen(ledger, "undone", 2, undoes=gone, at=LAST)
    marked = happen(ledger, "faces_marked", 1, {"people": ["Anna"]}, at=LAST)
    happen(ledger, "faces_marked", 2, {"mark": "ignored"}, at=LAST)
    for event, keys in ((group, 2), (group, 9), (gone, 3), (marked, 1)):
        ledger.write(lambda db, e=event, n=keys: statistics.count_keys(db, e, n))
    settled = lambda since: ledger.read(lambda db: statistics.settled(db, since))  # noqa: E731
    assert settled(LATER) == Settled(photos=2, decisions=4, photos_by_keys=2, keys=6)
    assert settled(LAST) == Settled(photos=1, decisions=2, photos_by_keys=1, keys=1)
    assert settled(AT).decisions == 5
    assert settled("2025") == Settled(0, 0, 0, 0)


def test_the_queue_is_told_by_category_and_age_and_an_empty_one_too(ledger):
    now = datetime(2024, 5, 20, 12, tzinfo=UTC)
    none = {"hour": 0, "day": 0, "week": 0, "older": 0}
    empty = ledger.read(lambda db: statistics.waiting(db, now))
    assert empty == Waiting(0, {}, None, None, none)
    assert empty.median_age_seconds(now) is None
    ages = [timedelta(hours=1), timedelta(hours=2), timedelta(days=1), timedelta(days=2), timedelta(days=7)]
    ages += [timedelta(days=8), timedelta(days=9), timedelta(days=10)]
    came = [(now - age).isoformat(timespec="milliseconds") for age in ages]
    for number, at in enumerate(came):
        photo = add(ledger, State.REVIEW)
        category = Category.UNIDENTIFIED if number < 3 else Category.DUPLICATES
        row = ReviewRow("/a.jpg", category, None, "why", 0, None)
        ledger.write(lambda db, i=photo, r=row, at=at: source_tables.open_review(db, i, r, at))
    queue = ledger.read(lambda db: statistics.waiting(db, now))
    by_category = {"duplicates": 5, "unidentified": 3}
    by_age = {"hour": 1, "day": 2, "week": 2, "older": 3}
    assert queue == Waiting(8, by_category, came[-1], came[4], by_age)
    assert list(queue.by_category) == ["duplicates", "unidentified"]
    assert queue.median_age_seconds(now) == timedelta(days=7).total_seconds()
    assert queue.median_age_seconds(now - timedelta(days=8)) == 0.0
    since = ledger.read(lambda db: statistics.waiting_by_category(db, came[3]))
    assert since == {"unidentified": 3, "duplicates": 1}


# --- filings that are offered for a check ------------------------------------------------------


def test_every_drawn_filing_waits_for_an_answer_until_it_is_replaced(ledger):
    assert ledger.write(lambda db: spot_checks.draw_chunk(db, 1.0)) == 0
    assert ledger.read(spot_checks.observed) == Observed((), 0, 0)
    add(ledger, State.FILED)
    add(ledger, State.FILED)
    filings = [happen(ledger, "sorted", photo, actor="smartsort", at=AT) for photo in (1, 2)]
    happen(ledger, "accepted")
    assert ledger.read(spot_checks.behind)
    assert ledger.write(lambda db: spot_checks.draw_chunk(db, 1.0, 2)) == 2
    assert ledger.write(lambda db: spot_checks.draw_chunk(db, 1.0)) == 1
    assert not ledger.read(spot_checks.behind)
    waiting = lambda *asked: ledger.read(lambda db: spot_checks.waiting(db, *asked))  # noqa: E731
    both = [Drawn(filings[1], 2, AT), Drawn(filings[0], 1, AT)]
    assert (waiting(), waiting(None, 1), waiting(filings[1])) == (both, both[:1], both[1:])
    happen(ledger, "purged", 1)
    happen(ledger, "confirmed", 2)
    ledger.write(lambda db: spot_checks.draw_chunk(db, 0.0))
    drawn = lambda photo: ledger.read(lambda db: spot_checks.drawn_filing(db, photo))  # noqa: E731
    assert (drawn(1), drawn(2), drawn(3)) == ((filings[0], "gone"), (filings[1], "right"), None)
    assert ledger.read(spot_checks.counts) == Counts(right=1)
    assert ledger.read(lambda db: spot_checks.counts(db, LATER)) == Counts()
    assert Counts(right=2, wrong=3, open=4).checked == 5
    ledger.write(lambda db: key_value.put(db, key_value.HOUSEHOLD, {"faces": 9, "alike": 4}))
    assert ledger.read(spot_checks.observed) == Observed((), 9, 4)


def test_answers_are_counted_by_how_sure_the_filing_was_since_the_model_changed(ledger):
    for confidence, verdict, at in (
        (0.5, "right", AT),
        (0.5, "wrong", LATER),
        (0.61, "gone", AT),
        (None, "right", AT),
    ):
        photo = add(ledger, State.FILED)
        numbers = {} if confidence is None else {"confidence": confidence}
        decision = Decision(Outcome.SORTED, (Reason("other", numbers=numbers),), "v1", people=(ANNA,))
        change = Change(photo, decision=(decision, Evidence()))
        ledger.write(lambda db, c=change, at=at: photos.apply(db, [c], at))
        event = happen(ledger, "sorted", photo, at=at)
        row = (event, photo, at, verdict)
        query = "INSERT INTO spot_checks (event_id, photo_id, filed_at, verdict) VALUES (?, ?, ?, ?)"
        ledger.write(lambda db, q=query, r=row: db.conn.execute(q, r))
    assert ledger.read(spot_checks.observed) == Observed(((50, 2, 1),), 0, 0)
    ledger.write(lambda db: key_value.put(db, key_value.MODEL_CHANGE, {"at": LATER}))
    assert ledger.read(spot_checks.observed) == Observed(((50, 1, 1),), 0, 0)


# --- names, halves, what Google said -----------------------------------------------------------


def test_a_photo_is_found_by_what_a_person_calls_it(ledger, tmp_path):
    folder = lambda area: os.fspath(tmp_path / area.value)  # noqa: E731
    first = add(ledger, State.FILED, names=[(Area.FACES, "anna/IMG_1.jpg")])
    second = add(ledger, State.REVIEW, names=[(Area.REVIEW, "unidentified/unknown_a.jpg")])
    find = lambda path: ledger.read(lambda db: photo_lookup.by_path(db, path, folder))  # noqa: E731
    assert find(os.fspath(tmp_path / "faces/anna/IMG_1.jpg")) == [first]
    assert find("faces/anna/IMG_1.jpg") == [first]
    assert find("/in/a.jpg") == [second, first]
    assert find("elsewhere/a.jpg") == [second, first]
    assert find("elsewhere/unknown_a.jpg") == [second]
    assert find("b.jpg") == []
    for _ in range(photo_lookup.MOST):
        newest = add(ledger, State.FILED)
    assert find("a.jpg") == list(range(newest, newest - photo_lookup.MOST, -1))


def test_halves_count_as_files_and_what_only_travels_along_does_not(ledger):
    library = [
        (Area.LIBRARY, f"1/a.{end}", member) for end, member in (("jpg", Member.PHOTO), ("mov", Member.VIDEO))
    ]
    add(
        ledger,
        State.FILED,
        names=[*library, (Area.FACES, "anna/a.jpg"), (Area.LIBRARY, "1/a.xmp", Member.XMP)],
    )
    add(ledger, State.KNOWN, names=[(Area.LIBRARY, "2/b.jpg")])
    assert ledger.read(shots.files_at_rest) == 2


def test_a_half_that_is_split_off_says_where_it_came_from_and_keeps_its_adoption(ledger):
    add(ledger, State.FILED, names=[(Area.TEMP, "1-video_a.mov", Member.VIDEO)])
    said = {"people": [["p1", "Anna"]], "by": "eva"}
    adoption = {"run": 7, "said": said, "paths": ["/old/a.jpg"]}
    ledger.write(lambda db: adopted.put(db, {1: adoption}))
    came = {"group": 7, "moved": 1, "origins": [["photo", "/old/a.jpg"], ["video", "/old/a.mov"]]}
    happen(ledger, "folder_adopted", 1, came)
    [half] = ledger.read(lambda db: photos.names_of(db, [1]))[1]
    photo = ledger.read(lambda db: photos.get(db, 1))
    split = Split(photo, half._replace(size=5, mtime_ns=6), "a.mov", "why")
    [own] = ledger.write(lambda db: shots.split_off(db, [split], LATER, "tom"))
    row = ledger.read(lambda db: photos.get(db, own))
    assert (row.state, row.source, row.origin, row.original_name) == (
        State.CLAIMED,
        "phone",
        "inbox",
        "a.mov",
    )
    assert (row.size, row.mtime_ns, row.origin_path, row.arrived_at) == (5, 6, "/in/a.mov", LATER)
    names = ledger.read(lambda db: photos.names_of(db, [1, own]))
    assert (names[1], [(n.path, n.member) for n in names[own]]) == ([], [("1-video_a.mov", Member.PHOTO)])
    told = {"name": "a.mov", "reason": "why"}
    [parted] = [e for e in ledger.read(lambda db: events.of_photo(db, 1)) if e.kind == "split"]
    assert (parted.actor, parted.at, parted.data) == ("tom", LATER, {**told, "photo": own})
    [event] = ledger.read(lambda db: events.of_photo(db, own))
    assert (event.kind, event.actor) == ("folder_adopted", "eva")
    assert event.data == {
        **told,
        "group": 7,
        "path": "/old/a.mov",
        "moved": 1,
        "people": ["Anna"],
        "origins": [["photo", "/old/a.mov"]],
        "source": "phone",
        "origin": "inbox",
        "split_from": 1,
    }
    assert ledger.read(lambda db: adopted.paths_of(db, own)) == {"/old/a.mov"}


def test_a_half_that_was_not_adopted_is_accepted_as_a_photo_of_its_own(ledger):
    add(ledger, State.FILED, names=[(Area.TEMP, "1-raw_a.dng", Member.RAW)])
    ledger.write(lambda db: photos.apply(db, [Change(1, values={"origin_path": None})], AT))
    [half] = ledger.read(lambda db: photos.names_of(db, [1]))[1]
    photo = ledger.read(lambda db: photos.get(db, 1))
    [own] = ledger.write(lambda db: shots.split_off(db, [Split(photo, half, "a.dng", "why")], LATER))
    row = ledger.read(lambda db: photos.get(db, own))
    assert (row.size, row.mtime_ns, row.origin_path) == (0, 0, None)
    [event] = ledger.read(lambda db: events.of_photo(db, own))
    data = {"name": "a.dng", "reason": "why", "source": "phone", "origin": "inbox", "split_from": 1}
    assert (event.kind, event.actor, event.data) == ("accepted", "smartsort", data)


def test_of_a_photo_that_google_said_nothing_of_nothing_is_known(ledger):
    assert ledger.read(lambda db: takeout.get(db, 1)) is None
