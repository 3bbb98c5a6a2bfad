"""The schema, as numbered migrations that also take over a database from before smartsort.

A migration says for ever what it said when it was released: it uses no name of other modules, whose meaning
changes. Else a new ledger and an upgraded one would differ. A new state needs a migration of its own.
"""

from __future__ import annotations

from sqlite_utils import Database

from smartsort.ledger.migrations import first, later
from smartsort.ledger.migrations.registry import migrations

__all__ = ["MODULES", "migrate", "migrations"]

MODULES = (first, later)
"""In the order in which their migrations are applied."""


def migrate(db: Database) -> None:
    """Bring a new, an older or a foreign database with a `downloads` table to today's schema."""
    migrations.apply(db)
