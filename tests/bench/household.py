"""A made-up household: people, their faces as vectors, photos with known truth, and Immich's own assignment.

Its shapes are those of real faces (340 people, most of them in families, and a smaller model of Immich's):

- A face is 100 numbers of length 1. Immich's models make 512, but faces use only some of the directions: two
  unrelated people are 0 alike, give or take 0.10, as two random vectors of 100 numbers are. A person is a
  direction; a face of theirs is `distance` (1 - cosine) away from it, into a random direction.
- **Distances are 0 to 0.6**, triangular with the peak at 0.2: two photos of one person are then 0.54 alike,
  give or take 0.14. **Small faces** have fewer details: 0.2 to 0.6, peak at 0.4.
- **Relatives** have directions that are 0.16 alike in the median, and one pair in twenty 0.57 or more
  (`ALIKE`). There are four pairs on the lists, and one **relative whom nobody has named**.
- **Galleries are small**: 3 to 12 faces that a human has looked through, half of them at most 5.
- **Bursts**: a third of the photos of one person comes as five that were taken within seconds, 0.85 alike.
- **Faces in the background** cover 0.1% of the picture and belong to strangers; the policy lets faces below
  0.5% not count.
- **Strangers** are random directions, one face each. **Look-alikes** are strangers who are as much like a
  wanted person as a relative is.
- **Unwanted people** are alone on a photo, or (30%) beside a wanted person.
- **Late persons** are wanted and unknown to Immich at the start: their first photos find nobody.
- **Immich** gives a face to the person of the nearest face within 0.5 (`maxDistance`), and founds a person
  when three faces lie within that reach of each other; when all photos are there it tries the unassigned
  ones once more (what smartsort has it do when a person was named).

The kinds of photos and their weights are in `KINDS`.

`make_siblings` makes two parents and three children over fifteen years. A child's direction moves from that
of a newborn to that of a grown-up, about 0.3 alike, fast at first: half of the way by the age of three. The
children of a family are 0.7 alike as newborns and 0.3 when grown up, so one passes through what another
looked like some years before.

`crowded` makes the same household as another model sees it, for which unrelated people are 0.38 alike.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from smartsort.core.similarity import Vector, cosine, unit

LENGTH = 100
MAX_DISTANCE = 0.5
"""Immich's `maxDistance`."""
FOUND_A_PERSON = 3
"""Immich's `minFaces`."""
KNOWN_FACES = (3, 3, 4, 5, 6, 8, 12)
"""Faces of somebody who is known from the start."""

WANTED, UNWANTED, OTHERS, LATE = 10, 3, 5, 2
RELATED = ((0, 1), (2, 3), (4, 10), (5, 13))
"""Pairs by number: both wanted twice, one of them unwanted, one of them not on the list."""
ALIKE = ((0.0, -0.1), (0.5, 0.16), (0.75, 0.29), (0.95, 0.57), (1.0, 0.75))
"""How alike the directions of two relatives are, by the share of relatives that are less alike."""
UNNAMED_RELATIVE_OF = 6

ORDINARY, SMALL = (0.0, 0.6, 0.2), (0.2, 0.6, 0.4)
"""Distances from the person: least, most, and the most frequent one."""

BURST, BURSTS, WITHIN_BURST = 5, 1 / 3, 0.08
"""Photos of a burst, their share of the photos of one person, and their distance from what they share."""

UNNAMED = "unnamed"
"""Whom nobody in the household has a name for: the relative, strangers."""

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
    "relative": 5,
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
    taken: date | None = None
    """When the photo was taken."""


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
    """Who is meant by a person of Immich: by the face that founded it."""
    confirmed: dict[str, list[Seen]]
    """Faces a human has looked through, by Immich's person."""
    shots: list[Shot]
    late: frozenset[str] = frozenset()
    """Who is named as soon as Immich has found them; everybody else it finds stays without a name."""
    born: dict[str, date] = field(default_factory=dict)
    """Dates of birth, by Immich's person."""

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


@dataclass(frozen=True)
class _Lists:
    """Who is who in a made-up household."""

    wanted: list[str] = field(default_factory=lambda: wanted_people()[:WANTED])
    late: list[str] = field(default_factory=lambda: wanted_people()[WANTED:])
    unwanted: list[str] = field(default_factory=unwanted_people)
    others: list[str] = field(default_factory=lambda: [f"other-{n}" for n in range(OTHERS)])


def make_household(seed: int, photos: int) -> Household:
    """The household of a seed."""
    world, lists = _World(random.Random(seed)), _Lists()
    known = [*lists.wanted, *lists.unwanted, *lists.others]
    for who in (*known, *lists.late):
        world.centres[who] = world.direction()
    for one, other in RELATED:
        world.centres[known[other]] = world.relative(known[one])
    world.centres[UNNAMED] = world.relative(lists.wanted[UNNAMED_RELATIVE_OF])
    faces = {who: [world.face(who) for _ in range(world.rng.choice(KNOWN_FACES))] for who in known}
    shots: list[Shot] = []
    while len(shots) < photos:
        shots += _shots(world, lists)
    return meet(faces, shots, frozenset(lists.late))


def meet(known: dict[str, list[Seen]], shots: list[Shot], late: frozenset[str] = frozenset()) -> Household:
    """Let Immich know these faces of these people, and recognise those on the photos that arrive."""
    immich = _Immich()
    confirmed = {immich.know(who, faces): faces for who, faces in known.items()}
    for shot in shots:
        for face in shot.faces:
            immich.add(face)
    immich.again()
    return Household(immich.founded, confirmed, shots, late)


