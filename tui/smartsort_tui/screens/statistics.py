"""Statistics: how much is sorted by itself, what waits and why, per person, source and day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from smartsort.api.schemas.statistics import Summary
from smartsort_tui import charts, wording
from smartsort_tui.api import ApiProblem
from smartsort_tui.background import work
from smartsort_tui.screens.area import AreaScreen, link_words
from smartsort_tui.widgets.lines import Fitted, Maker

REFRESH_SECONDS = 30.0
# Lines of the terminal from which the plot may be higher, and how high it is below and above that.
HIGH = 44
PLOT_LINES = 11
HIGH_PLOT_LINES = 17


class StatisticsScreen(AreaScreen):
    """Numbers over some days."""

    AREA = "statistics"
    AUTO_FOCUS = "#statistics"
    HELP_TITLE = "Statistics"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "days(1)", "today", id="statistics.today", tooltip="Today"),
        Binding("w", "days(7)", "week", id="statistics.week", tooltip="The last 7 days"),
        Binding("m", "days(30)", "month", id="statistics.month", tooltip="The last 30 days"),
        Binding("y", "days(365)", "year", id="statistics.year", tooltip="The last 365 days"),
        Binding("c", "checks", "checks", id="statistics.checks", tooltip="Spot checks of what was filed"),
    ]
    DEFAULT_CSS = """
    StatisticsScreen {
        & #statistics { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & .halves { layout: vertical; height: auto; }
        & .half { width: 1fr; height: auto; padding-right: 2; }
        & Static { height: auto; }
        & .chart-title { text-style: bold; color: $accent; margin-top: 1; }
        &.-normal #below, &.-wide .halves, &.-vast .halves { layout: horizontal; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._days = 30
        self._summary: Summary | None = None
        yield VerticalScroll(
            Fitted("… loading", id="headline"),
            Container(_half("Targets", "metrics"), _half("Waiting by age", "by-age"), classes="halves"),
            Fitted("", id="spot-checks"),
            *_titled("Each day", "each-day"),
            Container(
                _half("Waiting by category", "by-category", "By source", "by-source"),
                _half("Filed by person", "by-person"),
                classes="halves",
                id="below",
            ),
            id="statistics",
        )

    def on_mount(self) -> None:
        self.query_one("#statistics").focus()
        self.set_interval(REFRESH_SECONDS, self.connected)

    def connected(self) -> None:
        work(self, "summary", self._load, latest_only=True)

    def disconnected(self, problem: ApiProblem) -> None:
        super().disconnected(problem)
        if self._summary is None:
            self.query_one("#headline", Static).update(link_words(self.smartsort))

    def action_days(self, days: int) -> None:
        self._days = days
        self.connected()

    def action_checks(self) -> None:
        self.smartsort.action_area("checks")

    async def _load(self) -> None:
        try:
            self._summary = await self.smartsort.client.summary(self._days)
        except ApiProblem as problem:
            self.is_stale()
            self.say_problem(problem)
            if self._summary is None:
                self.query_one("#headline", Static).update(
                    link_words(self.smartsort)
                    or Content(f"{problem.title}: {wording.shown(problem.detail)}\n{problem.remedy}")
                )
            return
        self.is_fresh()
        self._draw()

    def _draw(self) -> None:
        summary = self._summary
        if summary is None:
            return
        by_category = {wording.TITLES.get(name, name): number for name, number in summary.by_category.items()}
        texts: dict[str, Maker] = {
            "headline": lambda _: charts.headline(summary),
            "metrics": lambda width: charts.metrics_text(summary.metrics, min(width, 60)),
            "spot-checks": lambda _: self._spot_checks(summary),
            "by-age": lambda width: charts.by_age(summary.queue_age, min(width, 70)),
            "each-day": lambda width: charts.plot(summary.by_day, width, self._plot_lines),
            "by-category": lambda width: charts.bars(by_category, width),
            "by-source": lambda width: charts.bars(summary.by_source, width),
            "by-person": lambda width: charts.bars(summary.by_person, width),
        }
        for name, make in texts.items():
            self.query_one(f"#{name}", Fitted).fit(make)

    @property
    def _plot_lines(self) -> int:
        return PLOT_LINES if self.size.height < HIGH else HIGH_PLOT_LINES

    def _spot_checks(self, summary: Summary) -> Content:
        lines = []
        if summary.spot_checks is not None:
            lines.append(
                f"{charts.result_text(summary.spot_checks)}   {self.key('statistics.checks')} answers them"
            )
        if summary.photos_per_decision is not None:
            left = f"Left review: {summary.photos_per_decision:g} photos a decision ({summary.decisions})"
            if summary.photos_per_key_press is not None:
                left += f", {summary.photos_per_key_press:g} a key press ({summary.key_presses})"
            lines.append(left)
        if (faces := summary.review_faces) is not None and faces.photos:
            lines.append(f"faces of {faces.measured} of {faces.photos} photos in review measured")
        return Content.styled("\n".join(lines), "$foreground-muted")


def _titled(title: str, name: str) -> tuple[Static, Fitted]:
    return Static(title, classes="chart-title"), Fitted("", id=name)


def _half(*titles_and_names: str) -> Container:
    pairs = zip(titles_and_names[::2], titles_and_names[1::2], strict=True)
    return Container(*(part for pair in pairs for part in _titled(*pair)), classes="half")
