"""Households of real faces: people from a file of embeddings, as `tests.bench.household` makes them up.

The file is an archive of numpy with four arrays: `embeddings` (n x length), `person`, `family` (-1: related
to nobody) and `clean` (n each). It is read without numpy.
"""

from __future__ import annotations

import ast
import random
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.bench.household import UNNAMED, Household, Seen, Shot, meet

from smartsort.core.similarity import Vector, unit

FEWEST, LARGEST = 6, 40
"""Photos of a person: with fewer there is no gallery of three, and more than these of one are left out."""

STRANGERS = 3
"""Photos of strangers that arrive in each household."""

FRIENDS, FACES_OF_FRIENDS = 2, 5
"""People of other families who are named. None of their photos arrives."""

GALLERIES = (1, 2, 3, 5, 10, 20)


@dataclass
class People:
    """Everybody in the file: faces by person, and who is related."""

    faces: dict[int, list[tuple[Vector, bool]]] = field(default_factory=dict)
    """With `clean`: False for a face whose name is probably wrong."""
    families: dict[int, list[int]] = field(default_factory=dict)
    unrelated: list[int] = field(default_factory=list)

    def of(self, person: int, *, clean: bool) -> list[Vector]:
        """The faces of a person, the doubtful ones too unless `clean`."""
        return [vector for vector, certain in self.faces[person] if certain or not clean]


_LETTERS = {"i": {1: "b", 2: "h", 4: "i", 8: "q"}, "f": {2: "e", 4: "f", 8: "d"}, "b": {1: "?"}}
_LETTERS["u"] = {size: letter.upper() for size, letter in _LETTERS["i"].items()}


def _array(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], Sequence[float]]:
    data = archive.read(f"{name}.npy")
    wide = data[6] > 1  # the header's length has four bytes from version 2 on
    start = 12 if wide else 10
    [length] = struct.unpack_from("<I" if wide else "<H", data, 8)
    header = ast.literal_eval(data[start : start + length].decode())
    order, kind, size = header["descr"][0], header["descr"][1], int(header["descr"][2:])
    if header["fortran_order"] or kind not in _LETTERS:
        raise ValueError(f"{name}: an array in an order or of a type that this does not read")
    body = data[start + length :]
    letter = _LETTERS[kind][size]
    return header["shape"], struct.unpack(f"{'>' if order == '>' else '<'}{len(body) // size}{letter}", body)


def read(path: str) -> People:
    """The people of a file. Raises ValueError, KeyError, OSError for one that is something else."""
    with zipfile.ZipFile(path) as archive:
        (count, length), numbers = _array(archive, "embeddings")
        columns = [_array(archive, name)[1] for name in ("person", "family", "clean")]
    people = People()
    for index, (person, family, certain) in enumerate(zip(*columns, strict=True)):
        vector = unit(numbers[index * length : (index + 1) * length])
        if person not in people.faces:
            people.faces[person] = []
            related = people.unrelated if family < 0 else people.families.setdefault(family, [])
            related.append(person)
        people.faces[person].append((vector, bool(certain)))
    if count != index + 1:
        raise ValueError("the arrays are not of one length")
    return people


def families(
    people: People,
    seed: int,
    *,
    unnamed: bool,
    clean: bool = True,
    only: Sequence[int] | None = None,
) -> Iterator[Household]:
    """A household of each family: half of everybody's photos, 3 to 8, are known, the others arrive.

    A household has friends who are named as well. With `unnamed` one relative is known to nobody.
    """
    for family in sorted(people.families) if only is None else only:
        rng = random.Random(seed * 100_003 + family)
        everybody = {p: people.of(p, clean=clean) for p in people.families[family]}
        members = [p for p, faces in everybody.items() if len(faces) >= FEWEST]
        if len(members) < 2:
            continue
        lost = rng.choice(members) if unnamed else None
        known, arriving = {}, []
        for person in members:
            faces = rng.sample(everybody[person], len(everybody[person]))
            half = min(8, len(faces) // 2)
            if person != lost:
                known[str(person)] = faces[:half]
            truth = None if person == lost else str(person)
            arriving += [(truth, face) for face in faces[half:]]
        away = [p for other, own in people.families.items() if other != family for p in own]
        away = [p for p in away if len(people.of(p, clean=True)) >= FACES_OF_FRIENDS]
        others = rng.sample(away, min(len(away), FRIENDS + STRANGERS))
        known |= {str(p): rng.sample(people.of(p, clean=True), FACES_OF_FRIENDS) for p in others[:FRIENDS]}
        arriving += [(None, rng.choice(people.of(p, clean=True))) for p in others[FRIENDS:]]
        yield _household(rng, known, arriving)


def mixed(people: People, seed: int) -> Iterator[Household]:
    """The families, in each of which Immich has mixed somebody who is not named with one of the relatives."""
    for household in families(people, seed, unnamed=False):
        rng = random.Random(seed)
        person, faces = rng.choice(list(household.confirmed.items()))
        other = [
            Seen(UNNAMED, face)
            for face in rng.sample(people.of(rng.choice(people.unrelated), clean=True), len(faces) + 4)
        ]
        household.confirmed[person] = [*faces, *other[:-4]]
        known = {household.names[p]: own for p, own in household.confirmed.items()}
        arriving = [*household.shots, *(Shot(UNNAMED, [face], None) for face in other[-4:])]
        for shot in arriving:
            for face in shot.faces:
                face.person = None
        yield meet(known, arriving)


def friends(people: People, seed: int, size: int) -> Household:
    """One household of all unrelated people, `size` photos known of each."""
    rng = random.Random(seed)
    known, arriving = {}, []
    for person in people.unrelated:
        faces = people.of(person, clean=True)
        faces = rng.sample(faces, len(faces))
        if len(faces) >= size + FEWEST:
            known[str(person)] = faces[:size]
            arriving += [(str(person), face) for face in faces[size : size + LARGEST]]
    return _household(rng, known, arriving)


def _household(
    rng: random.Random, known: dict[str, list[Vector]], arriving: list[tuple[str | None, Vector]]
) -> Household:
    """Let Immich know some faces of these people and recognise those that arrive, in any order."""
    shots = [Shot("single" if who else UNNAMED, [Seen(who or UNNAMED, face)], who) for who, face in arriving]
    rng.shuffle(shots)
    return meet({who: [Seen(who, face) for face in faces] for who, faces in known.items()}, shots)
