"""All that a demo Immich holds, in memory, with the indexes its answers need."""

import hashlib
import os
import random
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from smartsort.demo.embeddings import MODEL, identity_of_name, relatives
from smartsort.demo.models import Album, ApiKey, Asset, Face, Library, Person, User
from smartsort.demo.settings import DemoKey, DemoSettings
from smartsort.demo.versions import VERSIONS

# A person Immich knew before has this many photos elsewhere: enough to be listed and to found no doubt.
ANCHOR_PHOTOS = 5
EXCLUSION_PATTERNS = (
    "**/@eaDir/**",
    "**/._*",
    "**/#recycle/**",
    "**/#snapshot/**",
    "**/.stversions/**",
    "**/.stfolder/**",
)


@dataclass(slots=True)
class Likes:
    """The faces of one identity and its relatives, and how many of them each person has."""

    face_ids: dict[str, None] = field(default_factory=dict)
    people: Counter[str] = field(default_factory=Counter)


class DemoState:
    """The data of one demo server. Everything here is touched by the event loop's thread only."""

    def __init__(self, settings: DemoSettings) -> None:
        self.settings = settings
        self.version = VERSIONS[settings.version]
        self.rng = random.Random(settings.seed)
        self.face_model = MODEL
        """Which model its settings name. Set it to another one, as an admin does."""
        self.users: dict[str, User] = {}
        self.keys: dict[str, ApiKey] = {}
        self.libraries: dict[str, Library] = {}
        self.assets: dict[str, Asset] = {}
        self.faces: dict[str, Face] = {}
        self.people: dict[str, Person] = {}
        self.albums: dict[str, Album] = {}
        self._by_checksum: dict[tuple[str, bytes], str] = {}
        self._by_path: dict[tuple[str, str], str] = {}
        self._likes: defaultdict[tuple[str, tuple[str, ...]], Likes] = defaultdict(Likes)
        self._by_person: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._anchors: dict[tuple[str, str], str] = {}
        self._upload_folder: tempfile.TemporaryDirectory[str] | None = None
        for role in ("admin", "owner"):
            self._add_user(role)
        for key in settings.keys:
            self.add_key(key)
        for name in () if settings.machine_learning else settings.people:
            self.add_person(self.users[settings.library_owner].id, name, anchored=True)
        owner = self.users[settings.library_owner].id
        for name in settings.shared_people:
            other = next(user.id for user in self.users.values() if user.id != owner)
            self.add_person(other, name, anchored=True).shared_with.add(owner)
        if settings.import_paths:
            self.add_library(
                self.users[settings.library_owner].id, "demo", settings.import_paths, EXCLUSION_PATTERNS
            )

    def close(self) -> None:
        if self._upload_folder is not None:
            self._upload_folder.cleanup()
            self._upload_folder = None

    # Users, keys, libraries

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _add_user(self, role: str) -> None:
        user = User(self.new_id(), f"{role}@example.com", role.title(), role == "admin", time.time())
        self.users[role] = user

    def user(self, user_id: str) -> User | None:
        return next((user for user in self.users.values() if user.id == user_id), None)

    def add_key(self, key: DemoKey) -> ApiKey:
        made = ApiKey(
            self.new_id(), key.secret, key.name, self.users[key.owner], tuple(key.permissions), time.time()
        )
        self.keys[key.secret] = made
        return made

    def add_library(
        self, owner_id: str, name: str, import_paths: Iterable[str], exclusion_patterns: Iterable[str]
    ) -> Library:
        now = time.time()
        paths, patterns = list(import_paths), list(exclusion_patterns)
        library = Library(self.new_id(), owner_id, name, paths, patterns, now, now)
        self.libraries[library.id] = library
        return library

    def real_path(self, path: str) -> str:
        """Return where a path as Immich sees it really is."""
        for inside, outside in sorted(self.settings.mounts.items(), key=lambda item: -len(item[0])):
            prefix = inside.rstrip("/")
            if path == prefix or path.startswith(prefix + "/"):
                return os.fspath(outside) + path[len(prefix) :]
        return path

    def upload_folder(self) -> str:
        mounted = self.settings.mounts.get("/data/upload")
        if mounted is not None:
            return os.fspath(mounted)
        if self._upload_folder is None:
            self._upload_folder = tempfile.TemporaryDirectory(prefix="smartsort-demo-")
        return self._upload_folder.name

    # Assets

    def add_external_asset(self, library: Library, path: str, modified_ns: int, size: int) -> Asset:
        """Return a new asset of an external library: its checksum is that of its path."""
        now = time.time()
        return self.add_asset(
            Asset(
                self.new_id(),
                library.owner_id,
                library.id,
                path,
                self.real_path(path),
                path_checksum(path),
                modified_ns,
                now,
                now,
                original_name=os.path.basename(path),
                size=size,
                taken_at=modified_ns / 1e9,
            )
        )

    def add_asset(self, asset: Asset) -> Asset:
        self.assets[asset.id] = asset
        self._by_checksum[asset.owner_id, asset.checksum] = asset.id
        if asset.library_id is not None:
            self._by_path[asset.library_id, asset.path] = asset.id
        return asset

    def remove_asset(self, asset_id: str) -> None:
        asset = self.assets.get(asset_id)
        if asset is None:
            return
        for face_id in list(asset.face_ids):
            self.remove_face(face_id)
        del self.assets[asset_id]
        self._by_checksum.pop((asset.owner_id, asset.checksum), None)
        if asset.library_id is not None:
            self._by_path.pop((asset.library_id, asset.path), None)
        for album in self.albums.values():
            album.asset_ids.pop(asset_id, None)

    def asset_by_checksum(self, owner_id: str, checksum: bytes) -> Asset | None:
        return self.assets.get(self._by_checksum.get((owner_id, checksum), ""))

    def asset_by_path(self, library_id: str, path: str) -> Asset | None:
        return self.assets.get(self._by_path.get((library_id, path), ""))

    def library_assets(self, library_id: str) -> list[Asset]:
        return [asset for asset in self.assets.values() if asset.library_id == library_id]

    # Faces and people

    def add_face(self, face: Face) -> Face:
        self.faces[face.id] = face
        self.assets[face.asset_id].face_ids.append(face.id)
        likes = self._likes[self._like_key(face)]
        likes.face_ids[face.id] = None
        if face.person_id is not None:
            likes.people[face.person_id] += 1
            self._by_person[face.person_id][face.id] = None
        return face

    def remove_face(self, face_id: str) -> None:
        face = self.faces[face_id]
        self.assign(face, None)
        self._likes[self._like_key(face)].face_ids.pop(face_id, None)
        self.assets[face.asset_id].face_ids.remove(face_id)
        del self.faces[face_id]

    def assign(self, face: Face, person_id: str | None) -> None:
        """Give a face to a person, or to nobody."""
        people = self._likes[self._like_key(face)].people
        if face.person_id is not None:
            self._by_person[face.person_id].pop(face.id, None)
            people[face.person_id] -= 1
            people += Counter()  # drops those that have none left
        face.person_id = person_id
        if person_id is not None:
            self._by_person[person_id][face.id] = None
            people[person_id] += 1

    def reidentify(self, face: Face, seen: Face) -> None:
        """The picture under a face changed: `seen` is at its place now, maybe somebody else."""
        face.pose = seen.pose
        if face.identity == seen.identity:
            return
        person_id = face.person_id
        self.assign(face, None)
        self._likes[self._like_key(face)].face_ids.pop(face.id, None)
        face.identity = seen.identity
        self._likes[self._like_key(face)].face_ids[face.id] = None
        self.assign(face, person_id)

    def likes(self, face: Face) -> Likes:
        """Return the faces of the same owner that can be near this one, itself included."""
        return self._likes[self._like_key(face)]

    def _like_key(self, face: Face) -> tuple[str, tuple[str, ...]]:
        return self.assets[face.asset_id].owner_id, relatives(face.identity)

    def faces_of_person(self, person_id: str) -> Iterator[Face]:
        return (self.faces[face_id] for face_id in self._by_person[person_id])

    def add_person(self, owner_id: str, name: str, *, anchored: bool = False) -> Person:
        now = time.time()
        person = Person(self.new_id(), owner_id, name, now, now)
        self.people[person.id] = person
        if anchored:
            person.anchor = identity_of_name(name)
            person.has_thumbnail = True
            self._anchors[owner_id, person.anchor] = person.id
        return person

    def anchored(self, face: Face) -> Iterator[tuple[str, Person]]:
        """Yield the people Immich knew before who can be near a face, each with the identity it knew."""
        owner_id, identities = self._like_key(face)
        # Of an own and a shared person either may come last, who is taken of equals.
        for owner in sorted(self._sharing(owner_id), reverse=int(face.id[0], 16) % 2 == 1):
            for identity in identities:
                person = self.people.get(self._anchors.get((owner, identity), ""))
                if person is not None and (owner == owner_id or owner_id in person.shared_with):
                    yield identity, person

    def _sharing(self, user_id: str) -> set[str]:
        """The users whose people a user sees."""
        return {user_id, *(p.owner_id for p in self.people.values() if user_id in p.shared_with)}

    def person_named(self, owner_id: str, name: str) -> Person | None:
        """Return the oldest person of that name, compared without case as Immich's face import does."""
        wanted = name.casefold()
        mine = (person for person in self.people.values() if person.owner_id == owner_id)
        return next((person for person in mine if person.name.casefold() == wanted), None)

    def remove_person(self, person_id: str) -> None:
        for face in list(self.faces_of_person(person_id)):
            self.assign(face, None)
        person = self.people.pop(person_id)
        if person.anchor is not None:
            self.move_anchor(person, None)

    def move_anchor(self, person: Person, heir: Person | None) -> None:
        """Hand what Immich knew of a person before to another one, or forget it."""
        if person.anchor is None:
            return
        if heir is None:
            self._anchors.pop((person.owner_id, person.anchor), None)
        else:
            self._anchors[person.owner_id, person.anchor] = heir.id
            heir.anchor = heir.anchor or person.anchor
        person.anchor = None

    def photo_count(self, person: Person, at_most: int | None = None) -> int:
        """Return how many photos in the timeline show this person. Counted no further than `at_most`."""
        before = ANCHOR_PHOTOS if person.anchor is not None else 0
        shown: set[str] = set()
        for face in self.faces_of_person(person.id):
            if at_most is not None and before + len(shown) >= at_most:
                break
            if self.assets[face.asset_id].in_timeline:
                shown.add(face.asset_id)
        return before + len(shown)


def path_checksum(path: str) -> bytes:
    """Return the checksum of an external asset: of its path, never of its content."""
    return hashlib.sha1(b"path:" + os.fsencode(path), usedforsecurity=False).digest()
