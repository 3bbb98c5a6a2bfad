"""Live Photos and RAW+JPEG pairs for tests: handed in as one, whatever their files' names."""

from __future__ import annotations

import os
from datetime import timedelta

from tests.fakes import World, write
from tests.shots import TAKEN, clip, photo, raw_photo

from smartsort.files.stamps import stamp
from smartsort.ledger.records import Member
from smartsort.pipeline.arrival.claim import Offered

KINDS = ("live", "raw", "alone")


def shot(seed: int, kind: str = "live") -> dict[str, bytes]:
    """Content by ending; the halves say that they are one shot."""
    if kind == "live":
        return {
            "jpg": photo(seed, content_id=f"shot-{seed}"),
            "MOV": clip(0.5, content_id=f"shot-{seed}", seed=seed),
        }
    taken = TAKEN + timedelta(minutes=seed)
    picture = {"jpg": photo(seed, taken=taken)}
    if kind == "alone":
        return picture
    return {**picture, "dng": raw_photo(seed, taken=taken), "jpg.xmp": b"<x>%d</x>" % seed}


async def deliver_shot(
    world: World, stem: str, kind: str = "live", content: bytes | None = None, seed: int | None = None
) -> int:
    """A photo with its video (`live`), with its raw photo and an XMP file (`raw`), or `alone`; its id.

    The same `seed` and kind: the same bytes.
    """
    folder = os.path.join(world.context.layout.inbox, "shots")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{stem}.jpg")
    seed = next(world._seeds) if seed is None else seed
    write(path, content if content is not None else shot(seed, kind)["jpg"])
    members = {"MOV": Member.VIDEO, "dng": Member.RAW, "jpg.xmp": Member.XMP}
    more = [(f"{stem}.{e}", data, members[e]) for e, data in shot(seed, kind).items() if e != "jpg"]
    companions = []
    for name, data, member in more:
        beside = os.path.join(folder, name)
        write(beside, data)
        companions.append((beside, member, stamp(beside)))
    [taken] = await world.sidecar.claimer.claim(
        [Offered(path, stamp(path), "test", companions=tuple(companions))]
    )
    return taken.id


def tree_of(world: World, *areas: str) -> dict[str, bytes]:
    """Content of all files below these folders, by path."""
    found = {}
    for area in areas:
        base = os.path.join(world.root, area)
        for folder, _, names in os.walk(base):
            for name in names:
                if not name.startswith(".smartsort"):
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, base)] = file.read()
    return found


def moved_by_hand(world: World, source: str, target: str) -> None:
    """A user drags a file; paths below the root."""
    target = os.path.join(world.root, target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(os.path.join(world.root, source), target)
