"""`smartsort chaos`: what a storage really does."""

from __future__ import annotations

import sys

import click


@click.command("chaos")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
def command(folder: str) -> None:
    """Try links, names, times, locks, the ledger and kills in a scratch folder inside DIR.

    Nothing else in DIR is touched and the scratch folder is removed. Exit status: 0 when smartsort works
    there, 1 when it does not.
    """
    from smartsort.chaos import Verdict, try_storage
    from smartsort.chaos.trials import line, worst
    from smartsort.files.shown import shown

    click.echo(f"trying {shown(folder)}")
    trials = try_storage(folder, lambda trial: click.echo(line(trial)))
    verdict = worst(trials)
    click.echo(
        {
            Verdict.GOOD: "smartsort works here, in every respect.",
            Verdict.NOTE: "smartsort works here; the notes say how.",
            Verdict.BAD: "smartsort must not be used here; see above.",
        }[verdict]
    )
    sys.exit(1 if verdict is Verdict.BAD else 0)
