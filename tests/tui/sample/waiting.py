"""The made-up sidecar's queue and history: what waits, in the order the API gives it, and what happened."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from tests.tui.sample import data
from tests.tui.sample.answers import Refusal

from smartsort.api.schemas.decisions import ActionResultView
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.review import ReviewPage
from smartsort_tui import wording

NOON = datetime(2025, 6, 14, 12, 0, tzinfo=UTC)
EVENTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Undoing:
    """What taking an event back does to one photo, and what is said of it before it is done."""

    would: ActionResultView
    back: Callable[[], None] = lambda: None


@dataclass
class SampleQueue:
    """`count` waiting items, the newest with the highest number."""

    count: int = 40
    token: str | None = None
    clock: Callable[[], datetime] = lambda: NOON
    busy: bool = False
    """Photos are on their way and Immich has work."""
    broken_pictures: frozenset[int] = frozenset()
    enabled: bool = True
    requests: Counter[str] = field(default_factory=Counter)
    lock: RLock = field(default_factory=RLock)
    """A server answers in a thread of its own while a test decides as somebody else."""

    def __post_init__(self) -> None:
        self.pending = list(range(1, self.count + 1))
        self.counts: Counter[str] = Counter(data.category(item) for item in self.pending)
        self.deferred: list[int] = []
        self.decided: dict[int, EventView] = {}
        self.events: list[EventView] = []
        self.undoing: dict[int, list[Undoing]] = {}

    def arrive(self) -> None:
        """One more photo comes into the queue."""
        with self.lock:
            self.count += 1
            self.pending.append(self.count)
            self.counts[data.category(self.count)] += 1
            self.happened("reviewed", self.count, "To review", "smartsort")

    # --- the queue --------------------------------------------------------------------------

    def page(self, category: str | None, query: Mapping[str, str]) -> ReviewPage:
        """A page of what waits, newest first, then what was skipped."""
        limit = int(query.get("limit", "50"))
        cursor = query.get("cursor", str(self.count + 1))
        search = query.get("search", "").casefold()
        items: list[int] = []
        total = len(self.pending) if not search else 0
        if category and not search:
            total = self.counts[category]
        if search:
            total = sum(self.fits(item, category, search) for item in self.pending)
        following = ""
        for item, place in self._from(cursor):
            if self.fits(item, category, search):
                if len(items) == limit:
                    break
                items.append(item)
                following = place
        else:
            following = ""
        return ReviewPage(
            items=[data.row(item, self.clock(), self.count) for item in items],
            total=total,
            counts={name: self.counts[name] for name in wording.CATEGORIES},
            next_cursor=following or None,
        )

    def _from(self, cursor: str) -> Iterator[tuple[int, str]]:
        """Items after a cursor, each with the cursor that follows it: newest first, then those skipped."""
        skipped = set(self.deferred)
        first = 0
        if cursor.startswith("d"):
            first = int(cursor[1:])
        else:
            for place in range(bisect_left(self.pending, int(cursor)) - 1, -1, -1):
                if (item := self.pending[place]) not in skipped:
                    yield item, str(item)
        for place in range(first, len(self.deferred)):
            yield self.deferred[place], f"d{place + 1}"

    def fits(self, item: int, category: str | None, search: str) -> bool:
        """Whether an item is of a category and has a text, in lower case, in its name or first person."""
        if category and data.category(item) != category:
            return False
        if not search:
            return True
        names = [data.NAMES[number].casefold() for number in data.guesses(item)[:1]]
        return search in data.filename(item).casefold() or any(search in name for name in names)

    def waiting(self, item: int) -> int:
        """The item, if it waits. Raises Refusal."""
        place = bisect_left(self.pending, item)
        if place < len(self.pending) and self.pending[place] == item:
            return item
        if item in self.decided:
            happened = self.decided[item]
            raise Refusal(409, "conflict", f"item {item} was decided already", happened)
        raise Refusal(404, "not_found", f"there is no item {item}")

    def take_out(self, item: int) -> None:
        """The item waits no longer."""
        self.pending.pop(bisect_left(self.pending, item))
        if item in self.deferred:
            self.deferred.remove(item)
        self.counts[data.category(item)] -= 1

    def put_back(self, item: int) -> None:
        """The item waits again, where it stood."""
        del self.decided[item]
        self.pending.insert(bisect_left(self.pending, item), item)
        self.counts[data.category(item)] += 1

    def export(self, category: str | None) -> bytes:
        """What waits as CSV."""
        lines = ["id,category,filename,reason"]
        for item in reversed(self.pending):
            row = data.row(item, self.clock(), self.count)
            if category in (None, row.category):
                lines.append(f"{row.id},{row.category},{row.filename},{row.reason.replace(',', ';')}")
        return "\r\n".join(lines).encode()

    # --- the history ------------------------------------------------------------------------

    def happened(
        self,
        kind: str,
        photo: int | None,
        text: str,
        actor: str = "api",
        details: dict[str, Any] | None = None,
        *,
        filename: str | None = None,
        undoing: list[Undoing] | None = None,
    ) -> EventView:
        """Note an event; `undoing` is what taking it back does, None for what cannot be taken back."""
        number = self.events[-1].id + 1 if self.events else 100
        if filename is None and photo is not None:
            filename = data.filename(photo)
        event = EventView(
            id=number,
            at=self.clock().isoformat(),
            actor=actor,
            kind=kind,
            photo_id=photo,
            filename=filename,
            text=text,
            data=details or {},
            undoable=undoing is not None,
        )
        self.events.append(event)
        del self.events[:-EVENTS_KEPT]
        if undoing is not None:
            self.undoing[number] = undoing
        return event

    def filed(
        self,
        kind: str,
        photo: int,
        name: str,
        person: str,
        *,
        actor: str,
        back: Callable[[], None] = lambda: None,
    ) -> EventView:
        """Note that a photo was filed, by itself (`sorted`) or by a human (`approved`)."""
        place = f"{data.folder(person)}/{name}"
        verb = {"sorted": "was filed under", "approved": "was approved as"}[kind]
        details = {"people": [person], "names": [["faces", place]]}
        text = f"{name} {verb} {person}: faces/{place}"
        undoing = [self.undoing_of(photo, name, back)]
        return self.happened(kind, photo, text, actor, details, filename=name, undoing=undoing)

    def rejected(
        self, photo: int, name: str, *, actor: str, back: Callable[[], None] = lambda: None
    ) -> EventView:
        """Note that a photo was rejected."""
        details = {"names": [["trash", f"2025-06/{name}"]]}
        text = f"{name} was rejected and is in the trash"
        undoing = [self.undoing_of(photo, name, back)]
        return self.happened("rejected", photo, text, actor, details, filename=name, undoing=undoing)

    def undoing_of(self, photo: int, name: str, back: Callable[[], None]) -> Undoing:
        """A photo's way back into the queue."""
        place = f"review/unidentified/undone_{name}"
        if photo <= self.count:
            place = f"review/{data.category(photo)}/{data.review_name(photo)}"
        return Undoing(ActionResultView(id=photo, action="would_undo", destination=place), back)

    def some_history(self) -> None:
        """A few things that happened before, for the activity."""
        for place, name in enumerate(("IMG_8001.jpg", "IMG_8002.jpg", "春の庭.jpg", "IMG_8004.jpg")):
            photo = 90_000 + place
            text = f"{name} arrived from phone"
            self.happened("accepted", photo, text, "smartsort", {"source": "phone"}, filename=name)
            text = f"{name} was put into the library for Immich to look at"
            self.happened("placed", photo, text, "smartsort", filename=name)
            self.filed("sorted", photo, name, data.NAMES[place], actor="smartsort")
        self.filed("approved", 90_010, "IMG_7999.jpg", "Nadia", actor="tui")
        self.rejected(90_011, "blurry.jpg", actor="tui")

    def history(self, photo: int) -> list[EventView]:
        """All that happened to one photo."""
        events = data.whole(photo, self.clock(), self.count).history
        return [*events, *(event for event in self.events if event.photo_id == photo)]
