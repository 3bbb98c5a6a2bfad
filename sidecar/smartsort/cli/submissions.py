"""`smartsort submissions`: what was handed in over HTTP, from the command line."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from smartsort.cli.output import NearChoice, examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, with_companions, with_sidecar
from smartsort.errors import SmartsortError

_STATES = ("downloading", "failed")


@click.group(
    "submissions",
    epilog=examples("smartsort submissions list --state failed", "smartsort submissions retry --failed"),
)
def command() -> None:
    """List URLs and uploads that were handed in over HTTP, and retry failed downloads.

    The running sidecar answers.
    """


@command.command("list", epilog=examples("smartsort submissions list --state failed --json"))
@with_sidecar
@click.option("--state", type=NearChoice(_STATES), help="Only those in progress, or those that failed.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@json_option
def list_submissions(sidecar: Sidecar, *, state: str | None, limit: int, as_json: bool) -> None:
    """List submissions, newest first."""
    rows = list(itertools.islice(_submissions(sidecar, state), limit))
    if as_json:
        print_json(rows)
        return
    print_table(
        ("id", "state", "source", "url", "where or why not"),
        ((one["id"], one["state"], one["source"], one.get("url"), _where(one)) for one in rows),
    )
    click.echo(f"{len(rows)} shown")


def _where(item: dict[str, Any]) -> str:
    result = item.get("result") or {}
    return with_companions(
        item.get("problem") or result.get("destination") or result.get("reason") or "", result
    )


@command.command("retry", epilog=examples("smartsort submissions retry --failed"))
@with_sidecar
@click.argument("submissions", nargs=-1)
@click.option("--failed", is_flag=True, help="All failed downloads that can be retried.")
def retry(sidecar: Sidecar, *, submissions: tuple[str, ...], failed: bool) -> None:
    """Retry the failed downloads SUBMISSIONS. The number of tries starts from zero."""
    if bool(submissions) == failed:
        raise click.UsageError(
            "Give the ids of submissions, or --failed. `smartsort submissions list` shows them."
        )
    # Read to the end first: what is retried leaves the list.
    wanted = [row["id"] for row in _submissions(sidecar, "failed")] if failed else submissions
    refused = 0
    for item in wanted:
        try:
            answer = sidecar.ask("POST", f"/submissions/{quote(item, safe='')}/retry")
        except SmartsortError as problem:
            click.echo(f"{item}: {problem}", err=True)
            refused += 1
        else:
            click.echo(f"{item}: {answer['state']}")
    click.echo(f"{len(wanted) - refused} retried, {refused} refused")
    sys.exit(1 if refused else 0)


def _submissions(sidecar: Sidecar, state: str | None) -> Iterator[dict[str, Any]]:
    for page in sidecar.pages("/submissions", state=state, limit=500):
        yield from page["items"]
