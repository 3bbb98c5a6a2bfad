"""`smartsort review`: the review queue from the command line."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from smartsort.cli.sidecar import (
    Sidecar,
    add_row,
    preview_and_do,
    sidecar_of,
    sidecar_options,
    tell_decided,
    with_companions,
)

_KINDS = ("strangers", "groups", "blacklisted", "not_whitelisted", "not_pictures")
_CATEGORIES = ("duplicates", "unidentified", "low_confidence", "multiple_faces", "unwanted_person")


def _selection(command: Any) -> Any:
    for option in (
        click.argument("photos", nargs=-1, type=int),
        click.option("--category", type=click.Choice(_CATEGORIES), help="All waiting photos of a category."),
        click.option("--search", metavar="TEXT", help="All whose name, reason, person or source has TEXT."),
        click.option("--all", "everything", is_flag=True, help="The whole queue."),
        click.option("--dry-run", is_flag=True, help="Only tell what would happen."),
        click.option("--yes", is_flag=True, help="Do not ask, for scripts."),
    ):
        command = option(command)
    return command


def _decide(
    sidecar: Sidecar,
    action: str,
    photos: tuple[int, ...],
    filters: dict[str, Any],
    more: dict[str, Any] | None = None,
    *,
    dry_run: bool,
    yes: bool,
) -> int:
    """Photos that are named are decided at once; what a filter finds is shown first."""
    if bool(photos) == any(filters.values()):
        raise click.UsageError("give the numbers of photos, or --category, --search or --all")
    route, asked = f"/review/bulk/{action}", {"ids": list(photos), **filters, **(more or {})}
    if photos and not dry_run:
        return tell_decided(sidecar.ask("POST", route, asked))
    question = f"{action.capitalize()} {{}} photos?"
    return preview_and_do(sidecar, route, asked, question, dry_run=dry_run, yes=yes)


@click.group("review")
def command() -> None:
    """Look at the photos that wait for a human, and decide about them.

    Works through the running sidecar. Every decision can be taken back: smartsort undo.
    """


@command.command("list")
@sidecar_options
@click.option("--category", type=click.Choice(_CATEGORIES), help="Only this category.")
@click.option("--search", metavar="TEXT", help="Only those whose name, reason, person or source has TEXT.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
def list_queue(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    category: str | None,
    search: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what waits, newest first."""
    sidecar = sidecar_of(config_path, root, url, token)
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    page: dict[str, Any] = {}
    while len(rows) < limit:
        page = sidecar.ask(
            "GET",
            "/review/queue",
            category=category,
            search=search,
            cursor=cursor,
            limit=min(500, limit - len(rows)),
        )
        rows += page["items"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("photo", "category", "file", "reason", "suggested")
    for row in rows:
        file = with_companions(row["filename"], row)
        add_row(table, row["id"], row["category"], file, row["text"], _suggested(row))
    if rows:
        console.print(table)
    counts = ", ".join(f"{number} {name}" for name, number in page["counts"].items() if number)
    console.print(f"{len(rows)} of {page['total']} shown" + (f"; waiting: {counts}" if counts else ""))


def _suggested(row: dict[str, Any]) -> str:
    """Who it may be, and how sure that is."""
    found = row.get("suggestion")
    if not found:
        return ""
    return f"{found['person']}, {_how_sure(found)}" + ("" if found["accepted"] else ", not sure enough")


def _how_sure(found: dict[str, Any]) -> str:
    return f"similarity {found['similarity']:.2f}" if found["measured"] else "unmeasured"


@command.command("show")
@sidecar_options
@click.argument("photo", type=int)
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
def show(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photo: int,
    as_json: bool,
) -> None:
    """Show one PHOTO with all its reasons, faces and suggestions."""
    found = sidecar_of(config_path, root, url, token).ask("GET", f"/review/items/{photo}")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(f"{found['filename']}  ({found['category']}, {found['size']:,} bytes, from {found['source']})")
    click.echo(f"  {with_companions(found['path'], found)}")
    for reason in found["reasons"]:
        click.echo(f"  - {reason['text']}")
    for face in found["faces"]:
        person = face.get("person") or {}
        sure = f", confidence {face['confidence']:.2f}" if face.get("confidence") is not None else ""
        click.echo(f"  face {face['number']}: {person.get('name') or 'nobody knows'}{sure}")
    for number, suggestion in enumerate(found["suggestions"], 1):
        click.echo(f"  {number}. {suggestion['person']['name']} ({_how_sure(suggestion)})")
    copy = found.get("other_copy")
    if copy:
        click.echo(f"  other copy: {copy.get('path') or copy.get('asset_id')} ({copy['place']})")


@command.command("approve")
@sidecar_options
@_selection
@click.option("--person", "people", multiple=True, metavar="NAME", help="Whose photo it is; may be repeated.")
@click.option("--new", is_flag=True, help="Make a person in Immich where nobody has the name.")
@click.option("--face", metavar="ID", help="Which face it is, where that is not obvious.")
@click.option(
    "--include",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Also approve this kind; may be repeated.",
)
def approve(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photos: tuple[int, ...],
    category: str | None,
    search: str | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
    people: tuple[str, ...],
    new: bool,
    face: str | None,
    include: tuple[str, ...],
) -> None:
    """File PHOTOS under --person, or each under its suggested person, and teach Immich.

    A suggestion counts when its similarity was measured. Strangers, groups, unwanted people and files that
    are no pictures are left out unless you --include them, or name both the photos and the person.
    """
    filters = {"category": category, "search": search, "everything": everything}
    wanted = {"people": [{"name": name, "create": new} for name in people], "face": face}
    more = {"approve": wanted, "include": list(include)}
    sidecar = sidecar_of(config_path, root, url, token)
    sys.exit(_decide(sidecar, "approve", photos, filters, more, dry_run=dry_run, yes=yes))


@command.command("reject")
@sidecar_options
@_selection
def reject(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photos: tuple[int, ...],
    category: str | None,
    search: str | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Move PHOTOS to the trash, where they stay for the retention time."""
    filters = {"category": category, "search": search, "everything": everything}
    sidecar = sidecar_of(config_path, root, url, token)
    sys.exit(_decide(sidecar, "reject", photos, filters, dry_run=dry_run, yes=yes))


@command.command("skip")
@sidecar_options
@_selection
def skip(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photos: tuple[int, ...],
    category: str | None,
    search: str | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Leave PHOTOS for later: they are listed after all others."""
    filters = {"category": category, "search": search, "everything": everything}
    sidecar = sidecar_of(config_path, root, url, token)
    sys.exit(_decide(sidecar, "skip", photos, filters, dry_run=dry_run, yes=yes))


@command.command("deny")
@sidecar_options
@click.argument("photo", type=int)
@click.option("--person", metavar="NAME", help="Who it is not; without it the suggested person.")
@click.option("--face", metavar="ID", help="Only this face.")
def deny(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photo: int,
    person: str | None,
    face: str | None,
) -> None:
    """Say that PHOTO does not show a person: they are not suggested for it again.

    It goes on waiting, and faces like it reach less for that person.
    """
    sidecar = sidecar_of(config_path, root, url, token)
    one = sidecar.ask("POST", f"/review/{photo}/deny", {"person": person, "face": face})
    click.echo(f"photo {photo} is not {one['person']}; `smartsort undo {photo}` takes that back")
