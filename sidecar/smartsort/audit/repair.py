"""Mends drift: what people did to the files by hand. Never deletes nor overwrites. In doubt keeps both.

Each repair is one exclusive link, or one transaction of the ledger, or that link and then the transaction. So
a kill in between leaves at most a name that the next audit finds, and it may run beside a working sidecar.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence

from sqlite_utils import Database

from smartsort.audit.audit import Report
from smartsort.audit.findings import Code, Finding
from smartsort.audit.follow import ACTOR, Follow, write
from smartsort.audit.rewrite import download_row, review_row
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AT_REST, State
from smartsort.core.templates import parse
from smartsort.errors import SmartsortError
from smartsort.files.hashing import digests
from smartsort.files.names import candidates
from smartsort.files.placement import Method, Placed, PlaceRequest
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp, stamp_or_none
from smartsort.ledger import outbox, photos
from smartsort.ledger.person_folders import person_of_folder
from smartsort.ledger.photos import Change, NewPhoto, StaleChange
from smartsort.ledger.records import Area, Member, Name, NewEvent, Photo
from smartsort.pipeline.engine.context import Context

log = logging.getLogger(__name__)


class Repair:
    """Mends what an audit found. Blocking. `accept_loss`: the ledger gives up what is gone for good."""

    def __init__(self, context: Context, *, accept_loss: bool = False) -> None:
        self._context, self._accept_loss = context, accept_loss
        self._follow = Follow(context)

    def run(self, report: Report) -> int:
        """Mend what can be mended. Each finding then says what was done. Return how many."""
        order: list[tuple[tuple[Code, ...], Callable[[Finding], str]]] = [
            ((Code.MOVED,), self._follow.moved),
            ((Code.EXTRA_LINK,), self._of_a_photo(self._extra_link)),
            ((Code.TOUCHED, Code.EDITED), self._of_a_photo(self._changed)),
            ((Code.REPLACED,), self._of_a_photo(self._replaced)),
            ((Code.UNLINKED,), self._of_a_photo(self._unlinked)),
            ((Code.MISSING,), self._of_a_photo(self._missing)),
            ((Code.LOST, Code.TRASH_EMPTIED), self._of_a_photo(self._gone)),
            ((Code.REVIEW_ROW, Code.DOWNLOAD_ROW), self._of_a_photo(self._rows)),
        ]
        mended = 0
        # Photos first: what travels with one follows it.
        findings = sorted(report.findings, key=lambda f: f.member is not Member.PHOTO)
        for codes, mend in order:
            for finding in findings:
                if finding.code not in codes or finding.mended:
                    continue
                try:
                    finding.mended = mend(finding)
                except (SmartsortError, StaleChange) as problem:
                    log.warning("%s could not be mended: %s", finding.what, problem)
                mended += bool(finding.mended)
        return mended

    # --- what they share ---------------------------------------------------------------------

    def _of_a_photo(self, mend: Callable[[Finding, Photo, list[Name]], str]) -> Callable[[Finding], str]:
        """Give it the finding's photo and its names, and leave alone what the pipeline still has in hand."""

        def mended(finding: Finding) -> str:
            ledger, photo_id = self._context.ledger, finding.photo_id
            photo = ledger.read(lambda db: photos.get(db, photo_id)) if photo_id is not None else None
            if photo is None or photo.state not in AT_REST:
                return ""
            return mend(finding, photo, ledger.read(lambda db: photos.names_of(db, [photo.id]))[photo.id])

        return mended

    def _write(self, change: Change, kind: EventKind | None = None, **data: object) -> None:
        """Change a photo, with an event of this kind."""
        happened = () if kind is None else (NewEvent(kind, change.photo_id, data, ACTOR),)
        write(self._context, change._replace(events=(*change.events, *happened)))

    def _look(self, name: Name) -> FileStamp | None:
        path = self._context.absolute(name)
        return stamp_or_none(os.path.realpath(path) if name.method == Method.SYMLINK else path)

    def _alive(self, names: Sequence[Name], member: Member = Member.PHOTO) -> Name | None:
        own = [n for n in names if n.member is member and self._look(n) is not None]
        return min(own, key=lambda n: (n.area is not Area.LIBRARY, n.id), default=None)

    def _place(
        self, source: Name, area: Area, folder: str, names: Iterable[str], sha256: str | None
    ) -> Placed:
        place, how = self._context.place(area, folder), self._context.link_of(source)
        request = PlaceRequest(self._context.absolute(source), place, names, sha256=sha256, how=how)
        [result] = self._context.placer.place([request])
        if isinstance(result, SmartsortError):
            raise result
        return result

    # --- linked by hand ----------------------------------------------------------------------

    def _extra_link(self, finding: Finding, photo: Photo, _names: list[Name]) -> str:
        if finding.area is not Area.FACES or not finding.relative or not finding.path:
            return ""
        folder = os.path.dirname(finding.relative)
        if photo.state is not State.FILED or not folder:
            return ""
        template = parse(self._context.policy().template)
        person_id, _name = self._context.ledger.read(lambda db: person_of_folder(db, folder, template))
        now = stamp(finding.path)
        name = Name(
            photo.id,
            Area.FACES,
            finding.relative,
            person_id=person_id,
            size=now.size,
            mtime_ns=now.mtime_ns,
            sha256=photo.sha256,
        )
        names = [[Area.FACES.value, shown(name.path)]]
        self._write(Change(photo.id, names_added=(name,)), EventKind.LINKED_BY_HAND, names=names)
        return f"photo {photo.id} is filed there too"

    # --- other bytes -------------------------------------------------------------------------

    def _changed(self, finding: Finding, photo: Photo, names: list[Name]) -> str:
        """Take the file as it is now, because the user wants it so. All its names are one file."""
        if finding.path is None:
            return ""
        now = stamp(finding.path)
        read = digests(finding.path, now)
        same = [
            n
            for n in names
            if n.member is finding.member and (seen := self._look(n)) is not None and seen.same_file(now)
        ]
        if not same:
            return ""
        added = tuple(n._replace(size=now.size, mtime_ns=now.mtime_ns, sha256=read.sha256) for n in same)
        values: dict[str, object] = {}
        if finding.member is Member.PHOTO:
            values = {
                "size": now.size,
                "mtime_ns": now.mtime_ns,
                "sha256": read.sha256,
                "sha1": read.sha1,
                "problem": None,
            }
        was = photo.sha256 if finding.member is Member.PHOTO else same[0].sha256
        change = Change(photo.id, values=values, names_added=added)
        data = {"member": finding.member.value, "was": was, "sha256": read.sha256}
        self._write(change, EventKind.EDITED_BY_HAND, **data)
        return "the ledger knows the file as it is now"

    def _replaced(self, finding: Finding, photo: Photo, names: list[Name]) -> str:
        """Keep both: the new file becomes a photo of its own, the old one is linked beside it."""
        if finding.path is None or finding.area in (Area.LIBRARY, Area.TEMP, None):
            return ""
        own = _own(finding, names)
        home = self._alive([n for n in names if n != own], finding.member)
        if own is None or home is None:
            return ""
        now = stamp(finding.path)
        read = digests(finding.path, now)
        if own.member is not Member.PHOTO:
            changed = own._replace(method="copy", size=now.size, mtime_ns=now.mtime_ns, sha256=read.sha256)
            data = {"member": own.member.value, "was": own.sha256, "sha256": read.sha256}
            self._write(Change(photo.id, names_added=(changed,)), EventKind.EDITED_BY_HAND, **data)
            return "the ledger knows the file as it is now. The one in the library stays as it was"
        folder, base = os.path.split(own.path)
        moment = self._context.clock.now().astimezone()
        names_free = (n for n in candidates(base, moment) if n != base)
        placed = self._place(home, own.area, folder, names_free, photo.sha256)
        back = own.placed_in(own.area, folder, placed, own.person_id, photo.sha256)
        at = self._context.clock.text()

        def write(db: Database) -> int:
            new = NewPhoto(photo.source, "rebuild", base, now.size, now.mtime_ns)
            [row] = photos.add(db, [new], at)
            event = NewEvent(
                EventKind.REPLACED_BY_HAND, photo.id, {"became": row.id, "sha256": read.sha256}, ACTOR
            )
            first = Change(
                photo.id,
                expect=AT_REST,
                names_removed=((own.area, own.path),),
                names_added=(back,),
                events=(event,),
            )
            mine = own._replace(
                photo_id=row.id,
                method="hardlink",
                size=now.size,
                mtime_ns=now.mtime_ns,
                sha256=read.sha256,
            )
            second = Change(
                row.id,
                state=photo.state,
                values={
                    "sha256": read.sha256,
                    "sha1": read.sha1,
                    "extension": photo.extension,
                    "media_type": photo.media_type,
                    "media_kind": photo.media_kind,
                    "category": photo.category.value if photo.category else None,
                    "person_id": photo.person_id,
                    "person_name": photo.person_name,
                    "routed_at": at,
                },
                names_added=(mine,),
                events=(NewEvent(EventKind.ADOPTED, row.id, {"from": photo.id}, ACTOR),),
            )
            photos.apply(db, [first, second], at)
            for photo_id in (photo.id, row.id):
                review_row(db, photo_id, self._context, at)
                download_row(db, photo_id, self._context)
            return row.id

        new_id = self._context.ledger.write(write)
        return f"the new file is photo {new_id}. Photo {photo.id} is linked at {shown(back.path)}"

    def _unlinked(self, finding: Finding, photo: Photo, names: list[Name]) -> str:
        own = _own(finding, names)
        if own is None or finding.path is None:
            return ""
        now = stamp(finding.path)
        copy = own._replace(method="copy", size=now.size, mtime_ns=now.mtime_ns)
        self._write(Change(photo.id, names_added=(copy,)))
        return "the ledger knows it as a copy"

    # --- gone --------------------------------------------------------------------------------

    def _missing(self, finding: Finding, photo: Photo, names: list[Name]) -> str:
        mine = [n for n in names if n.member is finding.member and n.area is not Area.ORIGINAL]
        gone = [n for n in mine if self._look(n) is None]
        if _own(finding, names) is None:
            done = "the ledger follows what was moved"
        else:
            done = "" if gone else "it is there again"
        for name in gone:
            done = self._link_again(photo, names, name) or done
        return done

    def _link_again(self, photo: Photo, names: Sequence[Name], own: Name) -> str:
        home = self._alive(names, own.member)
        if home is None:
            return ""
        folder, base = os.path.split(own.path)
        digest = own.sha256 or (photo.sha256 if own.member is Member.PHOTO else None)
        placed = self._place(home, own.area, folder, [base], digest)
        back = own.placed_in(own.area, folder, placed, own.person_id, own.sha256)
        again = [[own.area.value, shown(own.path)]]
        self._write(Change(photo.id, names_added=(back,)), EventKind.LINKED_AGAIN, names=again)
        if own.area is Area.LIBRARY and photo.shard is not None and self._context.tuning.trigger_scan:
            at = self._context.clock.text()
            shard = {"shard": photo.shard}
            self._context.ledger.write(lambda db: outbox.post_once(db, "scan", shard, at))
        return f"linked again from {shown(self._context.absolute(home))}"

    def _gone(self, finding: Finding, photo: Photo, names: list[Name]) -> str:
        own = [n for n in names if n.member is finding.member]
        if any(self._look(n) is not None for n in own):
            return "it is there again"
        if finding.code is Code.TRASH_EMPTIED and finding.member is Member.PHOTO:
            self._write(photos.purged(photo, names))
            return "noted: gone for good, by hand"
        if not self._accept_loss and finding.code is Code.LOST:
            return ""
        left = [n for n in names if n not in own] if finding.member is Member.PHOTO else []
        whole = finding.member is Member.PHOTO and not any(self._look(n) for n in left)
        if finding.member is Member.PHOTO and not whole:
            return ""
        self._write(
            Change(
                photo.id,
                state=State.PURGED if whole else None,
                names_removed=tuple((n.area, n.path) for n in (names if whole else own)),
                review_closed=("withdrawn", ACTOR) if whole and photo.state is State.REVIEW else None,
            ),
            EventKind.LOST,
            names=[[n.area.value, shown(n.path)] for n in own],
            sha256=photo.sha256,
        )
        return "noted as lost. The digest stays known"

    # --- rows --------------------------------------------------------------------------------

    def _rows(self, _finding: Finding, photo: Photo, _names: list[Name]) -> str:
        self._write(Change(photo.id))
        return "written again"


def _own(finding: Finding, names: Sequence[Name]) -> Name | None:
    """Return the name that the finding is about, None when the photo has it no more."""
    return next((n for n in names if (n.area, n.path) == (finding.area, finding.relative)), None)
