"""Whether the faces under one name are those of two people. Pure arithmetic on embeddings."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from smartsort.core.similarity import Vector, above, cosine

APART = 0.25
"""Groups of faces that are less alike are of two people. Measured on real faces: `tests.bench.judgement`."""

LEAST = 2
"""Faces of the smaller group. A single face that is like no other tells nothing."""

Group = tuple[int, ...]


def groups(
    faces: Sequence[Vector], level: float = 0.0, same: Iterable[Collection[int]] = ()
) -> tuple[Group, Group] | None:
    """Split faces into those of two people, as indexes, the larger group first, None for one person's.

    The two most alike groups are joined until two are left (average linkage). Single faces that join last
    are left out of both. `same` are faces that a human called one person's: no split parts them. `level` is
    how alike people who are not related look to this model.
    """
    left = _called_one(len(faces), same)
    alike = {
        pair: above(cosine(faces[pair[0]], faces[pair[1]]), level)
        for pair in combinations(range(len(faces)), 2)
    }

    def between(pair: tuple[Group, Group]) -> float:
        one, other = pair
        return math.fsum(alike[min(i, j), max(i, j)] for i in one for j in other) / (len(one) * len(other))

    last: tuple[float, Group, Group] | None = None
    while len(left) > 1:
        one, other = closest = max(combinations(left, 2), key=between)
        if min(len(one), len(other)) >= LEAST:
            last = between(closest), one, other
        left = [group for group in left if group not in closest] + [one + other]
    if last is None or last[0] >= APART:
        return None
    larger, smaller = sorted(last[1:], key=len, reverse=True)
    return tuple(sorted(larger)), tuple(sorted(smaller))


def _called_one(count: int, same: Iterable[Collection[int]]) -> list[Group]:
    """Return every face by itself, but those that a human called one person's together."""
    found: list[set[int]] = [{index} for index in range(count)]
    for indexes in same:
        touched = [group for group in found if group & set(indexes)]
        if len(touched) > 1:
            found = [group for group in found if group not in touched] + [set().union(*touched)]
    return [tuple(group) for group in found]


def mixed_person(name: str, sizes: Sequence[int]) -> str:
    """Return what to tell of a person who is two people, of whom so many faces were seen."""
    one, other = sizes
    return (
        f"The faces that Immich keeps under the name {name} look like two people's: {one} like one, {other} "
        f"like the other. smartsort files nothing under {name} by itself. Split them in Immich, or say "
        "that it is one person (`smartsort people one-person`)."
    )
