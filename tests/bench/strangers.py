"""Groups of strangers: how pure they are, how many photos one decision settles, and what they cost.

`python -m tests.bench.strangers` uses made-up faces, `--faces FILE.npz` those of a file that
`tests.bench.embeddings` describes. People are taken until there are enough photos.
"""

from __future__ import annotations

import os
import random
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `smartsort.confidence.neighbours` does, before numpy

import click
import numpy as np
from rich.console import Console
from tests.bench.report import Figure, show, write

from smartsort.confidence.neighbours import Neighbours, whole
from smartsort.core.groups import Group, UnnamedFace, grouped, regrouped

LENGTH = 512
MOST, SIZES = 200, 1.1
"""Photos of one stranger at most, and the exponent of how many there are: most have one or two."""

SAME = {332: 3, 335: 67}
"""People of `households.npz` who are in both of its sets, by both their numbers."""

LETTERS = 5
"""Of a name that is typed. Enter opens the question for it, and Enter again takes it."""

AT_ONCE, FOUND, IGNORED = 2 + LETTERS, 4, 2
"""Keys to name somebody, to pick one who has a name by two letters, and to ignore one."""

COUNTS, MORE = (1_000, 9_000, 100_000), 51
"""Faces, and how many come after them one at a time. From 10,000 on neighbours are looked for otherwise."""


@dataclass
class Faces:
    """Faces of one photo each, and whose they are."""

    vectors: np.ndarray
    people: np.ndarray

    @property
    def unnamed(self) -> list[UnnamedFace]:
        """The faces as they wait; their ids are in no order."""
        numbers = random.Random(7).sample(range(10 * len(self.people)), len(self.people))
        return [UnnamedFace(f"{number:08}", photo) for photo, number in enumerate(numbers, 1)]


