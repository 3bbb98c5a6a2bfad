"""Many rows in one statement.

SQLite works without Python's lock, but takes it back after every statement. Row by row it would hold up, and
be held up by, the threads that read, hash and place files. A statement for many rows runs beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlite_utils import Database

TOGETHER = 64
"""Rows of one statement, with 30 columns still far below SQLite's limit on variables."""

VALUES = 500
"""Values in one IN (...) list, well below SQLite's limit on variables."""

Row = Sequence[Any]
_Value = TypeVar("_Value")


def insert(db: Database, into: str, columns: Sequence[str], rows: Sequence[Row], otherwise: str = "") -> None:
    """`INSERT INTO` a table, or `OR IGNORE INTO` it. `otherwise` is an `ON CONFLICT` clause."""
    mark = f"({','.join('?' * len(columns))})"
    for chunk in chunks(rows, TOGETHER):
        db.conn.execute(
            f"INSERT {into} ({','.join(columns)}) VALUES {','.join([mark] * len(chunk))} {otherwise}",  # noqa: S608
            [value for row in chunk for value in row],
        )


def update(db: Database, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Set these columns of rows. Each of `rows` is an id and the values, no id comes twice."""
    names = ", ".join(f"{column} = new.column{number}" for number, column in enumerate(columns, 2))
    mark = f"({','.join('?' * (len(columns) + 1))})"
    for chunk in chunks(rows, TOGETHER):
        db.conn.execute(
            f"UPDATE {table} SET {names} FROM (VALUES {','.join([mark] * len(chunk))}) AS new"  # noqa: S608
            f" WHERE {table}.id = new.column1",
            [value for row in chunk for value in row],
        )


def select(
    db: Database, query: str, values: Sequence[Any], before: Sequence[Any] = (), after: Sequence[Any] = ()
) -> list[Any]:
    """Return rows of a query whose `IN (*)` lists these values. An order holds among 500 of them.

    `before` and `after` are the values of the query's other parameters.
    """
    return [
        row
        for chunk in chunks(values)
        for row in db.conn.execute(
            query.replace("IN (*)", f"IN ({','.join('?' * len(chunk))})"), (*before, *chunk, *after)
        )
    ]


def delete(db: Database, table: str, column: str, values: Sequence[Any], **where: str) -> None:
    """Remove the rows of which `column` is one of `values`, and other columns are as given."""
    given = "".join(f" AND {name} = ?" for name in where)
    for chunk in chunks(values):
        db.conn.execute(
            f"DELETE FROM {table} WHERE {column} IN ({','.join('?' * len(chunk))}){given}",  # noqa: S608
            [*chunk, *where.values()],
        )


def chunks(values: Sequence[_Value], size: int = VALUES) -> Iterator[Sequence[_Value]]:
    """Yield the values in order, as many at a time as an `IN (...)` may list."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
