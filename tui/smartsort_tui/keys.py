"""The names of all keys that can be set in tui.toml."""

# ruff: noqa: PLC0415  (only needed when keys are set)
from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import _character_to_key
from textual.screen import ModalScreen

from smartsort_tui import themes
from smartsort_tui.settings import SettingsProblem


def key_bindings() -> dict[str, Binding]:
    """Return every binding that has an id, by id, over all screens and widgets of this program."""
    from smartsort_tui import app, screens

    for module in pkgutil.iter_modules(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(module.name)
    own = {owner for owner in _below(DOMNode) if owner.__module__.startswith(f"{app.__package__}.")}
    return {
        name: binding
        for owner in sorted(own, key=lambda owner: (owner.__module__, owner.__name__))
        for name, binding in _named(owner)
    }


def _named(owner: type[Any]) -> Iterator[tuple[str, Binding]]:
    for binding in vars(owner).get("BINDINGS", ()):
        if isinstance(binding, Binding) and binding.id:
            yield binding.id, binding


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def check_theme(name: str) -> None:
    """Raises SettingsProblem for a theme that is not there."""
    from textual.theme import BUILTIN_THEMES

    known = [themes.DARK.name, themes.LIGHT.name, *sorted(BUILTIN_THEMES)]
    if name not in known:
        raise SettingsProblem(f"theme = {name!r}: must be one of {', '.join(known)}")


def check_keys(keys: dict[str, str]) -> None:
    """Raises SettingsProblem for a name in [keys] that nothing has, and for a key that is bound twice."""
    if not keys:
        return
    known = key_bindings()
    for name in keys:
        if name not in known:
            near = [other for other in known if other.endswith(name.rpartition(".")[2])]
            hint = f". Did you mean {' or '.join(near)}?" if near else ". See the help (?) for the names"
            raise SettingsProblem(f"[keys]: unknown key name {name!r}{hint}")
    _check_twice(keys, known)


def _check_twice(keys: dict[str, str], known: dict[str, Binding]) -> None:
    """Raises SettingsProblem for a key that means two things where one of them was set by hand."""
    meanings: dict[tuple[str, str], str] = {}
    for name, binding in known.items():
        for key in _normal(keys.get(name, binding.key)):
            # A key of the program or of a list works on every screen, one of a screen on that alone.
            for where in _together(name, known):
                other = meanings.setdefault((where, key), name)
                if other != name and (name in keys or other in keys):
                    raise SettingsProblem(
                        f"[keys]: {key!r} is bound twice, to {other} and {name}. Give one of them another key"
                    )


def _normal(keys: str) -> list[str]:
    return [
        _character_to_key(key) if len(key) == 1 else key for key in map(str.strip, keys.split(",")) if key
    ]


def _together(name: str, known: dict[str, Binding]) -> set[str]:
    """Return the screens on which a binding works."""
    owner = name.partition(".")[0]
    if owner in ("app", "list", "area"):
        dialogs = {other.partition(".")[0] for dialog in _below(ModalScreen) for other, _ in _named(dialog)}
        return {other.partition(".")[0] for other in known} - dialogs - {"app", "list", "area"}
    return {owner}
