"""Rules about photos that could not be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from smartsort.core.model import BulkKind, Category, Reason
from smartsort.core.reasons import ReasonKind
from smartsort.core.rules.base import Case, Change, ChangeKind, Phase, Try, rule, seen

UNREADABLE = ReasonKind("unreadable", "Not a picture Immich could read: {detail}.", ": {detail}")
RECOGNITION_FAILED = ReasonKind("recognition_failed", "Immich could not finish recognising it: {detail}.")
FRAMES_UNREADABLE = ReasonKind("frames_unreadable", "Its frames cannot be looked at: {detail}.", ": {detail}")
READABLE = ChangeKind("readable", "the file could be read as a picture", looks=True)
FRAMES_READABLE = ChangeKind("frames_readable", "its frames could be looked at", looks=True)
RECOGNISED = ChangeKind("recognised", "Immich could finish looking at it", looks=True)


@rule(
    Category.UNIDENTIFIED,
    "unreadable_",
    UNREADABLE,
    passed="It is a picture that can be read.",
    phase=Phase.READ,
    bulk=BulkKind.NOT_PICTURES,
)
def unreadable(case: Case) -> Reason | None:
    """The file is no picture or video that Immich can read."""
    problem = case.evidence.unreadable
    return None if problem is None else UNREADABLE.reason(detail=problem)


@rule(Category.UNIDENTIFIED, "unknown_", RECOGNITION_FAILED, passed="Immich finished looking at it.")
def recognition_failed(case: Case) -> Reason | None:
    """Immich did not recognise it within `max_retries`."""
    problem = case.evidence.gave_up
    return None if problem is None else RECOGNITION_FAILED.reason(detail=problem)


@rule(Category.UNIDENTIFIED, "unknown_", FRAMES_UNREADABLE, passed="Nothing is wrong with its frames.")
def frames_unreadable(case: Case) -> Reason | None:
    """The frames of the video cannot be decoded, or end the process that decodes them."""
    film = case.evidence.film
    return FRAMES_UNREADABLE.reason(detail=film.broken) if film is not None and film.broken else None


def tries(case: Case) -> Iterator[Try]:
    """Yield what nobody knows of a file that was not looked at: only that it would be judged then."""
    if case.evidence.unreadable is not None:
        yield seen(case, Change(READABLE), unreadable=None)
    if case.evidence.film is not None and case.evidence.film.broken:
        yield seen(case, Change(FRAMES_READABLE), film=None)
    if case.evidence.gave_up is not None:
        yield seen(case, Change(RECOGNISED), gave_up=None)
