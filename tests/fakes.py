"""An Immich in memory, and a sidecar on a temporary root beside it. Shared by tests of many themes."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from PIL import Image
from tests.once import DECODERS

from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.core.completion import CHAIN, Listing, QueueCount, QueueCounts, QueueSnapshot
from smartsort.core.model import (
    AssetRef,
    Box,
    Category,
    Decision,
    Face,
    Outcome,
    Person,
    State,
    Suggestion,
)
from smartsort.core.wording_events import EVENT_KINDS
from smartsort.errors import ImmichRejected, ImmichUnreachable, SmartsortError
from smartsort.files.placement import Placer
from smartsort.files.shown import from_ledger
from smartsort.files.stamps import stamp
from smartsort.ledger import events, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.arrival.claim import Offered
from smartsort.pipeline.engine.context import Clock
from smartsort.ports import (
    AssetDetails,
    FaceModel,
    Library,
    Listed,
    Owned,
    ServerInfo,
    Shown,
    ThumbnailSize,
    UploadCopy,
)

LIBRARY_PATH = "/mnt/library"

TO_THE_LIBRARY = ("examine", "deduplicate", "videos", "place")
STAGES = (*TO_THE_LIBRARY, "recognise")
"""The stages that a photo goes through, in this order."""


@dataclass(slots=True)
class FakeFace:
    """One face of an asset; `person` is an id."""

    id: str
    box: Box
    person: str | None


@dataclass(slots=True)
class FakeAsset:
    """One external asset."""

    id: str
    path: str
    offline: bool = False
    trashed_by_user: bool = False
    restored: bool = False
    """A user restored it while its file was gone."""
    visibility: str = "timeline"
    faces: list[FakeFace] = field(default_factory=list)
    has_preview: bool = True
    taken: str | None = None
    library_id: str | None = None
    """None for an upload."""
    owner_id: str = "user-1"
    checksum: str = ""
    size: int | None = None
    modified: str = ""
    """Bytes and time of the file, as Immich has read it."""
    preview: bytes = b"picture"
    created: str = "2024-05-01T12:00:00.000Z"

    @property
    def trashed(self) -> bool:
        """As Immich calls it: by the user's hand, or because its file is gone."""
        return self.trashed_by_user or (self.offline and not self.restored)


