"""Which of many faces are close to each other. Vectorised, because there may be 100,000 of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from math import ceil, sqrt

from smartsort.core.groups import DAYS_APART, HINT, LINKED, NEAREST, Link, UnnamedFace

if sys.modules.get("numpy", sys) is None:
    del sys.modules["numpy"]  # `cli.main` keeps it away from those who do not need it
# On several cores these small products take longer in all, and Immich wants something of the machine too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float16]
"""A face in each row, of length 1. Half precision changes a cosine by less than 0.001."""
_Floats = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int64]

EXACT = 10_000
"""Faces up to which every pair is compared, of more those that share a bucket."""

BUCKET, WAYS, ROUNDS = 32, 2, 2
"""Faces of a bucket, buckets of a face at each of two levels, and rounds that move the buckets' middles."""

COARSE = 96
"""Numbers of a random projection, which are enough to find the right buckets."""

ROWS = 1_000
"""Faces compared at once."""


def halved(packed: bytes) -> bytes:
    """Return a face in half precision, from the single precision of the ledger."""
    return np.frombuffer(packed, "<f4").astype(np.float16).tobytes()


def rows(packed: bytes, count: int) -> Vectors:
    """So many halved faces, each as a row."""
    return np.frombuffer(packed, np.float16).reshape(count, -1)


def links(faces: Sequence[UnnamedFace], vectors: Vectors, level: float = 0.0) -> Iterator[Link]:
    """Yield the pairs of faces that are alike, on two photos that were taken within some years, each once.

    `level` is how alike unrelated people look to this model (`core.similarity.unrelated_level`). Faces are
    compared in the order of their ids: the same faces have the same links in whichever order they come.
    """
    order = np.array(sorted(range(len(faces)), key=lambda index: faces[index].id), dtype=np.int64)
    hints: dict[str, int] = {"": 0}
    about = np.array(
        [(faces[i].photo_id, faces[i].day, hints.setdefault(faces[i].hint, len(hints))) for i in order]
    )
    least = LINKED - (HINT if len(hints) > 1 else 0.0)
    kept = [np.empty(0, np.int64)]
    for one, other, cosines in _close(vectors, order, least * (1 - level) + level):
        (photo, day, hint), (photo_2, day_2, hint_2) = about[one].T, about[other].T
        alike = (cosines - level) / (1 - level) + HINT * ((hint == hint_2) & (hint != 0))
        near = (day == 0) | (day_2 == 0) | (np.abs(day - day_2) <= DAYS_APART)
        good = (alike >= LINKED) & near & (photo != photo_2)
        far = _FAR - np.rint(np.minimum(alike[good], 1.0) * _FAR).astype(np.int64)
        kept.append((one[good] << _SIDE) | (far << _PLACE) | other[good])
    yield from _pairs(np.concatenate(kept), order)


_PLACE, _SIDE, _FAR = 24, 40, 10_000
"""A link as one number: a face, how far the other is in steps of 0.0001, and the other one."""

_CHUNK = 50_000


def _pairs(numbers: _Rows, order: _Rows) -> Iterator[Link]:
    """Yield each pair once, if one of the two is among the closest of the other."""
    numbers = np.unique(numbers)  # sorted by face and distance. A pair may come from several buckets
    one = numbers >> _SIDE
    closest = np.arange(len(one)) - np.searchsorted(one, np.arange(len(order)))[one] < NEAREST
    numbers = numbers[closest]
    one, other = numbers >> _SIDE, numbers & ((1 << _PLACE) - 1)
    _, once = np.unique(np.minimum(one, other) << _SIDE | np.maximum(one, other), return_index=True)
    for start in range(0, len(once), _CHUNK):  # as objects of Python they take ten times the room
        some = once[start : start + _CHUNK]
        alike = 1.0 - (numbers[some] >> _PLACE & (1 << _SIDE - _PLACE) - 1) / _FAR
        yield from zip(order[one[some]].tolist(), order[other[some]].tolist(), alike.tolist(), strict=True)


def _close(vectors: Vectors, order: _Rows, least: float) -> Iterator[tuple[_Rows, _Rows, _Floats]]:
    """For faces by rank the closest others and their cosines, from `least` on. A pair may come often."""
    count = len(order)
    if count > EXACT:
        for bucket in _buckets(vectors, order):
            own = vectors[order[bucket]].astype(np.float32)
            yield from _closest(bucket, bucket, own @ own.T, least)
        return
    everybody, everything = np.arange(count), vectors[order].astype(np.float32)
    for start in range(0, count, ROWS):
        some = everybody[start : start + ROWS]
        yield from _closest(some, everybody, everything[some] @ everything.T, least)


def _closest(
    ones: _Rows, others: _Rows, cosines: _Floats, least: float
) -> Iterator[tuple[_Rows, _Rows, _Floats]]:
    cosines[ones[:, None] == others[None, :]] = -1.0
    if len(others) > NEAREST:
        best = np.argpartition(cosines, len(others) - NEAREST, axis=1)[:, -NEAREST:]
        cosines = np.take_along_axis(cosines, best, axis=1)
    else:
        best = np.broadcast_to(np.arange(len(others)), cosines.shape)
    row, place = np.nonzero(cosines >= least)
    yield ones[row], others[best[row, place]], cosines[row, place]


def _buckets(vectors: Vectors, order: _Rows) -> Iterator[_Rows]:
    """Sorted ranks that lie together. Each face lies in several buckets, at two levels."""
    count, length = len(order), vectors.shape[1]
    projection = np.random.default_rng(1).standard_normal((length, COARSE), dtype=np.float32)
    coarse = np.empty((count, COARSE), np.float32)
    for start in range(0, count, ROWS):
        coarse[start : start + ROWS] = vectors[order[start : start + ROWS]].astype(np.float32) @ projection
    coarse /= np.linalg.norm(coarse, axis=1, keepdims=True)
    everybody = np.arange(count)
    for region in _split(coarse, everybody, ceil(sqrt(count / BUCKET))):
        yield from _split(coarse, region, ceil(len(region) / WAYS / BUCKET))


def _split(coarse: _Floats, ranks: _Rows, parts: int) -> Iterator[_Rows]:
    """Distribute faces over parts around middles, which begin as some of the faces."""
    if parts < WAYS:
        yield ranks
        return
    middles = coarse[ranks[np.linspace(0, len(ranks) - 1, parts, dtype=np.int64)]]
    for _ in range(ROUNDS):
        sums = np.zeros_like(middles)
        for start in range(0, len(ranks), ROWS):
            some = coarse[ranks[start : start + ROWS]]
            sums += np.eye(parts, dtype=np.float32)[(some @ middles.T).argmax(axis=1)].T @ some
        middles = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    chosen = np.concatenate(
        [
            np.argpartition(-(coarse[ranks[start : start + ROWS]] @ middles.T), WAYS - 1, axis=1)[:, :WAYS]
            for start in range(0, len(ranks), ROWS)
        ]
    ).ravel()
    by_part = np.argsort(chosen, kind="stable")
    members = np.repeat(ranks, WAYS)[by_part]
    yield from np.split(members, np.searchsorted(chosen[by_part], np.arange(1, parts)))
