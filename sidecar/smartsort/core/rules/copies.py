"""Rules about photos of which there is another copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from smartsort.core.model import Category, Comparison, CopyPlace, Evidence, OtherCopy, Quality, Reason
from smartsort.core.policy import OnDuplicate
from smartsort.core.reasons import ReasonKind
from smartsort.core.rules.base import Case, Change, ChangeKind, Phase, Try, configured, rule, seen
from smartsort.core.words import clock, side_by_side

_HERE = ReasonKind("duplicate", "The same file is here already: {detail}.")
_KINDS = {
    CopyPlace.LEDGER: _HERE,
    CopyPlace.DOWNLOADS: _HERE,
    CopyPlace.IMMICH: _HERE,
    CopyPlace.TRASH: ReasonKind("rejected_before", "This very file was rejected before: {detail}."),
    CopyPlace.IMMICH_TRASH: ReasonKind(
        "duplicate_in_immich_trash", "The only other copy lies in Immich's trash and may vanish with it."
    ),
    CopyPlace.MISSING: ReasonKind(
        "duplicate_of_missing",
        "The same file was here before as {detail}, but it is gone. This may be the last copy.",
    ),
    CopyPlace.DAMAGED: ReasonKind(
        "duplicate_of_damaged", "The copy {detail}. This may be the last intact one."
    ),
}
NEAR_DUPLICATE = ReasonKind(
    "near_duplicate", lambda r: f"It looks like another copy of {r.detail}{_better(r)}."
)
ANOTHER_COPY_IS_THERE = (_HERE.code, NEAR_DUPLICATE.code)
"""Codes of the reasons that say so. Those of a duplicate say otherwise of a copy that is gone."""

NO_OTHER_COPY = ChangeKind("no_other_copy", "the other copy did not exist", looks=True)
ON_DUPLICATE = ChangeKind("on_duplicate", "`deduplication.action_on_duplicate` were {value} (now {now})")
NOT_THE_SAME = ChangeKind("not_the_same", "you said that the two are not the same picture")


@rule(
    Category.DUPLICATES,
    "duplicate_",
    *dict.fromkeys(_KINDS.values()),
    passed="No other file with the same content was known.",
    phase=Phase.COMPARED,
)
def duplicate(case: Case) -> Reason | None:
    """The same content is known already, to smartsort or Immich."""
    copy = case.evidence.other_copy
    return None if copy is None else _KINDS[copy.place].reason(detail=_where(copy))


@rule(Category.DUPLICATES, "duplicate_", NEAR_DUPLICATE, passed="No near copy of it was found.")
def near_duplicate(case: Case) -> Reason | None:
    """The photo or video is nearly equal to another one (`deduplication.near_duplicates`)."""
    copy = case.evidence.near_copy
    if copy is None:
        return None
    return NEAR_DUPLICATE.reason(numbers=_compared(case.evidence.comparison), detail=_where(copy))


def tries(case: Case) -> Iterator[Try]:
    """Without the copy, or with another way to deal with it."""
    evidence, now = case.evidence, case.policy.on_duplicate
    if evidence.other_copy is not None:
        yield seen(case, Change(NO_OTHER_COPY), other_copy=None)
        other = OnDuplicate.MOVE_TO_REVIEW if now is OnDuplicate.SKIP else OnDuplicate.SKIP
        yield configured(case, Change(ON_DUPLICATE, other.value, now.value), on_duplicate=other)
    if evidence.near_copy is not None:
        yield seen(case, Change(NOT_THE_SAME), near_copy=None, comparison=None)


def located(reasons: Iterable[Reason], evidence: Evidence) -> tuple[Reason, ...]:
    """Reasons that name the other copy, with the place where `evidence` knows it to be now."""
    copies = {kind.code: evidence.other_copy for kind in duplicate.reasons}
    copies[NEAR_DUPLICATE.code] = evidence.near_copy
    return tuple(replace(r, detail=_where(copy)) if (copy := copies.get(r.code)) else r for r in reasons)


def _where(copy: OtherCopy) -> str:
    return " ".join(filter(None, (copy.called, copy.problem)))


# --- the better copy -------------------------------------------------------------------------


def _compared(found: Comparison | None) -> dict[str, float]:
    """Both sides in numbers, and in `better` which is the better copy: 1 this, -1 the other, 0 neither."""
    if found is None or found.other is None:
        return {}
    own, other = found.own, found.other
    return {
        "better": better_copy(own, other),
        **(_of_video(own, "") | _of_video(other, "other_") if own.seconds and other.seconds else {}),
        "pixels": own.pixels,
        "other_pixels": other.pixels,
        "has_date": own.has_date,
        "other_has_date": other.has_date,
        "bytes": own.bytes,
        "other_bytes": other.bytes,
    }


def _of_video(one: Quality, whose: str) -> dict[str, float]:
    rate = one.data * 8
    return {f"{whose}seconds": one.seconds, f"{whose}has_sound": one.has_sound, f"{whose}bit_rate": rate}


_MORE = 1.02
"""Less of a difference than this is a matter of rounding or of a few bytes of metadata."""


def better_copy(own: Quality, other: Quality) -> int:
    """1 when `own` is the better copy, -1 when `other` is, 0 when neither.

    More pixels win, then the longer video and the one with sound. Then the copy that still says when it was
    taken, then the larger file, or the video with more data for each second.
    """
    for mine, theirs in (
        (own.pixels, other.pixels),
        (own.seconds, other.seconds),
        (int(own.has_sound), int(other.has_sound)),
        (int(own.has_date), int(other.has_date)),
        (own.data, other.data),
    ):
        if mine > theirs * _MORE:
            return 1
        if theirs > mine * _MORE:
            return -1
    return 0


def _better(reason: Reason) -> str:
    """Return which of two look-alikes is the better copy, and why."""
    numbers = reason.numbers
    better = numbers.get("better", 0)
    if not better:
        return ""
    mine, theirs = ("", "other_") if better > 0 else ("other_", "")
    why = []
    if numbers[f"{mine}pixels"] > numbers[f"{theirs}pixels"]:
        more, fewer = side_by_side(numbers[f"{mine}pixels"] / 1e6, numbers[f"{theirs}pixels"] / 1e6, 1)
        why.append(f"{more} megapixels against {fewer}")
    if numbers.get(f"{mine}seconds", 0) > numbers.get(f"{theirs}seconds", 0) * _MORE:
        why.append(f"{clock(numbers[f'{mine}seconds'])} against {clock(numbers[f'{theirs}seconds'])}")
    if numbers.get(f"{mine}has_sound", 0) > numbers.get(f"{theirs}has_sound", 0):
        why.append("it has sound")
    if numbers[f"{mine}has_date"] > numbers[f"{theirs}has_date"]:
        why.append("it still says when it was taken")
    if "bit_rate" in numbers:
        if numbers[f"{mine}bit_rate"] > numbers[f"{theirs}bit_rate"] * _MORE:
            mine_rate, rate = (numbers[f"{whose}bit_rate"] / 1e6 for whose in (mine, theirs))
            why.append(f"{mine_rate:.2f} megabits a second against {rate:.2f}")
    elif numbers[f"{mine}bytes"] > numbers[f"{theirs}bytes"]:
        why.append("the file is larger")
    return f". {'This' if better > 0 else 'The other'} is the better copy: {', '.join(why)}"
