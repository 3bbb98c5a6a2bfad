"""Which files of the inbox belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from smartsort.files.inbox import Entry
from smartsort.files.media import IMAGE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from smartsort.files.names import split_extension


class GroupKind(StrEnum):
    """Why files belong together, beside their sidecars."""

    SINGLE = "single"
    RAW_AND_IMAGE = "raw_and_image"
    LIVE_PHOTO = "live_photo"


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one moment. `members` has the picture to look at first; `sidecars` are (XMP, whose) pairs."""

    kind: GroupKind
    members: tuple[Entry, ...]
    sidecars: tuple[tuple[Entry, Entry], ...] = ()


@dataclass(frozen=True, slots=True)
class Groups:
    """All entries, grouped. `orphans` are sidecars whose photo is not there."""

    groups: tuple[Group, ...]
    orphans: tuple[Entry, ...]


def groups(entries: Iterable[Entry]) -> Groups:
    """What belongs together, by name alone and within one folder; the order of the entries is kept.

    - `a.jpg.xmp` belongs to `a.jpg`; `a.xmp` to the photos `a.*`: to the raw photo if there is one (raw
      developers write this form), else to the picture, else to the video.
    - a raw photo and a picture of one stem are one shot; a HEIC or JPEG and a MOV or MP4 of one stem are a
      Live Photo, and with a raw photo too all three are one group.

    Extensions are compared without case, stems as written. Two pictures of one stem (`a.jpg`, `a.png`) are
    two photos: each stays single, and so do the others of that stem.
    """
    photos: dict[tuple[str, str], list[Entry]] = {}
    by_path: dict[tuple[str, str], Entry] = {}
    sidecars: list[Entry] = []
    for entry in entries:
        stem, extension = split_extension(entry.name)
        if extension.lower() == "xmp":
            sidecars.append(entry)
        else:
            photos.setdefault((entry.folder, stem), []).append(entry)
            by_path[entry.folder, entry.name] = entry
    owned: dict[str, list[Entry]] = {}
    orphans: list[Entry] = []
    for sidecar in sidecars:
        owner = _owner_of(sidecar, photos, by_path)
        if owner is None:
            orphans.append(sidecar)
        else:
            owned.setdefault(owner.path, []).append(sidecar)
    found = [
        Group(kind, members, tuple((xmp, member) for member in members for xmp in owned.get(member.path, ())))
        for same_stem in photos.values()
        for kind, members in _shots(same_stem)
    ]
    return Groups(tuple(found), tuple(orphans))


def _owner_of(
    sidecar: Entry, photos: dict[tuple[str, str], list[Entry]], by_path: dict[tuple[str, str], Entry]
) -> Entry | None:
    stem, _ = split_extension(sidecar.name)
    whole = by_path.get((sidecar.folder, stem))
    if whole is not None:
        return whole
    # Ranks 0 to 2 can have a sidecar of this form, anything else cannot.
    ranked = sorted(photos.get((sidecar.folder, stem), ()), key=lambda entry: (rank_of(entry), entry.path))
    return ranked[0] if ranked and rank_of(ranked[0]) < _NO_MEDIUM else None


RAW, VIDEO, _NO_MEDIUM = 0, 2, 3


def rank_of(entry: Entry) -> int:
    extension = split_extension(entry.name)[1].lower()
    for rank, extensions in enumerate((RAW_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS)):
        if extension in extensions:
            return rank
    return _NO_MEDIUM


def _shots(same_stem: Sequence[Entry]) -> list[tuple[GroupKind, tuple[Entry, ...]]]:
    single: list[tuple[GroupKind, tuple[Entry, ...]]] = [(GroupKind.SINGLE, (entry,)) for entry in same_stem]
    if len(same_stem) == 1:
        return single
    raw, image, video, other = ([each for each in same_stem if rank_of(each) == rank] for rank in range(4))
    if other or len(image) != 1 or len(raw) > 1 or len(video) > 1:
        return single
    if video and not _may_be_live(image[0], video[0]):
        return single
    kind = GroupKind.LIVE_PHOTO if video else GroupKind.RAW_AND_IMAGE
    return [(kind, (*image, *raw, *video))]


def has_other_half(entry: Entry) -> bool:
    """True for files that cameras and telephones mostly write in two; JPEG and MP4 mostly come alone."""
    extension = split_extension(entry.name)[1].lower()
    return extension in ("heic", "heif", "mov") or extension in RAW_EXTENSIONS


def _may_be_live(image: Entry, video: Entry) -> bool:
    still, moving = (split_extension(each.name)[1].lower() for each in (image, video))
    return still in ("heic", "heif", "jpg", "jpeg") and moving in ("mov", "mp4")
