"""Which addresses and keys are taken, and what becomes of them."""

from __future__ import annotations

import pytest

from smartsort.errors import ConfigurationError
from smartsort.immich import Capabilities, ImmichServer
from smartsort.immich.address import ApiKeys, api_address


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("http://immich:2283", "http://immich:2283/api"),
        ("http://immich:2283/", "http://immich:2283/api"),
        ("http://immich:2283/api", "http://immich:2283/api"),
        (" http://immich:2283/api// ", "http://immich:2283/api"),
        ("https://example.com/photos", "https://example.com/photos/api"),
        ("https://example.com/photos/api/", "https://example.com/photos/api"),
        ("HTTPS://Example.com", "https://example.com/api"),
        ("http://[::1]:2283", "http://[::1]:2283/api"),
        ("http://example.com/apiary", "http://example.com/apiary/api"),
    ],
)
def test_finds_the_api(typed: str, address: str) -> None:
    assert api_address(typed) == address
    assert ImmichServer(typed, "key").address == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "immich:2283",
        "ftp://immich",
        "http://",
        "http://immich:port",
        "http://immich?x=1",
        "http://immich#x",
        "http://user:password@immich",
        "http://[::1",
    ],
)
def test_refuses_what_is_no_address(typed: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        api_address(typed)
    assert "password@" not in str(error.value)


@pytest.mark.parametrize("key", ["", "  ", "schlüssel", "two\nlines"])
def test_refuses_what_is_no_key_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        ApiKeys(key, "")
    assert not key.strip() or key not in str(error.value)


@pytest.mark.parametrize(
    ("version", "supported", "finds_together"),
    [
        ((2, 4, 9), False, False),
        ((2, 5, 6), True, False),
        ((3, 1, 0), True, False),
        ((3, 2, 0), True, True),
        ((4, 0, 0), True, True),
    ],
)
def test_knows_its_versions(version: tuple[int, int, int], supported: bool, finds_together: bool) -> None:
    capabilities = Capabilities.of(version)
    assert capabilities.supported is supported
    assert capabilities.finds_together is finds_together
