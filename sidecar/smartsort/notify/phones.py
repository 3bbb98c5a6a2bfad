"""The phones that questions go to: ntfy, and a Telegram bot."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

from smartsort import __version__
from smartsort.errors import SmartsortError

if TYPE_CHECKING:
    from smartsort.config.service import Notify

log = logging.getLogger(__name__)

ANSWERS = "api/smart-download/answers"
"""Where a button of ntfy posts its token, below the address of the page."""

TELEGRAM = "https://api.telegram.org"
_POLL_SECONDS = 50
"""How long Telegram may hold a request for answers open."""


class NotTaken(SmartsortError):
    """A message did not reach a phone. The text never holds an address or a token: those are secrets."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a phone shows it: yes, no, or somebody else."""

    photo_id: int
    text: str
    filename: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a button did, as a sentence. `undo` is the token that takes it back."""

    text: str
    undo: str | None = None
    done: bool = False
    """False for what could not be done, and why."""


Use = Callable[[str, str, "Phone | None"], Awaitable[Answered]]
"""Does what the token of a button says, in the name of a user. A phone that is given shows the answer itself.

It raises nothing for what cannot be done: it is explained.
"""


@cache
def _tls() -> ssl.SSLContext:
    """Made once: it takes 20 ms of the processor, in which nothing else is answered."""
    return httpx.create_ssl_context(trust_env=False)


async def _send(request: httpx.Request, what: str) -> httpx.Response:
    """Send without a Client: that logs the address, a secret, and follows the environment's proxy."""
    try:
        async with httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False) as transport:
            answer = await transport.handle_async_request(request)
            await answer.aread()
            await answer.aclose()
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise NotTaken(f"{what} failed ({type(problem).__name__})") from None
    if not answer.is_success:
        raise NotTaken(f"{what} answered {answer.status_code}")
    return answer


def _timeouts(seconds: float) -> dict[str, Any]:
    return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}


