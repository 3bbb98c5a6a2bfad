"""What thousands of tests would pay for again, each process makes once: TLS settings, ledger, drawings."""

from __future__ import annotations

import functools
import random
import sqlite3
import ssl
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from smartsort.demo import samples
from smartsort.demo.scenes import HEAD, Drawing, Heads
from smartsort.files.decoders import Decoders
from smartsort.ledger import migrations


class SharedDecoders(Decoders):
    """Decoders that serve one world after the other. What ending them does, `test_files_decoders` shows."""

    def close(self) -> None:
        """They end with the process of the tests."""


DECODERS = SharedDecoders()

_migrate = migrations.migrate


@functools.cache
def _empty_ledger() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", check_same_thread=False)
    _migrate(Database(made))
    return made


def _copied(db: Database) -> None:
    """A new ledger is a copy of one that went through every migration; an older one goes through them."""
    if not db.table_names():
        _empty_ledger().backup(db.conn)
    _migrate(db)


_draw_people = samples.draw_people
_DRAWN: dict[tuple[object, ...], tuple[Drawing, tuple[Any, ...]]] = {}


def _drawn(
    people: Sequence[str], size: tuple[int, int], rng: random.Random, head_height: Heads = HEAD
) -> Drawing:
    """What the same people drawn with the same random numbers give is drawn once."""
    key = (*people, size, rng.getstate(), head_height)
    if key not in _DRAWN:
        _DRAWN[key] = _draw_people(people, size, rng, head_height), rng.getstate()
    drawing, drawn_with = _DRAWN[key]
    rng.setstate(drawn_with)
    return drawing


def once_for_all_tests() -> None:
    """No test speaks TLS with another setting, and reading all certificates takes each client 24 ms."""
    ssl.create_default_context = functools.cache(ssl.create_default_context)
    migrations.migrate = _copied
    samples.draw_people = _drawn
