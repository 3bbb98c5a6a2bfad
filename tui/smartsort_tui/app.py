"""The terminal application: the screens, and help for the one in front."""

# ruff: noqa: PLC0415  (screens are imported when first opened)
from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from smartsort_tui.base import AREAS, BaseApp


def _screen(name: str) -> Screen[Any]:
    """Return the screen of an area, imported when it is first opened."""
    if name == "review":
        from smartsort_tui.screens.review import ReviewScreen

        return ReviewScreen()
    if name == "statistics":
        from smartsort_tui.screens.statistics import StatisticsScreen

        return StatisticsScreen()
    if name == "activity":
        from smartsort_tui.screens.activity import ActivityScreen

        return ActivityScreen()
    if name == "people":
        from smartsort_tui.screens.people import PeopleScreen

        return PeopleScreen()
    if name == "strangers":
        from smartsort_tui.screens.strangers import StrangersScreen

        return StrangersScreen()
    if name == "checks":
        from smartsort_tui.screens.spot_checks import SpotCheckScreen

        return SpotCheckScreen()
    if name == "near":
        from smartsort_tui.screens.near_misses import NearMissScreen

        return NearMissScreen()
    from smartsort_tui.screens.configuration import ConfigurationScreen

    return ConfigurationScreen()


class SmartsortApp(BaseApp):
    """smartsort in a terminal."""

    TITLE = "smartsort"
    CSS_PATH = "smartsort.tcss"
    MODES: ClassVar[dict[str, Any]] = {
        name: partial(_screen, name) for name in (*dict(AREAS), "checks", "strangers", "near")
    }
    DEFAULT_MODE = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f12", "help", "Help", show=False, id="app.help"),
    ]

    def action_help(self) -> None:
        from smartsort_tui.screens.dialogs import HelpScreen

        title = getattr(self.screen, "HELP_TITLE", "") or "Keys"
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(f"{title}: keys", self.screen))
