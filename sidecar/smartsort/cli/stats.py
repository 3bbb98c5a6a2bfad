"""`smartsort stats`: how well the sorting goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from smartsort.cli.output import examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, with_sidecar


@click.command(
    "stats", epilog=examples("smartsort stats --days 7", "smartsort stats --json | jq .success_rate")
)
@with_sidecar
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="How far back.")
@json_option
def command(sidecar: Sidecar, *, days: int, as_json: bool) -> None:
    """Show how many photos were filed, how many wait, and whether the goals are met."""
    summary = sidecar.ask("GET", "/stats/summary", days=days)
    if as_json:
        print_json(summary)
        return
    click.echo(
        f"last {days} days: {summary['auto_sorted']} filed automatically, {summary['in_review']} in review, "
        f"success rate {summary['success_rate']:g}%"
    )
    for what in ("person", "category"):
        counts: dict[str, int] = summary[f"by_{what}"]
        print_table((what, "photos"), [(name, counts[name]) for name in sorted(counts, key=_most(counts))])
    met = {True: "yes", False: "no", None: "not known yet"}
    print_table(
        ("goal", "value", "target", "met"),
        (
            (
                one["name"],
                "-" if one["value"] is None else f"{one['value']:g}",
                one["target"],
                met[one["met"]],
            )
            for one in summary["metrics"]
        ),
    )
    click.echo(spot_check_line(summary["spot_checks"]))
    click.echo(summary["limit"]["text"])
    if summary["decisions"]:
        left = f"Left review: {summary['photos_per_decision']:g} photos a decision ({summary['decisions']:,})"
        if summary["key_presses"]:
            left += f", {summary['photos_per_key_press']:g} a key press ({summary['key_presses']:,})"
        click.echo(left)
    if (faces := summary["review_faces"]) is not None:
        click.echo(f"faces of {faces['measured']} of {faces['photos']} photos in review measured")


def _most(counts: dict[str, int]) -> Callable[[str], tuple[int, str]]:
    return lambda name: (-counts[name], name)


def spot_check_line(result: dict[str, Any]) -> str:
    """Return the result of the spot checks in one line."""
    left = f", {result['pending']} more wait (`smartsort spot-check`)" if result["pending"] else ""
    if not result["checked"]:
        return f"wrongly sorted: not known yet, no filing is checked{left}"
    verdict = {True: "met", False: "missed", None: "not known yet"}[result["met"]]
    return (
        f"wrongly sorted, by spot checks: {result['wrong']} of {result['checked']}, "
        f"{result['error_rate']:g}%, 95% interval {result['low']:g}% to {result['high']:g}% "
        f"(target {result['target']}: {verdict}){left}"
    )
