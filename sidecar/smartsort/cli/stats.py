"""`smartsort stats`: how well the sorting goes."""

from __future__ import annotations

import json
from typing import Any

import click

from smartsort.cli.sidecar import add_row, sidecar_of, sidecar_options


@click.command("stats")
@sidecar_options
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="How far back.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the source document's keys.")
def command(
    *, config_path: str | None, root: str | None, url: str | None, token: str | None, days: int, as_json: bool
) -> None:
    """Show what was sorted, what waits, and whether the goals are met."""
    summary = sidecar_of(config_path, root, url, token).ask("GET", "/stats/summary", days=days)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"last {days} days: {summary['auto_sorted']} sorted by themselves, {summary['in_review']} in review, "
        f"success rate {summary['success_rate']:g}%",
        soft_wrap=True,
    )
    _table(console, "person", summary["by_person"])
    _table(console, "category", summary["by_category"])
    goals = Table("goal", "value", "target", "met")
    for metric in summary.get("metrics", ()):
        value = "-" if metric["value"] is None else f"{metric['value']:g}"
        met = {True: "yes", False: "no", None: "not known yet"}[metric["met"]]
        goals.add_row(metric["name"], value, metric["target"], met)
    if goals.row_count:
        console.print(goals)
    console.print(spot_check_line(summary["spot_checks"]), soft_wrap=True)


def spot_check_line(share: dict[str, Any]) -> str:
    """What the spot checks say, in one line."""
    left = f"; {share['open']} more wait (`smartsort spot-check`)" if share["open"] else ""
    if not share["checked"]:
        return f"wrongly sorted: nothing is checked yet{left}"
    verdict = {True: "met", False: "missed", None: "not decided yet"}[share["met"]]
    return (
        f"wrongly sorted, by spot checks: {share['wrong']} of {share['checked']}, {share['share']:g}%, "
        f"95% interval {share['low']:g}% to {share['high']:g}% (target {share['target']}: {verdict}){left}"
    )


def _table(console: Any, what: str, counts: dict[str, int]) -> None:
    from rich.table import Table

    if counts:
        table = Table(what, "photos")
        for name, number in sorted(counts.items(), key=lambda item: -item[1]):
            add_row(table, name, number)
        console.print(table)
