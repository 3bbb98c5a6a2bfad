"""The commands of `smartsort.core.recogniser` and the events that answer them. Photos go by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from smartsort.core.completion import Listing, QueueCounts, QueueSnapshot
from smartsort.core.model import Face

Ids = tuple[int, ...]


class Command:
    """What the recogniser wants done."""


@dataclass(frozen=True)
class TakeCounts(Command):
    """Take a snapshot of the queue counts: one call. Gives `Counted`."""


@dataclass(frozen=True)
class Resolve(Command):
    """Find the assets of placed photos: one call per 1,000. Gives `Resolved`."""

    photos: Ids


@dataclass(frozen=True)
class Rescan(Command):
    """Have Immich scan the shards of these photos again. Gives nothing."""

    photos: Ids


@dataclass(frozen=True)
class TakeLook(Command):
    """List all queues of the chain: seven calls. Gives `Looked`."""

    photos: Ids


@dataclass(frozen=True)
class ListFaces(Command):
    """List what recognition has to do: one call. Gives `Listed`."""


@dataclass(frozen=True)
class Search(Command):
    """Search who is on these photos: one call per 1,000 of the library. Gives `Shown`."""

    photos: Ids


@dataclass(frozen=True)
class ReadFaces(Command):
    """Read the faces of each of these photos: a call each. Gives `FacesRead`, also for no photos."""

    photos: Ids


@dataclass(frozen=True)
class TryAgain(Command):
    """Start recognition once more for faces without a person: one call. Gives `Tried`."""


@dataclass(frozen=True)
class AskDetection(Command):
    """Ask whether detection is over for photos that show nobody: some ten calls. Gives `Answered`.

    `reached` are those just seen with a preview and not in the trash.
    """

    photos: Ids
    reached: Ids


@dataclass(frozen=True)
class Conclusion:
    """Nothing about this photo can change any more: its faces, or why smartsort gives up."""

    photo: int
    faces: tuple[Face, ...] = ()
    gave_up: str = ""


@dataclass(frozen=True)
class Conclude(Command):
    """Have photos filed, and note how often a probe for others was in vain. Gives `Concluded`."""

    conclusions: tuple[Conclusion, ...]
    in_vain: Mapping[int, int]


@dataclass(frozen=True)
class Sleep(Command):
    """Nothing is due before `until` (None: before a photo is placed). `stuck`: no photo can be filed."""

    until: float | None
    stuck: bool = False


FILING = (Search, ReadFaces, TryAgain, AskDetection, Conclude)
"""While one of these fails, photos cannot be filed."""


class Event:
    """What happened."""


@dataclass(frozen=True)
class Waiting(Event):
    """The photos in flight with their assets (None: not known yet), and whether others are to follow."""

    photos: Mapping[int, str | None]
    backlog: bool = False


@dataclass(frozen=True)
class Counted(Event):
    """A snapshot of the queue counts: a hint, never a proof."""

    counts: QueueCounts


@dataclass(frozen=True)
class Resolved(Event):
    """The assets found. Photos left out are not imported yet."""

    assets: Mapping[int, str]


@dataclass(frozen=True)
class Looked(Event):
    """A reading of the whole chain in its order."""

    look: QueueSnapshot


@dataclass(frozen=True)
class Listed(Event):
    """A listing of recognition."""

    listing: Listing


@dataclass(frozen=True)
class Shown(Event):
    """Who shows somebody, who nobody, and who has a preview and is not in the trash.

    Photos that the search left out may show anybody.
    """

    somebody: AbstractSet[int]
    nobody: AbstractSet[int]
    reached: AbstractSet[int]


@dataclass(frozen=True)
class FacesRead(Event):
    """The faces that Immich shows. Photos in `gone` have lost their asset and are placed photos again.

    `worth_trying`: there are other people than when recognition was last started for faces without a person.
    """

    faces: Mapping[int, tuple[Face, ...]]
    gone: AbstractSet[int] = frozenset()
    worth_trying: bool = False


@dataclass(frozen=True)
class Tried(Event):
    """Whether recognition was started. It is not while it is at work."""

    started: bool


@dataclass(frozen=True)
class Answered(Event):
    """For which photos detection is over, and for which it had failed and was started again.

    Of the rest it is not known, because of `doubt`. `last` is what recognition had to do afterwards, None:
    Immich would not be asked now.
    """

    last: Listing | None
    finished: AbstractSet[int] = frozenset()
    unfinished: AbstractSet[int] = frozenset()
    doubt: str = ""


@dataclass(frozen=True)
class Concluded(Event):
    """The photos that were filed. The others stay as they are."""

    photos: AbstractSet[int]


@dataclass(frozen=True)
class Failed(Event):
    """A command failed. Nothing is known of what it wanted."""

    command: Command
