"""Rows of figures beside their targets, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `limit` is the target: at most, or at least where `least`; None: told, not judged."""

    bench: str
    what: str
    ours: float
    unit: str
    yardstick: float | None = None
    limit: float | None = None
    least: bool = False

    @property
    def judged(self) -> float:
        """What the limit is about: the ratio to the yardstick where there is one, else the figure."""
        return self.ours / self.yardstick if self.yardstick else self.ours

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.limit is None:
            return None
        return self.judged >= self.limit if self.least else self.judged <= self.limit


def machine() -> dict[str, object]:
    """What this ran on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "load": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def median(values: Sequence[float]) -> float:
    """The middle of a few runs."""
    return statistics.median(values)


def show(figures: Iterable[Figure], console: Console) -> None:
    """Print the table; a missed target is said in words."""
    table = Table("bench", "what", "ours", "yardstick", "ratio", "target", "", title="smartsort benchmarks")
    for f in figures:
        ratio = f"{f.judged:.2f}" if f.yardstick else ""
        sign = "≥" if f.least else "≤"
        target = "" if f.limit is None else f"{sign} {f.limit:g}{' ×' if f.yardstick else ' ' + f.unit}"
        yardstick = "" if f.yardstick is None else f"{f.yardstick:.3g} {f.unit}"
        verdict = {True: "met", False: "MISSED", None: ""}[f.met]
        table.add_row(f.bench, f.what, f"{f.ours:.3g} {f.unit}", yardstick, ratio, target, verdict)
    console.print(table)


def write(figures: Sequence[Figure], path: str) -> None:
    """The same as JSON."""
    document = {"machine": machine(), "figures": [{**asdict(f), "met": f.met} for f in figures]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
