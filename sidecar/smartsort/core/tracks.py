"""Which faces in the frames of a video are one person's. Pure arithmetic on embeddings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from smartsort.core.model import Box
from smartsort.core.similarity import Vector, cosine, mean, unit

ALIKE = 0.42
"""The cosine from which a view belongs to a face that is known from its better views."""

BEST = 5
"""Views a face is judged by: those that show it large and surely."""


@dataclass(frozen=True, slots=True)
class View:
    """A face in a frame: the frame's number, and what the machine learning service says of the face."""

    frame: int
    box: Box
    vector: Vector
    score: float

    @property
    def quality(self) -> float:
        """How much it tells: a large face that is surely one tells most."""
        return self.score**2 * math.sqrt(self.box.area)


@dataclass(slots=True)
class Track:
    """The views of one face, at most one in a frame."""

    views: list[View] = field(default_factory=list)

    @property
    def best(self) -> tuple[View, ...]:
        """The views that tell most, the best first."""
        return tuple(sorted(self.views, key=_telling)[:BEST])

    @property
    def vector(self) -> Vector:
        """The face as its best views show it."""
        return unit(mean([view.vector for view in self.best]))


def tracks(views: Sequence[View]) -> list[Track]:
    """Return the faces these views are of, the most seen first.

    The best views come first, so that those of a turned or distant face are held against good ones.
    """
    found: list[Track] = []
    for view in sorted(views, key=_telling):
        fitting = [
            (likeness, number)
            for number, one in enumerate(found)
            if (likeness := _likeness(view, one)) >= ALIKE
        ]
        if fitting:
            found[max(fitting)[1]].views.append(view)
        else:
            found.append(Track([view]))
    for one in found:
        one.views.sort(key=lambda v: v.frame)
    return sorted(_joined(found), key=_often)


def _telling(view: View) -> tuple[float, int, int, int]:
    """Return the order of views, the best first. Of equal ones it takes any, but always the same."""
    return (-view.quality, view.frame, view.box.x1, view.box.y1)


def _often(track: Track) -> tuple[int, tuple[float, int, int, int]]:
    return (-len(track.views), _telling(track.best[0]))


def _likeness(view: View, track: Track) -> float:
    """Return how much a view is like a face. -1 where that is in the same frame already."""
    if any(view.frame == other.frame for other in track.views):
        return -1.0
    return cosine(view.vector, track.vector)


def _joined(found: list[Track]) -> list[Track]:
    """Faces that turn out to be one, now that all their views are known."""
    kept: list[Track] = []
    for one in sorted(found, key=_often):
        frames = {view.frame for view in one.views}
        same = next(
            (
                other
                for other in kept
                if frames.isdisjoint(view.frame for view in other.views)
                and cosine(one.vector, other.vector) >= ALIKE
            ),
            None,
        )
        if same is None:
            kept.append(one)
        else:
            same.views = sorted([*same.views, *one.views], key=lambda v: v.frame)
    return kept
