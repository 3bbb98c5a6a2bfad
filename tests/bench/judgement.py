"""How well are photos judged? Made-up photos with known truth, by Immich's assignment and with confidence.

    python -m tests.bench.judgement [--photos 3000] [--seed 1]

Embeddings are drawn as Immich's model makes them: 512 numbers, every person has a direction, a face is 0 to
0.6 (cosine distance) away from it. Immich's own assignment is played as it works: a face goes to the person
of the nearest face within 0.5, three faces that are near each other found a person. Among the people are
siblings whose directions are close, strangers who look like somebody, groups, small faces in the background,
unwanted people, and people nobody has named when their first photos come. Everything from the galleries on is
smartsort's own code.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from smartsort.core.decision import decide
from smartsort.core.model import Box, Evidence, Face, Outcome, Person
from smartsort.core.policy import PersonRef, Policy, Thresholds
from smartsort.core.similarity import Likeness, Vector, confidence, cosine, unit

NEAR = 0.5
"""Immich's `maxDistance`."""

FOUND_A_PERSON = 3
GALLERY = 12
WANTED, UNWANTED, OTHERS, LATE = 10, 3, 5, 2
SIBLINGS = ((0, 1), (2, 3), (4, 10), (5, 13))
"""Pairs by number: both wanted twice, one of them unwanted, one of them not on the list."""

SIBLINGS_APART = 0.35
LOOKALIKES_APART = (0.45, 0.65)


@dataclass
class Seen:
    """A face on a photo, who it really is, and whom Immich takes it for."""

    truth: str
    vector: Vector
    share: float = 0.05
    person: str | None = None


@dataclass
class Shot:
    kind: str
    faces: list[Seen]
    truth: str | None
    """Under whom it should be filed; None: under nobody."""


@dataclass
class World:
    rng: random.Random
    centres: dict[str, Vector] = field(default_factory=dict)

    def direction(self) -> Vector:
        return unit([self.rng.gauss(0, 1) for _ in range(512)])

    def away(self, centre: Vector, distance: float) -> Vector:
        noise = self.direction()
        along = cosine(noise, centre)
        across = unit([n - along * c for n, c in zip(noise, centre, strict=True)])
        cos = 1 - distance
        side = math.sqrt(1 - cos * cos)
        return unit([cos * c + side * a for c, a in zip(centre, across, strict=True)])

    def face(self, who: str, share: float = 0.05) -> Seen:
        # Most photos are ordinary ones; the worst (dark, from the side, as a child) are 0.6 away.
        return Seen(who, self.away(self.centres[who], self.rng.triangular(0.0, 0.6, 0.2)), share)

    def stranger(self, share: float = 0.05) -> Seen:
        return Seen("stranger", self.direction(), share)

    def lookalike(self, of: str) -> Seen:
        return Seen("stranger", self.away(self.centres[of], self.rng.uniform(*LOOKALIKES_APART)), 0.05)


def people() -> tuple[list[str], list[str], list[str], list[str]]:
    return (
        [f"wanted-{n}" for n in range(WANTED)],
        [f"unwanted-{n}" for n in range(UNWANTED)],
        [f"other-{n}" for n in range(OTHERS)],
        [f"late-{n}" for n in range(LATE)],
    )


def make_world(seed: int, *, hard: bool) -> World:
    world = World(random.Random(seed))
    wanted, unwanted, others, late = people()
    numbered = [*wanted, *unwanted, *others]
    for who in (*numbered, *late):
        world.centres[who] = world.direction()
    for one, other in SIBLINGS:
        world.centres[numbered[other]] = world.away(world.centres[numbered[one]], SIBLINGS_APART)
    if hard:
        # A sibling whom Immich does not know yet: the first faces go to the one it knows.
        world.centres[late[0]] = world.away(world.centres[wanted[6]], SIBLINGS_APART)
    return world


