"""The whole sidecar on a FUSE mount that behaves as a foreign disk: `python -m tests.faults.fuse_disk`.

Needs what the suite does not: /dev/fuse, the right to mount, libfuse 2 and the package fusepy. The suite
itself tries the same with disks that only seem to be foreign (tests/disks.py).
"""

from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REFUSED = set(':*?"<>|\\')
NAMES = ("Screenshot 2024-05-01 12:30:45.jpg", "what?.jpg", 'say "hi".jpg', "plain.jpg", "a|b<c>.jpg")


def mount(back: str, place: str, *, numbers: bool, refusing: bool, links: bool) -> None:
    """Serve `back` at `place` until it is unmounted."""
    import fuse  # type: ignore[import-not-found]

    def checked(name: str) -> None:
        if refusing and (set(name) & REFUSED or name[-1:] in ". "):
            raise fuse.FuseOSError(errno.EINVAL)

    class Foreign(fuse.Operations):  # type: ignore[misc]
        use_ns = True

        def __call__(self, op: str, path: str, *more: Any) -> Any:
            if op in ("link", "rename", "mkdir", "create", "mknod"):
                checked(os.path.basename(more[0] if op == "rename" else path))
            try:
                return getattr(self, op)(back + path, *more)
            except OSError as error:
                raise fuse.FuseOSError(error.errno) from error

        def getattr(self, path: str, handle: int | None = None) -> dict[str, Any]:
            found = os.lstat(path)
            times = {f"st_{t}time": getattr(found, f"st_{t}time_ns") for t in "acm"}
            fields = ("st_gid", "st_mode", "st_nlink", "st_size", "st_uid", "st_ino")
            return times | {name: getattr(found, name) for name in fields}

        def access(self, path: str, mode: int) -> None:
            if not os.access(path, mode):
                raise fuse.FuseOSError(errno.EACCES)

        def readdir(self, path: str, _handle: int) -> list[str]:
            return [".", "..", *os.listdir(path)]

        def statfs(self, path: str) -> dict[str, int]:
            found = os.statvfs(path)
            return {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}

        def link(self, target: str, source: str) -> None:
            if not links:
                raise fuse.FuseOSError(errno.EPERM)
            os.link(back + source, target)

        def rename(self, old: str, new: str) -> None:
            os.rename(old, back + new)

        def create(self, path: str, mode: int, _info: Any = None) -> int:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

        def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
            os.utime(path, ns=times) if times else os.utime(path)

        def read(self, _path: str, size: int, offset: int, handle: int) -> bytes:
            return os.pread(handle, size, offset)

        def write(self, _path: str, data: bytes, offset: int, handle: int) -> int:
            return os.pwrite(handle, data, offset)

        def truncate(self, path: str, length: int, handle: int | None = None) -> None:
            os.truncate(path, length)

        def flush(self, _path: str, handle: int) -> None:
            os.fsync(handle)

        def fsync(self, _path: str, _data: int, handle: int) -> None:
            os.fsync(handle)

        def release(self, _path: str, handle: int) -> None:
            os.close(handle)

        chmod, chown = staticmethod(os.chmod), staticmethod(os.chown)
        mkdir, rmdir, unlink = staticmethod(os.mkdir), staticmethod(os.rmdir), staticmethod(os.unlink)
        open = staticmethod(os.open)

    more = {"use_ino": True} if numbers else {}
    fuse.FUSE(Foreign(), place, nothreads=True, foreground=True, **more)


@contextmanager
def mounted(folder: Path, options: argparse.Namespace) -> Iterator[Path]:
    """A mount in a process of its own."""
    back, place = folder / "back", folder / "mount"
    back.mkdir()
    place.mkdir()
    flags = [f"--{name}" for name in ("numbers", "refusing", "links") if getattr(options, name)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.fuse_disk", "--serve", back, place, *flags]
    ) as server:
        for _ in range(100):
            if os.path.ismount(place):
                break
            time.sleep(0.05)
        else:
            raise SystemExit("nothing was mounted: are there /dev/fuse, libfuse 2 and fusepy?")
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=False)
            server.wait(10)


def try_it(options: argparse.Namespace) -> int:
    """Deliver photos, wait until they are sorted, and say what became of them."""
    from tests.live_sidecar import BASE, live_sidecar

    from smartsort.demo.samples import iter_samples

    with tempfile.TemporaryDirectory() as made, mounted(Path(made), options) as place:
        inbox = Path(made) / "inbox"
        samples = [
            Path(made, "samples", path) for _, path in iter_samples(Path(made, "samples"), options.photos, 5)
        ]
        with live_sidecar(place / "root", settings={"directories.inbox_dir": str(inbox)}) as live:
            began = time.monotonic()
            for number, sample in enumerate(samples):
                name = NAMES[number % len(NAMES)]
                sample.rename(inbox / f"{number}-{name}")
            live.wait_for(lambda: live.all_sorted(len(samples)), "all photos to be sorted", options.seconds)
            took = time.monotonic() - began
            time.sleep(6)  # a look of the watchdog
            ready = live.client().get("/readyz").json()
            doctor = live.client().get(f"{BASE}/doctor").json()
            methods = live.sidecar.context.ledger.read(
                lambda db: dict(db.execute("SELECT method, count(*) FROM names GROUP BY method").fetchall())
            )
            names = sorted({n for _, _, found in os.walk(place / "root" / "faces") for n in found})
        print(f"{len(samples)} photos sorted in {took:.1f} s; names by method: {methods}")
        print(f"ready: {ready['status']}; {[(t['kind'], t['severity']) for t in ready['health_issues']]}")
        for line in doctor["checks"]:
            if line["name"] in ("hard links", "file names"):
                print(f"{line['name']}: {line['verdict']}: {line['detail']}")
        print("names:", *names[:8], sep="\n  ")
        return 0 if ready["status"] == "ready" else 1


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", action="store_true", help="inode numbers are those of the files")
    parser.add_argument("--refusing", action="store_true", help="names are refused as on exFAT, NTFS and SMB")
    parser.add_argument("--links", action="store_true", help="hard links can be made")
    parser.add_argument("--photos", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--serve", nargs=2, metavar=("BACK", "MOUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        mount(*options.serve, numbers=options.numbers, refusing=options.refusing, links=options.links)
        return 0
    return try_it(options)


if __name__ == "__main__":
    sys.exit(main())
