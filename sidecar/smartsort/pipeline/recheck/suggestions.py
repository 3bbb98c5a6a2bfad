"""Lets what waiting photos say about their faces follow what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlite_utils import Database

from smartsort.core.decision import decide
from smartsort.core.model import Category, Decision, Evidence, Outcome, State
from smartsort.core.reasons import UNDONE_FILING
from smartsort.files.shown import shown
from smartsort.ledger import photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.ledger.source_tables import ReviewRow
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recheck.waiting import Waiting
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.people import People
from smartsort.pipeline.routing.route import PhotoEvidence

PORTION = 100
"""Photos looked at in one run: in a household of 200 people that takes a second or two."""

NOTICED = 0.02
"""A similarity that changes by less is left as it is: the galleries change with every photo."""


class Suggestions:
    """Renews the evidence of waiting photos: of those just measured, and of all when galleries changed."""

    def __init__(self, context: Context, people: People, evidence_builder: EvidenceBuilder) -> None:
        self._context, self._people, self._evidence_builder = context, people, evidence_builder
        self._due: dict[int, None] = {}
        self._version: int | None = None
        """That of the galleries at the last look at all photos."""

    async def follow(self, waiting: Mapping[int, Waiting]) -> None:
        """Look at some photos again, without a call to Immich or to the machine learning service."""
        measure = self._evidence_builder.measure
        if measure is None:
            return
        self._due = dict.fromkeys(measure.newly_measured()) | self._due
        if not self._due and self._version != measure.version:
            self._version = measure.version
            self._due = dict.fromkeys(sorted(waiting, reverse=True))
        for photo_id in list(self._due)[:PORTION]:
            del self._due[photo_id]
            if photo_id in waiting and waiting[photo_id].code != UNDONE_FILING.code:
                async with self._context.arranging:
                    await self._look_at(photo_id)

    async def _look_at(self, photo_id: int) -> None:
        measure, context = self._evidence_builder.measure, self._context

        def read(db: Database) -> tuple[list[Photo], tuple[Any, ...] | None, list[Name]]:
            found = photos.by_ids(db, [photo_id])
            return found, photos.last_decision(db, photo_id), photos.names_of(db, [photo_id])[photo_id]

        [photo], last, names = await context.ledger.aread(read)
        place = waits_at(context, names)
        if measure is None or photo.state is not State.REVIEW or photo.asset_id is None:
            return
        if last is None or place is None:
            return
        before: Evidence = last[4]
        again = await measure.recall(photo.asset_id, before)
        if again is None or not _differs(again, before):
            return
        decision = decide(again, context.policy(), self._people.ambiguous)
        # A photo that belongs elsewhere by now is for `RecheckStage`, or for who changed the settings.
        same = decision.outcome is Outcome.REVIEWED and decision.category is photo.category
        if same and decision.reason.code == last[3][0].code:
            await context.commit([renewed(PhotoEvidence(photo, again), decision, place)])


def _differs(one: Evidence, other: Evidence) -> bool:
    """True for another hint, or another person close to a face, or one who came closer or went away."""
    if one.hint != other.hint:
        return True
    ones, others = _numbers(one), _numbers(other)
    return ones.keys() != others.keys() or any(abs(ones[key] - others[key]) >= NOTICED for key in ones)


def _numbers(evidence: Evidence) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {
        (face_id, one.person.id): one.similarity
        for face_id, some in evidence.suggestions.items()
        for one in some
        if one.similarity is not None
    }
    for face_id, measured in evidence.confidence.items():
        if measured.similarity is not None:
            found[face_id, ""] = measured.similarity
    return found


def waits_at(context: Context, names: Iterable[Name]) -> str | None:
    """Return where a photo waits in review, as shown to people, None when it does not.

    A clip that came first is listed before the picture that took it in.
    """
    own = (n for n in names if n.area is Area.REVIEW and n.member is Member.PHOTO)
    return next((shown(context.absolute(name)) for name in own), None)


def renewed(entry: PhotoEvidence, decision: Decision, place: str) -> Change:
    """A waiting photo stays where it is, at `place`, and waits for a new reason."""
    photo = entry.photo
    return Change(
        photo.id,
        expect=(State.REVIEW,),
        values={"faces_detected": decision.faces_detected},
        decision=(decision, entry.evidence),
        review=ReviewRow.of(photo, place, decision, photo.category or Category.UNIDENTIFIED),
    )
