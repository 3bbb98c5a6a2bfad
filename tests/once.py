"""What thousands of tests would pay for again, made once in each process: TLS settings, the empty ledger."""

from __future__ import annotations

import functools
import sqlite3
import ssl

from sqlite_utils import Database

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


def once_for_all_tests() -> None:
    """No test speaks TLS with another setting, and reading all certificates takes each client 24 ms."""
    ssl.create_default_context = functools.cache(ssl.create_default_context)
    migrations.migrate = _copied
