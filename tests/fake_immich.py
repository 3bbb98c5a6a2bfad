"""An Immich in memory: assets, faces and people of which a script tells, and what it was asked for."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any

from smartsort.core.completion import CHAIN, Listing, QueueCount, QueueCounts, QueueSnapshot
from smartsort.core.model import (
    AssetRef,
    Box,
    Face,
    Person,
)
from smartsort.errors import ImmichRejected, ImmichUnreachable
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
    clip_id: str | None = None
    """The asset that is the clip of this Live Photo."""

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
        self, taken_after: str | None, page: int, created_after: str | None = None, *, clips: bool = False
    ) -> tuple[Sequence[Owned], bool]:
        """As the real one: by the moment it was taken, that moment included, a page at a time."""
        self._call("owned")
        since = created_after and datetime.fromisoformat(created_after)
        shown = sorted(
            (
                a
                for a in self.assets.values()
                if not a.trashed
                and a.visibility == ("hidden" if clips else "timeline")
                and (taken_after is None or (a.taken or "") >= taken_after)
                and (not since or datetime.fromisoformat(a.created) >= since)
            ),
            key=lambda a: (a.taken or "", a.id),
        )
        first = (page - 1) * self.page_size
        shown_now = shown[first : first + self.page_size]
        return [self._owned(a) for a in shown_now], len(shown) > first + self.page_size

    async def owned_asset(self, asset_id: str) -> Owned | None:
        self._call("owned_asset")
        return self._owned(self.assets[asset_id]) if asset_id in self.assets else None

    def _owned(self, a: FakeAsset) -> Owned:
        names = {i: p.name for i, p in self.people_by_id.items()}
        return Owned(
            a.id,
            a.owner_id,
            a.path,
            os.path.basename(a.path),
            a.library_id,
            a.taken or "",
            a.taken,
            a.path.endswith((".mp4", ".mov")),
            {f.person: names.get(f.person, "") for f in a.faces if f.person},
            a.checksum,
            a.size,
            a.modified,
            a.clip_id,
        )

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

    async def assets_of_person(self, person_id: str, limit: int) -> Mapping[str, str | None]:
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


def by_name(path: str) -> Sequence[str | None]:
    """The script of file names: `anna_1.jpg` shows Anna, `anna+stranger.jpg` Anna and a stranger."""
    stem = os.path.splitext(os.path.basename(path))[0].partition("_")[0]
    if stem in ("", "none"):
        return ()
    return tuple(None if part == "stranger" else part.title() for part in stem.split("+"))
