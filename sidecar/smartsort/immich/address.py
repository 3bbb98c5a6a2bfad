"""From what a person types as Immich's address to the address of its API, and the key that goes with it."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from smartsort.errors import ConfigurationError

KEY_HEADER = "x-api-key"


def api_address(url: str) -> str:
    """Return the address of the API, ending in `/api`, without a slash at the end.

    `url` may have a path in front, `/api` at its end, and slashes. Raises ConfigurationError for anything
    that is not a plain http or https address.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"The address of Immich, {text!r}, cannot be read: {error}.") from None
    if "@" in parts.netloc:
        raise ConfigurationError(
            "The address of Immich holds a user name or password. Leave them out, smartsort uses the API key."
        )
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"The address of Immich, {text!r}, must look like http://immich-server:2283 or "
            "https://photos.example.com."
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(f"The address of Immich, {text!r}, must end before the ? or #.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/")
    if path.endswith("/api"):
        path = path.removesuffix("/api").rstrip("/")
    place = f"{host}:{port}" if port is not None else host
    return urlunsplit((parts.scheme.lower(), place, f"{path}/api", "", ""))


class ApiKeys:
    """The API key, and the administrator's for what only administrators may do.

    Kept here and not in a client or its headers, so that no repr shows them. An empty administrator's key
    means that there is one key for everything.
    """

    def __init__(self, key: str, admin_key: str) -> None:
        self._key = _clean(key)
        self._admin_key = _clean(admin_key) if admin_key.strip() else self._key

    def __repr__(self) -> str:
        return "ApiKeys(...)"

    def of(self, *, as_admin: bool) -> str:
        """Return the key to send."""
        return self._admin_key if as_admin else self._key


def _clean(key: str) -> str:
    key = key.strip()
    if not key:
        raise ConfigurationError("The API key of Immich is empty. Make one in Immich's account settings.")
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError("The API key of Immich holds characters that no key has. Copy it again.")
    return key
