"""`smartsort deletions`: many deletions in Immich at once wait for a user's word."""

from __future__ import annotations

import sys

import click

from smartsort.cli.output import examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, tell_decided, with_sidecar


@click.command(
    "deletions",
    epilog=examples("smartsort deletions", "smartsort deletions --confirm", "smartsort deletions --decline"),
)
@with_sidecar
@click.option("--confirm", "answer", flag_value="confirm", help="They were meant: reject the photos.")
@click.option("--decline", "answer", flag_value="decline", help="They were not meant: keep the photos.")
@json_option
def command(sidecar: Sidecar, *, answer: str | None, as_json: bool) -> None:
    """Confirm or decline many deletions in Immich. Without an option: list them.

    A photo that you delete in Immich is rejected. When more than `immich.max_unconfirmed_deletions` are
    deleted at once, smartsort asks first. Until you answer, nothing happens to these photos.
    """
    found = sidecar.ask("GET", "/deletions")
    if answer is not None:
        said = {"up_to": found["up_to"], "meant": answer == "confirm"}
        sys.exit(tell_decided(sidecar.ask("POST", "/deletions", said), as_json=as_json))
    if as_json:
        print_json(found)
        return
    print_table(
        ("photo", "file", "filed under"),
        ((one["id"], one["filename"], one["person"] or "-") for one in found["photos"]),
    )
    more = found["waiting"] - len(found["photos"])
    if more:
        click.echo(f"and {more} more")
    click.echo(f"{found['waiting']} deletions wait for your word (--confirm or --decline)")
