"""The ways a message goes out. Blocking. Called from the notifier's own threads, never from the pipeline."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx

from smartsort import __version__
from smartsort.errors import SmartsortError
from smartsort.notify.messages import Message, canonical

if TYPE_CHECKING:
    from smartsort.config.service import Notify


class NotDelivered(SmartsortError):
    """A message could not be sent. The text never holds an address: those are secrets."""


class AppriseSender:
    """One Apprise address: mail, ntfy, Gotify, Telegram, Matrix and a hundred others.

    `name` is stable over restarts and shows no secret.
    """

    def __init__(self, url: str, number: int, timeout_seconds: float) -> None:
        self._url, self._timeout = url, timeout_seconds
        scheme = url.partition("://")[0]
        self.name = f"{number + 1} ({scheme})"
        self._plugin: Any = None

    def __repr__(self) -> str:
        return f"AppriseSender({self.name})"

    def send(self, message: Message) -> None:
        """Send. Raises NotDelivered when Apprise does not know the address or the service refuses."""
        import apprise  # noqa: PLC0415 - 90 ms, only where messages go out

        # Its own log names hosts, users and topics.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        if self._plugin is None:
            self._plugin = apprise.Apprise.instantiate(self._url, suppress_exceptions=True)
            if self._plugin is None:
                raise NotDelivered(f"notify.urls: Apprise does not understand number {self.name}")
            self._plugin.socket_read_timeout = self._timeout
            self._plugin.socket_connect_timeout = self._timeout
        kind = {
            "health_issue": apprise.NotifyType.WARNING,
            "health_restored": apprise.NotifyType.SUCCESS,
        }.get(message.kind, apprise.NotifyType.INFO)
        try:
            sent = self._plugin.notify(
                body=message.body,
                title=message.title,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as problem:  # noqa: BLE001 - plugins raise what they like
            # The plugin's words may hold the address.
            raise NotDelivered(f"notify.urls: number {self.name} failed ({type(problem).__name__})") from None
        if not sent:
            raise NotDelivered(f"notify.urls: number {self.name} did not take the message")


class WebhookSender:
    """Posts each message as JSON. With a secret it carries a signature.

    Headers: `X-Smartsort-Delivery` (the same when a message is sent again), `X-Smartsort-Event`,
    `X-Smartsort-Timestamp` (seconds since 1970) and `X-Smartsort-Signature`: `sha256=` and the hexadecimal
    HMAC-SHA256 of timestamp, a full stop and the body.
    """

    name = "webhook"

    def __init__(
        self, url: str, secret: str | None, timeout_seconds: float, now: Callable[[], float] = time.time
    ) -> None:
        self._url, self._secret, self._timeout, self._now = url, secret, timeout_seconds, now

    def __repr__(self) -> str:
        return "WebhookSender()"

    def send(self, message: Message) -> None:
        """Post. Raises NotDelivered unless the answer is a 2xx."""
        body = canonical(message)
        stamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"smartsort/{__version__}",
            "X-Smartsort-Event": message.kind,
            "X-Smartsort-Delivery": hashlib.sha256(body).hexdigest()[:32],
            "X-Smartsort-Timestamp": stamp,
        }
        if self._secret:
            headers["X-Smartsort-Signature"] = signature(self._secret, stamp, body)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        try:
            request = httpx.Request(
                "POST", self._url, content=body, headers=headers, extensions={"timeout": timeouts}
            )
            # Without a Client: that writes the address, a secret, to the log, and would take a proxy and a
            # password from the environment. No redirect either: the body goes where it was meant to.
            with httpx.HTTPTransport(trust_env=False) as transport:
                answer = transport.handle_request(request)
                answer.read()
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise NotDelivered(f"notify.webhook failed ({type(problem).__name__})") from None
        if not answer.is_success:
            raise NotDelivered(f"notify.webhook answered {answer.status_code}")


Sender = AppriseSender | WebhookSender
"""One address that messages go to."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what `X-Smartsort-Signature` holds. A receiver compares it with `hmac.compare_digest`."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def senders_of(settings: Notify) -> list[Sender]:
    """Return the addresses of the settings."""
    found: list[Sender] = [
        AppriseSender(url.get_secret_value(), number, settings.timeout_seconds)
        for number, url in enumerate(settings.urls)
    ]
    hook = settings.webhook
    if hook.url is not None:
        secret = hook.secret.get_secret_value() if hook.secret else None
        found.append(WebhookSender(hook.url.get_secret_value(), secret, settings.timeout_seconds))
    return found
