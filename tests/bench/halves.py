"""How links of faces are chosen: on half of the people of a file, and what comes of it on the other half.

`python -m tests.bench.halves FILE.npz` splits the people of a file that `tests.bench.embeddings` describes,
relatives together. Of the values that keep enough purity on one half it takes those that find most.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import mean
from unittest.mock import patch

import click
import numpy as np
from tests.bench.strangers import Faces, loaded

from smartsort.confidence import neighbours
from smartsort.core import groups

LINKED, NEAREST = (0.28, 0.32, 0.36, 0.40, 0.44), (6, 8, 12, 16, 24)
IN_USE = groups.LINKED, groups.NEAREST
PURE = 99.5
"""Per cent of the faces in groups: half a point above what has to hold on the other half."""

Choice = tuple[float, int]
Found = tuple[float, float]
"""Per cent of the faces in groups that are the person's who has most of it, and of all faces those in the
largest group of their person."""


def found(faces: Faces, choice: Choice) -> Found:
    """Group the faces with other values than those in use."""
    linked, nearest = choice
    unnamed = faces.unnamed
    with (
        patch.multiple(neighbours, LINKED=linked, NEAREST=nearest),
        patch.object(groups, "_CAP", 3 * nearest // 4),
    ):
        made = groups.grouped(unnamed, neighbours.links(unnamed, faces.vectors))
    several = right = 0
    largest: defaultdict[int, int] = defaultdict(int)
    for group in made:
        counts = Counter(faces.people[list(group)].tolist())
        for person, count in counts.items():
            largest[person] = max(largest[person], count)
        if len(group) > 1:
            several += len(group)
            right += max(counts.values())
    return 100 * right / several, 100 * sum(largest.values()) / len(faces.people)


def halves(faces: Faces, homes: np.ndarray, splits: int) -> Iterator[tuple[Faces, Faces]]:
    """Split the people, those of one home together, in so many ways. Each half chooses once."""
    for seed in range(splits):
        everywhere = sorted(set(homes.tolist()))
        random.Random(seed).shuffle(everywhere)
        first = np.isin(homes, everywhere[::2])
        one, other = (Faces(faces.vectors[mask], faces.people[mask]) for mask in (first, ~first))
        yield one, other
        yield other, one


@click.command()
@click.argument("path")
@click.option("--splits", default=5, show_default=True)
def main(path: str, splits: int) -> None:
    """Choose the values of `core.groups` on one half, and judge them on the other."""
    faces, homes = loaded(path)
    choices = [(linked, nearest) for linked in LINKED for nearest in NEAREST]
    all_of: defaultdict[Choice, list[Found]] = defaultdict(list)
    ahead: list[float] = []
    for own, held_out in halves(faces, homes, splits):
        by_choice = {choice: found(own, choice) for choice in choices}
        pure = [choice for choice in choices if by_choice[choice][0] >= PURE] or choices
        chosen = max(pure, key=lambda choice: by_choice[choice][1])
        theirs, ours = found(held_out, chosen), found(held_out, IN_USE)
        ahead.append(theirs[1] - ours[1])
        for choice in choices:
            all_of[choice].append(by_choice[choice])
        click.echo(f"chosen {chosen}: held out {_words(theirs)}; {IN_USE}: {_words(ours)}")
    click.echo(f"found more by choosing on the other half: {mean(ahead):.2f} points in the mean")
    for choice, some in all_of.items():
        click.echo(f"{choice}: {_words((mean(pure for pure, _ in some), mean(whole for _, whole in some)))}")


def _words(one: Found) -> str:
    return f"purity {one[0]:.2f}, found {one[1]:.2f}"


if __name__ == "__main__":
    main()
