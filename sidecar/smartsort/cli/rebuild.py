"""`smartsort rebuild`: a new ledger when the old one is lost."""

from __future__ import annotations

import os

import click

from smartsort.cli.common import load, settings_options
from smartsort.cli.output import counting, examples


@click.command("rebuild", epilog=examples("smartsort rebuild --root /data"))
@settings_options
@click.option(
    "--force", is_flag=True, help="Replace an existing ledger. smartsort moves it aside and keeps it."
)
def command(config_path: str | None, root: str | None, force: bool) -> None:
    """Make a new ledger from library/, faces/, review/, trash/ and Immich.

    smartsort reads every file once. Your decisions stay, because the folders show them. The history and the
    sources of the photos do not come back. Stop smartsort first.
    """
    from smartsort.cli.restore import server_of, tell
    from smartsort.files.shown import shown
    from smartsort.rescue.offline import layout_of
    from smartsort.rescue.rebuild import rebuild

    settings = load(config_path, root)
    ledger = layout_of(settings).ledger
    if os.path.exists(ledger) and not force:
        raise click.UsageError(
            f"there is a ledger at {shown(ledger)}. If it is damaged, try `smartsort restore` first; --force "
            "makes a new one and keeps this one beside it"
        )
    with counting("files read") as count:
        kept, adopted = rebuild(settings, server_of(settings), count)
    if kept:
        click.echo(f"the old ledger is kept as {shown(kept)}")
    tell(adopted)
