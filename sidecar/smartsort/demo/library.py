"""Photos that are in the demo Immich before smartsort comes, and all it holds, to be compared."""

import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from smartsort.demo.immich import DemoImmich
from smartsort.demo.samples import FAMILY, NOT_WHITELISTED, tagged
from smartsort.demo.scenes import draw_people

PEOPLE = (*FAMILY, NOT_WHITELISTED)
UPLOADS = "/data/upload"
"""Where the demo Immich keeps what is uploaded."""

_SIZE = (400, 300)
_ROUND = 10
"""Of so many photos one shows two people, one a person beside a stranger, and one nobody."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo to upload. `person` is whose folder it belongs in, None where smartsort asks or leaves it."""

    name: str
    content: bytes
    person: str | None


def draw_uploads(count: int, seed: int) -> Iterator[Upload]:
    """Draw photos of six people."""
    for index in range(count):
        place = index % _ROUND
        names = [PEOPLE[(index + index // _ROUND) % len(PEOPLE)]]
        if place == 7:
            names.append(PEOPLE[(index + index // _ROUND + 1) % len(PEOPLE)])
        elif place == 8:
            names.append(f"stranger {index}")
        elif place == 9:
            names = []
        drawing = draw_people(names, _SIZE, random.Random(f"library:{seed}:{index}"))
        taken = datetime(2019, 1, 1, 9, tzinfo=UTC) + timedelta(hours=31 * index)
        content = tagged(drawing, names, _SIZE, taken)
        yield Upload(f"IMG_{index:04d}.jpg", content, names[0] if len(names) == 1 else None)


def held(demo: DemoImmich) -> dict[str, Any]:
    """Return all that the demo Immich knows of photos, faces, people and albums."""
    state = demo.state
    return {
        kind: {key: asdict(value) for key, value in found.items()}
        for kind, found in (
            ("assets", state.assets),
            ("faces", state.faces),
            ("people", state.people),
            ("albums", state.albums),
        )
    }


def files_below(*folders: str) -> dict[str, tuple[int, int, str]]:
    """Return size, time and digest of every file below the folders, by its path."""
    found = {}
    for base in folders:
        for folder, _, names in os.walk(base):
            for path in (os.path.join(folder, name) for name in names):
                status = os.lstat(path)
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[path] = status.st_size, status.st_mtime_ns, digest
    return found