def make_shots(world: World, count: int) -> list[Shot]:
    rng = world.rng
    wanted, unwanted, others, late = people()
    shots = []
    for _ in range(count):
        kind = rng.choices(
            ["single", "background", "other", "unwanted", "stranger", "lookalike", "beside", "group", "late"],
            [62, 5, 6, 5, 5, 2, 5, 5, 5],
        )[0]
        who = rng.choice(wanted)
        if kind == "single":
            shots.append(Shot(kind, [world.face(who)], who))
        elif kind == "background":
            shots.append(Shot(kind, [world.face(who), world.stranger(0.001)], who))
        elif kind == "other":
            shots.append(Shot(kind, [world.face(rng.choice(others))], None))
        elif kind == "unwanted":
            faces = [world.face(rng.choice(unwanted))] + ([world.face(who)] if rng.random() < 0.3 else [])
            shots.append(Shot(kind, faces, None))
        elif kind == "stranger":
            shots.append(Shot(kind, [world.stranger()], None))
        elif kind == "lookalike":
            shots.append(Shot(kind, [world.lookalike(who)], None))
        elif kind == "beside":
            shots.append(Shot(kind, [world.face(who), world.stranger(0.03)], None))
        elif kind == "group":
            shots.append(Shot(kind, [world.face(w, 0.03) for w in rng.sample(wanted, 3)], None))
        else:
            who = rng.choice(late)
            shots.append(Shot(kind, [world.face(who)], who))
    return shots


class Immich:
    """Who is who by Immich's rule: the person of the nearest face within reach."""

    def __init__(self) -> None:
        self.faces: list[Seen] = []
        self.founded: dict[str, str] = {}
        """Identity of the face that founded a person; that is the name a human gives."""

    def add(self, face: Seen) -> None:
        self.faces.append(face)
        self.recognise(face)

    def recognise(self, face: Seen) -> None:
        reach = math.sqrt(2 * NEAR)  # a cosine distance as the distance of two unit vectors
        near = [
            (distance, other)
            for other in self.faces
            if (distance := math.dist(face.vector, other.vector)) <= reach
        ]
        assigned = [pair for pair in near if pair[1].person is not None]
        if assigned:
            face.person = min(assigned, key=lambda pair: pair[0])[1].person
        elif len(near) >= FOUND_A_PERSON:
            face.person = f"id-{len(self.founded)}"
            self.founded[face.person] = face.truth

    def again(self) -> None:
        """Recognition of the faces nobody was assigned to."""
        for face in self.faces:
            if face.person is None:
                self.recognise(face)


@dataclass
class Result:
    """What became of the photos."""

    filed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    beside: int = 0
    unwanted: int = 0

    def wrongly(self) -> float:
        total = sum(self.filed.values())
        return sum(self.wrong.values()) / total if total else 0.0

    def in_review(self, should: int) -> float:
        return sum(self.missed.values()) / should


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hard", action="store_true", help="One of the late people is a sibling as well.")
    options = parser.parse_args()
    started = time.monotonic()
    world = make_world(options.seed, hard=options.hard)
    wanted, unwanted, others, late = people()
    immich = Immich()
    galleries: dict[str, list[Vector]] = {}
    # What the household had in Immich before: fifteen photos of everybody but the late ones, and a human has
    # looked through them, so that everybody is one person with the right name.
    for who in (*wanted, *unwanted, *others):
        person = f"id-{len(immich.founded)}"
        immich.founded[person] = who
        for _ in range(15):
            vector = world.away(world.centres[who], world.rng.triangular(0.0, 0.45, 0.15))
            immich.faces.append(Seen(who, vector, person=person))
    shots = make_shots(world, options.photos)
    for shot in shots:
        for face in shot.faces:
            immich.add(face)
    immich.again()
    names = {i: Person(i, who) for i, who in immich.founded.items() if who != "stranger"}
    for face in immich.faces:
        if face.person in names and len(galleries.setdefault(face.person, [])) < GALLERY:
            galleries[face.person].append(face.vector)
    print(
        f"{len(shots)} photos, {len(immich.faces)} faces, {len(immich.founded)} people found by Immich,"
        f" made in {time.monotonic() - started:.0f} s"
    )

    policy = Policy(
        whitelist=tuple(PersonRef(w) for w in (*wanted, *late)),
        blacklist=tuple(PersonRef(u) for u in unwanted),
        min_face_share=0.005,
    )
    evidence = [gather(shot, number, names, galleries) for number, shot in enumerate(shots)]
    should = sum(shot.truth is not None for shot in shots)
    alone = judge(shots, [replace(e, confidence={}) for e in evidence], policy)
    print(f"{should} photos should be filed, {len(shots) - should} should not.\n")
    report("Immich's assignment alone", alone, should)

    print("\nwith confidence (margin 0.05):")
    print("min_confidence   wrongly filed   in review (of those that should be filed)")
    best: tuple[float, Result] | None = None
    for least in (0.3, 0.4, 0.45, 0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.6, 0.65, 0.7):
        result = judge(shots, evidence, replace(policy, thresholds=Thresholds(least, 0.05)))
        print(
            f"     {least:4.2f}          {result.wrongly():7.2%}            {result.in_review(should):7.2%}"
        )
        good = result.wrongly() <= 0.002 and result.in_review(should) <= 0.15
        if good and (best is None or result.in_review(should) < best[1].in_review(should)):
            best = (least, result)
    print(f"Immich alone         {alone.wrongly():7.2%}            {alone.in_review(should):7.2%}\n")
    if best is None:
        print("NOT REACHED: at most 0.2% wrongly filed at no more than 15% in review")
        sys.exit(1)
    report(f"min_confidence {best[0]:.2f}, min_margin 0.05", best[1], should)
    if best[1].beside or best[1].unwanted:
        sys.exit(1)


