"""What an action is going to do to one photo, before it is done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from smartsort.actions.values import ANY_VERSION, ActionResult
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Decision, Evidence
from smartsort.errors import SmartsortError
from smartsort.files.media import acceptable_for
from smartsort.files.names import NAME_BYTES, candidates, library_name, shortened, with_prefix
from smartsort.files.shown import shown
from smartsort.files.sides import LONGEST_ENDING
from smartsort.ledger.arrangement import Arrangement, version
from smartsort.ledger.face_marks import PlacedMark
from smartsort.ledger.records import STAYS, Area, Member, Name, Photo
from smartsort.ledger.shots import companion_name, companions_of

_SOURCES = (Area.ORIGINAL, Area.LIBRARY, Area.TEMP, Area.TRASH, Area.REVIEW, Area.FACES)
"""Where the bytes of a new name are taken from: the name that stays for ever first."""

Message = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PlannedName:
    """A name to be made. `wanted` None: it takes its name from the photo it travels with."""

    area: Area
    folder: str
    source: Name
    wanted: str | None
    person_id: str | None = None

    def names(self, companion_of: str | None, at: datetime) -> Iterable[str]:
        """Return the names to try, in order. Inside the library only the one Immich knows will do."""
        name = self.wanted if self.wanted is not None else companion_name(self.source, companion_of or "")
        exact = self.area is Area.TEMP or (self.area is Area.LIBRARY and self.wanted is not None)
        return [name] if exact else candidates(name, at)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The row a photo gets in the review queue."""

    decision: Decision
    evidence: Evidence


@dataclass(slots=True)
class Plan:
    """One photo's part of an action: names to make, names to take away, and what the ledger shall say.

    `restore` is the arrangement an undo leads back to. The other actions set the fields after it.
    """

    photo: Photo
    before: Arrangement
    kind: EventKind
    done: str
    """The `action` of its `ActionResult`."""
    planned: list[PlannedName] = field(default_factory=list)
    removes: list[Name] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    undoes: int | None = None
    restore: Arrangement | None = None
    closed: tuple[str, str] | None = None
    """What became of the pending row, and who decided it."""
    waiting: Waiting | None = None
    withdrawn: bool = False
    deferred: bool = False
    person: str | None = None
    filed: bool = True
    """False for photos that leave the collection, whose `downloads` row stays as it is."""
    ruled_out: dict[str, str] | None = None
    marks: tuple[PlacedMark, ...] | None = None
    heir: Name | None = None
    """Another photo's name that the bytes of all that is removed live on under."""
    origins: Mapping[Member, str] = field(default_factory=dict)
    """Where an adopted photo and its companions came from: the bytes of all that is removed live on there."""
    moved: bool = False
    """True when they were moved from there, and have to go back first."""
    splits: bool = False
    """What is placed in `temp_downloads/` becomes photos of their own."""
    placing: bool = False
    """True from before names are made until it is known which. An error may leave that open."""
    placed: list[tuple[PlannedName, Name]] = field(default_factory=list)
    problem: SmartsortError | None = None

    @property
    def companions(self) -> tuple[str, ...]:
        """The files that travel with the photo, by name."""
        return tuple(companions_of(self.photo.original_name, self.before.names))

    @property
    def kept(self) -> list[Name]:
        """Names it has before and after."""
        gone = {(n.area, n.path) for n in self.removes}
        return [n for n in self.before.names if (n.area, n.path) not in gone]

    @property
    def after(self) -> list[Name]:
        """All names it has once the action is done."""
        return [*self.kept, *(name for _, name in self.placed)]

    @property
    def shard(self) -> int | None:
        """The shard of the library it is in, or will be."""
        number: int | None = self.values.get("shard", self.photo.shard)
        return number

    @property
    def touches_library(self) -> bool:
        """True when Immich has to look at the shard again."""
        return any(w.area is Area.LIBRARY for w in self.planned) or any(
            n.area is Area.LIBRARY for n in self.removes
        )

    @property
    def version(self) -> str:
        """What the photo is and what becomes of it. In the trash folders are months, which do not matter.

        A photo that was judged again meanwhile, with the same outcome, is what a preview has shown.
        """
        names = [name for name in self.foreseen() if not name.startswith(Area.TRASH.value)]
        becomes = [self.kind, self.person, self.values.get("person_id"), names]
        return f"{version(self.before, as_judged=False)}:{json.dumps(becomes)}"

    def is_as(self, seen: str) -> bool:
        """Return True for the version of a preview, for that of the photo alone, and for any."""
        return seen in (ANY_VERSION, self.version, version(self.before))

    def failed(self, code: str, problem: str) -> ActionResult:
        """Return the answer for a photo that stays as it was."""
        return ActionResult(self.photo.id, "failed", problem=problem, code=code, companions=self.companions)

    def foreseen(self) -> tuple[str, ...]:
        """Return the names it would have, as far as nobody else takes them first."""
        made = [
            os.path.join(w.area.value, w.folder, w.wanted)
            for w in self.planned
            if w.wanted is not None and w.source.member is Member.PHOTO
        ]
        stay = [path for path in places(self.kept) if not made or not path.startswith(Area.LIBRARY.value)]
        return tuple(shown(path) for path in (*made, *stay))


