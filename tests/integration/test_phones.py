"""Phones that cannot be reached, questions that cannot be answered, and what is said of both."""

from __future__ import annotations

import os
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from tests.fakes import close_world
from tests.measured import Eye, measured_world
from tests.phones import BOT, CHAT, stand_in

from smartsort.config import load_settings
from smartsort.config.service import Notify, NtfyTopic, TelegramChat
from smartsort.errors import ConfigurationError, ImmichError
from smartsort.notify import phones as module
from smartsort.notify.phones import Answered, Asked, Listener, NotTaken, Ntfy, Telegram, phones_of
from smartsort.notify.questions import LASTS_SECONDS, Questions
from smartsort.pipeline.engine.context import Clock

ASKED = Asked(7, "Is this Zoë?", "été.jpg", "y.7.9.mac", "n.7.9.mac")


def settings(url: str, **more) -> Notify:
    return Notify(
        address="https://photos.example.org",
        ntfy=NtfyTopic(url=SecretStr(f"{url}/secret-topic"), pictures=True),
        telegram=TelegramChat(token=SecretStr(BOT), chat=CHAT, server=url),
        timeout_seconds=60,
        **more,
    )


@pytest.fixture(scope="module")
def phone():
    with stand_in() as found:
        yield found


async def test_what_does_not_arrive_is_said_without_any_secret(phone):
    ntfy, bot = phones_of(settings(phone.url))
    assert isinstance(ntfy, Ntfy)
    assert isinstance(bot, Telegram)
    phone.down = True
    try:
        for one in (ntfy, bot):
            with pytest.raises(NotTaken) as refused:
                await one.ask(ASKED, None)
            assert not {"secret", BOT, phone.url} & set(str(refused.value).split())
            assert "secret" not in str(refused.value)
    finally:
        phone.down = False
    away = Ntfy(settings("http://127.0.0.1:9"), "https://photos.example.org")
    with pytest.raises(NotTaken, match=r"notify\.ntfy failed \(ConnectError\)"):
        await away.ask(ASKED, None)


async def test_a_picture_goes_along_with_words_beyond_ascii(phone):
    await Ntfy(settings(phone.url), "https://photos.example.org/").ask(ASKED, b"\xff\xd8picture")
    said = phone.published[-1]
    assert (said["title"], said["message"], said["picture"]) == (
        "Is this Zoë?",
        "été.jpg",
        b"\xff\xd8picture",
    )
    assert said["actions"][2]["url"] == "https://photos.example.org/#review/7"


async def test_a_bot_without_a_page_has_no_link(phone):
    bot = Telegram(settings(phone.url), "", phone.url)
    await bot.ask(ASKED, None)
    assert [one["text"] for one in phone.calls[-1][1]["buttons"]] == ["Yes", "No"]
    await bot.show(8, Answered("of a message it did not send"))
    await bot.show(7, Answered("Filed."))
    method, values = phone.calls[-1]
    assert (method, values["text"], values["buttons"]) == ("editMessageText", "Filed.", [])


async def test_the_listener_waits_longer_while_a_bot_is_away_and_recovers(phone):
    bot = Telegram(settings(phone.url), "", phone.url)

    async def use(token, name, phone=None):
        raise AssertionError("nobody pressed")

    listener = Listener((bot,), use)
    phone.down = True
    pauses = [await listener.step() for _ in range(3)]
    phone.down = False
    assert pauses == [10.0, 20.0, 40.0]
    assert await listener.step() == 0.0
    assert await Listener((), use).step() is None


