"""Makes the ledger follow the disk: files it does not know are adopted, photos it has elsewhere are found.

For a ledger that is older than the files (a backup was put back) and for a new one (the ledger is lost).
Nothing is deleted but second names of a file whose bytes provably stay.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database

from smartsort.audit import rows
from smartsort.audit.audit import open_for_reading
from smartsort.audit.rewrite import download_row, review_row
from smartsort.core.decision import rules_of
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Category, Decision, Evidence, Outcome, State
from smartsort.core.naming import folder_names
from smartsort.core.reasons import REBUILT
from smartsort.core.templates import Template, parse
from smartsort.errors import SmartsortError
from smartsort.files.media import FORMATS
from smartsort.files.names import split_extension
from smartsort.files.placement import Method, RemoveRequest, methods_between
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp
from smartsort.ledger import observed, photos
from smartsort.ledger.person_folders import person_of_folder
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import STAYS, Area, Member, Name, NewEvent, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.rescue.inventory import Cluster, Found, Inventory
from smartsort.rescue.originals import Originals, leads_to

log = logging.getLogger(__name__)

ACTOR = "rebuild"

_SHARD = "shard-"


@dataclass(slots=True)
class Adopted:
    """What was done."""

    files: int = 0
    adopted: int = 0
    followed: int = 0
    dropped: int = 0
    assets: int = 0
    unreadable: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Photo:
    """What a photo will be: all its names, old and found."""

    names: list[Name]
    row: Photo | None
    cluster: Cluster


class Adoption:
    """Runs once, with the root locked. Blocking."""

    def __init__(self, context: Context, progress: Callable[[int], None] = lambda _: None) -> None:
        self._context, self._progress = context, progress
        self._folders = {area: context.folder(area) for area in Area}
        self._template = parse(context.policy().template)
        self._done = Adopted()
        self._originals = Originals(context.layout)
        self._linking = (
            methods_between(context.folder(Area.LIBRARY), context.folder(Area.FACES)) is Method.HARDLINK
            and methods_between(context.folder(Area.LIBRARY), context.folder(Area.REVIEW)) is Method.HARDLINK
        )

    def run(self) -> Adopted:
        """Give every file an owner. Repeating it, or being killed in it, is harmless."""
        layout = self._context.layout
        inventory = Inventory(self._folders, self._context.decoders, lambda path: leads_to(layout, path))
        ledger = open_for_reading(self._context.ledger.path)
        try:
            self._done.files = inventory.read(ledger.conn, self._progress)
            self._done.unreadable = inventory.unreadable
            self._leave_inbox(inventory)
            for clusters in inventory.contents():
                owners = self._owners(ledger, clusters)
                for cluster, owner in zip(clusters, owners, strict=True):
                    self._adopt(ledger, cluster, inventory, owner)
            for photo_id in inventory.joined():
                self._join(photo_id, inventory)
        finally:
            ledger.close()
            inventory.close()
            self._originals.close()
        self._context.ledger.write(_count_shards)
        return self._done

    def _leave_inbox(self, inventory: Inventory) -> None:
        """What was claimed and had not left the inbox when a kill came: it would be claimed once more."""
        for place, _, names in os.walk(self._context.layout.inbox):
            for name in names:
                path = os.path.join(place, name)
                now = _look(path)
                if now is None:
                    continue
                for held, sha256 in inventory.claimed(now):
                    there = _look(held)
                    if there is None:
                        continue
                    # On one disk a claim is a link. Another file there is another delivery of the bytes.
                    copied = there.device != now.device and os.path.basename(held).endswith(f"_{name}")
                    if copied or there.same_file(now):
                        self._context.placer.remove([RemoveRequest(path, held, sha256=sha256)])
                        break

    # --- one file ----------------------------------------------------------------------------

    def _adopt(self, ledger: Database, cluster: Cluster, inventory: Inventory, owner: Photo | None) -> None:
        original = self._originals.same_file(cluster)
        known = None if original else owner or self._copied(ledger, cluster)
        if known is None:
            original = original or self._originals.same_bytes(cluster)
        if original is not None:
            known = self._context.ledger.read(lambda db: _photo_of(db, original))
        photo = _Photo([], None, cluster)
        gone: list[Name] = []
        found = list(cluster.names)
        if known is not None:
            photo.row = known
            held = self._context.ledger.read(lambda db: photos.names_of(db, [known.id]))[known.id]
            gone = [n for n in held if _look(self._context.absolute(n)) is None]
            photo.names = [n for n in held if n not in gone]
            found += inventory.travelling_with(known.id)
        number = known.id if known else 0
        if original is not None and known is None:
            photo.names.append(Name(number, Area.ORIGINAL, original))
        photo.names += self._named(found, photo.names, number)
        state, surplus = _state(photo.names)
        for name in surplus:
            photo.names.remove(name)
        self._write(photo, [*gone, *surplus], state)
        self._drop(photo, surplus)

    def _named(self, found: Sequence[Found], held: Sequence[Name], photo_id: int) -> list[Name]:
        """Names for files that were found: links of what the photo has, or of one another, or copies."""
        homes = {n.member: _look(self._context.absolute(n)) for n in reversed(held)}
        names = []
        for each in found:
            home = homes.setdefault(each.member, each.stamp)
            linked = home is None or each.stamp.same_file(home)
            method = Method.HARDLINK if linked else Method.COPY
            if linked and os.path.islink(f"{self._folders[each.area]}/{each.path}"):
                method = Method.SYMLINK
            names.append(
                Name(
                    photo_id,
                    each.area,
                    each.path,
                    each.member,
                    method.value,
                    size=each.stamp.size,
                    mtime_ns=each.stamp.mtime_ns,
                    sha256=each.sha256,
                )
            )
        return names

    def _join(self, photo_id: int, inventory: Inventory) -> None:
        """Files that came to a photo later, whose own names the ledger has."""
        ledger = self._context.ledger
        held = ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]
        known = {(n.area, n.path) for n in held}
        found = [f for f in inventory.travelling_with(photo_id) if (f.area, f.path) not in known]
        if not found:
            return
        names, at = self._named(found, held, photo_id), self._context.clock.text()
        gone = [n for n in held if n.member in {f.member for f in found}]
        gone = [n for n in gone if _look(self._context.absolute(n)) is None]
        data = {"names": [[n.area.value, shown(n.path)] for n in names]}

        def write(db: Database) -> None:
            change = Change(
                photo_id,
                names_removed=tuple((n.area, n.path) for n in gone),
                names_added=tuple(_owned(db, n, photo_id, self._template) for n in names),
                events=(NewEvent(EventKind.ADOPTED, photo_id, data, ACTOR),),
            )
            photos.apply(db, [change], at)

        ledger.write(write)
        self._done.followed += 1

    # --- whose it is -------------------------------------------------------------------------

    def _owners(self, ledger: Database, clusters: Sequence[Cluster]) -> list[Photo | None]:
        """Return the photos of the ledger that files of the same bytes are, None: it is a photo of its own.

        Assigned all at once, the surest first: a duplicate's file must not become the other photo's.
        """
        fits: list[tuple[tuple[object, ...], int, Photo]] = []
        for number, cluster in enumerate(clusters):
            fits += [(how, number, photo) for how, photo in self._candidates(ledger, cluster)]
        owners: list[Photo | None] = [None] * len(clusters)
        taken: set[int] = set()
        for _, number, photo in sorted(fits, key=lambda fit: (*fit[0], fit[1])):
            if owners[number] is None and photo.id not in taken:
                owners[number] = photo
                taken.add(photo.id)
        return owners

    def _candidates(
        self, ledger: Database, cluster: Cluster
    ) -> Iterator[tuple[tuple[bool, bool, bool, bool, bool, int], Photo]]:
        """Yield photos that a file may be, and how little speaks for it."""
        first = cluster.own[0]
        ids = rows.photos_with(ledger.conn, cluster.sha256)
        # Claimed when the backup was made and not read yet: known by what it looked like.
        ids += [
            r[0]
            for r in ledger.conn.execute(
                "SELECT id FROM photos WHERE state IN ('arrived', 'claimed') AND sha256 IS NULL"
                " AND size = ? AND mtime_ns = ?",
                (first.stamp.size, first.stamp.mtime_ns),
            )
        ]
        duplicate = all(_is_duplicate(f.area, f.path) for f in cluster.own)
        for row in rows.some(ledger.conn, ids):
            own = [n for n in row.names if n.member is Member.PHOTO]
            alive = [(n, s) for n in own if (s := _look(self._context.absolute(n))) is not None]
            same = any(s.same_file(f.stamp) for _, s in alive for f in cluster.own)
            lost = not alive and (bool(own) or row.state is not State.PURGED)
            if not (same or lost or (not self._linking and self._is_copy_of([n for n, _ in alive], cluster))):
                continue
            photo = self._context.ledger.read(lambda db, i=row.id: photos.get(db, i))  # type: ignore[misc]
            if photo is None:
                continue
            times = {photo.mtime_ns, *(n.mtime_ns for n in own)}
            how = (
                not same,
                duplicate != (photo.duplicate_of is not None),
                first.stamp.mtime_ns not in times,
                row.sha256 is None,
                not any(photo.original_name in f.path for f in cluster.own),
                row.id,
            )
            yield how, photo

    def _copied(self, ledger: Database, cluster: Cluster) -> Photo | None:
        """Without hard links: the photo of the library, found just now, that a file is the copy of."""
        if self._linking:
            return None
        for row in rows.some(ledger.conn, rows.photos_with(ledger.conn, cluster.sha256)):
            if self._is_copy_of(row.names, cluster):
                return self._context.ledger.read(lambda db, i=row.id: photos.get(db, i))  # type: ignore[misc]
        return None

    def _is_copy_of(self, names: Sequence[Name], cluster: Cluster) -> bool:
        """Without hard links: what lies in faces/ or review/ with these bytes is the library's photo.

        An exact duplicate is a photo of its own.
        """
        areas = {n.area for n in names if n.member is Member.PHOTO}
        if areas != {Area.LIBRARY}:
            return False
        return all(
            f.area in (Area.FACES, Area.REVIEW) and not _is_duplicate(f.area, f.path) for f in cluster.own
        )

    def _drop(self, photo: _Photo, surplus: Sequence[Name]) -> None:
        """Names a crash left between making the new one and dropping the old."""
        for name in surplus:
            stays = next((n for n in photo.names if n.member is name.member), None)
            if stays is None:
                continue
            path = self._context.absolute(name)
            [result] = self._context.placer.remove(
                [RemoveRequest(path, self._context.absolute(stays), sha256=name.sha256)]
            )
            if isinstance(result, SmartsortError):
                log.warning("%s", result)
            else:
                self._done.dropped += 1

    # --- the ledger --------------------------------------------------------------------------

    def _write(self, photo: _Photo, gone: Sequence[Name], state: State) -> None:
        at = self._context.clock.text()

        def write(db: Database) -> None:
            row = photo.row or self._new(db, photo, at)
            photo.row = row
            photo.names = [_owned(db, n, row.id, self._template) for n in photo.names]
            change = self._change(db, photo, row, gone, state, at=at)
            photos.apply(db, [change], at)
            db.conn.execute("DELETE FROM intents WHERE photo_id = ?", (row.id,))
            review_row(db, row.id, self._context, at)
            download_row(db, row.id, self._context)
            if any(n.area is Area.ORIGINAL for n in photo.names):
                observed.restored(db, row.id)

        adopted = photo.row is None
        self._context.ledger.write(write)
        self._done.adopted += adopted
        self._done.followed += not adopted

    def _new(self, db: Database, photo: _Photo, at: str) -> Photo:
        first = _most_telling(photo.names)
        was_there = any(n.area is Area.ORIGINAL for n in photo.names)
        source = observed.SOURCE if was_there else "rebuild"
        return photos.add(
            db,
            [
                NewPhoto(
                    source=source,
                    origin=source,
                    original_name=_original_name(first),
                    size=first.size or 0,
                    mtime_ns=first.mtime_ns or 0,
                )
            ],
            at,
        )[0]

    def _change(
        self, db: Database, photo: _Photo, row: Photo, gone: Sequence[Name], state: State, *, at: str
    ) -> Change:
        values: dict[str, object] = {"problem": None}
        own = [n for n in photo.names if n.member is Member.PHOTO]
        if state is not State.CLAIMED:
            values |= self._content(photo, row)
        if any(n.area is Area.ORIGINAL for n in own):
            values |= {"sha256": None, "sha1": None}  # what Immich does with its file is no loss of ours
        library = next((n for n in own if n.area is Area.LIBRARY), None)
        if library is not None:
            values |= {"shard": _shard_of(library.path), "placed_at": row.placed_at or at}
        decision = None
        if state is State.FILED:
            names = [n for n in own if n.area is Area.FACES]
            # A folder that people share does not say who they are.
            shared = self._context.policy().filing.is_shared
            filed = min(names, key=lambda n: shared(os.path.dirname(n.path)))
            folder = os.path.dirname(filed.path)
            person_id, person = person_of_folder(db, folder, self._template)
            before = folder_names(row.person_name or "")
            same = row.state is State.FILED and not set(before).isdisjoint(folder.split("/"))
            values |= {
                "person_id": row.person_id if same else person_id,
                "person_name": row.person_name if same else person,
                "category": None,
                "routed_at": row.routed_at or at,
            }
        elif state is State.REVIEW:
            waiting = next(n for n in own if n.area is Area.REVIEW)
            category = _category(waiting)
            values |= {"category": category.value, "person_id": None, "person_name": None}
            values |= {"routed_at": row.routed_at or at}
            if category is Category.DUPLICATES:
                values["duplicate_of"] = _first_with(db, photo.cluster.sha256, row.id)
            decision = None if row.state is State.REVIEW else (_why(waiting, category), Evidence())
        elif state is State.REJECTED:
            values |= {"trashed_at": at, "routed_at": row.routed_at or at, "category": None}
            values |= {"person_id": None, "person_name": None, "auto_sorted": 0}
        elif state is State.PLACED:
            values |= {"asset_id": None, "known_at": None, "category": None}
        data = {
            "state": state.value,
            "was": row.state.value if photo.row is not None else None,
            "names": [[n.area.value, shown(n.path)] for n in own],
        }
        kept = {(n.area, n.path) for n in photo.names}
        return Change(
            row.id,
            state=state,
            values=values,
            names_removed=tuple((n.area, n.path) for n in gone if (n.area, n.path) not in kept),
            names_added=tuple(photo.names),
            decision=decision,
            events=(NewEvent(EventKind.ADOPTED, row.id, data, ACTOR),),
        )

    def _content(self, photo: _Photo, row: Photo) -> dict[str, object]:
        values: dict[str, object] = {"sha256": photo.cluster.sha256, "sha1": photo.cluster.sha1}
        if row.media_type is None:
            extension = split_extension(_most_telling(photo.names).path)[1].lower()
            known = next((f for f in FORMATS if extension in f.acceptable), None)
            if known is not None:
                values |= {
                    "media_kind": known.kind.value,
                    "media_type": known.media_type,
                    "extension": known.extension,
                }
        return values


def _photo_of(db: Database, original: str) -> Photo | None:
    name = photos.name_at(db, Area.ORIGINAL, original)
    return photos.get(db, name.photo_id) if name is not None else None


def _is_duplicate(area: Area, path: str) -> bool:
    return area is Area.REVIEW and path.startswith(f"{Category.DUPLICATES.value}/")


def _look(path: str) -> FileStamp | None:
    try:
        return stamp(path)
    except SmartsortError:
        return None


def _owned(db: Database, name: Name, photo_id: int, template: Template) -> Name:
    person = name.person_id
    if name.area is Area.FACES and person is None:
        person = person_of_folder(db, os.path.dirname(name.path), template)[0]
    return name._replace(photo_id=photo_id, person_id=person)


def _state(names: Sequence[Name]) -> tuple[State, list[Name]]:
    """Return the state names in these folders mean, and the names that do not belong to it."""
    areas = {n.area for n in names if n.member is Member.PHOTO}
    for area, state, beside in (
        (Area.FACES, State.FILED, {Area.FACES, *STAYS}),
        (Area.REVIEW, State.REVIEW, {Area.REVIEW, *STAYS}),
        (Area.TRASH, State.REJECTED, {Area.TRASH}),
        (Area.LIBRARY, State.PLACED, {Area.LIBRARY}),
        (Area.TEMP, State.CLAIMED, {Area.TEMP}),
    ):
        if area in areas:
            surplus = [n for n in names if n.area not in beside]
            once = [n for n in names if n.member is Member.PHOTO and n.area is area]
            if state is not State.FILED:
                surplus += once[1:]
            in_library = [n for n in names if n.member is Member.PHOTO and n.area is Area.LIBRARY]
            surplus += [n for n in in_library[1:] if n not in surplus]
            return state, surplus
    raise ValueError("a photo without a name")


def _most_telling(names: Sequence[Name]) -> Name:
    order = (Area.FACES, Area.TRASH, Area.REVIEW, *STAYS, Area.TEMP)
    return min((n for n in names if n.member is Member.PHOTO), key=lambda n: order.index(n.area))


def _original_name(name: Name) -> str:
    base = os.path.basename(name.path)
    if name.area is Area.REVIEW:
        return base.removeprefix(rules_of(base, _category(name))[0]) or base
    if name.area is Area.TEMP:
        return base.partition("-")[2].partition("_")[2] or base
    return base


def _category(name: Name) -> Category:
    folder = name.path.split("/", 1)[0]
    return Category(folder) if folder in set(Category) else Category.UNIDENTIFIED


def _why(name: Name, category: Category) -> Decision:
    _, rules = rules_of(os.path.basename(name.path), category)
    reason = REBUILT.reason(detail=" or ".join(rules) or "nothing")
    return Decision(Outcome.REVIEWED, (reason,), policy_version="rebuild", category=category)


def _first_with(db: Database, sha256: str, other_than: int) -> int | None:
    row = db.conn.execute(
        "SELECT id FROM photos WHERE sha256 = ? AND id <> ? AND duplicate_of IS NULL ORDER BY id LIMIT 1",
        (sha256, other_than),
    ).fetchone()
    return int(row[0]) if row else None


def _shard_of(path: str) -> int | None:
    folder = path.split("/", 1)[0]
    number = folder[len(_SHARD) :]
    return int(number) if folder.startswith(_SHARD) and number.isdigit() else None


def _count_shards(db: Database) -> None:
    """How full each shard is, from the photos that stand in it."""
    counted = db.conn.execute(
        "SELECT p.shard, count(*) FROM photos AS p JOIN names AS n ON n.photo_id = p.id"
        " WHERE n.area = 'library' AND n.member = 'photo' AND p.shard IS NOT NULL GROUP BY p.shard"
    ).fetchall()
    for number, count in counted:
        db.conn.execute(
            "INSERT INTO shards (number, photos) VALUES (?, ?)"
            " ON CONFLICT (number) DO UPDATE SET photos = max(photos, excluded.photos)",
            (number, count),
        )
