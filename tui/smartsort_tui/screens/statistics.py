"""Statistics: how much is sorted by itself, what waits and why, per person, source and day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual_plotext import PlotextPlot

from smartsort.api.schemas import Summary
from smartsort_tui import charts, wording
from smartsort_tui.api import ApiProblem
from smartsort_tui.background import work
from smartsort_tui.live import Link
from smartsort_tui.screens.area import AreaScreen

REFRESH_SECONDS = 30.0


class StatisticsScreen(AreaScreen):
    """Numbers over some days."""

    AREA = "statistics"
    HELP_TITLE = "Statistics"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "days(1)", "today", id="statistics.today", tooltip="Today"),
        Binding("w", "days(7)", "week", id="statistics.week", tooltip="The last 7 days"),
        Binding("m", "days(30)", "month", id="statistics.month", tooltip="The last 30 days"),
        Binding("y", "days(365)", "year", id="statistics.year", tooltip="The last 365 days"),
    ]
    DEFAULT_CSS = """
    StatisticsScreen {
        & #statistics { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & #halves { layout: horizontal; height: auto; }
        & .half { width: 1fr; height: auto; padding-right: 2; }
        & Static { height: auto; }
        & .chart-title { text-style: bold; color: $accent; margin-top: 1; }
        & PlotextPlot { height: 12; }
        &.-narrow #halves { layout: vertical; }
        &.-wide PlotextPlot { height: 18; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._days = 30
        self._summary: Summary | None = None
        yield VerticalScroll(
            Static("… loading", id="headline"),
            Static("Targets", classes="chart-title"),
            Static("", id="metrics"),
            Static("Each day", classes="chart-title"),
            PlotextPlot(id="each-day"),
            Container(
                Container(
                    Static("Waiting by category", classes="chart-title"),
                    Static("", id="by-category"),
                    Static("Waiting by age", classes="chart-title"),
                    Static("", id="by-age"),
                    classes="half",
                ),
                Container(
                    Static("Filed by person", classes="chart-title"),
                    Static("", id="by-person"),
                    Static("By source", classes="chart-title"),
                    Static("", id="by-source"),
                    classes="half",
                ),
                id="halves",
            ),
            id="statistics",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#statistics").focus()
        self.connected()
        self.set_interval(REFRESH_SECONDS, self.connected)

    def connected(self) -> None:
        if self.smartsort.client is not None:
            work(self, "summary", self._load, latest_only=True)

    def disconnected(self, link: Link) -> None:
        if link.problem is not None:
            self.say_problem(link.problem)

    def on_screen_resume(self) -> None:
        self.connected()

    def action_days(self, days: int) -> None:
        self._days = days
        self.connected()

    async def _load(self) -> None:
        client = self.smartsort.client
        if client is None:
            return
        try:
            self._summary = await client.summary(self._days)
        except ApiProblem as problem:
            self.say_problem(problem)
            if self._summary is None:
                self.query_one("#headline", Static).update(Content(f"{problem.title}. {problem.remedy}"))
            return
        self._draw()

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        summary = self._summary
        if summary is None:
            return
        inner = max(30, self.query_one("#statistics").scrollable_content_region.width)
        half = inner if self.has_class("-narrow") else inner // 2 - 2
        by_category = {wording.TITLES.get(name, name): number for name, number in summary.by_category.items()}
        self.query_one("#headline", Static).update(charts.headline(summary))
        self.query_one("#metrics", Static).update(charts.metrics_text(summary.metrics, min(inner, 76)))
        self.query_one("#by-category", Static).update(charts.bars(by_category, half))
        self.query_one("#by-age", Static).update(charts.by_age(summary.queue_age, half))
        self.query_one("#by-person", Static).update(charts.bars(summary.by_person, half))
        self.query_one("#by-source", Static).update(charts.bars(summary.by_source, half))
        self._plot(summary)

    def _plot(self, summary: Summary) -> None:
        plot = self.query_one(PlotextPlot)
        plt = plot.plt
        plt.clear_figure()
        labels, series, names = charts.day_series(summary.by_day)
        if labels:
            # The whole bar light, the sorted part full over it: told apart without colour.
            total = [sum(parts) for parts in zip(*series, strict=True)]
            plt.bar(labels, total, label=names[1], marker="░", width=0.6)
            plt.bar(labels, series[0], label=names[0], marker="█", width=0.6)
            step = max(1, len(labels) // 8)
            plt.xticks(list(range(1, len(labels) + 1, step)), labels[::step])
        plot.refresh()
