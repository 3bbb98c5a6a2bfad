"""`smartsort explain`: how a photo was judged, in words."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from smartsort.cli.sidecar import sidecar_of, sidecar_options
from smartsort.files.shown import shown

_MARKS = {"passed": "  ok  ", "against": "  also", "decided": "  ->  "}


@click.command("explain")
@click.argument("photo", metavar="FILE|ID")
@click.option("--json", "as_json", is_flag=True, help="As the API answers.")
@sidecar_options
def command(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    photo: str,
    as_json: bool,
) -> None:
    """Tell how a photo was judged, rule by rule, and what would change it.

    FILE is any of its names (faces/john_doe/IMG_1.jpg, or just IMG_1.jpg), ID its number in the history. A
    file whose name is a number is given with its folder: ./123.
    """
    sidecar = sidecar_of(config_path, root, url, token)
    if photo.isascii() and photo.isdigit():
        found = sidecar.ask("GET", f"/photos/{photo}/explain")
    else:
        path = os.path.abspath(photo) if os.path.lexists(photo) else photo
        if not path.isprintable():
            raise click.UsageError(f"{shown(path)} cannot be asked for by name; give the photo's number")
        found = sidecar.ask("GET", "/explain", file=path)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else "\n".join(told(found)))


def told(found: dict[str, Any]) -> list[str]:
    """The explanation as lines."""
    lines = [f"photo {found['photo_id']}: {found['filename']}", f"  now: {', '.join(found['places'])}"]
    lines += ["", found["summary"]]
    if found["by_human"]:
        lines += [f"Since then: {found['by_human']}"]
    if found["seen"]:
        lines += ["", "What was seen:", *(f"  {line}" for line in found["seen"])]
    if found["rules"]:
        lines += ["", "What the rules said:"]
        lines += [f"{_MARKS[rule['verdict']]} {rule['text']} ({rule['rule']})" for rule in found["rules"]]
    if found["changes"]:
        lines += ["", "What would change it:", *(f"  {change['text']}" for change in found["changes"])]
    if found["decided_at"] and not found["settings_of_then"]:
        lines += ["", "The settings of that time are not stored; this is told with today's."]
    return lines
