"""What a downloaded or uploaded file is called: from headers and URLs, which anybody can write."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from smartsort.files.media import ALL_EXTENSIONS
from smartsort.files.names import LIBRARY_NAME_BYTES, shortened, split_extension
from smartsort.files.signatures import format_of

_PARAMETER = re.compile(
    r";\s*(?P<name>[\w!#$%&'*+.^`|~-]+)\s*=\s*(?:\"(?P<quoted>(?:\\.|[^\"\\])*)\"|(?P<token>[^;\"]*))"
)


def safe_name(text: str, default: str = "photo") -> str:
    """Return a plain file name: the last part of any path in `text`, no control characters, not hidden.

    At most 200 bytes. What is left when nothing is left is `default`.
    """
    # Separators of both worlds: a name is never a path.
    last = re.split(r"[/\\]", text.rstrip("/\\"))[-1]
    kept = "".join(
        "_" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or c == ":" else c
        for c in unicodedata.normalize("NFC", last)
    )
    kept = kept.strip(" ").lstrip(".~ ").rstrip(". ")
    return shortened(kept, LIBRARY_NAME_BYTES) if kept.strip("_") else default


def disposition_name(header: str | None) -> str | None:
    """The file name of a Content-Disposition (RFC 6266), `filename*` (RFC 8187) preferred, raw, not safe."""
    if not header:
        return None
    plain = extended = None
    for found in _PARAMETER.finditer(header if ";" in header else f";{header}"):
        name = found["name"].lower()
        quoted = found["quoted"]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found["token"].strip()
        if name == "filename" and plain is None:
            plain = _as_meant(value)
        elif name == "filename*" and extended is None:
            extended = _extended(value)
    return extended or plain or None


def _as_meant(value: str) -> str:
    """Headers arrive as Latin-1, but most servers that write other letters write UTF-8."""
    try:
        value = value.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return value
    return value


def _extended(value: str) -> str | None:
    charset, quote, rest = value.partition("'")
    if not quote:
        return None
    _language, quote, encoded = rest.partition("'")
    if not quote or charset.lower() not in ("utf-8", "iso-8859-1"):
        return None
    try:
        return unquote_to_bytes(encoded).decode(charset.lower())
    except UnicodeDecodeError:
        return None


def download_name(disposition: str | None, *urls: str) -> str:
    """The name of a download: from its Content-Disposition, else from the first URL that has a file name.

    A URL with an extension known to be a picture's or video's is preferred to one without.
    """
    given = disposition_name(disposition)
    if given is not None and (name := safe_name(given, "")):
        return name
    names = [name for url in urls if (name := safe_name(unquote(urlsplit(url).path), ""))]
    return next(
        (n for n in names if split_extension(n)[1].lower() in ALL_EXTENSIONS), (names or ["photo"])[0]
    )


def with_media_extension(name: str, path: str) -> str:
    """Return the name, with the right extension for the file's content where it has none of a medium.

    The content is looked at by its first bytes only. Whether it is whole is found out in the pipeline.
    """
    if split_extension(name)[1].lower() in ALL_EXTENSIONS:
        return name
    with open(path, "rb") as stream:
        found = format_of(stream.read(4096))
    return shortened(f"{name}.{found.extension}", LIBRARY_NAME_BYTES) if found else name


def modified_ns(header: str | None, now: datetime) -> int | None:
    """A Last-Modified as nanoseconds since 1970, None when it is missing, nonsense or in the future."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not datetime(1970, 1, 2, tzinfo=UTC) <= moment <= now:
        return None
    return int(moment.timestamp()) * 1_000_000_000


def looks_like_page(head: bytes, content_type: str) -> bool:
    """Return True for a web page by its first bytes.

    What it calls itself counts only when it is no medium.
    """
    if format_of(head) is not None:
        return False
    if content_type.partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml"):
        return True
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    starts = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title", b"<meta")
    return text.startswith(starts) or (text.startswith((b"<!--", b"<?xml")) and b"<html" in text)


def boot_id() -> str:
    """Changes when the machine restarts. Where the system tells none, with every process.

    What a process wrote survives its own end but, until it is flushed, not the machine's.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return secrets.token_hex(8)
