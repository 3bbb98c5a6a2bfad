"""Which faces that nobody has named are of one person. Pure, and independent of the order of the faces.

Clusters are joined by the mean of the links between all their faces. A pair that is not linked counts as 0.
So neither one likeness by chance nor a chain of them makes two people one. Faces without a path of links
between them have no influence on each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

from smartsort.core.similarity import AROUND_YEARS

LINKED = 0.36
"""Two faces that are less alike are not linked: of weak models one unrelated pair in 700
is as much alike, which alone joins nobody. Chosen on half of the people of real faces, this and
`NEAREST` do no better on the other half (`tests.bench.halves`)."""

JOINED, DOUBTS = 0.36, (0.30, 0.22, 0.14)
"""How alike two clusters have to be in the mean to be one person, and how far one pair is from that mean.

The mean has to reach it by its standard error: 0.50 for two faces, as Immich wants it, and less for more of
them. Links are gone through three times, first with more doubt, so that what is surest is joined first.
"""

NEAREST = 12
"""Links of one face that are known at most, the closest ones."""

HINT = 0.05
"""How much more alike two faces count that Immich took for one person, whom nobody has named."""

DAYS_APART = round(AROUND_YEARS[-1] * 365.25)
"""Faces of photos that are further apart are not linked: others join them, taken in the years between."""

_CAP, _PARTS = 3 * NEAREST // 4, 10_000

Link = tuple[int, int, float]
"""Two faces by their position, and how alike they are."""

Group = tuple[int, ...]
"""Faces by their position, in order."""


class UnnamedFace(NamedTuple):
    """A face that waits for a name. `hint` is Immich's unnamed person, `day` the ordinal of the day or 0."""

    id: str
    photo_id: int
    hint: str = ""
    day: int = 0


class Said(NamedTuple):
    """What humans said of faces, each by its position: which are one person, and which are not.

    A face of the one half of `apart` is never in a group with one of the other half.
    """

    same: Sequence[Sequence[int]] = ()
    apart: Sequence[tuple[Sequence[int], Sequence[int]]] = ()

    def within(self, place: Mapping[int, int]) -> Said:
        """Return what concerns some faces, by their places among these."""

        def some(faces: Sequence[int]) -> list[int]:
            return [place[face] for face in faces if face in place]

        return Said([some(one) for one in self.same], [(some(one), some(other)) for one, other in self.apart])


NOTHING = Said()


def grouped(faces: Sequence[UnnamedFace], links: Iterable[Link], said: Said = NOTHING) -> list[Group]:
    """Groups of faces by position, the largest first. A face that is like no other is a group of its own.

    Two faces of one photo are never in one group, not even where a human said that they are one person.
    """
    count = len(faces)
    order = sorted(range(count), key=lambda index: faces[index].id)
    rank = [0] * count
    for place, index in enumerate(order):
        rank[index] = place
    # One number for each link, so that a million of them are sorted in half a second: the closest pair first.
    bits, numbers = _bits(count), []
    for one, other, alike in links:
        low, high = rank[one], rank[other]
        if low > high:
            low, high = high, low
        numbers.append((int((1.0 - alike) * _PARTS + 0.5) << bits | low) << bits | high)
    numbers.sort()
    clusters = _Clusters([faces[index].photo_id for index in order])
    clusters.hear(said.within(dict(enumerate(rank))))
    for doubt in DOUBTS:
        numbers = clusters.merge(numbers, doubt)
    found = sorted(clusters.members(), key=lambda members: (-len(members), members[0]))
    return [tuple(sorted(order[place] for place in members)) for members in found]


def regrouped(
    faces: Mapping[int, UnnamedFace] | Sequence[UnnamedFace],
    near: Callable[[Collection[int]], Iterable[Link]],
    before: Mapping[int, Group],
    changed: Iterable[int],
    said: Said = NOTHING,
) -> list[Group]:
    """Return the groups that are new, after these faces have come or their links have changed.

    The groups of before that have none of their faces stay: all together equal `grouped`. `near` yields the
    links of some faces, and `before` is the group of each face that is still there. A group grows out of the
    links inside it. So groups beside it matter only where they would join it now, which is tried.
    """

    def whole(some: Iterable[int]) -> set[int]:
        found = {other for face in some for other in before.get(face, (face,))}
        for one in said.same:
            if not found.isdisjoint(one):
                found.update(other for face in one for other in before.get(face, (face,)))
        return found

    chosen = whole(changed)
    while True:
        around = whole(chosen.union(*((one, other) for one, other, _ in near(chosen))))
        members = sorted(around)
        place = {face: position for position, face in enumerate(members)}
        links = [(place[a], place[b], alike) for a, b, alike in near(around) if a in place and b in place]
        found = grouped([faces[face] for face in members], links, said.within(place))
        groups = [tuple(members[position] for position in group) for group in found]
        moved = {face for group in groups for face in group if face not in chosen and before[face] != group}
        if not moved:
            return [group for group in groups if group[0] in chosen]
        chosen = whole(chosen | moved)


