"""Reasons in words: the source document's short form, and a sentence for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smartsort.core.model import Reason
from smartsort.core.wording_numbers import side_by_side

_SHORT: dict[str, Callable[[Reason], str]] = {
    "multiple_faces": lambda r: f"multiple_faces ({r.numbers['faces']:.0f} people)",
    "blacklisted_person": lambda r: f"blacklisted_person: {_list(r.names)}",
    "not_in_whitelist": lambda r: f"not_in_whitelist: {_list(r.names)}",
    "low_confidence": lambda r: f"low_confidence: {_measured(r, 'confidence')[0]}",
    "low_margin": lambda r: f"low_margin: {_measured(r, 'margin')[0]}",
    "unreadable": lambda r: f"unreadable: {r.detail}",
    "rebuilt": lambda r: f"rebuilt: {r.detail}",
    "ambiguous_name": lambda r: f"ambiguous_name: {_list(r.names)}",
    "denied_person": lambda r: f"denied_person: {_list(r.names)}",
    "same_person_twice": lambda r: f"same_person_twice: {_list(r.names)}",
    "undone_filing": lambda r: f"undone_filing: {_list(r.names)}",
}

_SENTENCES: dict[str, Callable[[Reason], str]] = {
    "face_match_verified": lambda r: f"This is {_list(r.names)}" + _sure(r) + ".",
    "duplicate": lambda r: f"The same file is here already: {r.detail}.",
    "rejected_before": lambda r: f"This very file was rejected before: {r.detail}.",
    "duplicate_in_immich_trash": lambda _: (
        "The only other copy lies in Immich's trash and may vanish with it."
    ),
    "duplicate_of_missing": lambda r: (
        f"The same file was here before as {r.detail}, but it is not there any more; "
        "this may be the last copy."
    ),
    "duplicate_of_damaged": lambda r: f"The copy {r.detail}. This may be the last intact one.",
    "near_duplicate": lambda r: f"It looks like another copy of {r.detail}" + _better(r) + ".",
    "blacklisted_person": lambda r: f"{_list(r.names)} is on the blacklist.",
    "no_faces_detected": lambda _: "Immich finished looking and found no face.",
    "only_background_faces": lambda r: f"{_count(r, 'face')} found, all too small to count.",
    "multiple_faces": lambda r: (
        f"{_count(r, 'face')} on the picture, {r.numbers['max_faces_per_image']:.0f} allowed"
        + (f"; among them {_list(r.names)}." if r.names else ".")
    ),
    "same_person_twice": lambda r: (
        f"{_list(r.names)} is recognised twice on one picture; one is somebody else."
    ),
    "unknown_face": lambda r: f"{_count(r, 'face')} nobody knows" + _closest(r) + ".",
    "unnamed_person": lambda r: (
        f"{_count(r, 'face')} of a person Immich knows but nobody has named" + _closest(r) + "."
    ),
    "ambiguous_name": lambda r: f"More than one person is called {_list(r.names)}.",
    "denied_person": lambda r: f"Immich says {_list(r.names)}, but somebody said here that it is not.",
    "not_in_whitelist": lambda r: f"{_list(r.names)} is not on the whitelist.",
    "low_confidence": lambda r: (
        f"Perhaps {_list(r.names)}: confidence {' is below '.join(_measured(r, 'confidence'))}."
    ),
    "low_margin": lambda r: (
        f"Torn between {' and '.join(r.names)}: they are {' apart, '.join(_measured(r, 'margin'))} is needed."
    ),
    "confidence_unknown": lambda r: f"Perhaps {_list(r.names)}, but nobody knows how sure: {r.detail}.",
    "unreadable": lambda r: f"Not a picture Immich could read: {r.detail}.",
    "recognition_failed": lambda r: f"Immich could not finish recognising it: {r.detail}.",
    "undone_filing": lambda r: f"It was filed under {_list(r.names)}, and somebody took that back.",
    "category_off": lambda r: f"The category {_list(r.names)} is switched off.",
    "rule_failed": lambda r: f"The rule {_list(r.names)} failed ({r.detail}); please report it.",
    "rebuilt": lambda r: f"The ledger was made anew from the folders; the file's name says: {r.detail}.",
    "download_failed": lambda r: f"The download failed: {r.detail}.",
}

REASON_CODES = frozenset(_SENTENCES)
"""Every code a `Reason` may carry."""


def short(reason: Reason) -> str:
    """The machine-friendly line of the source document, such as `multiple_faces (3 people)`."""
    words = _SHORT.get(reason.code)
    return words(reason) if words else reason.code


def sentence(reason: Reason) -> str:
    """One sentence for a person. An unknown code, from a newer ledger, is shown as it is."""
    words = _SENTENCES.get(reason.code)
    return words(reason) if words else short(reason)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _count(reason: Reason, noun: str) -> str:
    number = int(reason.numbers.get("faces", 1))
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _closest(reason: Reason) -> str:
    return f"; closest: {_list(reason.names)}" if reason.names else ""


def _measured(reason: Reason, name: str) -> tuple[str, str]:
    """What was measured, and what was needed."""
    value = reason.numbers[name]
    return side_by_side(value, reason.numbers.get(f"min_{name}", value))


def _sure(reason: Reason) -> str:
    return f" (confidence {reason.numbers['confidence']:.2f})" if "confidence" in reason.numbers else ""


def _better(reason: Reason) -> str:
    """Which of two look-alikes is the better copy, and why."""
    numbers = reason.numbers
    better = numbers.get("better", 0)
    if not better:
        return ""
    mine, theirs = ("", "other_") if better > 0 else ("other_", "")
    why = []
    if numbers[f"{mine}pixels"] > numbers[f"{theirs}pixels"]:
        more, fewer = side_by_side(numbers[f"{mine}pixels"] / 1e6, numbers[f"{theirs}pixels"] / 1e6, 1)
        why.append(f"{more} megapixels against {fewer}")
    if numbers[f"{mine}has_date"] > numbers[f"{theirs}has_date"]:
        why.append("it still says when it was taken")
    if numbers[f"{mine}bytes"] > numbers[f"{theirs}bytes"]:
        why.append("the file is larger")
    return f"; {'this' if better > 0 else 'the other'} is the better copy: {', '.join(why)}"
