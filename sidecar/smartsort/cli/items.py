"""`smartsort items`: what was handed in over HTTP, from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from smartsort.cli.sidecar import Sidecar, add_row, sidecar_of, sidecar_options
from smartsort.errors import SmartsortError

_STATES = ("downloading", "failed")


@click.group("items")
def command() -> None:
    """Look at URLs and uploads that were handed in over HTTP, and retry downloads that failed.

    Works through the running sidecar.
    """


@command.command("list")
@sidecar_options
@click.option("--state", type=click.Choice(_STATES), help="Only those on their way, or given up.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
def list_items(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List items, newest first."""
    rows = []
    for row in _items(sidecar_of(config_path, root, url, token), state):
        rows.append(row)
        if len(rows) == limit:
            break
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("item", "state", "source", "url", "where or why not")
    for row in rows:
        result = row.get("result") or {}
        where = row.get("problem") or result.get("destination") or result.get("reason") or ""
        add_row(table, row["id"], row["state"], row["source"], row.get("url") or "", where)
    if rows:
        Console().print(table)
    click.echo(f"{len(rows)} shown")


@command.command("retry")
@sidecar_options
@click.argument("items", nargs=-1)
@click.option("--failed", is_flag=True, help="All that failed and can be downloaded again.")
def retry(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    items: tuple[str, ...],
    failed: bool,
) -> None:
    """Download ITEMS again that failed, with all their tries."""
    if bool(items) == failed:
        raise click.UsageError("give the ids of items, or --failed; `smartsort items list` shows them")
    sidecar = sidecar_of(config_path, root, url, token)
    # Read to the end first: what is retried leaves the list.
    wanted = [row["id"] for row in _items(sidecar, "failed")] if failed else items
    refused = 0
    for item in wanted:
        try:
            answer = sidecar.ask("POST", f"/items/{quote(item, safe='')}/retry")
        except SmartsortError as problem:
            click.echo(f"{item}: {problem}", err=True)
            refused += 1
        else:
            click.echo(f"{item}: {answer['state']}")
    click.echo(f"{len(wanted) - refused} retried, {refused} refused")
    sys.exit(1 if refused else 0)


def _items(sidecar: Sidecar, state: str | None) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = sidecar.ask("GET", "/items", state=state, cursor=cursor, limit=500)
        yield from page["items"]
        cursor = page.get("next_cursor")
        if cursor is None:
            return
