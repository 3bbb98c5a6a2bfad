"""A library of photos that were in Immich before smartsort, for the tests of what becomes of them."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.fakes import World, close_world, content_of, picture, write

from smartsort.actions.values import PersonSelector
from smartsort.api.backfill import read_plan
from smartsort.core.model import State
from smartsort.core.policy import PersonRef
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.ledger import observed
from smartsort.rescue.rebuild import rebuild

UPLOADS = "/data/upload"


def same_file(one: str, other: str) -> bool:
    return os.path.samefile(one, other)


def folders(plan: observed.Totals) -> dict[str, int]:
    return {one.folder: one.photos for one in plan.folders}


def is_link(path: str) -> bool:
    return os.path.islink(path)


class Library:
    """Photos that lie in Immich before smartsort comes, and a sidecar beside it."""

    def __init__(self, tmp_path: os.PathLike[str], **options: Any) -> None:
        self.folder = os.path.join(tmp_path, "immich")
        os.makedirs(self.folder)
        settings = {
            "backfill.path_mapping": {UPLOADS: self.folder},
            "backfill.requests_per_minute": 60_000,
            **options.pop("settings", {}),
        }
        self.world = World(os.path.join(tmp_path, "root"), settings=settings, **options)
        self._seeds = iter(range(1000, 100_000))

    def upload(self, name: str, **more: Any) -> str:
        """One more upload. Return its path on this machine."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        content = picture(next(self._seeds))
        write(path, content)
        more.setdefault("checksum", base64.b64encode(hashlib.sha1(content).digest()).decode())
        self.world.server.upload(f"{UPLOADS}/{name}", **more)
        return path

    async def run(self, steps: int = 1000) -> None:
        """Step the stage until it has nothing left to do."""
        for _ in range(steps):
            if await self.world.stage("backfill") is not True:
                return
        raise AssertionError("it never ends")

    async def plan(self) -> observed.Totals:
        await self.world.actions.backfill_plan()
        await self.run()
        return self.totals()

    async def apply(self, portion: int | None = None, preview: str | None = None) -> observed.Totals:
        await self.world.actions.backfill_apply("ann", portion, preview)
        await self.run()
        return self.totals()

    def preview(self) -> str:
        """What stands for the plan as it is now."""
        return self.world.ledger.read(read_plan).preview

    def totals(self) -> observed.Totals:
        return self.world.ledger.read(observed.totals)

    def progress(self) -> observed.Progress:
        return self.world.ledger.read(observed.progress)

    def links(self) -> list[str]:
        """What stands below `faces/` and `review/`."""
        return sorted(p for p in self.world.tree() if p.startswith(("faces/", "review/")))

    def originals(self) -> dict[str, tuple[int, int, bytes]]:
        """Inode, time and bytes of everything in Immich's folder."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                found[path] = (status.st_ino, status.st_mtime_ns, content_of(path))
        return found

    def photo_of(self, name: str) -> int:
        asset = self.world.server.asset_at(name)
        [(photo_id,)] = self.world.ledger.read(
            lambda db: db.conn.execute("SELECT id FROM photos WHERE asset_id = ?", (asset.id,)).fetchall()
        )
        return int(photo_id)

    def state(self, name: str) -> State:
        return self.world.photo(self.photo_of(name)).state


def of_a_library(library: Library, name: str, content: bytes, **more: Any) -> str:
    """A photo of another external library. Its checksum says nothing of its content."""
    path = os.path.join(library.folder, name)
    write(path, content)
    status = os.stat(path)
    read = {"size": status.st_size, "preview": content} | more
    modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds")
    checksum = base64.b64encode(hashlib.sha1(f"path:{name}".encode()).digest()).decode()
    read = {"library_id": "other-library", "checksum": checksum, "modified": modified} | read
    library.world.server.upload(f"{UPLOADS}/{name}", **read)
    return path


class OtherMount(Disk):
    """A disk on which Immich's folder is another mount: no hard links from there, nor reflinks."""

    def link(self, source: str, target: str) -> None:
        if "/immich/" in source:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        super().link(source, target)

    def clone(self, source: int, target: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def on_another_mount(guard: Callable[[], None]) -> Placer:
    return Placer(OtherMount(), guard)


def person_called(name: str) -> PersonSelector:
    return PersonSelector(name=name)


def ref(name: str) -> PersonRef:
    return PersonRef(name)


async def lose_the_ledger(library: Library) -> dict[str, int]:
    """Rebuild from the folders alone. Return the photos found, by state."""
    server, settings, root = library.world.server, library.world.sidecar.settings, library.world.root
    await library.world.tell()
    close_world(library.world)
    await asyncio.to_thread(rebuild, settings, server, lambda _: None)
    mapping = {"backfill.path_mapping": {UPLOADS: library.folder}, "backfill.requests_per_minute": 60_000}
    library.world = World(root, server=server, settings=mapping)
    rows = library.world.ledger.read(
        lambda db: db.conn.execute("SELECT state, count(*) FROM photos GROUP BY 1").fetchall()
    )
    return dict(rows)
