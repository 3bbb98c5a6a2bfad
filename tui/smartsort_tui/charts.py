"""Numbers as bars of text, and what to plot. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from smartsort.api.schemas import DayCount, Metric, Summary
from smartsort_tui import wording

AGES = (("hour", "under an hour"), ("day", "under a day"), ("week", "under a week"), ("older", "older"))
MOST_BARS = 12


def metrics_text(metrics: Sequence[Metric], width: int) -> Content:
    """The source document's targets, each with a sign and a word for met or not."""
    lines = []
    for metric in metrics:
        sign, word, style = {
            True: ("✓", "met", "$success"),
            False: ("✗", "not met", "$error"),
            None: ("–", "no data yet", "$foreground-muted"),
        }[metric.met]
        value = "–" if metric.value is None else f"{metric.value:g}"
        name = wording.fit(metric.name.replace("_", " "), max(12, width - 36))
        lines.append(
            Content.assemble(
                (f"{sign} ", f"bold {style}"),
                f"{name} {value:>8}  ",
                (f"{metric.target:<8} ", "$foreground-muted"),
                (word, style),
            )
        )
    return Content("\n").join(lines or [Content("no targets known")])


def bars(counts: Mapping[str, int], width: int) -> Content:
    """One line per entry, largest first, its bar and its number."""
    entries = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    rest = sum(number for _, number in entries[MOST_BARS:])
    entries = entries[:MOST_BARS] + ([(f"{len(entries) - MOST_BARS} others", rest)] if rest else [])
    if not entries:
        return Content.styled("nothing yet", "$foreground-muted")
    name_width = min(24, max(8, width // 3))
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
    """A bar in eighths of a cell; something is never nothing."""
    eighths = round(value / top * width * 8) if top else 0
    if value and not eighths:
        eighths = 1
    whole, part = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[part]


def headline(summary: Summary) -> Content:
    """The rate and the counts behind it."""
    days = "today" if summary.days == 1 else f"the last {summary.days} days"
    return Content.assemble(
        (f"{summary.success_rate:.1f}% ", "bold $accent"),
        f"of the photos of {days} sorted by themselves: {summary.auto_sorted:,} sorted, "
        f"{summary.in_review:,} in review, {summary.approved:,} approved, {summary.rejected:,} rejected, "
        f"{summary.duplicates:,} duplicates, {summary.healed:,} healed.",
    )


def by_age(ages: Mapping[str, int], width: int) -> Content:
    """Waiting photos by how long they wait, youngest first."""
    top = max(1, *(ages.get(key, 0) for key, _ in AGES))
    name_width = min(14, max(8, width // 3))
    room = max(4, width - name_width - 10)
    return Content("\n").join(
        Content.assemble(
            wording.fit(name, name_width) + " ",
            (bar(ages.get(key, 0), top, room), "$primary-lighten-1"),
            f" {ages.get(key, 0):,}",
        )
        for key, name in AGES
    )


def day_series(days: Sequence[DayCount]) -> tuple[list[str], list[list[int]], list[str]]:
    """Labels, series and their names, for the plot of each day."""
    labels = [day.day[5:] for day in days]
    return labels, [[day.sorted for day in days], [day.reviewed for day in days]], ["sorted", "to review"]
