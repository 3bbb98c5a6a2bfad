"""A file that was moved by hand is its user's word: about its name, its person, or what becomes of it.

What travels with a photo follows it. Inside the folders that are smartsort's own business (`library/`,
`temp_downloads/`) it is put back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database

from smartsort.audit.findings import Finding
from smartsort.audit.rewrite import download_row, review_row
from smartsort.core.event_kinds import REJECTIONS, EventKind
from smartsort.core.model import AT_REST, Category, State
from smartsort.core.templates import parse
from smartsort.errors import SmartsortError
from smartsort.files.names import candidates
from smartsort.files.placement import Placed, PlaceRequest, RemoveRequest
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp, stamp_or_none
from smartsort.ledger import events, outbox, photos
from smartsort.ledger.person_folders import person_of_folder
from smartsort.ledger.photos import TRASHED, Change
from smartsort.ledger.records import STAYS, Area, Member, Name, NewEvent, Photo
from smartsort.ledger.shots import companion_name
from smartsort.pipeline.engine.context import Context

ACTOR = "audit"

_MEANT = (Area.FACES, Area.REVIEW, Area.TRASH)
"""Folders in which a place says what is wanted."""


def write(context: Context, change: Change) -> None:
    """Change a photo at rest, and its rows in the plain tables with it."""
    at = context.clock.text()
    change = change._replace(expect=change.expect or AT_REST)

    def transaction(db: Database) -> None:
        photos.apply(db, [change], at)
        review_row(db, change.photo_id, context, at)
        download_row(db, change.photo_id, context)

    context.ledger.write(transaction)


@dataclass(slots=True)
class _Move:
    """One photo that was moved, and what is made for it. `made` are (name, the name it is made from)."""

    photo: Photo
    names: Sequence[Name]
    old: Name
    new: Name
    values: dict[str, object] = field(default_factory=dict)
    closed: tuple[str, str] | None = None
    removed: list[Name] = field(default_factory=list)
    made: list[tuple[Name, Name]] = field(default_factory=list)
    found: list[Name] = field(default_factory=list)


class Follow:
    """Makes the ledger follow files that were moved. Blocking."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def moved(self, finding: Finding) -> str:
        """Return what was done about a file that was moved, "" when nothing can be."""
        path, area, relative = finding.path, finding.area, finding.relative
        if path is None or area is None or relative is None:
            return ""
        now = stamp(path)
        found = self._whose(finding, now)
        if found is None:
            return ""
        photo, names, gone = found
        if not gone:
            return "the ledger follows what was moved"
        old = _nearest(gone, area)
        if finding.member is not Member.PHOTO:
            return self._beside_its_photo(path, old, photo, names)
        if area not in _MEANT:
            return self._put_back(path, old, photo)
        if old.area not in _MEANT:
            return ""  # it is linked again, and this is one more name
        return self._followed(finding, photo, names, old)

    def _followed(self, finding: Finding, photo: Photo, names: Sequence[Name], old: Name) -> str:
        path, area, relative = finding.path or "", finding.area or old.area, finding.relative or ""
        now = stamp(path)
        new = old._replace(
            area=area, path=relative, size=now.size, mtime_ns=now.mtime_ns, person_id=None, method="hardlink"
        )
        move = self._meant(_Move(photo, names, old, new))
        if move is None:
            return ""
        self._carry_out(move)
        return f"the ledger follows: {shown(old.path)} is {shown(new.path)} now"

    def _whose(self, finding: Finding, now: FileStamp) -> tuple[Photo, list[Name], list[Name]] | None:
        """Return the photo a file is, all its names and those that are gone.

        Of several equal ones, return the likeliest.
        """
        ledger, member = self._context.ledger, finding.member
        wanted = finding.photo_id or 0
        ids = [wanted]
        if finding.sha256 is not None and member is Member.PHOTO:
            sql = "SELECT id FROM photos WHERE sha256 = ? AND id <> ? ORDER BY id"
            more = ledger.read(lambda db: db.conn.execute(sql, (finding.sha256, wanted)).fetchall())
            ids += [int(i) for (i,) in more]
        rows = [p for p in ledger.read(lambda db: photos.by_ids(db, ids)) if p.state in AT_REST]
        held = ledger.read(lambda db: photos.names_of(db, ids))
        likely: list[tuple[tuple[bool, bool, int], Photo, list[Name]]] = []
        for place, photo in enumerate(rows):
            gone = [n for n in held[photo.id] if n.member is member and self._look(n) is None]
            if gone:
                same_time = any(n.mtime_ns == now.mtime_ns for n in gone)
                base = os.path.basename(finding.relative or "")
                same_name = any(os.path.basename(n.path) == base for n in gone)
                likely.append(((not same_name, not same_time, place), photo, gone))
        if likely:
            _, photo, gone = min(likely, key=lambda each: each[0])
            return photo, held[photo.id], gone
        return next(((p, held[p.id], []) for p in rows if p.id == wanted), None)

    # --- put back ----------------------------------------------------------------------------

    def _put_back(self, path: str, old: Name, photo: Photo) -> str:
        digest = old.sha256 or (photo.sha256 if old.member is Member.PHOTO else None)
        placed = self._place(path, old.area, os.path.dirname(old.path), os.path.basename(old.path), digest)
        self._context.placer.remove([RemoveRequest(path, placed.path, sha256=digest)])
        where = "where Immich knows it" if old.area is Area.LIBRARY else "where it was"
        return f"put back to {shown(old.path)}, {where}"

    def _beside_its_photo(self, path: str, old: Name, photo: Photo, names: Sequence[Name]) -> str:
        """Follow what travels with a photo and was moved without it."""
        own = [n for n in names if n.member is Member.PHOTO and n.area in _MEANT]
        leader = next((n for n in own if self._look(n) is not None), None)
        here = (old.area, os.path.dirname(old.path))
        if (
            leader is None
            or old.area not in _MEANT
            or here in {(n.area, os.path.dirname(n.path)) for n in own}
        ):
            return self._put_back(path, old, photo)
        folder, base = os.path.split(leader.path)
        placed = self._place(path, leader.area, folder, companion_name(old, base), old.sha256)
        new = old.placed_in(leader.area, folder, placed, leader.person_id, old.sha256)
        write(
            self._context,
            Change(photo.id, names_removed=((old.area, old.path),), names_added=(new,)),
        )
        self._context.placer.remove([RemoveRequest(path, placed.path, sha256=old.sha256)])
        return f"put beside its photo: {shown(new.path)}"

    # --- what is meant -----------------------------------------------------------------------

    def _meant(self, move: _Move) -> _Move | None:
        """Return what a photo's new place says, None where it says nothing."""
        photo, names, old, new = move.photo, move.names, move.old, move.new
        folder = os.path.dirname(new.path)
        elsewhere = any(n.area is Area.FACES and n.member is Member.PHOTO and n != old for n in names)
        if new.area is Area.FACES:
            if not folder:
                return None
            policy = self._context.policy()
            template = parse(policy.template)
            person_id, person = self._context.ledger.read(lambda db: person_of_folder(db, folder, template))
            move.new = new._replace(person_id=person_id)
            # A folder that people share does not say who they are.
            stays = elsewhere or (photo.person_name is not None and policy.filing.is_shared(folder))
            if not stays and (old.area is not Area.FACES or os.path.dirname(old.path) != folder):
                move.values = {"person_id": person_id, "person_name": person, "auto_sorted": 0}
            if old.area is not Area.FACES:
                move.values |= {"state": State.FILED.value, "category": None}
            if old.area is Area.REVIEW:
                move.closed = ("approved", ACTOR)
        elif new.area is Area.REVIEW:
            if folder not in set(Category) or elsewhere:
                return None
            move.values = {"category": folder}
            if old.area is not Area.REVIEW:
                move.values |= {"state": State.REVIEW.value, "person_id": None, "person_name": None}
        elif old.area is not new.area:
            return None
        self._companions(move)
        if photo.state in TRASHED and new.area is not Area.TRASH:
            move.values |= {"trashed_at": None, "problem": None}
            self._into_library(move)
        return move

    def _companions(self, move: _Move) -> None:
        """What travelled with the photo follows it: where the user has put it, else it is moved along."""
        old, new = move.old, move.new
        folder, base = os.path.split(new.path)
        for name in move.names:
            beside = name.area is old.area and os.path.dirname(name.path) == os.path.dirname(old.path)
            if name.member is Member.PHOTO or not beside:
                continue
            wanted = [companion_name(name, base), os.path.basename(name.path)]
            places = [
                name._replace(area=new.area, path=os.path.join(folder, each), person_id=new.person_id)
                for each in wanted
            ]
            there = next((place for place in places if self._look(place) is not None), None)
            if self._look(name) is not None:
                # Also where only the photo has a new name: by its name it is known as the photo's.
                if (name.area, name.path) != (new.area, places[0].path):
                    move.made.append((places[0], name))
                    move.removed.append(name)
            elif there is not None:
                move.removed.append(name)
                move.found.append(there)

    def _into_library(self, move: _Move) -> None:
        """A photo that is wanted again stands in the library again, where Immich knows it."""
        history = self._context.ledger.read(lambda db: events.of_photo(db, move.photo.id))
        thrown = next((e for e in reversed(history) if e.kind in REJECTIONS and "before" in e.data), None)
        for area, path, member, *_ in thrown.data["before"]["names"] if thrown else ():
            if area != Area.LIBRARY.value:
                continue
            if member == Member.PHOTO.value:
                source = move.new
            else:
                held = (n for n in (*move.found, *move.names) if n.member.value == member)
                source = next((n for n in held if self._look(n) is not None), None)  # type: ignore[assignment]
            if source is not None:
                move.made.append((source._replace(area=Area.LIBRARY, path=path, person_id=None), source))

    # --- carrying it out ---------------------------------------------------------------------

    def _carry_out(self, move: _Move) -> None:
        """Link, write the ledger, then remove the old names of what was moved along. Recovery knows this."""
        context, photo = self._context, move.photo
        added = [move.new, *move.found]
        drops: dict[str, RemoveRequest] = {}
        for name, source in move.made:
            digest = name.sha256 or (photo.sha256 if name.member is Member.PHOTO else None)
            folder, base = os.path.split(name.path)
            placed = self._place(context.absolute(source), name.area, folder, base, digest)
            made = name.placed_in(name.area, folder, placed, name.person_id, name.sha256)
            added.append(made)
            if source in move.removed:
                path = context.absolute(source)
                drops[path] = RemoveRequest(path, context.absolute(made), sha256=digest)
        returns = any(name.area is Area.LIBRARY for name, _ in move.made)
        data = {
            "from": [move.old.area.value, shown(move.old.path)],
            "names": [[move.new.area.value, shown(move.new.path)]],
        }
        leaving = {"drops": [[d.path, d.surviving_path, d.sha256] for d in drops.values()], "scan": None}
        write(
            context,
            Change(
                photo.id,
                values=move.values,
                names_removed=tuple((n.area, n.path) for n in (move.old, *move.removed)),
                names_added=tuple(added),
                review_closed=move.closed,
                messages=(("revive", {}),) if returns else (),
                events=(NewEvent(EventKind.MOVED_BY_HAND, photo.id, data, ACTOR),),
                intent=("drop", leaving) if drops else None,
            ),
        )
        if drops:
            context.placer.remove(list(drops.values()))
            write(context, Change(photo.id, intents_done=("drop",)))
        if returns and photo.shard is not None and context.tuning.trigger_scan:
            shard, at = {"shard": photo.shard}, context.clock.text()
            context.ledger.write(lambda db: outbox.post_once(db, "scan", shard, at))

    def _place(self, source: str, area: Area, folder: str, name: str, sha256: str | None) -> Placed:
        exact = area in (Area.LIBRARY, Area.TEMP)
        names = [name] if exact else candidates(name, self._context.clock.now().astimezone())
        place = self._context.place(area, folder)
        [result] = self._context.placer.place(
            [PlaceRequest(source, place, names, sha256=sha256, adopt=exact)]
        )
        if isinstance(result, SmartsortError):
            raise result
        return result

    def _look(self, name: Name) -> FileStamp | None:
        return stamp_or_none(self._context.absolute(name))


def _nearest(gone: Sequence[Name], area: Area) -> Name:
    """Of the names that are gone the one a file was probably moved from."""
    order = (area, Area.REVIEW, Area.FACES, Area.TRASH, *STAYS, Area.TEMP)
    return min(gone, key=lambda n: order.index(n.area))
