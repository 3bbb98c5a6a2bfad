"""What is kept at hand within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class BoundedStore(Generic[ValueT]):
    """Values used last, up to a total weight. The heaviest single value is allowed the whole of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self._held: OrderedDict[Hashable, tuple[ValueT, int]] = OrderedDict()

    def get(self, key: Hashable) -> ValueT | None:
        """Return what is held under a key, which counts as used now, None when it was let go."""
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        return held[0]

    def put(self, key: Hashable, value: ValueT, weight: int) -> None:
        """Hold a value, and let go of those that were not used for longest."""
        _, before = self._held.pop(key, (value, 0))
        self._held[key] = (value, weight)
        self._total += weight - before
        while self._total > self._most and len(self._held) > 1:
            _, (_, dropped) = self._held.popitem(last=False)
            self._total -= dropped
