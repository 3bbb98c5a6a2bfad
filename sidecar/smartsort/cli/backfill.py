"""`smartsort backfill`: links to photos that are in Immich already."""

from __future__ import annotations

import time
from typing import Any

import click

from smartsort.cli.output import counting, examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, confirm, with_sidecar

PAUSE_SECONDS = 0.5

SHOWN = 40
"""Lines of a list, as far as the answer has more."""


@click.command(
    "backfill",
    epilog=examples("smartsort backfill", "smartsort backfill --apply --portion 1000"),
)
@click.option("--apply", "applied", is_flag=True, help="Make the links.")
@click.option("--portion", type=click.IntRange(1), help="With --apply: link so many photos at most.")
@click.option("--yes", is_flag=True, help="Do not ask before --apply (for scripts).")
@json_option
@with_sidecar
def command(sidecar: Sidecar, *, applied: bool, portion: int | None, yes: bool, as_json: bool) -> None:
    """Show which photos that are in Immich already belong to whom, and link them.

    smartsort judges them as it judges new photos. A link below faces/ is all that such a photo gets.
    smartsort never moves, rejects or deletes it. Photos with a doubt become questions, at most
    `backfill.questions_per_day` each day.

    Set `backfill.path_mapping` first. --apply makes one event of all portions, so `smartsort undo` removes
    all links. It links what the plan shows. What changes or comes meanwhile waits for the next plan.
    """
    if portion and not applied:
        raise click.UsageError("--portion needs --apply.")
    plan = _finished(sidecar, sidecar.ask("POST", "/backfill", {}))
    if not (applied and as_json):
        print_json(plan) if as_json else show(plan)
    if not applied:
        return
    many = min(plan["to_link"], portion or plan["to_link"])
    confirm(f"Link {many:,} photos?", yes=yes)
    body: dict[str, Any] = {"apply": True, "preview": plan["preview"]}
    body |= {"portion": portion} if portion else {}
    before, done = plan["linked"], _finished(sidecar, sidecar.ask("POST", "/backfill", body))
    if as_json:
        print_json(done)
        return
    click.echo(f"{done['linked'] - before:,} photos linked, {done['to_link']:,} left.")
    if done["event"] is not None:
        click.echo(f"Undo: `smartsort undo --event {done['event']}`")


def _finished(sidecar: Sidecar, plan: dict[str, Any]) -> dict[str, Any]:
    """Wait until smartsort has nothing left to do for it. It goes on when nobody waits."""
    took = 0.0
    with counting("photos listed, judged and linked") as count:
        while plan["working"]:
            count(plan["seen"] + plan["known"] - plan["to_judge"] + plan["linked"])
            # Counting a large library takes seconds. smartsort has other work to do.
            time.sleep(max(PAUSE_SECONDS, 4 * took))
            began = time.monotonic()
            plan = sidecar.ask("GET", "/backfill")
            took = time.monotonic() - began
    return plan


def show(plan: dict[str, Any]) -> None:
    """Print a plan: the links for each person, and the whole in one line."""
    goes = plan["people"]
    print_table(("folder", "photos"), ((f"faces/{p['folder']}/", p["photos"]) for p in goes[:SHOWN]))
    if goes[SHOWN:]:
        click.echo(f"and {len(goes) - SHOWN:,} folders more. --json lists all.")
    people = {p["person"] for p in goes} - {None}
    click.echo(
        f"{plan['seen']:,} photos: {plan['to_link']:,} to {len(people)} people, "
        f"{plan['to_ask']:,} questions. {plan['linked']:,} are linked already."
    )
    if plan["outside"]:
        click.echo(f"{plan['outside']:,} lie outside backfill.path_mapping and stay as they are.")
    if plan["missing"]:
        click.echo(
            f"{plan['missing']:,} are not there on the disk. Is the folder mounted? Run `smartsort doctor`."
        )
    if plan["differing"]:
        click.echo(f"{plan['differing']:,} differ from the file at their path and stay as they are:")
        for one in plan["left"][:SHOWN]:
            click.echo(f"  {one['path']}: {one['why']}")
