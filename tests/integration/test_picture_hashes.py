"""What pictures look like: an index finds every older picture that is alike, and no other."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger_schemas import RENAMED

from smartsort.files.perceptual_hash import ALIKE, keys_alike, parts
from smartsort.ledger import photos, picture_hashes
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import NewPhoto

AT = "2024-05-01T12:00:00.000+00:00"


@settings(max_examples=300)
@given(value=st.binary(min_size=32, max_size=32), flips=st.sets(st.integers(0, 255), max_size=ALIKE))
def test_whatever_is_alike_shares_a_key(value, flips):
    one = int.from_bytes(value, "big")
    other = one
    for bit in flips:
        other ^= 1 << bit
    assert set(keys_alike(one)) & set(parts(other))


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "smartsort.db")


def hashes():
    rng = random.Random(4)
    found = {i: rng.randbytes(32) for i in range(1, 300)}
    near = int.from_bytes(found[200], "big")
    found[300] = (near ^ 0b111 ^ 1 << 255).to_bytes(32, "big")
    found[301] = (near ^ (1 << ALIKE + 1) - 1).to_bytes(32, "big")
    found[302] = None
    return found


def fill(ledger):
    new = [NewPhoto("phone", "inbox", f"{i}.jpg", 3, 4) for i in hashes()]
    ledger.write(lambda db: photos.add(db, new, AT))
    ledger.write(lambda db: picture_hashes.put(db, hashes()))


def test_the_older_that_are_alike_are_found(path):
    with Ledger(path) as ledger:
        fill(ledger)
        value = hashes()[200]
        assert ledger.read(lambda db: picture_hashes.alike(db, value, 302)) == [(200, 0), (300, 4)]
        assert ledger.read(lambda db: picture_hashes.alike(db, value, 300)) == [(200, 0)]
        assert ledger.read(lambda db: picture_hashes.alike(db, value, 200)) == []
        assert ledger.read(lambda db: picture_hashes.hashed(db, [1, 302, 999])) == {1: hashes()[1], 302: None}


def test_hashes_from_before_the_index_are_indexed(path):
    with Ledger(path) as ledger:
        fill(ledger)

        def as_it_was(db):
            db.conn.execute("DROP TABLE picture_hash_parts")
            for old, new in RENAMED.items():
                if old != "look_parts":
                    db.conn.execute(f"ALTER TABLE {new} RENAME TO {old}")
            db.conn.execute("DELETE FROM _sqlite_migrations WHERE name IN ('m030_look_parts', 'm054_names')")

        ledger.write(as_it_was)
    with Ledger(path) as ledger:
        assert ledger.read(lambda db: picture_hashes.alike(db, hashes()[200], 302)) == [(200, 0), (300, 4)]
