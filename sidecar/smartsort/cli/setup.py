"""`smartsort setup`: from an address and a key to a library and a configuration file."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from smartsort.cli.output import examples


@click.command(
    "setup",
    epilog=examples(
        "smartsort setup --root /data",
        "smartsort setup --url http://immich:2283 --key-file key.txt --root /data --yes",
    ),
)
@click.option("--url", default="", help="Immich's address, with or without /api.")
@click.option(
    "--key", default="", help="API key. Other users of this machine can see it, so --key-file is safer."
)
@click.option("--key-file", default="", metavar="FILE", help="File with the API key of the photos' owner.")
@click.option(
    "--admin-key-file", default="", metavar="FILE", help="File with an admin's key, if the owner is no admin."
)
@click.option("--root", default="", metavar="DIR", help="Folder that holds everything (SMARTSORT_ROOT).")
@click.option("--library-path", default="", metavar="PATH", help="Where Immich sees DIR/library.")
@click.option("--ml-url", default="", help="Immich's machine learning service, for the confidence.")
@click.option(
    "--whitelist", default="", metavar="NAME,NAME", help="People to file. Default: all with a name."
)
@click.option("--yes", is_flag=True, help="Ask nothing. Use the options and what is already known.")
def command(*, yes: bool, **options: str) -> None:
    """Connect to your Immich: check the keys, make the library, write DIR/smartsort.toml.

    It shows which permissions a key needs and what to paste where. It asks before it changes an existing
    file, unless you give --yes. The file keeps its other settings, and a copy stays beside it. At the end
    the doctor runs. Its exit status: 0 fine, 1 works with warnings, 2 broken.
    """
    from rich.console import Console

    from smartsort.doctor.findings import EXIT_STATUS
    from smartsort.doctor.table import print_report
    from smartsort.setup import Conversation, Setup, SetupOptions

    steps = Setup(SetupOptions(**options), Conversation(interactive=not yes), os.environ)
    found = asyncio.run(steps.run())
    click.echo()
    print_report(found, Console())
    sys.exit(EXIT_STATUS[found.status])
