"""What the pipeline needs from the outside, as protocols.

The pipeline sees these and never an adapter, `smartsort.bootstrap` wires the real ones and tests pass
fakes. Every method that talks to Immich may raise the errors of `smartsort.errors`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from smartsort.core.completion import Listing, QueueCounts, QueueSnapshot
from smartsort.core.model import AssetRef, Evidence, Face, Film, Person
from smartsort.core.policy import Policy
from smartsort.files.frames import Frame


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Which Immich this is and what this key may do there."""

    version: str
    user_id: str
    user_is_admin: bool
    permissions: frozenset[str]
    """Permission names of the key, contains "all" for an unlimited one."""


@dataclass(frozen=True, slots=True)
class Library:
    """An external library of Immich. `import_paths` are paths as Immich sees them."""

    id: str
    name: str
    import_paths: tuple[str, ...]
    owner_id: str = field(default="", compare=False)
    """The user whose photos they become. A key of anybody else does not find them."""


@dataclass(frozen=True, slots=True)
class AssetDetails:
    """One asset. `offline`: its file is gone. `trashed` without `offline`: the user threw it away."""

    id: str
    path: str
    offline: bool
    trashed: bool
    visibility: str
    duplicate_id: str | None
    has_thumbnail: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """An asset as a search shows it: nothing about faces that belong to nobody."""

    people: frozenset[str]
    """Ids of the people on it, unnamed ones included."""
    has_preview: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """A photo as a search lists it. `people` are names by id, "" for somebody unnamed."""

    id: str
    owner_id: str
    path: str
    """As Immich sees it."""
    name: str
    """As the user called it."""
    library_id: str | None
    """None for an upload."""
    taken: str
    """The moment that searches go by, with a zone."""
    local_time: str | None
    is_video: bool
    people: Mapping[str, str]
    checksum: str = ""
    """Base64: SHA-1 of the content for an upload, of the path for a photo of an external library."""
    size: int | None = None
    """Bytes of the file, None where Immich does not tell."""
    modified: str = ""
    """When the file was changed, with a zone."""
    clip_id: str | None = None
    """The asset that is the clip of this Live Photo. Immich hides it from all other lists."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset as `ImmichServer.shown` finds it."""

    id: str
    path: str
    people: Mapping[str, str]
    """Names of all people on it by their ids, "" for somebody unnamed."""
    trashed: bool
    offline: bool


@dataclass(frozen=True, slots=True)
class UploadCopy:
    """An upload of Immich with the content that was asked for."""

    asset_id: str
    trashed: bool


@dataclass(frozen=True, slots=True)
class FaceModel:
    """The model Immich recognises faces with, and how sure it has to be that something is a face."""

    name: str
    min_score: float


class ThumbnailSize(StrEnum):
    """`thumbnail` is about 250 pixels (webp), `preview` 1440 pixels on its short side (jpeg)."""

    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"


class Pictures(Protocol):
    """What shows the pictures of Immich."""

    async def thumbnail(self, asset_id: str, size: ThumbnailSize) -> tuple[bytes, str] | None:
        """Return the picture's bytes and media type, None when Immich has none (yet)."""
        ...


