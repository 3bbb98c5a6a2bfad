"""Whose folder needs a digest, and who was there first."""

from __future__ import annotations

import os

import pytest

from smartsort.core.model import Person
from smartsort.ledger import photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.person_folders import keep_apart, kept_apart
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Name

AT = "2024-05-01T12:00:00.000+00:00"
ONE, TWO, OTHER = Person("1", "Ann-a"), Person("2", "Ann a"), Person("3", "Ben")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def file(ledger, person, folder="ann_a"):
    def write(db):
        [row] = photos.add(db, [NewPhoto("inbox", "inbox", "a.jpg", 3, 4)], AT)
        name = Name(row.id, Area.FACES, f"{folder}/{row.id}.jpg", person_id=person.id)
        photos.apply(db, [Change(row.id, names_added=(name,))], AT)

    ledger.write(write)


def apart(ledger, *people):
    found = ledger.write(lambda db: keep_apart(db, people))
    assert ledger.read(kept_apart) == found
    return found


def test_without_photos_the_smallest_id_keeps_the_folder(ledger):
    assert apart(ledger, TWO, OTHER, ONE) == {"2"}


@pytest.mark.parametrize(
    ("order", "kept"), [([TWO], ONE), ([TWO, ONE], ONE), ([ONE, TWO], TWO), ([ONE], TWO)]
)
def test_whose_photos_came_first_keeps_the_folder(ledger, order, kept):
    for person in order:
        file(ledger, person)
    assert apart(ledger, ONE, TWO) == {kept.id}


def test_photos_elsewhere_do_not_count(ledger):
    file(ledger, TWO, "family")
    assert apart(ledger, ONE, TWO) == {"2"}


def test_who_is_kept_apart_stays_so_under_that_name(ledger):
    assert apart(ledger, ONE, TWO) == {"2"}
    file(ledger, TWO)
    assert apart(ledger, ONE, TWO) == {"2"}
    assert apart(ledger, ONE, Person("2", "Benno")) == frozenset()
    assert apart(ledger, ONE, Person("4", "ann-a")) == frozenset()
