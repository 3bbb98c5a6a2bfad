"""`smartsort review`: the review queue from the command line."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from smartsort.cli.sidecar import add_row, sidecar_of, sidecar_options, tell_decided, with_companions

_CATEGORIES = ("duplicates", "unidentified", "low_confidence", "multiple_faces", "unwanted_person")


def _selection(command: Any) -> Any:
    for option in (
        click.argument("photos", nargs=-1, type=int),
        click.option("--category", type=click.Choice(_CATEGORIES), help="All waiting photos of a category."),
        click.option("--search", metavar="TEXT", help="All whose name, reason, person or source has TEXT."),
        click.option("--all", "everything", is_flag=True, help="The whole queue."),
        click.option("--dry-run", is_flag=True, help="Only tell what would happen."),
    ):
        command = option(command)
    return command


def _chosen(
    photos: tuple[int, ...], category: str | None, search: str | None, *, everything: bool, dry_run: bool
) -> dict[str, Any]:
    if bool(photos) == bool(category or search or everything):
        raise click.UsageError("give the numbers of photos, or --category, --search or --all")
    return {
        "ids": list(photos),
        "category": category,
        "search": search,
        "everything": everything,
        "dry_run": dry_run,
    }


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
        suggested = row.get("suggested_person") or ""
        add_row(
            table, row["id"], row["category"], with_companions(row["filename"], row), row["text"], suggested
        )
    if rows:
        console.print(table)
    counts = ", ".join(f"{number} {name}" for name, number in page["counts"].items() if number)
    console.print(f"{len(rows)} of {page['total']} shown" + (f"; waiting: {counts}" if counts else ""))


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
        click.echo(f"  {number}. {suggestion['person']['name']}")
    copy = found.get("other_copy")
    if copy:
        click.echo(f"  other copy: {copy.get('path') or copy.get('asset_id')} ({copy['place']})")


@command.command("approve")
@sidecar_options
@_selection
@click.option("--person", "people", multiple=True, metavar="NAME", help="Whose photo it is; may be repeated.")
@click.option("--new", is_flag=True, help="Make a person in Immich where nobody has the name.")
@click.option("--face", metavar="ID", help="Which face it is, where that is not obvious.")
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
    people: tuple[str, ...],
    new: bool,
    face: str | None,
) -> None:
    """File PHOTOS under --person, or each under its suggested person, and teach Immich."""
    chosen = _chosen(photos, category, search, everything=everything, dry_run=dry_run)
    wanted = {"people": [{"name": name, "create": new} for name in people], "face": face}
    sidecar = sidecar_of(config_path, root, url, token)
    answer = sidecar.ask("POST", "/review/bulk/approve", chosen | {"approve": wanted})
    sys.exit(tell_decided(answer))


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
) -> None:
    """Move PHOTOS to the trash, where they stay for the retention time."""
    chosen = _chosen(photos, category, search, everything=everything, dry_run=dry_run)
    sidecar = sidecar_of(config_path, root, url, token)
    sys.exit(tell_decided(sidecar.ask("POST", "/review/bulk/reject", chosen)))


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
) -> None:
    """Leave PHOTOS for later: they are listed after all others."""
    chosen = _chosen(photos, category, search, everything=everything, dry_run=dry_run)
    sidecar = sidecar_of(config_path, root, url, token)
    sys.exit(tell_decided(sidecar.ask("POST", "/review/bulk/skip", chosen)))


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
