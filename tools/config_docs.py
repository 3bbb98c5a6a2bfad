"""Write the table of settings into the documentation: `python tools/config_docs.py --write`.

Without `--write` it tells by its exit status whether the table is up to date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from smartsort.config.describe import SettingDoc, describe, sections
from smartsort.config.sorting import PRESETS

BEGIN = "<!-- settings: made by python tools/config_docs.py --write -->"
END = "<!-- settings end -->"
DOCUMENT = Path(__file__).parents[1] / "sidecar" / "docs" / "reference" / "settings.md"


def table() -> str:
    """The settings as Markdown, one table per section."""
    rows: dict[str, list[SettingDoc]] = {name: [] for name in sections()}
    for row in describe():
        rows[row.key.rpartition(".")[0]].append(row)
    blocks = []
    for name, of_section in rows.items():
        title = f"### `{name}`\n\n{sections()[name]}" if name else "### General"
        lines = [_row(row) for row in of_section]
        blocks.append(
            "\n".join(
                [
                    title,
                    "",
                    "| key and variable | value | default | what it does |",
                    "|---|---|---|---|",
                    *lines,
                ]
            )
        )
    blocks.append(_presets())
    return "\n\n".join(blocks)


def _row(row: SettingDoc) -> str:
    default = row.default if row.default in ("not set", "empty", "must be set") else f"`{row.default}`"
    cells = (f"`{row.key}`<br>`{row.env}`", row.type, default, row.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _presets() -> str:
    keys = list(dict.fromkeys(key for values in PRESETS.values() for key in values))
    defaults = {row.key: row.default for row in describe()}
    lines = [
        f"| `{key}` | "
        + " | ".join(f"`{values.get(key, defaults[key])}`" for values in PRESETS.values())
        + " |"
        for key in keys
    ]
    head = f"| key | {' | '.join(f'`{name}`' for name in PRESETS)} |"
    return "\n".join(
        ["### Presets", "", "What `preset` sets.", "", head, "|---" * (len(PRESETS) + 1) + "|", *lines]
    )


def with_table(document: str) -> str:
    """The document with the table between its two marks made again. Raises ValueError without marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no line {BEGIN!r} followed by {END!r}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns 1 when the document was out of date and not written."""
    parser = argparse.ArgumentParser(prog="tools/config_docs.py", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--write", action="store_true", help="write instead of checking")
    parser.add_argument("document", nargs="?", type=Path, default=DOCUMENT)
    options = parser.parse_args(arguments)
    old = options.document.read_text(encoding="utf-8")
    new = with_table(old)
    if old == new:
        return 0
    if options.write:
        options.document.write_text(new, encoding="utf-8")
        return 0
    print(f"{options.document} is out of date; run python tools/config_docs.py --write", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
