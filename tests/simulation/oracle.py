"""What has to be true once a history has come to rest."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator

from tests.simulation.actors import Delivery, ImmichUser
from tests.simulation.world import World

from smartsort.audit import Audit
from smartsort.core.event_kinds import REJECTIONS, EventKind
from smartsort.core.model import State
from smartsort.core.naming import folder_name
from smartsort.files.sides import side_of
from smartsort.ledger import events, photos
from smartsort.ledger.records import Area, Member, Name, Photo

EMPTY = hashlib.sha256(b"").hexdigest()
_UNTOLD = "SELECT o.kind, p.asset_id, o.problem FROM outbox AS o LEFT JOIN photos AS p ON p.id = o.photo_id"
AREAS = ("temp_downloads", "library", "faces", "review", "trash")


def under_way(world: World) -> str | None:
    """What is still going on, None when all is at rest."""
    sidecar = world.sidecar
    if sidecar is None or world.died.is_set():
        return "no sidecar"
    ledger = sidecar.context.ledger
    lying = [path for path in files_below(world.inbox) if side_of(os.path.basename(path)) is None]
    if lying:
        return f"in the inbox: {', '.join(os.path.relpath(path, world.inbox) for path in lying)}"
    if found := ledger.read(photos.in_progress):
        return f"on their way: {found}"
    untold = ledger.read(lambda db: db.conn.execute(_UNTOLD).fetchall())
    faceless = {asset_id for kind, asset_id, _ in untold if kind == "assign_face"}
    for kind, asset_id, problem in untold:
        asset = world.demo.state.assets.get(asset_id)
        # For hours it is waited for what lies in Immich's trash, and for the face on a photo that has none.
        waited_for = asset and (asset.trashed_by_user or (asset_id in faceless and not asset.face_ids))
        if not waited_for:
            return f"not told to Immich: {kind} ({problem})"
    if items := ledger.read(
        lambda db: db.conn.execute("SELECT id FROM submissions WHERE state = 'received'").fetchall()
    ):
        return f"items not taken: {items}"
    # A notice keeps no photo from being sorted: the users of this world mix up people, and smartsort says so.
    if health_issues := [t for t in sidecar.runner.health_issues.open if not t.notice]:
        return f"health_issues: {[(t.kind, t.message) for t in health_issues]}"
    if sidecar.context.needs_recovery:
        return f"not settled: {sorted(sidecar.context.needs_recovery)}"
    recheck = next(s for s in sidecar.runner._stages if s.name == "recheck").step.__self__  # type: ignore[attr-defined]
    if recheck.due:
        return f"to be judged again: {recheck.due}"
    return None if world.demo.engine.is_idle else "Immich is at work"


def files_below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(names) if not name.startswith(".smartsort"))


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check(world: World, delivered: list[Delivery], app: ImmichUser) -> None:
    """Hold ledger, folders and Immich against what was handed in; the sidecar is at rest and stays open."""
    assert world.sidecar is not None
    ledger = world.sidecar.context.ledger
    rows: list[Photo] = ledger.read(
        lambda db: photos.by_ids(db, [row[0] for row in db.conn.execute("SELECT id FROM photos ORDER BY id")])
    )
    names: dict[int, list[Name]] = ledger.read(lambda db: photos.names_of(db, [row.id for row in rows]))
    _accounts(world, delivered, rows, names)
    for row in rows:
        _place(world, row, names[row.id])
    _judgements(world, delivered, rows, names, app)
    for queue in world.demo.engine.queues.values():
        if queue.paused:
            world.finding(f"{queue.name} was left paused")


def held(world: World, photo_id: int) -> tuple[State, str | None, tuple[str, ...]]:
    """What a photo is and where it lies."""
    assert world.sidecar is not None
    ledger = world.sidecar.context.ledger
    row = ledger.read(lambda db: photos.get(db, photo_id))
    names = ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]
    assert row is not None
    # A name that was taken gets the time at which it was given again.
    return (
        row.state,
        row.category,
        tuple(sorted(re.sub(r"_\d{8}_\d{6}", "", f"{n.area.value}/{n.path}") for n in names)),
    )


def audited(world: World) -> None:
    """The product's own proof; nothing runs meanwhile."""
    from smartsort.bootstrap import layout_of
    from smartsort.config import load_settings

    layout = layout_of(load_settings(None, env={}, overrides={"root": world.root}))
    for found in Audit(layout).run().findings:
        world.finding(f"audit: {found.code.value}: {found.what.replace(world.root, '')}")


