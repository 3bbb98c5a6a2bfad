"""Writes a photo's rows in the plain tables again, from what the ledger says of the photo."""

from __future__ import annotations

from sqlite_utils import Database

from smartsort.core.model import Category, State
from smartsort.core.wording import short
from smartsort.files.shown import shown
from smartsort.ledger import photos, source_tables
from smartsort.ledger.records import Area, Member
from smartsort.ledger.source_tables import Download, ReviewRow
from smartsort.pipeline.engine.context import Context

_SHOWN_FIRST = (Area.FACES, Area.REVIEW, Area.LIBRARY, Area.TRASH, Area.TEMP, Area.ORIGINAL)


def place_of(db: Database, photo_id: int, context: Context) -> str | None:
    """Return where a photo is, as shown to people, None when it has no name."""
    own = [n for n in photos.names_of(db, [photo_id])[photo_id] if n.member is Member.PHOTO]
    first = min(own, key=lambda n: (_SHOWN_FIRST.index(n.area), n.id), default=None)
    return shown(context.absolute(first)) if first else None


def review_row(db: Database, photo_id: int, context: Context, at: str) -> None:
    """One pending row for a photo in review, none for any other."""
    photo = photos.get(db, photo_id)
    place = place_of(db, photo_id, context)
    if photo is None:
        return
    if photo.state is not State.REVIEW or place is None:
        source_tables.withdraw_review(db, photo_id)
        return
    pending = db.conn.execute(
        "SELECT id, reason, suggested_person FROM review_queue WHERE photo_id = ? AND action = 'pending'"
        " ORDER BY id",
        (photo_id,),
    ).fetchall()
    for surplus in pending[1:]:
        db.conn.execute("DELETE FROM review_queue WHERE id = ?", (surplus[0],))
    reason, suggested = (pending[0][1], pending[0][2]) if pending else (None, None)
    if reason is None:
        decided = photos.last_decision(db, photo_id)
        reason = short(decided[3][0]) if decided and decided[3] else "moved_by_hand"
    row = ReviewRow(
        place,
        photo.category or Category.UNIDENTIFIED,
        photo.sha256,
        reason,
        photo.faces_detected,
        suggested,
    )
    source_tables.open_review(db, photo_id, row, at)


def download_row(db: Database, photo_id: int, context: Context) -> None:
    """The row of `downloads` of a filed or waiting photo, as it is now."""
    photo = photos.get(db, photo_id)
    place = place_of(db, photo_id, context)
    if photo is None or place is None or photo.state not in (State.FILED, State.REVIEW):
        return
    row = Download.of(photo, place, photo.person_name, auto_sorted=photo.auto_sorted)
    source_tables.put_download(db, photo_id, row)
