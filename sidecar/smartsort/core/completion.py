"""When is Immich done with a photo? Pure rules over what its queues showed.

Measured on 2.5.6 and 3.1.0: a photo moves through the queues of `CHAIN` in that order and enters the
next queue before it leaves the last. So a reader that lists the queues in chain order and meets the
photo in none of them knows that it has left the last one. Under `facialRecognition` the jobs carry
face ids, not asset ids.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

CHAIN = (
    "library",
    "sidecar",
    "metadataExtraction",
    "storageTemplateMigration",
    "thumbnailGeneration",
    "faceDetection",
    "facialRecognition",
)
"""Upstream to downstream; the order in which the queues must be read."""

RECOGNITION = CHAIN[-1]

LISTING_LIMIT = 1000
"""A listing shows about this many jobs per status; one that is as long proves nothing about the rest."""


@dataclass(frozen=True, slots=True)
class QueueCount:
    """One queue's job counts. `completed` and `failed` are always 0 on a real server, so left out."""

    active: int = 0
    waiting: int = 0
    delayed: int = 0
    paused: int = 0
    is_paused: bool = False

    @property
    def pending(self) -> int:
        """Jobs not finished yet, those of a paused queue included."""
        return self.active + self.waiting + self.delayed + self.paused


QueueCounts = Mapping[str, QueueCount]


@dataclass(frozen=True, slots=True)
class Listing:
    """The jobs seen in one queue. `ids` are asset ids, or face ids under `facialRecognition`."""

    queue: str
    ids: frozenset[str] = frozenset()
    collective: bool = False
    """A job that stands for many photos was there: a queue-all, or a library still being walked."""
    full: bool = False
    """As long as a listing can be: there may be more jobs than were shown."""


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of the whole chain, in chain order. Built only when every listing succeeded."""

    listings: tuple[Listing, ...]

    def __post_init__(self) -> None:
        order = tuple(listing.queue for listing in self.listings)
        if order != CHAIN:
            raise ValueError(f"queues were read in the order {order}; only {CHAIN} proves anything")

    @property
    def conclusive(self) -> bool:
        """True when absence from this look is proof that detection is over."""
        return not any(part.full or part.collective for part in self.listings[:-1])

    def detected(self, asset_ids: Collection[str]) -> frozenset[str]:
        """The assets whose face detection is over, so that their face ids are final.

        Empty when the look proves nothing. Whether the faces are also assigned: `recognised`.
        """
        if not self.conclusive:
            return frozenset()
        busy: set[str] = set()
        for part in self.listings[:-1]:
            busy |= part.ids
        return frozenset(asset_ids) - busy

    def recognised(self, face_ids: Collection[str]) -> bool:
        """True when recognition has nothing left to do for these faces (none: nothing to wait for)."""
        last = self.listings[-1]
        if last.collective:
            return False
        if last.full:
            return not face_ids
        return not (last.ids & frozenset(face_ids))


def pending(counts: QueueCounts) -> int:
    """Jobs of the whole chain that are not finished."""
    return sum(counts[name].pending for name in CHAIN if name in counts)


def paused(counts: QueueCounts) -> tuple[str, ...]:
    """Queues of the chain that somebody has paused: photos wait there until a human resumes them."""
    return tuple(name for name in CHAIN if name in counts and counts[name].is_paused)
