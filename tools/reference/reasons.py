"""Rules, reasons, events, health issues and findings of the audit."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict

from tools.reference import markdown

from smartsort.audit.findings import REMEDIES, Code
from smartsort.core.event_kinds import EventKind
from smartsort.core.reasons import OF_NO_RULE, ReasonKind, said
from smartsort.core.rules import RULES
from smartsort.core.rules.frames import KINDS as OF_FRAMES
from smartsort.core.wording_events import event_sentence
from smartsort.pipeline.engine.health import HealthIssueKind

# Any number that a sentence asks for is about two faces, or in the middle.
NUMBERS = defaultdict(
    lambda: 0.44, faces=2, max_faces_per_image=1, min_confidence=0.6, margin=0.02, min_margin=0.05
)
NAMES = {"low_margin": ("Anna", "Bella"), "category_off": ("duplicates",), "rule_failed": ("unknown",)}
EVENT = {
    "person": "Anna",
    "names": [["faces", "anna/a.jpg"]],
    "list": "whitelist",
    "host": "photos.example",
    "values": {"min_confidence": 0.7},
    "reason": "404 Not Found",
    "why": "Immich is not reachable",
    "source": "phone",
    "name": "a.mov",
    "joined": ["a.mov"],
    "together_by": "the same name",
    "category": "low_confidence",
    "photos": 3,
    "of": "approved",
    "what": "approved",
    "was": "Ana",
}
OF_A_KIND = {
    EventKind.FOLDER_ADOPTED: {"path": "/mnt/old/anna/a.jpg", "people": ["Anna"]},
    EventKind.LIST_CHANGED: {"names": ["Anna", "Bella"]},
    EventKind.REVIEWED: {"reason": "low_confidence: 0.44"},
    EventKind.REEVALUATED: {"reason": "low_confidence: 0.44"},
    EventKind.SKIPPED: {"reason": "duplicate"},
    EventKind.SPLIT: {"reason": "it says that it belongs to another photo"},
    EventKind.UNDONE: {"names": [["review", "unidentified/unknown_a.jpg"]]},
    EventKind.FACE_ASSIGNED: {"name": "Anna"},
    EventKind.FACE_UNASSIGNED: {"name": "Anna"},
    EventKind.IMMICH_UPDATE_FAILED: {"name": "Anna"},
    EventKind.LOST: {"names": [["trash", "2026-05/a.jpg"]]},
}  # fmt: skip


def rules() -> str:
    """Return the rules in the order they run. The docstring of each says when it applies."""
    return markdown.table(
        ("rule", "folder", "prefix", "applies when", "reasons"),
        (
            (
                f"`{rule.name}`",
                f"`review/{rule.category}`",
                f"`{rule.prefix}`",
                inspect.getdoc(rule.check) or "",
                markdown.code(kind.code for kind in rule.reasons),
            )
            for rule in RULES
        ),
    )


def reasons() -> str:
    """Return the reasons with an example of their sentences."""
    of_rules = [kind for rule in RULES for kind in rule.reasons]
    kinds = {kind.code: kind for kind in (*of_rules, *OF_NO_RULE, *OF_FRAMES)}
    return markdown.table(
        ("code", "sentence"), ((f"`{code}`", _sentence(kind)) for code, kind in kinds.items())
    )


def events() -> str:
    """Return the kinds of events with an example of their sentences."""
    texts = _members(EventKind)
    return markdown.table(
        ("kind", "what happened", "example"), ((f"`{kind}`", texts[kind], _event(kind)) for kind in EventKind)
    )


def health() -> str:
    """Return the kinds of health issues."""
    members = _members(HealthIssueKind).items()
    return markdown.table(("kind", "meaning"), ((f"`{kind}`", text) for kind, text in members))


def findings() -> str:
    """Return what the audit finds, with what to do."""
    texts = _members(Code)
    return markdown.table(
        ("code", "what happened", "what to do"),
        ((f"`{code}`", texts[code], _sentence_case(REMEDIES[code])) for code in Code),
    )


def _sentence_case(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _sentence(kind: ReasonKind) -> str:
    return said(kind.sentence, kind.reason(NAMES.get(kind.code, ("Anna",)), NUMBERS, "…"))


def _event(kind: EventKind) -> str:
    return event_sentence(kind, EVENT | OF_A_KIND.get(kind, {}), "a.jpg")


def _members(kinds: type) -> dict[str, str]:
    """Return the values of an enum with the docstring below each, "" without one."""
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
