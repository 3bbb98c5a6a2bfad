"""A made-up household: people, their faces as vectors, photos with known truth, and Immich's own assignment.

Everything below was set before a figure was looked at, and is not to be changed for the sake of one:

- A face is 512 numbers of length 1, as Immich's default model (buffalo_l) makes them. A person is a
  direction; a face of theirs is `distance` (1 - cosine) away from it, into a random direction. Two people
  have directions that are drawn independently: about 1.0 apart, give or take 0.04.
- **Distances are 0 to 0.6**, triangular with the peak at 0.2: two photos of one person are then mostly 0.5
  to 0.8 alike, which is what two photos of one person mostly are with that model; the worst (dark, from the
  side, years apart) are at 0.6, where one photo is only 0.4 like the person and 0.3 like another photo.
- **Small faces** (about 120 to 160 pixels of the preview) have fewer details: 0.2 to 0.6, peak at 0.4.
- **Faces in the background** cover 0.1% of the picture and belong to strangers; the policy lets faces below
  0.5% not count.
- **Siblings** have directions 0.35 apart (two unrelated people: 1.0), four pairs: two wanted pairs, one
  wanted and unwanted, one wanted and not on the list. An ordinary photo of one is then 0.42 like one of the
  other, nearly what Immich takes for the same person (0.5). Most real siblings are further apart; twins are
  nearer, and nothing that sees faces alone can tell those.
- **Strangers** are random directions, one face each. **Look-alikes** are strangers 0.45 to 0.65 from a wanted
  person: nearer than that person's own worst photos.
- **Unwanted people** are alone on a photo, or (30%) beside a wanted person.
- **Late persons** are wanted and unknown to Immich at the start: their first photos find nobody.
- In the **harder household** (`hard`) one of the late persons is a sibling (0.35) of a wanted person, so
  that until the late one is founded Immich gives the nearest of their photos to the sibling it knows.
- **Immich** gives a face to the person of the nearest face within 0.5 (`maxDistance`), and founds a person
  when three faces lie within that reach of each other; when all photos are there it tries the unassigned
  ones once more (what smartsort has it do when a person was named). It begins with 15 photos of everybody
  but the late persons, 0 to 0.45 from the person (peak 0.15), that a human has looked through.

The kinds of photos by weight: one wanted person 58, one small wanted person 4, a wanted person and background
faces 5, somebody not on the list 6, unwanted 5, a stranger 5, a look-alike 2, a wanted person and a stranger
beside them 5, three wanted people 5, a late person 5.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from smartsort.core.similarity import Vector, cosine, unit

LENGTH = 512
MAX_DISTANCE = 0.5
"""Immich's `maxDistance`."""
FOUND_A_PERSON = 3
"""Immich's `minFaces`."""
KNOWN_FACES = 15
"""Faces of everybody who is known from the start."""

WANTED, UNWANTED, OTHERS, LATE = 10, 3, 5, 2
SIBLINGS = ((0, 1), (2, 3), (4, 10), (5, 13))
"""Pairs by number: both wanted twice, one of them unwanted, one of them not on the list."""
SIBLINGS_APART = 0.35
LOOKALIKES_APART = (0.45, 0.65)

ORDINARY, SMALL, CURATED = (0.0, 0.6, 0.2), (0.2, 0.6, 0.4), (0.0, 0.45, 0.15)
"""Distances from the person: least, most, and the most frequent one."""

FACE, SMALL_FACE, BESIDE, BACKGROUND = 0.05, (0.005, 0.01), 0.03, 0.001
"""Shares of the picture."""

KINDS = {
    "single": 58,
    "small": 4,
    "background": 5,
    "other": 6,
    "unwanted": 5,
    "stranger": 5,
    "lookalike": 2,
    "beside": 5,
    "group": 5,
    "late": 5,
}


@dataclass(eq=False)
class Seen:
    """A face on a photo, who it really is, and whom Immich takes it for."""

    truth: str
    vector: Vector
    share: float = FACE
    person: str | None = None


@dataclass
class Shot:
    """A photo."""

    kind: str
    faces: list[Seen]
    truth: str | None
    """Under whom it should be filed; None: under nobody."""


@dataclass
class Household:
    """Who lives there, what arrived, and what Immich made of it."""

    names: dict[str, str]
    """Who is meant by a person of Immich, as a human would name it: by the face that founded it."""
    confirmed: dict[str, list[Vector]]
    """Faces a human has looked through, by Immich's person."""
    shots: list[Shot]

    @property
    def to_file(self) -> int:
        """Photos that should be filed under somebody."""
        return sum(shot.truth is not None for shot in self.shots)


def wanted_people() -> list[str]:
    """The whitelist."""
    return [*(f"wanted-{n}" for n in range(WANTED)), *(f"late-{n}" for n in range(LATE))]


