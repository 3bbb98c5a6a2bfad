"""Kinds of reasons, each with its code and its words. Here are those that no rule gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smartsort.core.model import Confidence, Reason
from smartsort.core.words import quantity

Words = str | Callable[[Reason], str]
"""Text with `{names}`, `{faces}` (`2 faces`), `{numbers[...]}` and `{detail}` in it, or what makes it."""


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """A code that a reason can carry, and its words.

    `code` is stable and machine-readable. `sentence` is for a person. `more` is what follows the code in the
    short form for programs.
    """

    code: str
    sentence: Words
    more: Words = ""

    def reason(
        self, names: tuple[str, ...] = (), numbers: Mapping[str, float] | None = None, detail: str = ""
    ) -> Reason:
        """Return a reason of this kind. `numbers` and `names` are what the rule saw."""
        return Reason(self.code, names, numbers or {}, detail)


def said(words: Words, reason: Reason) -> str:
    """Return the words of a reason."""
    if not isinstance(words, str):
        return words(reason)
    faces = quantity(int(reason.numbers.get("faces", 1)), "face")
    return words.format(
        names=", ".join(reason.names), numbers=reason.numbers, faces=faces, detail=reason.detail
    )


def compared(reason: Reason) -> str:
    """Return which faces the number rests on, as the end of a sentence, "" where no dates were known."""
    if "compared" not in reason.numbers:
        return ""
    faces, first, last = (int(reason.numbers[key]) for key in ("compared", "first_year", "last_year"))
    years = f"of {first}" if first == last else f"from {first} to {last}"
    return f", compared with {quantity(faces, 'face')} of {reason.names[0]} {years}"


def compared_numbers(measured: Confidence | None) -> dict[str, float]:
    """Return what `compared` tells, as numbers of a reason."""
    found = measured.compared if measured else None
    if found is None:
        return {}
    return {"compared": found.faces, "first_year": found.first_year, "last_year": found.last_year}


def _verified(reason: Reason) -> str:
    sure = ""
    if "confidence" in reason.numbers:
        sure = f" (confidence {reason.numbers['confidence']:.2f}{compared(reason)})"
    ignored = int(reason.numbers.get("ignored", 0))
    return f"This is {', '.join(reason.names)}{sure}." + (f" {ignored} ignored." if ignored else "")


FACE_MATCH_VERIFIED = ReasonKind("face_match_verified", _verified)
SORTED_BEFORE = ReasonKind("sorted_before", "It lay in your folder of {names}.", ": {names}")
CATEGORY_OFF = ReasonKind("category_off", "The category {names} is switched off.")
RULE_FAILED = ReasonKind("rule_failed", "The rule {names} failed ({detail}). Please report it.")
UNDONE_FILING = ReasonKind("undone_filing", "It was filed under {names}, and a user undid that.", ": {names}")
REBUILT = ReasonKind(
    "rebuilt", "The ledger was made again from the folders. The file's name says: {detail}.", ": {detail}"
)
FILING_RULE = ReasonKind("filing_rule", "Your rule {names} says where it goes.")
FILING_RULE_FITS = ReasonKind("filing_rule_fits", "Your rule {names} fits, too.")
ASKED_BY_RULE = ReasonKind("asked_by_rule", "Your rule {names} asks you first.", ": {names}")
DOWNLOAD_FAILED = ReasonKind("download_failed", "The download failed: {detail}.")

OF_NO_RULE = (
    *(FACE_MATCH_VERIFIED, SORTED_BEFORE, CATEGORY_OFF, RULE_FAILED, UNDONE_FILING, REBUILT),
    *(DOWNLOAD_FAILED, FILING_RULE, FILING_RULE_FITS, ASKED_BY_RULE),
)

_OLD_CODES = {"denied_person": "ruled_out_person"}
"""Codes that an older version stored."""


def current(text: str) -> str:
    """Return a stored code, or a short form that starts with one, with today's code."""
    code, colon, rest = text.partition(":")
    return _OLD_CODES.get(code, code) + colon + rest
