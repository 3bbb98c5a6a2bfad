"""What an audit can find, as typed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from smartsort.ledger.records import Area, Member


class Weight(IntEnum):
    """How bad it is. The highest one is the exit status."""

    CLEAN = 0
    DRIFT = 1
    """Ledger and disk disagree. No bytes are missing."""
    LOSS = 2
    """Bytes that were accepted are not there, or not the same, and nobody said so."""


class Code(StrEnum):
    """What is wrong. Stable, for scripts."""

    LOST = "lost"
    """Every name of a photo is gone."""
    CORRUPT = "corrupt"
    """The bytes differ, although size and time are the same: a failing disk."""
    TRASH_EMPTIED = "trash_emptied"
    """`trash/` was emptied by hand."""
    MISSING = "missing"
    """A name was deleted. The bytes live on under another name."""
    MOVED = "moved"
    """A name was moved within `faces/` and `review/`, or there from `trash/`. Companion files follow."""
    EDITED = "edited"
    """A file was changed in place."""
    TOUCHED = "touched"
    """Only the time of a file was changed."""
    REPLACED = "replaced"
    """An editor put a new file in the place of a link."""
    UNLINKED = "unlinked"
    """A backup was restored without hard links."""
    UNREADABLE = "unreadable"
    """smartsort may not read a file, or the disk fails on it."""
    MISPLACED = "misplaced"
    """The ledger contradicts itself."""
    SHARED = "shared"
    """Two photos of different content are one file."""
    EXTRA_LINK = "extra_link"
    """A photo was linked a second time."""
    UNKNOWN = "unknown"
    """The ledger has no photo for a file."""
    LEFTOVER = "leftover"
    """A crash left a file behind."""
    INTENT_OPEN = "intent_open"
    """A crash left an action unfinished."""
    REVIEW_ROW = "review_row"
    """The table `review_queue` disagrees with the ledger."""
    DOWNLOAD_ROW = "download_row"
    """The table `downloads` disagrees with the ledger."""
    CHAIN = "chain"
    """The history was changed in the database."""


_WEIGHTS = {Code.LOST: Weight.LOSS, Code.CORRUPT: Weight.LOSS}

REMEDIES = {
    Code.LOST: "put the file back from a backup. `smartsort audit --repair` takes it from where you put it. "
    "If it is gone for good, `--repair --accept-loss` makes the ledger say so",
    Code.CORRUPT: "look at the disk. Put the file back from a backup",
    Code.TRASH_EMPTIED: "`smartsort audit --repair` notes that it is gone for good",
    Code.MISSING: "`smartsort audit --repair` links it again from the name that is left",
    Code.MOVED: "`smartsort audit --repair` makes the ledger follow: the photo counts as filed by you, or "
    "waits, where it is now. A file of library/ or temp_downloads/ moves back",
    Code.EDITED: "`smartsort audit --repair` makes the ledger know the file as it is now",
    Code.TOUCHED: "`smartsort audit --repair` makes the ledger know the new time",
    Code.REPLACED: "`smartsort audit --repair` keeps both: the new file becomes a photo of its own and the "
    "old one is linked beside it",
    Code.UNLINKED: "the same bytes lie there twice now (a backup put back without hard links?). "
    "`smartsort audit --repair` makes the ledger know",
    Code.UNREADABLE: "give smartsort's user read access, or look at the disk",
    Code.MISPLACED: "stop smartsort, make a copy of the ledger and report this. `smartsort rebuild` makes a "
    "new ledger from the folders",
    Code.SHARED: "stop smartsort and report this. No bytes are missing",
    Code.EXTRA_LINK: "`smartsort audit --repair` takes a link under faces/ as meant. Others are yours to "
    "remove",
    Code.UNKNOWN: "move it to the inbox to have it sorted, or elsewhere",
    Code.LEFTOVER: "the next start of smartsort clears it up",
    Code.INTENT_OPEN: "the next start of smartsort finishes it",
    Code.REVIEW_ROW: "`smartsort audit --repair` writes the row again",
    Code.DOWNLOAD_ROW: "`smartsort audit --repair` writes the row again",
    Code.CHAIN: "compare the history with a backup of the ledger",
}


@dataclass(slots=True)
class Finding:
    """One thing that is wrong. `path` is absolute. `mended` says what `--repair` did about it."""

    code: Code
    what: str
    photo_id: int | None = None
    path: str | None = None
    area: Area | None = None
    relative: str | None = None
    member: Member = Member.PHOTO
    mended: str = ""
    sha256: str | None = None
    """The digest of the file as it is now, where it was read."""
    others: tuple[int, ...] = field(default_factory=tuple)
    """Photos that have to do with it."""

    @property
    def weight(self) -> Weight:
        """How bad it is."""
        return _WEIGHTS.get(self.code, Weight.DRIFT)

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]