def gather(shot: Shot, number: int, names: dict[str, Person], galleries: dict[str, list[Vector]]) -> Evidence:
    faces, measured = [], {}
    likes = [(person, galleries.get(i, [])) for i, person in names.items()]
    for index, seen in enumerate(shot.faces):
        side = round(math.sqrt(seen.share) * 1000)
        person = names.get(seen.person or "") or (Person(seen.person, "") if seen.person else None)
        face = Face(f"{number}-{index}", Box(0, 0, side, side), 1000, 1000, person)
        faces.append(face)
        if person is not None and person.name:
            known = [
                Likeness(each, tuple(v for v in vectors if v is not seen.vector)) for each, vectors in likes
            ]
            own = next(each for each in known if each.person.id == person.id)
            measured[face.id] = confidence(seen.vector, own, known)
    return Evidence(tuple(faces), confidence=measured)


def judge(shots: list[Shot], evidence: list[Evidence], policy: Policy) -> Result:
    result = Result()
    for shot, each in zip(shots, evidence, strict=True):
        decision = decide(each, policy)
        if decision.outcome is Outcome.SORTED:
            result.filed[shot.kind] += 1
            if decision.people[0].name != shot.truth:
                result.wrong[shot.kind] += 1
            strangers = [f for f in shot.faces if f.truth == "stranger" and f.share >= policy.min_face_share]
            result.beside += bool(strangers) and len(shot.faces) > 1
            result.unwanted += any(f.truth.startswith("unwanted") for f in shot.faces)
        else:
            result.missed[shot.kind] += shot.truth is not None
            result.reasons[decision.reason.code] += 1
    return result


def report(title: str, result: Result, should: int) -> None:
    print(title)
    print("  kind          filed   wrongly   sent to review though it should be filed")
    kinds = sorted(result.filed.keys() | {k for k, n in result.missed.items() if n})
    for kind in kinds:
        print(f"  {kind:12} {result.filed[kind]:6} {result.wrong[kind]:9} {result.missed[kind]:10}")
    print(
        f"  wrongly filed {result.wrongly():.2%}, in review {result.in_review(should):.2%};"
        f" strangers accepted beside a wanted person: {result.beside};"
        f" unwanted people filed: {result.unwanted}"
    )
    print("  reasons: " + ", ".join(f"{code} {count}" for code, count in result.reasons.most_common()))


if __name__ == "__main__":
    assert abs(cosine((1.0, 0.0), (0.0, 1.0))) < 1e-9
    main()
