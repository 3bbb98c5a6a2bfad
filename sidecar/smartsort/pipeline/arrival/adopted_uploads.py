"""Files of an adopted folder that Immich has as uploads: the folder's word counts for Immich's own asset.

The files stay where they are. Taken over, they would be duplicates, or second assets of the same photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlite_utils import Database

from smartsort.core.model import Evidence, SortedBefore, State
from smartsort.core.rules.sorted_before import face_of
from smartsort.files.media import Kind
from smartsort.ledger import adopted, observed, photos
from smartsort.ledger.observed import Seen
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo, sorted_before_from
from smartsort.pipeline.arrival.claim import Offered
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.route import known_face
from smartsort.ports import Owned


class InImmich(NamedTuple):
    """A file of the folder, and the upload of Immich with the same bytes."""

    offer: Offered
    asset_id: str


class AdoptedUploads:
    """Gives uploads the people of a folder. Raises ImmichError, and does it again then."""

    def __init__(self, context: Context, evidence_builder: EvidenceBuilder) -> None:
        self._context, self._evidence_builder = context, evidence_builder

    async def among(self, offers: Sequence[Offered]) -> list[InImmich]:
        """Return those that Immich has as uploads. What lies in its trash counts as any other file."""
        sha1s = {o.digests.sha1: o for o in offers if o.digests is not None}
        found = await self._context.server.uploads_with_content(list(sha1s)) if sha1s else {}
        uploads = {sha1: copy.asset_id for sha1, copy in found.items() if not copy.trashed}
        return [
            InImmich(o, uploads[o.digests.sha1])
            for o in offers
            if o.digests is not None and o.digests.sha1 in uploads
        ]

    async def placed(self, found: Sequence[InImmich]) -> dict[int, SortedBefore]:
        """Return what the folder says of those that have links already, by photo."""
        said = {one.asset_id: _said(one.offer) for one in found}
        rows = await self._context.ledger.aread(lambda db: observed.known(db, list(said)))
        return {
            row.photo_id: own
            for asset_id, row in rows.items()
            if row.state is not State.OBSERVED and (own := said[asset_id]) is not None
        }

    async def take(self, found: Sequence[InImmich]) -> None:
        """Have the folder's word count for those without a link."""
        server, context = self._context.server, self._context
        wanted = {one.asset_id: one.offer for one in found if _said(one.offer) is not None}
        listed = {i: own for i in wanted if (own := await server.owned_asset(i)) is not None}
        if not listed:
            return
        at = context.clock.text()

        def write(db: Database) -> list[Photo]:
            seen = [_seen(own, wanted[i]) for i, own in listed.items()]
            observed.observe(db, seen, at, everybody=True)
            there = observed.known(db, list(listed))
            free = [one.photo_id for one in there.values() if one.state is State.OBSERVED]
            return photos.by_ids(db, free)

        rows = await context.ledger.awrite(write)
        faces = [(row, await server.faces(row.asset_id or "")) for row in rows]
        built = await self._evidence_builder.build(faces)
        offers = {row.id: wanted[row.asset_id or ""] for row in rows}
        changes = [_change(one.photo, offers[one.photo.id], one.evidence) for one in built]
        await context.commit(
            changes, lambda db: adopted.put(db, {i: offer.adoption or {} for i, offer in offers.items()})
        )
        context.wakeups.notify(State.OBSERVED, State.FILED)  # the outbox listens to these


def _said(offer: Offered) -> SortedBefore | None:
    said = (offer.adoption or {}).get("said")
    return sorted_before_from(said) if said else None


def _seen(own: Owned, offer: Offered) -> Seen:
    kind = Kind.VIDEO if own.is_video else Kind.IMAGE
    size, mtime_ns = offer.stamp.size, offer.stamp.mtime_ns
    return Seen(own.id, own.path, own.people, own.name, kind.value, own.local_time, size, mtime_ns)


def _change(row: Photo, offer: Offered, evidence: Evidence) -> Change:
    """What an upload gets: the event, and each free face that is certainly one of the people."""
    adoption: Mapping[str, Any] = offer.adoption or {}
    evidence = replace(evidence, sorted_before=_said(offer))
    people = evidence.sorted_before.people if evidence.sorted_before is not None else ()
    messages = [
        ("assign_face", known_face(row, face, person))
        for person in people
        if (face := face_of(evidence, person)) is not None
    ]
    act = {"act": messages[0][1]["act"]} if messages else {}
    return Change(row.id, events=(adopted.event_of(row, adoption, **act),), messages=tuple(messages))