class FakeServer:
    """A PhotoServer that is done with everything at once.

    `who(path)` is the script: the people on the photo at this path, largest face first; None or a name nobody
    has is a stranger. Scans read the real folder `library`, which Immich sees at `LIBRARY_PATH`. `down` makes
    every call fail; `forget_gone` plays Immich's own watcher, which removes the row of a file that went.
    """

    finds_together = False

    def __init__(
        self, library: str, people: Sequence[str], who: Callable[[str], Sequence[str | None]]
    ) -> None:
        self.library, self.who = library, who
        self.people_by_id: dict[str, Person] = {}
        self.assets: dict[str, FakeAsset] = {}
        self.albums_by_name: dict[str, tuple[str, set[str]]] = {}
        self.libraries_made: list[Library] = []
        self.uploads: dict[str, UploadCopy] = {}
        self.look_alikes: dict[str, list[str]] = {}
        self.down = False
        self.silent = inf
        self.forget_gone = False
        self.page_size = 1000
        self.calls_made: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._detection_numbers = itertools.count(1)
        self._question: int | None = None
        self._queued: dict[str, int] = {}
        for name in people:
            self._add_person(name)

    def _add_person(self, name: str) -> Person:
        person = Person(f"person-{next(self._ids)}", name)
        self.people_by_id[person.id] = person
        return person

    def person(self, name: str) -> Person:
        """The person of this name; for scripts and assertions."""
        return next(p for p in self.people_by_id.values() if p.name == name)

    def asset_at(self, name: str) -> FakeAsset:
        """The newest asset whose path ends so."""
        return [a for a in self.assets.values() if a.path.endswith(name)][-1]

    def described(self) -> dict[str, Any]:
        """All that a person could see of it, without ids of people nobody has named."""

        def named(person_id: str | None) -> str:
            return self.people_by_id[person_id].name if person_id in self.people_by_id else ""

        return {
            "assets": {
                a.path: (a.id, a.offline, a.visibility, [(f.id, named(f.person)) for f in a.faces])
                for a in self.assets.values()
            },
            "albums": {name: sorted(ids) for name, (_, ids) in self.albums_by_name.items() if ids},
        }

    # --- the port ----------------------------------------------------------------------------

    @property
    def calls(self) -> Mapping[str, int]:
        return dict(self.calls_made)

    def _call(self, name: str) -> None:
        self.calls_made[name] += 1
        if self.down:
            raise ImmichUnreachable(f"{name}: the fake Immich is down; wait")

    @property
    def silent_seconds(self) -> float:
        return self.silent

    async def info(self) -> ServerInfo:
        self._call("info")
        return ServerInfo("3.1.0", "user-1", True, frozenset({"all"}))

    async def misfits(self) -> Sequence[str]:
        return ()

    async def ping(self) -> bool:
        return not self.down

    async def uploads_with_content(self, sha1s: Sequence[str]) -> Mapping[str, UploadCopy]:
        self._call("uploads_with_content")
        return {digest: self.uploads[digest] for digest in sha1s if digest in self.uploads}

    async def libraries(self) -> Sequence[Library]:
        self._call("libraries")
        return tuple(self.libraries_made)

    async def create_library(self, name: str, import_path: str) -> Library:
        self._call("create_library")
        library = Library(f"library-{next(self._ids)}", name, (import_path,))
        self.libraries_made.append(library)
        return library

    async def validate_import_path(self, library_id: str, import_path: str) -> str | None:
        self._call("validate_import_path")
        return None

    async def scan(self, library_id: str) -> None:
        self._call("scan")
        library = next(lib for lib in self.libraries_made if lib.id == library_id)
        there = set(self._files(library.import_paths[0]))
        by_path = {a.path: a for a in self.assets.values()}
        for path in sorted(there - by_path.keys()):
            self._import(path)
        for path, asset in by_path.items():
            if path.startswith(library.import_paths[0]):
                asset.offline = path not in there
                asset.restored &= asset.offline
                if asset.offline and self.forget_gone:
                    del self.assets[asset.id]

    def _files(self, import_path: str) -> Iterator[str]:
        real = self.library + import_path[len(LIBRARY_PATH) :]
        for folder, _, names in os.walk(real):
            for name in names:
                if not name.startswith(".") and not name.endswith(".xmp"):
                    yield LIBRARY_PATH + os.path.join(folder, name)[len(self.library) :]

    def _import(self, path: str) -> None:
        library = next((x for x in self.libraries_made if path.startswith(x.import_paths[0])), None)
        asset = FakeAsset(f"asset-{next(self._ids)}", path, library_id=library.id if library else None)
        for number, name in enumerate(self.who(path)):
            size = 400 - 50 * number
            box = Box(100 * number, 0, 100 * number + size, size)
            known = next((p for p in self.people_by_id.values() if name and p.name == name), None)
            asset.faces.append(FakeFace(f"face-{next(self._ids)}", box, known.id if known else None))
        self.assets[asset.id] = asset

    async def resolve(self, paths: Sequence[str | bytes]) -> Mapping[str | bytes, AssetRef]:
        self._call("resolve")
        found = {a.path: AssetRef(a.id, a.path, a.trashed) for a in self.assets.values()}
        return {path: found[str(path)] for path in paths if str(path) in found}

    async def queue_counts(self) -> QueueCounts:
        self._call("queue_counts")
        return {name: QueueCount() for name in CHAIN}

    async def queue_snapshot(self, libraries: Collection[str] | None = None) -> QueueSnapshot:
        self._call("look")
        return QueueSnapshot(tuple(Listing(name) for name in CHAIN))

    async def recognition_jobs(self) -> Listing:
        self._call("recognition_jobs")
        return Listing(CHAIN[-1])

    async def detection_jobs(self) -> Listing:
        self._call("detection_jobs")
        return self._detection_listing()

    def _detection_listing(self) -> Listing:
        """As the queue: the question that was put last, once, and then what it has queued, once."""
        if self._question is not None:
            numbers, self._question = frozenset({self._question}), None
            return Listing("faceDetection", collective=True, collective_numbers=numbers)
        queued, self._queued = self._queued, {}
        return Listing("faceDetection", frozenset(queued), numbers=frozenset(queued.values()))

    async def listed(self, library_id: str, placed_after: datetime) -> Mapping[str, Listed]:
        self._call("listed")
        return {
            a.id: Listed(frozenset(f.person for f in a.faces if f.person), a.has_preview)
            for a in self.assets.values()
            if not a.offline and not a.trashed_by_user
        }

    async def people_on(
        self, library_id: str, created_after: datetime, page: int
    ) -> tuple[Mapping[str, Mapping[str, str]], frozenset[str], bool]:
        self._call("people_on")
        path = next(lib for lib in self.libraries_made if lib.id == library_id).import_paths[0]
        thrown = frozenset(a.id for a in self.assets.values() if a.trashed_by_user and not a.offline)
        here = [a for a in self.assets.values() if a.path.startswith(path) and not a.trashed]
        names = {i: p.name for i, p in self.people_by_id.items()}
        return (
            {a.id: {f.person: names.get(f.person, "") for f in a.faces if f.person} for a in here},
            thrown,
            False,
        )

    async def owned(
        self, taken_after: str | None, page: int, created_after: str | None = None
    ) -> tuple[Sequence[Owned], bool]:
        """As the real one: by the moment it was taken, that moment included, a page at a time."""
        self._call("owned")
        since = created_after and datetime.fromisoformat(created_after)
        shown = sorted(
            (
                a
                for a in self.assets.values()
                if not a.trashed
                and a.visibility == "timeline"
                and (taken_after is None or (a.taken or "") >= taken_after)
                and (not since or datetime.fromisoformat(a.created) >= since)
            ),
            key=lambda a: (a.taken or "", a.id),
        )
        names = {i: p.name for i, p in self.people_by_id.items()}
        first = (page - 1) * self.page_size
        return [
            Owned(
                a.id,
                a.owner_id,
                a.path,
                os.path.basename(a.path),
                a.library_id,
                a.taken or "",
                a.taken,
                a.path.endswith(".mp4"),
                {f.person: names.get(f.person, "") for f in a.faces if f.person},
                a.checksum,
                a.size,
                a.modified,
            )
            for a in shown[first : first + self.page_size]
        ], len(shown) > first + self.page_size

    def upload(self, path: str, taken: str | None = "2020-01-01T00:00:00.000Z", **more: Any) -> FakeAsset:
        """A photo that reaches Immich without smartsort. `path` is as Immich sees it."""
        self._import(path)
        asset = self.asset_at(path)
        asset.taken = taken
        for key, value in more.items():
            setattr(asset, key, value)
        return asset

    async def in_trash(self, below: str) -> Mapping[str, str]:
        self._call("in_trash")
        return {
            a.id: a.path
            for a in self.assets.values()
            if a.trashed_by_user and not a.offline and a.path.startswith(f"{below}/")
        }

    async def shown(self, paths: Sequence[str], below: str) -> Sequence[Shown] | None:
        self._call("shown")
        if not self.finds_together:
            return None
        names = {i: p.name for i, p in self.people_by_id.items()}
        return [
            Shown(
                a.id,
                a.path,
                {f.person: names.get(f.person, "") for f in a.faces if f.person},
                a.trashed,
                a.offline,
            )
            for a in self.assets.values()
            if a.path in paths
            or (below and a.trashed_by_user and not a.offline and a.path.startswith(f"{below}/"))
        ]

    async def assets_of_person(
        self, person_id: str, limit: int, created_after: datetime | None = None
    ) -> Mapping[str, str | None]:
        self._call("assets_of_person")
        found = [a for a in self.assets.values() if any(f.person == person_id for f in a.faces)]
        return {a.id: a.taken for a in found[:limit]}

    async def duplicate_ids(self, library_id: str, created_after: datetime) -> Mapping[str, str]:
        self._call("duplicate_ids")
        return {asset: group for group, assets in self.look_alikes.items() for asset in assets}

    async def duplicate_groups(self) -> Mapping[str, Sequence[str]]:
        self._call("duplicate_groups")
        return dict(self.look_alikes)

    async def face_model(self) -> FaceModel | None:
        self._call("face_model")
        return None

    async def detects_faces(self) -> bool:
        self._call("detects_faces")
        return True

    async def detect_missing_faces(self) -> None:
        self._call("detect_missing_faces")
        self._ask_for(())

    def _ask_for(self, unfinished: Collection[str], *, question_seen: bool = True) -> None:
        """Put a question that queues detection for these assets."""
        number = next(self._detection_numbers)
        self._question = number if question_seen else None
        self._queued = {asset_id: next(self._detection_numbers) for asset_id in unfinished}

    async def recognise_unassigned_faces(self) -> None:
        self._call("recognise_unassigned_faces")

    def _asset(self, asset_id: str) -> FakeAsset:
        if asset_id not in self.assets:
            raise ImmichRejected(f"asset {asset_id}: Not found or no asset.read access", 400)
        return self.assets[asset_id]

    async def asset(self, asset_id: str) -> AssetDetails | None:
        self._call("asset")
        found = self.assets.get(asset_id)
        if found is None:
            return None
        return AssetDetails(
            found.id, found.path, found.offline, found.trashed, found.visibility, None, found.has_preview
        )

    async def faces(self, asset_id: str) -> Sequence[Face]:
        self._call("faces")
        return [
            Face(f.id, f.box, 1440, 1440, self.people_by_id.get(f.person or ""))
            for f in self._asset(asset_id).faces
        ]

    async def people(self) -> Sequence[Person]:
        """As the real one: nobody without a face, but for those it knew from the start."""
        self._call("people")
        shown = {f.person for a in self.assets.values() for f in a.faces}
        first = {f"person-{n}" for n in range(1, 100)}
        return [p for p in self.people_by_id.values() if p.name and (p.id in shown or p.id in first)]

    async def closest_people(self, face_id: str, limit: int) -> Sequence[Person]:
        self._call("closest_people")
        return (await self.people())[:limit]

    async def create_person(self, name: str) -> Person:
        self._call("create_person")
        return self._add_person(name)

    async def assign_face(self, face_id: str, person_id: str) -> None:
        self._call("assign_face")
        face = next((f for a in self.assets.values() for f in a.faces if f.id == face_id), None)
        if face is None or person_id not in self.people_by_id:
            raise ImmichRejected(f"face {face_id}: Not found or no face.update access", 400)
        face.person = person_id

    async def set_visibility(self, asset_ids: Sequence[str], visibility: str) -> None:
        self._call("set_visibility")
        for asset in [self._asset(i) for i in asset_ids]:
            asset.visibility = visibility

    async def albums(self) -> Mapping[str, str]:
        self._call("albums")
        return {name: album_id for name, (album_id, _) in self.albums_by_name.items()}

    async def create_album(self, name: str, asset_ids: Sequence[str]) -> str:
        self._call("create_album")
        album_id = f"album-{next(self._ids)}"
        self.albums_by_name[name] = (album_id, set(asset_ids))
        return album_id

    def _album(self, album_id: str) -> set[str]:
        return next(ids for found, ids in self.albums_by_name.values() if found == album_id)

    async def add_to_album(self, album_id: str, asset_ids: Sequence[str]) -> None:
        self._call("add_to_album")
        self._album(album_id).update(asset_ids)

    async def remove_from_album(self, album_id: str, asset_ids: Sequence[str]) -> None:
        self._call("remove_from_album")
        self._album(album_id).difference_update(asset_ids)

    async def thumbnail(self, asset_id: str, size: ThumbnailSize) -> tuple[bytes, str] | None:
        self._call("thumbnail")
        return self.assets[asset_id].preview if asset_id in self.assets else b"picture", "image/jpeg"

    async def person_thumbnail(self, person_id: str) -> tuple[bytes, str] | None:
        self._call("person_thumbnail")
        return None

    async def aclose(self) -> None:
        """Nothing to close."""


