"""Items handed in over HTTP, as rows of the ledger."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from smartsort.core.model import State
from smartsort.ledger import events, photos, submissions
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.submissions import (
    Arrived,
    Key,
    KeyReused,
    NewSubmission,
    Submission,
    SubmissionState,
    Taken,
)

AT, LATER, LAST = "2024-05-01T12:00:00.000", "2024-05-01T12:00:05.000", "2024-05-01T12:00:09.000"
DOWNLOADING, RECEIVED, ACCEPTED, FAILED = SubmissionState
STRANGE = os.fsdecode(b"caf\xe9.jpg")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, *new, at=AT, key=None):
    return ledger.write(lambda db: submissions.add(db, new, at, key))


def get(ledger, item):
    return ledger.read(lambda db: submissions.get(db, item))


def told(ledger):
    return [(e.kind, e.actor, e.data) for e in ledger.read(lambda db: events.after(db, 0, 10))]


NEW = NewSubmission("i1", "gallery", "http://host/a", "host", STRANGE, "part-1", parent="i0")
ROW = Submission(
    number=1,
    id="i1",
    state=DOWNLOADING,
    source="gallery",
    url="http://host/a",
    host="host",
    name=STRANGE,
    part="part-1",
    resume={},
    attempts=0,
    spent_seconds=0.0,
    not_before=AT,
    problem=None,
    photo_id=None,
    parent="i0",
    created_at=AT,
    finished_at=None,
)


def test_an_item_is_kept_with_all_that_was_said_of_it_until_it_is_a_photo(ledger):
    assert add(ledger, NEW) == Taken([ROW])
    ledger.write(lambda db: submissions.remember_resume(db, "i1", {"etag": "x"}))
    assert get(ledger, "i1") == replace(ROW, resume={"etag": "x"})
    later = {"attempts": 2, "spent_seconds": 7.5}
    ledger.write(lambda db: submissions.postpone(db, "i1", "slow", LATER, **later))
    assert get(ledger, "i1") == replace(ROW, resume={"etag": "x"}, problem="slow", not_before=LATER, **later)

    other = NewSubmission("i2", "gallery", name="b.jpg", part="part-3", state=RECEIVED)
    ledger.write(lambda db: submissions.received(db, [Arrived("i1", "part-2", STRANGE, (other,))], LAST))
    row = replace(ROW, state=RECEIVED, part="part-2", not_before=LATER, **later)
    assert get(ledger, "i1") == row
    assert (get(ledger, "i2").state, get(ledger, "i2").created_at, get(ledger, "i2").url) == (
        RECEIVED,
        LAST,
        None,
    )

    [photo] = ledger.write(lambda db: photos.add(db, [NewPhoto("gallery", "url", "a.jpg", 3, 4)], AT))
    ledger.write(lambda db: submissions.accepted(db, {"i1": photo.id}, LAST))
    row = replace(row, state=ACCEPTED, part=None, photo_id=photo.id, finished_at=LAST)
    assert get(ledger, "i1") == row
    # What came to its end stays there.
    ledger.write(lambda db: submissions.received(db, [Arrived("i1", "part-9", "x.jpg")], LAST))
    ledger.write(lambda db: submissions.fail(db, "i1", "late", LAST))
    ledger.write(lambda db: submissions.reopen(db, "i1", "other", "eva", LAST))
    assert (get(ledger, "i1"), told(ledger)) == (row, [])


def test_an_item_that_fails_says_why_and_may_be_tried_again_from_its_first_byte(ledger):
    add(ledger, NEW, NewSubmission("i2", "phone", host="h", problem="too large"))
    refused = {"item": "i2", "source": "phone", "reason": "too large", "host": "h"}
    assert told(ledger) == [("download_failed", "smartsort", refused)]
    assert (get(ledger, "i2").state, get(ledger, "i2").finished_at) == (FAILED, AT)

    ledger.write(lambda db: submissions.remember_resume(db, "i1", {"etag": "x"}))
    ledger.write(lambda db: submissions.fail(db, "i1", "gone", LATER))
    failed = replace(
        ROW, state=FAILED, part=None, problem="gone", attempts=1, finished_at=LATER, resume={"etag": "x"}
    )
    assert get(ledger, "i1") == failed
    data = {"item": "i1", "source": "gallery", "reason": "gone", "host": "host"}
    assert told(ledger)[1:] == [("download_failed", "smartsort", data)]

    again = {"attempts": 3, "spent_seconds": 9.0}
    ledger.write(lambda db: submissions.postpone(db, "i1", "gone", LATER, **again))
    ledger.write(lambda db: submissions.reopen(db, "i1", "mirror", "eva", LAST))
    assert get(ledger, "i1") == replace(ROW, host="mirror", part=None, not_before=LAST)
    data = {"item": "i1", "source": "gallery", "host": "mirror"}
    assert told(ledger)[2:] == [("download_retried", "eva", data)]
    for missing in ("i9", "i1"):  # unknown, and one that waits already
        ledger.write(lambda db, i=missing: submissions.reopen(db, i, "host", "eva", AT))
    ledger.write(lambda db: submissions.fail(db, "i9", "gone", LATER))
    assert len(told(ledger)) == 3


def test_the_same_request_writes_its_items_once_and_a_key_is_one_actors(ledger):
    key = Key("eva", "k1", "digest")
    first = add(ledger, NEW, key=key)
    assert add(ledger, NewSubmission("i5", "phone"), key=key) == Taken(first.items, before=True)
    with pytest.raises(KeyReused):
        add(ledger, NewSubmission("i6", "phone"), key=replace(key, digest="other"))
    assert (get(ledger, "i5"), get(ledger, "i6")) == (None, None)
    assert add(ledger, NewSubmission("i7", "phone"), key=replace(key, actor="tom")).before is False
    assert add(ledger, NewSubmission("i8", "phone"), key=replace(key, key="k2"), at=LATER).before is False
    assert ledger.write(lambda db: submissions.forget_keys(db, LATER)) == 2
    assert add(ledger, NewSubmission("i9", "phone"), key=key).before is False
    assert ledger.write(lambda db: submissions.forget_keys(db, AT)) == 0


def test_open_items_are_taken_host_by_host_the_oldest_first_once_their_time_has_come(ledger):
    hosts = ("b", "a", "a", "a", "")
    add(ledger, *(NewSubmission(f"i{n}", "phone", host=host) for n, host in enumerate(hosts, 1)))
    ledger.write(lambda db: submissions.postpone(db, "i3", "", LATER, attempts=1, spent_seconds=0))
    ledger.write(lambda db: submissions.received(db, [Arrived("i5", "part", "x.jpg")], AT))

    def due(host, now, limit=9, without=()):
        return [one.id for one in ledger.read(lambda db: submissions.due(db, host, now, limit, without))]

    assert ledger.read(submissions.open_hosts) == ["", "a", "b"]
    assert (due("a", AT), due("a", LATER), due("a", LATER, 2)) == (
        ["i2", "i4"],
        ["i2", "i3", "i4"],
        ["i2", "i3"],
    )
    assert due("a", LATER, 1, ["i2"]) == ["i3"]
    assert (due("", AT), due("c", LATER)) == (["i5"], [])
    next_due = lambda after: ledger.read(lambda db: submissions.next_due(db, after))  # noqa: E731
    assert (next_due("2024-04"), next_due(AT), next_due(LATER)) == (AT, LATER, None)
    received = lambda limit: ledger.read(lambda db: submissions.received_submissions(db, limit))  # noqa: E731
    assert ([one.id for one in received(5)], received(0)) == (["i5"], [])
    ledger.write(lambda db: submissions.fail(db, "i1", "gone", AT))
    assert [one.id for one in ledger.read(submissions.open_submissions)] == ["i2", "i3", "i4", "i5"]
    assert ledger.read(submissions.open_hosts) == ["", "a"]
    by_ids = ledger.read(lambda db: submissions.by_ids(db, ["i4", "i9", "i1"]))
    assert [one.id for one in by_ids] == ["i4", "i1"]

    def page(*asked):
        return [one.number for one in ledger.read(lambda db: submissions.page(db, *asked))]

    assert (page(2), page(9, 4), page(9, None, FAILED), page(9, 3, DOWNLOADING)) == (
        [5, 4],
        [3, 2, 1],
        [1],
        [2],
    )


def test_the_photo_of_a_file_that_was_handed_in_is_found_by_where_it_lay(ledger):
    def arrive(origin, state):
        def write(db):
            [row] = photos.add(db, [NewPhoto("phone", origin, "a.jpg", 1, 1, STRANGE)], AT)
            photos.apply(db, [Change(row.id, state=state)], AT)
            return row.id

        return ledger.write(write)

    arrive("url", State.ARRIVED)
    arrive("inbox", State.CLAIMED)
    assert ledger.read(lambda db: submissions.photo_from(db, STRANGE)) is None
    photo = arrive("upload", State.CLAIMED)
    assert ledger.read(lambda db: submissions.photo_from(db, STRANGE)).id == photo
    assert ledger.read(lambda db: submissions.photo_from(db, "other")) is None
