"""JSON values stored by name: the root's id, settings changed at run time, marks of commands."""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from smartsort.ledger.records import dumps

RAN = "ran_seconds"
"""How long smartsort has run on this root in all, as last written down."""

CATCHING_UP = "catching_up"
"""The command that is making the ledger know all files. A sidecar would take them for new ones meanwhile."""

HOUSEHOLD = "household"
"""What the galleries say: of how many `faces` so many are `alike`, their `agreement`, and the `level`."""

MODEL_CHANGE = "model_change"
"""The last change of Immich's model for faces: `model`, `at`, and how many `faces` were forgotten."""


def get(db: Database, name: str, default: Any = None) -> Any:
    """Return the value remembered under a name."""
    row = db.conn.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return json.loads(row[0]) if row else default


def put(db: Database, name: str, value: Any) -> None:
    """Remember a JSON value."""
    db.conn.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, dumps(value)),
    )


def forget(db: Database, name: str) -> None:
    """Forget a name. Unknown ones are no error."""
    db.conn.execute("DELETE FROM facts WHERE name = ?", (name,))
