"""Which files of the inbox are one shot, and which side files belong to it.

Equal names only make candidates. What makes two files one shot is what they say themselves
(`smartsort.files.shots`). Without evidence they are two photos.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from smartsort.files.inbox import Entry
from smartsort.files.media import IMAGE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from smartsort.files.metadata import Metadata
from smartsort.files.names import split_extension
from smartsort.files.shots import why_live, why_same_shot
from smartsort.files.sides import Side, side_of

MetadataOf = Callable[[Entry], Metadata]


class GroupKind(StrEnum):
    """Why files belong together, beside their side files."""

    SINGLE = "single"
    RAW_AND_IMAGE = "raw_and_image"
    LIVE_PHOTO = "live_photo"


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one moment. `members` has the picture first. `why` tells what proves they are one shot."""

    kind: GroupKind
    members: tuple[Entry, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Files of one folder whose names make them candidates for one shot, in the order of their paths."""

    media: tuple[Entry, ...]

    @property
    def may_be_shots(self) -> bool:
        """True when two of them could be halves of one shot."""
        ranks = {rank_of(entry) for entry in self.media}
        return IMAGE in ranks and bool(ranks & {RAW, VIDEO})


RAW, IMAGE, VIDEO, _NO_MEDIUM = 0, 1, 2, 3

_EXTENSIONS = {
    **dict.fromkeys(VIDEO_EXTENSIONS, VIDEO),
    **dict.fromkeys(IMAGE_EXTENSIONS, IMAGE),
    **dict.fromkeys(RAW_EXTENSIONS, RAW),
    "mp": VIDEO,  # Google's name for the clip of a motion photo
}

_NUMBER = re.compile(r"\s?\(\d+\)$")
_ICLOUDPD = re.compile(r"_(?:hevc|heic)$", re.IGNORECASE)
_GOOGLE = ".mp"
_TAKEOUT_CUTS_AT = 46


def rank_of_name(name: str) -> int:
    """RAW, IMAGE or VIDEO by the extension, or something larger."""
    return _EXTENSIONS.get(split_extension(name)[1].lower(), _NO_MEDIUM)


def rank_of(entry: Entry) -> int:
    """As `rank_of_name`."""
    return rank_of_name(entry.name)


def clusters(media: Iterable[Entry]) -> list[Cluster]:
    """Return the candidates for one shot. The order of the entries is kept.

    Names are compared without case, extension and number of a repeated name (`IMG_1(1).MOV`). icloudpd's
    `IMG_1_HEVC.MOV` goes with `IMG_1.JPG`, Google's `PXL_1.MP` with `PXL_1.MP.jpg`.
    """
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in media:
        found.setdefault((entry.folder, shot_stem(entry.name)), []).append(entry)
    return [Cluster(tuple(entries)) for entries in found.values()]


def shot_stem(name: str) -> str:
    """Return what the names of the halves of one shot have in common."""
    stem, extension = split_extension(name)
    stem = stem.casefold()
    if _EXTENSIONS.get(extension.lower()) is VIDEO:
        stem = _ICLOUDPD.sub("", stem)
    return _NUMBER.sub("", stem.removesuffix(_GOOGLE))


def names_a_half(clip: str, picture: str) -> bool:
    """Return True for names that a program gives to the moving halves of shots alone."""
    stem, extension = split_extension(clip.casefold())
    still = split_extension(picture.casefold())[0]
    if extension == "mp":
        return still == f"{stem}{_GOOGLE}"
    return _ICLOUDPD.search(stem) is not None and _ICLOUDPD.sub("", stem) == still


def half_name(half: str, picture: str) -> str:
    """Return the name of a raw photo or clip beside a picture of this name.

    What icloudpd and Google add is kept.
    """
    stem, extension = split_extension(half)
    own = split_extension(picture)[0]
    if extension.lower() == "mp" and own.lower().endswith(_GOOGLE):
        return own
    mark = _ICLOUDPD.search(stem)
    return f"{own}{mark[0] if mark else ''}.{extension}" if extension else own


def shots(cluster: Cluster, metadata_of: MetadataOf) -> list[Group]:
    """Return the shots of a cluster, by what its files say. Everything else is single.

    A picture takes one raw photo and one clip at most. Of several that fit, the identifier counts more than
    the time, and then the name that is most alike.
    """
    pictures = [entry for entry in cluster.media if rank_of(entry) == IMAGE]
    whole: dict[str, tuple[dict[int, Entry], list[str]]] = {each.path: ({}, []) for each in pictures}
    taken: set[str] = set()
    for *_, why, picture, half in sorted(_pairs(cluster, pictures, metadata_of), key=lambda pair: pair[:2]):
        halves, reasons = whole[picture.path]
        if half.path not in taken and rank_of(half) not in halves:
            taken.add(half.path)
            halves[rank_of(half)] = half
            reasons.append(why)
    found = []
    for entry in cluster.media:
        halves, reasons = whole.get(entry.path, ({}, []))
        if entry.path in taken:
            continue
        kind = (
            GroupKind.LIVE_PHOTO
            if VIDEO in halves
            else GroupKind.RAW_AND_IMAGE
            if halves
            else GroupKind.SINGLE
        )
        members = (entry, *(halves[rank] for rank in (RAW, VIDEO) if rank in halves))
        found.append(Group(kind, members, ", ".join(dict.fromkeys(reasons))))
    return found


def _pairs(
    cluster: Cluster, pictures: Sequence[Entry], metadata_of: MetadataOf
) -> Iterator[tuple[bool, bool, str, Entry, Entry]]:
    """(not by identifier, named otherwise, why, picture, its half) of all that could be paired."""
    for half in cluster.media:
        rank = rank_of(half)
        if rank not in (RAW, VIDEO):
            continue
        for picture in pictures:
            if rank == VIDEO:
                named = names_a_half(half.name, picture.name)
                why = why_live(metadata_of(picture), metadata_of(half), named=named)
            else:
                why = why_same_shot(metadata_of(picture), metadata_of(half))
            if why is not None:
                other = split_extension(half.name)[0] != split_extension(picture.name)[0]
                yield why != "content identifier", other, why, picture, half


def owner_of(side: Side, folder: str, media: dict[tuple[str, str], list[Entry]]) -> Entry | None:
    """Return the medium that a side file's name means, None where it means none or several.

    `media` has the entries by folder and name, and by folder and name without extension. Of the halves of
    one stem a raw developer's settings mean the raw photo, anything else the picture.
    """
    named = media.get((folder, side.base), ())
    whole = [entry for entry in named if entry.name == side.base]
    if whole:
        return whole[0]
    order = (RAW, IMAGE, VIDEO) if side.of_raw else (IMAGE, VIDEO, RAW)
    found = sorted(
        (each for each in named if rank_of(each) != _NO_MEDIUM),
        key=lambda e: (order.index(rank_of(e)), e.path),
    )
    # `a.json` beside `a.jpg` and `a.png` means neither. `a.xmp` of raw developers has always meant the first.
    if len(found) > 1 and rank_of(found[0]) == rank_of(found[1]) and not side.of_raw:
        return None
    return found[0] if found else None


def cut_name(entry: Entry, side: Side, media: Iterable[Entry]) -> Entry | None:
    """The one photo of the folder that a name means which Takeout has cut, None where that is not sure."""
    if len(entry.name) < _TAKEOUT_CUTS_AT:
        return None
    found = [m for m in media if m.folder == entry.folder and m.name.startswith(side.base)]
    return found[0] if len(found) == 1 else None


def by_name(media: Iterable[Entry]) -> dict[tuple[str, str], list[Entry]]:
    """Entries by folder and name, and by folder and name without extension, for `owner_of`."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in media:
        for name in {entry.name, split_extension(entry.name)[0]}:
            found.setdefault((entry.folder, name), []).append(entry)
    return found


def sorted_out(entries: Iterable[Entry]) -> tuple[list[Entry], list[tuple[Entry, Side]]]:
    """Return the media, and the side files with what their names say."""
    media, sides = [], []
    for entry in entries:
        side = side_of(entry.name)
        if side is None:
            media.append(entry)
        else:
            sides.append((entry, side))
    return media, sides


def has_other_half(entry: Entry) -> bool:
    """Return True for files that cameras and telephones mostly write in two.

    JPEG and MP4 mostly come alone.
    """
    extension = split_extension(entry.name)[1].lower()
    return extension in ("heic", "heif", "mov", "mp") or extension in RAW_EXTENSIONS
