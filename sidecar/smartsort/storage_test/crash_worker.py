"""Moves files until it is killed at a given step: `python -m smartsort.storage_test.crash_worker`.

Arguments: the scratch folder, the step to die at ("" for none), at which occurrence of it, and `links` or
`copies`. Without a step it prints how often each was reached.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable

from smartsort.files.disk import Disk
from smartsort.files.placement import Placer, PlaceRequest

SOURCE, TARGET = "source", "target"


def work(folder: str, checkpoint: Callable[[str], None], *, copies: bool) -> None:
    """Move every file of `source/` to `target/`, one batch, as the pipeline does."""
    source, target = os.path.join(folder, SOURCE), os.path.join(folder, TARGET)
    placer = Placer(_Copying(checkpoint) if copies else Disk(checkpoint))
    requests = [
        PlaceRequest(os.path.join(source, name), os.path.join(target, name[:1]), [name, f"{name}.again"])
        for name in sorted(os.listdir(source))
        if not name.startswith(".")
    ]
    placer.move(requests).finish()


class _Copying(Disk):
    """A disk that knows no hard links, so that the copy is tried too."""

    def link(self, source: str, target: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target, None, source)


def main() -> None:
    """Work, and die on the way if asked to."""
    folder, step, occurrence, how = sys.argv[1:5]
    counts: Counter[str] = Counter()

    def checkpoint(reached: str) -> None:
        counts[reached] += 1
        if reached == step and counts[reached] == int(occurrence):
            os.kill(os.getpid(), signal.SIGKILL)

    work(folder, checkpoint, copies=how == "copies")
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main()
