"""`smartsort spot-check`: a few automatic filings, chosen at random, are answered by a human."""

from __future__ import annotations

import sys

import click

from smartsort.cli.output import examples, json_option, local_time, print_json, print_table
from smartsort.cli.sidecar import Sidecar, tell_decided, with_sidecar
from smartsort.cli.stats import spot_check_line


@click.group(
    "spot-check",
    invoke_without_command=True,
    epilog=examples(
        "smartsort spot-check",
        "smartsort spot-check confirm 12 15",
        'smartsort spot-check wrong 17 --person "Anna Smith"',
    ),
)
@click.pass_context
def command(context: click.Context) -> None:
    """Check a random sample of the filed photos, to estimate how many are wrong.

    `spot_check_rate` sets how many smartsort draws. Without a command, this lists them.
    """
    if context.invoked_subcommand is None:
        # Parsed, because an option may come from the environment.
        list_waiting.main([], context.command_path, standalone_mode=False)


@command.command("list", epilog=examples("smartsort spot-check list --limit 10"))
@with_sidecar
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@json_option
def list_waiting(sidecar: Sidecar, *, limit: int = 50, as_json: bool = False) -> None:
    """List the filings that wait for an answer."""
    page = sidecar.ask("GET", "/spot-checks", limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        ("photo", "filed under", "sure", "file", "filed at"),
        (
            (
                one["photo_id"],
                one["people"],
                "-" if one["confidence"] is None else f"{one['confidence']:.2f}",
                one["path"],
                local_time(one["filed_at"]),
            )
            for one in page["items"]
        ),
    )
    click.echo(spot_check_line(page["result"]))


@command.command("confirm", epilog=examples("smartsort spot-check confirm 12 15"))
@with_sidecar
@click.argument("photos", nargs=-1, type=int, required=True)
@json_option
def confirm(sidecar: Sidecar, *, photos: tuple[int, ...], as_json: bool) -> None:
    """Confirm the filings of PHOTOS."""
    decided = [sidecar.ask("POST", f"/spot-checks/{photo}/confirm") for photo in photos]
    sys.exit(tell_decided({"decided": decided, "done": len(decided), "failed": 0}, as_json=as_json))


@command.command("wrong", epilog=examples('smartsort spot-check wrong 17 --person "Anna Smith"'))
@with_sidecar
@click.argument("photo", type=int)
@click.option(
    "--person", "people", multiple=True, metavar="NAME", help="The right person. You can repeat it."
)
@click.option("--new", is_flag=True, help="Create the person in Immich if there is none of that name.")
@json_option
def wrong(sidecar: Sidecar, *, photo: int, people: tuple[str, ...], new: bool, as_json: bool) -> None:
    """Correct the filing of PHOTO: file it under --person, or put it into review."""
    body = {"people": [{"name": name, "create": new} for name in people]}
    one = sidecar.ask("POST", f"/spot-checks/{photo}/wrong", body)
    sys.exit(tell_decided({"decided": [one], "done": 1, "failed": 0}, as_json=as_json))
