"""`smartsort`: the commands and the options they share."""

from __future__ import annotations

import importlib
import sys
from collections import UserDict
from collections.abc import Iterator
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from smartsort import __version__
from smartsort.cli.output import examples

COMMANDS = {
    "serve": ("smartsort.cli.serve", "Watch the inbox and sort, beside a running Immich."),
    "demo": ("smartsort.cli.demo", "Try it: sort sample photos with a built-in demo Immich."),
    "add": ("smartsort.cli.add", "Hand in files and folders."),
    "adopt": ("smartsort.cli.adopt", "Take over folders that you have sorted before."),
    "submissions": (
        "smartsort.cli.submissions",
        "List what was handed in over HTTP, and retry failed downloads.",
    ),
    "status": ("smartsort.cli.status", "Show what smartsort does now, and health issues."),
    "review": ("smartsort.cli.review", "List, approve, reject and skip photos in review."),
    "explain": ("smartsort.cli.explain", "Explain how smartsort decided about a photo."),
    "spot-check": ("smartsort.cli.spot_check", "Check a random sample of the filed photos."),
    "strangers": ("smartsort.cli.strangers", "Name groups of unknown faces, or ignore them."),
    "deletions": ("smartsort.cli.deletions", "Confirm or decline many deletions in Immich."),
    "refile": ("smartsort.cli.refile", "Move filed photos to where the template puts them now."),
    "undo": ("smartsort.cli.undo", "Undo decisions and filings."),
    "people": ("smartsort.cli.people", "List Immich's people, and change the whitelist and the blacklist."),
    "enable": ("smartsort.cli.enable", "Switch sorting on."),
    "disable": ("smartsort.cli.disable", "Switch sorting off. New photos wait."),
    "stats": ("smartsort.cli.stats", "Show figures about the sorting."),
    "what-if": ("smartsort.cli.what_if", "Show what other settings would do to past photos."),
    "backfill": ("smartsort.cli.backfill", "Link photos that are in Immich already."),
    "setup": ("smartsort.cli.setup", "Connect to your Immich: keys, library and configuration file."),
    "doctor": ("smartsort.cli.doctor", "Check the installation, and print remedies."),
    "audit": ("smartsort.cli.audit", "Check that nothing is lost, and follow changes by hand."),
    "restore": ("smartsort.cli.restore", "Restore the ledger from a backup."),
    "rebuild": ("smartsort.cli.rebuild", "Make a new ledger from the folders and Immich."),
    "config": (
        "smartsort.cli.config",
        "Show the settings, and change those of a running smartsort.",
    ),
}


_UNUSED = ("httpx._main", "numpy", "pydantic.v1")
"""What libraries load unasked and do without where it is missing: httpx its own command line, with rich and
pygments, sqlite-utils numpy (`confidence.neighbours` brings it back), and FastAPI the pydantic of old, to see
that nothing is of it. 30 MB and 250 ms of `serve`."""


def _leave_out_unused() -> None:
    for name in _UNUSED:
        # Python's own way to say that there is no such module.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


class _Late(UserDict[str, click.Command]):
    """Commands by name, imported when they are asked for: the help needs none of them."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.data:
            self.data[name] = importlib.import_module(COMMANDS[name][0]).command
        return self.data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS


class LateGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.commands = _Late()

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """As click's, but wrong usage is one line."""
        run: Any = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        try:
            status = run(*args, standalone_mode=False, **extra)
        except click.UsageError as problem:
            if isinstance(problem, NoArgsIsHelpError):
                problem.show()
            else:
                where = problem.ctx.command_path if problem.ctx else "smartsort"
                click.echo(f"{where}: {problem.format_message()} See `{where} --help`.", err=True)
            sys.exit(problem.exit_code)
        except click.ClickException as problem:
            problem.show()
            sys.exit(problem.exit_code)
        except click.Abort:
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names, in the order people meet them."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands in the help, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    "smartsort",
    cls=LateGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("smartsort demo", "smartsort add ~/Pictures --wait", "smartsort review list"),
)
@click.version_option(__version__, prog_name="smartsort")
def cli() -> None:
    """Sort new photos beside Immich into one folder for each person, and never lose one."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line. An error that smartsort raises on purpose becomes one line and status 2."""
    from smartsort.errors import SmartsortError

    _leave_out_unused()
    try:
        return cli.main(args=arguments, standalone_mode=True)
    except SmartsortError as problem:
        click.echo(f"smartsort: {problem}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
