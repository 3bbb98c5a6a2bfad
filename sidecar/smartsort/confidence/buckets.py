"""Buckets of faces that lie together, so that not each has to be compared with each. Vectorised."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from math import ceil, sqrt
from typing import Any

if sys.modules.get("numpy", sys) is None:
    del sys.modules["numpy"]  # `cli.main` keeps it away from those who do not need it
# On several cores these small products take longer in all, and Immich wants something of the machine too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.int16]
"""A face in each row, of length `LENGTH`, to the nearest whole number: a cosine is right to 0.0002."""
Rows = npt.NDArray[np.int64]
"""Slots of faces."""

LENGTH = 4_000

BUCKET, WAYS, ROUNDS = 32, 2, 2
"""Faces of a bucket, buckets of a face at each of two levels, and rounds that move the buckets' middles."""

COARSE, SOME = 96, 1_000
"""Numbers of a random projection, which are enough to find the right buckets, and faces handled at once."""


def whole(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Return faces, one in each row, as whole numbers."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: Vectors = np.rint(vectors * (LENGTH / np.maximum(lengths, 1e-9))).astype(np.int16)
    return found


class Buckets:
    """Each face is in several buckets, at two levels: in regions, and in their parts.

    The middles of both begin as some of the faces, and stay.
    """

    def __init__(self, vectors: Vectors, slots: Rows) -> None:
        signs = np.random.default_rng(1).integers(0, 2, (vectors.shape[1], COARSE), dtype=np.int8)
        self._projection = (2 * signs - 1).astype(np.float32)
        coarse = self._coarse(vectors, slots)
        self._regions = _middles(coarse, ceil(sqrt(len(slots) / BUCKET)))
        inside = _nearest(coarse, self._regions)
        self._parts = []
        for region in range(len(self._regions)):
            own = coarse[(inside == region).any(axis=1)]
            self._parts.append(_middles(own, ceil(len(own) / WAYS / BUCKET)))
        self._first = np.cumsum([0, *map(len, self._parts)])
        self._of = np.full((len(vectors), WAYS * WAYS), -1, np.int32)
        self._distribute(slots, coarse)

    def put(self, vectors: Vectors, slots: Rows) -> None:
        """Give faces their buckets."""
        self._of = with_room(self._of, len(vectors) - len(self._of))
        self._distribute(slots, self._coarse(vectors, slots))

    def together(self, searched: Rows, is_there: npt.NDArray[np.bool_]) -> Iterator[tuple[Rows, Rows]]:
        """Yield by bucket those of the slots that lie in it, and all that do."""
        wanted, chosen = np.zeros(self._first[-1] + 1, np.bool_), np.zeros(len(is_there), np.bool_)
        wanted[self._of[searched]] = chosen[searched] = True
        wanted[-1] = False  # no bucket at all
        slots, ways = np.nonzero(wanted[self._of] & is_there[:, None])
        buckets = self._of[slots, ways]
        order = np.argsort(buckets, kind="stable")
        for members in np.split(slots[order], np.flatnonzero(np.diff(buckets[order])) + 1):
            yield members[chosen[members]], members

    def _distribute(self, slots: Rows, coarse: Vectors) -> None:
        regions = _nearest(coarse, self._regions)
        for region in np.unique(regions[regions >= 0]):
            rows, way = np.nonzero(regions == region)
            parts = _nearest(coarse[rows], self._parts[region])
            parts = np.where(parts < 0, parts, parts + self._first[region])
            for column in range(WAYS):
                self._of[slots[rows], WAYS * way + column] = parts[:, column]

    def _coarse(self, vectors: Vectors, slots: Rows) -> Vectors:
        coarse = np.empty((len(slots), COARSE), np.int16)
        for start in range(0, len(slots), SOME):
            some = vectors[slots[start : start + SOME]].astype(np.float32) @ self._projection
            coarse[start : start + SOME] = whole(some)
        return coarse


def _nearest(coarse: Vectors, middles: Vectors) -> Rows:
    """Return the numbers of the `WAYS` closest middles of each face. -1 stands for none."""
    if len(middles) < WAYS:
        return np.tile(np.arange(WAYS) - (np.arange(WAYS) >= len(middles)) * WAYS, (len(coarse), 1)).clip(-1)
    turned = middles.T.astype(np.float32)
    return np.concatenate(
        [
            np.argpartition(-(coarse[start : start + SOME].astype(np.float32) @ turned), WAYS - 1, axis=1)[
                :, :WAYS
            ]
            for start in range(0, max(1, len(coarse)), SOME)
        ]
    )


def _middles(coarse: Vectors, parts: int) -> Vectors:
    """Return the middles of so many parts, which begin as some of the faces."""
    if parts < WAYS:
        return np.zeros((1, COARSE), np.int16)
    middles = coarse[np.linspace(0, len(coarse) - 1, parts, dtype=np.int64)]
    for _ in range(ROUNDS):
        sums, turned = np.zeros(middles.shape, np.float32), middles.T.astype(np.float32)
        for start in range(0, len(coarse), SOME):
            some = coarse[start : start + SOME].astype(np.float32)
            sums += np.eye(parts, dtype=np.float32)[(some @ turned).argmax(axis=1)].T @ some
        middles = whole(sums)
    return middles


def with_room(rows: npt.NDArray[Any], more: int) -> npt.NDArray[Any]:
    """Return the rows with so many empty ones behind them."""
    if more <= 0:
        return rows
    bigger = np.zeros((len(rows) + more, *rows.shape[1:]), rows.dtype)
    bigger[: len(rows)] = rows
    return bigger
