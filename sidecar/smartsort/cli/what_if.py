"""`smartsort what-if`: what other settings would do to past photos."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from smartsort.cli.output import NearChoice, examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, confirm, tell_decided, with_sidecar
from smartsort.errors import ConfigurationError

_SHARE = click.FloatRange(0, 1)


def _settings(command: Any) -> Any:
    for option in (
        click.option("--blacklist", metavar="NAME,NAME", help='Other unwanted people, "" for none.'),
        click.option(
            "--whitelist", metavar="NAME,NAME", help='Other people to file, "" for all with a name.'
        ),
        click.option(
            "--multiple-faces",
            type=NearChoice(["review", "each_person", "main_face"]),
            help="Another setting.",
        ),
        click.option("--when-unknown", type=NearChoice(["accept", "review"]), help="Another setting."),
        click.option("--min-face-area", type=_SHARE, help="Another setting."),
        click.option("--max-faces", type=click.IntRange(1), help="Another setting."),
        click.option("--min-margin", type=_SHARE, help="Another setting."),
        click.option("--min-confidence", type=_SHARE, help="Another setting."),
        click.option("--template", metavar="FOLDERS", help="Another `filing.template`."),
        click.option(
            "--rules",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Other [[rules]], from a file such as a changed copy of your configuration.",
        ),
        click.option("--max-wrong-per-1000", type=click.FloatRange(0.1, 100), help="Another limit."),
    ):
        command = option(command)
    return command


@click.command(
    "what-if",
    epilog=examples(
        "smartsort what-if --max-wrong-per-1000 1", "smartsort what-if --min-confidence 0.7 --days 30 --apply"
    ),
)
@_settings
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="How far back.")
@click.option("--apply", "applied", is_flag=True, help="Change the settings and move the photos.")
@click.option("--yes", is_flag=True, help="Do not ask before --apply (for scripts).")
@json_option
@with_sidecar
def command(
    sidecar: Sidecar,
    *,
    days: int,
    applied: bool,
    yes: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Show which past photos would go elsewhere with other settings.

    smartsort re-evaluates them from what it saw then. Without an option, it uses the settings in force.
    Photos that a human has decided about stay where they are.

    --apply changes the settings for good and moves exactly the photos shown. Both are one event, so
    `smartsort undo` reverses both. Rules can only be tried. To apply them, write them into the configuration,
    restart smartsort and run `smartsort refile`.
    """
    if applied and settings["rules"] is not None:
        raise click.UsageError(
            "rules are changed in the configuration. Write them there, restart smartsort and run "
            "`smartsort refile`."
        )
    body = _body(settings)
    report = sidecar.ask("POST", "/what-if", body, days=days)
    if not applied or not as_json:
        print_json(report) if as_json else _show(report)
    if not applied:
        return
    if report.get("preview") is None:
        raise click.UsageError("Changing settings needs a token with the scope admin.")
    confirm(f"Change the settings and move {sum(report['moves'].values())} photos?", yes=yes)
    done = sidecar.ask("POST", "/what-if/apply", {"preview": report["preview"]})
    status = tell_decided(done, as_json=as_json)
    if not (done["decided"] or as_json):
        click.echo("no photo moves, and the settings are changed")
    sys.exit(status)


def _body(settings: dict[str, Any]) -> dict[str, Any]:
    keys = {
        "max_faces": "max_faces_per_image",
        "when_unknown": "when_confidence_unknown",
        "template": "filing_template",
    }
    body = {keys.get(name, name): value for name, value in settings.items() if value is not None}
    if "rules" in body:
        body["rules"] = _rules(body["rules"])
    for name in ("whitelist", "blacklist"):
        if name in body:
            body[name] = [part for part in (p.strip() for p in body[name].split(",")) if part]
    return body


def _rules(path: Path) -> Any:
    from smartsort.config.layers import table_in

    try:
        found = table_in(path).get("rules")
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    if found is None:
        raise click.UsageError(f"{path} has no [[rules]]. To try it without rules, write `rules = []` there.")
    return json.loads(json.dumps(found, default=str))  # dates as they go over the wire


def _show(report: dict[str, Any]) -> None:
    click.echo(report["limit"]["text"])
    print_table(("from -> to", "photos"), report["moves"].items())
    print_table(
        ("photo", "file", "from", "to", "why"),
        (
            (
                one["photo_id"],
                one["filename"],
                one["before"],
                one["after"],
                one["text"] + (" Not measured yet: --apply measures it first." if one["unmeasured"] else ""),
            )
            for one in report["photos"]
        ),
    )
    if report["omitted"]:
        click.echo(f"and {report['omitted']} more")
    click.echo(
        f"of {report['evaluated']} photos of the last {report['days']} days {sum(report['moves'].values())} "
        f"would go elsewhere. {report['decided_by_human']} that a human has decided about stay."
    )
