"""The help of every command has examples that work, a typo gets the nearest word, and tabs complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from smartsort.cli.main import cli

COMMANDS_PAGE = Path(__file__).parents[2] / "sidecar" / "docs" / "reference" / "cli.md"


def every_command(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name)


ALL = list(every_command())


def help_of(path: tuple[str, ...]) -> str:
    said = CliRunner().invoke(cli, [*path, "--help"])
    assert said.exit_code == 0, said.output
    return said.output


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_ends_with_examples_that_can_be_typed(path: tuple[str, ...]) -> None:
    text = help_of(path)
    assert "Examples:" in text
    shown = [line.strip() for line in text.split("Examples:")[1].splitlines() if line.strip()]
    assert shown
    for line in shown:
        words = shlex.split(line.split(" | ")[0])
        assert words[0] == "smartsort"
        assert words[1 : 1 + len(path)] == list(path)
        command: click.Command = cli
        context = click.Context(cli)
        rest = words[1:]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            found = command.get_command(context, rest.pop(0))
            assert found is not None, line
            command = found
        command.make_parser(click.Context(command)).parse_args(rest)


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_the_page_of_commands_has_it(path: tuple[str, ...]) -> None:
    assert f"`smartsort {' '.join(path)}`" in COMMANDS_PAGE.read_text()


def usage_error(*arguments: str) -> str:
    """What wrong usage prints: one line on standard error, and status 2."""
    said = CliRunner().invoke(cli, arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    [line] = said.stderr.splitlines()
    return line


def test_a_typo_is_answered_with_the_nearest_word() -> None:
    assert "Did you mean 'review'?" in usage_error("reveiw")
    assert "Did you mean 'list'?" in usage_error("submissions", "lst")
    assert "'--since'" in usage_error("undo", "--sinse", "2h")
    assert "Did you mean 'unidentified'?" in usage_error("review", "list", "--category", "unidentifed")
    assert "Did you mean 'failed'?" in usage_error("submissions", "list", "--state", "faild")


@pytest.mark.parametrize(
    "arguments", [["--port", "99999"], ["--count", "0"], ["--photos", "."], ["--photos", "nowhere"]]
)
def test_what_the_demo_cannot_do_is_one_clear_line(arguments: list[str], tmp_path: Path) -> None:
    line = usage_error("demo", *arguments)
    assert arguments[0] in line
    assert line.endswith("See `smartsort demo --help`.")
    assert os.listdir(tmp_path) == []


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real program, with no settings of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SMARTSORT_")}
    program = [os.path.join(os.path.dirname(sys.executable), "smartsort"), *arguments]
    return subprocess.run(program, env=kept | environment, capture_output=True, text=True, timeout=60)


def test_a_url_without_a_token_is_one_clear_line() -> None:
    done = run("stats", "--url", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "smartsort: There is no token for http://127.0.0.1:1. Give --token or set SMARTSORT_TOKEN.\n"
    )


def completions(line: str) -> list[str]:
    words = line.split(" ")
    done = run(_SMARTSORT_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert (done.returncode, done.stderr) == (0, "")
    return [found.removeprefix("plain,") for found in done.stdout.split()]


def test_tabs_complete_commands_options_and_words() -> None:
    assert completions("smartsort sta") == ["status", "stats"]
    assert completions("smartsort people whitelist ") == ["add", "list", "remove"]
    assert completions("smartsort undo --s") == ["--since"]
    assert completions("smartsort submissions list --state ") == ["downloading", "failed"]
    assert "unidentified" in completions("smartsort review list --category un")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_page_says_how_completion_is_switched_on(shell: str) -> None:
    """The command of the page prints what the shell reads; bash takes it without an error."""
    section = COMMANDS_PAGE.read_text().split("## Completion")[1]
    assert f"_SMARTSORT_COMPLETE={shell}_source smartsort" in section
    done = run(_SMARTSORT_COMPLETE=f"{shell}_source")
    assert done.returncode == 0
    assert "_SMARTSORT_COMPLETE" in done.stdout
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=done.stdout, text=True, capture_output=True)
        assert checked.stderr == ""


def test_every_command_with_a_table_prints_json_too() -> None:
    folder = Path(__file__).parents[2] / "sidecar" / "smartsort" / "cli"
    for path in folder.glob("*.py"):
        text = path.read_text()
        if path.name != "output.py" and re.search(r"\b(print_table|tell_decided)\(", text):
            assert re.search(r"json_option|\"--json\"|as_json", text), path.name
        if path.name not in ("output.py", "doctor.py"):
            assert "rich.table" not in text, f"{path.name} draws a table of its own"
