"""The terminal application: the screens, and help for the one in front."""

# ruff: noqa: PLC0415  (screens are imported when first opened)
from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from smartsort_tui.base import BaseApp

SCREENS = {
    "review": "review.ReviewScreen",
    "statistics": "statistics.StatisticsScreen",
    "activity": "activity.ActivityScreen",
    "people": "people.PeopleScreen",
    "configuration": "configuration.ConfigurationScreen",
    "checks": "spot_checks.SpotCheckScreen",
    "strangers": "strangers.StrangersScreen",
    "near": "near_misses.NearMissScreen",
}
"""The module and the class of each, in `smartsort_tui.screens`: the areas first, then what they open."""


def _screen(name: str) -> Screen[Any]:
    """Return the screen, whose module is imported when it is first opened."""
    module, _, its_class = SCREENS[name].partition(".")
    screen: Screen[Any] = getattr(import_module(f"smartsort_tui.screens.{module}"), its_class)()
    return screen


class SmartsortApp(BaseApp):
    """smartsort in a terminal."""

    TITLE = "smartsort"
    CSS_PATH = "smartsort.tcss"
    MODES: ClassVar[dict[str, Any]] = {name: partial(_screen, name) for name in SCREENS}
    DEFAULT_MODE = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f12", "help", "Help", show=False, id="app.help"),
    ]

    def action_help(self) -> None:
        from smartsort_tui.screens.dialogs import HelpScreen

        title = getattr(self.screen, "HELP_TITLE", "") or "Keys"
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(f"{title}: keys", self.screen))
