"""The folders: there, writable, on one file system, roomy, and the ones smartsort prepared."""

from __future__ import annotations

import os

from rich.filesize import decimal

from smartsort.api.schemas.state import Check
from smartsort.doctor.findings import broken, passed, skipped, told, warned
from smartsort.doctor.ledger_checks import LedgerView
from smartsort.errors import StorageError
from smartsort.files.capabilities import Capabilities, capabilities_of
from smartsort.files.disk import Disk
from smartsort.files.layout import Layout
from smartsort.files.placement import Method, methods_between
from smartsort.files.shown import shown
from smartsort.files.space import space

LOW_BYTES = 1 << 30
VERY_LOW_BYTES = 64 << 20
LOW_INODES = 1000


def root_check(layout: Layout, ledger: LedgerView, disk: Disk) -> Check:
    """Return whether the root can be written and is the prepared one."""
    name, root = "root", shown(layout.root)
    if not os.path.isdir(layout.root):
        return broken(
            name,
            f"{root} is missing or no folder",
            "Mount its disk, or make the folder and give it to smartsort's user.",
        )
    try:
        methods_between(layout.root, layout.root, disk)
    except StorageError as error:
        return broken(name, *_parted(error))
    status = os.stat(layout.root)
    if os.geteuid() == 0 and status.st_uid != 0:
        return warned(
            name,
            f"smartsort runs as root here, but {root} belongs to user {status.st_uid}: what it makes could "
            "not be changed by that user",
            f"Run it as that user (PUID={status.st_uid}, PGID={status.st_gid}).",
        )
    if ledger.root_id is None:
        return passed(name, f"{root} can be written. smartsort prepares it at its first start")
    try:
        layout.check(ledger.root_id)
    except StorageError as error:
        return broken(name, *_parted(error))
    return passed(name, f"{root} is the prepared one and can be written by user {os.geteuid()}")


def folders_check(layout: Layout, disk: Disk) -> Check:
    """Return whether every folder can be written.

    Those that are not there yet count by the folder above them.
    """
    conflicts = layout.conflicts()
    if conflicts:
        return broken("folders", "; ".join(conflicts), "Give each a place of its own under directories.")
    wrong: list[StorageError] = []
    for folder in (layout.inbox, *layout.guarded[1:], os.path.dirname(layout.ledger)):
        place = standing(folder)
        try:
            methods_between(place, place, disk)
        except StorageError as error:
            wrong.append(error)
    if wrong:
        cause, remedy = _parted(wrong[0])
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return broken("folders", f"{cause}{more}", remedy)
    return passed("folders", "all can be written")


def links_check(layout: Layout, disk: Disk) -> Check:
    """Return how photos get from one folder to the next: by a second name at best."""
    try:
        strange = [place for place, able in _capabilities(layout, disk) if not able.numbers]
    except StorageError as error:
        return skipped("hard links", _parted(error)[0])
    if strange:
        places = ", ".join(map(shown, strange))
        return warned(
            "hard links",
            f"two names of one file show different inode numbers in {places}: smartsort cannot tell that it "
            "is one file and makes copies, so every photo takes its space twice",
            "Mount it so that inode numbers are those of the files (mergerfs: inodecalc=hybrid-hash), or put "
            "the root on a local disk.",
        )
    pairs = (
        ("temp_downloads", layout.temp_downloads, "library", layout.library),
        ("library", layout.library, "faces", layout.faces),
        ("library", layout.library, "review", layout.review),
        ("library", layout.library, "trash", layout.trash),
    )
    without: list[str] = []
    methods = set()
    for name, folder, other, target in pairs:
        try:
            method = methods_between(standing(folder), standing(target), disk)
        except StorageError as error:
            return skipped("hard links", _parted(error)[0])
        if method is not Method.HARDLINK:
            methods.add(method)
            without.append(f"{name} and {other}")
    if without:
        cost = "every photo takes its space twice" if Method.COPY in methods else "copies share their blocks"
        return warned(
            "hard links",
            f"not possible between {', '.join(without)}. Copies are made instead: {cost}",
            "Put the whole root on one file system that knows hard links, in a container by one mount.",
        )
    return passed("hard links", "possible between temp_downloads, library, faces, review and trash")


def names_check(layout: Layout, disk: Disk) -> Check:
    """Return which names the folders take. Others are changed, and stay in the ledger as they were."""
    try:
        told = [
            f"{shown(place)} refuses {words}"
            for place, able in _capabilities(layout, disk)
            if (words := able.names.told())
        ]
    except StorageError as error:
        return skipped("file names", _parted(error)[0])
    if told:
        return passed("file names", f"{', '.join(told)}. Photos get _ there. The ledger keeps their names")
    return passed("file names", "any name can be used")


def _capabilities(layout: Layout, disk: Disk) -> list[tuple[str, Capabilities]]:
    """Return what each file system below the guarded folders can do, by a folder on it.

    Raises StorageError.
    """
    places = {os.stat(place).st_dev: place for place in map(standing, reversed(layout.guarded))}
    return [(place, capabilities_of(place, disk)) for place in reversed(places.values())]


def space_check(layout: Layout) -> Check:
    """Room on every file system smartsort writes to."""
    said, low = [], []
    empty = False
    seen: set[int] = set()
    for folder in (*layout.guarded, layout.inbox, os.path.dirname(layout.ledger)):
        place = standing(folder)
        try:
            device = os.stat(place).st_dev
            if device in seen:
                continue
            seen.add(device)
            room = space(place)
        except (OSError, StorageError):
            continue  # has a line of its own
        text = f"{decimal(room.bytes)} of {decimal(room.total_bytes)} free at {shown(place)}"
        said.append(text)
        if room.bytes < LOW_BYTES:
            low.append(text)
        if room.inodes is not None and room.inodes < LOW_INODES:
            low.append(f"only {room.inodes} more files fit at {shown(place)}")
        empty |= room.bytes < VERY_LOW_BYTES
    if low:
        line = broken if empty else warned
        return line("free space", "; ".join(low), "Free some. Photos wait meanwhile, nothing is lost.")
    return passed("free space", "; ".join(said))


def standing(folder: str) -> str:
    """Return the folder, or the nearest one above it that exists."""
    while not os.path.isdir(folder) and folder != "/":
        folder = os.path.dirname(folder)
    return folder


def _parted(error: StorageError) -> tuple[str, str]:
    """Split an error into cause and remedy: the remedy is its last sentence, or follows a colon."""
    text = str(error)
    for mark in (". ", ": "):
        cause, found, remedy = text.partition(mark)
        if found:
            return cause, remedy[:1].upper() + remedy[1:]
    return told(error)
