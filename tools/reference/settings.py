"""The tables of settings."""

from __future__ import annotations

from tools.reference import markdown

from smartsort.config.describe import SettingDoc, describe, sections
from smartsort.config.sorting import PRESETS


def table() -> str:
    """Return the settings, a table for each section."""
    rows: dict[str, list[SettingDoc]] = {name: [] for name in sections()}
    for row in describe():
        rows[row.key.rpartition(".")[0]].append(row)
    blocks = []
    for name, of_section in rows.items():
        title = f"### `{name}`\n\n{sections()[name]}" if name else "### General"
        head = ("key and variable", "value", "default", "what it does")
        blocks.append(f"{title}\n\n{markdown.table(head, map(_row, of_section))}")
    blocks.append(_presets())
    return "\n\n".join(blocks)


def _row(row: SettingDoc) -> tuple[str, ...]:
    default = row.default if row.default in ("not set", "empty", "must be set") else f"`{row.default}`"
    return f"`{row.key}`<br>`{row.env}`", row.type, default, row.description


def _presets() -> str:
    keys = list(dict.fromkeys(key for values in PRESETS.values() for key in values))
    defaults = {row.key: row.default for row in describe()}
    rows = (
        (f"`{key}`", *(f"`{values.get(key, defaults[key])}`" for values in PRESETS.values())) for key in keys
    )
    head = ("key", *(f"`{name}`" for name in PRESETS))
    return f"### Presets\n\nWhat `preset` sets.\n\n{markdown.table(head, rows)}"
