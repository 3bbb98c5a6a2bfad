"""Decisions made here: what is sent for them, how they read, and what can be taken back. Pure."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smartsort.api.schemas.base import BulkKind, Category
from smartsort.api.schemas.decisions import Approve, BulkActionResult, BulkApprove, Selection
from smartsort.api.schemas.people import PersonChoice
from smartsort.api.schemas.review import QueueItem, ReviewItem
from smartsort_tui import wording
from smartsort_tui.api import Kind
from smartsort_tui.queue import Taken

# As many decisions as a person can take back in a row.
UNDO_DEPTH = 500


_DOING: dict[Kind, str] = {"approve": "filing", "reject": "rejecting", "skip": "putting off"}
_DONE: dict[Kind, str] = {"approve": "filed", "reject": "rejected", "skip": "skipped"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What shall become of an item."""

    kind: Kind
    approve: Approve | None = None
    who: str = ""

    def done_text(self, filename: str) -> str:
        """Return how it reads when it is done."""
        if self.kind == "approve":
            return f"{filename} → {self.who}" if self.who else f"{filename} approved"
        return f"{filename} {_DONE[self.kind]}"


@dataclass(slots=True)
class Sent:
    """A decision on its way or done. `event` undoes it, once the sidecar has answered."""

    text: str
    taken: list[Taken]
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    event: int | None = None
    keys: int = 0
    """What was pressed for it."""
    item: int | None = None
    """An item that stays in the queue all the same."""
    many: bool = False
    """Taking it back is asked about first: it is more than what one key has just done."""


def approve_as(choices: Sequence[PersonChoice], face: str | None) -> Decision:
    """File under these people."""
    who = ", ".join(choice.name or "?" for choice in choices)
    if len(choices) == 1:
        return Decision("approve", Approve(person=choices[0], face=face), who)
    return Decision("approve", Approve(people=list(choices)), who)


def accepted(shown: QueueItem, chosen_face: int | None) -> Decision | None:
    """File under the person who is sure enough to need no choice, None when one has to be chosen."""
    if shown.suggested_person_id is None:
        return None
    choice = PersonChoice(id=shown.suggested_person_id, name=shown.suggested_person)
    face = face_for(shown, choice.id, chosen_face) if isinstance(shown, ReviewItem) else None
    return approve_as([choice], face)


def suggested(item: ReviewItem, number: int, chosen_face: int | None) -> Decision | None:
    """File under the suggestion with this number, counted from 1, None when there is none."""
    if not 1 <= number <= len(item.suggestions):
        return None
    person = item.suggestions[number - 1].person
    choice = PersonChoice(id=person.id, name=person.name)
    return approve_as([choice], face_for(item, person.id, chosen_face))


def face_for(item: ReviewItem, person: str | None, chosen_face: int | None) -> str | None:
    """Which face is meant: the chosen one, else the one most like the person, None leaves it to smartsort."""
    if chosen_face is not None:
        return next((face.id for face in item.faces if face.number == chosen_face), None)
    if len(item.faces) < 2 or person is None:
        return None
    likeness = [
        (suggestion.similarity, face.id)
        for face in item.faces
        for suggestion in face.suggestions
        if suggestion.person.id == person and suggestion.similarity is not None
    ]
    return max(likeness)[1] if likeness else None


@dataclass(frozen=True, slots=True)
class Marks:
    """What a bulk action is for: items by id, or all that the filter matches."""

    ids: tuple[int, ...]
    everything: bool
    category: Category | None
    search: str

    def selection(self, approve: Approve | None = None, include: Sequence[BulkKind] = ()) -> Selection:
        """Ask what would happen.

        `include` names the kinds of photos an approval else leaves out.
        """
        if approve is None:
            return Selection(**self._fields(), dry_run=True)
        return BulkApprove(**self._fields(), dry_run=True, approve=approve, include=list(include))

    def _fields(self) -> dict[str, Any]:
        if not self.everything:
            return {"ids": list(self.ids)}
        unfiltered = self.category is None and not self.search
        return {"category": self.category, "search": self.search or None, "everything": unfiltered}


@dataclass(slots=True)
class BulkUnderWay:
    """A bulk action that the sidecar is working on, and how far it has come."""

    kind: Kind
    left: set[int]
    total: int

    def is_done(self, photo: int) -> None:
        """The sidecar has told of one of its photos."""
        self.left.discard(photo)

    def __str__(self) -> str:
        return f"{_DOING[self.kind]} {self.total - len(self.left):,} of {self.total:,}"


def bulk_text(number: int, kind: Kind) -> str:
    """Return how a bulk action reads when it is done."""
    return f"{wording.count(number, 'photo')} {_DONE[kind]}"


def left_text(done: BulkActionResult) -> str:
    """Return what a bulk action has left alone, and why, empty for nothing."""
    if not done.changed:
        return ""
    reasons = Counter(one.reason for one in done.changed)
    return f", {len(done.changed):,} left alone ({reasons.most_common(1)[0][0]})"


def marked_text(number: int, key: Callable[[str], str], *, everything: bool) -> str:
    """Return how the marks read in the message line. `key` tells the key of a binding."""
    approve, reject, skip = key("review.approve"), key("review.reject"), key("review.skip")
    if everything:
        unmark = key("review.mark_all")
        what = f"{approve} approves, {reject} rejects, {skip} puts off, {unmark} unmarks"
        return f"all {number:,} that match are marked: {what}"
    person = key("review.person")
    photos = wording.count(number, "photo")
    return f"{photos} marked: {approve} approves, {reject} rejects, {skip} puts off, {person} files under one"
