"""Numbers as bars of text, and what to plot. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from smartsort.api.schemas.statistics import DayCount, Metric, SpotCheckResult, Summary
from smartsort_tui import wording

AGES = (("hour", "under an hour"), ("day", "under a day"), ("week", "under a week"), ("older", "older"))
MOST_BARS = 12
METRICS = {
    "auto_sort_rate": "sorted automatically",
    "duplicate_catch_rate": "duplicates caught",
    "wrongly_sorted_share": "wrongly sorted",
    "waiting_in_review": "waiting in review",
}
_EIGHTHS = (" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█")
# Cells between two dates below the columns.
_DATE_GAP = 2


def metrics_text(metrics: Sequence[Metric], width: int) -> Content:
    """Return the targets, each with a sign and a word for met or not."""
    lines = []
    for metric in metrics:
        sign, word, style = {
            True: ("✓", "met", "$success"),
            False: ("✗", "not met", "$error"),
            None: ("–", "not known yet", "$foreground-muted"),
        }[metric.met]
        unit = " %" if metric.target.endswith("%") else ""
        value = "–" if metric.value is None else f"{metric.value:g}{unit}"
        name = wording.fit(METRICS.get(metric.name, metric.name.replace("_", " ")), max(10, width - 35))
        lines.append(
            Content.assemble(
                (f"{sign} ", f"bold {style}"),
                f"{name} {value:>9}  ",
                (f"{metric.target:>7}  ", "$foreground-muted"),
                (word, style),
            )
        )
    return Content("\n").join(lines or [Content("no targets known")])


def result_text(result: SpotCheckResult | None) -> str:
    """Return what the answers to spot checks so far say of all automatic filings."""
    if result is None:
        return "Spot checks"
    text = f"Spot checks: {result.pending:,} wait, {result.checked:,} answered"
    if result.error_rate is None:
        return text
    met = {True: "met", False: "not met", None: "still open"}[result.met]
    between = ""
    if result.low is not None and result.high is not None:
        between = f" ({result.low:g} to {result.high:g})"
    return f"{text}, {result.error_rate:g} % wrong{between}, target {result.target}: {met}"


def bars(counts: Mapping[str, int], width: int) -> Content:
    """Return one line per entry, largest first, its bar and its number."""
    entries = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    rest = sum(number for _, number in entries[MOST_BARS:])
    entries = entries[:MOST_BARS] + ([(f"{len(entries) - MOST_BARS} others", rest)] if rest else [])
    return _lines(entries, width, 24) if entries else Content.styled("nothing yet", "$foreground-muted")


def _lines(entries: Sequence[tuple[str, int]], width: int, longest_name: int) -> Content:
    name_width = min(longest_name, max(8, width // 3))
    room = max(4, width - name_width - 10)
    top = max(1, *(number for _, number in entries))
    return Content("\n").join(
        Content.assemble(
            wording.fit(name, name_width) + " ",
            (bar(number, top, room), "$primary-lighten-1"),
            f" {number:,}",
        )
        for name, number in entries
    )


def bar(value: int, top: int, width: int) -> str:
    """Return a bar in eighths of a cell. Something is never nothing."""
    eighths = round(value / top * width * 8) if top else 0
    if value and not eighths:
        eighths = 1
    whole, part = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[part]


def headline(summary: Summary) -> Content:
    """Return the rate, and the counts behind it."""
    days = "today" if summary.days == 1 else f"in the last {summary.days} days"
    counts = [
        (summary.auto_sorted, "sorted"),
        (summary.in_review, "in review"),
        (summary.approved, "approved"),
        (summary.rejected, "rejected"),
        (summary.duplicates, "duplicates"),
        (summary.auto_resolved, "resolved automatically"),
    ]
    return Content.assemble(
        (f"{summary.success_rate:g} %", "bold $accent"),
        (f" sorted by themselves {days}\n", "bold"),
        (" · ".join(f"{number:,} {what}" for number, what in counts), "$foreground-muted"),
    )


def by_age(ages: Mapping[str, int], width: int) -> Content:
    """Waiting photos by how long they wait, youngest first."""
    return _lines([(name, ages.get(key, 0)) for key, name in AGES], width, 14)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the plot: the days from `first` to `last`, each `MM-DD`."""

    first: str
    last: str
    sorted: int
    reviewed: int


