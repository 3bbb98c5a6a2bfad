"""`smartsort status`: what a running smartsort does now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from smartsort.cli.output import examples, json_option, local_time, print_json, print_table
from smartsort.cli.sidecar import Sidecar, with_sidecar


@click.command("status", epilog=examples("smartsort status", "smartsort status --json | jq .in_review"))
@with_sidecar
@json_option
def command(sidecar: Sidecar, *, as_json: bool) -> None:
    """Show whether smartsort sorts, how much waits, and the health issues.

    Exit status: 0 it sorts, 1 it is switched off or has a health issue, 2 it does not answer.
    """
    status = sidecar.ask("GET", "/status")
    if as_json:
        print_json(status)
    else:
        print_table(("smartsort", status["version"]), _lines(status))
        print_table(
            ("photo", "file", "state", "since", "problem"),
            (
                (one["photo_id"], one["filename"], one["state"], local_time(one["since"]), one["problem"])
                for one in status["in_progress"]
            ),
        )
    in_the_way = [one for one in status["health_issues"] if one["severity"] != "notice"]
    sys.exit(0 if status["enabled"] and status["ready"] and not in_the_way else 1)


def _lines(status: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "sorting", "on" if status["enabled"] else "off (`smartsort enable` switches it on)"
    where = " ".join(filter(None, (status["immich_version"], status["immich_url"])))
    yield "Immich", status["immich"] + (f" ({where})" if where else "")
    yield "inbox", f"{status['inbox']}, {status['inbox_waiting']:,} files waiting"
    counts = ", ".join(
        f"{number:,} {state}" for state, number in status["in_progress_by_state"].items() if number
    )
    yield "in progress", counts or "nothing"
    yield "in review", f"{status['in_review']:,}"
    if status["estimated_wait_seconds"] is not None:
        yield "a new photo takes", f"about {status['estimated_wait_seconds']:.0f} s"
    yield "started", local_time(status["started_at"])
    for one in status["health_issues"]:
        title = "notice" if one["severity"] == "notice" else "health issue"
        yield title, f"{one['message']} (since {local_time(one['since'])})"
