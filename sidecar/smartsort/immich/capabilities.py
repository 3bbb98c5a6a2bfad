"""What a version of Immich can and cannot do, as far as it changes what smartsort does or says."""

from __future__ import annotations

from dataclasses import dataclass

OLDEST = (2, 5)
NEWEST = (3, 1)
"""The versions in between were not all measured. These two ends were."""
FILTERS = (3, 2)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Of one version. `note` says what is uncertain about it, "" for a measured one."""

    version: tuple[int, int, int]
    supported: bool
    note: str
    cannot: tuple[str, ...]
    """What this version cannot do, for people to read."""
    albums_name_owner: bool
    """`GET /albums` says `ownerId`. Later the owner is one of the album's users."""
    finds_together: bool
    """One search shows some photos and the trash: `filter` takes branches since 3.2."""

    @classmethod
    def of(cls, version: tuple[int, int, int]) -> Capabilities:
        """An unknown newer version is taken for the newest known one."""
        shown = ".".join(map(str, version))
        before_3 = version[0] < 3
        note = ""
        if version[:2] < OLDEST:
            note = (
                f"Immich {shown} is older than {OLDEST[0]}.{OLDEST[1]}: its queues cannot be listed, so "
                "smartsort cannot tell when a photo is finished. Update Immich."
            )
        elif version[:2] > NEWEST:
            note = (
                f"Immich {shown} is newer than what smartsort was tried with ({NEWEST[0]}.{NEWEST[1]}) "
                "and is treated like that. `smartsort doctor` compares the two in detail."
            )
        cannot = ["tell how sure it is of a face", "tell when a photo is finished, except by its queues"]
        if not before_3:
            cannot.append("list the jobs of one status only")
            cannot.append("tell the boxes of faces with the photo itself")
        return cls(
            version=version,
            supported=version[:2] >= OLDEST,
            note=note,
            cannot=tuple(cannot),
            albums_name_owner=before_3,
            finds_together=version[:2] >= FILTERS,
        )
