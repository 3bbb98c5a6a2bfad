"""The things a demo Immich holds: users, keys, libraries, assets, faces, people, albums."""

from dataclasses import dataclass, field
from typing import Literal

from smartsort.demo.regions import Region

SourceType = Literal["machine-learning", "exif", "manual"]
Box = tuple[int, int, int, int]


@dataclass(slots=True)
class User:
    id: str
    email: str
    name: str
    is_admin: bool
    created_at: float


@dataclass(slots=True)
class ApiKey:
    id: str
    secret: str
    name: str
    user: User
    permissions: tuple[str, ...]
    created_at: float
    revoked: bool = False

    def grants(self, permission: str) -> bool:
        return "all" in self.permissions or permission in self.permissions


@dataclass(slots=True)
class Library:
    id: str
    owner_id: str
    name: str
    import_paths: list[str]
    exclusion_patterns: list[str]
    created_at: float
    updated_at: float
    refreshed_at: float | None = None


@dataclass(slots=True)
class Face:
    """A face on an asset. `identity` is whose face it really is, which the API never tells.

    `pose` says how it was photographed: the same for every copy of a picture.
    """

    id: str
    asset_id: str
    box: Box
    image_size: tuple[int, int]
    identity: str
    source_type: SourceType = "machine-learning"
    person_id: str | None = None
    pose: str = ""


@dataclass(slots=True)
class Person:
    """A person. `anchor` is the identity Immich knew before the demo began: photos it has, but not here."""

    id: str
    owner_id: str
    name: str
    created_at: float
    updated_at: float
    anchor: str | None = None
    feature_face_id: str | None = None
    has_thumbnail: bool = False
    is_hidden: bool = False
    is_favorite: bool = False
    birth_date: str | None = None
    shared_with: set[str] = field(default_factory=set)
    """Ids of users who see the person in their own list."""


@dataclass(slots=True)
class Asset:
    """A photo as Immich knows it. Times are seconds since 1970, `modified_ns` is the file's own."""

    id: str
    owner_id: str
    library_id: str | None
    path: str
    real_path: str
    checksum: bytes
    modified_ns: int
    created_at: float
    updated_at: float
    kind: Literal["IMAGE", "VIDEO"] = "IMAGE"
    original_name: str = ""
    size: int = 0
    taken_at: float = 0.0
    width: int | None = None
    height: int | None = None
    orientation: int = 1
    make: str | None = None
    model: str | None = None
    regions: tuple[Region, ...] = ()
    has_metadata: bool = False
    undecodable: bool = False
    thumbhash: str | None = None
    visibility: str = "timeline"
    is_favorite: bool = False
    is_offline: bool = False
    deleted_at: float | None = None
    trashed_by_user: bool = False
    clip_id: str | None = None
    duplicate_id: str | None = None
    fingerprint: bytes | None = None
    face_ids: list[str] = field(default_factory=list)
    detection_finished_at: float | None = None
    open_face_jobs: int = 0
    finished_at: float | None = None
    last_face_job_at: float | None = None

    @property
    def is_trashed(self) -> bool:
        return self.deleted_at is not None

    @property
    def in_timeline(self) -> bool:
        return self.deleted_at is None and self.visibility == "timeline"


@dataclass(slots=True)
class Album:
    id: str
    owner_id: str
    name: str
    description: str
    created_at: float
    updated_at: float
    asset_ids: dict[str, None] = field(default_factory=dict)
