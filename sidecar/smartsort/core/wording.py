"""Reasons in words: a short form for programs and a sentence for a person."""

from __future__ import annotations

from smartsort.core.model import Reason
from smartsort.core.reasons import OF_NO_RULE, said
from smartsort.core.rules import RULES
from smartsort.core.rules.frames import KINDS as OF_FRAMES

_KINDS = {kind.code: kind for kind in (*(k for rule in RULES for k in rule.reasons), *OF_NO_RULE, *OF_FRAMES)}

REASON_CODES = frozenset(_KINDS)
"""Every code a `Reason` may carry."""


def short(reason: Reason) -> str:
    """Return the short form for programs, such as `multiple_faces (3 people)`."""
    kind = _KINDS.get(reason.code)
    return reason.code + (said(kind.more, reason) if kind else "")


def sentence(reason: Reason) -> str:
    """Return one sentence for a person. An unknown code, from a newer ledger, is shown as it is."""
    kind = _KINDS.get(reason.code)
    return said(kind.sentence, reason) if kind else reason.code