def unwanted_people() -> list[str]:
    """The blacklist."""
    return [f"unwanted-{n}" for n in range(UNWANTED)]


def make_household(seed: int, photos: int, *, hard: bool = False) -> Household:
    """The household of a seed."""
    world = _World(random.Random(seed))
    wanted, unwanted = wanted_people()[:WANTED], unwanted_people()
    others, late = [f"other-{n}" for n in range(OTHERS)], wanted_people()[WANTED:]
    known = [*wanted, *unwanted, *others]
    for who in (*known, *late):
        world.centres[who] = world.direction()
    for one, other in SIBLINGS:
        world.centres[known[other]] = world.away(world.centres[known[one]], SIBLINGS_APART)
    if hard:
        world.centres[late[0]] = world.away(world.centres[wanted[6]], SIBLINGS_APART)
    immich = _Immich()
    confirmed: dict[str, list[Vector]] = {}
    for who in known:
        person = immich.found(who)
        faces = [world.face(who, CURATED) for _ in range(KNOWN_FACES)]
        for face in faces:
            face.person = person
        immich.faces += faces
        confirmed[person] = [face.vector for face in faces]
    shots = [_shot(world, wanted, unwanted, others, late) for _ in range(photos)]
    for shot in shots:
        for face in shot.faces:
            immich.add(face)
    immich.again()
    return Household(immich.founded, confirmed, shots)


@dataclass
class _World:
    rng: random.Random
    centres: dict[str, Vector] = field(default_factory=dict)

    def direction(self) -> Vector:
        return unit([self.rng.gauss(0, 1) for _ in range(LENGTH)])

    def away(self, centre: Vector, distance: float) -> Vector:
        noise = self.direction()
        along = cosine(noise, centre)
        across = unit([n - along * c for n, c in zip(noise, centre, strict=True)])
        cos = 1 - distance
        side = math.sqrt(1 - cos * cos)
        return unit([cos * c + side * a for c, a in zip(centre, across, strict=True)])

    def face(self, who: str, distances: tuple[float, float, float] = ORDINARY, share: float = FACE) -> Seen:
        return Seen(who, self.away(self.centres[who], self.rng.triangular(*distances)), share)

    def stranger(self, share: float = FACE) -> Seen:
        return Seen("stranger", self.direction(), share)

    def lookalike(self, of: str) -> Seen:
        return Seen("stranger", self.away(self.centres[of], self.rng.uniform(*LOOKALIKES_APART)))


def _shot(world: _World, wanted: list[str], unwanted: list[str], others: list[str], late: list[str]) -> Shot:
    rng = world.rng
    [kind] = rng.choices(list(KINDS), list(KINDS.values()))
    who = rng.choice(wanted)
    if kind == "single":
        return Shot(kind, [world.face(who)], who)
    if kind == "small":
        return Shot(kind, [world.face(who, SMALL, rng.uniform(*SMALL_FACE))], who)
    if kind == "background":
        return Shot(kind, [world.face(who), world.stranger(BACKGROUND)], who)
    if kind == "other":
        return Shot(kind, [world.face(rng.choice(others))], None)
    if kind == "unwanted":
        beside = [world.face(who)] if rng.random() < 0.3 else []
        return Shot(kind, [world.face(rng.choice(unwanted)), *beside], None)
    if kind == "stranger":
        return Shot(kind, [world.stranger()], None)
    if kind == "lookalike":
        return Shot(kind, [world.lookalike(who)], None)
    if kind == "beside":
        return Shot(kind, [world.face(who), world.stranger(BESIDE)], None)
    if kind == "group":
        return Shot(kind, [world.face(w, share=BESIDE) for w in rng.sample(wanted, 3)], None)
    who = rng.choice(late)
    return Shot(kind, [world.face(who)], who)


class _Immich:
    """Who is who by Immich's rule: the person of the nearest face within reach."""

    def __init__(self) -> None:
        self.faces: list[Seen] = []
        self.founded: dict[str, str] = {}

    def found(self, truth: str) -> str:
        person = f"id-{len(self.founded)}"
        self.founded[person] = truth
        return person

    def add(self, face: Seen) -> None:
        self.faces.append(face)
        self._recognise(face)

    def again(self) -> None:
        """Recognition of the faces nobody was assigned to."""
        for face in self.faces:
            if face.person is None:
                self._recognise(face)

    def _recognise(self, face: Seen) -> None:
        reach = math.sqrt(2 * MAX_DISTANCE)  # a cosine distance as the distance of two unit vectors
        distances = [(math.dist(face.vector, other.vector), other) for other in self.faces]
        near = [pair for pair in distances if pair[0] <= reach]
        assigned = [pair for pair in near if pair[1].person is not None]
        if assigned:
            face.person = min(assigned, key=lambda pair: pair[0])[1].person
        elif len(near) >= FOUND_A_PERSON:
            face.person = self.found(face.truth)