def picture(seed: int, width: int = 16, height: int = 16) -> bytes:
    """A small JPEG; another seed, other bytes."""
    image = Image.new("RGB", (width, height), (seed % 256, seed // 256 % 256, seed // 65536 % 256))
    out = io.BytesIO()
    image.save(out, "JPEG", comment=str(seed).encode())
    return out.getvalue()


def write(path: str, content: bytes) -> None:
    """A new file."""
    with open(path, "xb") as file:
        file.write(content)


def append(path: str, content: bytes) -> None:
    """Somebody edits a file by hand."""
    with open(path, "ab") as file:
        file.write(content)


def shorten(path: str, by: int) -> None:
    """Take `by` bytes off the end."""
    os.truncate(path, os.path.getsize(path) - by)


def content_of(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


class FakeClock(Clock):
    """Time that passes by a millisecond whenever somebody looks, and by hand.

    `ahead`: seconds that its running time is ahead of the machine's, so that no test waits for them.
    """

    def __init__(self) -> None:
        self.at = datetime(2024, 5, 1, 12, tzinfo=UTC)
        self.ahead = 0.0
        super().__init__(now=self._now, monotonic=lambda: time.monotonic() + self.ahead)

    def _now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def pass_by(self, **much: float) -> None:
        """Let time go by: keyword arguments of timedelta."""
        self.at += timedelta(**much)


def suggest(ledger: Ledger, photo_id: int, close: Sequence[Suggestion], at: str) -> None:
    """Have the faces of a waiting photo measured as so much like these people."""
    _, category, version, reasons, evidence, _ = ledger.read(lambda db: photos.last_decision(db, photo_id))
    evidence = replace(evidence, suggestions={face.id: tuple(close) for face in evidence.faces})
    decision = Decision(Outcome.REVIEWED, reasons, version, Category(category))
    change = Change(photo_id, decision=(decision, evidence))
    ledger.write(lambda db: photos.apply(db, [change], at))


class World:
    """A sidecar on a temporary root with a FakeServer; its stages are stepped by hand."""

    def __init__(
        self,
        root: str,
        *,
        people: Sequence[str] = ("Anna", "Bella", "Carl"),
        who: Callable[[str], Sequence[str | None]] | None = None,
        settings: Mapping[str, Any] | None = None,
        checkpoint: Callable[[str], None] = lambda _: None,
        placer: Callable[[Callable[[], None]], Placer] = lambda guard: Placer(guard=guard),
        server: FakeServer | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.root = root
        self.server = server or FakeServer(os.path.join(root, "library"), people, who or by_name)
        self.clock = clock or FakeClock()
        values = {
            "root": root,
            "immich.url": "http://immich.test",
            "immich.api_key": "key",
            "immich.library_path": LIBRARY_PATH,
            "api.token": "token-for-tests",
        }
        self.sidecar: Sidecar = open_sidecar(
            load_settings(None, env={}, overrides=values | dict(settings or {})),
            server=self.server,
            clock=self.clock,
            checkpoint=checkpoint,
            placer=placer,
        )
        self.context = self.sidecar.context
        self.context.decoders = DECODERS
        self.ledger = self.context.ledger
        self.actions = self.sidecar.actions
        self._seeds = itertools.count(1)

    async def deliver(
        self, name: str, content: bytes | None = None, source: str = "test", xmp: bytes | None = None
    ) -> int:
        """Put a file into the inbox and have it claimed; the photo's id."""
        folder = os.path.join(self.context.layout.inbox, source)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        write(path, content if content is not None else picture(next(self._seeds)))
        companions = ()
        if xmp is not None:
            write(f"{path}.xmp", xmp)
            companions = ((f"{path}.xmp", Member.XMP, stamp(f"{path}.xmp")),)
        offered = Offered(path, stamp(path), source, companions=companions)
        [taken] = await self.sidecar.claimer.claim([offered])
        if isinstance(taken, SmartsortError):
            raise taken
        return taken.id

    async def settle(self, turns: int = 200) -> None:
        """Let every photo come to rest, and Immich hear everything that is due."""
        if not self.sidecar.connected:
            await self.sidecar.place_stage.ensure_library()
            self.sidecar.connected = True
        for _ in range(turns):
            for name in STAGES:
                await self.stage(name)
            if not self.ledger.read(photos.in_progress):
                break
            self.clock.ahead += 0.1  # a step that is taken too soon does not look at Immich
            await asyncio.sleep(0)
        else:
            raise AssertionError(f"never at rest: {self.ledger.read(photos.in_progress)}")
        await self.tell()

    async def stage(self, name: str) -> object:
        """One step of a stage."""
        stage = next(s for s in self.sidecar.runner._stages if s.name == name)
        return await stage.step()

    async def tell(self, minutes: int = 0) -> None:
        """Deliver the outbox; with `minutes` also what was postponed for so long."""
        for _ in range(minutes + 1):
            for _ in range(1000):
                if await self.stage("outbox") is not True:
                    break
            self.clock.pass_by(minutes=1 if minutes else 0)

    def photo(self, photo_id: int) -> Photo:
        found = self.ledger.read(lambda db: photos.get(db, photo_id))
        assert found is not None
        return found

    def suggest(self, photo_id: int, **similarities: float) -> None:
        """Have the faces of a waiting photo measured as so much like these people."""
        close = [Suggestion(self.server.person(name), much) for name, much in similarities.items()]
        suggest(self.ledger, photo_id, close, self.clock.text())

    def names(self, photo_id: int) -> list[Name]:
        return self.ledger.read(lambda db: photos.names_of(db, [photo_id]))[photo_id]

    def places(self, photo_id: int) -> list[str]:
        """Names of the photo itself outside the library, sorted."""
        return sorted(
            f"{n.area.value}/{n.path}"
            for n in self.names(photo_id)
            if n.area is not Area.LIBRARY and n.member is Member.PHOTO
        )

    def tree(self) -> dict[str, tuple[int, int]]:
        """Every file of our folders with inode and mtime; the inbox left out."""
        found = {}
        for area in ("temp_downloads", "library", "faces", "review", "trash"):
            for folder, _, names in os.walk(os.path.join(self.root, area)):
                for name in names:
                    path = os.path.join(folder, name)
                    if name != ".smartsort-root":
                        status = os.lstat(path)
                        found[os.path.relpath(path, self.root)] = (status.st_ino, status.st_mtime_ns)
        return found

    def check(self) -> None:
        """Ledger and disk agree: every name is there, nothing else is, every photo has its bytes."""
        names = self.ledger.read(
            lambda db: db.conn.execute("SELECT area, path, photo_id, member FROM names").fetchall()
        )
        known = {
            os.path.relpath(f"{self.context.folder(Area(area))}/{from_ledger(path)}", self.root): (
                photo_id,
                member,
            )
            for area, path, photo_id, member in names
        }
        tree = self.tree()
        # What Immich had before lies in a folder of its own.
        ours = {path for path in known if not path.startswith(".outside-path-mapping/")}
        assert set(tree) == ours
        held = {photo_id for photo_id, member in known.values() if member == "photo"}
        rows = self.ledger.read(lambda db: db.conn.execute("SELECT id, state FROM photos").fetchall())
        assert held == {i for i, state in rows if state != State.PURGED.value}
        assert not self.ledger.read(photos.open_intents)
        self._check_sentences()

    def _check_sentences(self) -> None:
        """Every event is told in words, with names and never with ids."""
        from smartsort.api.views import event_views

        history = self.ledger.read(lambda db: event_views(db, events.after(db, 0, 10_000)))
        ids = [*self.server.people_by_id, *(asset.id for asset in self.server.assets.values())]
        for event in history:
            assert event.kind in EVENT_KINDS
            assert event.text.startswith(event.filename or event.text[0].upper())
            told = event.text.removeprefix(event.filename or "")
            assert "None" not in told, event
            assert not [one for one in ids if one in told], event

    async def close(self) -> None:
        await self.sidecar.close()


@contextmanager
def world(root: os.PathLike[str] | str, **options: Any) -> Iterator[World]:
    """A World that is closed in the end."""
    made = World(os.fspath(root), **options)
    try:
        yield made
    finally:
        close_world(made)


def close_world(made: World) -> None:
    """Close without needing a loop: the server of a World has nothing to wait for."""
    if made.sidecar._workers is not None:
        made.sidecar._workers.shutdown(wait=True, cancel_futures=True)
    made.ledger.close()
    if made.sidecar._lock is not None:
        made.sidecar._lock.close()


def by_name(path: str) -> Sequence[str | None]:
    """The script of file names: `anna_1.jpg` shows Anna, `anna+stranger.jpg` Anna and a stranger."""
    stem = os.path.splitext(os.path.basename(path))[0].partition("_")[0]
    if stem in ("", "none"):
        return ()
    return tuple(None if part == "stranger" else part.title() for part in stem.split("+"))
