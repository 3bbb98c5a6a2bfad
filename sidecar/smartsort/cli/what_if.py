"""`smartsort what-if`: what other settings would do to past photos."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from smartsort.cli.sidecar import add_row, confirm, sidecar_of, sidecar_options, tell_decided

_SHARE = click.FloatRange(0, 1)


def _settings(command: Any) -> Any:
    for option in (
        click.option("--blacklist", metavar="NAME,NAME", help='Unwanted people; "" for nobody.'),
        click.option(
            "--whitelist", metavar="NAME,NAME", help='People to file; "" for everybody with a name.'
        ),
        click.option("--multiple-faces", type=click.Choice(["review", "each_person", "main_face"])),
        click.option("--when-unknown", type=click.Choice(["accept", "review"]), help="Confidence unknown."),
        click.option("--min-face-share", type=_SHARE),
        click.option("--max-faces", type=click.IntRange(1)),
        click.option("--min-margin", type=_SHARE),
        click.option("--min-confidence", type=_SHARE),
    ):
        command = option(command)
    return command


@click.command("what-if")
@_settings
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="How far back.")
@click.option("--apply", "applied", is_flag=True, help="Change the settings and move the photos.")
@click.option("--yes", is_flag=True, help="Do not ask before --apply, for scripts.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@sidecar_options
def command(
    *,
    config_path: str | None,
    root: str | None,
    url: str | None,
    token: str | None,
    days: int,
    applied: bool,
    yes: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Show which past photos would go elsewhere with other settings.

    They are judged anew from what was seen then; without a setting by those in force. Photos a human has
    decided about stay where they are.

    --apply changes the settings for good and moves exactly the photos that were shown, as one event that
    `smartsort undo` takes back.
    """
    body = _body(settings)
    sidecar = sidecar_of(config_path, root, url, token)
    report = sidecar.ask("POST", "/what-if", body, days=days)
    if not applied or not as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2)) if as_json else _show(report)
    if not applied:
        return
    if report.get("preview") is None:
        raise click.UsageError("Changing settings needs a token with the scope admin.")
    confirm(f"Change the settings and move {sum(report['moves'].values())} photos?", yes=yes)
    done = sidecar.ask("POST", "/what-if/apply", {"preview": report["preview"]})
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False, indent=2))
        sys.exit(1 if done["failed"] else 0)
    status = tell_decided(done)
    if not done["decided"]:
        click.echo("no photo moves; the settings are changed")
    sys.exit(status)


def _body(settings: dict[str, Any]) -> dict[str, Any]:
    keys = {"max_faces": "max_faces_per_image", "when_unknown": "when_confidence_unknown"}
    body = {keys.get(name, name): value for name, value in settings.items() if value is not None}
    for name in ("whitelist", "blacklist"):
        if name in body:
            body[name] = [part for part in (p.strip() for p in body[name].split(",")) if part]
    return body


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    ways = Table("from -> to", "photos")
    for way, count in report["moves"].items():
        add_row(ways, way, count)
    table = Table("photo", "file", "from", "to", "why")
    for one in report["photos"]:
        why = one["text"] + (" Not measured yet; --apply measures it first." if one["unmeasured"] else "")
        add_row(table, one["photo_id"], one["filename"], one["before"], one["after"], why)
    moved = sum(report["moves"].values())
    if moved:
        console.print(ways)
        console.print(table)
    if report["not_listed"]:
        console.print(f"and {report['not_listed']} more")
    console.print(
        f"of {report['looked_at']} photos of the last {report['days']} days {moved} would go elsewhere; "
        f"{report['kept']} that a human has decided about stay",
        soft_wrap=True,
    )
