"""Which faces that nobody has named are of one person. Pure, and independent of the order of the faces.

Clusters are joined by the mean of the links between all their faces. A pair that is not linked counts as 0.
So neither one likeness by chance nor a chain of them makes two people one. Faces without a path of links
between them have no influence on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import NamedTuple

from smartsort.core.similarity import AROUND_YEARS

LINKED = 0.40
"""Two faces that are less alike are not linked: one unrelated pair in 10,000 is as much alike."""

JOINED, DOUBTS = 0.36, (0.30, 0.22, 0.14)
"""How alike two clusters have to be in the mean to be one person, and how far one pair is from that mean.

The mean has to reach it by its standard error: 0.50 for two faces, as Immich wants it, and less for more of
them. Links are gone through three times, first with more doubt, so that what is surest is joined first.
"""

NEAREST = 16
"""Links of one face that are known at most, the closest ones."""

HINT = 0.05
"""How much more alike two faces count that Immich took for one person, whom nobody has named."""

DAYS_APART = round(AROUND_YEARS[-1] * 365.25)
"""Faces of photos that are further apart are not linked: others join them, taken in the years between."""

_CAP, _PARTS = 3 * NEAREST // 4, 10_000

Link = tuple[int, int, float]
"""Two faces by their position, and how alike they are."""


class UnnamedFace(NamedTuple):
    """A face that waits for a name. `hint` is Immich's unnamed person, `day` the ordinal of the day or 0."""

    id: str
    photo_id: int
    hint: str = ""
    day: int = 0


def grouped(faces: Sequence[UnnamedFace], links: Iterable[Link]) -> list[tuple[int, ...]]:
    """Groups of faces by position, the largest first. A face that is like no other is a group of its own.

    Two faces of one photo are never in one group.
    """
    count = len(faces)
    order = sorted(range(count), key=lambda index: faces[index].id)
    rank = [0] * count
    for place, index in enumerate(order):
        rank[index] = place
    # One number for each link, so that a million of them are sorted in half a second: the closest pair first.
    numbers = []
    for one, other, alike in links:
        low, high = (rank[one], rank[other]) if rank[one] < rank[other] else (rank[other], rank[one])
        numbers.append((round((1.0 - alike) * _PARTS) * count + low) * count + high)
    numbers.sort()
    clusters = _Clusters([faces[index].photo_id for index in order])
    for doubt in DOUBTS:
        numbers = clusters.merge(numbers, doubt)
    found = sorted(clusters.members(), key=lambda members: (-len(members), members[0]))
    return [tuple(sorted(order[place] for place in members)) for members in found]


class _Clusters:
    """Faces by rank, merged into clusters. A cluster has the number of one of its faces."""

    def __init__(self, photos: Sequence[int]) -> None:
        self._single = photos
        self._of = list(range(len(photos)))
        self._size = [1] * len(photos)
        # Only of clusters with several faces: a hundred thousand lists more keep the garbage collector busy.
        self._several: dict[int, tuple[list[int], set[int]]] = {}

    def members(self) -> Iterator[list[int]]:
        """Yield the faces of each cluster."""
        for face, cluster in enumerate(self._of):
            if face == cluster:
                yield sorted(self._parts(face)[0])

    def _parts(self, cluster: int) -> tuple[list[int], set[int]]:
        """Return the faces of a cluster, and their photos."""
        return self._several.get(cluster) or ([cluster], {self._single[cluster]})

    def merge(self, numbers: Iterable[int], doubt: float) -> list[int]:
        """Go through the links, the closest first, and make clusters one as soon as their links suffice.

        Return the links between clusters that stay apart.
        """
        of, size, count = self._of, self._size, len(self._of)
        sums: dict[int, dict[int, float]] = {}
        apart = []
        for number in numbers:
            distance, low, high = number // (count * count), number // count % count, number % count
            one, other = of[low], of[high]
            if one == other:
                continue
            apart.append(number)
            own = sums.setdefault(one, {})
            own[other] = total = own.get(other, 0.0) + 1.0 - distance / _PARTS
            few, many = (size[one], size[other]) if size[one] < size[other] else (size[other], size[one])
            # No face of a large cluster can have more links than are known, and some of them lead elsewhere.
            pairs = few * (min(_CAP, many))
            if total - doubt * sqrt(pairs) >= JOINED * pairs and self._join(one, other, sums):
                continue
            sums.setdefault(other, {})[one] = total
        return [number for number in apart if of[number // count % count] != of[number % count]]

    def _join(self, one: int, other: int, sums: dict[int, dict[int, float]]) -> bool:
        """Make two clusters one. The larger keeps its number. False where both have a face on one photo."""
        if self._size[one] < self._size[other]:
            one, other = other, one
        (faces, photos), (more_faces, more_photos) = self._parts(one), self._parts(other)
        if not photos.isdisjoint(more_photos):
            return False
        kept, gone = sums.setdefault(one, {}), sums.pop(other, {})
        kept.pop(other, None)
        gone.pop(one, None)
        for third, total in gone.items():
            back = sums[third]
            del back[other]
            back[one] = kept[third] = kept.get(third, 0.0) + total
        for face in more_faces:
            self._of[face] = one
        self._size[one] += self._size[other]
        faces += more_faces
        photos |= more_photos
        self._several[one] = faces, photos
        self._several.pop(other, None)
        return True
