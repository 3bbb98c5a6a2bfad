"""What a key of Immich has to hold: the least set, what each permission is for, and what fails without it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from smartsort.config import Settings

EVERYTHING = "all"
"""What Immich calls the permission of a key without limits."""


class Key(StrEnum):
    """Whose key needs a permission. With one key for everything it needs both."""

    OWNER = "owner"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Need:
    """One permission.

    `purpose` and `without` complete "for …" and "without it …". `stops`: no photo is sorted without it.
    `settings` are those of which one needs it, none for always.
    """

    permission: str
    key: Key
    purpose: str
    without: str
    stops: bool = False
    settings: tuple[str, ...] = ()


_ALBUMS = ("immich.album_per_person", "rules.album")

NEEDS = (
    Need("user.read", Key.OWNER, "knowing whose key it is", "smartsort cannot connect", stops=True),
    Need(
        "asset.upload",
        Key.OWNER,
        "asking whether a photo is known (nothing is uploaded)",
        "photos are not found in Immich, nor copies among its uploads",
        stops=True,
    ),
    Need(
        "asset.read",
        Key.OWNER,
        "reading what became of a photo",
        "photos that Immich has recognised are not filed",
        stops=True,
    ),
    Need("face.read", Key.OWNER, "reading the faces on a photo", "nothing can be decided", stops=True),
    Need("person.read", Key.OWNER, "reading people's names", "nothing can be decided", stops=True),
    Need(
        "asset.view",
        Key.OWNER,
        "pictures in the review, and the confidence",
        "the review shows no picture of Immich's and the confidence stays unknown",
    ),
    Need(
        "face.update",
        Key.OWNER,
        "telling Immich who is on a photo that you approved",
        "photos you approve are filed, but Immich does not learn from it",
    ),
    Need(
        "person.create",
        Key.OWNER,
        "making a person of a new name when you approve",
        "photos of a new person are filed, but Immich does not get to know the person",
    ),
    Need(
        "asset.update",
        Key.OWNER,
        "archiving photos of unwanted people",
        "they stay in Immich's timeline",
        settings=("immich.archive_unwanted",),
    ),
    Need(
        "album.read",
        Key.OWNER,
        "finding an album",
        "there are no albums",
        settings=_ALBUMS,
    ),
    Need(
        "album.create",
        Key.OWNER,
        "making an album",
        "no album is made",
        settings=_ALBUMS,
    ),
    Need(
        "albumAsset.create",
        Key.OWNER,
        "putting a photo into an album",
        "albums stay empty",
        settings=_ALBUMS,
    ),
    Need(
        "albumAsset.delete",
        Key.OWNER,
        "taking a photo out of an album (the photo stays)",
        "a photo that is filed elsewhere stays in the old album too",
        settings=_ALBUMS,
    ),
    Need(
        "duplicate.read",
        Key.OWNER,
        "finding photos that look alike",
        "near duplicates are not noticed",
        settings=("deduplication.near_duplicates",),
    ),
    Need("library.read", Key.ADMIN, "finding smartsort's library", "nothing is placed", stops=True),
    Need(
        "library.create",
        Key.ADMIN,
        "making the library, and the next one when it is full",
        "you have to make it by hand",
    ),
    Need(
        "library.update",
        Key.ADMIN,
        "having Immich scan the library and say whether it can read it",
        "new photos are seen only when Immich scans by itself",
        stops=True,
    ),
    Need(
        "queue.read",
        Key.ADMIN,
        "seeing how much Immich has to do",
        "smartsort cannot tell when Immich is done, so photos wait",
        stops=True,
    ),
    Need(
        "queueJob.read",
        Key.ADMIN,
        "seeing which photos Immich is done with",
        "smartsort cannot tell when Immich is done, so photos wait",
        stops=True,
    ),
    Need(
        "job.create",
        Key.ADMIN,
        "having Immich look for faces it missed",
        "photos without a recognised face wait",
        stops=True,
    ),
)
"""Every permission smartsort may need, the owner's first."""

EXTRAS = {
    "systemConfig.read": "lets `smartsort doctor` see Immich's own library watcher and recognition settings",
    "server.about": "tells more about the version",
}
"""Never needed, and no reason for a warning."""


def needed(settings: Settings, key: Key | None = None) -> tuple[Need, ...]:
    """Return the least set for these settings, in all or of one key."""
    return tuple(
        need
        for need in NEEDS
        if key in (None, need.key)
        and (not need.settings or any(_is_set(settings, one.split(".")) for one in need.settings))
    )


def holds(permissions: Collection[str], permission: str) -> bool:
    """Return True when a key with these permissions may do it."""
    return EVERYTHING in permissions or permission in permissions


def excess(permissions: Collection[str], keys: Collection[Key]) -> tuple[str, ...]:
    """Return what a key may do beyond anything smartsort could use it for. What deletes comes first.

    `keys` is what the key is used as: as both when there is only one.
    """
    used = {need.permission for need in NEEDS if need.key in keys} | {*EXTRAS, "user.read"}
    return tuple(
        sorted({*permissions} - used, key=lambda name: (name != EVERYTHING, "delete" not in name, name))
    )


def _is_set(value: object, parts: list[str]) -> bool:
    if isinstance(value, tuple):
        return any(_is_set(one, parts) for one in value)
    return _is_set(getattr(value, parts[0]), parts[1:]) if parts else bool(value)
