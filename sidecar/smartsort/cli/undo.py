"""`smartsort undo`: take back what was done."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from typing import Any

import click

from smartsort.cli.output import examples, json_option, local_time, print_json, print_table
from smartsort.cli.sidecar import Sidecar, preview_and_do, tell_decided, with_sidecar

_AGO = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.command(
    "undo",
    epilog=examples(
        "smartsort undo last",
        "smartsort undo 12",
        "smartsort undo --since 2h --dry-run",
        "smartsort undo --list",
    ),
)
@with_sidecar
@click.argument("photo", required=False, metavar="[PHOTO|last]")
@click.option("--event", metavar="ID", type=click.IntRange(1), help="One event. --list shows them.")
@click.option(
    "--since",
    metavar="WHEN",
    help="Everything that people did since: 2h, 30m, 1d, or a time (2024-05-01T18:00).",
)
@click.option("--automatic", is_flag=True, help="With --since: automatic filings, too.")
@click.option("--yes", is_flag=True, help="Do not ask (for scripts).")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--list", "listing", is_flag=True, help="Only list the last events.")
@json_option
def command(
    sidecar: Sidecar,
    *,
    photo: str | None,
    event: int | None,
    since: str | None,
    automatic: bool,
    yes: bool,
    dry_run: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Undo the last decision about PHOTO (its number), your `last` action, an --event, or all --since.

    It reverses filings, approvals, rejections and bulk actions, for the files and in Immich. An undo is an
    event itself, so you can undo it. --since first shows what it would undo. Photos purged from the trash
    cannot be restored.
    """
    if listing:
        page = sidecar.ask("GET", "/events", limit=30)
        print_json(page["events"]) if as_json else _list(page)
        return
    if sum(given is not None for given in (photo, event, since)) != 1:
        raise click.UsageError("Give a photo's number, `last`, --event or --since. --list shows the events.")
    if since is not None:
        at = moment(since, datetime.now().astimezone()).isoformat()
        asked = {"since": at, "automatic": automatic}
        question = "Undo {} actions?"
        sys.exit(preview_and_do(sidecar, "/undo", asked, question, dry_run=dry_run, yes=yes, as_json=as_json))
    if event is not None:
        body: dict[str, Any] = {"event": event}
    elif photo == "last":
        body = {"last": True}
    elif photo is not None and photo.isascii() and photo.isdigit():
        body = {"photo": int(photo)}
    else:
        raise click.UsageError(f"{photo!r} is not a photo's number. Give the number, or `last`.")
    sys.exit(tell_decided(sidecar.ask("POST", "/undo", body | {"dry_run": dry_run}), as_json=as_json))


def moment(text: str, now: datetime) -> datetime:
    """Return the time that `2h` before `now`, or an ISO time, means. Raises click.UsageError."""
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as problem:
        raise click.UsageError(
            f"--since {text!r} is neither a span like 30m, 2h or 1d nor a time like 2024-05-01T18:00"
        ) from problem


def _list(page: dict[str, Any]) -> None:
    def undo_of(one: dict[str, Any]) -> str:
        return f"undone by {one['undone_by']}" if one.get("undone_by") else "yes" if one["undoable"] else ""

    print_table(
        ("event", "at", "who", "what", "photo", "undo"),
        (
            (one["id"], local_time(one["at"]), one["actor"], one["text"], one.get("photo_id"), undo_of(one))
            for one in page["events"]
        ),
    )
