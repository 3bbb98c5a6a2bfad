"""Whose folder a folder below `faces/` is, as far as the ledger knows."""

from __future__ import annotations

import os

from sqlite_utils import Database

from smartsort.core.naming import folder_name


def person_of_folder(db: Database, folder: str) -> tuple[str | None, str]:
    """(person id, name) of the photos filed there; (None, the folder's name) for a folder nobody knows."""
    start = os.path.join(folder, "")
    rows = db.conn.execute(
        "SELECT n.person_id, p.person_name FROM names AS n JOIN photos AS p ON p.id = n.photo_id"
        " WHERE n.area = 'faces' AND n.path >= ? AND n.path < ? AND p.person_name IS NOT NULL"
        " ORDER BY n.person_id IS NULL, n.id LIMIT 200",
        (start, start[:-1] + chr(ord("/") + 1)),
    )
    for person_id, name in rows:
        if folder_name(name) == folder:
            return person_id, name
    return None, folder
