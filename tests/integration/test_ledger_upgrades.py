"""A ledger of every schema there was becomes the same as a new one, and keeps its rows."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sqlite3
from contextlib import closing

import pytest
from sqlite_utils import Database
from tests.ledger_schemas import FOLDER, RENAMED, STATES

from smartsort.core.model import Category, State
from smartsort.files.perceptual_hash import parts
from smartsort.ledger import feedback, photos
from smartsort.ledger.backup import backups
from smartsort.ledger.database import Ledger
from smartsort.ledger.migrations import MODULES, migrations
from smartsort.ledger.records import Area, Member

SCHEMAS = sorted(path.stem for path in FOLDER.glob("*.sql"))

RELEASED = [
    *("m001_source_document", "m002_photos", "m003_history", "m004_actions", "m010_items"),
    *("m020_daily_totals", "m020_judgement", "m030_look_parts", "m040_spot_checks", "m041_policies"),
]
"""The migrations of version 0.1.0, in order."""


def schema(path):
    """Every object's SQL without what SQLite itself makes different: space, and quotes after a renaming."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        columns = {n: db.execute(f"PRAGMA table_xinfo({n})").fetchall() for t, n, _ in found if t == "table"}
    return {(t, n): re.sub(r"\s+", "", sql).replace('"', "") for t, n, sql in found}, columns


def content(path):
    with closing(sqlite3.connect(path)) as db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in tables:
            columns = [r[1] for r in db.execute(f"PRAGMA table_info({table})")]
            found[table] = [
                dict(zip(columns, row, strict=True)) for row in db.execute(f"SELECT * FROM {table}")
            ]
        return found


@pytest.fixture
def old(tmp_path, request):
    path = os.fspath(tmp_path / "smartsort.db")
    with closing(sqlite3.connect(path)) as db:
        db.executescript((FOLDER / f"{request.param}.sql").read_text())
    return path


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    path = os.fspath(tmp_path_factory.mktemp("new") / "smartsort.db")
    Ledger(path).close()
    return path


def test_every_released_schema_is_kept():
    assert set(RELEASED) <= set(SCHEMAS)


def test_there_is_a_ledger_of_each_migration_and_the_last_has_rows_in_every_table():
    names = [migration.name for migration in migrations.pending(Database(memory=True))]
    assert sorted(names) == SCHEMAS
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript((FOLDER / f"{names[-1]}.sql").read_text())
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert [t for t in tables if not db.execute(f"SELECT 1 FROM {t}").fetchone()] == []


@pytest.mark.parametrize("old", SCHEMAS, indirect=True)
def test_an_upgraded_ledger_is_as_a_new_one_and_loses_nothing(old, new):
    before = content(old)
    Ledger(old).close()
    assert schema(old) == schema(new)
    after = content(old)
    for row in before["sqlite_sequence"]:
        row["name"] = RENAMED.get(row["name"], row["name"])
    for table, rows in before.items():
        if table == "_sqlite_migrations":
            continue
        now = after[RENAMED.get(table, table)]
        kept = [{column: row[column] for column in rows[0]} for row in now] if rows else []
        assert all(row in kept for row in rows), table
    assert len(backups(os.path.join(os.path.dirname(old), "backup"))) <= 1
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("old", [s for s in SCHEMAS if s > "m002"], indirect=True)
def test_every_photo_of_an_upgraded_ledger_is_read_and_may_take_every_state(old):
    with Ledger(old) as ledger:
        found = ledger.read(lambda db: photos.by_ids(db, range(1, 20)))
        assert [p.state.value for p in found] == list(STATES)
        assert ledger.read(lambda db: photos.names_of(db, [7]))[7][0].area is Area.LIBRARY
        for state in State:
            ledger.write(lambda db, s=state: photos.apply(db, [photos.Change(1, state=s)], "now"))


def allowed(path, table, column):
    """The words a CHECK lets into a column."""
    sql = schema(path)[0]["table", table]
    [words] = re.findall(rf"CHECK\({column}IN\(([^)]*)\)\)", sql)
    return {word.strip("'") for word in words.split(",")}


@pytest.mark.parametrize("old", [*SCHEMAS, "m041_policies"], indirect=True)
def test_a_ledger_allows_the_words_of_today(old):
    """Red for a new state, member or folder without a migration that lets existing ledgers have it."""
    Ledger(old).close()
    assert allowed(old, "photos", "state") == {state.value for state in State}
    assert allowed(old, "names", "area") == {area.value for area in Area}
    assert allowed(old, "names", "member") == {member.value for member in Member}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_migrations_name_nothing_that_can_change(module):
    """Built from today's values, a migration makes new ledgers that differ from upgraded ones."""
    tree = ast.parse(inspect.getsource(module))
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert imported == {"__future__", "sqlite_utils", "smartsort.ledger.migrations.registry"}
    assert not {"State", "Category"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert Category("duplicates")


@pytest.mark.parametrize("old", ["m020_judgement"], indirect=True)
def test_the_index_of_near_copies_is_filled_as_the_photos_are_hashed_today(old):
    with Ledger(old) as ledger:
        rows = ledger.read(
            lambda db: db.conn.execute("SELECT part, photo_id FROM picture_hash_parts").fetchall()
        )
    assert sorted(rows) == sorted((part, 7) for part in parts(int.from_bytes(bytes(range(32)), "big")))


@pytest.mark.parametrize("old", ["m041_policies"], indirect=True)
def test_feedback_goes_on_where_it_was(old):
    """Counted from the start, what a human has taken back since would be said again."""
    with closing(sqlite3.connect(old)) as db:
        db.execute("INSERT INTO facts (name, value) VALUES ('teachings_up_to', '7')")
        db.commit()
    with Ledger(old) as ledger:
        assert ledger.read(feedback.collected_up_to) == 7
