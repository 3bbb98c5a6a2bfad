"""What became of items, in the shapes of the API."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from smartsort.api.schemas.intake import Result, SubmissionAccepted
from smartsort.api.schemas.intake import Submission as SubmissionView
from smartsort.core.model import State
from smartsort.core.reasons import DOWNLOAD_FAILED
from smartsort.core.wording import short
from smartsort.files.shown import shown
from smartsort.ledger import photos
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.ledger.submissions import Submission, SubmissionState
from smartsort.pipeline.engine.context import Context

_PLACES = {
    State.FILED: (Area.FACES, Area.LIBRARY),
    State.REVIEW: (Area.REVIEW, Area.LIBRARY),
    State.SKIPPED: (Area.TRASH,),
    State.REJECTED: (Area.TRASH,),
}


def views(db: Database, context: Context, found: Sequence[Submission]) -> list[SubmissionView]:
    """Return the items as the API shows them, `result` set for those at rest.

    For the ledger's read threads.
    """
    ids = [item.photo_id for item in found if item.photo_id is not None]
    by_id = {photo.id: photo for photo in photos.by_ids(db, ids)}
    names = photos.names_of(db, list(by_id))
    shown_rows = []
    for item in found:
        photo = by_id.get(item.photo_id or 0)
        result = None
        if item.state is SubmissionState.FAILED:
            result = Result(status="error", reason=shown(item.problem or DOWNLOAD_FAILED.code))
        elif photo is not None:
            result = _result(db, context, photo, names[photo.id])
        problem = item.problem or (photo.problem if photo else None)
        shown_rows.append(
            SubmissionView(
                id=item.id,
                photo_id=item.photo_id,
                url=item.url,
                source=item.source,
                state=_state(item, photo),
                problem=shown(problem) if problem else None,
                created_at=item.created_at,
                result=result,
            )
        )
    return shown_rows


def _state(item: Submission, photo: Photo | None) -> str:
    if photo is not None:
        return photo.state.value
    return "failed" if item.state is SubmissionState.FAILED else "downloading"


def _result(db: Database, context: Context, photo: Photo, names: Sequence[Name]) -> Result | None:
    """Return the API result of a photo at rest, None for one on its way."""
    places = _PLACES.get(photo.state)
    if places is None and photo.state is not State.PURGED:
        return None
    own = [n for area in places or () for n in names if n.area is area and n.member is Member.PHOTO]
    destination = shown(context.absolute(own[0])) if own else None
    decision = photos.last_decision(db, photo.id)
    reason = short(decision[3][0]) if decision and decision[3] else photo.state.value
    category = photo.category.value if photo.category else None
    result = Result(status="success", destination=destination, reason="rejected", hash=photo.sha256)
    if photo.state is State.FILED:
        result.action, result.person = "sorted", photo.person_name
        result.reason = reason if photo.auto_sorted else "approved"
    elif photo.state is State.REVIEW:
        result.action, result.reason, result.category = "reviewed", reason, category
    elif photo.state is State.SKIPPED:
        result.action, result.reason, result.category = "skipped", reason, category
    return result


def accepted(view: SubmissionView, base: str) -> SubmissionAccepted:
    """Return the short answer about an item."""
    return SubmissionAccepted(
        id=view.id, link=f"{base}/submissions/{view.id}", state=view.state, result=view.result
    )
