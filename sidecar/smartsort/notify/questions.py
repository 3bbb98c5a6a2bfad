"""Questions for phones: which photos are asked about, and what a button does.

A button runs the ordinary action, so history, undo and conflicts work as everywhere. The ledger keeps what
was asked until it ends, so that a button works once and no photo is asked about twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from smartsort.actions import Actions, Batch, PersonSelector
from smartsort.core.model import Face
from smartsort.core.near_misses import near_miss
from smartsort.core.questions import Answer, Question, read
from smartsort.errors import ImmichError, SmartsortError
from smartsort.files.contact_sheet import Mark
from smartsort.files.shown import shown
from smartsort.ledger import key_value, review
from smartsort.ledger.review import QueueRow
from smartsort.notify.messages import seconds_until_loud
from smartsort.notify.phones import Answered, Asked, NotTaken, Phone
from smartsort.pipeline.engine.context import Context
from smartsort.ports import ThumbnailSize

if TYPE_CHECKING:
    from smartsort.config.service import Notify

log = logging.getLogger(__name__)

OPEN_AT_ONCE = 3
"""Questions that wait for an answer."""

LASTS_SECONDS = 3 * 24 * 3600
_LOOKED_AT = 200
"""Newest photos among which one to ask about is looked for."""
_KEPT = 500
_KEY, _ASKED = "questions_key", "questions"


@dataclass(slots=True)
class _Kept:
    """A question as the ledger keeps it. For one that undoes, `subject` is an event and the rest is empty."""

    subject: int
    version: str
    person_id: str
    until: int
    photo_id: int
    filename: str
    person: str
    used: str = ""
    answers: tuple[str, ...] = field(default=(Answer.YES, Answer.NO))

    @property
    def question(self) -> Question:
        return Question(self.subject, self.version, self.person_id, self.until)


class Questions:
    """Asks, and answers. `step` is a stage. Without phones it does nothing."""

    def __init__(self, context: Context, actions: Actions, settings: Notify, phones: Sequence[Phone]) -> None:
        self._context, self._actions, self._settings = context, actions, settings
        self._phones = tuple(phones)

    async def step(self) -> float | None:
        """Ask about photos that wait. Return seconds until the next time, None for never."""
        if not self._phones:
            return None
        quiet = seconds_until_loud(self._context.clock.now().astimezone(), self._settings.quiet_between)
        if quiet > 0:
            return quiet
        key = await self._key()
        for row in await self._context.ledger.aread(self._due):
            await self._ask(row, key)
        return max(self._settings.digest_seconds, 1.0)

    async def _key(self) -> bytes:
        def make(db: Database) -> str:
            if (known := key_value.get(db, _KEY)) is None:
                known = secrets.token_hex(32)
                key_value.put(db, _KEY, known)
            return str(known)

        return bytes.fromhex(await self._context.ledger.awrite(make))

    def _due(self, db: Database) -> list[QueueRow]:
        """Return the newest photos with a sure suggestion that were not asked about as they are now."""
        now = int(self._context.clock.now().timestamp())
        kept = _read(db)
        asked = {(one.photo_id, one.version) for one in kept}
        waiting = {
            photo
            for photo, said in review.conditions(db, [k.photo_id for k in kept]).items()
            if said == "pending"
        }
        open_now = sum(1 for one in kept if not one.used and one.until > now and one.photo_id in waiting)
        found: list[QueueRow] = []
        for row in review.page(db, limit=_LOOKED_AT).rows:
            if len(found) >= OPEN_AT_ONCE - open_now:
                break
            if near_miss(row.evidence, self._context.policy(), row.ruled_out) is None:
                continue
            entry = review.item(db, row.photo_id)
            if entry is not None and (row.photo_id, entry.version) not in asked:
                found.append(row)
        return found

    async def _ask(self, row: QueueRow, key: bytes) -> None:
        entry = await self._context.ledger.aread(lambda db: review.item(db, row.photo_id))
        suggestion = near_miss(row.evidence, self._context.policy(), row.ruled_out)
        if entry is None or suggestion is None:
            return
        until = int(self._context.clock.now().timestamp()) + LASTS_SECONDS
        person = suggestion.person
        kept = _Kept(
            row.photo_id, entry.version, person.id, until, row.photo_id, shown(row.filename), person.name
        )
        # Noted first: a question that reached a phone must have an answer here.
        await self._context.ledger.awrite(lambda db: _put(db, kept))
        asked = Asked(
            row.photo_id,
            f"Is this {person.name}?",
            kept.filename,
            kept.question.token(Answer.YES, key),
            kept.question.token(Answer.NO, key),
        )
        for phone in self._phones:
            picture = await self._picture(row, suggestion.face) if phone.pictures else None
            try:
                await phone.ask(asked, picture)
            except NotTaken as problem:
                log.warning("a question did not reach a phone: %s", problem)

    async def _picture(self, row: QueueRow, face: Face) -> bytes | None:
        """Return the face, cut out, None when Immich has no picture to give now."""
        if row.asset_id is None:
            return None
        try:
            found = await self._context.server.thumbnail(row.asset_id, ThumbnailSize.PREVIEW)
        except ImmichError:
            return None
        if found is None:
            return None
        drawn = await asyncio.to_thread(
            self._context.decoders.face_sheet, [[(found[0], Mark(*face.place))]], 1
        )
        return drawn if isinstance(drawn, bytes) else None

    # --- answers -----------------------------------------------------------------------------

    async def use(self, token: str, name: str, phone: Phone | None = None) -> Answered:
        """Do what a button says, once, as `phone:<name>`. What cannot be done is explained.

        All phones but `phone`, which shows the answer itself, are told.
        """
        given = read(token)
        if given is None:
            return Answered("This is no button of smartsort.")
        answer, subject, until = given
        key = await self._key()
        now = int(self._context.clock.now().timestamp())

        def claim(db: Database) -> _Kept | str:
            for one in _read(db):
                if (
                    (one.subject, one.until) == (subject, until)
                    and answer in one.answers
                    and one.question.is_token(token, answer, key)
                ):
                    break
            else:
                return "smartsort does not know this button. It may be too old."
            if one.used:
                return f"This was answered already: {one.used}"
            if until <= now:
                return "This question is over. Open smartsort to decide."
            if answer is not Answer.UNDO:
                entry = review.item(db, one.photo_id)
                if review.conditions(db, [one.photo_id]).get(one.photo_id) != "pending":
                    return f"{one.filename} was decided meanwhile."
                if entry is None or entry.version != one.version:
                    return f"{one.filename} has changed since the question. Open smartsort to decide."
            one.used = "it is being done."
            _put(db, one)
            return one

        claimed = await self._context.ledger.awrite(claim)
        if isinstance(claimed, str):
            return Answered(claimed)
        outcome = await self._carry_out(answer, claimed, f"phone:{name}", key)
        # What failed may be tried again. What was done is never done twice.
        claimed.used = outcome.text if outcome.done else ""
        await self._context.ledger.awrite(lambda db: _put(db, claimed))
        if outcome.done:
            await self._tell(claimed.photo_id, outcome, phone)
        return outcome

    async def _tell(self, photo_id: int, answered: Answered, but: Phone | None) -> None:
        for phone in self._phones:
            if phone is not but:
                try:
                    await phone.show(photo_id, answered)
                except NotTaken as problem:
                    log.warning("an answer did not reach a phone: %s", problem)

    async def _carry_out(self, answer: Answer, about: _Kept, actor: str, key: bytes) -> Answered:
        try:
            if answer is Answer.UNDO:
                batch = await self._actions.undo(about.subject, actor)
                said = f"Taken back. {about.filename} waits again."
            elif answer is Answer.YES:
                agreed = {about.photo_id: about.version}
                batch = await self._actions.approve(
                    [], [PersonSelector(id=about.person_id)], actor, agreed=agreed
                )
                said = f"{about.filename} is filed under {about.person}."
            else:
                batch = await self._actions.rule_out(
                    about.photo_id, PersonSelector(id=about.person_id), actor
                )
                said = f"{about.filename} does not show {about.person}."
        except SmartsortError as problem:
            return Answered(f"That was not possible: {problem}")
        problem_text = next((one.problem for one in batch if one.problem), None)
        if problem_text is not None:
            return Answered(f"That was not possible: {problem_text}")
        undo = None if answer is Answer.UNDO else await self._undo_token(batch, about, key)
        return Answered(said, done=True, undo=undo)

    async def _undo_token(self, batch: Batch, about: _Kept, key: bytes) -> str | None:
        event = batch.event or next((one.event for one in batch if one.event), None)
        if event is None:
            return None
        kept = _Kept(
            event, "", "", about.until, about.photo_id, about.filename, about.person, answers=(Answer.UNDO,)
        )
        await self._context.ledger.awrite(lambda db: _put(db, kept))
        return kept.question.token(Answer.UNDO, key)


def _read(db: Database) -> list[_Kept]:
    stored: list[dict[str, Any]] = key_value.get(db, _ASKED, [])
    return [_Kept(**{**one, "answers": tuple(one["answers"])}) for one in stored]


def _put(db: Database, changed: _Kept) -> None:
    """Keep a question in place of the same one, and forget those that ended a while ago."""
    others = [one for one in _read(db) if (one.subject, one.until) != (changed.subject, changed.until)]
    key_value.put(db, _ASKED, [asdict(one) for one in (*others, changed)][-_KEPT:])
