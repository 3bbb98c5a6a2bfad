"""Links photos of a made-up Immich in a process of its own, which ends at a named step.

python -m tests.faults.backfill_worker ROOT FOLDER SIZE STEP OCCURRENCE links|symlinks|undo
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
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


def dying_at(step: str, occurrence: int) -> Callable[[str], None]:
    left = [occurrence]

    def checkpoint(name: str) -> None:
        if name == step:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return checkpoint


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


if __name__ == "__main__":
    root, folder, size, step, occurrence, what = sys.argv[1:]
    asyncio.run(main(root, folder, int(size), dying_at(step, int(occurrence)), what))
