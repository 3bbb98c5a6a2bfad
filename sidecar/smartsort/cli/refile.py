"""`smartsort refile`: filed photos go where the template puts them now."""

from __future__ import annotations

import sys

import click

from smartsort.cli.output import examples, json_option
from smartsort.cli.sidecar import Sidecar, preview_and_do, with_sidecar


@click.command("refile", epilog=examples("smartsort refile --dry-run", "smartsort refile --yes"))
@with_sidecar
@click.option("--dry-run", is_flag=True, help="Only show which photos would move.")
@click.option("--yes", is_flag=True, help="Do not ask (for scripts).")
@json_option
def command(sidecar: Sidecar, **how: bool) -> None:
    """Move filed photos to the folders that `filing.template` and your rules give them now.

    Use it after you have changed one of them. It shows what would move, asks, and moves exactly that. Who
    is on a photo stays as it is. So does a photo that you have put somewhere by hand. All moves are one
    event, so `smartsort undo` reverses them together.
    """
    sys.exit(preview_and_do(sidecar, "/refile", {}, "Move {} photos?", **how))
