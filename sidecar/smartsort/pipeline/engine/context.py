"""What every stage gets to work with, and how stages wake each other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlite_utils import Database

from smartsort.core.model import Person, State
from smartsort.core.naming import folder_name
from smartsort.core.policy import Policy
from smartsort.files.decoders import Decoders
from smartsort.files.layout import Layout
from smartsort.files.placement import Linking, Placer
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, apply, name_at
from smartsort.ledger.records import Area, Name
from smartsort.ports import PhotoServer


@dataclass(frozen=True, slots=True)
class Tuning:
    """The settings the stages need, in seconds, counts and bytes."""

    settle_seconds: float = 2.0
    scan_interval_seconds: float = 30.0
    companion_wait_seconds: float = 10.0
    polling: bool | None = None
    """True and False force it. None decides by the file system."""
    ignore: tuple[str, ...] = ()
    max_file_bytes: int = 0
    """0: no limit."""
    max_pixels: int = 0
    wait_time_seconds: float = 5.0
    """The longest pause between two looks at Immich."""
    trigger_scan: bool = True
    retry_if_no_faces: bool = True
    max_retries: int = 2
    recheck_interval_seconds: float = 60.0
    """Between two runs that compare the photos in review with what Immich has learned."""
    max_in_flight: int = 1000
    shard_size: int = 20_000
    check_hash: bool = True
    archive_unwanted: bool = False
    album_per_person: bool = False
    different_people: tuple[str, ...] = ()
    """Names of people who are not the same as those whom other users share under these names."""
    library_path: str = "/data/library"
    """Where Immich sees `library/`."""
    follow: bool = False
    """Photos that reach Immich without smartsort are followed: they get their links, too."""
    questions_per_day: int = 50
    requests_per_minute: int = 1200
    link_by_copy: bool = False


@dataclass(slots=True)
class Clock:
    """Time as the pipeline sees it. Tests put in their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def text(self) -> str:
        """Now, as the ledger writes times: ISO 8601 in UTC with milliseconds."""
        return self.now().astimezone(UTC).isoformat(timespec="milliseconds")


class StageWakeups:
    """Wakes a stage when photos have reached a state that it takes. Each subscriber has its own event."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Event, frozenset[State]] = {}

    def notify(self, *states: State) -> None:
        """Wake whoever waits for photos in one of these states."""
        for listener, wanted in self._listeners.items():
            if not wanted or not wanted.isdisjoint(states):
                listener.set()

    def notify_all(self) -> None:
        """Wake every stage: something they all depend on has changed."""
        self.notify(*State)

    def subscribe(self, *states: State) -> asyncio.Event:
        """Return an event that a notification of these states (none: any) sets. The subscriber clears it."""
        event = asyncio.Event()
        self._listeners[event] = frozenset(states)
        return event

    def unsubscribe(self, listener: asyncio.Event) -> None:
        """Stop setting an event that `subscribe` returned."""
        del self._listeners[listener]


@dataclass(slots=True)
class Context:
    """The tools of the stages. One per root."""

    ledger: Ledger
    server: PhotoServer
    layout: Layout
    placer: Placer
    policy: Callable[[], Policy]
    """The policy of this moment. It can change at run time."""
    enabled: Callable[[], bool]
    tuning: Tuning = field(default_factory=Tuning)
    clock: Clock = field(default_factory=Clock)
    wakeups: StageWakeups = field(default_factory=StageWakeups)
    arranging: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever rearranges photos at rest: a human's action, or the stage that judges again."""
    needs_recovery: set[int] = field(default_factory=set)
    """Photos whose last act met an error. What it left is finished or taken back before the next act, as it
    would be at the next start."""
    apart: frozenset[str] = frozenset()
    """Ids of people whose folder's name carries a digest: another name has the same folder form."""
    decoders: Decoders = field(default_factory=Decoders)
    checkpoint: Callable[[str], None] = lambda _: None
    """Called with a step's name before and after it. Kill tests die here."""
    _folders: dict[Area, str] = field(init=False, default_factory=dict)
    _given_up: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.placer.originals = tuple(ours for _, ours in self.layout.path_mapping)
        self.placer.known_folders.areas = self.layout.guarded[1:]
        self._folders = {
            Area.TEMP: self.layout.temp_downloads,
            Area.LIBRARY: self.layout.library,
            Area.FACES: self.layout.faces,
            Area.REVIEW: self.layout.review,
            Area.TRASH: self.layout.trash,
            Area.ORIGINAL: self.layout.outside,
        }

    async def commit(
        self, changes: Sequence[Change], also: Callable[[Database], None] = lambda _: None
    ) -> list[int]:
        """Write changes, and what `also` writes, in one transaction. Wakes the stages of the new states."""
        if not changes:
            return []
        at = self.clock.text()

        def write(db: Database) -> list[int]:
            also(db)
            return apply(db, changes, at)

        ids = await self.ledger.awrite(write)
        self.wakeups.notify(*{change.state for change in changes if change.state is not None})
        return ids

    def folder(self, area: Area) -> str:
        """Return the absolute folder that names of an area are relative to."""
        return self._folders[area]

    def place(self, area: Area, folder: str) -> str:
        """Return the absolute folder of one that is relative to an area."""
        # Not joined: an absolute one would lead out of the area. The placer refuses what is left of it.
        return f"{self.folder(area)}/{folder}" if folder else self.folder(area)

    def folders_above(self, names: Iterable[Name]) -> list[str]:
        """Return the folders that names lie in, up to their area's, the innermost first."""
        found: set[str] = set()
        for name in names:
            place = name.path
            while place := os.path.dirname(place):
                found.add(f"{self.folder(name.area)}/{place}")
        return sorted(found, key=lambda folder: -folder.count("/"))

    def person_folder(self, person: Person) -> str:
        """Return a person's own folder. Where below `faces/` it stands, the template says."""
        return folder_name(person.name, apart=person.id in self.apart)

    def absolute(self, name: Name) -> str:
        """Return where a name lies on this machine."""
        if name.area is Area.ORIGINAL:
            return self.layout.original(name.path)
        return f"{self.folder(name.area)}/{name.path}"

    def link_of(self, source: Name) -> Linking:
        """Return in which ways a name may be made from this one."""
        if source.area is not Area.ORIGINAL:
            return Linking.BYTES
        return Linking.APART if self.tuning.link_by_copy else Linking.NO_COPY

    def free_names(self, own: Name, area: Area, folder: str, names: Iterable[str]) -> Iterator[str]:
        """Yield names in a folder of an area for a file, without those of other photos and those that go.

        Blocking.

        Two photos may be one file: a user hard-linked it. Placing would take the other's name for this one's.
        A half that its picture takes in does leave its name: there the file is no longer the photo itself.
        """
        for name in names:
            path = os.path.join(folder, name)
            whole = f"{self.folder(area)}/{path}"
            if os.path.lexists(whole):
                if whole in self._given_up:
                    continue
                held = self.ledger.read(lambda db, path=path: name_at(db, area, path))  # type: ignore[misc]
                if held is not None and held.photo_id != own.photo_id and held.member is own.member:
                    continue
            yield name

    @contextmanager
    def giving_up(self, names: AbstractSet[str]) -> Iterator[None]:
        """While an act gives up names and removes them, its photos may be routed again: to other names."""
        self._given_up |= names
        try:
            yield
        finally:
            self._given_up -= names

    def in_immich(self, library_path: str) -> str:
        """Return a path below `library/` as Immich sees it."""
        return f"{self.tuning.library_path.rstrip('/')}/{library_path}"
