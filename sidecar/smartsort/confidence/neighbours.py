"""Which of many faces are close to each other, while faces come and go.

Faces are vectors of whole numbers. Their products are whole and below 2^24, so single precision has them
exactly: what is found depends neither on the order of the faces nor on how many are compared at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b

from smartsort.confidence.buckets import LENGTH, Buckets, Rows, Vectors, whole, with_room

# isort: split
# The buckets let numpy in.
import numpy as np

from smartsort.core.groups import DAYS_APART, HINT, LINKED, NEAREST, Link, UnnamedFace

EXACT = 10_000
"""Faces up to which every pair is compared, of more those that share a bucket."""

ROWS, SPARE = 250, 16
"""Faces compared with all others at once, and how many faces make room for one more when there is none."""

_PLACE, _SIDE, _FAR = 24, 40, 10_000
"""A link as one number: a face, how far the other is in steps of 0.0001, and the other one."""
_OTHER, _STEPS = (1 << _PLACE) - 1, (1 << _SIDE - _PLACE) - 1

_CHUNK = 50_000


def of_ledger(packed: bytes) -> Vectors:
    """Return a face as whole numbers, from the single precision of the ledger."""
    return whole(np.frombuffer(packed, "<f4"))


def rows(packed: bytearray, length: int) -> Vectors:
    """Return faces of so many numbers each, one in each row."""
    return np.frombuffer(packed, np.int16).reshape(-1, max(1, length))


class Neighbours:
    """The `NEAREST` faces of each face, and the links that follow. Each face has a slot, which is a number.

    With more than `EXACT` faces the buckets stay as they are until there are twice or half as many faces.
    """

    def __init__(self, length: int, level: float = 0.0) -> None:
        self._level = level
        self.faces: dict[int, UnnamedFace] = {}
        """By slot."""
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._hints: dict[str, int] = {"": 0}
        self._vectors: Vectors = np.empty((0, length), np.int16)
        self._photo, self._day, self._hint = (np.empty(0, np.int64) for _ in range(3))
        self._order = np.empty(0, np.int64)  # which of two that are as close comes first
        self._is_there = np.empty(0, np.bool_)
        self._numbers = np.empty(0, np.int64)
        self._buckets: Buckets | None = None
        self._built = 0

    @property
    def length(self) -> int:
        """Of how many numbers a face is."""
        return int(self._vectors.shape[1])

    def slot(self, face_id: str) -> int:
        """The slot of a face. Raises KeyError."""
        return self._slots[face_id]

    def put(
        self, come: Sequence[UnnamedFace], vectors: Vectors, gone: Collection[str] = ()
    ) -> frozenset[int]:
        """Take faces out and others in. Return the slots of new faces, and of those with other links.

        These are all slots once the number of faces has outgrown the buckets.
        """
        there = self._is_there
        left = np.zeros(len(there), np.bool_)
        for face_id in gone:
            slot = self._slots.pop(face_id)
            del self.faces[slot]
            left[slot] = True
            self._free.append(slot)
        there &= ~left
        one, other = self._numbers >> _SIDE, self._numbers & _OTHER
        lost = left[one] | left[other]
        # Who had as many as are known, and lost one, may have others that are as close.
        count = np.bincount(one, minlength=len(there))
        short = np.unique(one[lost & there[one] & (count[one] >= NEAREST)])
        alone = np.concatenate([one[lost], other[lost]])
        changed = alone[there[alone]]
        self._numbers = self._numbers[~lost]
        new = self._take_in(come, vectors)
        if self._is_outgrown():
            slots = np.array(sorted(self.faces, key=lambda slot: self.faces[slot].id), np.int64)
            self._built = len(slots)
            self._buckets = Buckets(self._vectors, slots) if len(slots) > EXACT else None
            self._numbers = self._cut(self._found(slots))
            return frozenset(self.faces)
        if self._buckets is not None:
            self._buckets.put(self._vectors, new)
        searched = np.union1d(short, new)
        starts = range(0, len(searched), ROWS)
        more = [self._look_again(searched[start : start + ROWS], new) for start in starts]
        return frozenset(np.concatenate([changed, new, *more]).tolist())

    def _is_outgrown(self) -> bool:
        count = len(self.faces)
        if self._buckets is None:
            return self._built == 0 or count > EXACT
        return not self._built <= 2 * count <= 4 * self._built

    def _take_in(self, come: Sequence[UnnamedFace], vectors: Vectors) -> Rows:
        """Write faces into free slots."""
        missing = len(come) - len(self._free)
        if missing > 0:
            size = len(self._is_there)
            more = missing + size // SPARE
            self._vectors = with_room(self._vectors, more)
            self._photo, self._day = with_room(self._photo, more), with_room(self._day, more)
            self._hint, self._order = with_room(self._hint, more), with_room(self._order, more)
            self._is_there = with_room(self._is_there, more)
            self._free += reversed(range(size, size + more))
        new = np.array([self._free.pop() for _ in come], np.int64)
        self.faces.update(zip(new.tolist(), come, strict=True))
        self._slots.update(zip((face.id for face in come), new.tolist(), strict=True))
        self._photo[new], self._day[new] = [face.photo_id for face in come], [face.day for face in come]
        self._hint[new] = [self._hints.setdefault(face.hint, len(self._hints)) for face in come]
        self._order[new] = [_number(face.id) for face in come]
        self._vectors[new], self._is_there[new] = vectors, True
        return new

    def _look_again(self, searched: Rows, new: Rows) -> Rows:
        """Find the closest of some faces, and bring the new ones to those they are close to.

        Return the slots of both ends of what has changed.
        """
        found = self._found(searched, whole_rows=True)
        is_new, concerned = np.zeros((2, len(self._is_there)), np.bool_)
        is_new[new] = concerned[searched] = True
        one, far, other = found >> _SIDE, found >> _PLACE & _STEPS, found & _OTHER
        met = is_new[one]
        back = (other << _SIDE | far << _PLACE | one)[met]
        concerned[other[met]] = True
        mine = concerned[self._numbers >> _SIDE]
        before, rest = self._numbers[mine], self._numbers[~mine]
        after = self._cut(np.concatenate([before, found, back]))
        self._numbers = np.concatenate([rest, after])
        ends = np.setxor1d(before, after)
        return np.concatenate([ends >> _SIDE, ends & _OTHER])

    def links(self, slots: Collection[int] | None = None) -> Iterator[Link]:
        """Yield each link once, or each that one of these slots has."""
        numbers = self._numbers
        if slots is not None:
            chosen = np.zeros(len(self._is_there), np.bool_)
            chosen[list(slots)] = True
            numbers = numbers[chosen[numbers >> _SIDE] | chosen[numbers & _OTHER]]
        one, far, other = numbers >> _SIDE, numbers >> _PLACE & _STEPS, numbers & _OTHER
        pairs = _once(np.minimum(one, other) << _SIDE | np.maximum(one, other) << _SIDE - _PLACE | far)
        for start in range(0, len(pairs), _CHUNK):  # as objects of Python they take ten times the room
            some = pairs[start : start + _CHUNK]
            high, alike = some >> _SIDE - _PLACE & _OTHER, 1.0 - (some & _STEPS) / _FAR
            yield from zip((some >> _SIDE).tolist(), high.tolist(), alike.tolist(), strict=True)

    def _found(self, searched: Rows, *, whole_rows: bool = False) -> Rows:
        """Return numbers of the closest faces of these slots and some others, or of all that are linked.

        One may come several times.
        """
        found = [np.empty(0, np.int64)]
        if self._buckets is not None:
            for ones, others in self._buckets.together(searched, self._is_there):
                found.append(self._close(ones, others, whole_rows=whole_rows))
        else:
            everybody = np.flatnonzero(self._is_there)
            for start in range(0, len(searched), ROWS):
                some = searched[start : start + ROWS]
                found.append(self._close(some, everybody, whole_rows=whole_rows))
        return np.concatenate(found)

    def _close(self, ones: Rows, others: Rows, *, whole_rows: bool) -> Rows:
        least = LINKED - (HINT if len(self._hints) > 1 else 0.0)
        theirs = self._vectors[others].astype(np.float32)
        # Of each with each the half is worked out, if both are one array.
        mine = theirs if np.array_equal(ones, others) else self._vectors[ones].astype(np.float32)
        dots = mine @ theirs.T
        row, column = np.nonzero(dots >= (least * (1 - self._level) + self._level) * LENGTH**2)
        one, other = ones[row], others[column]
        alike = (dots[row, column].astype(np.float64) / LENGTH**2 - self._level) / (1 - self._level)
        if len(self._hints) > 1:
            hint = self._hint[one]
            alike += HINT * ((hint == self._hint[other]) & (hint != 0))
        day, day_2 = self._day[one], self._day[other]
        near = (day == 0) | (day_2 == 0) | (np.abs(day - day_2) <= DAYS_APART)
        good = (alike >= LINKED) & near & (self._photo[one] != self._photo[other])
        far = _FAR - np.rint(np.minimum(alike[good], 1.0) * _FAR).astype(np.int64)
        numbers: Rows = one[good] << _SIDE | far << _PLACE | other[good]
        return numbers if whole_rows or len(numbers) <= NEAREST * len(ones) else self._cut(numbers)

    def _cut(self, numbers: Rows) -> Rows:
        """Return the numbers of the closest faces of each. Which came first does not matter."""
        other = numbers & _OTHER
        slots = _once(other)
        slots = slots[np.argsort(self._order[slots], kind="stable")]
        place = np.empty(len(self._order), np.int64)
        place[slots] = np.arange(len(slots))
        numbers = _once(numbers - other + place[other])
        one = numbers >> _SIDE
        begins = np.flatnonzero(np.diff(one, prepend=-1))
        position = np.arange(len(one)) - np.repeat(begins, np.diff(begins, append=len(one)))
        numbers = numbers[position < NEAREST]
        other = numbers & _OTHER
        closest: Rows = numbers - other + slots[other]
        return closest


def _number(face_id: str) -> int:
    return int.from_bytes(blake2b(face_id.encode(), digest_size=7).digest(), "big")


def _once(numbers: Rows) -> Rows:
    """Return the numbers in order, each once. `np.unique` takes ten times as long with its hash table."""
    numbers = np.sort(numbers)
    once: Rows = numbers[np.diff(numbers, prepend=-1) > 0]
    return once
