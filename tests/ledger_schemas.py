"""Ledgers as each migration left them, as SQL in `tests/data/ledgers`; upgraded by test_ledger_upgrades.

    python -m tests.ledger_schemas     # before a release: adds those of new migrations, changes no old one

Each holds rows in every table there was, so that a migration that rewrites one is tried on them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from smartsort.ledger.migrations import migrations

FOLDER = Path(__file__).parent / "data" / "ledgers"
AT = "2026-01-02T03:04:05.000+00:00"
STATES = (
    *("arrived", "claimed", "hashed", "unique", "placed", "known"),
    *("filed", "review", "skipped", "rejected", "purged"),
)

RENAMED = {
    "denials": "ruled_out",
    "teachings": "feedback",
    "items": "submissions",
    "looks": "picture_hashes",
    "look_parts": "picture_hash_parts",
}
"""Tables by the name that m054 replaced."""


def rows(db: sqlite3.Connection) -> None:
    """Rows for every table that is there and has none, by columns that were there from its beginning."""
    tables = {r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, columns, values in _ROWS:
        if table in tables and not db.execute(f"SELECT 1 FROM {table}").fetchone():
            marks = ", ".join("?" * (columns.count(",") + 1))
            db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)


_ROWS = (
    ("downloads", "file_path, filename, file_hash, source", [("/old/x.jpg", "x.jpg", "ab" * 32, "web")]),
    ("review_queue", "file_path, category, reason, action", [("/r/y.jpg", "duplicates", "?", "pending")]),
    (
        "photos",
        "id, state, source, origin, original_name, size, mtime_ns, sha256, arrived_at",
        [
            (n, state, "phone", "inbox", f"{state}.jpg", 100 + n, 10**18 + n, f"{n:064x}", AT)
            for n, state in enumerate(STATES, 1)
        ],
    ),
    (
        "names",
        "photo_id, area, path, member, size, mtime_ns",
        [
            (7, "library", "shard-0001/aa/filed.jpg", "photo", 107, 10**18 + 7),
            (7, "faces", "anna/filed.jpg", "photo", 107, 10**18 + 7),
            (7, "faces", "anna/filed.MOV", "video", 5, 1),
            (8, "review", b"duplicates/caf\xe9.jpg", "photo", 108, 10**18 + 8),
            (8, "review", "duplicates/cafe.jpg.xmp", "xmp", 6, 2),
            (10, "trash", "2026-01/rejected.jpg", "photo", 110, 10**18 + 10),
            (10, "trash", "2026-01/rejected.dng", "raw", 7, 3),
        ],
    ),
    (
        "decisions",
        "photo_id, at, outcome, category, policy_version, reasons, evidence",
        [(8, AT, "reviewed", "duplicates", "v", '[{"code": "duplicate"}]', "{}")],
    ),
    ("events", "at, actor, kind, photo_id, data, digest", [(AT, "eva", "rejected", 10, "{}", "0" * 64)]),
    ("intents", "photo_id, act, data, at", [(2, "claim", '{"origins": []}', AT)]),
    ("outbox", "kind, photo_id, data, not_before", [("scan", None, '{"shard": 1}', AT)]),
    ("shards", "number, library_id, photos", [(1, "library-1", 1)]),
    ("facts", "name, value", [("root_id", '"0123"')]),
    ("told", "photo_id, kind, value", [(7, "album", "Anna")]),
    ("denials", "photo_id, person_id, person_name", [(8, "p", "Anna")]),
    ("items", "id, state, source, not_before, created_at", [("i1", "accepted", "web", AT, AT)]),
    ("idempotency", "actor, key, digest, items, at", [("eva", "k", "d", "[]", AT)]),
    ("daily_totals", "day, what, name, photos", [("2026-01-02", "sorted", "", 1)]),
    ("embeddings", "face_id, model, asset_id, vector, at", [("f", "m", "a", b"\0\1", AT)]),
    ("galleries", "person_id, model, name, refreshed_at", [("p", "m", "Anna", AT)]),
    ("teachings", "kind, photo_id, face_id, person_id, at", [("not_person", 8, "f", "p", AT)]),
    ("looks", "photo_id, hash", [(7, bytes(range(32))), (8, None)]),
    ("spot_checks", "event_id, photo_id, filed_at", [(1, 7, AT)]),
    ("policies", "version, policy, at", [("v", "{}", AT)]),
    ("takeout", "photo_id, people, taken_at", [(7, '["Anna"]', AT)]),
    (
        "films",
        "photo_id, sha256, film, seconds, has_sound, alike, at",
        [(8, f"{8:064x}", '{"unknown": "x"}', 2.5, 1, "[7]", AT)],
    ),
    (
        "face_marks",
        "photo_id, key, kind, x1, y1, x2, y2, at",
        [(8, "k", "ignored", 0.1, 0.1, 0.2, 0.2, AT)],
    ),
    ("adopted", "path, photo_id, run", [(b"/old/anna/caf\xe9.jpg", 7, 1)]),
    ("adopted_downloads", "download_id, run", [(1, 1)]),
    ("observed", "photo_id, people, due", [(7, '[["p","Anna"]]', 1)]),
    ("observed_people", "person_id, photo_id", [("p", 7)]),
    ("key_presses", "event_id, keys", [(1, 3)]),
    ("deletions", "photo_id, asset_id, path, answer, at", [(7, "a", "shard-0001/aa/filed.jpg", "held", AT)]),
)


def main() -> None:
    """Write the SQL of every migration that has none."""
    FOLDER.mkdir(exist_ok=True)
    names = [migration.name for migration in migrations.pending(Database(memory=True))]
    with closing(sqlite3.connect(":memory:")) as connection:
        db = Database(connection)
        for name, following in zip(names, [*names[1:], None], strict=True):
            migrations.apply(db, stop_before=following)
            rows(connection)
            connection.execute("UPDATE _sqlite_migrations SET applied_at = ?", (AT,))
            connection.commit()
            path = FOLDER / f"{name}.sql"
            if not path.exists():
                path.write_text("\n".join(connection.iterdump()) + "\n")


if __name__ == "__main__":
    main()
