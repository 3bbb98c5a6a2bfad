"""The demo as a whole: sample photos, the demo Immich, and the check that every photo came out right.

This module knows the demo and plain data only; `smartsort.cli.demo` puts the sidecar beside it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from smartsort.demo.regions import face_regions
from smartsort.demo.samples import BLACKLIST, PEOPLE, WHITELIST, Sample, iter_samples
from smartsort.demo.settings import DemoSettings, Profile

IMMICH_LIBRARY = "/mnt/smartsort/library"
"""Where the demo Immich sees `library/`: another path than here, as with containers."""


def fresh_folder(base: str, now: datetime) -> str:
    """A new folder below `base` for one run; earlier runs stay to be looked at."""
    folder = os.path.join(os.path.abspath(base), now.strftime("%Y-%m-%d_%H%M%S"))
    count = 1
    while True:
        try:
            os.makedirs(folder if count == 1 else f"{folder}_{count}")
        except FileExistsError:
            count += 1
            continue
        return folder if count == 1 else f"{folder}_{count}"


def demo_settings(root: str, profile: Profile, version: str, people_from_regions: bool) -> DemoSettings:
    """A demo Immich that sees the library of `root` read-only under another path."""
    return DemoSettings(
        version=version,
        profile=profile,
        mounts={IMMICH_LIBRARY: os.path.join(root, "library")},
        people=() if people_from_regions else PEOPLE,
        people_from_regions=people_from_regions,
    )


def sidecar_settings(root: str, url: str, key: str, port: int, own_photos: bool) -> dict[str, object]:
    """Settings of the sidecar for the demo. People's own photos are sorted for everybody on them."""
    values: dict[str, object] = {
        "root": root,
        "immich.url": url,
        "immich.api_key": key,
        "immich.library_path": IMMICH_LIBRARY,
        "intake.quiet_seconds": 0.5,
        "api.port": port,
        "log.level": "warning",
    }
    if not own_photos:
        values |= {"whitelist": list(WHITELIST), "blacklist": list(BLACKLIST)}
    return values


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file put into the inbox, and where it should end up; `expected` None means: anywhere but lost."""

    path: str
    expected: frozenset[str] | None


def deliver_samples(inbox: str, count: int, seed: int) -> Iterable[Delivery]:
    """Put sample photos into the inbox, one at a time, and tell what should become of each."""
    by_path: dict[str, Sample] = {}
    # Drawn elsewhere: later samples are copies of earlier ones, which the sidecar may have taken by then.
    with tempfile.TemporaryDirectory(prefix="smartsort-samples-") as studio:
        for sample, real in iter_samples(studio, count, seed):
            by_path[sample.path] = sample
            # The photo last: what belongs to it lies there when it is seen.
            if os.path.exists(f"{real}.xmp"):
                _copy_in(f"{real}.xmp", os.path.join(inbox, f"{sample.path}.xmp"))
            _copy_in(real, os.path.join(inbox, sample.path))
            yield Delivery(sample.path, _expected(sample, by_path))


def _copy_in(source: str, target: str) -> None:
    """Appear whole: under a name the ignore table knows first."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, f"{target}.part")
    os.rename(f"{target}.part", target)


def _expected(sample: Sample, by_path: Mapping[str, Sample]) -> frozenset[str]:
    if sample.kind == "near_copy" and sample.copy_of is not None:
        # Another file with the same face on it: only a comparison of pictures could tell.
        return _expected(by_path[sample.copy_of], by_path)
    own = _folder(sample)
    if sample.kind == "exact_copy" and sample.copy_of is not None:
        return frozenset({own}) | _expected(by_path[sample.copy_of], by_path)
    return frozenset({own})


def _folder(sample: Sample) -> str:
    if sample.category == "faces":
        return f"faces/{sample.person}"
    return f"review/{sample.category}"


def deliver_own(inbox: str, folder: str) -> Iterable[Delivery]:
    """Copy a person's photos into the inbox, sub-folders and all; `folder` itself is only read."""
    base = os.path.abspath(folder)
    for place, folders, names in os.walk(base):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            relative = os.path.relpath(path, base)
            _copy_in(path, os.path.join(inbox, os.path.basename(base), relative))
            people = {region.name for region in face_regions(path) if region.name}
            expected = frozenset({f"faces/{p}" for p in people}) if len(people) == 1 else None
            yield Delivery(os.path.join(os.path.basename(base), relative), expected)


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
    wrong: list[str] = []
    for delivery in deliveries:
        found = destinations.get(delivery.path, ())
        if not found:
            wrong.append(f"{delivery.path} is not accounted for")
        elif delivery.expected is not None and not set(found) <= delivery.expected:
            wrong.append(
                f"{delivery.path} is in {', '.join(found)}, expected {' or '.join(sorted(delivery.expected))}"
            )
    return wrong
