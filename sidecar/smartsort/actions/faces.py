"""What humans say about faces of waiting photos: who they all are, or that they do not matter."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlite_utils import Database

from smartsort.actions.acting import Agreed
from smartsort.actions.decide import assign_faces, file_under
from smartsort.actions.feedback import move_within_review
from smartsort.actions.person_resolver import TargetPerson, known_people, resolve
from smartsort.actions.plan import Plan, Waiting
from smartsort.actions.reversal import Reversing
from smartsort.actions.values import ActionRefused, ActionResult, Batch, NoSuchVerdict, PersonSelector
from smartsort.core.decision import decide
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import Filed
from smartsort.core.model import Decision, Evidence, Face, FaceMark, MarkKind, Outcome, Person, State
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import Policy
from smartsort.ledger import embeddings, face_marks, photos, review_faces
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.face_marks import PlacedMark
from smartsort.ledger.records import Photo

Faces = Mapping[int, Sequence[str]]
"""Ids of faces by photo."""


class FaceActions(Reversing):
    """Actions on faces. They act on photos in review, and each can be undone as one event."""

    async def name_faces(
        self,
        faces: Faces,
        choice: PersonSelector,
        actor: str,
        *,
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """Say that faces, one on each photo, are a person. Photos that only waited for that are filed.

        The others go on waiting for what is left, and say so. Immich learns each face. Raises UnknownPerson,
        AmbiguousName.
        """
        known = await known_people(self._people)
        [target] = resolve([choice], known, self._context)
        person = _whom(target)
        policy = _wanting(self._context.policy(), person)
        async with self._lock:
            evidence = await self._last(faces)

            def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
                face = _face(photo.id, faces, evidence)
                if isinstance(face, ActionResult):
                    return face
                after = _with_person(evidence[photo.id], face, person)
                decision = decide(after, policy, self._people.ambiguous)
                if decision.outcome is not Outcome.SORTED:
                    plan = Plan(
                        photo, before, EventKind.FACES_NAMED, "named", filed=False, person=target.name
                    )
                    return _named(plan, target, face, after, decision)
                return self._filed(photo, before, decision, face.id, actor, named={person.id: target})

            return await self._act(list(faces), plan, actor, (State.REVIEW,), dry_run=dry_run, agreed=agreed)

    async def settled_by_name(self, faces: Faces) -> int:
        """Return how many photos would be filed if these faces were somebody's who is new to Immich."""
        person, evidence = Person.to_come("somebody"), await self._last(faces)
        policy, ambiguous = _wanting(self._context.policy(), person), self._people.ambiguous
        known = ((each, _face(photo_id, faces, evidence)) for photo_id, each in evidence.items())
        named = (_with_person(each, face, person) for each, face in known if isinstance(face, Face))
        return sum(decide(each, policy, ambiguous).outcome is Outcome.SORTED for each in named)

    async def mark_faces(
        self,
        faces: Faces,
        kind: MarkKind,
        actor: str,
        *,
        choice: PersonSelector | None = None,
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """Say something of faces for good: they do not matter, are no faces, or are certainly a person's.

        It counts for faces like these, too, but for a person's. Photos that only waited for that are filed.
        Raises UnknownPerson, AmbiguousName, ActionRefused.
        """
        person = None
        if kind is MarkKind.LOCKED:
            if choice is None:
                raise ActionRefused("Say whose face it is")
            [target] = resolve([choice], await known_people(self._people), self._context)
            person = _whom(target)
        mark, at = FaceMark(kind, secrets.token_hex(8), person), self._context.clock.text()
        evidence = await self._last(faces)
        after = {i: _marked(each, faces[i], mark) for i, each in evidence.items()}
        if not dry_run:
            after = {i: await self._measured(i, each) for i, each in after.items()}

        def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
            meant = (
                [f for f in evidence[photo.id].judged if f.id in faces[photo.id]]
                if photo.id in evidence
                else []
            )
            if not meant:
                return ActionResult(photo.id, "failed", problem="it has no such face", code="not_found")
            kept = [m for m in before.marks if m.is_grouping or not any(m.is_at(face) for face in meant)]
            locked = meant[0].id if kind is MarkKind.LOCKED else None
            marks = (*kept, *(PlacedMark.on(face, kind, mark.key, person, at) for face in meant))
            return self._remarked(
                photo, before, marks, after[photo.id], actor=actor, mark=kind.value, face_id=locked
            )

        states = (State.REVIEW, State.FILED)
        async with self._lock:
            batch = await self._act(list(faces), plan, actor, states, dry_run=dry_run, agreed=agreed)
        await self._context.ledger.awrite(lambda db: _copy_vectors(db, evidence))
        return batch

    async def group_faces(
        self,
        faces: Faces,
        others: Faces,
        actor: str,
        *,
        dry_run: bool = False,
        agreed: Agreed | None = None,
    ) -> Batch:
        """Say that faces are one person, or, with `others`, that they are not the person of these.

        No photo moves. What was said before and says the opposite counts no more.
        """
        key, at = secrets.token_hex(8), self._context.clock.text()
        ids = [*dict.fromkeys((*faces, *others))]
        evidence = await self._last(dict.fromkeys(ids, ()))
        marks = await self._context.ledger.aread(lambda db: face_marks.of_photos(db, ids))

        def on(photo_id: int, some: Faces) -> list[Face]:
            judged = evidence.get(photo_id, Evidence()).judged
            return [face for face in judged if face.id in some.get(photo_id, ())]

        def keys(some: Faces, *kinds: MarkKind) -> set[str]:
            return {
                m.key
                for i in some
                for m in marks.get(i, ())
                if m.kind in kinds and any(m.is_at(face) for face in on(i, some))
            }

        tying = MarkKind.SAME, MarkKind.REST
        opposed = (
            keys(faces, *tying) & keys(others, *tying)
            if others
            else keys(faces, MarkKind.APART) & keys(faces, MarkKind.REST)
        )

        def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
            meant, rest = on(photo.id, faces), on(photo.id, others)
            if not meant and not rest:
                return ActionResult(photo.id, "failed", problem="it has no such face", code="not_found")
            kept = [m for m in before.marks if m.key not in opposed or not any(m.is_at(f) for f in meant)]
            kind = MarkKind.APART if others else MarkKind.SAME
            found = Plan(photo, before, EventKind.FACES_MARKED, "marked", filed=False)
            found.data = {"mark": kind.value}
            found.marks = (
                *kept,
                *(PlacedMark.on(face, kind, key, None, at) for face in meant),
                *(PlacedMark.on(face, MarkKind.REST, key, None, at) for face in rest),
            )
            return found

        async with self._lock:
            return await self._act(ids, plan, actor, (State.REVIEW,), dry_run=dry_run, agreed=agreed)

    async def revoke_mark(self, key: str, actor: str) -> Batch:
        """Take back what was said of faces together. Raises NoSuchVerdict."""
        ledger = self._context.ledger
        found = await ledger.aread(lambda db: face_marks.groups(db, key))
        if not found:
            raise NoSuchVerdict(
                f"No face is marked with {key}. `smartsort strangers verdicts` lists the verdicts"
            )
        ids = list(found[0].photos)
        evidence = await self._last(dict.fromkeys(ids, ()))

        def plan(photo: Photo, before: Arrangement) -> Plan | ActionResult:
            marks = tuple(m for m in before.marks if m.key != key)
            was = evidence.get(photo.id, Evidence())
            after = replace(was, marks={i: m for i, m in was.marks.items() if m.key != key})
            return self._remarked(photo, before, marks, after, actor=actor)

        async with self._lock:
            return await self._act(ids, plan, actor, tuple(State), dry_run=False)

    # --- plans -------------------------------------------------------------------------------

    def _remarked(
        self,
        photo: Photo,
        before: Arrangement,
        marks: tuple[PlacedMark, ...],
        after: Evidence,
        *,
        actor: str,
        mark: str = "",
        face_id: str | None = None,
    ) -> Plan | ActionResult:
        """Plan a photo with other marks. One in review waits for what is left, or is filed."""
        plan: Plan | ActionResult = Plan(photo, before, EventKind.FACES_MARKED, "marked", filed=False)
        decision = decide(after, self._context.policy(), self._people.ambiguous)
        if photo.state is State.REVIEW and decision.outcome is Outcome.SORTED and mark:
            plan = self._filed(photo, before, decision, face_id, actor, named={})
        if isinstance(plan, ActionResult):
            return plan
        if photo.state is State.REVIEW and plan.kind is EventKind.FACES_MARKED:
            plan.waiting = Waiting(decision, after)
            if decision.outcome is Outcome.REVIEWED:
                move_within_review(plan, decision)
            else:
                plan.waiting = None  # it is looked at again
        plan.kind, plan.done, plan.marks = EventKind.FACES_MARKED, "marked", marks
        plan.data |= {"mark": mark} | ({"stays": decision.reason.code} if not plan.filed else {})
        return plan

    def _filed(
        self,
        photo: Photo,
        before: Arrangement,
        decision: Decision,
        face_id: str | None,
        actor: str,
        *,
        named: Mapping[str, TargetPerson],
    ) -> Plan | ActionResult:
        """File a photo as decided. `named` are people whom Immich may not know yet, by the id made up."""
        context = self._context
        at, albums = context.clock.text(), context.tuning.album_per_person
        people = [named.get(p.id) or TargetPerson(p.name, p.id) for p in decision.people]
        people = [replace(target, apart=target.apart or target.id in context.apart) for target in people]
        into = Filed(decision.folders, decision.albums)
        return file_under(photo, before, people, actor, into=into, at=at, face_id=face_id, albums=albums)

    # --- what they rest on -------------------------------------------------------------------

    async def _last(self, faces: Faces) -> dict[int, Evidence]:
        def read(db: Database) -> dict[int, Evidence]:
            found = {i: photos.last_decision(db, i) for i in faces}
            return {i: decision[4] for i, decision in found.items() if decision is not None}

        return await self._context.ledger.aread(read)

    async def _measured(self, photo_id: int, evidence: Evidence) -> Evidence:
        """Return how sure the match of the others is, where the photo might be filed now."""
        policy, ambiguous = self._context.policy(), self._people.ambiguous
        if self._measure is None or decide(evidence, policy, ambiguous).outcome is not Outcome.SORTED:
            return evidence
        photo = await self._context.ledger.aread(lambda db: photos.get(db, photo_id))
        if photo is None or photo.asset_id is None or photo.state is not State.REVIEW:
            return evidence
        return await self._measure.complete(photo.asset_id, evidence, policy, ambiguous)


def _face(photo_id: int, faces: Faces, evidence: Mapping[int, Evidence]) -> Face | ActionResult:
    found = evidence.get(photo_id, Evidence())
    face = next((f for f in found.judged if f.id in faces.get(photo_id, ())), None)
    if face is not None:
        return face
    return ActionResult(
        photo_id, "failed", problem=f"photo {photo_id} has no such face now", code="not_found"
    )


def _wanting(policy: Policy, person: Person) -> Policy:
    """Whoever names somebody wants their photos, as whoever approves one does."""
    if not policy.whitelist or policy.wanted(person):
        return policy
    return replace(policy, whitelist=(*policy.whitelist, PersonRef(person.name, person.id)))


def _with_person(evidence: Evidence, face: Face, person: Person) -> Evidence:
    """Return the evidence with the face given to a person by a human."""
    given = tuple(replace(f, person=person) if f.id == face.id else f for f in evidence.judged)
    return replace(
        evidence.judging(given),
        confirmed=evidence.confirmed | {face.id},
        suggestions={i: found for i, found in evidence.suggestions.items() if i != face.id},
        ruled_out=evidence.ruled_out - {person.id},
    )


def _whom(target: TargetPerson) -> Person:
    return Person(target.id, target.name) if target.id else Person.to_come(target.name)


def _named(plan: Plan, target: TargetPerson, face: Face, after: Evidence, decision: Decision) -> Plan:
    """Plan a photo with a face that has a name now, and that waits for another reason."""
    plan.data = {"people": [target.name], "stays": decision.reason.code}
    assign_faces(plan, [target], [], face_id=face.id, albums=bool(plan.before.albums))
    if decision.category is not None:
        plan.waiting = Waiting(decision, after)
        move_within_review(plan, decision)
    return plan


def _marked(evidence: Evidence, face_ids: Sequence[str], mark: FaceMark) -> Evidence:
    return replace(evidence, marks={**evidence.marks, **dict.fromkeys(face_ids, mark)})


def _copy_vectors(db: Database, evidence: Mapping[int, Evidence]) -> None:
    """What was measured of these faces belongs to their marks, too: embeddings go with ids of Immich."""
    model = review_faces.model_in_use(db)
    if model is None:
        return
    for photo_id, marks in face_marks.of_photos(db, list(evidence)).items():
        faces = evidence[photo_id].judged
        vectors = embeddings.known(db, model, [face.id for face in faces])
        found = {
            mark: vectors[face.id]
            for mark in marks
            for face in faces
            if face.id in vectors and mark.is_at(face)
        }
        face_marks.measured(db, photo_id, model, found)
