"""`smartsort explain`: how a photo was judged, in words."""

from __future__ import annotations

import os
from typing import Any

import click

from smartsort.cli.output import examples, json_option, print_json
from smartsort.cli.sidecar import Sidecar, with_sidecar
from smartsort.files.shown import shown

_MARKS = {"passed": "  ok  ", "matched": "  also", "decided": "  ->  "}


@click.command("explain", epilog=examples("smartsort explain IMG_1234.jpg", "smartsort explain 12 --json"))
@click.argument("photo", metavar="FILE|ID")
@json_option
@with_sidecar
def command(
    sidecar: Sidecar,
    *,
    photo: str,
    as_json: bool,
) -> None:
    """Explain how smartsort decided about a photo, rule by rule, and what would change that.

    FILE is any of its names (faces/john_doe/IMG_1.jpg, or just IMG_1.jpg). ID is its number in the history.
    Give a file whose name is a number with its folder: ./123.
    """
    if photo.isascii() and photo.isdigit():
        found = sidecar.ask("GET", f"/photos/{photo}/explain")
    else:
        path = os.path.abspath(photo) if os.path.lexists(photo) else photo
        if not path.isprintable():
            raise click.UsageError(f"{shown(path)} cannot be looked up by name. Give the photo's number")
        found = sidecar.ask("GET", "/explain", file=path)
    print_json(found) if as_json else click.echo("\n".join(told(found)))


def told(found: dict[str, Any]) -> list[str]:
    """Return the explanation as lines."""
    lines = [f"photo {found['photo_id']}: {found['filename']}", f"  now: {', '.join(found['places'])}"]
    lines += ["", found["summary"]]
    if found["by_human"]:
        lines += [f"Since then: {found['by_human']}"]
    if found["seen"]:
        lines += ["", "What smartsort saw:", *(f"  {line}" for line in found["seen"])]
    if found["rules"]:
        lines += ["", "What the rules said:"]
        lines += [f"{_MARKS[rule['verdict']]} {rule['text']} ({rule['rule']})" for rule in found["rules"]]
    if found["changes"]:
        lines += ["", "What would change it:", *(f"  {change['text']}" for change in found["changes"])]
    if found["decided_at"] and not found["stored_settings_used"]:
        lines += ["", "The settings of that time are not stored. This explanation uses today's."]
    return lines
