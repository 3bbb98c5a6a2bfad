"""How alike two faces are, and how sure that makes a match. Pure arithmetic on embeddings.

Embeddings are made by Immich's model for faces: what is alike points in the same direction. Here they all
have length 1, so that the cosine of two follows from their distance, which `math.dist` finds in a few
microseconds for 512 numbers.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from smartsort.core.model import Box, Compared, Confidence, Face, Person, Suggestion

Vector = tuple[float, ...]

NEAREST = 3
"""How many other faces of its gallery a face is held against to tell how alike that gallery is."""

FEW = 3
"""A gallery with fewer faces tells neither how much the person's photos differ nor how alike others are."""

USUAL_AGREEMENT, USUAL_WEIGHT = 0.60, 4
"""What galleries of real people usually reach, and how many faces of a gallery this expectation outweighs."""

LEVEL_PEOPLE = 50
"""People whose galleries are compared with each other for the unrelated level: 1,225 pairs in some 5 ms."""

PAIR_SPREAD = 0.1
"""How far the mean cosine of two galleries is from the level, by chance or because they are of relatives."""

HIGHEST_LEVEL = 0.8
"""A model to which strangers are more alike is of no use. One face under two names looks like that, too."""

AROUND_YEARS, ENOUGH_AROUND = (2, 4, 8), 8
"""Years before and after a photo from which faces of a gallery are compared, and how many are enough."""

SAME_PERSON = 0.5
"""Less alike than this Immich itself would not take two faces for one person: its `maxDistance` is 0.5."""

LEAST_AGREEMENT, LEAST_LENGTH = SAME_PERSON, math.sqrt(SAME_PERSON)
"""A gallery that agrees less is of several people, and must not make a threshold easier to reach."""

SAME_PLACE = 0.5
"""Two boxes that share more than this part of their common area show the same face."""


def unit(values: Iterable[float]) -> Vector:
    """Return the vector at length 1. Raises ValueError when it has no direction."""
    numbers = tuple(values)
    length = math.hypot(*numbers)
    if not (math.isfinite(length) and length > 0):
        raise ValueError("an embedding without a direction")
    return tuple(value / length for value in numbers)


def cosine(one: Vector, other: Vector) -> float:
    """Return the cosine of two vectors of length 1: 1 the same, 0 nothing in common.

    Raises ValueError for vectors of different dimensions.
    """
    return 1.0 - math.dist(one, other) ** 2 / 2.0


