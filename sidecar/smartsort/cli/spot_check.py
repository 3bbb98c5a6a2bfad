"""`smartsort spot-check`: a few automatic filings, chosen at random, are answered by a human."""

from __future__ import annotations

import json
import sys

import click

from smartsort.cli.sidecar import add_row, sidecar_of, sidecar_options, tell_decided
from smartsort.cli.stats import spot_check_line


@click.group("spot-check", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Say of a few automatic filings whether they are right; so it is known how many are wrong.

    They are drawn at random (`spot_check_share`). Without a command: list them.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_waiting, config_path=None, root=None, url=None, token=None)


@command.command("list")
@sidecar_options
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As the API answers.")
def list_waiting(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    limit: int = 50,
    as_json: bool = False,
) -> None:
    """List the filings that wait for an answer."""
    page = sidecar_of(config_path, root, url, token).ask("GET", "/spot-checks", limit=limit)
    if as_json:
        click.echo(json.dumps(page, ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("photo", "filed under", "sure", "file", "filed at")
    for one in page["items"]:
        sure = "-" if one["confidence"] is None else f"{one['confidence']:.2f}"
        add_row(table, one["photo_id"], ", ".join(one["people"]), sure, one["path"], one["filed_at"])
    if page["items"]:
        console.print(table)
    console.print(spot_check_line(page["share"]), soft_wrap=True)


@command.command("confirm")
@sidecar_options
@click.argument("photos", nargs=-1, type=int, required=True)
def confirm(
    *, config_path: str | None, root: str | None, url: str | None, token: str | None, photos: tuple[int, ...]
) -> None:
    """The filings of PHOTOS are right."""
    sidecar = sidecar_of(config_path, root, url, token)
    decided = [sidecar.ask("POST", f"/spot-checks/{photo}/confirm") for photo in photos]
    sys.exit(tell_decided({"decided": decided, "done": len(decided), "failed": 0}))


@command.command("wrong")
@sidecar_options
@click.argument("photo", type=int)
@click.option("--person", "people", multiple=True, metavar="NAME", help="Who it is; may be repeated.")
@click.option("--new", is_flag=True, help="Make a person in Immich where nobody has the name.")
def wrong(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photo: int,
    people: tuple[str, ...],
    new: bool,
) -> None:
    """The filing of PHOTO is wrong: file it under --person, or put it into review."""
    body = {"people": [{"name": name, "create": new} for name in people]}
    one = sidecar_of(config_path, root, url, token).ask("POST", f"/spot-checks/{photo}/wrong", body)
    sys.exit(tell_decided({"decided": [one], "done": 1, "failed": 0}))
