"""Whose faces is recognition through with? Pure bookkeeping over what its queue showed.

Immich assigns nobody before a job that stands for all ("queue-all") has been let through, and then one face
after the other, whatever else is at work. So photos whose own faces were in recognition, or past it, when no
queue-all was, wait for these faces alone; a later queue-all belongs to later photos.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from smartsort.core.completion import Listing


@dataclass(slots=True)
class _Cohort:
    assets: dict[str, int]
    """Its photos' ids, by asset."""
    open_faces: frozenset[str]
    """What recognition had left when it was last listed."""


class Cohorts:
    """Photos whose recognition has begun, together with the faces it had left at that moment."""

    def __init__(self) -> None:
        self._cohorts: list[_Cohort] = []

    def note(self, detected: Mapping[str, int], last: Listing) -> bool:
        """Take in a listing of recognition, read when detection was over for these (photo ids by asset).

        Photos that are not among `detected` any more are forgotten. True when recognition is seen to have
        begun with some of them.
        """
        for cohort in self._cohorts:
            cohort.assets = {a: i for a, i in cohort.assets.items() if a in detected}
            if not last.full:
                cohort.open_faces &= last.ids
        self._cohorts = [cohort for cohort in self._cohorts if cohort.assets]
        if last.collective or last.full:
            return False
        fresh = {asset: i for asset, i in detected.items() if self.left(asset) is None}
        if fresh:
            self._cohorts.append(_Cohort(fresh, last.ids))
        return bool(fresh)

    def left(self, asset_id: str) -> frozenset[str] | None:
        """The faces this photo may have to wait for; None while recognition has not begun with it."""
        return next((c.open_faces for c in self._cohorts if asset_id in c.assets), None)

    def waited_for(self, asset_ids: Iterable[str]) -> int:
        """How many faces recognition has left before it is through with all of these."""
        left: set[str] = set()
        for asset_id in asset_ids:
            left |= self.left(asset_id) or frozenset()
        return len(left)

    def through(self, asset_id: str, unassigned: Collection[str] | None) -> bool:
        """True when recognition has nothing left to do for this photo.

        `unassigned` are those of its faces that had no person when they were read; None before.
        """
        left = self.left(asset_id)
        if left is None:
            return False
        return not left if unassigned is None else left.isdisjoint(unassigned)

    def again(self, asset_ids: Collection[str]) -> None:
        """Recognition was started once more for these: they wait for it as if it had not begun."""
        for cohort in self._cohorts:
            cohort.assets = {a: i for a, i in cohort.assets.items() if a not in asset_ids}

    @property
    def photo_ids(self) -> frozenset[int]:
        """The photos recognition has begun with."""
        return frozenset(i for cohort in self._cohorts for i in cohort.assets.values())
