"""What the fault tests drop into the inbox, and where it has to end up."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.handed_in import shot
from tests.shots import clip

from smartsort.core.naming import folder_name
from smartsort.demo.samples import PEOPLE, Sample, iter_samples
from smartsort.files.shown import from_ledger

assert PEOPLE

XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- {} --></x:xmpmeta>\n'


def digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class Delivery:
    stock: str
    target: str
    """Relative to the inbox."""
    sha256: str
    folder: str
    """Where one of these bytes belongs; any further one is a duplicate."""
    readable: bool = True
    """What cannot be read is not compared: each copy of it goes to `folder`."""
    companions: dict[str, str] = field(default_factory=dict)
    """Digests of the files that travel with it, by what their names end in (`.jpg.xmp`, `.MOV`)."""


@dataclass
class Stock:
    """Photos made beforehand: a third with names that collide, each tenth twice, each ninth with XMP."""

    folder: str
    deliveries: list[Delivery] = field(default_factory=list)

    def make(self, photos: int, seed: int = 0) -> None:
        rng = random.Random(seed)
        by_path: dict[str, Sample] = {}
        for sample, _ in iter_samples(self.folder, photos, seed, size=(160, 120), reuse_drawings=True):
            by_path[sample.path] = sample
            self._add(sample, by_path, rng)

    def _add(self, sample: Sample, by_path: dict[str, Sample], rng: random.Random) -> None:
        number = len(self.deliveries)
        path = os.path.join(self.folder, sample.path)
        stem, ending = os.path.splitext(sample.path)
        target = sample.path
        if number % 3 == 0:
            target = f"camera{number % 5}/batch{number}/IMG_0001{ending}"
        companions = {}
        if os.path.exists(f"{path}.xmp") or number % 9 == 0:
            if not os.path.exists(f"{path}.xmp"):
                with open(f"{path}.xmp", "w") as file:
                    file.write(XMP.format(number))
            companions[f"{ending}.xmp"] = digest(f"{path}.xmp")
        original = by_path.get(sample.copy_of or "", sample) if sample.kind == "exact_copy" else sample
        if sample.kind == "near_copy" and sample.copy_of:
            original = by_path[sample.copy_of]
        folder = (
            f"faces/{folder_name(original.person or '')}"
            # Without a machine learning service nothing measures how sure a match is.
            if original.category in ("faces", "low_confidence")
            else f"review/{original.category}"
        )
        self.deliveries.append(Delivery(path, target, digest(path), folder, sample.is_readable, companions))
        if number % 10 == 7:
            again = f"again{rng.randrange(3)}/{number}/copy of {os.path.basename(stem)}{ending}"
            self.deliveries.append(Delivery(path, again, digest(path), folder, sample.is_readable))

    def make_shots(self, count: int) -> None:
        """Live Photos and RAW+JPEG pairs without faces; each fourth comes twice."""
        os.makedirs(os.path.join(self.folder, "shots"), exist_ok=True)
        for number in range(count):
            path = os.path.join(self.folder, "shots", f"IMG_{number}.jpg")
            companions = {}
            for ending, content in shot(number, ("live", "raw")[number % 2]).items():
                place = f"{os.path.splitext(path)[0]}.{ending}"
                with open(place, "wb") as file:
                    file.write(content)
                if ending != "jpg":
                    companions[f".{ending}"] = digest(place)
            for again in ("", "again/") if number % 4 == 3 else ("",):
                target = f"shots/{again}{number}/IMG_{number % 3}.jpg"
                home = "review/unidentified"
                self.deliveries.append(Delivery(path, target, digest(path), home, companions=companions))

    def make_videos(self, count: int) -> None:
        """Videos without faces, which are looked at before they are placed; each third comes twice."""
        os.makedirs(os.path.join(self.folder, "videos"), exist_ok=True)
        for number in range(count):
            path = os.path.join(self.folder, "videos", f"VID_{number}.mov")
            with open(path, "wb") as file:
                file.write(clip(0.5, seed=1000 + number))
            for again in ("", "again/") if number % 3 == 2 else ("",):
                target = f"videos/{again}{number}/VID_{number % 2}.mov"
                self.deliveries.append(Delivery(path, target, digest(path), "review/unidentified"))

    def deliver(self, some: list[Delivery], inbox: str) -> None:
        for each in some:
            target = os.path.join(inbox, each.target)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            (source, ending), (stem, _) = os.path.splitext(each.stock), os.path.splitext(target)
            names = (*each.companions, ending)
            for name in names:
                shutil.copy2(f"{source}{name}", f"{stem}{name}.part")
            for name in names:  # in one go: what lies there for long without its photo is taken by itself
                os.rename(f"{stem}{name}.part", f"{stem}{name}")


@dataclass
class Verdict:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    destinations: Counter = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.split or self.stuck or self.wrong)

    def __str__(self) -> str:
        text = (
            f"{len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.split)} split, "
            f"{len(self.stuck)} stuck, {len(self.wrong)} in a wrong place"
        )
        for what in ("lost", "doubled", "split", "stuck", "wrong"):
            text += "".join(f"\n  {what}: {each}" for each in getattr(self, what)[:10])
        return text


def judge(root: str, deliveries: list[Delivery], ledger: str | None = None) -> Verdict:
    """Every delivery against the ledger and the disk, read without smartsort's own help."""
    verdict = Verdict()
    wanted: Counter[str] = Counter(d.sha256 for d in deliveries)
    readable = {d.sha256 for d in deliveries if d.readable}
    home = {d.sha256: d.folder for d in deliveries}
    sidecars: dict[str, Counter[str]] = defaultdict(Counter)
    for d in deliveries:
        sidecars[d.sha256].update(d.companions.values())
    halves = {sha256 for each in sidecars.values() for sha256 in each}
    db = sqlite3.connect(ledger or os.path.join(root, "smartsort.db"))
    folders: dict[str, Counter[str]] = defaultdict(Counter)
    rows: Counter[str] = Counter()
    found_sidecars: dict[str, Counter[str]] = defaultdict(Counter)
    libraries: Counter[str] = Counter()
    whys: dict[str, list[str]] = defaultdict(list)
    try:
        for sha256, why, evidence, at in db.execute(
            "SELECT p.sha256, d.reasons, d.evidence, d.at FROM decisions AS d JOIN photos AS p"
            " ON p.id = d.photo_id ORDER BY d.id"
        ):
            whys[sha256].append(f"{at} {why} {evidence}")
        for photo, sha256, state in db.execute("SELECT id, sha256, state FROM photos").fetchall():
            if state not in ("filed", "review", "skipped", "rejected", "purged"):
                verdict.stuck.append(f"photo {photo} is {state}")
                continue
            rows[sha256] += 1
            own: Counter[str] = Counter()
            for area, path, member in db.execute(
                "SELECT area, path, member FROM names WHERE photo_id = ?", (photo,)
            ):
                relative = from_ledger(path)
                folder = {"temp": "temp_downloads"}.get(area, area)
                place = os.path.join(root, folder, relative)
                if not os.path.exists(place):
                    verdict.lost.append(f"photo {photo}: {place} is not there")
                    continue
                held = digest(place)
                if member == "photo":
                    if held != sha256:
                        verdict.lost.append(f"photo {photo}: {place} has other bytes")
                    if area == "library":
                        libraries[sha256] += 1
                    else:
                        own[f"{area}/{os.path.dirname(relative)}"] += 1
                elif area != "library":
                    found_sidecars[sha256][held] += 1
            folders[sha256] += own
    finally:
        db.close()
    for path in _files(os.path.join(root, "inbox")):
        verdict.stuck.append(f"{path} is still in the inbox")
    for sha256, count in wanted.items():
        if rows[sha256] < count:
            verdict.lost.append(f"{sha256[:12]}: {count} delivered, {rows[sha256]} in the ledger")
        if rows[sha256] > count:
            verdict.doubled.append(f"{sha256[:12]}: {count} delivered, {rows[sha256]} in the ledger")
        if libraries[sha256] > 1:
            verdict.doubled.append(f"{sha256[:12]} stands {libraries[sha256]} times in the library")
        expected = Counter({home[sha256]: 1 if sha256 in readable else count})
        expected["review/duplicates"] += count - sum(expected.values())
        if +expected != folders[sha256]:
            verdict.wrong.append(
                f"{sha256[:12]}: in {dict(folders[sha256])}, expected {dict(+expected)}; {whys[sha256]}"
            )
        if sidecars[sha256] != found_sidecars[sha256]:
            verdict.split.append(
                f"{sha256[:12]}: {sidecars[sha256]} travel with it, found {found_sidecars[sha256]}"
            )
        verdict.destinations.update({(sha256, f): n for f, n in folders[sha256].items()})
    for sha256 in rows.keys() & halves:
        verdict.split.append(f"{sha256} is a photo of its own")
    for sha256 in rows.keys() - wanted.keys() - halves:
        verdict.doubled.append(f"{sha256} was never delivered")
    return verdict


def _files(folder: str) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
