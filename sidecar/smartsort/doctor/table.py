"""The report as a table for a terminal of 80 columns, without meaning by colour alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from smartsort.api.schemas.state import Check, DoctorReport

_WORDS = {"ok": "ok", "warning": "WARNING", "broken": "BROKEN", "skipped": "skipped"}
_STYLES = {"ok": "green", "warning": "bold yellow", "broken": "bold red", "skipped": "dim"}
VERDICTS = {
    "ok": "Everything is fine.",
    "degraded": "It works, with the warnings above.",
    "broken": "Photos are not sorted until what is BROKEN above is repaired.",
}


def print_report(report: DoctorReport, console: Console, *, every: bool = False) -> None:
    """Print the report. Lines that say the same are one line, unless `every` is asked for."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=24, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for check in report.checks if every else _shortened(report.checks):
        detail = Text(check.detail)
        said = Group(detail, Text(f"-> {check.remedy}", style="italic")) if check.remedy else detail
        table.add_row(Text(_WORDS[check.verdict], style=_STYLES[check.verdict]), Text(check.name), said)
    console.print(table)
    console.print(Text(VERDICTS[report.status], style="bold"))


def _shortened(checks: Sequence[Check]) -> Iterator[Check]:
    """All permissions that are there as one line, and lines in a row skipped for the same reason as one."""
    granted = [c for c in checks if c.name.startswith("permission ") and c.verdict == "ok"]
    rest = [c for c in checks if c not in granted[1:]]
    row: list[Check] = []
    for check in rest:
        same = row and check.verdict == "skipped" == row[0].verdict and not check.remedy and not row[0].remedy
        if row and not (same and check.detail == row[0].detail):
            yield _joined(row)
            row = []
        if granted and check is granted[0]:
            names = ", ".join(c.name.removeprefix("permission ") for c in granted)
            row = [
                check.model_copy(update={"name": "permissions", "detail": f"{len(granted)} granted: {names}"})
            ]
        else:
            row.append(check)
    if row:
        yield _joined(row)


def _joined(row: Sequence[Check]) -> Check:
    if len(row) == 1:
        return row[0]
    names = ", ".join(check.name for check in row)
    return row[0].model_copy(update={"name": "", "detail": f"{names}: {row[0].detail}"})
