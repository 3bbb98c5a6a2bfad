"""Names for files: what Immich can read, what a file system takes, and the next one when it is taken.

Pure functions. Whether a name is free is only ever found out by creating it (`smartsort.files.placement`).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Literal

from smartsort.files.media import ALL_EXTENSIONS

LIBRARY_NAME_BYTES = 200
"""Room is left for what others append: `.xmp`, `_original`, an encrypted folder's overhead."""

NAME_BYTES = 255
"""The longest name of every common file system, in bytes."""

_TAIL_BYTES = 32
"""Kept of a shortened stem's end: counters and time stamps stand there and keep names apart."""

_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)
"""Names that Windows cannot open, whatever follows the first dot."""

_LONGEST_EXTENSION = 16


def split_extension(name: str) -> tuple[str, str]:
    """Stem and extension without its dot, as written. The extension is "" where there is none."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem.strip(".") or not 0 < len(extension) <= _LONGEST_EXTENSION:
        return name, ""
    return stem, extension


def library_name(original: str, extension: str, acceptable: Collection[str] = ()) -> str:
    """Return the name a photo carries inside the library, as close to its own as Immich can read.

    `extension` is the right one for the content, without a dot. The original's own is kept when it is
    this one or one of `acceptable`, in any case. A wrong media extension is replaced, anything else after
    a dot stays and the right extension follows. The result is UTF-8 without control characters, at most
    200 bytes, not hidden, not reserved on Windows, and the function maps it to itself.
    """
    name = _readable(os.path.basename(original))
    stem, own = split_extension(name)
    if own.lower() == extension or own.lower() in acceptable:
        kept = own
    elif own.lower() in ALL_EXTENSIONS:
        kept = extension
    else:
        stem, kept = name, extension
    stem = stem.strip(" ").lstrip(".~").strip(" ").rstrip(".") or "photo"
    if stem.partition(".")[0].strip().lower() in _RESERVED:
        stem = f"_{stem}"
    return shortened(f"{stem}.{kept}", LIBRARY_NAME_BYTES)


def _readable(name: str) -> str:
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name  # as almost all are. Letter by letter is slow
    text = os.fsencode(name).decode("utf-8", "replace").replace("\ufffd", "_")
    return "".join("_" if _unreadable(letter) else letter for letter in text)


def _unreadable(letter: str) -> bool:
    return letter in "/\\" or unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co")


def shortened(name: str, limit: int = NAME_BYTES) -> str:
    """Return the name in at most `limit` bytes: its extension, beginning and end are kept, the middle goes.

    Characters are never cut in two. `limit` is at least 24.
    """
    if name.isascii() and len(name) <= limit:
        return name
    raw = os.fsencode(name)
    if len(raw) <= limit:
        return name
    stem, extension = split_extension(name)
    ending = os.fsencode(f".{extension}") if extension else b""
    room = limit - len(ending) - 1
    tail_room = min(_TAIL_BYTES, room // 2)
    body = os.fsencode(stem)
    head, tail = body[: room - tail_room], body[len(body) - tail_room :]
    while head and _is_inside_character(body, len(head)):
        head = head[:-1]
    while tail and _is_inside_character(body, len(body) - len(tail)):
        tail = tail[1:]
    return os.fsdecode(head + b"~" + tail + ending)


def _is_inside_character(raw: bytes, at: int) -> bool:
    return 0 < at < len(raw) and raw[at] & 0xC0 == 0x80


Form = Literal["NFC", "NFD"]


@dataclass(frozen=True, slots=True)
class NameRules:
    """Which names a file system takes. Without arguments: all that Linux does."""

    refused: frozenset[str] = frozenset()
    """Characters that a name cannot hold."""
    ends: frozenset[str] = frozenset()
    """Characters that a name cannot end with."""
    reserved: bool = False
    """Names of Windows' devices cannot be used."""
    any_bytes: bool = True
    """Names need not be UTF-8."""
    emoji: bool = True
    """Characters beyond U+FFFF can be used."""
    form: Form | None = None
    """The Unicode form that all names get."""
    longest: int = NAME_BYTES

    def fitted(self, name: str) -> str:
        """Return the name, changed as little as it has to be. A name that fits stays. The result fits."""
        if not self.any_bytes:
            name = os.fsencode(name).decode("utf-8", "replace").replace("\ufffd", "_")
        if self.form is not None:
            name = unicodedata.normalize(self.form, name)
        name = "".join("_" if self._refuses(letter) else letter for letter in name)
        name = shortened(name, self.longest)
        if self.ends:
            kept = name.rstrip("".join(self.ends))
            name = kept + "_" * (len(name) - len(kept))
        if self.reserved and name.partition(".")[0].strip().lower() in _RESERVED:
            name = shortened(f"_{name}", self.longest)
        return name

    def _refuses(self, letter: str) -> bool:
        # Of the control characters two were tried.
        tried = "\x01" if letter < " " else letter
        return tried in self.refused or (letter > "\uffff" and not self.emoji)

    def told(self) -> str:
        """Return what it refuses, for people, "" when that is nothing."""
        letters = " ".join(sorted(c for c in self.refused if c.isprintable()))
        parts = (
            (letters, f"the characters {letters}"),
            (any(not c.isprintable() for c in self.refused), "control characters"),
            (self.ends, "a dot or a space at the end"),
            (self.reserved, "names of Windows' devices (con, nul)"),
            (not self.any_bytes, "bytes that are no UTF-8"),
            (not self.emoji, "emoji"),
            (self.form, f"names in another Unicode form than {self.form}"),
            (self.longest < NAME_BYTES, f"more than {self.longest} bytes"),
        )
        return ", ".join(words for holds, words in parts if holds)


ANY_NAME = NameRules()


def with_prefix(prefix: str, name: str) -> str:
    """`duplicate_` + name, shortened where the two together are too long."""
    return shortened(prefix + name)


def candidates(name: str, moment: datetime) -> Iterator[str]:
    """Yield names to try in order: the name, the name with `moment`, then with a counter, without end."""
    yield shortened(name)
    stem, extension = split_extension(name)
    ending = f".{extension}" if extension else ""
    stamped = f"{stem}_{moment:%Y%m%d_%H%M%S}"
    yield shortened(f"{stamped}{ending}")
    for number in count(2):
        yield shortened(f"{stamped}_{number}{ending}")