def _bits(count: int) -> int:
    return max(1, count).bit_length()


class _Clusters:
    """Faces by rank, merged into clusters. A cluster has the number of one of its faces.

    Clusters that a human made one person share the set of their photos, which no other may have.
    """

    def __init__(self, photos: Sequence[int]) -> None:
        self._single = photos
        self._of = list(range(len(photos)))
        self._size = [1] * len(photos)
        # Only of clusters with several faces: a hundred thousand lists more keep the garbage collector busy.
        self._several: dict[int, tuple[list[int], set[int]]] = {}
        # By the identity of such a set: its clusters, and which halves of what is apart they have.
        self._tied: dict[int, list[int]] = {}
        self._halves: dict[int, set[int]] = {}

    def members(self) -> Iterator[list[int]]:
        """Yield the faces of each person."""
        for face, cluster in enumerate(self._of):
            if face != cluster:
                continue
            if cluster not in self._several:
                yield [face]
                continue
            faces, photos = self._several[cluster]
            tied = self._tied.get(id(photos), [cluster])
            if face == tied[0]:
                yield sorted(faces if len(tied) == 1 else (f for each in tied for f in self._parts(each)[0]))

    def _parts(self, cluster: int) -> tuple[list[int], set[int]]:
        """Return the faces of a cluster, and their photos."""
        return self._several.get(cluster) or ([cluster], {self._single[cluster]})

    def hear(self, said: Said) -> None:
        """Take in what humans said, before any link. Of two faces on one photo the later one stays out."""
        for number, halves in enumerate(said.apart, 1):
            for half, sign in zip(halves, (number, -number), strict=True):
                for face in half:
                    self._halves.setdefault(id(self._own(face)), set()).add(sign)
        for faces in sorted(map(sorted, said.same)):
            for face in faces[1:]:
                photos, more = self._own(faces[0]), self._own(face)
                self._tied.setdefault(id(photos), [faces[0]])
                self._tied.setdefault(id(more), [face])
                if photos is not more:
                    self._unite(photos, more)

    def _own(self, face: int) -> set[int]:
        return self._several.setdefault(face, self._parts(face))[1]

    def _unite(self, photos: set[int], more: set[int]) -> bool:
        """Make two people one, False where both are on one photo or a human said that they are two."""
        halves = self._halves.get(id(more), set())
        if not photos.isdisjoint(more) or any(-half in self._halves.get(id(photos), ()) for half in halves):
            return False
        photos |= more
        if halves:
            self._halves.setdefault(id(photos), set()).update(self._halves.pop(id(more)))
        for cluster in self._tied.pop(id(more), ()):
            self._several[cluster] = self._several[cluster][0], photos
            self._tied.setdefault(id(photos), []).append(cluster)
        return True

    def merge(self, numbers: Iterable[int], doubt: float) -> list[int]:
        """Go through the links, the closest first, and make clusters one as soon as their links suffice.

        Return the links between clusters that stay apart.
        """
        of, size, bits = self._of, self._size, _bits(len(self._of))
        mask, twice = (1 << bits) - 1, 2 * bits
        needed = [JOINED * pairs + doubt * sqrt(pairs) for pairs in range(_CAP * _CAP + 1)]
        sums: defaultdict[int, dict[int, float]] = defaultdict(dict)
        apart = []
        for number in numbers:
            one, other = of[number >> bits & mask], of[number & mask]
            if one == other:
                continue
            apart.append(number)
            own = sums[one]
            own[other] = total = own.get(other, 0.0) + 1.0 - (number >> twice) / _PARTS
            few, many = size[one], size[other]
            if few > many:
                few, many = many, few
            # No face of a large cluster can have more links than are known, and some of them lead elsewhere.
            pairs = few * min(_CAP, many)
            least = needed[pairs] if pairs < len(needed) else JOINED * pairs + doubt * sqrt(pairs)
            if total >= least and self._join(one, other, sums):
                continue
            sums[other][one] = total
        return [number for number in apart if of[number >> bits & mask] != of[number & mask]]

    def _join(self, one: int, other: int, sums: defaultdict[int, dict[int, float]]) -> bool:
        """Make two clusters one. The larger keeps its number. False where they are two people."""
        if self._size[one] < self._size[other]:
            one, other = other, one
        (faces, photos), (more_faces, more_photos) = self._parts(one), self._parts(other)
        if photos is not more_photos and not self._unite(photos, more_photos):
            return False
        kept, gone = sums[one], sums.pop(other, {})
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
        self._several[one] = faces, photos
        self._several.pop(other, None)
        if id(photos) in self._tied:
            tied = self._tied[id(photos)]
            tied[:] = sorted({*tied, one} - {other})
        return True