def _accounts(
    world: World, delivered: list[Delivery], rows: list[Photo], names: dict[int, list[Name]]
) -> None:
    """Each file that was handed in is there exactly once, and nothing else is."""
    lying = Counter(_digest(path) for path in files_below(world.inbox))
    known = Counter(row.sha256 for row in rows if row.sha256)
    members = {
        (n.photo_id, n.member, n.sha256)
        for held in names.values()
        for n in held
        if n.member is not Member.PHOTO
    }
    known.update(sha256 for _, _, sha256 in members if sha256)
    least, most = Counter[str](), Counter[str]()
    for delivery in delivered:
        least[delivery.shot.sha256] += delivery.at_least
        most[delivery.shot.sha256] += 1
    for sha256, count in (known + lying).items():
        if count > most[sha256]:
            world.finding(f"{sha256[:8]} is there {count} times and was handed in {most[sha256]} times")
    on_disk = {_digest(path) for area in AREAS for path in files_below(os.path.join(world.root, area))}
    side_files = {d.shot.sha256 for d in delivered if d.path and not d.path.endswith(".jpg")}
    purged = {row.sha256 for row in rows if row.state is State.PURGED}
    for sha256, count in least.items():
        if purged and sha256 in side_files:
            continue  # they went with their photo, which alone is remembered
        if known[sha256] + lying[sha256] < count:
            world.finding(
                f"{sha256[:8]} was handed in {count} times and is there {known[sha256] + lying[sha256]} times"
            )
        elif count and sha256 not in on_disk | set(lying) | purged:
            world.finding(f"the bytes of {sha256[:8]} are lost")
    for sha256 in on_disk - set(most):
        world.finding(f"a file with the bytes {sha256[:8]} that nobody handed in")


_PLACES = {
    State.FILED: {Area.LIBRARY, Area.FACES},
    State.REVIEW: {Area.LIBRARY, Area.REVIEW},
    State.REJECTED: {Area.TRASH},
    State.SKIPPED: {Area.TRASH},
    State.PURGED: set(),
}


_ASIDE = {"duplicate", "rejected_before", "duplicate_of_missing", "duplicate_of_damaged", "unreadable"}


def _reason(world: World, photo_id: int) -> str:
    """The code of the reason of a photo's newest decision."""
    assert world.sidecar is not None
    last = world.sidecar.context.ledger.read(lambda db: photos.last_decision(db, photo_id))
    return "" if last is None else last[3][0].code


def _is_redone(world: World, photo_id: int) -> bool:
    """True when Immich's user restored it, and a user of smartsort took that back."""
    assert world.sidecar is not None
    history = world.sidecar.context.ledger.read(lambda db: events.of_photo(db, photo_id))
    origins = {event.id: event for event in history}
    last = next((e for e in reversed(history) if e.kind in REJECTIONS or e.kind == EventKind.UNDONE), None)
    while last is not None and last.undoes is not None:
        last = origins.get(last.undoes)
    return last is not None and last.kind == EventKind.REMOVED_IN_IMMICH


def _place(world: World, row: Photo, held: list[Name]) -> None:
    """A photo lies where its state says, and nowhere else."""
    there = {n.area for n in held if n.member is Member.PHOTO}
    wanted = _PLACES.get(row.state)
    if wanted is None:
        return
    # Duplicates and what cannot be read wait, and may be filed, without a place in the library.
    asset = world.demo.state.assets.get(row.asset_id or "")
    if (
        row.state is State.REJECTED
        and there == {Area.LIBRARY}
        and asset is not None
        and (asset.trashed_by_user or _is_redone(world, row.id))
    ):
        return  # deleted in Immich: the file stays for days where Immich may restore it
    aside = there == wanted - {Area.LIBRARY} and _reason(world, row.id) in _ASIDE
    if there != wanted and not aside:
        world.finding(f"photo {row.id} is {row.state.value} and lies in {sorted(a.value for a in there)}")
    for name in held:
        if name.area is Area.REVIEW and row.category and not name.path.startswith(f"{row.category.value}/"):
            world.finding(f"photo {row.id} of {row.category} lies at {name.path}")


def _judgements(
    world: World, delivered: list[Delivery], rows: list[Photo], names: dict[int, list[Name]], app: ImmichUser
) -> None:
    """What nobody touched is filed under somebody who is on it, and nobody is overlooked."""
    assert world.sidecar is not None
    ledger = world.sidecar.context.ledger
    # Whoever is told that a face is somebody else's takes faces like it for that person, too.
    asked = "SELECT 1 FROM events WHERE kind = 'face_assigned'"
    assigned = ledger.read(lambda db: db.conn.execute(asked).fetchone())
    changed = app.people_changed or assigned is not None
    shots = {delivery.shot.sha256: delivery.shot for delivery in delivered}
    for row in rows:
        shot = shots.get(row.sha256 or "")
        code = _reason(world, row.id)
        actors = ledger.read(
            lambda db, i=row.id: {
                a for (a,) in db.conn.execute("SELECT actor FROM events WHERE photo_id = ?", (i,))
            }
        )
        if shot is None or not code or actors != {"smartsort"} or row.sha256 in app.touched:
            continue
        if row.state is State.REVIEW and code == "no_faces_detected" and shot.who:
            world.finding(f"photo {row.id} shows {shot.who} and was called faceless")
        if row.state is State.REVIEW and code == "recognition_failed":
            world.finding(f"photo {row.id} waits although recognition works again")
        if (code == "unreadable") is shot.whole and row.state is State.REVIEW:
            world.finding(f"photo {row.id}: whole is {shot.whole}, and it waits for {code}")
        folders = {n.path.split("/")[0] for n in names[row.id] if n.area is Area.FACES}
        expected = {folder_name(who) for who in shot.who if who}
        if row.state is State.FILED and (not expected or (not changed and not folders <= expected)):
            world.finding(f"photo {row.id} shows {shot.who} and is filed under {sorted(folders)}")
