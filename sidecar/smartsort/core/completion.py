"""When is Immich done with a photo? Pure rules over what its queues showed.

Measured on 2.5.6 and 3.1.0: a photo moves through the queues of `CHAIN` in that order and enters the
next queue before it leaves the last. So a reader that lists the queues in chain order and meets the
photo in none of them knows that it has left the last one. Under `facialRecognition` the jobs carry
face ids, not asset ids.

A job that has ended leaves no trace in a listing, whether it went well or badly, and one that fails at once
is gone before anybody can list it. What stays is its number: a queue numbers its jobs one by one.
`DetectionProbes` reads from the numbers what a probe has queued, seen or not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

CHAIN = (
    "library",
    "sidecar",
    "metadataExtraction",
    "storageTemplateMigration",
    "thumbnailGeneration",
    "faceDetection",
    "facialRecognition",
)
"""Upstream to downstream. The order in which the queues must be read."""

RECOGNITION = CHAIN[-1]

LISTING_LIMIT = 1000
"""A listing shows about this many jobs per status. One that is as long proves nothing about the rest."""


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
    numbers: frozenset[int] = frozenset()
    """The numbers of the jobs with an id, as far as they are numbers."""
    collective_numbers: frozenset[int] = frozenset()
    """The numbers of the jobs that stand for many photos."""


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """One reading of the whole chain, in chain order. Built only when every listing succeeded."""

    listings: tuple[Listing, ...]

    def __post_init__(self) -> None:
        order = tuple(listing.queue for listing in self.listings)
        if order != CHAIN:
            raise ValueError(f"queues were read in the order {order}. Only {CHAIN} proves anything")

    @property
    def conclusive(self) -> bool:
        """True when absence from this look is proof that detection is over."""
        return not any(part.full or part.collective for part in self.listings[:-1])

    def detected(self, asset_ids: Collection[str]) -> frozenset[str]:
        """Return the assets whose face detection is over, so that their face ids are final.

        Empty when the look proves nothing. The last listing tells whether the faces are also assigned.
        """
        if not self.conclusive:
            return frozenset()
        busy: set[str] = set()
        for part in self.listings[:-1]:
            busy |= part.ids
        return frozenset(asset_ids) - busy


@dataclass(slots=True)
class DetectionProbes:
    """A row of probes sent to `faceDetection`, each "queue every photo whose detection never finished".

    A probe is a job of that queue itself and has a number. When its job is gone it has queued all that
    was unfinished, and each of those took the next number. So two probes whose numbers follow one another
    prove that the first queued nothing: no photo on the whole server was unfinished. Numbers in between that
    were seen in a listing, with the photo they belong to, are accounted for. Any other may be a photo whose
    detection failed at once. It makes no difference whether machine learning works meanwhile.
    """

    _numbers: list[int | None] = field(default_factory=list)
    """The number of each probe, None while its job has not been seen."""
    _seen: set[int] = field(default_factory=set)
    unfinished: set[str] = field(default_factory=set)
    """Assets that were seen to be queued."""

    def __len__(self) -> int:
        return len(self._numbers)

    def sent(self) -> None:
        """Note that a probe was sent. The one before must have been seen to be gone from the queue."""
        self._numbers.append(None)

    def refused(self) -> None:
        """Note that Immich refused the last probe: there is no job of it."""
        self._numbers.pop()

    def listed(self, listing: Listing) -> None:
        """Note a listing of the queue, read after the last probe was sent or at the same time."""
        self._seen |= listing.numbers
        self.unfinished |= listing.ids
        if self._numbers and self._numbers[-1] is None:
            last = max((n for n in self._numbers if n is not None), default=-1)
            self._numbers[-1] = min((n for n in listing.collective_numbers if n > last), default=None)

    @property
    def answered(self) -> bool:
        """True when it is known of every photo whether it was unfinished: those in `unfinished`, no other."""
        seen = [(place, n) for place, n in enumerate(self._numbers) if n is not None]
        return any(
            last - first - (there - here) == sum(first < n < last for n in self._seen)
            for (here, first), (there, last) in pairwise(seen)
        )


def pending(counts: QueueCounts) -> int:
    """Jobs of the whole chain that are not finished."""
    return sum(counts[name].pending for name in CHAIN if name in counts)
