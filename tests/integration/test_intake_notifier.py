"""Messages go out as digests, health issues at once, and an address that fails holds nobody up."""

import asyncio
import hashlib
import hmac
import json
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from tests.misbehaving_site import answer, open_intake, site

from smartsort.config.service import Notify
from smartsort.ledger import events, key_value
from smartsort.ledger.records import NewEvent
from smartsort.notify import notifier
from smartsort.notify.notifier import ATTEMPTS, Notifier
from smartsort.notify.senders import NotDelivered, senders_of
from smartsort.pipeline.engine.context import Clock
from smartsort.pipeline.engine.health import HealthIssue

# Apprise loads all its plugins, one of which uses a module that Python 3.13 drops.
apprise_is_old = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Ear:
    def __init__(self, name="ear"):
        self.name, self.heard, self.fails, self.hang = name, [], 0, None

    def send(self, message):
        if self.hang is not None:
            self.hang.wait(60)
        if self.fails:
            self.fails -= 1
            raise NotDelivered("the service is down")
        self.heard.append(message)


class Time:
    def __init__(self):
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def clock(self):
        return Clock(now=lambda: self.now, monotonic=lambda: 0.0)

    def pass_(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def moment():
    return Time()


@pytest.fixture
async def context(tmp_path, moment):
    intake = open_intake(str(tmp_path / "root"), clock=moment.clock())
    yield intake.context
    await intake.close()


def happened(context, count, kind="sorted"):
    new = [
        NewEvent(
            kind, None, {"people": ["Ann"], "names": [["faces", f"ann/{n}.jpg"]], "category": "unidentified"}
        )
        for n in range(count)
    ]
    context.ledger.write(lambda db: events.append(db, new, context.clock.text()))


def notifier_of(context, *ears, **settings):
    made = Notifier(context, Notify.model_validate({"digest_seconds": 60, **settings}), ears)
    made._pause = no_pause
    return made


async def no_pause(seconds):
    return seconds


async def test_a_burst_is_one_message_after_its_time(context, moment):
    happened(context, 3)
    ear = Ear()
    told = notifier_of(context, ear)
    await told.step()
    assert ear.heard == []  # what was before anybody wanted to know is not told
    happened(context, 600)
    assert 0 < await told.step() <= 60
    moment.pass_(seconds=30)
    happened(context, 5, "reviewed")
    await told.step()
    assert ear.heard == []
    moment.pass_(seconds=31)
    await told.step()
    [message] = ear.heard
    assert message.title == "smartsort: 600 sorted, 5 to review"
    await told.step()
    assert len(ear.heard) == 1


async def test_a_restart_neither_repeats_nor_forgets(context, moment):
    ear = Ear()
    await notifier_of(context, ear).step()
    happened(context, 2)
    await notifier_of(context, ear).step()
    moment.pass_(seconds=61)
    await notifier_of(context, ear).step()
    await notifier_of(context, ear).step()
    assert [m.title for m in ear.heard] == ["smartsort: 2 sorted"]


async def test_the_next_message_does_not_wait_for_the_thread_of_the_one_before(context, monkeypatch):
    """A thread lives on for a moment after it has told what became of its message."""
    alive = threading.Thread.is_alive
    monkeypatch.setattr(threading.Thread, "is_alive", lambda one: "notify" in one.name or alive(one))
    ear = Ear()
    told = notifier_of(context, ear)
    for kind in ("storage", "immich"):
        told.health_issue(HealthIssue(kind, "the disk is full", context.clock.text()), began=True)
    await told.step()
    assert len(ear.heard) == 2


async def test_trouble_is_told_at_once_and_once(context, moment):
    ear = Ear()
    told = notifier_of(context, ear, quiet_hours="00:00-23:59")
    issue = HealthIssue("storage", "the disk is full", context.clock.text())
    for _ in range(5):
        told.health_issue(issue, began=True)
        told.health_issue(issue, began=False)
        moment.pass_(seconds=30)
    await told.step()
    assert [m.kind for m in ear.heard] == ["health_issue", "health_restored"]
    moment.pass_(minutes=20)
    told.health_issue(issue, began=True)
    await told.step()
    assert [m.kind for m in ear.heard] == ["health_issue", "health_restored", "health_issue"]


async def test_two_issues_of_one_kind_are_told_apart(context):
    """Two people who seem to be two people each: neither hides the other, and one may end alone."""
    ear = Ear()
    told = notifier_of(context, ear)
    anna, bella = (
        HealthIssue("mixed_person", name, context.clock.text(), notice=True, about=name)
        for name in ("Anna", "Bella")
    )
    for issue in (anna, bella):
        told.health_issue(issue, began=True)
    told.health_issue(anna, began=False)
    await told.step()
    assert [(m.kind, m.body.rsplit(" ", 1)[-1]) for m in ear.heard] == [
        ("health_issue", "Anna"),
        ("health_issue", "Bella"),
        ("health_restored", "Anna"),
    ]


async def test_quiet_hours_hold_digests_back(context, moment, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    local = moment.now.astimezone()
    ear = Ear()
    hours = f"{local:%H:%M}-{local + timedelta(hours=2):%H:%M}"
    told = notifier_of(context, ear, quiet_hours=hours)
    await told.step()
    happened(context, 4)
    moment.pass_(minutes=90)
    await told.step()
    assert ear.heard == []
    moment.pass_(minutes=31)
    await told.step()
    assert [m.title for m in ear.heard] == ["smartsort: 4 sorted"]


async def test_an_address_that_fails_is_tried_again_and_the_others_hear_once(context, moment):
    good, bad = Ear("good"), Ear("bad")
    bad.fails = 2
    told = notifier_of(context, good, bad, digest_seconds=0)
    await told.step()
    happened(context, 1)
    for _ in range(6):
        await told.step()
        moment.pass_(minutes=5)
    assert (len(good.heard), len(bad.heard)) == (1, 1)


async def test_it_is_given_up_within_a_bound_and_survives_restarts(context, moment):
    bad = Ear("bad")
    bad.fails = 10**6
    await notifier_of(context, bad, digest_seconds=0).step()
    happened(context, 1)
    for _ in range(12):
        await notifier_of(context, bad, digest_seconds=0).step()
        moment.pass_(hours=1)
    assert 10**6 - bad.fails == ATTEMPTS
    assert context.ledger.read(lambda db: key_value.get(db, "notify_pending")) == []


async def test_messages_that_cannot_go_out_do_not_pile_up(context, moment):
    bad = Ear("bad")
    bad.fails = 10**6
    told = notifier_of(context, bad, digest_seconds=0)
    await told.step()
    for _ in range(notifier._MOST_PENDING + 10):
        happened(context, 1)
        await told.step()
    pending = context.ledger.read(lambda db: key_value.get(db, "notify_pending"))
    assert len(pending) == notifier._MOST_PENDING


async def test_an_address_that_hangs_keeps_only_its_own_thread(context, moment, monkeypatch):
    hanging, good = Ear("hanging"), Ear("good")
    hanging.hang = threading.Event()
    told = notifier_of(context, hanging, good, digest_seconds=0, timeout_seconds=0.01)
    real, patience = asyncio.wait_for, iter([0.2])  # for the first, which hangs
    monkeypatch.setattr(asyncio, "wait_for", lambda thing, _: real(thing, next(patience, 60)))
    await told.step()
    happened(context, 1)
    await told.step()
    assert len(good.heard) == 1
    assert hanging.heard == []
    hanging.hang.set()
    for thread in threading.enumerate():
        if thread.name == "notify hanging":
            thread.join()


def settings_for(url, **more):
    return Notify.model_validate(
        {"urls": [f"json://127.0.0.1:{url}/topic?secret=apprise-secret"], "timeout_seconds": 60, **more}
    )


@apprise_is_old
async def test_webhook_and_apprise_over_http(context, moment, caplog):
    got = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        got.append((lines[0], headers, await reader.readexactly(int(headers["content-length"]))))
        await answer(writer, 200, b"ok", {"connection": "close"})
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hook = {"url": f"http://127.0.0.1:{port}/hook?token=hook-secret", "secret": "signing-secret"}
    settings = settings_for(port, webhook=hook)
    try:
        with caplog.at_level(logging.DEBUG):
            told = Notifier(context, settings)
            assert await told.test() == []
    finally:
        server.close()
    by_path = {line.split(" ")[1].partition("?")[0]: (headers, body) for line, headers, body in got}
    headers, body = by_path["/hook"]
    stamp = headers["x-smartsort-timestamp"]
    expected = hmac.new(b"signing-secret", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-smartsort-signature"] == f"sha256={expected}"
    assert headers["x-smartsort-event"] == "test"
    assert json.loads(body)["title"] == "smartsort: test"
    assert json.loads(by_path["/topic"][1])["title"] == "smartsort: test"
    for secret in ("hook-secret", "signing-secret", "apprise-secret"):
        assert secret not in caplog.text
        assert secret not in repr(told) + repr(senders_of(settings))


@apprise_is_old
async def test_what_is_said_of_a_failure_holds_no_secret(context, moment, caplog):
    hook = {"url": "http://127.0.0.1:9/hook?token=hook-secret", "secret": "signing-secret"}
    told = Notifier(context, settings_for(9, webhook=hook))
    problems = await told.test()
    assert len(problems) == 2
    assert "secret" not in " ".join(problems) + caplog.text


async def test_with_nobody_to_tell_nothing_is_written(context, moment):
    told = notifier_of(context)
    happened(context, 3)
    assert await told.step() > 0
    assert context.ledger.read(lambda db: key_value.get(db, "notify_after")) is None


async def test_a_webhook_does_not_follow_redirects(context, moment):
    async with site() as web:
        web.redirect("/hook", f"{web.url}/elsewhere")
        hook = {"webhook": {"url": f"{web.url}/hook"}, "timeout_seconds": 60}
        told = Notifier(context, Notify.model_validate(hook))
        assert await told.test() == ["notify.webhook answered 302"]
        assert web.counts() == {"/hook": 1}
