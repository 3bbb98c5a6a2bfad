"""Names of folders: a person's, and a shard's of the library.

Pure functions. Names of files: `smartsort.files.names`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache

# Each decision compares the people on a photo with the lists and thresholds, so forms of a name are kept.

FOLDER_BYTES = 120
"""Longest folder name in UTF-8 bytes. Leaves room for tools that add suffixes to the 255 of most systems."""

_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


_INVISIBLE_LETTERS = frozenset("\u115f\u1160")
"""Hangul fillers: letters by their category, nothing to the eye. NFKC makes these two of all four."""


def folder_name(person: str, *, apart: bool = False) -> str:
    """The folder of a person: letters, digits and underscores in lower case ("John Doe" -> `john_doe`).

    Letters of every script stay (NFC), everything else becomes one underscore. A name without a letter or
    digit that can be seen, and one that is too long, gets a short digest, so that different names stay
    different and no name can leave its folder. So does the folder of a person who is kept `apart` from
    another whose name has the same folder form.
    """
    name = "_".join(part for part in former_folder_name(person).split("_") if _is_visible(part))
    digest = hashlib.sha256(person.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    if not name:
        return f"person_{digest}"
    if name in _RESERVED:
        name = f"{name}_"
    encoded = name.encode()
    if apart or len(encoded) > FOLDER_BYTES:
        kept = encoded[: FOLDER_BYTES - len(digest) - 1].decode(errors="ignore").rstrip("_")
        return f"{kept}_{digest}"
    return name


@lru_cache(maxsize=10_000)
def former_folder_name(person: str) -> str:
    """What was made of a name before parts that cannot be seen were left out. Photos may lie there."""
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", person).lower())
    kept = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else "_" for c in lowered)
    return "_".join(part for part in kept.split("_") if part)


def _is_visible(part: str) -> bool:
    # A mark (an accent, the selector that makes a heart red) shows on a letter, and only there.
    return any(c.isalnum() and c not in _INVISIBLE_LETTERS for c in part)


def can_name(text: str) -> bool:
    """Return True when the text has a letter or digit that can be seen, so that a folder can be named so."""
    return any(map(_is_visible, former_folder_name(text).split("_")))


def folder_names(person: str) -> tuple[str, ...]:
    """Return all folders that a person of this name may have photos in, the usual one first."""
    found = (folder_name(person), folder_name(person, apart=True), former_folder_name(person))
    return tuple(dict.fromkeys(name for name in found if name))


def folder_key(person: str) -> str:
    """Equal for names whose folders are one to a disk that ignores case, or look like one."""
    folder = unicodedata.normalize("NFD", folder_name(person)).casefold()
    return unicodedata.normalize("NFC", "".join(c for c in folder if not _selects_variant(c)))


def _selects_variant(letter: str) -> bool:
    return "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef" or letter == "\u034f"


@lru_cache(maxsize=10_000)
def spelled(person: str) -> str:
    """Equal for names that people read as one: case, composed letters and what cannot be seen aside."""
    seen = "".join(c for c in person if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).casefold()).split())


def same_name(one: str, other: str) -> bool:
    """Return True when two spellings are one name: as people read it, or one is the folder of the other."""
    if not one or not other:
        return False
    first, second = spelled(one), spelled(other)
    return first == second or first in _typed_folders(other) or second in _typed_folders(one)


@lru_cache(maxsize=10_000)
def _typed_folders(person: str) -> frozenset[str]:
    return frozenset(map(spelled, folder_names(person)))


def shard_folder(shard: int) -> str:
    """Return the folder of one shard below `library/`, which is one external library of Immich."""
    return f"shard-{shard:04d}"
