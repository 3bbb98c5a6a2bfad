"""What commands print: tables for people, tab-separated lines into a pipe, JSON for programs."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def examples(*lines: str) -> str:
    """Return the end of a command's help: how it is called. For `epilog`."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(value: object) -> None:
    """Print the value as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below headings, nothing without rows.

    Nothing is ever cut off. On a terminal long cells are folded. Elsewhere a row is a line and a tab stands
    between cells, so that `cut` and `awk` can read it.
    """
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        return
    if not sys.stdout.isatty():
        for line in (headings, *lines):
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, width in zip(headings, _widths([headings, *lines], console.width), strict=True):
        table.add_column(heading, overflow="fold", width=width)
    for line in lines:
        # Plain text: a file's name may look like markup, and is none.
        table.add_row(*map(Text, line))
    console.print(table)


_NARROW = 12
"""Columns of up to so many letters are not folded for the sake of others."""


def _widths(lines: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the widths of the columns: the widest shrink until all fit, the first one, the key, at last."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    between = 2 * (len(widths) - 1)
    while sum(widths) + between > max(room, 3 * len(widths)):
        wide = [place for place in range(1, len(widths)) if widths[place] > _NARROW] or range(len(widths))
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    # A tab or a line break of a name would look like another cell.
    return "" if value is None else " ".join(str(value).splitlines()).replace("\t", " ")


def local_time(at: str | None) -> str:
    """Return an ISO 8601 time in the zone of this machine, `2026-05-04 18:30:00`, empty for none."""
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A line on a terminal's standard error that counts, `12 files read`, nothing elsewhere."""
    shows = sys.stderr.isatty()

    def count(number: int) -> None:
        if shows:
            click.echo(f"\r{number:,} {what}", nl=False, err=True)

    try:
        yield count
    finally:
        if shows:
            click.echo("\r\033[K", nl=False, err=True)


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing where no known word is like it."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


class NearChoice(click.Choice[str]):
    """A choice that names the nearest word for a typo."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what is wrong with the word."""
        return super().get_invalid_choice_message(value, ctx) + nearest(str(value), self.choices)
