"""`smartsort review`: the review queue from the command line."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import click

from smartsort.cli.output import NearChoice, examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, preview_and_do, tell_decided, with_companions, with_sidecar
from smartsort.core.model import BulkKind, Category

_KINDS = [kind.value for kind in BulkKind]
_CATEGORIES = [category.value for category in Category]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which photos a command decides about, and how it goes about it."""

    sidecar: Sidecar
    photos: tuple[int, ...]
    category: str | None
    search: str | None
    everything: bool
    dry_run: bool
    yes: bool
    as_json: bool

    def decide(self, action: str, **more: Any) -> NoReturn:
        """Photos that are named are decided at once. What a filter finds is shown first."""
        filters = {"category": self.category, "search": self.search, "everything": self.everything}
        if bool(self.photos) == any(filters.values()):
            raise click.UsageError("Give the numbers of photos, or --category, --search or --all.")
        route, asked = f"/review/bulk/{action}", {"ids": list(self.photos), **filters, **more}
        if self.photos and not self.dry_run:
            sys.exit(tell_decided(self.sidecar.ask("POST", route, asked), as_json=self.as_json))
        question, how = f"{action.capitalize()} {{}} photos?", {"yes": self.yes, "as_json": self.as_json}
        sys.exit(preview_and_do(self.sidecar, route, asked, question, dry_run=self.dry_run, **how))


def _with_chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command what is `chosen` by its arguments and options."""

    @functools.wraps(command)
    def called(**options: Any) -> None:
        chosen = _Chosen(**{one.name: options.pop(one.name) for one in fields(_Chosen)})
        command(chosen, **options)

    for option in (
        click.argument("photos", nargs=-1, type=int),
        click.option("--category", type=NearChoice(_CATEGORIES), help="All photos of a category."),
        click.option(
            "--search", metavar="TEXT", help="All photos whose name, reason, person or source contains TEXT."
        ),
        click.option("--all", "everything", is_flag=True, help="The whole queue."),
        click.option("--dry-run", is_flag=True, help="Only show what would happen."),
        click.option("--yes", is_flag=True, help="Do not ask (for scripts)."),
        json_option,
    ):
        called = option(called)
    return with_sidecar(called)


@click.group(
    "review",
    epilog=examples("smartsort review list", "smartsort review approve --category low_confidence --dry-run"),
)
def command() -> None:
    """List the photos in review, and decide about them.

    The running sidecar carries your decisions out. `smartsort undo` reverses them.
    """


@command.command(
    "list", epilog=examples("smartsort review list --category unidentified", "smartsort review list --json")
)
@with_sidecar
@click.option("--category", type=NearChoice(_CATEGORIES), help="Only this category.")
@click.option(
    "--search", metavar="TEXT", help="Only photos whose name, reason, person or source contains TEXT."
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@json_option
def list_queue(
    sidecar: Sidecar,
    *,
    category: str | None,
    search: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the photos in review, newest first."""
    rows: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    asked = {"category": category, "search": search, "limit": min(500, limit)}
    for page in sidecar.pages("/review/queue", **asked):
        rows += page["items"]
        if len(rows) >= limit:
            break
    rows = rows[:limit]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("photo", "category", "file", "reason", "suggested"),
        (
            (row["id"], row["category"], with_companions(row["filename"], row), row["text"], _suggested(row))
            for row in rows
        ),
    )
    counts = ", ".join(f"{number} {name}" for name, number in page["counts"].items() if number)
    click.echo(f"{len(rows)} of {page['total']} shown" + (f". Waiting: {counts}" if counts else ""))


def _suggested(row: dict[str, Any]) -> str:
    """Who it may be, and how sure that is."""
    found, nearest = row.get("suggestion"), row.get("nearest")
    if not found:
        return f"nobody close ({nearest['person']} {nearest['similarity']:.2f})" if nearest else ""
    unsure = "" if found["accepted"] else ", not sure enough"
    return f"{found['person']}, {_how_sure(found)}{unsure}"


def _nobody_close(face: dict[str, Any]) -> str:
    nearest = face.get("nearest")
    if face["suggestions"] or not nearest or nearest["assigned"]:
        return ""
    return (
        f". No person is close, the nearest is {nearest['person']['name']} with {nearest['similarity']:.2f}"
    )


def _how_sure(found: dict[str, Any]) -> str:
    by = "Immich says so, " if found.get("assigned") else ""
    return by + (f"similarity {found['similarity']:.2f}" if found["measured"] else "not measured")


@command.command("show", epilog=examples("smartsort review show 12"))
@with_sidecar
@click.argument("photo", type=int)
@json_option
def show(
    sidecar: Sidecar,
    *,
    photo: int,
    as_json: bool,
) -> None:
    """Show one PHOTO with all its reasons, faces and suggestions."""
    found = sidecar.ask("GET", f"/review/items/{photo}")
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['filename']}  ({found['category']}, {found['size']:,} bytes, from {found['source']})")
    click.echo(f"  {with_companions(found['path'], found)}")
    for reason in found["reasons"]:
        click.echo(f"  - {reason['text']}")
    for face in found["faces"]:
        person = face.get("person") or {}
        sure = f", we measured {face['confidence']:.2f}" if face.get("confidence") is not None else ""
        who = f"Immich says {person['name']}" if person.get("name") else "nobody knows"
        click.echo(f"  face {face['number']}: {who}{sure}{_nobody_close(face)}")
    for number, suggestion in enumerate(found["suggestions"], 1):
        click.echo(f"  {number}. {suggestion['person']['name']} ({_how_sure(suggestion)})")
    copy = found.get("other_copy")
    if copy:
        click.echo(f"  other copy: {copy.get('path') or copy.get('asset_id')} ({copy['place']})")


