"""The benchmark of the confidence reads archives of numpy and writes the rows that others compare."""

from __future__ import annotations

import json
import random
import struct
import sys
import zipfile

import pytest
from tests.bench import judgement
from tests.bench.embeddings import families, read
from tests.bench.household import make_siblings

from smartsort.core.similarity import cosine, unit

LENGTH = 64


def array(kind, shape, values):
    letter = {"<f2": "e", "<i4": "i", "|b1": "?"}[kind]
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(header))
        + header
        + struct.pack(f"<{len(values)}{letter}", *values)
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    rng = random.Random(1)

    def direction():
        return [rng.gauss(0, 1) for _ in range(LENGTH)]

    rows = []
    for person in range(16):
        centre = direction()
        family, photos = (person // 4, 8) if person < 12 else (-1, 30)
        for _ in range(photos):
            face = unit([c + 0.7 * n for c, n in zip(centre, direction(), strict=True)])
            rows.append((face, person, family, person != 3))
    path = tmp_path_factory.mktemp("faces") / "faces.npz"
    with zipfile.ZipFile(path, "w") as file:
        numbers = [value for face, *_ in rows for value in face]
        file.writestr("embeddings.npy", array("<f2", (len(rows), LENGTH), numbers))
        file.writestr("person.npy", array("<i4", (len(rows),), [row[1] for row in rows]))
        file.writestr("family.npy", array("<i4", (len(rows),), [row[2] for row in rows]))
        file.writestr("clean.npy", array("|b1", (len(rows),), [row[3] for row in rows]))
    return path


def test_an_archive_is_read_without_numpy(archive):
    people = read(archive)
    assert {family: len(members) for family, members in people.families.items()} == {0: 4, 1: 4, 2: 4}
    assert people.unrelated == [12, 13, 14, 15]
    assert people.of(3, clean=True) == []
    faces = people.of(3, clean=False)
    assert len(faces) == 8
    assert cosine(faces[0], faces[0]) == pytest.approx(1)
    assert cosine(faces[0], faces[1]) > 0.4


def test_the_photos_that_arrive_are_not_those_of_the_gallery(archive):
    for household in families(read(archive), 1, unnamed=True):
        known = {face.vector for faces in household.confirmed.values() for face in faces}
        assert known.isdisjoint(shot.faces[0].vector for shot in household.shots)
        named = {household.names[person] for person in household.confirmed}
        assert {shot.truth for shot in household.shots} - {None} <= named
        assert any(shot.truth is None for shot in household.shots)


def test_the_command_writes_a_row_for_every_preset_and_household(archive, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.json"
    monkeypatch.setattr(
        sys, "argv", ["judgement", "--faces", str(archive), "--json", str(out), "--seeds", "1"]
    )
    judgement.main()
    rows = json.loads(out.read_text())["rows"]
    fields = {"preset", "household", "gallery", "clean", "wrong", "review", "photos"}
    assert all(set(row) == fields for row in rows)
    seen = {(row["preset"], row["household"], row["gallery"], row["clean"]) for row in rows}
    assert ("balanced", "relative_unnamed", "3-8", True) in seen
    assert ("immich", "all_named", "3-8", False) in seen
    assert {("cautious", "unrelated", size, True) for size in ("3", "5", "10", "20")} <= seen
    assert all(row["wrong"] == 0 for row in rows if row["household"] == "unrelated")
    assert "one relative unnamed" in capsys.readouterr().out


def test_siblings_pass_through_the_same_ages():
    household = make_siblings(1, 50)
    assert sorted(household.names.values()) == ["child-0", "child-1", "child-2", "parent-0", "parent-1"]
    for person, faces in household.confirmed.items():
        assert all(face.taken >= household.born[person] for face in faces)
