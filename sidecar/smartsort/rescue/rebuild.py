"""A new ledger from the folders and Immich, and one that was put back brought up to date."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlite_utils import Database

from smartsort.config import Settings
from smartsort.core.model import Person
from smartsort.core.naming import folder_names
from smartsort.core.templates import parse
from smartsort.errors import ConfigurationError, ImmichError
from smartsort.files.shown import from_ledger, shown
from smartsort.ledger import key_value
from smartsort.ledger.backup import newest_sound, put_in_place, set_aside
from smartsort.ledger.database import Ledger
from smartsort.lock import RootLock
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recovery.recover import Recovery
from smartsort.ports import PhotoServer
from smartsort.rescue.adopt import Adopted, Adoption
from smartsort.rescue.offline import backup_folder, layout_of, offline_context
from smartsort.rescue.originals import check_mounted

log = logging.getLogger(__name__)

_AT_ONCE = 1000

_MARK = "INSERT OR REPLACE INTO facts (name, value) VALUES ('catching_up', '\"restore\"')"
"""A ledger that is put back is marked before it has its name: from then on no sidecar takes it as it is."""


def restore(
    settings: Settings, file: str | None, server: PhotoServer | None, progress: Callable[[int], None]
) -> tuple[str, str | None, Adopted]:
    """Put a backup (None: the newest sound one) in the ledger's place and bring it up to date with the disk.

    Returns the backup, where the replaced ledger was moved to, and what was adopted. Raises RootLocked while
    a sidecar is at work, LedgerError for a damaged backup. Then nothing is changed.
    """
    layout = layout_of(settings)
    check_mounted(layout)
    if file is None:
        file = newest_sound(backup_folder(settings))
        if file is None:
            raise ConfigurationError(
                f"there is no sound backup in {shown(backup_folder(settings))}. Name a file, or run "
                "`smartsort rebuild` to make a new ledger from the folders"
            )
    with _alone(layout.root):
        kept = put_in_place(os.path.abspath(file), layout.ledger, datetime.now(UTC), _MARK)
        adopted = _catch_up(settings, server, progress, "restore")
    return file, kept, adopted


def rebuild(
    settings: Settings, server: PhotoServer | None, progress: Callable[[int], None]
) -> tuple[str | None, Adopted]:
    """Make a new ledger. A ledger that is there is moved aside (its path is returned) and not read.

    Raises RootLocked while a sidecar is at work, RootUnavailable when the folders are not there.
    """
    layout = layout_of(settings)
    check_mounted(layout)
    with _alone(layout.root):
        kept = set_aside(layout.ledger, datetime.now(UTC))
        root_id = layout.prepare()
        with Ledger(layout.ledger) as ledger:
            ledger.write(lambda db: _begin(db, root_id))
        adopted = _catch_up(settings, server, progress, "rebuild")
    return kept, adopted


def _begin(db: Database, root_id: str) -> None:
    key_value.put(db, "root_id", root_id)
    key_value.put(db, key_value.CATCHING_UP, "rebuild")


@contextmanager
def _alone(root: str) -> Iterator[None]:
    lock = RootLock(root, datetime.now(UTC).isoformat(timespec="milliseconds"))
    try:
        yield
    finally:
        lock.close()


def _catch_up(
    settings: Settings, server: PhotoServer | None, progress: Callable[[int], None], command: str
) -> Adopted:
    with offline_context(settings, server) as context:
        context.ledger.write(lambda db: key_value.put(db, key_value.CATCHING_UP, command))
        Recovery(context).run()
        adopted = Adoption(context, progress).run()
        context.ledger.write(lambda db: key_value.put(db, key_value.CATCHING_UP, None))
        if server is not None:
            try:
                adopted.assets = asyncio.run(_ask_immich(context, server))
            except ImmichError as problem:
                log.warning("Immich could not be asked. The sidecar asks when it starts: %s", problem)
    return adopted


async def _ask_immich(context: Context, server: PhotoServer) -> int:
    """Fill in asset ids by path and people by folder. Return how many photos got their asset."""
    try:
        count = await _assets(context, server)
        await _people(context, server)
    finally:
        await server.aclose()
    return count


async def _assets(context: Context, server: PhotoServer) -> int:
    after, count = 0, 0
    while True:
        rows = context.ledger.read(lambda db, a=after: _without_asset(db, a))  # type: ignore[misc]
        if not rows:
            return count
        after = rows[-1][0]
        paths = {photo_id: context.in_immich(from_ledger(path)) for photo_id, path in rows}
        found = await server.resolve(list(paths.values()))
        known = [(found[path].id, photo_id) for photo_id, path in paths.items() if path in found]

        def write(db: Database, known: list[tuple[str, int]] = known) -> None:
            db.conn.executemany("UPDATE photos SET asset_id = ? WHERE id = ?", known)

        context.ledger.write(write)
        count += len(known)


def _without_asset(db: Database, after: int) -> list[tuple[int, str | bytes]]:
    """Return photos at rest in the library. Those on their way are resolved by the pipeline."""
    return db.conn.execute(
        "SELECT p.id, n.path FROM photos AS p JOIN names AS n ON n.photo_id = p.id AND n.area = 'library'"
        " AND n.member = 'photo' WHERE p.id > ? AND p.asset_id IS NULL AND p.state IN ('filed', 'review')"
        " ORDER BY p.id LIMIT ?",
        (after, _AT_ONCE),
    ).fetchall()


async def _people(context: Context, server: PhotoServer) -> None:
    """Whose folder is it? The person of that name. Of several the one that is on its photos."""
    by_folder: dict[str, list[Person]] = defaultdict(list)
    for person in await server.people():
        if person.name:
            for folder in folder_names(person.name):
                by_folder[folder].append(person)
    template = parse(context.policy().template)
    for folder, asset_id in context.ledger.read(_folders_without_person):
        part = next((p for _, p in template.likely_people(folder) if p in by_folder), "")
        people = by_folder.get(part, [])
        if len(people) > 1 and asset_id is not None:
            seen = {f.person.id for f in await server.faces(asset_id) if f.person is not None}
            people = [p for p in people if p.id in seen]
        if len(people) == 1:
            context.ledger.write(lambda db, f=folder, n=part, p=people[0]: _name_folder(db, f, n, p))  # type: ignore[misc]


def _folders_without_person(db: Database) -> list[tuple[str, str | None]]:
    rows = db.conn.execute(
        "SELECT n.path, p.asset_id FROM names AS n JOIN photos AS p ON p.id = n.photo_id"
        " WHERE n.area = 'faces' AND n.member = 'photo' AND n.person_id IS NULL"
    )
    folders: dict[str, str | None] = {}
    for path, asset_id in rows:
        folder = os.path.dirname(from_ledger(path))
        folders[folder] = folders.get(folder) or asset_id
    return list(folders.items())


def _name_folder(db: Database, folder: str, name: str, person: Person) -> None:
    start = os.path.join(folder, "")
    within = (start, start[:-1] + chr(ord("/") + 1))
    db.conn.execute(
        "UPDATE photos SET person_id = ?, person_name = ? WHERE person_id IS NULL AND person_name = ?"
        " AND id IN (SELECT photo_id FROM names WHERE area = 'faces' AND path >= ? AND path < ?)",
        (person.id, person.name, name, *within),
    )
    db.conn.execute(
        "UPDATE downloads SET person_name = ? WHERE person_name = ? AND photo_id IN"
        " (SELECT photo_id FROM names WHERE area = 'faces' AND path >= ? AND path < ?)",
        (person.name, name, *within),
    )
    db.conn.execute(
        "UPDATE names SET person_id = ? WHERE area = 'faces' AND person_id IS NULL"
        " AND path >= ? AND path < ?",
        (person.id, *within),
    )