def places(names: Sequence[Name]) -> list[str]:
    """Return a photo's names outside the library, `area/path`, else the one inside."""
    own = [n for n in names if n.member is Member.PHOTO]
    outside = [n for n in own if n.area not in STAYS]
    return [os.path.join(n.area.value, n.path) for n in outside or own]


def source_of(names: Sequence[Name], member: Member) -> Name | None:
    """Return the name whose bytes a new one is made from."""
    own = [n for n in names if n.member is member]
    return min(own, key=lambda n: _SOURCES.index(n.area)) if own else None


def digest_in(plan: Plan, name: Name) -> str | None:
    """Return the digest of the bytes under one of a photo's names."""
    return name.sha256 or (plan.photo.sha256 if name.member is Member.PHOTO else None)


def names_in(
    photo: Photo,
    names: Sequence[Name],
    area: Area,
    folder: str,
    *,
    prefix: str = "",
    person_id: str | None = None,
) -> list[PlannedName]:
    """Return the photo and what travels with it, each under its original name, in one folder."""
    members = sorted({n.member for n in names}, key=lambda m: m is not Member.PHOTO)
    planned = []
    for member in members:
        source = source_of(names, member)
        if source is None:
            continue
        wanted = None
        if member is Member.PHOTO:
            wanted = with_prefix(prefix, photo.original_name)
            if len(members) > 1:
                wanted = shortened(wanted, NAME_BYTES - LONGEST_ENDING)
        planned.append(PlannedName(area, folder, source, wanted, person_id))
    return planned


@dataclass(frozen=True, slots=True)
class LibraryFolder:
    """A shard of the library and the photo's own folder in it, relative to `library/`."""

    number: int
    folder: str


def names_on(library_folder: LibraryFolder, photo: Photo, names: Sequence[Name]) -> list[PlannedName]:
    """Return the photo and what travels with it, in the library, under names that Immich reads."""
    name = library_name(photo.original_name, photo.extension or "", acceptable_for(photo.media_type))
    return [
        replace(planned, wanted=name) if planned.source.member is Member.PHOTO else planned
        for planned in names_in(photo, names, Area.LIBRARY, library_folder.folder)
    ]


def was_there(names: Sequence[Name]) -> bool:
    """Return True for a photo that was in Immich before smartsort: its file is never touched."""
    return any(n.area is Area.ORIGINAL for n in names)


def in_library(names: Sequence[Name]) -> bool:
    """Return True when the photo itself stands in the library."""
    return any(n.area is Area.LIBRARY and n.member is Member.PHOTO for n in names)
