"""The demo as a whole: sample photos, the demo Immich, and the check that every photo came out right.

This module knows the demo and plain data only, `smartsort.cli.demo` puts the sidecar beside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from smartsort.demo.recognition import is_stranger
from smartsort.demo.regions import face_regions
from smartsort.demo.samples import BLACKLIST, PATTERN, PEOPLE, WHITELIST, Sample, iter_samples, iter_strangers
from smartsort.demo.settings import DemoKey, DemoSettings, Profile
from smartsort.demo.videos import iter_videos
from smartsort.files.ignore import ignored
from smartsort.files.sides import side_of

IMMICH_LIBRARY = "/mnt/smartsort/library"
"""Where the demo Immich sees `library/`: another path than here, as with containers."""


def fresh_folder(base: str, now: datetime) -> str:
    """Return a new folder below `base` for one run. Earlier runs stay to be looked at."""
    folder = os.path.join(os.path.abspath(base), now.strftime("%Y-%m-%d_%H%M%S"))
    count = 1
    while True:
        try:
            os.makedirs(folder if count == 1 else f"{folder}_{count}")
        except FileExistsError:
            count += 1
            continue
        return folder if count == 1 else f"{folder}_{count}"


def demo_settings(
    root: str,
    profile: Profile,
    version: str,
    people_from_regions: bool,
    permissions: Sequence[str] = ("all",),
    *,
    machine_learning: bool = False,
) -> DemoSettings:
    """A demo Immich that sees the library of `root` read-only under another path, with one key to it."""
    return DemoSettings(
        version=version,
        profile=profile,
        mounts={IMMICH_LIBRARY: os.path.join(root, "library")},
        keys=(DemoKey(permissions=tuple(permissions)),),
        people=() if people_from_regions else PEOPLE,
        people_from_regions=people_from_regions,
        machine_learning=machine_learning,
    )


def sidecar_settings(
    root: str, url: str, key: str, port: int, own_photos: bool, *, ml_url: str | None = None
) -> dict[str, object]:
    """Settings of the sidecar for the demo. People's own photos are sorted for everybody on them.

    With `ml_url`, the address of the demo's machine learning service, it measures and looks for near copies.
    """
    values: dict[str, object] = {
        "root": root,
        "immich.url": url,
        "immich.api_key": key,
        "immich.library_path": IMMICH_LIBRARY,
        "inbox.settle_seconds": 0.5,
        "api.port": port,
        "log.level": "warning",
    }
    if not own_photos:
        values |= {"whitelist": list(WHITELIST), "blacklist": list(BLACKLIST)}
    if ml_url is not None:
        # One process does it all here: on a busy machine that takes its time and is no reason to guess.
        values |= {"immich.ml_url": ml_url, "immich.ml_timeout_seconds": 60.0}
        values |= {"deduplication.near_duplicates": True}
    return values


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file put into the inbox, and where it should end up. `expected` None means: anywhere but lost.

    Of a photo and its copy (`copy_of`) whichever is accepted second is the duplicate.
    """

    path: str
    expected: str | None
    copy_of: str | None = None
    faces: int = 0
    """Face regions, of a person's own photo."""


def deliver_samples(inbox: str, count: int, seed: int) -> Iterator[Delivery]:
    """Draw sample photos, put them into the inbox all together, and tell what should become of each.

    With a whole round of photos come three videos, and a dozen strangers who are on several photos.
    """
    by_path: dict[str, Sample] = {}
    # Drawn elsewhere: later samples are copies of earlier ones, which the sidecar may have taken by then.
    with tempfile.TemporaryDirectory(prefix="smartsort-samples-") as studio:
        photos = (sample for sample, _ in iter_samples(studio, count, seed))
        more = (iter_videos(studio, seed), iter_strangers(studio, seed)) if count >= len(PATTERN) else ()
        for sample in chain(photos, *more):
            by_path[sample.path] = sample
            yield _delivery(sample, by_path)
        for path in by_path:
            # The photo last: what belongs to it lies there when it is seen.
            real = os.path.join(studio, path)
            if os.path.exists(f"{real}.xmp"):
                _copy_in(f"{real}.xmp", os.path.join(inbox, f"{path}.xmp"))
            _copy_in(real, os.path.join(inbox, path))


