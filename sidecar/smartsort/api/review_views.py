"""Items of the review queue as what goes over the wire."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from smartsort.api.guard import BASE
from smartsort.api.schemas.review import CopyView, QueueItem, ReviewItem, Suggested
from smartsort.api.views import closest, event_views, face_views, moment, reason_views, suggestion_views
from smartsort.core.model import Evidence, Suggestion
from smartsort.core.policy import Policy
from smartsort.core.suggestion import accepted, likeliest, nearest, surely
from smartsort.core.wording import sentence
from smartsort.files.shown import shown
from smartsort.ledger import review
from smartsort.ledger.records import Member
from smartsort.ledger.review import QueueEntry, QueueRow


def queue_item(row: QueueRow, policy: Policy) -> QueueItem:
    """Return a row of the queue."""
    return QueueItem(**_plain(row, policy))


def _plain(row: QueueRow, policy: Policy) -> Mapping[str, Any]:
    found = likeliest(row.evidence, row.ruled_out)
    best = nearest(row.evidence, row.ruled_out)
    suggestion = suggested(found, policy) if found is not None else None
    sure = surely(row.evidence, policy, row.ruled_out)
    return {
        "id": row.photo_id,
        "category": row.category.value,
        "filename": shown(row.filename),
        "path": row.path,
        "size": row.size,
        "modified": moment(row.mtime_ns),
        "reason": row.reason,
        "text": sentence(row.reasons[0]) if row.reasons else row.reason,
        "faces_detected": row.faces_detected,
        "suggestion": suggestion,
        "nearest": suggested(best, policy) if best is not None else None,
        "suggested_person": sure.person.name if sure else None,
        "suggested_person_id": sure.person.id if sure else None,
        "source": row.source,
        "created_at": row.created_at,
        "thumbnail": f"{BASE}/review/items/{row.photo_id}/thumbnail",
        "companions": list(row.companions),
    }


def review_item(db: Database, photo_id: int, policy: Policy) -> ReviewItem | None:
    """Return a photo of the queue with everything known about it, None for one that was never there."""
    entry = review.item(db, photo_id)
    if entry is None:
        return None
    row, photo = entry.row, entry.photo
    action: Any = review.conditions(db, [photo_id])[photo_id]
    return ReviewItem(
        **_plain(row, policy),
        reasons=reason_views(row.reasons),
        faces=face_views(row.evidence, policy),
        suggestions=suggestion_views(closest(row.evidence, row.ruled_out), policy, row.evidence.faces),
        other_copy=_copy_view(entry),
        width=photo.width,
        height=photo.height,
        taken_at=photo.taken_at,
        media_type=photo.media_type,
        sha256=photo.sha256,
        asset_id=photo.asset_id,
        origin=photo.origin,
        origin_url=photo.origin_url,
        preview=f"{BASE}/review/items/{photo_id}/preview",
        frames=f"{BASE}/photos/{photo_id}/frames" if _has_frames(row.evidence) else None,
        policy_version=entry.policy_version,
        version=entry.version,
        action=action,
        state=photo.state,
        places=[shown(f"{n.area.value}/{n.path}") for n in entry.names if n.member is Member.PHOTO],
        history=event_views(db, entry.history),
    )


def _has_frames(evidence: Evidence) -> bool:
    return evidence.film is not None and bool(evidence.film.times)


def suggested(found: Suggestion, policy: Policy) -> Suggested:
    """A person whom a photo may show, and how sure that is."""
    return Suggested(
        person=found.person.name,
        person_id=found.person.id,
        similarity=found.similarity,
        measured=found.similarity is not None,
        accepted=accepted(found, policy),
    )


def _copy_view(entry: QueueEntry) -> CopyView | None:
    copy, other = entry.other, entry.other_photo
    if copy is None:
        return None
    # A row of an older `downloads` table says where the file was. It may be gone.
    gone = copy.path is not None and os.path.isabs(copy.path) and not os.path.lexists(copy.path)
    asset_id = copy.asset_id or (other.asset_id if other else None)
    can_be_shown = other is not None or asset_id is not None
    return CopyView(
        place=copy.place.value,
        path=shown(copy.path) if copy.path else None,
        photo_id=other.id if other else copy.photo_id,
        asset_id=asset_id,
        alive=copy.alive and not gone,
        size=other.size if other else None,
        width=other.width if other else None,
        height=other.height if other else None,
        taken_at=other.taken_at if other else None,
        thumbnail=f"{BASE}/review/items/{entry.photo.id}/other/thumbnail" if can_be_shown else None,
    )


def other_picture(db: Database, photo_id: int) -> tuple[int | None, str | None] | None:
    """(photo id, asset id) of the copy a photo duplicates, one of them set, None when there is none."""
    entry = review.item(db, photo_id)
    if entry is None or entry.other is None:
        return None
    if entry.other_photo is not None:
        return entry.other_photo.id, None
    return (None, entry.other.asset_id) if entry.other.asset_id else None
