"""What the made-up sidecar does when told to: decided items leave the queue, and undo brings them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.tui.sample import data, evaluation
from tests.tui.sample.answers import Refusal
from tests.tui.sample.waiting import SampleQueue

from smartsort.api.schemas.base import ResponseModel
from smartsort.api.schemas.decisions import (
    ActionResultView,
    Approve,
    BulkActionResult,
    DeletedPhoto,
    DeletionAnswer,
    Deletions,
    LeftAlone,
    Selection,
)
from smartsort.api.schemas.evaluation import RuleOut, WrongFiling
from smartsort.api.schemas.history import Undo
from smartsort.api.schemas.people import OnePerson, PersonChoice, PersonView

_WOULD = {"approved": "would_approve", "rejected": "would_reject", "deferred": "would_skip"}
_TOGETHER = {"approved": "Approved", "rejected": "Rejected", "deferred": "Skipped"}


class SampleDesk(SampleQueue):
    """The queue with all that is decided about it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.created: list[PersonView] = []
        self.ruled_out: dict[int, set[str]] = {}
        self.mixed = {"person-3": [8, 4]}
        self.said: dict[int, tuple[str, list[int]]] = {}
        self.unchecked = list(range(evaluation.FIRST, evaluation.FIRST + evaluation.CHECKS))
        self.checked: dict[int, bool] = {}
        self.deleted: list[int] = []
        """Photos whose deletion in Immich waits for an answer."""
        self.meant: bool | None = None
        self.previews: dict[str, tuple[list[int], Callable[[list[int]], BulkActionResult]]] = {}
        self.listed: dict[str, set[str]] = {"whitelist": set(data.NAMES[:5]), "blacklist": {"Victor Grey"}}

    def people(self) -> list[PersonView]:
        """Everybody Immich knows by name."""
        everybody = [*data.people(), *self.created]
        return [
            who.model_copy(update={"listed": self._list_of(who.name), "mixed": self.mixed.get(who.id, [])})
            for who in everybody
        ]

    def one_person(self, who: str) -> OnePerson:
        """Somebody says that a person who seems to be two people is one."""
        self.happened("one_person", None, f"All faces of {who} are one person's, a user said", filename=None)
        event = self.events[-1].id
        self.said[event] = who, self.mixed.pop(who)
        return OnePerson(event=event)

    def _list_of(self, name: str) -> Any:
        return next((which for which, names in self.listed.items() if name in names), None)

    # --- one item ---------------------------------------------------------------------------

    def decide_as_somebody(self, item: int, kind: str = "approved") -> None:
        """Somebody else decides an item."""
        with self.lock:
            self.decide(item, kind, "John Doe" if kind == "approved" else None, actor="somebody")

    def approve(self, item: int, approve: Approve) -> ActionResultView:
        """File an item. Raises Refusal."""
        self.waiting(item)
        choices: list[Any] = [*approve.people] or ([approve.person] if approve.person else [])
        names = [self._named(choice) for choice in choices]
        if not names:
            names = [one.person.name for one in data.suggestions(item)[:1]]
        if not names:
            raise Refusal(422, "invalid", f"item {item} has no suggestion: name a person")
        return self.decide(item, "approved", ", ".join(names))

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
        raise Refusal(422, "invalid", f"Immich has no person called {choice.name!r}")

    def decide(self, item: int, kind: str, person: str | None, actor: str = "api") -> ActionResultView:
        """Approve or reject an item. Raises Refusal."""
        self.take_out(self.waiting(item))
        name = data.filename(item)

        def back() -> None:
            self.put_back(item)

        if kind == "approved":
            event = self.filed(kind, item, name, person or "nobody", actor=actor, back=back)
        else:
            event = self.rejected(item, name, actor=actor, back=back)
        self.decided[item] = event
        destination = f"faces/{data.folder(person)}/{name}" if person else f"trash/2025-06/{name}"
        return _decided(item, kind, person=person, destination=destination, event=event.id)

    def defer(self, item: int) -> ActionResultView:
        """List an item after the others. Raises Refusal."""
        self.waiting(item)
        stood = self.deferred.index(item) if item in self.deferred else None
        if stood is not None:
            self.deferred.remove(item)
        self.deferred.append(item)

        def back() -> None:
            self.deferred.remove(item)
            if stood is not None:
                self.deferred.insert(stood, item)

        undoing = [self.undoing_of(item, data.filename(item), back)]
        text = f"{data.filename(item)} was skipped and is listed after the others"
        event = self.happened("deferred", item, text, undoing=undoing)
        return _decided(item, "skipped", event=event.id)

    def rule_out(self, item: int, rule_out: RuleOut) -> ActionResultView:
        """Rule a person out. Raises Refusal."""
        waiting = evaluation.without(
            data.whole(self.waiting(item), self.clock(), self.count), self.ruled_out.get(item, set())
        )
        named = rule_out.person.id if isinstance(rule_out.person, PersonChoice) else None
        person = next((one.person for one in waiting.suggestions if named in (None, one.person.id)), None)
        if person is None:
            raise Refusal(409, "conflict", "there is no suggestion to rule out")
        self.ruled_out.setdefault(item, set()).add(person.id)

        def back() -> None:
            self.ruled_out[item].discard(person.id)

        undoing = [self.undoing_of(item, data.filename(item), back)]
        text = f"{data.filename(item)} does not show {person.name}, a user said"
        event = self.happened("ruled_out", item, text, undoing=undoing)
        return _decided(item, "ruled_out", event=event.id)

    # --- many -------------------------------------------------------------------------------

    def bulk(self, selection: Selection, kind: str, approve: Approve | None = None) -> BulkActionResult:
        """Approve, reject or skip many items, or tell what that would do."""
        if selection.preview is not None:
            return self._redeemed(selection.preview)
        items = selection.ids or [
            item
            for item in reversed(self.pending)
            if self.fits(item, selection.category, (selection.search or "").casefold())
        ]
        if not selection.dry_run and not selection.ids:
            raise Refusal(422, "invalid", "a filter needs a dry run first")
        done = self._bulk(items, kind, approve, dry_run=selection.dry_run)
        if not selection.dry_run:
            return done
        seen = [one.id for one in done.decided if one.action != "failed"]
        return self._previewed(done, seen, lambda left: self._bulk(left, kind, approve, dry_run=False))

    def _previewed(
        self, would: BulkActionResult, seen: list[int], act: Callable[[list[int]], BulkActionResult]
    ) -> BulkActionResult:
        token = f"preview-{len(self.previews)}"
        self.previews[token] = (seen, act)
        return would.model_copy(update={"preview": token})

    def _redeemed(self, token: str) -> BulkActionResult:
        """What a preview showed; what is not as it was then is left alone. Raises Refusal."""
        if token not in self.previews:
            raise Refusal(409, "conflict", "this preview was used already")
        seen, act = self.previews.pop(token)
        there = set(self.pending)
        changed = [
            LeftAlone(id=item, reason="it was decided meanwhile") for item in seen if item not in there
        ]
        done = act([item for item in seen if item in there])
        return done.model_copy(update={"changed": changed})

    def _bulk(
        self, items: list[int], kind: str, approve: Approve | None, *, dry_run: bool
    ) -> BulkActionResult:
        decided: list[ActionResultView] = []
        for item in items:
            try:
                one = self._foreseen if dry_run else self._one
                decided.append(one(item, kind, approve))
            except Refusal as refusal:
                decided.append(_decided(item, "failed", problem=refusal.detail))
        done = [one.event for one in decided if one.event is not None]
        failed = sum(one.action == "failed" for one in decided)
        event = done[0] if done else None
        if len(items) > 1 and done:
            text = f"{_TOGETHER[kind]}: {len(done)} photos"
            undoing = [one for event_id in done for one in self.undoing[event_id]]
            details = {"what": kind, "photos": len(done)}
            event = self.happened("bulk_action", None, text, details=details, undoing=undoing).id
        return BulkActionResult(decided=decided, done=len(decided) - failed, failed=failed, event=event)

    def _one(self, item: int, kind: str, approve: Approve | None) -> ActionResultView:
        if kind == "deferred":
            return self.defer(item)
        return self.decide(item, kind, None) if approve is None else self.approve(item, approve)

    def _foreseen(self, item: int, kind: str, approve: Approve | None) -> ActionResultView:
        self.waiting(item)
        name, person = data.filename(item), ""
        destination = f"trash/2025-06/{name}"
        if kind == "deferred":
            destination = f"review/{data.category(item)}/{data.review_name(item)}"
        elif approve is not None:
            person = self._whom(item, approve)
            destination = f"faces/{data.folder(person)}/{name}"
        return _decided(item, _WOULD[kind], person=person or None, destination=destination)

    def _whom(self, item: int, approve: Approve) -> str:
        if approve.people:
            return ", ".join(choice.name or "" for choice in approve.people)
        first = data.suggestions(item)[:1]
        if not first and not approve.person:
            raise Refusal(422, "invalid", f"photo {item} has no suggested person; say whose it is")
        return first[0].person.name if first else ""

    # --- spot checks ------------------------------------------------------------------------

    def spot_checks(self, rest: list[str], body: bytes) -> ResponseModel:
        """The checks, or the answer to one. Raises Refusal."""
        if not rest:
            return evaluation.page(self.unchecked, self.checked, self.clock())
        photo, answer = int(rest[0]), rest[1]
        if photo not in self.unchecked:
            raise Refusal(409, "conflict", f"the filing of photo {photo} was answered already")
        name = evaluation.check(photo, self.clock()).filename
        place = self.unchecked.index(photo)
        self.unchecked.remove(photo)
        self.checked[photo] = answer == "confirm"
        kind, text = "confirmed", f"{name} was confirmed"
        if answer != "confirm":
            people = WrongFiling.model_validate_json(body).people
            names = ", ".join(str(getattr(one, "name", one)) for one in people)
            kind, text = (
                ("refiled", f"{name} was filed under {names} instead")
                if people
                else ("undone", f"{name} had its filing undone")
            )

        def back() -> None:
            self.unchecked.insert(place, photo)
            del self.checked[photo]

        undoing = [self.undoing_of(photo, name, back)]
        event = self.happened(kind, photo, text, filename=name, undoing=undoing)
        return ActionResultView(id=photo, action="confirmed", event=event.id)

    # --- deletions --------------------------------------------------------------------------

    def deletions(self, body: bytes) -> ResponseModel:
        """The deletions that wait, or the answer to them."""
        if not body:
            listed = [DeletedPhoto(id=i, filename=f"IMG_{i:06}.jpg", person="Anna") for i in self.deleted]
            return Deletions(waiting=len(listed), up_to=len(listed), photos=listed)
        said = DeletionAnswer.model_validate_json(body)
        action: Any = "rejected" if said.meant else "kept"
        decided = [ActionResultView(id=i, action=action) for i in self.deleted]
        self.deleted = []
        self.meant = said.meant
        return BulkActionResult(decided=decided, done=len(decided), failed=0)

    # --- taking back ------------------------------------------------------------------------

    def undo(self, undo: Undo) -> BulkActionResult:
        """Take an event back, or tell what that would do. Raises Refusal."""
        if undo.preview is not None:
            _, act = self.previews.pop(undo.preview)
            return act([])
        if undo.event in self.said:
            who, sizes = self.said.pop(undo.event)
            self.mixed[who] = sizes
            return BulkActionResult(decided=[], done=0, failed=0)
        undoing = self.undoing.get(undo.event or 0)
        event = next((event for event in self.events if event.id == undo.event), None)
        if undoing is None or event is None:
            raise Refusal(404, "not_found", f"event {undo.event} cannot be undone")
        if undo.dry_run:
            would = BulkActionResult(decided=[one.would for one in undoing], done=len(undoing), failed=0)
            now = undo.model_copy(update={"dry_run": False})
            return self._previewed(would, [], lambda _: self.undo(now))
        for one in undoing:
            one.back()
            name = event.filename if event.photo_id is not None else None
            text = f"{name or 'A photo'} is in review again"
            self.happened("undone", one.would.id, text, filename=name)
        self._is_undone(undoing, by=self.events[-1].id)
        decided = [one.would.model_copy(update={"action": "undone"}) for one in undoing]
        return BulkActionResult(decided=decided, done=len(decided), failed=0, event=self.events[-1].id)

    def _is_undone(self, undoing: Any, by: int) -> None:
        """Nothing that was taken back can be taken back again, neither as a part nor as a whole."""
        parts = {id(one) for one in undoing}
        gone = {number for number, held in self.undoing.items() if any(id(one) in parts for one in held)}
        for number in gone:
            del self.undoing[number]
        self.events = [
            event.model_copy(update={"undone_by": by, "undoable": False}) if event.id in gone else event
            for event in self.events
        ]


def _decided(item: int, action: Any, **more: Any) -> ActionResultView:
    return ActionResultView(id=item, action=action, **more)
