"""`smartsort adopt`: take over a folder that the user has sorted before."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from smartsort.cli.output import NearChoice, counting, examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, confirm, with_sidecar
from smartsort.core.words import quantity

LOOK_SECONDS = 0.5


@click.command(
    "adopt",
    epilog=examples(
        "smartsort adopt /mnt/old/faces --as faces --dry-run",
        'smartsort adopt /mnt/old/faces --as faces --map "jon=John Doe"',
        "smartsort adopt /mnt/old/all --as unsorted --yes",
    ),
)
@with_sidecar
@click.argument("folder", metavar="DIR")
@click.option(
    "--as",
    "sorted_as",
    type=NearChoice(["faces", "unsorted"]),
    required=True,
    help="faces: each sub-folder is a person's. unsorted: nothing in it is sorted.",
)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="FOLDER=PERSON",
    help="Whose a sub-folder is. Give it again for each uncertain one.",
)
@click.option(
    "--rest",
    type=NearChoice(["leave", "unsorted"]),
    default="leave",
    show_default=True,
    help="What becomes of uncertain sub-folders, and of files beside the sub-folders.",
)
@click.option("--move", is_flag=True, help="Take the files out of DIR. Without it, DIR stays as it is.")
@click.option("--downloads", metavar="FILE", help="The database of an older tool. Default: one beside DIR.")
@click.option("--no-downloads", is_flag=True, help="Use no such database.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask (for scripts).")
@json_option
def command(
    sidecar: Sidecar,
    *,
    folder: str,
    sorted_as: str,
    mapped: tuple[str, ...],
    rest: str,
    move: bool,
    downloads: str | None,
    no_downloads: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take over DIR, a folder that you have sorted before, after a preview.

    With --as faces, smartsort files each photo under the person of its sub-folder. It compares the names of
    the sub-folders with Immich's people and with your lists, and does not guess. Photos whose faces
    contradict the folder go to review.

    The running sidecar reads DIR, so give the path that it sees. It links the files and never changes DIR,
    unless you give --move. `smartsort undo --event` reverses all of it.
    """
    asked: dict[str, Any] = {"folder": os.path.abspath(folder), "sorted_as": sorted_as, "rest": rest}
    asked |= {"people": _people(mapped), "move": move, "find_downloads": not no_downloads}
    if downloads is not None:
        asked["downloads"] = os.path.abspath(downloads)
    found = sidecar.ask("POST", "/adopt", asked)
    if dry_run and as_json:
        print_json(found)
        return
    if not as_json:
        _show(found)
    if dry_run:
        return
    if not found["photos"] and not found["downloads_known"]:
        click.echo("There is nothing to adopt.", err=as_json)
        return
    confirm(_question(found, move=move), yes=yes)
    now = _follow(sidecar, sidecar.ask("POST", "/adopt/apply", {"preview": found["preview"]}))
    print_json(now) if as_json else _tell(now)


def _people(mapped: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in mapped:
        folder, equals, person = one.partition("=")
        if not (equals and folder and person.strip()):
            raise click.UsageError(f"--map {one!r} is not FOLDER=PERSON, such as jon=John Doe")
        found[folder] = person.strip()
    return found


def _show(found: dict[str, Any]) -> None:
    print_table(
        ("folder", "photos", "", "person", "why"),
        (
            (one["folder"] or "(beside them)", one["photos"], one["certainty"], one["person"], one["why"])
            for one in found["folders"]
        ),
    )
    for one in found["left"]:
        click.echo(f"stays: {one['path']}: {one['why']}", err=True)
    if found["left_count"] > len(found["left"]):
        click.echo(f"and {found['left_count'] - len(found['left'])} more that stay", err=True)
    click.echo(
        f"{found['matched']} {'person' if found['matched'] == 1 else 'people'} matched, {found['new']} new, "
        f"{found['uncertain']} uncertain. {quantity(found['photos'], 'photo')} would come in."
        + (f" {found['adopted_before']} are adopted already." if found["adopted_before"] else "")
    )
    if found["photos"]:
        click.echo(
            "What smartsort or Immich has already stays where it is, and comes in no second time. If Immich "
            "has it as an upload, that upload gets the person of the folder. How many these are is not "
            "counted here: the preview does not read the files."
        )
    if found["downloads"] is not None:
        click.echo(
            f"{found['downloads']} tells of {found['downloads_known']} files that were downloaded. "
            f"{found['downloads_there']} of them are where it says, and count as known."
        )
    if found["copied"]:
        from rich.filesize import decimal

        click.echo(
            f"{found['copied']} photos cannot be linked from there and are copied: "
            f"{decimal(found['copied_bytes'])} are needed, {decimal(found['free_bytes'])} are free."
        )


def _question(found: dict[str, Any], *, move: bool) -> str:
    from rich.filesize import decimal

    how = "Move" if move else "Take over"
    more = f" (and copy {decimal(found['copied_bytes'])})" if found["copied"] else ""
    return f"{how} {found['photos']} photos{more}?"


def _follow(sidecar: Sidecar, now: dict[str, Any]) -> dict[str, Any]:
    """Wait until each file was read. The sidecar goes on if this command ends."""
    with counting(f"of {now['photos']:,} photos taken over") as count:
        while now["state"] == "running":
            count(now["taken"] + now["known"])
            time.sleep(LOOK_SECONDS)
            now = sidecar.ask("GET", "/adopt")
    return now


def _tell(now: dict[str, Any]) -> None:
    for one in now["left"]:
        click.echo(f"stays: {one['path']}: {one['why']}", err=True)
    click.echo(
        f"{now['taken']} photos taken over, {now['known']} known already, {now['left_count']} files left. "
        f"smartsort looks at them now (`smartsort status`). Undo: `smartsort undo --event {now['event']}`"
    )