def overlap(one: Box, other: Box) -> float:
    """Return the shared part of two boxes' common area, 0 to 1."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.area + other.area - shared)


def matched(faces: Sequence[Face], found: Sequence[Box], width: int, height: int) -> dict[str, int]:
    """Return which of the boxes `found` on a picture of this size is which face, as index by face id.

    The best pairs first, each box once. A face without a box at its place is missing.
    """
    pairs = []
    for face in faces:
        box = scaled(face.box, face.image_width, face.image_height, width, height)
        pairs += [(overlap(box, other), face.id, index) for index, other in enumerate(found)]
    chosen: dict[str, int] = {}
    for share, face_id, index in sorted(pairs, key=lambda pair: -pair[0]):
        if share > SAME_PLACE and face_id not in chosen and index not in chosen.values():
            chosen[face_id] = index
    return chosen


def scaled(box: Box, width: int, height: int, new_width: int, new_height: int) -> Box:
    """Return a box of a picture at another size of that picture."""
    if width <= 0 or height <= 0 or (width, height) == (new_width, new_height):
        return box
    x, y = new_width / width, new_height / height
    return Box(round(box.x1 * x), round(box.y1 * y), round(box.x2 * x), round(box.y2 * y))


def nearest_mean(vector: Vector, faces: Iterable[Vector]) -> float:
    """Return the mean cosine to the nearest few of some faces, of which there is at least one."""
    cosines = sorted((cosine(vector, face) for face in faces), reverse=True)[:NEAREST]
    return math.fsum(cosines) / len(cosines)


def mean(faces: Sequence[Vector]) -> Vector:
    """Return the middle of some faces, shorter than 1 the more they differ.

    Raises ValueError without a face.
    """
    return tuple(math.fsum(values) / len(faces) for values in zip(*faces, strict=True))


def unrelated_level(galleries: Iterable[Sequence[Vector]]) -> float:
    """How alike people who are not related look to this model, 0 where these galleries do not prove another.

    The lower third of the mean cosines between the galleries proves it, because relatives raise only some of
    them: in full from 4.5 times what chance and relatives make of it, and not at all up to 3 times that. The
    level is that of the upper third, so that for a model nobody has measured it is rather too strict.
    """
    known = (faces for faces in galleries if len(faces) >= FEW)
    middles = [mean(faces) for faces in itertools.islice(known, LEVEL_PEOPLE)]
    pairs = sorted(
        (math.hypot(*one) ** 2 + math.hypot(*other) ** 2 - math.dist(one, other) ** 2) / 2.0
        for one, other in itertools.combinations(middles, 2)
    )
    if not pairs:
        return 0.0
    proof = pairs[len(pairs) // 3] * math.sqrt(len(pairs)) / PAIR_SPREAD
    return min(HIGHEST_LEVEL, pairs[len(pairs) * 2 // 3] * min(1.0, max(0.0, (proof - 3.0) / 1.5)))


@dataclass(frozen=True, slots=True)
class Spread:
    """How much the faces of a gallery differ, at a given unrelated level. 1 and 1: not known yet.

    `agreement` is how alike they are among each other, `length` that of their middle.
    """

    agreement: float = 1.0
    length: float = 1.0

    @classmethod
    def of(cls, faces: Sequence[Vector], level: float = 0.0) -> Spread:
        """Measure a gallery.

        Its agreement is the median over the faces of what each reaches when it is held against the others.
        Few faces do not tell that well, so what galleries usually reach counts as some more of them.
        """
        count = len(faces)
        if count < FEW:
            return cls()
        reached = statistics.median(
            nearest_mean(face, (*faces[:index], *faces[index + 1 :])) for index, face in enumerate(faces)
        )
        own = count - 1
        agreement = (own * above(reached, level) + USUAL_WEIGHT * USUAL_AGREEMENT) / (own + USUAL_WEIGHT)
        # Faces that differ more than strangers do, as in a gallery of several people, have no length left.
        length = math.sqrt(max(0.0, above(math.hypot(*mean(faces)) ** 2, level)))
        return cls(min(1.0, max(LEAST_AGREEMENT, agreement)), max(LEAST_LENGTH, length))


def above(cosine: float, level: float) -> float:
    """Return a cosine on the scale on which people who are not related are at 0 and equal faces at 1."""
    return (cosine - level) / (1.0 - level)


def around(days: Sequence[date | None], taken: date | None) -> tuple[int, ...]:
    """Return which faces of a gallery, by the days of their photos, to compare with one taken on a day.

    Faces change with the years. So the narrowest span that has enough of them counts, else all faces do.
    """
    if taken is not None:
        for years in AROUND_YEARS:
            near = [day is not None and abs((day - taken).days) <= years * 365.25 for day in days]
            if sum(near) >= ENOUGH_AROUND:
                return tuple(index for index, counts in enumerate(near) if counts)
    return tuple(range(len(days)))


def day_of(text: str | None) -> date | None:
    """Return the day of a time as ISO text, None for one that is missing or something else."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is known of a person's face: confirmed faces, and faces a human said are not theirs.

    `spread` is that of the faces (`Likeness.of` measures it), `level` that of people who are not related.
    """

    person: Person
    faces: tuple[Vector, ...]
    ruled_out: tuple[Vector, ...] = ()
    spread: Spread = Spread()
    level: float = 0.0
    compared: Compared | None = None

    @classmethod
    def of(
        cls, person: Person, faces: Sequence[Vector], ruled_out: Sequence[Vector] = (), level: float = 0.0
    ) -> Likeness:
        """The likeness of a gallery that was not measured before."""
        return cls(person, tuple(faces), tuple(ruled_out), Spread.of(faces, level), level)

    def similarity(self, vector: Vector) -> float | None:
        """Return how much this face is like the person, 0 to 1, None without a face to compare with.

        The mean of two estimates of the cosine between the face and the person. A relative rarely reaches
        both. One is the cosine to the middle of the gallery. The other is the cosine to its nearest face,
        divided by the root of the gallery's agreement (the correction for attenuation of Spearman, 1904):
        if one photo is `a` like the person and another `b`, the two are about `a * b` alike, and two photos
        of the gallery `b * b`.

        A face that is even more like one of those a human has ruled out loses as much as it is more like that
        one. The ruled-out face itself reaches 0.
        """
        if not self.faces:
            return None
        cosines = [above(cosine(vector, face), self.level) for face in self.faces]
        nearest = max(cosines) / math.sqrt(self.spread.agreement)
        similarity = (nearest + statistics.fmean(cosines) / self.spread.length) / 2
        ruled_out = max((cosine(vector, face) for face in self.ruled_out), default=-1.0)
        if ruled_out > 0.999:  # the very face, up to rounding
            return 0.0
        similarity -= max(0.0, above(ruled_out, self.level) - similarity)
        return min(1.0, max(0.0, similarity))


def confidence(
    vector: Vector, own: Likeness, others: Iterable[Likeness], mistaken: Collection[str] = ()
) -> Confidence:
    """Return how sure it is that the face is `own`: similarity, and margin to the best of the others.

    `mistaken` are ids of people who were taken for `own`, or `own` for them.
    """
    similarity = own.similarity(vector)
    if similarity is None:
        return Confidence(why_unknown=f"there is no other face of {own.person.name} to compare with yet")
    rivals = [
        Suggestion(other.person, rival)
        for other in others
        if other.person.id != own.person.id and (rival := other.similarity(vector)) is not None
    ]
    found = Confidence(similarity, compared=own.compared)
    if not rivals:
        return found
    best = max(rivals, key=_likeness_of)
    again = [rival for rival in rivals if rival.person.id in mistaken]
    return replace(
        found,
        margin=similarity - _likeness_of(best),
        runner_up=best.person,
        mistaken=max(again, key=_likeness_of, default=None),
    )


def _likeness_of(suggestion: Suggestion) -> float:
    return suggestion.similarity or 0.0


def closest(vector: Vector, people: Iterable[Likeness], limit: int) -> tuple[Suggestion, ...]:
    """Return the named people the face is most like, close or not, best first, with the similarity."""
    measured = [
        Suggestion(likeness.person, similarity)
        for likeness in people
        if likeness.person.name and (similarity := likeness.similarity(vector)) is not None
    ]
    return tuple(sorted(measured, key=_likeness_of, reverse=True)[:limit])
