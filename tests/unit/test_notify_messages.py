"""One message for a burst, quiet hours, and the signature of the webhook."""

import hashlib
import hmac
import json
import re
import time as clock
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from smartsort.ledger.records import Event
from smartsort.notify.messages import (
    Digest,
    Message,
    canonical,
    health_message,
    is_quiet,
    seconds_until_loud,
)
from smartsort.notify.senders import signature

ALL = ("sorted", "needs_review", "health")


def event(number, kind, **data):
    return Event(
        number, f"2026-01-01T00:00:{number % 60:02}+00:00", "smartsort", kind, number, data, None, ""
    )


def filed(number, person="John Doe"):
    return event(number, "sorted", people=[person], names=[["faces", f"john_doe/IMG_{number}.jpg"]])


def waiting(number, category="unidentified", reason="no_faces_detected"):
    names = [["review", f"{category}/noface_IMG_{number}.jpg"]]
    return event(number, "reviewed", category=category, reason=reason, names=names)


def test_a_thousand_photos_are_one_short_message():
    digest = Digest(ALL)
    digest.add(filed(n) for n in range(1, 901))
    digest.add(waiting(n) for n in range(901, 1001))
    digest.add([event(1001, "download_failed", host="photos.example", reason="download_failed: 404")])
    digest.add([event(1002, "accepted"), event(1003, "approved"), event(1004, "undone")])
    message = digest.message("now")
    assert message.title == "smartsort: 900 sorted, 100 to review, 1 download failed"
    assert message.body.splitlines() == [
        "Sorted: John Doe 900",
        "Waiting for you: unidentified 100",
        *(f"- IMG_{n}.jpg was filed under John Doe: faces/john_doe/IMG_{n}.jpg" for n in range(1, 6)),
        "and 996 more",
    ]
    assert message.data == {"sorted": {"John Doe": 900}, "needs_review": {"unidentified": 100}, "failed": 1}


def test_one_photo_says_to_whom_and_where_or_why():
    digest = Digest(ALL)
    digest.add([filed(7)])
    assert "IMG_7.jpg was filed under John Doe: faces/john_doe/IMG_7.jpg" in digest.message("now").body
    digest = Digest(ALL)
    digest.add([waiting(8)])
    assert "noface_IMG_8.jpg waits in review/unidentified: no faces detected" in digest.message("now").body


@pytest.mark.parametrize(("wanted", "empty"), [(("health",), True), (("sorted",), False)])
def test_only_what_was_asked_for_is_told(wanted, empty):
    digest = Digest(wanted)
    digest.add([filed(1), waiting(2)])
    assert digest.empty is empty
    assert not digest.counts["reviewed"]


@pytest.mark.parametrize(
    ("now", "between", "quiet"),
    [
        (time(23, 0), (time(22), time(7)), True),
        (time(6, 59), (time(22), time(7)), True),
        (time(7, 0), (time(22), time(7)), False),
        (time(21, 59), (time(22), time(7)), False),
        (time(13, 0), (time(12), time(14)), True),
        (time(14, 0), (time(12), time(14)), False),
        (time(3, 0), None, False),
    ],
)
def test_quiet_hours_may_pass_midnight(now, between, quiet):
    moment = datetime.combine(datetime(2026, 3, 1), now, UTC)
    assert is_quiet(moment, between) is quiet
    assert (seconds_until_loud(moment, between) > 0) is quiet


def test_the_wait_ends_with_the_quiet_hours():
    assert seconds_until_loud(datetime(2026, 3, 1, 23, tzinfo=UTC), (time(22), time(7))) == 8 * 3600
    assert seconds_until_loud(datetime(2026, 3, 1, 6, tzinfo=UTC), (time(22), time(7))) == 3600


def test_a_message_survives_the_ledger():
    message = health_message("storage", "the disk is full", "now", began=True)
    assert Message(**json.loads(canonical(message))) == message
    assert health_message("storage", "full", "now", began=False).kind == "health_restored"


def test_the_signature_covers_time_and_body():
    body = canonical(Message("test", "t", "b", "now"))
    digest = hmac.new(b"key", b"123." + body, hashlib.sha256).hexdigest()
    assert signature("key", "123", body) == f"sha256={digest}"
    assert signature("key", "124", body) != signature("key", "123", body) != signature("other", "123", body)


def test_a_receiver_that_checks_as_the_page_says_takes_ours_and_no_other():
    page = (Path(__file__).parents[2] / "sidecar" / "docs" / "how-to" / "notify.md").read_text(
        encoding="utf-8"
    )
    [code] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    namespace = {}
    exec(code, namespace)
    is_genuine = namespace["is_genuine"]
    body, now = canonical(Message("test", "t", "b", "now")), str(int(clock.time()))

    def headers(stamp, given):
        return {"X-Smartsort-Timestamp": stamp, "X-Smartsort-Signature": given}

    assert is_genuine(headers(now, signature("key", now, body)), body, "key")
    assert not is_genuine(headers(now, signature("other", now, body)), body, "key")
    assert not is_genuine(headers(now, signature("key", now, body)), body + b" ", "key")
    old = str(int(now) - 3600)
    assert not is_genuine(headers(old, signature("key", old, body)), body, "key"), "sent again by somebody"
