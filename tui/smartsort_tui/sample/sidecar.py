"""The made-up sidecar: state, and answers to the requests the terminal UI makes.

`answer` works without a socket (through `transport`) and behind any server; what it does is a small, honest
part of what smartsort does: decided items leave the queue, a second decision is a conflict, undo brings back.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

from smartsort.api.schemas.control import ConfigPatch, ConfigView, ListChange, ListView, WhatIf
from smartsort.api.schemas.decisions import Approve, BulkApprove, BulkDecided, Decided, Selection
from smartsort.api.schemas.history import EventPage, EventView, Undo
from smartsort.api.schemas.judgement import Deny, WrongFiling
from smartsort.api.schemas.people import PersonChoice, PersonView
from smartsort.api.schemas.problems import Problem
from smartsort.api.schemas.review import ReviewPage
from smartsort.api.schemas.shapes import Shape
from smartsort.api.schemas.state import Check, DoctorReport, InFlight, Status
from smartsort_tui import wording
from smartsort_tui.sample import data, judgement, pictures

BASE = data.BASE
NOON = datetime(2025, 6, 14, 12, 0, tzinfo=UTC)
EVENTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a media type and bytes."""

    status: int
    media_type: str
    body: bytes


class _Refusal(Exception):
    def __init__(self, status: int, code: str, detail: str, happened: EventView | None = None) -> None:
        self.answer = _json(Problem(detail=detail, code=code, happened=happened), status)
        super().__init__(detail)


