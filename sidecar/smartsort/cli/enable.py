"""`smartsort enable`: sorting goes on."""

from __future__ import annotations

import click

from smartsort.cli.output import examples
from smartsort.cli.sidecar import Sidecar, with_sidecar


@click.command("enable", epilog=examples("smartsort enable"))
@with_sidecar
def command(sidecar: Sidecar) -> None:
    """Switch sorting on. Photos that waited go on at once."""
    waiting = sum(sidecar.ask("POST", "/enable")["in_progress_by_state"].values())
    click.echo(f"sorting is on, {waiting:,} photos in progress")
