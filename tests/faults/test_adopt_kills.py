"""An adoption that is killed again and again takes nothing twice, loses nothing, and can be given back."""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from tests.faults.running import ForkServer, Immich, Run, settings_for
from tests.sorted_folders import make_sorted, picture_of

from smartsort.audit import Audit
from smartsort.files.layout import Layout

STEPS = (
    *("claim:intent", "claim:placed", "claim:committed", "claim:dropped", "adopt:claimed"),
    *("link", "link done", "unlink done", "route:placed", "route:committed", "ledger commit done"),
)
UNDO_STEPS = ("act:intent", "act:placed", "act:committed", "act:dropped", "unlink", "link done")


def content(folder) -> dict[str, str]:
    """Names and bytes; an undo of a move makes names again, so inodes and modes of folders are left out."""
    return {path: found[-1] for path, found in picture_of(folder).items()}


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.timeout(600)
def test_kills_in_the_middle_of_an_adoption(tmp_path, move):
    rng = random.Random(3)
    folder = make_sorted(tmp_path / "old" / "faces", 60)
    before, root = content(folder.path), os.fspath(tmp_path / "root")
    layout, done = Layout(root), os.fspath(tmp_path / "done")
    immich, forkserver = Immich(layout.library), ForkServer(os.fspath(tmp_path / "log"))
    settings = settings_for(root, immich.url)

    def run(undo: bool, step: str | None = None) -> bool:
        order = {"folder": os.fspath(folder.path), "done": done, "move": move, "undo": undo}
        kill = {"step": step, "occurrence": rng.choice((1, 1, 2))} if step else {}
        one = Run(forkserver, settings, os.fspath(tmp_path / "ready"), adopt=order, **kill)
        over = one.until(lambda: os.path.exists(done), 150)
        if over:
            one.stop()
            os.unlink(done)
        one.kill()
        assert one.status in (0, -9, None), (tmp_path / "log").read_text()
        return over

    try:
        kills = sum(not run(undo=False, step=step) for step in STEPS)
        assert run(undo=False)
        assert kills >= 7
        assert not Audit(layout).run().findings
        with closing(sqlite3.connect(layout.ledger)) as db:
            digests = Counter(row[0] for row in db.execute("SELECT sha256 FROM photos"))
            adopted = db.execute("SELECT count(DISTINCT photo_id) FROM adopted").fetchone()[0]
        assert max(digests.values()) == 1
        # One of the two copies in two folders is known by the other.
        assert adopted == len(digests) == len(folder.taken) - 1
        assert move or content(folder.path) == before
        for step in UNDO_STEPS:
            run(undo=True, step=step)
        run(undo=True)
        assert not Audit(layout).run().findings
        assert content(folder.path) == before
        names = {name for _, _, found in os.walk(layout.library) for name in found}
        assert names <= {".smartsort-root"}
    finally:
        forkserver.close()
        immich.close()
