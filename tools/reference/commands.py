"""The commands with their options, from click."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from tools.reference import markdown

from smartsort.cli.main import COMMANDS, cli
from smartsort_tui.cli import command as terminal_ui


def overview() -> str:
    """Return every command with its one line."""
    lines = {f"smartsort {name}": line for name, (_, line) in COMMANDS.items()}
    rows = (
        (f"`{name}`", lines.get(name) or command.get_short_help_str(limit=200)) for name, command in _all()
    )
    return markdown.table(("command", "what it does"), rows)


def sections() -> str:
    """Return a section for each command that does something by itself."""
    return "\n\n".join(
        _section(name, command) for name, command in _all() if not isinstance(command, click.Group)
    )


def _all() -> Iterator[tuple[str, click.Command]]:
    yield from _below("smartsort", cli)
    yield "smartsort-tui", terminal_ui


def _below(path: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _below(f"{path} {name}", command)


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    examples = (command.epilog or "").partition("Examples:\n")[2]
    parts = [
        f"### `{name}`",
        inspect.cleandoc(command.help or "").replace("\b\n", ""),
        f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```",
        markdown.table(("option", "what it does"), _options(command, context)),
        f"```sh\n{inspect.cleandoc(examples)}\n```" if examples else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            yield f"`{record[0]}`", record[1]
