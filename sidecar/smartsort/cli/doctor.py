"""`smartsort doctor`: what is wrong, why, and what to do."""

from __future__ import annotations

import asyncio
import sys

import click

from smartsort.cli.common import settings_options
from smartsort.cli.output import examples, json_option, print_json, print_table


@click.command("doctor", epilog=examples("smartsort doctor", "smartsort doctor --test-storage /mnt/photos"))
@settings_options
@json_option
@click.option("--verbose", is_flag=True, help="Print one line for every permission and every skipped check.")
@click.option(
    "--test-storage",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Test the storage of DIR instead: links, names, times, locks, the ledger and kills.",
)
def command(
    config_path: str | None, root: str | None, *, as_json: bool, verbose: bool, test_storage: str | None
) -> None:
    """Check Immich, the keys, the library and the folders, and print the remedy for each problem.

    The doctor changes nothing, and you can run it beside a sidecar. Exit status: 0 fine, 1 works with
    warnings, 2 broken. --test-storage works in a temporary folder inside DIR and removes it.
    """
    if test_storage is not None:
        from smartsort.cli.storage_test import try_storage_at

        sys.exit(try_storage_at(test_storage, as_json=as_json))
    from rich.console import Console

    from smartsort.config import load_settings
    from smartsort.doctor.findings import EXIT_STATUS, broken, report
    from smartsort.errors import ConfigurationError

    try:
        settings = load_settings(config_path, overrides={"root": root})
    except ConfigurationError as error:
        remedy = "Correct them. `smartsort setup` writes a new file."
        found = report([broken("settings", str(error), remedy)])
    else:
        from smartsort.doctor import examine

        found = asyncio.run(examine(settings))
    from smartsort.doctor.table import VERDICTS, print_report

    if as_json:
        print_json(found.model_dump())
    elif sys.stdout.isatty():
        print_report(found, Console(), every=verbose)
    else:
        print_table(
            ("verdict", "check", "detail", "remedy"),
            ((one.verdict, one.name, one.detail, one.remedy) for one in found.checks),
        )
        click.echo(VERDICTS[found.status])
    sys.exit(EXIT_STATUS[found.status])