async def test_an_answer_that_is_not_telegrams(monkeypatch):
    async def send(request, what):
        return httpx.Response(200, json=["hello"])

    monkeypatch.setattr(module, "_send", send)
    with pytest.raises(NotTaken, match="no answer of Telegram"):
        await Telegram(settings("http://bot.example"), "").ask(ASKED, None)


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ({"notify.ntfy.url": "https://ntfy.example/topic"}, "notify.address"),
        ({"notify.telegram.token": BOT}, "notify.telegram.chat"),
    ],
)
def test_a_phone_that_could_never_answer_is_refused_at_the_start(tmp_path, given, lacks):
    assert phones_of(Notify()) == ()
    with pytest.raises(ConfigurationError, match=lacks):
        load_settings(None, env={}, overrides={"root": str(tmp_path), **given})


# --- questions -------------------------------------------------------------------------------


class Paper:
    """A phone that keeps what it is asked."""

    pictures = True

    def __init__(self) -> None:
        self.asked: list[tuple[Asked, bytes | None]] = []
        self.shown: list[Answered] = []
        self.away = False

    async def ask(self, asked, picture):
        self.asked.append((asked, picture))
        if self.away:
            raise NotTaken("it is away")

    async def show(self, photo_id, answered):
        self.shown.append(answered)
        if self.away:
            raise NotTaken("it is away")


@pytest.fixture
async def world(tmp_path):
    made = measured_world(os.fspath(tmp_path / "root"), Eye())
    for name in (*(f"anna_{angle}.jpg" for angle in range(6)), "anna_61.jpg", "anna_64.jpg", "anna_67.jpg"):
        await made.deliver(name)
        await made.settle()
    yield made
    close_world(made)


def questions(world, paper, **more):
    return Questions(world.context, world.actions, Notify(digest_seconds=0, **more), (paper,))


async def test_a_phone_that_is_away_costs_nothing_but_its_question(world, caplog):
    paper = Paper()
    paper.away = True
    asking = questions(world, paper)
    await asking.step()
    assert paper.asked
    assert "did not reach a phone" in caplog.text
    number = len(paper.asked)
    await asking.step()
    assert len(paper.asked) == number, "asked once"
    done = await asking.use(paper.asked[0][0].yes, "eva")
    assert done.done
    assert "an answer did not reach a phone" in caplog.text


async def test_nothing_is_asked_in_the_quiet_hours_or_without_a_phone(world):
    paper = Paper()
    quiet = questions(world, paper, quiet_hours="00:00-23:59")
    assert (await quiet.step() or 0) > 1
    assert paper.asked == []
    assert await Questions(world.context, world.actions, Notify(), ()).step() is None


async def test_a_question_ends_with_its_time(world, monkeypatch):
    paper = Paper()
    asking = questions(world, paper)
    await asking.step()
    later = world.context.clock.now() + timedelta(seconds=LASTS_SECONDS + 1)
    monkeypatch.setattr(world.context, "clock", Clock(now=lambda: later, monotonic=lambda: 0.0))
    answered = await asking.use(paper.asked[0][0].yes, "eva")
    assert not answered.done
    assert "over" in answered.text


async def test_what_fails_is_explained_and_may_be_tried_again(world, monkeypatch):
    paper = Paper()
    asking = questions(world, paper)
    await asking.step()
    token = paper.asked[0][0].yes
    approve = world.actions.approve

    async def fails(*_, **__):
        raise ImmichError("Immich does not answer")

    monkeypatch.setattr(world.actions, "approve", fails)
    answered = await asking.use(token, "eva")
    assert (answered.done, answered.text) == (False, "That was not possible: Immich does not answer")
    monkeypatch.setattr(world.actions, "approve", approve)
    assert (await asking.use(token, "eva")).done
    assert "answered already" in (await asking.use(token, "eva")).text


@pytest.mark.parametrize("answer", [None, ImmichError("Immich does not answer")])
async def test_a_question_comes_without_a_picture_that_immich_does_not_have(world, monkeypatch, answer):
    async def thumbnail(*_):
        if answer is not None:
            raise answer

    monkeypatch.setattr(world.context.server, "thumbnail", thumbnail)
    paper = Paper()
    await questions(world, paper).step()
    assert paper.asked
    assert [picture for _, picture in paper.asked] == [None] * len(paper.asked)
