"""Settings of the running service: API, notifications, log, trash and backup."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from smartsort.config.values import (
    Addresses,
    HttpUrl,
    Section,
    UserPath,
    http_url,
    require_header_text,
    section,
    setting,
)

Scope = Literal["intake", "review", "admin"]
NotifyEvent = Literal["sorted", "needs_review", "health"]

_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")
_GIB = 1024**3


def _quiet_hours(text: str) -> str:
    if not (found := _DAY.fullmatch(text)) or found.group(1, 2) == found.group(3, 4):
        raise ValueError('must be a span of the day such as "22:00-07:00"')
    return text


class Trash(Section):
    """How long rejected photos are kept."""

    retention_days: int = setting(
        30, "Days until rejected photos are deleted. 0 deletes at once and needs `trash.allow_zero`.", ge=0
    )
    allow_zero: bool = setting(
        False, "Confirms that `trash.retention_days = 0` is meant: no undo of a reject."
    )


class ApiToken(Section):
    """One named token. `intake` hands in photos, `review` decides, `admin` does everything."""

    name: str = setting(..., "What the token is called in the activity list.", pattern=r"^[\w.-]{1,64}\Z")
    token: SecretStr | None = setting(None, "The token itself.")
    token_file: UserPath | None = setting(None, "File that holds the token.")
    scopes: tuple[Scope, ...] = setting(("intake",), "What it may do.", min_length=1)

    def _check_secrets(self) -> None:
        if self.token is None:
            raise PydanticCustomError("setting", "is not set. Give it or token_file", {"key": "token"})
        require_header_text(self.token, "token")


class Downloads(Section):
    """Limits for photos fetched by URL."""

    max_bytes: int = setting(8 * _GIB, "Longer downloads are cut off. The default is 8 GiB.", ge=1024)
    timeout_seconds: float = setting(3600.0, "Longest time for one download, retries included.", gt=0)
    stall_timeout_seconds: float = setting(
        30.0, "A download that sends nothing for so long is given up.", gt=0
    )
    max_redirects: int = setting(5, "Redirects to follow. smartsort checks each target again.", ge=0, le=50)
    max_retries: int = setting(3, "How often a broken download is resumed.", ge=0, le=100)
    concurrency: int = setting(8, "Downloads at a time.", ge=1, le=256)
    concurrency_per_host: int = setting(4, "Downloads at a time from one host.", ge=1, le=256)
    gallery: bool = setting(
        False,
        "Lets gallery-dl or yt-dlp (`smartsort[gallery]`) read URLs that are web pages. They connect by"
        " themselves, past the check of private addresses.",
    )


class Api(Section):
    """The HTTP API."""

    host: str = setting(
        "127.0.0.1", "Address to listen on. 0.0.0.0 for every network of a container.", min_length=1
    )
    port: int = setting(8484, "Port to listen on. 0 takes a free one.", ge=0, le=65_535)
    token: SecretStr | None = setting(
        None, "Bearer token with all rights. Not set: one is made at the first start and kept."
    )
    token_file: UserPath | None = setting(None, "File that holds `api.token`.")
    tokens: tuple[ApiToken, ...] = setting(
        (),
        "Further tokens, each with `name`, `token` or `token_file`, and `scopes`.",
        allowed="a list of tables with scopes from intake, review, admin (in the environment as JSON)",
    )
    allow_private_urls: Addresses = setting(
        (),
        "Private hosts that smartsort may fetch photos from. It refuses all others.",
        allowed="a list of host names, addresses or networks (10.0.0.0/8)",
    )
    hosts: Addresses = setting(
        (),
        "Public names that the page is served under, behind a reverse proxy. Addresses and names of a home"
        " network always work.",
        allowed="a list of host names",
    )
    base_path: str | None = setting(
        None,
        "Path in front of the page, where a reverse proxy serves it below one.",
        pattern=r"^(/[\w.~-]+)*\Z",
    )
    trusted_proxies: Addresses = setting(
        ("127.0.0.1", "::1"),
        "Reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
        allowed="a list of addresses or networks (172.16.0.0/12)",
    )
    max_upload_bytes: int = setting(8 * _GIB, "Longer uploads are refused. The default is 8 GiB.", ge=1024)
    upload_stall_timeout_seconds: float = setting(
        30.0, "An upload that sends nothing for so long is cut off.", gt=0
    )
    max_wait_seconds: float = setting(120.0, "Most that a request may ask for with `?wait=`.", ge=0, le=3600)
    download: Downloads = section(Downloads, "Limits for photos fetched by URL.")

    def _check_secrets(self) -> None:
        require_header_text(self.token, "token")
        names = [token.name for token in self.tokens]
        if len(set(names)) < len(names):
            raise PydanticCustomError("setting", "must have names that differ", {"key": "tokens"})


class Webhook(Section):
    """One outgoing webhook."""

    url: SecretStr | None = setting(
        None, "Where each message is posted as JSON. Kept secret like a password."
    )
    secret: SecretStr | None = setting(None, "Signs each message (HMAC-SHA256).")
    secret_file: UserPath | None = setting(None, "File that holds `notify.webhook.secret`.")

    def _check_secrets(self) -> None:
        if self.url is not None:
            text = self.url.get_secret_value()
            try:
                # A webhook's address may well carry its token in the query.
                http_url(text.split("?", 1)[0])
            except ValueError as error:
                raise PydanticCustomError("setting", "{what}", {"key": "url", "what": str(error)}) from None


class NtfyTopic(Section):
    """Questions with buttons to a topic of ntfy."""

    url: SecretStr | None = setting(None, "The topic, such as https://ntfy.sh/my-topic. Kept secret.")
    token: SecretStr | None = setting(None, "Access token of ntfy, for a protected topic.")
    token_file: UserPath | None = setting(None, "File that holds `notify.ntfy.token`.")
    pictures: bool = setting(False, "Sends the face along. It leaves your house then.")

    def _check_secrets(self) -> None:
        if self.url is not None:
            try:
                http_url(self.url.get_secret_value())
            except ValueError as error:
                raise PydanticCustomError("setting", "{what}", {"key": "url", "what": str(error)}) from None


class TelegramChat(Section):
    """Questions with buttons in a chat of a Telegram bot."""

    token: SecretStr | None = setting(None, "The bot's token, from BotFather.")
    token_file: UserPath | None = setting(None, "File that holds `notify.telegram.token`.")
    chat: str | None = setting(None, "Id of the one chat that may answer.", pattern=r"^-?\d{1,20}\Z")
    pictures: bool = setting(False, "Sends the face along. It leaves your house then.")
    server: HttpUrl = setting("https://api.telegram.org", "Another Bot API server.")

    def _check_secrets(self) -> None:
        if self.token is not None and self.chat is None:
            raise PydanticCustomError("setting", "is not set. Give the id of your chat", {"key": "chat"})


class Notify(Section):
    """Messages about what happened."""

    address: HttpUrl | None = setting(
        None,
        "Where your phone reaches smartsort's page. Messages link to it. The buttons of ntfy need it.",
    )
    ntfy: NtfyTopic = section(NtfyTopic, "Questions with buttons to a topic of ntfy.")
    telegram: TelegramChat = section(TelegramChat, "Questions with buttons in a chat of a Telegram bot.")

    urls: tuple[SecretStr, ...] = setting(
        (), "Apprise addresses to send to. Kept secret like passwords.", allowed="a list of Apprise URLs"
    )
    urls_file: UserPath | None = setting(None, "File that holds `notify.urls`, one per line.")
    webhook: Webhook = section(Webhook, "One outgoing webhook.")
    events: tuple[NotifyEvent, ...] = setting(
        ("sorted", "needs_review", "health"), "What is worth a message."
    )
    digest_seconds: float = setting(
        60.0, "Messages of so many seconds become one. Health issues are sent at once.", ge=0, le=86_400
    )
    quiet_hours: Annotated[str, AfterValidator(_quiet_hours)] | None = setting(
        None,
        "Local time in which only health issues are sent. The rest follows afterwards.",
        allowed='a span of the day such as "22:00-07:00"',
    )
    timeout_seconds: float = setting(15.0, "Longest time one message may take.", gt=0, le=600)

    @property
    def quiet_between(self) -> tuple[time, time] | None:
        """Start and end of the quiet hours in local time. The end may be on the next day."""
        if self.quiet_hours is None or not (found := _DAY.fullmatch(self.quiet_hours)):
            return None
        start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
        return time(start_hour, start_minute), time(end_hour, end_minute)

    def _check_secrets(self) -> None:
        if any("://" not in url.get_secret_value() for url in self.urls):
            raise PydanticCustomError("setting", "must be URLs such as ntfy://host/topic", {"key": "urls"})
        if self.ntfy.url is not None and self.address is None:
            why = "is not set, and the buttons of notify.ntfy post to it"
            raise PydanticCustomError("setting", why, {"key": "address"})


class Log(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least important line to write.")
    format: Literal["text", "json"] = setting("text", "`json` writes one object per line.")


class Backup(Section):
    """Copies of the ledger in `backup/` below `root`."""

    interval_hours: float = setting(24.0, "Hours between two copies. 0 makes none.", ge=0)
    keep: int = setting(7, "Copies to keep.", ge=1, le=10_000)
