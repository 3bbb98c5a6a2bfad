"""Decide and route: link a photo to where it belongs, in the order intent, link, ledger, drop.

Photos that live in `library/` only gain a name. Photos that never got there (duplicates, unreadable
files) are moved out of `temp_downloads/`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from smartsort.core.decision import decide
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Decision, Evidence, Face, OtherCopy, Outcome, Person, State
from smartsort.core.reasons import SORTED_BEFORE
from smartsort.core.rules.lists import BLACKLISTED_PERSON
from smartsort.core.rules.sorted_before import face_of
from smartsort.core.templates import folders_of
from smartsort.core.wording import short
from smartsort.errors import SmartsortError, StorageError
from smartsort.files.names import NAME_BYTES, candidates, shortened, with_prefix
from smartsort.files.placement import Placed, PlaceRequest, Removed, RemoveRequest
from smartsort.files.problems import NameKept, NameLeft
from smartsort.files.shown import shown
from smartsort.files.sides import LONGEST_ENDING
from smartsort.ledger import photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, NewEvent, Photo
from smartsort.ledger.shots import companion_name, companions_of
from smartsort.ledger.source_tables import Download, ReviewRow
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recovery.recover import Recovery
from smartsort.pipeline.routing.people import People


@dataclass(frozen=True, slots=True)
class PhotoEvidence:
    """A photo and everything the decision needs to know about it."""

    photo: Photo
    evidence: Evidence

    @classmethod
    def unreadable(cls, photo: Photo, problem: str) -> PhotoEvidence:
        """Its file cannot be read as a picture."""
        return cls(photo, Evidence(unreadable=problem))

    @classmethod
    def known(cls, photo: Photo, copy: OtherCopy) -> PhotoEvidence:
        """Its content is here already."""
        return cls(photo, Evidence(other_copy=copy))


@dataclass(frozen=True, slots=True)
class Target:
    """A folder a photo gets a name in, `person` for those under `faces/`."""

    area: Area
    folder: str
    prefix: str = ""
    person: Person | None = None


@dataclass(slots=True)
class _Route:
    photo: Photo
    evidence: Evidence
    decision: Decision
    targets: tuple[Target, ...]
    held: list[Name]
    placed: list[tuple[Target, Name, Name]]
    """(where, the name it was linked from, the new name)"""
    problem: SmartsortError | None = None
    left: bool = False
    """A name was made for it that nobody accounts for. The journal tells where to look."""

    @property
    def adopted_by(self) -> str:
        """Who said, with a folder of their own, whose photo it is. "" where that does not decide."""
        said = self.evidence.sorted_before
        return said.by if said is not None and self.decision.reason.code == SORTED_BEFORE.code else ""

    @property
    def automatic(self) -> bool:
        """It is filed, and no human said so."""
        return self.decision.outcome is Outcome.SORTED and not self.adopted_by

    @property
    def source(self) -> Name:
        """The name the bytes are linked from: the library's where there is one."""
        order = {Area.ORIGINAL: 0, Area.LIBRARY: 0, Area.TEMP: 1}
        own = [n for n in self.held if n.member is Member.PHOTO]
        return min(own, key=lambda n: order.get(n.area, 2))

    @property
    def leaving(self) -> list[Name]:
        """Names that go once the new ones are in the ledger."""
        # A photo that is re-evaluated may find the very name it has. That one stays.
        kept = {(n.area, n.path) for *_, n in self.placed}
        return [n for n in self.held if n.area in (Area.TEMP, Area.REVIEW) and (n.area, n.path) not in kept]

    def successor(self, name: Name) -> Name | None:
        """Where the bytes of a leaving name live on: in the name made from it, or in one that stays."""
        made = next((n for _, source, n in self.placed if source == name), None)
        if made is not None:
            return made
        stays = [n for n in (*self.held, *(n for *_, n in self.placed)) if n.member is name.member]
        return next((n for n in stays if n not in self.leaving), None)


