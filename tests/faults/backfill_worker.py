"""Links photos of a made-up Immich in a process of its own, which ends at a named step (`forkserver.py`)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from tests.bench.library import UPLOADS, Answers, timed
from tests.bench.sidecar import settings_for

from smartsort.actions.values import NotUndoable
from smartsort.bootstrap import open_sidecar
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer


class OtherMount(Disk):
    """No hard links, nor reflinks."""

    def link(self, source: str, target: str) -> None:
        self.checkpoint("link")
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)

    def clone(self, source: int, target: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


async def main(root: str, folder: str, size: int, checkpoint: Callable[[str], None], what: str) -> None:
    """Apply, or undo, until nothing is left."""
    disk = (Disk if what == "links" else OtherMount)(checkpoint)
    more = {
        "backfill.requests_per_minute": 60_000,
        "backfill.path_mapping": {UPLOADS: folder},
        "whitelist": [],
        "blacklist": [],
    }
    sidecar = open_sidecar(
        settings_for(root, "http://immich.test", **more),
        server=Answers(os.path.join(root, "library"), size),
        checkpoint=checkpoint,
        placer=lambda guard: Placer(disk, guard),
    )
    try:
        if what == "undo":
            with suppress(NotUndoable):  # the last one was killed when it only had names to remove
                await sidecar.actions.undo_last("ann", actor="ann")
        else:
            await sidecar.actions.backfill_apply("ann")
            await timed(sidecar)
    finally:
        await sidecar.close()
