"""What a version of Immich can and cannot do, as far as it changes what smartsort does or says."""

from __future__ import annotations

from dataclasses import dataclass

OLDEST = (2, 5)
NEWEST = (3, 1)
"""The versions in between were not all measured. These two ends were."""
FILTERS = (3, 2)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Of one version."""

    version: tuple[int, int, int]
    supported: bool
    finds_together: bool
    """One search shows some photos and the trash: `filter` takes branches since 3.2."""

    @classmethod
    def of(cls, version: tuple[int, int, int]) -> Capabilities:
        """An unknown newer version is taken for the newest known one."""
        return cls(
            version=version,
            supported=version[:2] >= OLDEST,
            finds_together=version[:2] >= FILTERS,
        )
