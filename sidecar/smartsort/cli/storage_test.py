"""`smartsort doctor --test-storage DIR`: what a storage really does."""

from __future__ import annotations

import click

from smartsort.cli.output import print_json


def try_storage_at(folder: str, *, as_json: bool) -> int:
    """Try the storage and print the result. Return 0 if smartsort works there, else 2."""
    from smartsort.files.shown import shown
    from smartsort.storage_test import Verdict, try_storage
    from smartsort.storage_test.checks import line, worst

    if not as_json:
        click.echo(f"trying {shown(folder)}")
    checks = try_storage(folder, lambda check: None if as_json else click.echo(line(check)))
    verdict = worst(checks)
    if as_json:
        told = [{"name": t.name, "verdict": t.verdict.value, "said": shown(t.said)} for t in checks]
        print_json({"folder": shown(folder), "verdict": verdict.value, "checks": told})
    else:
        click.echo(
            {
                Verdict.GOOD: "smartsort works here, in every respect.",
                Verdict.NOTE: "smartsort works here. The notes say how.",
                Verdict.BAD: "Do not use smartsort here. See above.",
            }[verdict]
        )
    return 2 if verdict is Verdict.BAD else 0
