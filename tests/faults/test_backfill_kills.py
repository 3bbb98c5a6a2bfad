"""Links to photos of Immich that are killed on the way: none twice, none missing, the originals untouched."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest
from tests.bench.library import UPLOADS, make_files
from tests.faults.running import ForkServer, Run

from smartsort.audit import Audit
from smartsort.files.layout import Layout

SIZE = 120
STEPS = {
    "links": (("link", 20), ("link done", 10), ("act:placed", 1), ("act:committed", 1), ("act:dropped", 1)),
    "symlinks": (
        ("link", 20),
        ("symlink done", 10),
        ("act:placed", 1),
        ("act:committed", 1),
        ("act:intent", 1),
    ),
}
"""Each ends a run before its last photo. A hundred are committed together."""

UNDO_STEPS = (("act:intent", 1), ("unlink", 30), ("unlink done", 70), ("act:committed", 1))


def tree(folder: str) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of every file; how many names it has is no property of its bytes."""
    return {
        path: (status.st_ino, status.st_size, status.st_mtime_ns)
        for place, _, names in os.walk(folder)
        for path in (os.path.join(place, name) for name in names)
        for status in (os.lstat(path),)
        if not path.endswith(".smartsort-root")
    }


@pytest.fixture
def forkserver(tmp_path):
    made = ForkServer(os.fspath(tmp_path / "log"))
    yield made
    made.close()


@pytest.mark.parametrize("what", ["links", "symlinks"])
@pytest.mark.timeout(300)
def test_kills_in_the_middle_of_a_backfill(tmp_path, what, forkserver):
    root, folder = os.fspath(tmp_path / "root"), os.fspath(tmp_path / "immich")
    os.makedirs(root)
    make_files(folder, SIZE)
    before = tree(folder)
    layout = Layout(root, path_mapping=((UPLOADS, folder),))

    def run(doing: str, step: str | None = None, occurrence: int = 0) -> int:
        order = {"root": root, "folder": folder, "size": SIZE, "what": doing}
        one = Run(
            forkserver, {}, os.fspath(tmp_path / "ready"), backfill=order, step=step, occurrence=occurrence
        )
        one.until(lambda: False, 150)
        assert one.status in (0, -9), (tmp_path / "log").read_text()
        return one.status

    assert [run(what, *step) for step in STEPS[what]] == [-9] * 5
    run(what)
    links = tree(layout.faces)
    assert len(links) == SIZE
    assert all(os.path.islink(path) is (what == "symlinks") for path in links)
    assert Audit(layout).run().findings == []
    with closing(sqlite3.connect(layout.ledger)) as db:
        [[photos]] = db.execute("SELECT count(*) FROM photos").fetchall()
        assert photos == SIZE
    for step in UNDO_STEPS:
        run("undo", *step)
    while tree(layout.faces):
        run("undo")
    assert Audit(layout).run().findings == []
    assert tree(folder) == before
