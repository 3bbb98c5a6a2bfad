"""Names of folders: a person's, and a shard's of the library.

Pure functions; names of files: `smartsort.files.names`.
"""

from __future__ import annotations

import hashlib
import unicodedata

FOLDER_BYTES = 120
"""Longest folder name in UTF-8 bytes; leaves room for tools that add suffixes to the 255 of most systems."""

_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


def folder_name(person: str) -> str:
    """The folder of a person: letters, digits and underscores in lower case ("John Doe" -> `john_doe`).

    Letters of every script stay (NFC), everything else becomes one underscore. A name without a letter
    or digit, and one that is too long, gets a short digest, so that different names stay different and
    no name can leave its folder.
    """
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", person).lower())
    kept = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else "_" for c in lowered)
    name = "_".join(part for part in kept.split("_") if part)
    digest = hashlib.sha256(person.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    if not name:
        return f"person_{digest}"
    if name in _RESERVED:
        return f"{name}_"
    encoded = name.encode()
    if len(encoded) > FOLDER_BYTES:
        kept = encoded[: FOLDER_BYTES - len(digest) - 1].decode(errors="ignore").rstrip("_")
        return f"{kept}_{digest}"
    return name


def same_name(one: str, other: str) -> bool:
    """True when two spellings mean the same person: as typed, without case, or in folder form."""
    if not one or not other:
        return False
    return one.casefold() == other.casefold() or folder_name(one) == folder_name(other)


def shard_folder(shard: int) -> str:
    """The folder of one shard below `library/`, which is one external library of Immich."""
    return f"shard-{shard:04d}"
