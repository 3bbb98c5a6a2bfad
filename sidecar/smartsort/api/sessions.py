"""Browsers that have signed in: a signed cookie, and a word that a foreign page cannot know.

The cookie is signed with a key made of the token that opened the session. A session survives a restart
and ends with its token. A request that changes something also needs the session's word in a header:
another page can make a browser send the cookie, and can neither read the word nor set the header.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from smartsort.api.security import Caller, KnownToken, Tokens

Value = TypeVar("Value")

COOKIE = "smartsort_session"
HEADER = "x-smartsort-session"
"""Carries the word of the session with every request that changes something."""

LASTS = timedelta(days=30)
LINK_LASTS = timedelta(minutes=10)

ATTEMPTS, WINDOW = 10, timedelta(minutes=5)
"""Wrong tokens that one address may give in this time."""

_REMEMBERED = 10_000
"""Addresses and ended sessions kept in memory, so that a flood of them fills nothing."""

_LOCAL_NAMES = (".local", ".lan", ".internal", ".home", ".home.arpa", ".localhost")


@dataclass(frozen=True, slots=True)
class Session:
    """One browser. `word` goes with every request that changes something."""

    caller: Caller
    word: str
    nonce: str


@dataclass(slots=True)
class Sessions:
    """Opens, checks and ends sessions."""

    tokens: Tokens
    now: Callable[[], datetime]
    _ended: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _links: dict[bytes, tuple[KnownToken, datetime]] = field(default_factory=dict)
    _failures: OrderedDict[str, deque[datetime]] = field(default_factory=OrderedDict)

    def open(self, known: KnownToken) -> str:
        """Return the cookie of a new session."""
        return self._signed(known, int((self.now() + LASTS).timestamp()), secrets.token_urlsafe(18))

    def of_cookie(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie, None for one that is forged, over or ended."""
        until, _, rest = (cookie or "").partition(".")
        nonce, _, _ = rest.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12) or nonce in self._ended:
            return None
        found: Session | None = None
        for known in self.tokens.known:
            # Every key is tried: how long it takes tells nothing.
            genuine = hmac.compare_digest(
                self._signed(known, int(until), nonce).encode(), (cookie or "").encode("utf-8", "replace")
            )
            if genuine:
                found = Session(known.caller, _mac(known, f"word.{nonce}"), nonce)
        return found if int(until) > self.now().timestamp() else None

    def end(self, session: Session) -> None:
        """Refuse the cookie of this session from now on."""
        _bounded(self._ended, session.nonce, None)

    def link(self, known: KnownToken) -> str:
        """Return a word that opens one session, once, within ten minutes."""
        now = self.now()
        self._links = {key: one for key, one in self._links.items() if one[1] > now}
        word = secrets.token_urlsafe(24)
        self._links[_digest(word)] = (known, now + LINK_LASTS)
        return word

    def redeem(self, word: str) -> KnownToken | None:
        """Return whose session a link opens, None for one that is unknown, used or over."""
        known, until = self._links.pop(_digest(word), (None, self.now()))
        return known if until > self.now() else None

    @staticmethod
    def _signed(known: KnownToken, until: int, nonce: str) -> str:
        return f"{until}.{nonce}.{_mac(known, f'session.{until}.{nonce}')}"

    # --- guessing ----------------------------------------------------------------------------

    def wait_seconds(self, address: str) -> int:
        """Return how long an address has to wait after too many wrong tokens, 0: not at all."""
        failures = self._failures.get(address)
        if failures is None or len(failures) < ATTEMPTS:
            return 0
        return max(0, int((failures[0] + WINDOW - self.now()).total_seconds()) + 1)

    def failed(self, address: str) -> None:
        """Remember a wrong token."""
        failures = self._failures.get(address)
        if failures is None:
            failures = deque(maxlen=ATTEMPTS)
            _bounded(self._failures, address, failures)
        failures.append(self.now())


def _bounded(kept: OrderedDict[str, Value], key: str, value: Value) -> None:
    kept[key] = value
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).digest()


def _mac(known: KnownToken, text: str) -> str:
    return hmac.new(known.digest, f"smartsort.{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def is_home_name(host: str, allowed: Sequence[str]) -> bool:
    """Return True for a `Host` that the page is served under.

    Addresses, names without a dot and names of a home network are allowed, and those of `api.hosts`. A page
    on a public name can be pointed at this machine by its owner (DNS rebinding), so other names are not.
    """
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    name = name.rstrip(".")
    if not name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_LOCAL_NAMES) or name in {one.lower() for one in allowed}
    return True
