"""Shots in the ledger: a photo and its other half are one row with a name for each, until they are split.

A half that is split off gets a row of its own, and its file keeps the name it has.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AT_REST, State
from smartsort.files.grouping import RAW, VIDEO, half_name, rank_of_name, shot_stem
from smartsort.files.shown import from_ledger, shown, to_ledger
from smartsort.files.sides import side_name, side_of
from smartsort.ledger import adopted, key_value, photos
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Member, Name, NewEvent, Photo


def companion_name(companion: Name, photo_name: str) -> str:
    """The name of a file that travels with a photo: `IMG.jpg` takes `IMG.jpg.xmp` and `IMG.dng` with it.

    The XMP file of the raw half stays `IMG.dng.xmp`, and a clip keeps what icloudpd or Google adds.
    """
    side = side_of(companion.path) if companion.member not in (Member.RAW, Member.VIDEO) else None
    if side is None:
        return half_name(os.path.basename(companion.path), photo_name)
    return side_name(side, photo_name)


def companions_of(original_name: str, names: Sequence[Name]) -> list[str]:
    """Return the names of the files that travel with a photo, beside its own, as shown to people."""
    by_member = {name.member: name for name in names if name.member is not Member.PHOTO}
    found = [companion_name(by_member[member], original_name) for member in Member if member in by_member]
    return [shown(name) for name in found]


def files_at_rest(db: Database) -> int:
    """Return photos at rest together with their raw photos and clips."""
    marks = ",".join(f"'{state.value}'" for state in AT_REST)
    [(count,)] = db.conn.execute(
        "SELECT count(DISTINCT names.photo_id || names.member) FROM names JOIN photos ON photos.id = photo_id"  # noqa: S608
        f" WHERE photos.state IN ({marks}) AND member IN ('photo', 'raw', 'video')"
    ).fetchall()
    return int(count)


MOST_NAMED = 50
"""Photos of one name that are looked at: phones begin to count again every ten thousand."""


def stem_of(name: str) -> str:
    """Return what the names of all halves of a shot begin with, as written."""
    return name[: len(shot_stem(name))]


def named(db: Database, stem: str) -> list[Photo]:
    """The newest photos whose names are this stem, with an extension or a number as halves may have them."""
    found: dict[int, Photo] = {}
    # The letter after `.` is `/`, the one after `(` is `)`.
    ranges = ((stem, stem), (f"{stem}.", f"{stem}/"), (f"{stem}(", f"{stem})"), (f"{stem} (", f"{stem} )"))
    for first, last in ranges:
        rows = db.conn.execute(
            "SELECT id FROM photos WHERE original_name BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
            (to_ledger(first), to_ledger(last), MOST_NAMED),
        ).fetchall()
        found |= {photo.id: photo for photo in photos.by_ids(db, [row[0] for row in rows])}
    return sorted(found.values(), key=lambda photo: -photo.id)[:MOST_NAMED]


_OLDER = "older_halves"


def older_halves(db: Database) -> list[tuple[int, int]]:
    """(picture, its half that came before it) of those that are still photos of their own."""
    return [(picture, half) for picture, half in key_value.get(db, _OLDER, [])]


def remember_older(db: Database, pairs: Sequence[tuple[int, int]]) -> None:
    """Remember halves that came before their picture, until both are at rest."""
    if pairs:
        key_value.put(db, _OLDER, [*older_halves(db), *pairs])


def forget_older(db: Database, pairs: Collection[tuple[int, int]]) -> None:
    """These pairs are dealt with."""
    key_value.put(db, _OLDER, [pair for pair in older_halves(db) if pair not in pairs])


def lone_halves(db: Database, stem: str) -> list[Photo]:
    """Return the newest raw photos and clips whose names are this stem, as `named`.

    For every picture that comes.
    """
    ranges = ((f"{stem}.", f"{stem}/"), (f"{stem}_HE", f"{stem}_HF"))
    found = [
        int(row[0])
        for first, last in ranges
        for row in db.conn.execute(
            "SELECT id, original_name FROM photos WHERE original_name BETWEEN ? AND ?"
            " ORDER BY id DESC LIMIT ?",
            (to_ledger(first), to_ledger(last), MOST_NAMED),
        )
        if rank_of_name(from_ledger(row[1])) in (RAW, VIDEO)
    ]
    return photos.by_ids(db, found) if found else []


def to_be_joined(db: Database) -> list[int]:
    """Return photos at rest with something in `temp_downloads/` that came later and belongs to them."""
    marks = ",".join(f"'{state.value}'" for state in AT_REST)
    rows = db.conn.execute(
        "SELECT DISTINCT photo_id FROM names JOIN photos ON photos.id = photo_id"  # noqa: S608
        f" WHERE area = 'temp' AND member <> 'photo' AND photos.state IN ({marks})"
    )
    return [row[0] for row in rows]


class Split(NamedTuple):
    """A half in `temp_downloads/` that becomes a photo of its own, and why."""

    photo: Photo
    half: Name
    own_name: str
    reason: str


def split_off(db: Database, splits: list[Split], at: str, actor: str = "smartsort") -> list[int]:
    """Make each half a claimed photo of its own.

    Return their ids. The photo it came with keeps everything else.
    """
    new = [
        NewPhoto(
            source=split.photo.source,
            origin=split.photo.origin,
            original_name=split.own_name,
            size=split.half.size or 0,
            mtime_ns=split.half.mtime_ns or 0,
            origin_path=_beside(split.photo.origin_path, split.own_name),
        )
        for split in splits
    ]
    rows = photos.add(db, new, at)
    changes = []
    for row, split in zip(rows, splits, strict=True):
        told = {"name": shown(split.own_name), "reason": split.reason}
        accepted = {"source": row.source, "origin": row.origin, "split_from": split.photo.id}
        came = NewEvent(EventKind.ACCEPTED, row.id, {**told, **accepted}, actor)
        adoption = adopted.of_half(db, split.photo.id, split.half.member)
        if adoption is not None:
            adopted.put(db, {row.id: adoption})
            came = adopted.event_of(row, adoption, **told, **accepted)
        changes += [
            Change(
                split.photo.id,
                events=(NewEvent(EventKind.SPLIT, split.photo.id, {**told, "photo": row.id}, actor),),
            ),
            Change(
                row.id,
                state=State.CLAIMED,
                expect=(State.ARRIVED,),
                # The row of this name changes hands.
                names_added=(split.half._replace(photo_id=row.id, member=Member.PHOTO),),
                events=(came,),
            ),
        ]
    photos.apply(db, changes, at)
    return [row.id for row in rows]


def _beside(origin_path: str | None, name: str) -> str | None:
    return os.path.join(os.path.dirname(origin_path), name) if origin_path else None
