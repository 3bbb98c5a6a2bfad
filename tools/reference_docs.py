"""Write the reference of rules, reasons, events and health issues: `python tools/reference_docs.py --write`.

Without `--write` the exit status says whether the page is up to date.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from smartsort.core.event_kinds import EventKind
from smartsort.core.reasons import OF_NO_RULE, ReasonKind, said
from smartsort.core.rules import RULES
from smartsort.core.rules.frames import KINDS as OF_FRAMES
from smartsort.core.wording_events import event_sentence
from smartsort.pipeline.engine.health import HealthIssueKind

DOCUMENT = Path(__file__).parents[1] / "sidecar" / "docs" / "reference" / "reasons-events-health.md"
HEAD = """# Reasons, events, health issues

The lists on this page come from the code. `python tools/reference_docs.py --write` writes them.
"""
RULES_HEAD = """## Rules

A rule sends a photo to review. All rules run, in this order. The first that applies chooses the folder
and the prefix. [How it decides](../explanation/how-it-decides.md) explains them.
"""
REASONS_HEAD = """## Reasons

A reason has a stable code, for programs, and a sentence. The names and numbers here are examples.
"""
EVENTS_HEAD = """## Events

Each entry of the history has a kind. [The HTTP API](http-api.md#kinds-of-events) has an example of each.
"""
HEALTH_HEAD = """## Health issues

While one of these is open, `smartsort status`, `/readyz`, the log and the terminal UI show it.
[Notifications](../how-to/notify.md) report its beginning and its end.
"""
# Any number that a sentence asks for is about two faces, or in the middle.
NUMBERS = defaultdict(
    lambda: 0.44, faces=2, max_faces_per_image=1, min_confidence=0.6, margin=0.02, min_margin=0.05
)
NAMES = {"low_margin": ("Anna", "Bella"), "category_off": ("duplicates",), "rule_failed": ("unknown",)}
EVENT = {
    "person": "Anna", "names": [["faces", "anna/a.jpg"]], "list": "whitelist", "host": "photos.example",
    "values": {"min_confidence": 0.7}, "reason": "404 Not Found", "why": "Immich is not reachable",
}  # fmt: skip
HEALTH = {
    "immich": "Immich does not answer, or answers with an error.",
    "ledger": "The ledger is damaged. smartsort begins nothing new.",
    "smartsort": "smartsort met an error that it knows. The message names it.",
    "bug": "smartsort met an error that it does not know. Please report it, with the log.",
}


def page() -> str:
    """Return the whole page as Markdown."""
    reasons = {kind.code: kind for rule in RULES for kind in rule.reasons} | {
        k.code: k for k in (*OF_NO_RULE, *OF_FRAMES)
    }
    return (
        "\n".join(
            [
                HEAD,
                RULES_HEAD,
                *_table(
                    ("rule", "folder", "prefix", "reasons"),
                    (
                        (
                            f"`{r.name}`",
                            f"`review/{r.category}`",
                            f"`{r.prefix}`",
                            ", ".join(f"`{k.code}`" for k in r.reasons),
                        )
                        for r in RULES
                    ),
                ),
                REASONS_HEAD,
                *_table(
                    ("code", "sentence"), ((f"`{code}`", _sentence(kind)) for code, kind in reasons.items())
                ),
                EVENTS_HEAD,
                *_table(("kind", "what happened"), ((f"`{kind}`", _event(kind)) for kind in EventKind)),
                HEALTH_HEAD,
                *_table(
                    ("kind", "meaning"),
                    ((f"`{kind}`", text or HEALTH[kind]) for kind, text in _members(HealthIssueKind).items()),
                ),
            ]
        ).rstrip("\n")
        + "\n"
    )


def _sentence(kind: ReasonKind) -> str:
    return said(kind.sentence, kind.reason(NAMES.get(kind.code, ("Anna",)), NUMBERS, "…"))


def _event(kind: EventKind) -> str:
    names = {"names": ["Anna", "Bella"]} if kind is EventKind.LIST_CHANGED else {}
    return _members(EventKind)[kind] or event_sentence(kind, EVENT | names, "a.jpg") + "."


def _members(kinds: type) -> dict[str, str]:
    """The values of an enum with the docstring below each; "" where there is none."""
    (body,) = (
        node.body for node in ast.parse(inspect.getsource(kinds)).body if isinstance(node, ast.ClassDef)
    )
    found: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            last = str(node.value.value)
            found[last] = ""
        elif found and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[last] = " ".join(str(node.value.value).split())
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines), ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Return 1 when the page was out of date and not written."""
    parser = argparse.ArgumentParser(
        prog="tools/reference_docs.py", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("--write", action="store_true", help="write instead of checking")
    parser.add_argument("document", nargs="?", type=Path, default=DOCUMENT)
    options = parser.parse_args(arguments)
    new = page()
    if options.document.is_file() and options.document.read_text(encoding="utf-8") == new:
        return 0
    if options.write:
        options.document.write_text(new, encoding="utf-8")
        return 0
    print(f"{options.document} is out of date; run python tools/reference_docs.py --write", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
