"""A person's folder follows the person's name: all photos filed there move, as one event with an undo."""

from __future__ import annotations

import os

from sqlite_utils import Database

from smartsort.actions.plan import Plan, names_in
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.core.templates import Template
from smartsort.ledger import arrangement, photos
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.person_folders import HOLDS
from smartsort.ledger.records import Area, Photo
from smartsort.pipeline.recheck.renames import Renamed

AT_ONCE = 500
"""Photos planned at the same time."""


def filed_there(db: Database, renamed: Renamed, after: int) -> list[tuple[Photo, Arrangement]]:
    """Return photos filed in the person's old folders, with an id above `after`, at most `AT_ONCE`."""
    where = " OR ".join([HOLDS] * len(renamed.left))
    rows = db.conn.execute(
        f"SELECT DISTINCT photo_id FROM names WHERE area = 'faces' AND ({where})"  # noqa: S608
        " AND person_id = ? AND photo_id > ? ORDER BY photo_id LIMIT ?",
        (*renamed.left, renamed.person_id, after, AT_ONCE),
    )
    ids = [int(row[0]) for row in rows]
    found = arrangement.read(db, ids)
    return [(p, found[p.id]) for p in photos.by_ids(db, ids) if p.state is State.FILED]


def follow(photo: Photo, before: Arrangement, renamed: Renamed, template: Template) -> Plan:
    """Plan a move: the photo leaves the old folder for the new one. Nothing else changes."""
    plan = Plan(photo, before, EventKind.RENAMED, "renamed")
    there = {
        n: folder
        for n in before.names
        if n.area is Area.FACES
        and n.person_id in (renamed.person_id, None)
        and (folder := _renamed(os.path.dirname(n.path), renamed, template)) is not None
    }
    for folder in dict.fromkeys(there.values()):
        plan.planned += names_in(photo, before.names, Area.FACES, folder, person_id=renamed.person_id)
    plan.removes = list(there)
    named = photo.person_name == renamed.was
    plan.person = renamed.name if named else photo.person_name
    plan.values = {"person_name": plan.person}
    plan.data = {"was": renamed.was, "people": [renamed.name]}
    return plan


def _renamed(folder: str, renamed: Renamed, template: Template) -> str | None:
    """Return the folder with the person's new one in it, None for one that is not the person's."""
    for within, part in template.likely_people(folder):
        if part in renamed.left:
            return os.path.join(os.path.dirname(within), renamed.folder) + folder[len(within) :]
    return None