@command.command(
    "approve",
    epilog=examples(
        'smartsort review approve 12 15 --person "Anna Smith"',
        "smartsort review approve --category low_confidence --dry-run",
    ),
)
@_with_chosen
@click.option("--person", "people", multiple=True, metavar="NAME", help="The person. You can repeat it.")
@click.option("--new", is_flag=True, help="Create the person in Immich if there is none of that name.")
@click.option("--face", metavar="ID", help="The face to assign, if that is not obvious.")
@click.option(
    "--include",
    multiple=True,
    type=NearChoice(_KINDS),
    help="Also approve this kind. You can repeat it.",
)
def approve(
    chosen: _Chosen,
    *,
    people: tuple[str, ...],
    new: bool,
    face: str | None,
    include: tuple[str, ...],
) -> None:
    """File PHOTOS under --person, or each under its suggested person, and assign the face in Immich.

    A suggestion counts if its similarity was measured. smartsort leaves out strangers, groups, unwanted
    people and files that are no pictures. --include takes them in, and so does naming both the photos and
    the person.
    """
    wanted = {"people": [{"name": name, "create": new} for name in people], "face": face}
    chosen.decide("approve", approve=wanted, include=list(include))


@command.command(
    "reject", epilog=examples("smartsort review reject 12 15", "smartsort review reject --search screenshot")
)
@_with_chosen
def reject(chosen: _Chosen) -> None:
    """Move PHOTOS to the trash, where they stay for the retention time."""
    chosen.decide("reject")


@command.command(
    "near-misses",
    epilog=examples(
        "smartsort review near-misses",
        'smartsort review near-misses --person "Anna Smith" --sheet anna.jpg',
        'smartsort review near-misses --person "Anna Smith" --approve --except 12',
    ),
)
@with_sidecar
@click.option("--person", metavar="NAME", help="Only faces that might be this person's.")
@click.option(
    "--sheet", "picture", type=click.Path(dir_okay=False), help="Write their first contact sheet here."
)
@click.option("--approve", "agreed", is_flag=True, help="Say yes to all of them.")
@click.option("--except", "excluded", multiple=True, type=int, metavar="PHOTO", help="But not to this photo.")
@click.option("--dry-run", is_flag=True, help="With --approve: only tell what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask, for scripts.")
@json_option
def near_misses(
    sidecar: Sidecar,
    *,
    person: str | None,
    picture: str | None,
    agreed: bool,
    excluded: tuple[int, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """List faces in review that might be a known person's, or file them under that person."""
    found: list[dict[str, Any]] = sidecar.ask("GET", "/review/near-misses")
    if person is not None:
        found = [one for one in found if one["person"]["name"].casefold() == person.casefold()]
    if agreed or picture:
        if person is None or len(found) != 1:
            raise click.UsageError("Give --person. Without options, the command lists all faces")
        if picture:
            with open(picture, "wb") as file:
                file.write(sidecar.picture(found[0]["sheet"]))
            click.echo(f"the first contact sheet is in {picture}")
    if not agreed:
        _tell_near_misses(found, as_json=as_json)
        return
    faces = {one["photo_id"]: one["face"] for one in found[0]["faces"] if one["photo_id"] not in excluded}
    asked = {"ids": list(faces), "faces": faces, "approve": {"person": {"id": found[0]["person"]["id"]}}}
    question, how = "Approve {} photos?", {"yes": yes, "as_json": as_json}
    sys.exit(preview_and_do(sidecar, "/review/bulk/approve", asked, question, dry_run=dry_run, **how))


def _tell_near_misses(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no face in review is close to a known person")
    for one in found:
        click.echo(one["text"])
        print_table(
            ("face", "photo", "file", "similarity", "taken"),
            (
                (
                    *(face[key] for key in ("number", "photo_id", "filename")),
                    f"{face['similarity']:.2f}",
                    (face["taken_at"] or "")[:10],
                )
                for face in one["faces"]
            ),
        )


@command.command("skip", epilog=examples("smartsort review skip 12"))
@_with_chosen
def skip(chosen: _Chosen) -> None:
    """Skip PHOTOS. They are listed after all others."""
    chosen.decide("skip")


@command.command("rule-out", epilog=examples('smartsort review rule-out 12 --person "Anna Smith"'))
@with_sidecar
@click.argument("photo", type=int)
@click.option("--person", metavar="NAME", help="The person. Without it, the suggested person.")
@click.option("--face", metavar="ID", help="Only this face.")
def rule_out(
    sidecar: Sidecar,
    *,
    photo: int,
    person: str | None,
    face: str | None,
) -> None:
    """Rule out a person for PHOTO: smartsort does not suggest them again.

    The photo stays in the queue. Similar faces score lower for that person.
    """
    one = sidecar.ask("POST", f"/review/{photo}/rule-out", {"person": person, "face": face})
    click.echo(f"photo {photo} is not {one['person']}. `smartsort undo {photo}` reverses that")