class PhotoServer(Pictures, Protocol):
    """Immich, as far as smartsort uses it. There is no method that deletes, and none that forces."""

    @property
    def calls(self) -> Mapping[str, int]:
        """HTTP requests made so far, retries included, by operation name."""
        ...

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last good answer. Infinite before one and after a call that failed."""
        ...

    async def info(self) -> ServerInfo:
        """Version, user and permissions. Also the proof that the server is reachable and the key valid."""
        ...

    async def misfits(self) -> Sequence[str]:
        """Return what an Immich newer than those that were tried lacks, by its own description.

        Empty for a version that was tried, and where it lacks nothing. One call for the version, one for the
        description of a newer one.
        """
        ...

    async def ping(self) -> bool:
        """Return True when the server answers. Never raises for an unreachable server."""
        ...

    async def uploads_with_content(self, sha1s: Sequence[str]) -> Mapping[str, UploadCopy]:
        """Uploads that have one of these SHA-1 digests (hex), by digest. One call per 5,000."""
        ...

    async def libraries(self) -> Sequence[Library]:
        """Return all external libraries (admin)."""
        ...

    async def create_library(self, name: str, import_path: str) -> Library:
        """Return a new external library of the key's owner (admin). `import_path` as Immich sees it."""
        ...

    async def validate_import_path(self, library_id: str, import_path: str) -> str | None:
        """Return None when Immich can read the path, else its message."""
        ...

    async def scan(self, library_id: str) -> None:
        """Start a scan of one library. Returns at once, there is no handle."""
        ...

    async def resolve(self, paths: Sequence[str | bytes]) -> Mapping[str | bytes, AssetRef]:
        """Assets of these paths (as Immich sees them), by path. Unknown ones are missing.

        One call per 1,000 paths. The path itself is the key of the look-up: Immich's checksum of an
        external asset is the SHA-1 of `path:` + path bytes.
        """
        ...

    async def queue_counts(self) -> QueueCounts:
        """Job counts of all queues: one cheap call, a hint but not a proof."""
        ...

    async def queue_snapshot(self, libraries: Collection[str] | None = None) -> QueueSnapshot:
        """List the queues of the chain, upstream first. A listing that fails is repeated, then raises.

        With `libraries` only a scan of one of these makes the look inconclusive.
        """
        ...

    async def recognition_jobs(self) -> Listing:
        """Return the last queue of the chain alone. Enough once `look` has proved that detection is over."""
        ...

    async def detection_jobs(self) -> Listing:
        """Return the `faceDetection` queue alone. Shows what `detect_missing_faces` has queued."""
        ...

    async def listed(self, library_id: str, placed_after: datetime) -> Mapping[str, Listed]:
        """Return what a search shows of a library's assets placed since then, by asset. One call per 1,000.

        A hint: what is archived, in the trash, or not read yet may be missing, and older ones may be there.
        """
        ...

    async def assets_of_person(self, person_id: str, limit: int) -> Mapping[str, str | None]:
        """Return when each of `limit` assets of a person at most was taken, newest first.

        One call per 1,000.
        """
        ...

    async def people_on(
        self, library_id: str, created_after: datetime, page: int
    ) -> tuple[Mapping[str, Mapping[str, str]], frozenset[str], bool]:
        """Return one page (1,000) of a library's assets new since then, and whether more pages follow.

        One call. By asset: the names of all people on it by their ids, "" for somebody unnamed. Assets that
        the user has put into Immich's trash come apart, their ids only.
        """
        ...

    finds_together: bool
    """True when this version answers `shown`. Known after `info`."""

    async def shown(self, paths: Sequence[str], below: str) -> Sequence[Shown] | None:
        """Return the photos at these paths, and those that `in_trash` tells, by one search.

        With `below` "" only the paths. None when Immich refuses the search: then `finds_together` is False
        from now on. A photo that is missing may be in the locked folder. One call per 1,000.
        """
        ...

    async def owned(
        self, taken_after: str | None, page: int, created_after: str | None = None, *, clips: bool = False
    ) -> tuple[Sequence[Owned], bool]:
        """Return a thousand photos, the oldest first, and whether more follow. One call.

        They were taken at `taken_after` or later. Photos in the trash and archived ones are left out, those
        of partners may be among them. `created_after` is by this machine's clock: Immich took them in since.
        `clips`: the clips of Live Photos instead.
        """
        ...

    async def owned_asset(self, asset_id: str) -> Owned | None:
        """Return one asset as `owned` lists it, None when Immich does not know the id."""
        ...

    async def in_trash(self, below: str) -> Mapping[str, str]:
        """Paths by id of the photos below a folder that the user has put into Immich's trash.

        Photos whose file is gone are left out: Immich puts them there by itself. One call per 1,000.
        """
        ...

    async def duplicate_ids(self, library_id: str, created_after: datetime) -> Mapping[str, str]:
        """Return ids of the groups of look-alikes, by asset, of a library's assets new since then.

        Assets in no group are missing. One call per 1,000.
        """
        ...

    async def duplicate_groups(self) -> Mapping[str, Sequence[str]]:
        """Return ids of the assets that look alike, by group. One call."""
        ...

    async def face_model(self) -> FaceModel | None:
        """Return how Immich recognises faces, None when this key may not ask."""
        ...

    async def detects_faces(self) -> bool:
        """Return False while face recognition is switched off in Immich: then no photo gets a face."""
        ...

    async def detect_missing_faces(self) -> None:
        """Queue face detection for exactly the photos whose detection never finished (`force: false`)."""
        ...

    async def recognise_unassigned_faces(self) -> None:
        """Queue recognition for faces without a person (`force: false`)."""
        ...

    async def asset(self, asset_id: str) -> AssetDetails | None:
        """Return one asset, None when Immich does not know the id (it says 400)."""
        ...

    async def faces(self, asset_id: str) -> Sequence[Face]:
        """Return all faces of one asset, people and strangers."""
        ...

    async def people(self) -> Sequence[Person]:
        """Return all named and unnamed people Immich lists, hidden ones included, every page read."""
        ...

    async def closest_people(self, face_id: str, limit: int) -> Sequence[Person]:
        """Named people, closest to this face first. Immich tells no distance."""
        ...

    async def create_person(self, name: str) -> Person:
        """Return a new person with this name."""
        ...

    async def assign_face(self, face_id: str, person_id: str) -> None:
        """Say that this face is that person."""
        ...

    async def set_visibility(self, asset_ids: Sequence[str], visibility: str) -> None:
        """`archive` or `timeline`."""
        ...

    async def albums(self) -> Mapping[str, str]:
        """Return ids of the owner's own albums by name. Of two with one name, the older one counts."""
        ...

    async def create_album(self, name: str, asset_ids: Sequence[str]) -> str:
        """Return a new album with these assets. Return its id."""
        ...

    async def add_to_album(self, album_id: str, asset_ids: Sequence[str]) -> None:
        """Assets that are in it already are left alone."""
        ...

    async def remove_from_album(self, album_id: str, asset_ids: Sequence[str]) -> None:
        """Takes photos out of an album, deletes nothing."""
        ...

    async def person_thumbnail(self, person_id: str) -> tuple[bytes, str] | None:
        """Return a person's face, None when Immich has not made it (yet)."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class Measuring(Protocol):
    """Confidence from Immich's machine learning service, as far as the pipeline uses it."""

    @property
    def available(self) -> bool:
        """False for a while after the service has failed."""
        ...

    @property
    def version(self) -> int:
        """Changes when a photo judged before might be judged otherwise now."""
        ...

    def newly_measured(self) -> list[int]:
        """Photos in review that were looked at since this was asked last."""
        ...

    async def complete(
        self, asset_id: str, evidence: Evidence, policy: Policy, ambiguous: Collection[str]
    ) -> Evidence:
        """Return the evidence with what could be measured, in bounded time.

        Unknown says why. Never raises.
        """
        ...

    async def watch(self, photo_id: int, frames: Sequence[Frame]) -> Film:
        """Return the faces in a video's frames.

        Unknown, and why, when the service cannot be asked. Never raises.
        """
        ...

    async def sees_faces(self, asset_id: str) -> bool | None:
        """Return whether the service finds a face on this photo, None when it cannot be asked.

        Never raises.
        """
        ...

    async def recall(self, asset_id: str, evidence: Evidence) -> Evidence | None:
        """The evidence as it would be measured now, from memory alone: how sure a match is, and who is close.

        None when something would have to be measured first.
        """
        ...
