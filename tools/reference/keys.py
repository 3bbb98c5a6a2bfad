"""The keys of the terminal UI, from its bindings."""

from __future__ import annotations

from textual.keys import key_to_character
from tools.reference import markdown

from smartsort_tui.keys import key_bindings

_NAMES = {"slash": "/", "escape": "Esc", "pagedown": "PgDn", "pageup": "PgUp"}


def table() -> str:
    """Return every key with what it does and its name for the settings file."""
    return markdown.table(
        ("name", "key", "what it does"),
        (
            (
                f"`{name}`",
                markdown.code(map(_shown, binding.key.split(","))),
                binding.tooltip or binding.description,
            )
            for name, binding in key_bindings().items()
        ),
    )


def _shown(key: str) -> str:
    character = key_to_character(key) or ""
    return character if character.isprintable() and character else _NAMES.get(key, key.title())
