"""The report as people see it: in 80 columns, in words and not in colours, and short."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from smartsort.api.schemas.state import Check
from smartsort.doctor.findings import EXIT_STATUS, broken, passed, report, skipped, told, warned
from smartsort.doctor.table import print_report
from smartsort.errors import ImmichUnreachable

CHECKS = [
    passed("key", "accepted"),
    passed("permission asset.read", "reading"),
    broken("permission face.read", "missing. Without it nothing can be decided", "Add face.read to the key."),
    passed("permission person.read", "names"),
    skipped("queues", "needs a key"),
    skipped("library", "needs a key"),
    skipped("watcher", "needs a key", "Look yourself."),
    warned("free space", "little [of] it, at /" + "x" * 100, "Free some."),
]


def shown(checks: list[Check], width: int = 80, *, every: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_report(report(checks), console, every=every)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in text.splitlines())
    return text


def test_short_and_in_words() -> None:
    text = shown(CHECKS)
    second = " ".join(text.splitlines()[1].split())
    assert second == "ok permissions 2 granted: asset.read, person.read"
    assert "BROKEN" in text
    assert "-> Add face.read to the key." in text
    assert "queues, library: needs a key" in text
    assert "-> Look yourself." in text
    assert "[of]" in text
    assert text.replace("\n", "").replace(" ", "").count("x") >= 100
    assert "BROKEN above" in text.splitlines()[-1]


def test_every_line_on_request() -> None:
    text = shown(CHECKS, every=True)
    assert sum(line.startswith(("ok", "WARNING", "BROKEN", "skipped")) for line in text.splitlines()) == 8


def test_narrow_terminals() -> None:
    shown(CHECKS, 50)


@pytest.mark.parametrize(
    ("checks", "status", "exit_status"),
    [
        ([passed("a", ""), skipped("b", "")], "ok", 0),
        ([passed("a", ""), warned("b", "", "")], "degraded", 1),
        ([warned("a", "", ""), broken("b", "", "")], "broken", 2),
    ],
)
def test_the_worst_line_counts(checks: list[Check], status: str, exit_status: int) -> None:
    assert report(checks).status == status
    assert EXIT_STATUS[status] == exit_status


@pytest.mark.parametrize(
    ("message", "cause", "remedy"),
    [
        ("Immich is gone (x). Photos wait. Check it.", "Immich is gone (x)", "Check it."),
        ("It is wrong.", "It is wrong", ""),
        ("It is wrong. smartsort may help.", "It is wrong", "smartsort may help."),
    ],
)
def test_errors_become_cause_and_remedy(message: str, cause: str, remedy: str) -> None:
    assert told(ImmichUnreachable(message)) == (cause, remedy)