YEARS, CHILDREN_BORN, PARENTS_BORN = 15.0, (0.0, 3.0, 6.0), (-30.0, -28.0)
NEWBORNS_ALIKE, GROWN_UPS_ALIKE, OVER_CHILDHOOD, GROWN_UP = 0.7, 0.3, 0.3, 18.0
FACES_OVER_YEARS = 12


def make_siblings(seed: int, photos: int) -> Household:
    """A family over fifteen years: everybody has faces of all their years, and photos of each arrive."""
    world = _World(random.Random(seed))
    born = {f"child-{n}": year for n, year in enumerate(CHILDREN_BORN)}
    born |= {f"parent-{n}": year for n, year in enumerate(PARENTS_BORN)}
    newborn = world.direction()
    grown_up = world.away(newborn, 1 - OVER_CHILDHOOD)
    paths: dict[str, tuple[Vector, Vector]] = {}
    for who in born:
        last = grown_up if who.startswith("child") else world.away(grown_up, 1 - GROWN_UPS_ALIKE)
        paths[who] = (
            world.away(newborn, 1 - math.sqrt(NEWBORNS_ALIKE)),
            world.away(last, 1 - math.sqrt(GROWN_UPS_ALIKE)),
        )

    def seen(who: str) -> Seen:
        year = world.rng.uniform(max(0.0, born[who]), YEARS)
        world.centres[who] = _at_age(*paths[who], year - born[who])
        face = world.face(who)
        face.taken = _day(year)
        return face

    known = {who: [seen(who) for _ in range(FACES_OVER_YEARS)] for who in born}
    faces = [seen(world.rng.choice(list(born))) for _ in range(photos)]
    household = meet(known, [Shot("single", [face], face.truth) for face in faces])
    household.born = {person: _day(born[who]) for person, who in household.names.items()}
    return household


def _day(year: float) -> date:
    return date(2005, 1, 1) + timedelta(days=year * 365.25)


def _at_age(newborn: Vector, grown_up: Vector, age: float) -> Vector:
    """What somebody looks like at an age in years: on the arc between the two."""
    part = min(1.0, math.log1p(age) / math.log1p(GROWN_UP))
    angle = math.acos(cosine(newborn, grown_up))
    near, far = math.sin((1 - part) * angle), math.sin(part * angle)
    return unit([near * n + far * g for n, g in zip(newborn, grown_up, strict=True)])


def crowded(household: Household, level: float) -> Household:
    """The household as a model sees it for which unrelated people are `level` alike; recognised again."""
    seen: dict[int, Seen] = {}

    def again(face: Seen) -> Seen:
        if id(face) not in seen:
            vector = (*(math.sqrt(1 - level) * value for value in face.vector), math.sqrt(level))
            seen[id(face)] = replace(face, vector=vector, person=None)
        return seen[id(face)]

    known = {
        household.names[person]: [again(f) for f in faces] for person, faces in household.confirmed.items()
    }
    made = meet(
        known,
        [replace(shot, faces=[again(f) for f in shot.faces]) for shot in household.shots],
        household.late,
    )
    made.born = household.born
    return made


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
        return Seen(UNNAMED, self.direction(), share)

    def relative(self, of: str) -> Vector:
        """The direction of a relative of somebody."""
        share = self.rng.random()
        pairs = itertools.pairwise(ALIKE)
        (below, least), (above, most) = next(p for p in pairs if share <= p[1][0])
        alike = least + (most - least) * (share - below) / (above - below)
        return self.away(self.centres[of], 1 - alike)


def _shots(world: _World, lists: _Lists) -> list[Shot]:
    """One photo, or those of a burst."""
    rng = world.rng
    [kind] = rng.choices(list(KINDS), list(KINDS.values()))
    who = rng.choice(lists.late if kind == "late" else lists.wanted)
    if kind == "single" and rng.random() < BURSTS / (BURST * (1 - BURSTS) + BURSTS):
        shared = world.face(who).vector
        faces = [Seen(who, world.away(shared, WITHIN_BURST)) for _ in range(BURST)]
        return [Shot("burst", [face], who) for face in faces]
    filed = kind in ("single", "small", "background", "late")
    return [Shot(kind, _faces(world, kind, who, lists), who if filed else None)]


def _faces(world: _World, kind: str, who: str, lists: _Lists) -> list[Seen]:
    """Who is on a photo of this kind."""
    rng = world.rng
    if kind == "small":
        return [world.face(who, SMALL, rng.uniform(*SMALL_FACE))]
    if kind == "background":
        return [world.face(who), world.stranger(BACKGROUND)]
    if kind == "other":
        return [world.face(rng.choice(lists.others))]
    if kind == "unwanted":
        beside = [world.face(who)] if rng.random() < 0.3 else []
        return [world.face(rng.choice(lists.unwanted)), *beside]
    if kind == "stranger":
        return [world.stranger()]
    if kind == "lookalike":
        return [Seen(UNNAMED, world.away(world.relative(who), rng.triangular(*ORDINARY)))]
    if kind == "relative":
        return [world.face(UNNAMED)]
    if kind == "beside":
        return [world.face(who), world.stranger(BESIDE)]
    if kind == "group":
        return [world.face(w, share=BESIDE) for w in rng.sample(lists.wanted, 3)]
    return [world.face(who)]


class _Immich:
    """Who is who by Immich's rule: the person of the nearest face within reach."""

    def __init__(self) -> None:
        self.faces: list[Seen] = []
        self.founded: dict[str, str] = {}

    def found(self, truth: str) -> str:
        person = f"id-{len(self.founded)}"
        self.founded[person] = truth
        return person

    def know(self, truth: str, faces: list[Seen]) -> str:
        """A person with these faces, from the start."""
        person = self.found(truth)
        for face in faces:
            face.person = person
        self.faces += faces
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
