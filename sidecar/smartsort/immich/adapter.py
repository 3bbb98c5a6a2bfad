"""`ImmichServer`: all the calls in one object."""

from __future__ import annotations

from typing import Any, Self

from smartsort.config.immich import Immich
from smartsort.immich.albums import AlbumCalls
from smartsort.immich.assets import AssetCalls
from smartsort.immich.libraries import LibraryCalls
from smartsort.immich.people import PeopleCalls
from smartsort.immich.queues import QueueCalls


class ImmichServer(LibraryCalls, QueueCalls, AssetCalls, PeopleCalls, AlbumCalls):
    """One Immich, as `smartsort.ports.PhotoServer`.

    `url` is the address with or without `/api`, `api_key` a key of the owner of the library. Where that owner
    is no administrator, `admin_api_key` is used for what only administrators may do (libraries and queues).
    `timeout_seconds` limits the waiting for an answer, `connect_timeout_seconds` that for the connection.
    `retries` is how often a call that may be repeated is repeated. `transport`, `sleep` and `jitter` (0 to 1)
    are for tests.

    Use it as an asynchronous context manager, or call `aclose`. Raises ConfigurationError for an address or
    key that cannot be one. Every call raises `smartsort.errors.ImmichError` and nothing else.
    """

    @classmethod
    def of(cls, settings: Immich, **how: Any) -> Self:
        """The Immich of the settings."""
        keys = (settings.api_key, settings.admin_api_key)
        key, admin_key = (each.get_secret_value() if each else "" for each in keys)
        return cls(str(settings.url), key, admin_api_key=admin_key, verify_tls=settings.verify_tls, **how)
