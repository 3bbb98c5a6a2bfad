"""Every command that the documentation shows is one that smartsort has, with the options it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from smartsort.cli.main import COMMANDS, cli
from smartsort_tui.cli import command as terminal_ui

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "sidecar" / "docs").rglob("*.md"))]
END = {"|", "||", "&&", ">", "<", ";"}


def shown(text: str) -> Iterator[list[str]]:
    """The words of each call of smartsort, in blocks for a shell and in quoted code."""
    blocks = re.findall(r"^ *```(?:sh|console)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines += re.findall(
        r"`([^`\n]*smartsort[^`\n]*)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    )
    for line in lines:
        try:
            words = shlex.split(line.replace("'", '"') if line.count("'") % 2 else line, comments=True)
        except ValueError:
            continue
        for place, word in enumerate(words):
            if Path(word).name in ("smartsort", "smartsort-tui"):
                call = [Path(word).name]
                for following in words[place + 1 :]:
                    if following in END:
                        break
                    call.append(following.rstrip(";"))
                yield call


def command_of(call: list[str]) -> tuple[click.Command, list[str]] | None:
    """The command and what follows its name; None where `smartsort` is the name of a service or folder."""
    program, *rest = call
    if program == "smartsort-tui":
        return terminal_ui, rest
    if not rest or not (rest[0] in COMMANDS or rest[0].startswith("--")):
        return None
    found: click.Command = cli
    while isinstance(found, click.Group) and rest and not rest[0].startswith("-"):
        below = found.get_command(click.Context(found), rest[0])
        assert below is not None, " ".join(call)
        found, rest = below, rest[1:]
    return found, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_exists_with_its_options(page):
    for call in shown(page.read_text("utf-8")):
        if (found := command_of(call)) is None:
            continue
        command, rest = found
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        given = {word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"}
        assert given <= known | {"--help", "-h", "--version"}, " ".join(call)


def test_calls_are_found_and_services_are_not():
    text = (
        "```sh\ndocker compose exec smartsort smartsort status  # now\nsmartsort add a.jpg --wait | jq\n```\n"
    )
    calls = list(shown(text + "`smartsort undo`\n"))
    assert calls == [
        ["smartsort", "smartsort", "status"],
        ["smartsort", "status"],
        ["smartsort", "add", "a.jpg", "--wait"],
        ["smartsort", "undo"],
    ]
    assert [command_of(call) is None for call in calls] == [True, False, False, False]
    with pytest.raises(AssertionError, match="whitelist renew"):
        command_of(["smartsort", "people", "whitelist", "renew"])
