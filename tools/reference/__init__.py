"""The parts of the reference pages that come from the code: `python -m tools.reference --write`.

A page has such a part between `<!-- made by tools.reference: NAME -->` and `<!-- end -->`. All text outside
these marks is written by hand and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.reference import commands, keys, metrics, permissions, reasons, routes, settings

DOCS = Path(__file__).parents[2] / "sidecar" / "docs"
PARTS: Mapping[str, Callable[[], str]] = {
    "settings": settings.table,
    "rules": reasons.rules,
    "reasons": reasons.reasons,
    "events": reasons.events,
    "health": reasons.health,
    "commands": commands.overview,
    "options": commands.sections,
    "routes": routes.sections,
    "shapes": routes.shapes,
    "permissions": permissions.needed,
    "extras": permissions.extras,
    "keys": keys.table,
    "metrics": metrics.table,
    "findings": reasons.findings,
}
_PART = re.compile(r"(?<=<!-- made by tools\.reference: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Yield the pages that have a part from the code."""
    for path in sorted(DOCS.rglob("*.md")):
        if _PART.search(path.read_text(encoding="utf-8")):
            yield path


def renewed(text: str) -> str:
    """Return the page with its parts made again. Raises KeyError for the name of an unknown part."""
    return _PART.sub(lambda found: f"{found[1]}{found[2]}\n{PARTS[found[1]]()}\n\n", text)
