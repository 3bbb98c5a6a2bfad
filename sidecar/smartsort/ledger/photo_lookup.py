"""Finding a photo by what a person calls it: a path of one of its names, or its file name."""

from __future__ import annotations

import os
from collections.abc import Callable

from sqlite_utils import Database

from smartsort.core.model import Category
from smartsort.files.shown import to_ledger
from smartsort.ledger import photos
from smartsort.ledger.records import Area

MOST = 20
"""Photos of one file name that are told apart."""


def by_path(db: Database, path: str, folder: Callable[[Area], str]) -> list[int]:
    """Return ids of the photos a path or a bare file name means, newest first.

    `folder` tells where areas lie.

    A path below one of our folders means one photo at most, also as `faces/john_doe/IMG_1.jpg`. What is no
    such path is taken for the path a photo came from, then for its file name, then for its name in review.
    """
    absolute = os.path.abspath(path)
    for area in Area:
        for start in (folder(area), os.path.abspath(area.value)):
            inside = os.path.relpath(absolute, start)
            if inside.startswith(os.pardir):
                continue
            name = photos.name_at(db, area, inside)
            if name is not None:
                return [name.photo_id]
    for column, value in (("origin_path", absolute), ("original_name", os.path.basename(path))):
        rows = db.conn.execute(
            f"SELECT id FROM photos WHERE {column} = ? ORDER BY id DESC LIMIT ?",  # noqa: S608 - our columns
            (to_ledger(value), MOST),
        ).fetchall()
        if rows:
            return [int(row[0]) for row in rows]
    # In review a name begins with its reason: `noface_IMG_1.jpg`.
    named = (photos.name_at(db, Area.REVIEW, os.path.join(one, os.path.basename(path))) for one in Category)
    return [name.photo_id for name in named if name is not None]