def made_up(count: int, seed: int = 1) -> Faces:
    """Strangers whose faces are apart as those of real people (`tests.bench.household`)."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(MOST, 1 + rng.pareto(SIZES, count) * 2).astype(int)
    people = np.repeat(np.arange(count), sizes)[:count]
    directions = rng.standard_normal((people.max() + 1, LENGTH), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vectors = np.empty((count, LENGTH), np.int16)
    for start in range(0, count, 2_000):  # as single precision they would be the peak of the memory
        centres = directions[people[start : start + 2_000]]
        near = 1 - rng.triangular(0.0, 0.2, 0.6, (len(centres), 1)).astype(np.float32)
        away = rng.standard_normal(centres.shape, dtype=np.float32)
        away -= (away * centres).sum(axis=1, keepdims=True) * centres
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        vectors[start : start + 2_000] = whole(near * centres + np.sqrt(1 - near**2) * away)
    return Faces(vectors, people)


def loaded(path: str) -> tuple[Faces, np.ndarray]:
    """The clean faces of a file, and the home of each: relatives share one."""
    with np.load(path) as file:
        clean = file["clean"]
        vectors, family = file["embeddings"].astype(np.float32)[clean], file["family"][clean]
        people = np.array([SAME.get(person, person) for person in file["person"][clean].tolist()])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    homes = np.where(family < 0, -1 - people, family)
    for person in SAME.values():
        homes[people == person] = homes[people == person].max()
    return Faces(whole(vectors), people), homes


def real(path: str, count: int, seed: int) -> Faces:
    """The clean faces of people of a file, drawn until there are enough."""
    faces, _ = loaded(path)
    everybody = sorted(set(faces.people.tolist()))
    random.Random(seed).shuffle(everybody)
    chosen = np.concatenate([np.flatnonzero(faces.people == person) for person in everybody])[:count]
    return Faces(faces.vectors[chosen], faces.people[chosen])


def groups_of(unnamed: list[UnnamedFace], vectors: np.ndarray) -> list[Group]:
    """The groups of faces that come all at once."""
    near = Neighbours(vectors.shape[1])
    near.put(unnamed, vectors)
    return grouped(unnamed, near.links())


def judged(faces: Faces, name: str) -> Iterator[Figure]:
    """What naming each group once, and each photo that is left over, comes to."""
    unnamed = faces.unnamed
    groups = groups_of(unnamed, faces.vectors)
    several = [group for group in groups if len(group) > 1]
    right = sum(max(Counter(faces.people[list(group)].tolist()).values()) for group in several)
    photos = sum(map(len, several))
    yield Figure("strangers", f"{name}: purity of groups", 100 * right / photos, "%", limit=99.0, least=True)
    yield Figure("strangers", f"{name}: photos in groups", 100 * photos / len(unnamed), "%")
    yield Figure(
        "strangers",
        f"{name}: photos of a group for each decision",
        photos / len(several),
        "",
        limit=5,
        least=True,
    )
    yield Figure(
        "strangers",
        f"{name}: photos for each decision, single ones too",
        len(unnamed) / len(groups),
        "",
        limit=5,
        least=True,
    )


def keyed(faces: Faces, name: str) -> Iterator[Figure]:
    """Photos for each key press in the terminal UI: each name is typed, and none is suggested."""
    unnamed = faces.unnamed
    sizes = [len(group) for group in groups_of(unnamed, faces.vectors)]
    several, photos = sum(size > 1 for size in sizes), len(unnamed)
    named = len(set(faces.people.tolist()))
    keys = {
        "one by one": named * AT_ONCE + (photos - named) * FOUND,
        "groups, all named": len(sizes) * AT_ONCE,
        "groups named, single ones ignored": several * AT_ONCE + (len(sizes) - several) * IGNORED,
        "all ignored": len(sizes) * IGNORED,
    }
    for how, pressed in keys.items():
        yield Figure("strangers", f"{name}: photos for each key press, {how}", photos / pressed, "")


def measured(count: int) -> Iterator[Figure]:
    """Seconds and memory of grouping so many faces, the vectors included; and of one face more."""
    faces = made_up(count + MORE)
    unnamed, vectors = faces.unnamed, faces.vectors
    near = Neighbours(LENGTH)
    near.put(unnamed[:count], vectors[:count])
    of = {face: group for group in grouped(unnamed[:count], near.links()) for face in group}
    took = []
    for index in range(count, count + MORE):
        began = time.process_time()
        changed = near.put(unnamed[index : index + 1], vectors[index : index + 1])
        for group in regrouped(near.faces, near.links, of, changed):
            of |= dict.fromkeys(group, group)
        took.append(time.process_time() - began)
    yield Figure("strangers", f"{count:,} faces and one more", 1000 * statistics.median(took), "ms")
    del near, of
    unnamed, faces.vectors = unnamed[:count], vectors[:count]
    began = time.process_time()
    groups_of(unnamed, faces.vectors)
    seconds = time.process_time() - began
    tracemalloc.start()
    groups_of(unnamed, faces.vectors)
    peak = tracemalloc.get_traced_memory()[1] + faces.vectors.nbytes
    tracemalloc.stop()
    limits = (5.0, 300.0) if count == COUNTS[-1] else (None, None)
    yield Figure("strangers", f"{count:,} faces", seconds, "s", limit=limits[0])
    yield Figure("strangers", f"{count:,} faces", peak / 2**20, "MB", limit=limits[1])


def run(_: str = "", *, quick: bool = False) -> Iterator[Figure]:
    """The made-up strangers and the costs, for `python -m tests.bench`."""
    made = made_up(3_000)
    yield from (*judged(made, "3,000 made up"), *keyed(made, "3,000 made up"))
    for count in COUNTS[:1] if quick else COUNTS:
        yield from measured(count)


@click.command()
@click.option("--faces", metavar="FILE", help="Real faces instead of made-up ones.")
@click.option("--photos", default=3_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", metavar="FILE", help="Write the figures as JSON too.")
def main(faces: str | None, photos: int, seed: int, json_path: str | None) -> None:
    """Measure the groups of strangers."""
    if faces:
        chosen, name = real(faces, photos, seed), f"{photos:,} real"
        figures = [*judged(chosen, name), *keyed(chosen, name)]
    else:
        figures = list(run())
    show(figures, Console())
    if json_path:
        write(figures, json_path)


if __name__ == "__main__":
    main()
