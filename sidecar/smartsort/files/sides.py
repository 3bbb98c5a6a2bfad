"""Files beside photos that are no photos: what they are, and which photo their names mean.

`IMG_1.jpg.xmp` and `IMG_1.xmp` both mean `IMG_1.jpg`. A side file whose name means exactly one photo of its
folder travels with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from smartsort.files import media
from smartsort.files.media import ALL_EXTENSIONS, IMAGE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from smartsort.files.names import split_extension
from smartsort.files.shown import shown
from smartsort.files.signatures import format_of

XMP, TAKEOUT = "xmp", "json"

_SUPPLEMENTAL = "supplemental-metadata"
_CUT = "|".join(_SUPPLEMENTAL[:length] for length in range(len(_SUPPLEMENTAL), 0, -1))

# What the side file is, the end of its name, and whether programs append it to a photo's whole name.
_KINDS = (
    ("info", r"\.info\.json", False),  # yt-dlp, gallery-dl
    # Google Takeout cuts the long ending at 46 characters and puts the number of a repeated name behind it.
    (TAKEOUT, rf"(?:\.(?:{_CUT})?)?(?P<number>\(\d+\))?\.json", True),
    (XMP, r"\.xmp", True),
    ("pp3", r"\.pp3", True),  # RawTherapee
    ("dop", r"\.dop", True),  # DxO PhotoLab
    ("zone", r"[:_\uf03a]?Zone\.Identifier", True),  # Windows, where a download came from. SMB writes \uf03a
    *((sum_, rf"\.{sum_}", True) for sum_ in ("md5", "sha1", "sha256", "sha512", "sfv", "crc32")),
    ("txt", r"(?:(?<=\.(?:jpg|png|gif|mp4))|(?<=\.(?:jpeg|webp|heic|webm)))\.txt", True),  # gallery-dl
    ("aae", r"\.aae", False),  # Apple, an edit
    ("on1", r"\.on1", False),
    ("srt", r"\.srt", False),
    ("vtt", r"\.vtt", False),
    ("description", r"\.description", False),  # yt-dlp
    ("nfo", r"\.nfo", False),
    ("url", r"\.url", False),
    ("webloc", r"\.webloc", False),
    ("thm", r"\.thm", False),  # cameras, a video's thumbnail
)

_PATTERNS = tuple(
    (kind, re.compile(f"(?P<base>.+?){ending}", re.IGNORECASE | re.DOTALL), whole)
    for kind, ending, whole in _KINDS
)
_MEDIA = ALL_EXTENSIONS - {XMP}

_LISTS = re.compile(r"(?:md5|sha\d+|check)sums?(?:\.txt)?", re.IGNORECASE)
"""Side files of a whole folder."""

LONGEST_ENDING = len(f".{_SUPPLEMENTAL}.json")
"""Bytes that a photo with side files leaves free in its name."""

SIDE_KINDS = tuple(kind for kind, *_ in _KINDS)


@dataclass(frozen=True, slots=True)
class Side:
    """A side file by its name: `kind` is one of SIDE_KINDS, `base` what stands before its ending.

    `ending` is what it appends to a photo's whole name, or to the name without its extension (`whole`).
    """

    kind: str
    base: str
    ending: str
    whole: bool
    number: str = ""
    """Takeout's `(1)` of a repeated name, which `base` has by now."""

    @property
    def of_raw(self) -> bool:
        """True for the settings of raw developers, which mean the raw half of a shot."""
        return self.kind in (XMP, "pp3", "dop", "on1")


def side_of(name: str) -> Side | None:
    """Return what a side file is and whom it means, None for anything else.

    A list of the files of a folder has an empty base.
    """
    if is_medium(name):
        return None  # as almost all are
    for kind, pattern, whole in _PATTERNS:
        found = pattern.fullmatch(name)
        if found is None:
            continue
        base, ending = found["base"], name[len(found["base"]) :]
        number = ""
        if kind == TAKEOUT:
            number = found["number"] or ""
            ending = ".json" if ending.startswith((".json", "(")) else f".{_SUPPLEMENTAL}.json"
        return Side(kind, _numbered(base, number), ending, whole, number)
    return Side("md5", "", "", whole=True) if _LISTS.fullmatch(name) else None


def titled(side: Side, title: str) -> Side:
    """Return a Takeout JSON by the title inside, which Takeout never cuts."""
    return replace(side, base=_numbered(title, side.number))


def _numbered(base: str, number: str) -> str:
    stem, extension = split_extension(base)
    return f"{stem}{number}.{extension}" if number and extension else f"{base}{number}"


def refusal(name: str, head: bytes) -> str | None:
    """Why a file is refused where files are handed in one by one, None for photos, whatever their names.

    `head` are its first bytes (`smartsort.files.signatures.HEAD_BYTES`).
    """
    if side_of(name) is None or format_of(head) not in (None, media.XMP):
        return None
    return (
        f"{shown(name)} is no photo but belongs to one. Put it into the inbox beside its photo, "
        "and it travels with it"
    )


def side_name(side: Side, photo_name: str) -> str:
    """Return the name of a side file beside a photo of this name: `IMG_1.jpg.xmp`, `IMG_1.AAE`.

    One that means the raw or moving half of the shot keeps that half's extension: `IMG_1.dng.xmp`.
    """
    stem, own = split_extension(photo_name)
    if not side.whole:
        return f"{stem}{side.ending}"
    whose = split_extension(side.base)[1]
    halves = (RAW_EXTENSIONS, VIDEO_EXTENSIONS - IMAGE_EXTENSIONS)
    if any(whose.lower() in half and own.lower() not in half for half in halves):
        return f"{stem}.{whose}{side.ending}"
    return f"{photo_name}{side.ending}"


def is_medium(name: str) -> bool:
    """Return True for a name with an extension of a picture, raw photo or video."""
    return split_extension(name)[1].lower() in _MEDIA