def columns_of(days: Sequence[DayCount], most: int) -> list[Column]:
    """At most `most` columns. Where there are more days, several equal runs of days share one each."""
    if not days:
        return []
    run = -(-len(days) // max(1, most))
    # Counted from today, so that only the oldest column can be of fewer days.
    first = len(days) % run
    starts = ([0] if first else []) + list(range(first, len(days), run))
    found = []
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(days)
        part = days[start:end]
        found.append(
            Column(
                part[0].day[5:],
                part[-1].day[5:],
                sum(day.sorted for day in part),
                sum(day.reviewed for day in part),
            )
        )
    return found


def ceiling(value: int) -> int:
    """The next number that reads well on an axis and can be halved: 2, 4, 6, 8, 10, 20, 40 and so on."""
    power = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if value <= step * power:
                return step * power
        power *= 10


def plot(days: Sequence[DayCount], width: int, height: int) -> Content:
    """Return each day as a column: sorted full, what went to review light above it. `height` lines in all."""
    rows = max(2, height - 3)
    most = max((day.sorted + day.reviewed for day in days), default=0)
    axis_width = len(f"{ceiling(most):,}") + 1
    room = max(4, width - axis_width - 1)
    found = columns_of(days, room)
    if not found or not any(column.sorted + column.reviewed for column in found):
        return Content.styled("nothing yet", "$foreground-muted")
    top = ceiling(max(column.sorted + column.reviewed for column in found))
    pitch = max(1, min(8, room // len(found)))
    wide = pitch - 1 if pitch > 2 else pitch
    labels = {0: f"{top:,}", rows // 2: f"{top // 2:,}" if rows >= 4 and rows % 2 == 0 else ""}
    lines = [_legend(found)]
    for row in range(rows):
        cells: list[tuple[str, str]] = [(f"{labels.get(row, ''):>{axis_width - 1}} ┤", "$foreground-muted")]
        if not labels.get(row):
            cells = [(" " * axis_width + "│", "$foreground-muted")]
        for column in found:
            cell, style = _cell(column, top, rows, rows - 1 - row)
            cells += [(cell * wide, style), (" " * (pitch - wide), "")]
        lines.append(Content.assemble(*cells))
    lines.append(
        Content.styled(f"{'0':>{axis_width - 1}} └{'─' * (pitch * len(found))}", "$foreground-muted")
    )
    lines.append(Content.styled(" " * (axis_width + 1) + _dates(found, pitch), "$foreground-muted"))
    return Content("\n").join(lines)


def _legend(found: Sequence[Column]) -> Content:
    several = len(found) > 1 and found[-1].first != found[-1].last
    span = f"   a column is {found[-1].first} to {found[-1].last} and so on" if several else ""
    return Content.assemble(("█", "$primary-lighten-1"), " sorted   ", ("░", "$accent"), f" to review{span}")


def _cell(column: Column, top: int, rows: int, row: int) -> tuple[str, str]:
    """Return what stands in a column's cell `row` rows above the axis. Told apart without colour."""
    full = column.sorted / top * rows - row
    total = (column.sorted + column.reviewed) / top * rows - row
    if full >= 1 or (full > 0 and total < 1):
        eighths = max(1, min(8, round(full * 8)))
        return _EIGHTHS[eighths], "$primary-lighten-1"
    if full >= 0.5:
        return "█", "$primary-lighten-1"
    if total >= 0.5 or (row == 0 and column.reviewed):
        return "░", "$accent"
    return " ", ""


def _dates(found: Sequence[Column], pitch: int) -> str:
    """Return the first day of as many columns as there is room for, from the newest backwards."""
    label = len(found[-1].first)
    # The newest date ends where its column ends, if it does not fit below it.
    free = max(label, len(found) * pitch)
    line = [" "] * free
    free += _DATE_GAP
    for place in range(len(found) - 1, -1, -1):
        at = place * pitch if place < len(found) - 1 else min(place * pitch, len(line) - label)
        if at >= 0 and at + label + _DATE_GAP <= free:
            line[at : at + label] = found[place].first
            free = at
    return "".join(line).rstrip()
