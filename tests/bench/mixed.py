"""How often is a person of Immich who is two people found, and how often is one person taken for two?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from tests.bench.embeddings import People, families, friends

from smartsort.core import mixed
from smartsort.core.similarity import Vector

GALLERY = 12
SHARES = (0.2, 0.35, 0.5)
"""Of the second person."""

FEWEST = 4
"""Faces of which two can be of another person."""

Half = Sequence[int]
"""The families that are looked at: thresholds come from one half and are reported on the other."""


def figures(people: People, seeds: Sequence[int]) -> list[dict[str, object]]:
    """Print and return the percentage found: of mixes of strangers and of relatives, and of single people."""
    print("\ngalleries of up to 12 faces that are taken for two people's, %")
    everybody = sorted(people.families)
    halves = {"all": everybody, "one half": everybody[::2], "the other half": everybody[1::2]}
    rows: list[dict[str, object]] = []
    for half, some in halves.items():
        for kind, galleries in (
            ("strangers mixed", strangers),
            ("relatives mixed", relatives),
            ("one person", known),
            ("from all photos", alone),
        ):
            made = [gallery for seed in seeds for gallery in galleries(people, some, random.Random(seed))]
            found = sum(mixed.groups(gallery) is not None for gallery in made)
            percent = round(100 * found / max(1, len(made)), 1)
            rows.append({"kind": kind, "families": half, "found": percent, "galleries": len(made)})
        print(f"  {half:16}" + "".join(f"{row['kind']:>18} {row['found']:5.1f}" for row in rows[-4:]))
    return rows


def strangers(people: People, some: Half, rng: random.Random) -> Iterator[list[Vector]]:
    """Everybody of the families with somebody of another one; and those of no family with each other."""
    for family in some:
        others = [p for other in some if other != family for p in people.families[other]]
        for person in people.families[family] if others else ():
            yield from _mix(people, person, rng.choice(others), rng)
    for person in people.unrelated if len(people.unrelated) > 1 else ():
        yield from _mix(people, person, rng.choice([p for p in people.unrelated if p != person]), rng)


def relatives(people: People, some: Half, rng: random.Random) -> Iterator[list[Vector]]:
    """Everybody with one of their relatives."""
    for family in some:
        members = people.families[family]
        for person in members if len(members) > 1 else ():
            yield from _mix(people, person, rng.choice([p for p in members if p != person]), rng)


def known(people: People, some: Half, rng: random.Random) -> Iterator[list[Vector]]:
    """The galleries of the households, of 3 to 8 faces, and of people who are not related."""
    seed = rng.randrange(1000)
    households = [*families(people, seed, unnamed=False, only=some), friends(people, seed, 10)]
    yield from ([seen.vector for seen in faces] for one in households for faces in one.confirmed.values())


def alone(people: People, some: Half, rng: random.Random) -> Iterator[list[Vector]]:
    """Everybody by themselves, with as many faces as a gallery holds."""
    for person in [*(p for family in some for p in people.families[family]), *people.unrelated]:
        faces = people.of(person, clean=True)
        if len(faces) >= FEWEST:
            yield rng.sample(faces, min(GALLERY, len(faces)))


def _mix(people: People, person: int, other: int, rng: random.Random) -> Iterator[list[Vector]]:
    """As many faces of both as the person alone would have in a gallery."""
    own, others = people.of(person, clean=True), people.of(other, clean=True)
    size = min(GALLERY, len(own))
    second = max(mixed.LEAST, round(size * rng.choice(SHARES)))
    if size >= FEWEST and len(others) >= second:
        yield rng.sample(own, size - second) + rng.sample(others, second)