@dataclass
class SampleSidecar:
    """A sidecar with `count` waiting items, the newest with the highest number."""

    count: int = 40
    token: str | None = None
    clock: Callable[[], datetime] = lambda: NOON
    busy: bool = False
    """Photos are on their way and Immich has work."""
    broken_pictures: frozenset[int] = frozenset()
    enabled: bool = True
    requests: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.pending = list(range(1, self.count + 1))
        self.counts: Counter[str] = Counter(data.category(item) for item in self.pending)
        self.deferred: list[int] = []
        self.put_off: dict[int, int] = {}
        self.decided: dict[int, EventView] = {}
        self.events: list[EventView] = []
        self.created: list[PersonView] = []
        self.denied: dict[int, set[str]] = {}
        self.unchecked = list(range(judgement.FIRST, judgement.FIRST + judgement.CHECKS))
        self.checked: dict[int, bool] = {}
        self.take_back: dict[int, Callable[[], None]] = {}
        self.listed: dict[str, set[str]] = {"whitelist": set(data.NAMES[:5]), "blacklist": {"Victor Grey"}}
        self.settings: dict[str, Any] = {
            "min_confidence": 0.5,
            "min_margin": 0.05,
            "max_faces_per_image": 1,
            "min_face_share": 0.15,
            "when_confidence_unknown": "accept",
            "multiple_faces": "review",
            "action_on_duplicate": "move_to_review",
            "review_categories": dict.fromkeys(wording.CATEGORIES, True),
        }

        if self.busy:
            self._some_history()

    def _some_history(self) -> None:
        """A few things that happened before, for the activity."""
        for place, name in enumerate(("IMG_8001.jpg", "IMG_8002.jpg", "春の庭.jpg", "IMG_8004.jpg")):
            photo = 90_000 + place
            arrived = {"name": name, "source": "phone", "origin": "inbox"}
            self._happened("accepted", photo, f"Taken in from phone: {name}", "smartsort", arrived)
            placed = {"library": f"shard-0001/ab/0123456789abcdef/{name}"}
            self._happened("placed", photo, "Put into the library for Immich to look at", "smartsort", placed)
            self._filed("sorted", photo, name, data.NAMES[place], "smartsort")
        self._filed("approved", 90_010, "IMG_7999.jpg", "Nadia", "tui")
        self._rejected(90_011, "blurry.jpg", "tui")

    def _filed(self, kind: str, photo: int, name: str, person: str, actor: str) -> EventView:
        place = f"{data.folder(person)}/{name}"
        verb = {"sorted": "Filed under", "approved": "Approved as"}[kind]
        details = {"people": [person], "names": [["faces", place]]}
        return self._happened(kind, photo, f"{verb} {person}: faces/{place}", actor, details, undoable=True)

    def _rejected(self, photo: int, name: str, actor: str) -> EventView:
        details = {"names": [["trash", f"2025-06/{name}"]]}
        return self._happened(
            "rejected", photo, "Rejected; its file is in the trash", actor, details, undoable=True
        )

    # --- answering --------------------------------------------------------------------------

    def transport(self) -> httpx.AsyncBaseTransport:
        """For a client in the same process."""
        return _Transport(self)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer to one request; the event stream is not among them (see `status`, `events`)."""
        self.requests[f"{method} {path.rsplit('/', 1)[-1]}"] += 1
        if not self.is_known(headers):
            return _json(Problem(detail="the token is missing or wrong", code="unauthorised"), 401)
        if not path.startswith(BASE):
            return Answer(404, "text/html", b"<html>nothing here</html>")
        parts = [unquote(part) for part in path.removeprefix(BASE).strip("/").split("/")]
        try:
            return self._route(method, parts, query, body)
        except _Refusal as refusal:
            return refusal.answer

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the token is right, with the header's names in lower case."""
        return not self.token or headers.get("authorization") == f"Bearer {self.token}"

    def _route(self, method: str, parts: list[str], query: Mapping[str, str], body: bytes) -> Answer:
        match [method, *parts]:
            case ["GET", "review", "queue", *rest]:
                return _json(self._page(rest[0] if rest else query.get("category"), query))
            case ["GET", "review", "items", item, ("thumbnail" | "preview")]:
                return self._picture(int(item))
            case ["GET", "review", "items", item]:
                whole = data.whole(self._waiting(int(item)), self.clock(), self.count)
                return _json(judgement.without(whole, self.denied.get(int(item), set())))
            case ["GET", "photos", photo, "explain"] if 0 < int(photo) - 1000 <= self.count:
                return _json(judgement.explained(int(photo) - 1000, self.clock(), self.count))
            case [_, "spot-checks", *rest]:
                return _json(self._spot_checks(rest, body))
            case ["POST", "review", item, "deny"]:
                return _json(self._deny(int(item), Deny.model_validate_json(body)))
            case ["GET", "photos", photo, ("thumbnail" | "preview")]:
                return Answer(200, "image/jpeg", pictures.photo(int(photo), 1, (320, 240)))
            case ["GET", "photos", photo, "history"]:
                return _json(EventPage(events=self._history(int(photo))))
            case ["GET", "review", "export"]:
                return Answer(200, "text/csv", self._export(query.get("category")))
            case ["POST", "review", "bulk", "approve"]:
                bulk = BulkApprove.model_validate_json(body)
                return _json(self._bulk(bulk, "approved", bulk.approve))
            case ["POST", "review", "bulk", "reject"]:
                return _json(self._bulk(Selection.model_validate_json(body), "rejected", None))
            case ["POST", "review", item, "approve"]:
                return _json(self._approve(int(item), Approve.model_validate_json(body)))
            case ["POST", "review", item, "reject"]:
                return _json(self._decide(int(item), "rejected", None))
            case ["POST", "review", item, "skip"]:
                return _json(self._put_off(self._waiting(int(item))))
            case ["POST", "undo"]:
                return _json(self._undo(Undo.model_validate_json(body)))
            case ["GET", "events"]:
                return _json(EventPage(events=list(reversed(self.events[-int(query.get("limit", "100")) :]))))
            case ["GET", "people"]:
                return Answer(
                    200, "application/json", json.dumps([who.model_dump() for who in self.people()]).encode()
                )
            case ["GET", "people", who, "thumbnail"]:
                seed = int(who.rsplit("-", 1)[-1]) if who[-1].isdigit() else 3
                return Answer(200, "image/jpeg", pictures.photo(seed, 1))
            case [_, "config", *rest]:
                return self._config(method, rest, body)
            case ["GET", "stats", "summary"]:
                days = int(query.get("days", "30"))
                summary = data.summary(days, self.clock(), len(self.pending), dict(self.counts))
                share = judgement.page(self.unchecked, self.checked, self.clock()).share
                return _json(summary.model_copy(update={"spot_checks": share}))
            case ["POST", ("enable" | "disable") as act]:
                self.enabled = act == "enable"
                return _json(self.status())
            case ["GET", "status"]:
                return _json(self.status())
            case ["GET", "doctor"]:
                return _json(_doctor())
        raise _Refusal(404, "not_found", f"there is no {'/'.join(parts)}")

    # --- reading ----------------------------------------------------------------------------

    def people(self) -> list[PersonView]:
        everybody = [*data.people(), *self.created]
        return [who.model_copy(update={"listed": self._list_of(who.name)}) for who in everybody]

    def status(self) -> Status:
        now = self.clock().isoformat()
        flying = [
            InFlight(photo_id=1, filename="IMG_9001.jpg", source="phone", state="hashed", since=now),
            InFlight(photo_id=2, filename="IMG_9002.jpg", source="phone", state="placed", since=now),
            InFlight(photo_id=3, filename="家族.jpg", source="instagram", state="known", since=now),
            InFlight(
                photo_id=4,
                filename="broken.jpg",
                source="whatsapp",
                state="known",
                since=now,
                problem="Immich has not finished its thumbnail; asked again",
            ),
        ]
        return Status(
            enabled=self.enabled,
            ready=True,
            version="0.1.0",
            immich="connected",
            immich_version="3.1.0",
            immich_url="http://immich-server:2283",
            root="/data",
            inbox="/data/inbox",
            in_review=len(self.pending),
            unfinished={"placed": 1, "known": 2} if self.busy else {},
            queues={"thumbnailGeneration": 1210, "faceDetection": 1204} if self.busy else {},
            estimated_wait_seconds=312.0 if self.busy else 4.0,
            in_flight=flying if self.busy else [],
            started_at=now,
        )

    def _list_of(self, name: str) -> Any:
        return next((which for which, names in self.listed.items() if name in names), None)

    def _page(self, category: str | None, query: Mapping[str, str]) -> ReviewPage:
        limit = int(query.get("limit", "50"))
        cursor = query.get("cursor", str(self.count + 1))
        search = query.get("search", "").casefold()
        items: list[int] = []
        total = len(self.pending) if not search else 0
        if category and not search:
            total = self.counts[category]
        if search:
            total = sum(self._fits(item, category, search) for item in self.pending)
        following = ""
        for item, place in self._from(cursor):
            if self._fits(item, category, search):
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
        """Items after a cursor, each with the cursor that follows it: newest first, then those put off."""
        put_off = set(self.deferred)
        first = 0
        if cursor.startswith("d"):
            first = int(cursor[1:])
        else:
            for place in range(bisect_left(self.pending, int(cursor)) - 1, -1, -1):
                if (item := self.pending[place]) not in put_off:
                    yield item, str(item)
        for place in range(first, len(self.deferred)):
            yield self.deferred[place], f"d{place + 1}"

    def _fits(self, item: int, category: str | None, search: str) -> bool:
        if category and data.category(item) != category:
            return False
        if not search:
            return True
        names = [one.person.name.casefold() for one in data.suggestions(item)[:1]]
        return search in data.filename(item).casefold() or any(search in name for name in names)

    def _picture(self, item: int) -> Answer:
        if item in self.broken_pictures:
            return Answer(200, "image/jpeg", b"\xff\xd8\xff not a picture at all")
        size = (300, 225) if data.category(item) == "duplicates" else pictures.SIZE
        seed = item - 1000 if item > self.count else item
        return Answer(200, "image/jpeg", pictures.photo(seed % 48, data.face_count(item), size))

    def _export(self, category: str | None) -> bytes:
        lines = ["id,category,filename,reason"]
        for item in reversed(self.pending):
            row = data.row(item, self.clock(), self.count)
            if category in (None, row.category):
                lines.append(f"{row.id},{row.category},{row.filename},{row.reason.replace(',', ';')}")
        return "\r\n".join(lines).encode()

    def _history(self, photo: int) -> list[EventView]:
        item = photo - 1000
        events = data.whole(item, self.clock(), self.count).history if item >= 1 else []
        return [*events, *(event for event in self.events if event.photo_id == photo)]

    # --- deciding ---------------------------------------------------------------------------

    def _waiting(self, item: int) -> int:
        place = bisect_left(self.pending, item)
        if place < len(self.pending) and self.pending[place] == item:
            return item
        if item in self.decided:
            happened = self.decided[item]
            raise _Refusal(409, "conflict", f"item {item} was decided already", happened)
        raise _Refusal(404, "not_found", f"there is no item {item}")

    def decide_as_somebody(self, item: int, kind: str = "approved") -> None:
        """Somebody else decides an item."""
        self._decide(item, kind, "John Doe" if kind == "approved" else None, actor="somebody")

    def _approve(self, item: int, approve: Approve) -> Decided:
        self._waiting(item)
        choices: list[Any] = [*approve.people] or ([approve.person] if approve.person else [])
        names = [self._named(choice) for choice in choices]
        if not names:
            names = [one.person.name for one in data.suggestions(item)[:1]]
        if not names:
            raise _Refusal(422, "invalid", f"nobody is suggested for item {item}: name a person")
        return self._decide(item, "approved", ", ".join(names))

    def _named(self, choice: Any) -> str:
        if isinstance(choice, str):
            return choice
        for who in self.people():
            if who.id == choice.id or (choice.id is None and who.name == choice.name):
                return who.name
        if choice.name and choice.create:
            number = len(data.NAMES) + len(self.created)
            self.created.append(PersonView(id=f"person-{number}", name=choice.name, photos=0))
            return str(choice.name)
        raise _Refusal(422, "invalid", f"Immich knows nobody called {choice.name!r}")

    def _decide(
        self, item: int, kind: str, person: str | None, actor: str = "api", event: int | None = None
    ) -> Decided:
        self._waiting(item)
        self.pending.pop(bisect_left(self.pending, item))
        if item in self.deferred:
            self.deferred.remove(item)
        self.counts[data.category(item)] -= 1
        name = data.filename(item)
        if kind == "approved":
            happened = self._filed(kind, item + 1000, name, person or "nobody", actor)
        else:
            happened = self._rejected(item + 1000, name, actor)
        self.decided[item] = happened
        return Decided.model_validate(
            {
                "id": item,
                "photo_id": item + 1000,
                "action": kind,
                "person": person,
                "destination": f"faces/{data.folder(person)}/{name}" if person else f"trash/2025-06/{name}",
                "event": event or happened.id,
            }
        )

    def _put_off(self, item: int) -> Decided:
        if item in self.deferred:
            self.deferred.remove(item)
        self.deferred.append(item)
        where = {"names": [["review", f"{data.category(item)}/{data.review_name(item)}"]]}
        event = self._happened(
            "deferred", item + 1000, "Put off; it is listed after the others", "api", where, undoable=True
        )
        self.put_off[event.id] = item
        return Decided(id=item, photo_id=item + 1000, action="skipped", event=event.id)

    def _happened(
        self,
        kind: str,
        photo: int | None,
        text: str,
        actor: str = "api",
        details: dict[str, Any] | None = None,
        *,
        undoable: bool = False,
    ) -> EventView:
        number = self.events[-1].id + 1 if self.events else 100
        event = EventView(
            id=number,
            at=self.clock().isoformat(),
            actor=actor,
            kind=kind,
            photo_id=photo,
            text=text,
            data=details or {},
            undoable=undoable,
        )
        self.events.append(event)
        del self.events[:-EVENTS_KEPT]
        return event

    def _bulk(self, selection: Selection, kind: str, approve: Approve | None) -> BulkDecided:
        items = selection.ids or [
            item
            for item in reversed(self.pending)
            if self._fits(item, selection.category, (selection.search or "").casefold())
        ]
        decided: list[Decided] = []
        for item in items:
            try:
                decided.append(self._one_of_many(item, kind, approve, dry=selection.dry_run))
            except _Refusal as refusal:
                problem = json.loads(refusal.answer.body)["detail"]
                decided.append(Decided(id=item, photo_id=item + 1000, action="failed", problem=problem))
        failed = sum(one.action == "failed" for one in decided)
        event = None
        if not selection.dry_run and len(decided) > failed:
            event = self._happened(f"bulk_{kind}", None, f"{len(decided) - failed} photos {kind}").id
        return BulkDecided(decided=decided, done=len(decided) - failed, failed=failed, event=event)

    def _one_of_many(self, item: int, kind: str, approve: Approve | None, *, dry: bool) -> Decided:
        if not dry:
            return self._decide(item, kind, None) if approve is None else self._approve(item, approve)
        self._waiting(item)
        if approve is None:
            return Decided(
                id=item,
                photo_id=item + 1000,
                action="would_reject",
                destination=f"trash/2025-06/{data.filename(item)}",
            )
        first = data.suggestions(item)[:1]
        if not first and not approve.person and not approve.people:
            raise _Refusal(422, "invalid", f"photo {item + 1000} has no suggested person; say whose it is")
        name = first[0].person.name if first else ""
        if approve.people:
            name = ", ".join(choice.name or "" for choice in approve.people)
        return Decided(
            id=item,
            photo_id=item + 1000,
            action="would_approve",
            person=name,
            destination=f"faces/{data.folder(name)}/{data.filename(item)}",
        )

    def _deny(self, item: int, deny: Deny) -> Decided:
        waiting = judgement.without(
            data.whole(self._waiting(item), self.clock(), self.count), self.denied.get(item, set())
        )
        named = deny.person.id if isinstance(deny.person, PersonChoice) else None
        person = next((one.person for one in waiting.suggestions if named in (None, one.person.id)), None)
        if person is None:
            raise _Refusal(409, "conflict", "nobody is suggested who could be ruled out")
        self.denied.setdefault(item, set()).add(person.id)
        text = f"It is not {person.name}"
        event = self._happened("denied", item + 1000, text, undoable=True)
        self.take_back[event.id] = lambda: self.denied[item].discard(person.id)
        return Decided(id=item, photo_id=item + 1000, action="denied", event=event.id)

    def _spot_checks(self, rest: list[str], body: bytes) -> Shape:
        if not rest:
            return judgement.page(self.unchecked, self.checked, self.clock())
        photo, answer = int(rest[0]), rest[1]
        if photo not in self.unchecked:
            raise _Refusal(409, "conflict", f"the filing of photo {photo} was answered already")
        name = judgement.check(photo, self.clock()).filename
        place = self.unchecked.index(photo)
        self.unchecked.remove(photo)
        self.checked[photo] = answer == "confirm"
        kind, text = "confirmed", "The filing was confirmed"
        if answer != "confirm":
            people = WrongFiling.model_validate_json(body).people
            names = ", ".join(str(getattr(one, "name", one)) for one in people)
            kind, text = ("refiled", f"Filed under {names} instead") if people else ("undone", "To review")
        event = self._happened(kind, photo, text, details={"name": name}, undoable=True)

        def back() -> None:
            self.unchecked.insert(place, photo)
            del self.checked[photo]

        self.take_back[event.id] = back
        return Decided(id=0, photo_id=photo, action="confirmed", event=event.id)

    def _undo(self, undo: Undo) -> BulkDecided:
        if undo.event in self.take_back:
            self.take_back.pop(undo.event)()
            return BulkDecided(decided=[], done=1, failed=0)
        if undo.event in self.put_off:
            item = self.put_off.pop(undo.event)
            self.deferred.remove(item)
            back = Decided(id=item, photo_id=item + 1000, action="undone")
            return BulkDecided(decided=[back], done=1, failed=0)
        events = {happened.id: item for item, happened in self.decided.items()}
        bulk = next((event for event in self.events if event.id == undo.event), None)
        items = [events[undo.event]] if undo.event in events else []
        if bulk is not None and bulk.kind.startswith("bulk_"):
            items = [item for number, item in events.items() if number < bulk.id]
        if not items:
            raise _Refusal(404, "not_found", f"event {undo.event} cannot be undone")
        decided = []
        for item in items:
            del self.decided[item]
            self.pending.insert(bisect_left(self.pending, item), item)
            self.counts[data.category(item)] += 1
            self._happened("undone", item + 1000, "Taken back: it is in review again")
            decided.append(Decided(id=item, photo_id=item + 1000, action="undone"))
        return BulkDecided(decided=decided, done=len(decided), failed=0, event=self.events[-1].id)

    # --- settings ---------------------------------------------------------------------------

    def _config(self, method: str, rest: list[str], body: bytes) -> Answer:
        match rest:
            case ["what-if"]:
                return _json(self._what_if(ConfigPatch.model_validate_json(body)))
            case [("whitelist" | "blacklist") as which]:
                if method != "GET":
                    change = ListChange.model_validate_json(body)
                    self.listed[which] |= set(change.add)
                    self.listed[which] -= set(change.remove)
                return _json(ListView(names=sorted(self.listed[which])))
            case _:
                if method == "PATCH":
                    patch = ConfigPatch.model_validate_json(body).model_dump(exclude_none=True)
                    self.settings["review_categories"].update(patch.pop("review_categories", {}))
                    self.settings.update(patch)
                return _json(
                    ConfigView(
                        config={"smart_download": self.settings},
                        whitelist=sorted(self.listed["whitelist"]),
                        blacklist=sorted(self.listed["blacklist"]),
                    )
                )

    def _what_if(self, patch: ConfigPatch) -> WhatIf:
        before = {"faces": 410, "low_confidence": 42, "unidentified": 31, "multiple_faces": 17}
        moved = 0
        if patch.min_confidence is not None:
            moved = round((self.settings["min_confidence"] - patch.min_confidence) * 100)
        moved = max(-410, min(42, moved))
        after = {**before, "faces": before["faces"] + moved, "low_confidence": 42 - moved}
        way = "low_confidence -> faces" if moved > 0 else "faces -> low_confidence"
        return WhatIf(looked_at=500, before=before, after=after, moves={way: abs(moved)} if moved else {})


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, sidecar: SampleSidecar) -> None:
        self._sidecar = sidecar

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        if request.url.path.endswith("/events/stream") and self._sidecar.is_known(headers):
            return httpx.Response(
                200, headers={"content-type": "text/event-stream"}, stream=_Stream(self._sidecar)
            )
        answer = self._sidecar.answer(
            request.method,
            request.url.path,
            dict(request.url.params),
            headers,
            await request.aread(),
        )
        return httpx.Response(answer.status, headers={"content-type": answer.media_type}, content=answer.body)


class _Stream(httpx.AsyncByteStream):
    """The status once, then silence until the client hangs up."""

    def __init__(self, sidecar: SampleSidecar) -> None:
        self._sidecar = sidecar

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield f"event: status\ndata: {self._sidecar.status().model_dump_json()}\n\n".encode()
        await asyncio.Event().wait()


def _json(shape: Shape, status: int = 200) -> Answer:
    return Answer(status, "application/json", shape.model_dump_json().encode())


def _doctor() -> DoctorReport:
    return DoctorReport(
        status="degraded",
        checks=[
            Check(name="Immich", verdict="ok", detail="3.1.0 answers in 12 ms"),
            Check(name="permissions", verdict="ok", detail="all that are needed are there"),
            Check(name="hard links", verdict="ok", detail="library, faces and review are one file system"),
            Check(
                name="confidence",
                verdict="warning",
                detail="no machine learning service is configured",
                remedy="set immich.ml_url to have confidences",
            ),
        ],
    )
