"""`smartsort restore`: put a backup of the ledger in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smartsort.cli.common import load, settings_options
from smartsort.cli.output import counting, examples

if TYPE_CHECKING:
    from smartsort.config import Settings
    from smartsort.ports import PhotoServer
    from smartsort.rescue.adopt import Adopted


@click.command(
    "restore",
    epilog=examples("smartsort restore --list", "smartsort restore /data/backups/smartsort-2026-05-04.db"),
)
@settings_options
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--list", "only_list", is_flag=True, help="List the backups.")
def command(config_path: str | None, root: str | None, file: str | None, only_list: bool) -> None:
    """Make FILE the ledger, and bring it up to date with the folders.

    Without FILE, smartsort takes the newest sound backup. It keeps the old ledger beside the new one. Stop
    smartsort first.
    """
    from smartsort.files.shown import shown
    from smartsort.ledger.backup import backups
    from smartsort.rescue.offline import backup_folder
    from smartsort.rescue.rebuild import restore

    settings = load(config_path, root)
    if only_list:
        for path in backups(backup_folder(settings)):
            click.echo(shown(path))
        return
    with counting("files read") as count:
        used, kept, adopted = restore(settings, file, server_of(settings), count)
    click.echo(f"the ledger is {shown(used)} now")
    if kept:
        click.echo(f"the one it replaces is kept as {shown(kept)}")
    tell(adopted)


def server_of(settings: Settings) -> PhotoServer | None:
    """Immich, or None where the settings do not name one."""
    from smartsort.bootstrap import connect

    return None if settings.missing_for_immich() else connect(settings)


def tell(adopted: Adopted) -> None:
    """What became of the files."""
    click.echo(
        f"{adopted.files:,} files the ledger had no name for: {adopted.adopted:,} new photos, "
        f"{adopted.followed:,} photos followed, {adopted.dropped:,} leftovers dropped, "
        f"{adopted.assets:,} found in Immich"
    )
    for path in adopted.unreadable:
        click.echo(f"left alone: {path}", err=True)
    click.echo("`smartsort audit` checks that every photo is there")