def _delivery(sample: Sample, by_path: Mapping[str, Sample]) -> Delivery:
    original = by_path.get(sample.copy_of or "")
    if original is not None:
        return Delivery(sample.path, _folder(original), original.path)
    return Delivery(sample.path, _folder(sample))


def _folder(sample: Sample) -> str:
    if sample.category == "faces":
        return f"faces/{sample.person}"
    return f"review/{sample.category}"


def _copy_in(source: str, target: str) -> None:
    """Appear whole: under a name the ignore table knows first."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, f"{target}.part")
    os.rename(f"{target}.part", target)


def deliver_own(inbox: str, folder: str) -> Iterator[Delivery]:
    """Copy a person's photos into the inbox, sub-folders and all. `folder` itself is only read.

    A photo whose only face region has a name is expected under that name, any other anywhere.
    """
    base = os.path.abspath(folder)
    # Its own name would hide all of it from the inbox if that were one the ignore table knows.
    source = os.path.basename(base)
    source = "photos" if not source or ignored(source, folder=True) is not None else source
    firsts: dict[str, str] = {}
    for path in _files(base):
        relative = os.path.join(source, os.path.relpath(path, base))
        _copy_in(path, os.path.join(inbox, relative))
        if _travels(path):
            continue
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        tagged = [region.name for region in face_regions(path)]
        sure = len(tagged) == 1 and tagged[0] != "" and not is_stranger(tagged[0])
        expected = f"faces/{tagged[0]}" if sure else None
        first = firsts.setdefault(digest, relative)
        copy_of = first if first != relative else None
        yield Delivery(relative, expected, copy_of, len(tagged))


def holds_photos(folder: str) -> bool:
    """Return whether there is anything in a folder that `deliver_own` would deliver."""
    return not all(map(_travels, _files(os.path.abspath(folder))))


def _files(base: str) -> Iterator[str]:
    for place, folders, names in os.walk(base):
        folders[:] = sorted(f for f in folders if ignored(f, folder=True) is None)
        for path in (os.path.join(place, name) for name in sorted(names) if ignored(name) is None):
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def _travels(path: str) -> bool:
    """Return True for a file that goes where its photo goes, or stays."""
    return side_of(os.path.basename(path)) is not None


def latency(finished: Mapping[str, float], filed: Mapping[str, float]) -> tuple[float, float] | None:
    """Median and 95th percentile of the seconds from "Immich finished" to "filed", by library path."""
    waits = sorted(max(0.0, filed[path] - finished[path]) for path in filed.keys() & finished.keys())
    if len(waits) < 2:
        return None
    return statistics.median(waits), waits[min(len(waits) - 1, int(len(waits) * 0.95))]


def unmet(deliveries: Sequence[Delivery], destinations: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong, in sentences: photos without a place, photos in a wrong place, copies filed twice.

    `destinations` maps a delivered path to the folders it is in now.
    """
    wrong = [f"{d.path} is not accounted for" for d in deliveries if not destinations.get(d.path)]
    families: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        families.setdefault(delivery.copy_of or delivery.path, []).append(delivery)
    for members in families.values():
        expected = members[0].expected
        if expected is None:
            continue
        found = sorted(folder for d in members for folder in destinations.get(d.path, ()))
        wanted = sorted([expected] + ["review/duplicates"] * (len(members) - 1))
        if found != wanted:
            names = ", ".join(d.path for d in members)
            wrong.append(f"{names}: in {', '.join(found)}, expected {', '.join(wanted)}")
    return wrong


def own_photos_in_words(deliveries: Sequence[Delivery], photos: int) -> str:
    """Return what the demo could make of a person's own photos, when all went as expected."""
    tagged = sum(1 for d in deliveries if d.faces)
    named = sum(1 for d in deliveries if d.expected is not None and d.copy_of is None)
    found = "None of them has face regions, so the demo found no face and filed none under a person."
    if tagged:
        found = (
            f"With face regions: {tagged}. With one named face alone, and in that person's folder: {named}."
        )
    return (
        f"all {photos} photos are accounted for. {found}\nThe demo reads the face regions that photo managers"
        " write into pictures. It does not recognise faces. Your own Immich does."
    )