class Ntfy:
    """A topic of ntfy. Its buttons post to smartsort's page, so the phone has to reach that address."""

    def __init__(self, settings: Notify, address: str) -> None:
        given = settings.ntfy
        self._url = given.url.get_secret_value() if given.url else ""
        self._token = given.token.get_secret_value() if given.token else None
        self._address, self._timeout = address.rstrip("/"), settings.timeout_seconds
        self.pictures = given.pictures

    async def ask(self, asked: Asked, picture: bytes | None) -> None:
        """Show a question. Raises NotTaken."""
        buttons = [self._button("Yes", asked.yes), self._button("No", asked.no)]
        buttons.append(
            {"action": "view", "label": "Someone else", "url": f"{self._address}/#review/{asked.photo_id}"}
        )
        await self._publish(asked.photo_id, asked.text, asked.filename, buttons, picture)

    async def show(self, photo_id: int, answered: Answered) -> None:
        """Show what a button did in place of its question. Raises NotTaken."""
        buttons = [self._button("Undo", answered.undo)] if answered.undo else []
        await self._publish(photo_id, "smartsort", answered.text, buttons, None)

    def _button(self, label: str, token: str) -> dict[str, Any]:
        return {
            "action": "http",
            "label": label,
            "url": f"{self._address}/{ANSWERS}",
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps({"token": token}),
            "clear": True,
        }

    async def _publish(
        self, photo_id: int, title: str, text: str, buttons: list[dict[str, Any]], picture: bytes | None
    ) -> None:
        # Header values are Latin-1 on the wire. Ntfy reads RFC 2047 words, and JSON escapes what is beyond.
        headers = {
            "User-Agent": f"smartsort/{__version__}",
            "X-Title": _word(title),
            "X-Actions": json.dumps(buttons),
            "X-Sequence-ID": f"smartsort-{photo_id}",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if picture is None:
            content = text.encode()
        else:
            headers |= {"X-Message": _word(text), "X-Filename": "photo.jpg"}
            content = picture
        request = httpx.Request(
            "PUT", self._url, content=content, headers=headers, extensions=_timeouts(self._timeout)
        )
        await _send(request, "notify.ntfy")


def _word(text: str) -> str:
    """Return a header's value: plain, or as an encoded word."""
    from email.header import Header  # noqa: PLC0415 - only where messages go out

    line = " ".join(text.split())
    return line if line.isascii() else Header(line, "utf-8", maxlinelen=10_000).encode()


class Telegram:
    """A bot that asks in one chat and polls for answers, so that nothing has to reach this machine."""

    def __init__(self, settings: Notify, address: str, base: str = TELEGRAM) -> None:
        given = settings.telegram
        self._token = given.token.get_secret_value() if given.token else ""
        self._chat, self._base, self._timeout = given.chat or "", base.rstrip("/"), settings.timeout_seconds
        self._address = address.rstrip("/")
        self.pictures = given.pictures
        self._messages: dict[int, tuple[int, bool]] = {}
        """The message about each photo, and whether it is a picture."""
        self._offset = 0

    async def ask(self, asked: Asked, picture: bytes | None) -> None:
        """Show a question. Raises NotTaken."""
        buttons = [{"text": "Yes", "callback_data": asked.yes}, {"text": "No", "callback_data": asked.no}]
        if self._address:
            buttons.append({"text": "Someone else", "url": f"{self._address}/#review/{asked.photo_id}"})
        keyboard = json.dumps({"inline_keyboard": [buttons]})
        text = f"{asked.text}\n{asked.filename}"
        if picture is None:
            found = await self._call("sendMessage", {"text": text, "reply_markup": keyboard})
        else:
            found = await self._call("sendPhoto", {"caption": text, "reply_markup": keyboard}, picture)
        self._messages[asked.photo_id] = int(found["message_id"]), picture is not None

    async def show(self, photo_id: int, answered: Answered) -> None:
        """Edit the message about a photo. Raises NotTaken."""
        if (known := self._messages.get(photo_id)) is not None:
            await self._edit(*known, answered)

    async def _edit(self, message: int, is_picture: bool, answered: Answered) -> None:
        buttons = [[{"text": "Undo", "callback_data": answered.undo}]] if answered.undo else []
        method, key = ("editMessageCaption", "caption") if is_picture else ("editMessageText", "text")
        markup = json.dumps({"inline_keyboard": buttons})
        await self._call(method, {"message_id": message, key: answered.text, "reply_markup": markup})

    async def poll(self, use: Use) -> None:
        """Wait for answers once and do what they say. Raises NotTaken."""
        asked = {"offset": self._offset, "timeout": _POLL_SECONDS, "allowed_updates": '["callback_query"]'}
        for update in await self._call("getUpdates", asked, seconds=_POLL_SECONDS + self._timeout):
            self._offset = int(update["update_id"]) + 1
            query = update.get("callback_query") or {}
            message = query.get("message") or {}
            # Anyone may write to a bot. Only this chat may decide.
            if str((message.get("chat") or {}).get("id")) != self._chat:
                log.warning("Telegram: a button was pressed in another chat than notify.telegram.chat")
                continue
            sender = query.get("from") or {}
            name = "".join(
                c for c in str(sender.get("username") or sender.get("id") or "") if c.isalnum() or c in "_-"
            )
            answered = await use(str(query.get("data") or ""), name[:64] or "telegram", self)
            await self._call(
                "answerCallbackQuery", {"callback_query_id": query.get("id"), "text": answered.text[:190]}
            )
            if answered.done:
                await self._edit(int(message["message_id"]), "photo" in message, answered)

    async def _call(
        self,
        method: str,
        values: Mapping[str, Any],
        picture: bytes | None = None,
        seconds: float | None = None,
    ) -> Any:
        given = {key: str(value) for key, value in values.items()}
        if method not in {"getUpdates", "answerCallbackQuery"}:
            given["chat_id"] = self._chat
        files = None if picture is None else {"photo": ("photo.jpg", picture, "image/jpeg")}
        request = httpx.Request(
            "POST",
            f"{self._base}/bot{self._token}/{method}",
            data=given,
            files=files,
            headers={"User-Agent": f"smartsort/{__version__}"},
            extensions=_timeouts(seconds or self._timeout),
        )
        answer = await _send(request, f"notify.telegram {method}")
        try:
            return answer.json()["result"]
        except (ValueError, KeyError, TypeError):
            raise NotTaken(f"notify.telegram {method} answered what is no answer of Telegram") from None


Phone = Ntfy | Telegram
"""Where questions go. Pictures leave the house only where `pictures` is set."""


class Listener:
    """The stage that waits for the answers of a bot, as long as there is one."""

    def __init__(self, phones: tuple[Phone, ...], use: Use) -> None:
        self._bots = [phone for phone in phones if isinstance(phone, Telegram)]
        self._use = use
        self._failures = 0

    async def step(self) -> float | None:
        """Wait once. Return seconds until the next time."""
        if not self._bots:
            return None
        try:
            await asyncio.gather(*(bot.poll(self._use) for bot in self._bots))
        except NotTaken as problem:
            self._failures += 1
            if self._failures == 1:
                log.warning("answers from a phone cannot be heard now: %s", problem)
            return float(min(300, 5 * 2 ** min(self._failures, 6)))
        self._failures = 0
        return 0.0


def phones_of(settings: Notify) -> tuple[Phone, ...]:
    """Return the phones of the settings."""
    address = settings.address or ""
    found: list[Phone] = []
    if settings.ntfy.url is not None:
        found.append(Ntfy(settings, address))
    if settings.telegram.token is not None:
        found.append(Telegram(settings, address, settings.telegram.server))
    return tuple(found)
