"""`smartsort disable`: sorting stops, and what arrives waits."""

from __future__ import annotations

import click

from smartsort.cli.output import examples
from smartsort.cli.sidecar import Sidecar, with_sidecar


@click.command("disable", epilog=examples("smartsort disable"))
@with_sidecar
def command(sidecar: Sidecar) -> None:
    """Switch sorting off. smartsort accepts new photos, and they wait until `smartsort enable`."""
    sidecar.ask("POST", "/disable")
    click.echo("sorting is off. `smartsort enable` switches it on")
