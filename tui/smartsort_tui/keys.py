"""The names of all keys that can be set in tui.toml."""

# ruff: noqa: PLC0415  (only needed when keys are set)
from __future__ import annotations

from textual.binding import Binding

from smartsort_tui.settings import SettingsProblem


def key_bindings() -> dict[str, Binding]:
    """Every binding that has an id, by id, over all screens and widgets of this program."""
    from smartsort_tui.app import SmartsortApp
    from smartsort_tui.screens.activity import ActivityScreen, HistoryScreen
    from smartsort_tui.screens.area import AreaScreen, Dialog
    from smartsort_tui.screens.configuration import ConfigurationScreen
    from smartsort_tui.screens.dialogs import HelpScreen, PersonPicker
    from smartsort_tui.screens.people import PeopleScreen
    from smartsort_tui.screens.preview import Preview
    from smartsort_tui.screens.review import ReviewScreen
    from smartsort_tui.screens.spot_checks import SpotCheckScreen
    from smartsort_tui.screens.statistics import StatisticsScreen
    from smartsort_tui.widgets.row_list import RowList

    owners = (
        SmartsortApp, AreaScreen, ReviewScreen, StatisticsScreen, ActivityScreen, PeopleScreen,
        ConfigurationScreen, SpotCheckScreen, Dialog, PersonPicker, Preview, HistoryScreen,
        HelpScreen, RowList,
    )  # fmt: skip
    return {
        binding.id: binding
        for owner in owners
        for binding in owner.BINDINGS
        if isinstance(binding, Binding) and binding.id
    }


def check_keys(keys: dict[str, str]) -> None:
    """Raises SettingsProblem for a name in [keys] that nothing has."""
    if not keys:
        return
    known = key_bindings()
    for name in keys:
        if name not in known:
            near = [other for other in known if other.endswith(name.rpartition(".")[2])]
            hint = f"; did you mean {' or '.join(near)}?" if near else "; see the help (?) for the names"
            raise SettingsProblem(f"[keys]: unknown key name {name!r}{hint}")
