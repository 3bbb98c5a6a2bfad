"""Whose folder a folder below `faces/` is, as far as the ledger knows."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlite_utils import Database

from smartsort.core.model import Person
from smartsort.core.naming import folder_key, folder_name, folder_names, spelled
from smartsort.core.templates import OWN_FOLDER, Template
from smartsort.ledger import key_value

_APART = "people_apart"

PEOPLE_NAMES = "people_names"
"""Names by id of the people of Immich, as last compared."""

HOLDS = "instr('/' || path, '/' || ? || '/') > 0"
"""True of a path that has this folder in it."""


def below(folder: str) -> tuple[str, str]:
    """Return the first path below a folder of `faces/`, and the first after all of them."""
    start = os.path.join(folder, "")
    return start, start[:-1] + chr(ord("/") + 1)


def person_of_folder(db: Database, folder: str, template: Template = OWN_FOLDER) -> tuple[str | None, str]:
    """(person id, name) of the photos filed there. (None, the folder's name) for a folder nobody knows.

    `folder` is below `faces/`, with all its parts. `template` says which of them is likely the person's.
    """
    likely = template.likely_people(folder)
    for within, part in likely:
        rows = db.conn.execute(
            "SELECT n.person_id, p.person_name FROM names AS n JOIN photos AS p ON p.id = n.photo_id"
            " WHERE n.area = 'faces' AND n.path >= ? AND n.path < ? AND p.person_name IS NOT NULL"
            " ORDER BY n.person_id IS NULL, n.id LIMIT 200",
            below(within),
        )
        for person_id, name in rows:
            if part in folder_names(name):
                return person_id, name
    # A folder of a new year, say, in which no photo lies yet.
    apart = kept_apart(db)
    known: Mapping[str, str] = key_value.get(db, PEOPLE_NAMES, {}) if len(likely) > 1 else {}
    for _, part in likely:
        for person_id, name in known.items():
            if part == folder_name(name, apart=person_id in apart):
                return person_id, name
    return None, likely[0][1]


def has_folder(db: Database, folder: str) -> bool:
    """True when photos are filed in a person's own folder, wherever below `faces/` it stands."""
    outermost = "SELECT 1 FROM names WHERE area = 'faces' AND path >= ? AND path < ? LIMIT 1"
    deeper = f"SELECT 1 FROM names WHERE area = 'faces' AND {HOLDS} LIMIT 1"  # noqa: S608
    asked: tuple[tuple[str, tuple[str, ...]], ...] = ((outermost, below(folder)), (deeper, (folder,)))
    return any(db.conn.execute(*one).fetchone() for one in asked)


def kept_apart(db: Database) -> frozenset[str]:
    """Return ids of people whose folder's name carries a digest, as last written by `keep_apart`."""
    return frozenset(key_value.get(db, _APART, {}))


def keep_apart(db: Database, people: Iterable[Person]) -> frozenset[str]:
    """Find out and remember whose folder needs a digest: another name has the same folder form.

    The person whose photos came to the folder first keeps it. Without photos there the smallest id does, so
    that the answer is the same after a restart. Whoever is kept apart stays so under that name.
    """
    before: Mapping[str, str] = key_value.get(db, _APART, {})
    by_folder: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        if person.name:
            by_folder[folder_key(person.name)].append(person)
    apart: dict[str, str] = {}
    for key, those in by_folder.items():
        apart |= {p.id: key for p in those if before.get(p.id) == key}
        others = [p for p in those if p.id not in apart]
        if len({spelled(p.name) for p in others}) > 1:
            first = _first(db, others)
            apart |= {p.id: key for p in others if spelled(p.name) != spelled(first.name)}
    if apart != before:
        key_value.put(db, _APART, apart)
    return frozenset(apart)


def _first(db: Database, people: Sequence[Person]) -> Person:
    filed = {}
    for person in people:
        row = db.conn.execute(
            f"SELECT min(id) FROM names WHERE area = 'faces' AND person_id = ? AND {HOLDS}",  # noqa: S608
            (person.id, folder_name(person.name)),
        ).fetchone()
        filed[person.id] = row[0]
    return min(people, key=lambda p: (filed[p.id] is None, filed[p.id] or 0, p.id))