def targets_of(decision: Decision, at: datetime, folder_of: Callable[[Person], str]) -> tuple[Target, ...]:
    """Return where a decision puts a photo."""
    if decision.outcome is Outcome.SORTED:
        folders = folders_of(decision.folders, decision.people, folder_of)
        return tuple(Target(Area.FACES, folder, person=person) for folder, person in folders.items())
    if decision.outcome is Outcome.SKIPPED or decision.category is None:
        return (Target(Area.TRASH, at.strftime("%Y-%m")),)
    return (Target(Area.REVIEW, decision.category.value, decision.prefix),)


_STATES = {
    Outcome.SORTED: State.FILED,
    Outcome.REVIEWED: State.REVIEW,
    Outcome.SKIPPED: State.SKIPPED,
}


class Router:
    """Carries decisions out, many at a time."""

    def __init__(self, context: Context, people: People) -> None:
        self._context, self._people = context, people

    async def route(self, entries: Sequence[PhotoEvidence]) -> list[int]:
        """Decide and route photos. Return the ids of those that arrived.

        A photo that cannot be routed keeps its state and notes the problem. Raises StorageError when a folder
        or the ledger takes nothing, after routing what could be.
        """
        if not entries:
            return []
        ids = [v.photo.id for v in entries]
        if self._context.needs_recovery.intersection(ids):
            await asyncio.to_thread(Recovery(self._context).recover_photos, ids)
        try:
            return await self._route(entries, ids)
        except BaseException:
            # Whatever of it happened: the journal knows, and the next turn looks there first.
            self._context.needs_recovery.update(ids)
            raise

    async def _route(self, entries: Sequence[PhotoEvidence], ids: Sequence[int]) -> list[int]:
        context = self._context
        at = context.clock.now().astimezone()
        policy = context.policy()
        names = await context.ledger.aread(lambda db: photos.names_of(db, ids))
        routes = []
        for entry in entries:
            decision = decide(entry.evidence, policy, self._people.ambiguous)
            routes.append(
                _Route(
                    entry.photo,
                    entry.evidence,
                    decision,
                    targets_of(decision, at, context.person_folder),
                    names[entry.photo.id],
                    [],
                )
            )
        context.checkpoint("route:intent")
        await context.commit([Change(r.photo.id, intent=("route", self._intent(r, at))) for r in routes])
        await self._place(routes, at)
        context.checkpoint("route:placed")
        done = [r for r in routes if r.problem is None]
        await context.commit([self._change(r) for r in done])
        context.checkpoint("route:committed")
        await self._leave(done)
        await self._note_problems([r for r in routes if r.problem is not None])
        return [r.photo.id for r in done]

    def _intent(self, route: _Route, at: datetime) -> dict[str, object]:
        return {
            "targets": [[t.area.value, t.folder, t.prefix] for t in route.targets],
            "at": at.isoformat(),
        }

    async def _place(self, routes: list[_Route], at: datetime) -> None:
        """Photos first. What travels with them takes its name from theirs."""
        requests = [
            (route, target, route.source, self._placing(route, target, route.source, at))
            for route in routes
            for target in route.targets
        ]
        await asyncio.to_thread(self._carry_out, requests)
        followers: list[tuple[_Route, Target, Name, PlaceRequest]] = []
        for route in routes:
            if route.problem is not None:
                continue
            companions = [n for n in route.held if n.member is not Member.PHOTO]
            in_library = any(n.area is Area.LIBRARY for n in companions)
            for companion in companions:
                if companion.area is Area.REVIEW or (in_library and companion.area is not Area.LIBRARY):
                    continue
                for target, _, placed in list(route.placed):
                    name = companion_name(companion, os.path.basename(placed.path))
                    placing = PlaceRequest(
                        source=self._context.absolute(companion),
                        folder=self._context.place(target.area, target.folder),
                        names=self._context.free_names(
                            companion, target.area, target.folder, candidates(name, at)
                        ),
                        sha256=companion.sha256,
                    )
                    followers.append((route, target, companion, placing))
        if followers:
            await asyncio.to_thread(self._carry_out, followers)

    def _placing(self, route: _Route, target: Target, source: Name, at: datetime) -> PlaceRequest:
        name = with_prefix(target.prefix, route.photo.original_name)
        if len(route.held) > 1:
            # What travels with the photo appends to its name.
            name = shortened(name, NAME_BYTES - LONGEST_ENDING)
        return PlaceRequest(
            source=self._context.absolute(source),
            folder=self._context.place(target.area, target.folder),
            names=self._context.free_names(source, target.area, target.folder, candidates(name, at)),
            sha256=route.photo.sha256,
        )

    def _carry_out(self, requests: list[tuple[_Route, Target, Name, PlaceRequest]]) -> None:
        """Runs in a worker thread."""
        results = self._context.placer.place([request for *_, request in requests])
        for (route, target, source, _), result in zip(requests, results, strict=True):
            if isinstance(result, Placed):
                person_id = (target.person.id or None) if target.person else None
                sha256 = source.sha256 if source.member is not Member.PHOTO else route.photo.sha256
                name = source.placed_in(target.area, target.folder, result, person_id, sha256)
                route.placed.append((target, source, name))
            else:
                route.left |= isinstance(result, NameLeft)
                route.problem = route.problem or result

    def _change(self, route: _Route) -> Change:
        context, decision, photo = self._context, route.decision, route.photo
        state = _STATES[decision.outcome]
        own = [n for *_, n in route.placed if n.member is Member.PHOTO]
        place = shown(context.absolute(own[0]))
        person = decision.people[0] if decision.people else None
        now = context.clock.text()
        again = photo.state is State.REVIEW
        copy = route.evidence.other_copy or route.evidence.near_copy
        review = None
        if state is State.REVIEW and decision.category is not None:
            review = ReviewRow.of(photo, place, decision, decision.category)
        return Change(
            photo.id,
            state=state,
            expect=(photo.state,),
            values={
                "category": decision.category.value if decision.category else None,
                "person_id": (person.id or None) if person else None,
                "person_name": person.name if person else None,
                "auto_sorted": int(route.automatic),
                "faces_detected": decision.faces_detected,
                "duplicate_of": copy.photo_id if copy else None,
                "problem": None,
                "recognised_at": now if photo.asset_id else None,
                "routed_at": now,
            },
            names_added=tuple(n for *_, n in route.placed),
            # What has just come and belongs to it is joined to it later. Nothing else holds those bytes.
            names_removed=tuple((n.area, n.path) for n in route.leaving if route.successor(n) is not None),
            events=tuple(self._events(route, own)),
            decision=(decision, route.evidence),
            download=Download.of(photo, place, person.name if person else None, auto_sorted=route.automatic),
            review=review,
            review_closed=("withdrawn", "smartsort") if again and state is not State.REVIEW else None,
            messages=tuple(self._messages(route)),
            intents_done=("route",),
            # What is claimed explains itself at the next start. A name under `review/` has to be named here.
            intent=("drop", {"drops": [list(d) for d in self._drops(route)]}) if again else None,
        )

    def _events(self, route: _Route, own: Sequence[Name]) -> Iterator[NewEvent]:
        decision, photo = route.decision, route.photo
        told: dict[str, object] = {
            "reason": short(decision.reason),
            "category": decision.category.value if decision.category else None,
            "people": [p.name for p in decision.people],
            "names": [[n.area.value, shown(n.path)] for n in own],
        }
        company = companions_of(photo.original_name, route.held)
        if company:
            told["companions"] = company
        told["from"] = photo.state.value
        if route.adopted_by:
            told |= {"act": f"adopt-{photo.id}"}
            yield NewEvent(EventKind.FILED_AS_ADOPTED, photo.id, told, route.adopted_by)
        else:
            yield NewEvent(EventKind(decision.outcome.value), photo.id, told)
        if photo.state is State.REVIEW and decision.outcome is Outcome.SORTED:
            was = photo.category.value if photo.category else None
            yield NewEvent(EventKind.AUTO_RESOLVED, photo.id, {**told, "was": was})

    def _messages(self, route: _Route) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield what Immich hears about it. Never tags, descriptions, ratings or dates: those write files."""
        tuning, photo, decision = self._context.tuning, route.photo, route.decision
        if photo.asset_id is None:
            return
        if tuning.archive_unwanted and decision.reason.code == BLACKLISTED_PERSON.code:
            yield "visibility", {"asset_id": photo.asset_id, "visibility": "archive"}
        own = [person.name for person in decision.people] if tuning.album_per_person else []
        for album in dict.fromkeys((*own, *decision.albums)):
            yield "album_add", {"asset_id": photo.asset_id, "album": album}
        for person in decision.people if route.adopted_by else ():
            face = face_of(route.evidence, person)
            if face is not None:
                yield "assign_face", known_face(photo, face, person)

    async def _leave(self, done: list[_Route]) -> None:
        """Remove the names that were left, whose bytes now live on elsewhere."""
        drops = [(route.photo.id, RemoveRequest(*drop)) for route in done for drop in self._drops(route)]
        results: Sequence[Removed | SmartsortError]
        try:
            results = await asyncio.to_thread(self._context.placer.remove, [drop for _, drop in drops])
        except StorageError as problem:  # they are routed all the same
            results = [problem] * len(drops)
        # A human may have moved the photo on already. Clearing up finds where its bytes live now.
        temp = self._context.folder(Area.TEMP)
        stay = {
            photo_id
            for (photo_id, drop), result in zip(drops, results, strict=True)
            if isinstance(result, StorageError)
            and (os.path.dirname(drop.path) == temp or not isinstance(result, NameKept))
        }
        self._context.needs_recovery |= stay
        again = [r.photo.id for r in done if r.photo.state is State.REVIEW and r.photo.id not in stay]
        await self._context.commit([Change(photo_id, intents_done=("drop",)) for photo_id in again])

    def _drops(self, route: _Route) -> list[tuple[str, str, str | None]]:
        """Return each name that goes, with the name its bytes live on under, and their digest."""
        found = []
        for name in route.leaving:
            successor = route.successor(name)
            if successor is not None:
                own = successor.sha256 or (route.photo.sha256 if name.member is Member.PHOTO else None)
                absolute = self._context.absolute
                found.append((absolute(name), absolute(successor), own))
        return found

    async def _note_problems(self, failed: list[_Route]) -> None:
        """Take back what a failed route did get done, and leave the photo where it was."""
        if not failed:
            return
        context = self._context
        drops = [
            (
                route.photo.id,
                RemoveRequest(context.absolute(n), surviving_path=context.absolute(source), sha256=n.sha256),
            )
            for route in failed
            for _, source, n in route.placed
            if (n.area, n.path) not in {(h.area, h.path) for h in route.held}
        ]
        results = await asyncio.to_thread(context.placer.remove, [drop for _, drop in drops])
        left = {i for (i, _), result in zip(drops, results, strict=True) if isinstance(result, StorageError)}
        left.update(route.photo.id for route in failed if route.left)
        context.needs_recovery |= left
        back = [Change(r.photo.id, intents_done=("route",)) for r in failed if r.photo.id not in left]
        await context.commit(back)
        # A folder's health issue belongs to the folder. The photo tries again as soon as others.
        of_files = [r for r in failed if not isinstance(r.problem, StorageError)]
        await context.commit([Change(r.photo.id, values={"problem": str(r.problem)}) for r in of_files])
        for route in failed:
            if isinstance(route.problem, StorageError):
                raise route.problem


def known_face(photo: Photo, face: Face, person: Person) -> dict[str, object]:
    """Return what Immich hears of a face whose person the user's own folder told."""
    known = person.id or None
    told = {"person": known, "name": person.name, "create": known is None, "people": [known]}
    return {**told, "act": f"adopt-{photo.id}", "face": face.id, "instead": []}
