"""Sessions of browsers: what opens one, what ends it, and which names the page is served under."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.api.security import Tokens
from smartsort.api.sessions import ATTEMPTS, LASTS, LINK_LASTS, WINDOW, Sessions, is_home_name

ADMIN, REVIEWER = "token-of-the-admin", "token-of-a-reviewer"


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def sessions(clock: Clock, admin: str = ADMIN) -> Sessions:
    return Sessions(Tokens([("admin", ["admin"], admin), ("eva", ["review"], REVIEWER)]), clock.now)


def opened(kept: Sessions, token: str = ADMIN) -> str:
    known = kept.tokens.find(token)
    assert known is not None
    return kept.open(known)


def test_a_session_is_its_tokens_and_survives_a_restart():
    clock = Clock()
    cookie = opened(sessions(clock), REVIEWER)
    session = sessions(clock).of_cookie(cookie)
    assert session is not None
    assert session.caller.name == "eva"
    assert session.caller.scopes == {"review"}


def test_two_sessions_of_one_token_have_words_of_their_own():
    kept = sessions(Clock())
    first, second = (kept.of_cookie(opened(kept)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.word != second.word


def test_a_session_ends_with_its_time_its_token_and_by_signing_out():
    clock = Clock()
    kept = sessions(clock)
    cookie, other = opened(kept), opened(kept)
    assert sessions(clock, admin="another token").of_cookie(cookie) is None
    session = kept.of_cookie(cookie)
    assert session is not None
    kept.end(session)
    assert kept.of_cookie(cookie) is None
    clock.time += LASTS - timedelta(seconds=2)
    assert kept.of_cookie(other) is not None
    clock.time += timedelta(seconds=3)
    assert kept.of_cookie(other) is None


KEPT = sessions(Clock())
COOKIE = opened(KEPT)
"""Made once: hypothesis draws by its letters, which another cookie would not have."""


@given(st.data())
def test_a_cookie_with_one_letter_changed_opens_nothing(data):
    kept, cookie = KEPT, COOKIE
    at = data.draw(st.integers(0, len(cookie) - 1))
    letter = data.draw(
        st.characters(min_codepoint=33, max_codepoint=0x2FFF).filter(lambda c: c != cookie[at])
    )
    assert kept.of_cookie(cookie[:at] + letter + cookie[at + 1 :]) is None


@given(st.text(max_size=200))
def test_no_text_is_a_session(text):
    assert sessions(Clock()).of_cookie(text) is None


def test_a_longer_time_cannot_be_written_into_a_cookie():
    clock = Clock()
    kept = sessions(clock)
    until, _, rest = opened(kept).partition(".")
    assert kept.of_cookie(f"{int(until) + 86400}.{rest}") is None


def test_a_link_opens_one_session_within_its_time():
    clock = Clock()
    kept = sessions(clock)
    known = kept.tokens.find(REVIEWER)
    assert known is not None
    word, late = kept.link(known), kept.link(known)
    assert kept.redeem(word) is known
    assert kept.redeem(word) is None
    assert kept.redeem("") is None
    clock.time += LINK_LASTS
    assert kept.redeem(late) is None


def test_guessing_has_to_wait():
    clock = Clock()
    kept = sessions(clock)
    for _ in range(ATTEMPTS):
        assert kept.wait_seconds("192.0.2.7") == 0
        kept.failed("192.0.2.7")
    assert 0 < kept.wait_seconds("192.0.2.7") <= WINDOW.total_seconds() + 1
    assert kept.wait_seconds("192.0.2.8") == 0
    clock.time += WINDOW + timedelta(seconds=1)
    assert kept.wait_seconds("192.0.2.7") == 0


def test_a_flood_of_addresses_fills_nothing():
    kept = sessions(Clock())
    for number in range(20_000):
        kept.failed(f"10.0.{number // 250}.{number % 250}")
    assert len(kept._failures) == 10_000


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1:8484",
            "192.168.1.5",
            "[::1]:8484",
            "[fd00::7]",
            "nas",
            "nas:8484",
            "nas.local",
            "NAS.Lan:80",
        ),
        *("smartsort.home.arpa", "photos.example.org", "PHOTOS.example.org:443", "localhost"),
    ],
)
def test_names_of_home(host):
    assert is_home_name(host, ["photos.example.org"])


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "evil.example",
        "127.0.0.1.evil.example",
        "photos.example.org.evil.example",
        "local.evil.example",
        ":80",
    ],
)
def test_names_that_anyone_could_point_here(host):
    assert not is_home_name(host, ["photos.example.org"])
