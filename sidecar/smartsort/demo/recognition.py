"""Who is who: faces from regions, and Immich's clustering of faces into people."""

import logging
import time
from collections.abc import Iterable

from smartsort.core.model import Box
from smartsort.core.similarity import SAME_PLACE, overlap
from smartsort.demo import embeddings
from smartsort.demo.jobs import Job, JobEngine
from smartsort.demo.models import Asset, Face, Person, SourceType
from smartsort.demo.pictures import preview_size
from smartsort.demo.regions import Region
from smartsort.demo.state import DemoState

log = logging.getLogger(__name__)


class Recognition:
    """Detection, recognition and face import over one state."""

    def __init__(self, state: DemoState, engine: JobEngine) -> None:
        self._state = state
        self._engine = engine

    def import_faces(self, asset: Asset) -> None:
        """Make faces and people of the named regions, as Immich's face import does."""
        for face_id in [f for f in asset.face_ids if self._state.faces[f].source_type == "exif"]:
            self._state.remove_face(face_id)
        self.take_names(asset, "exif")

    def take_names(self, asset: Asset, source_type: SourceType) -> None:
        """Give each region of a photo that has a name a face and the person of that name."""
        for region in asset.regions:
            if not region.name or is_stranger(region.name):
                continue
            person = self._state.person_named(asset.owner_id, region.name)
            if person is None:
                person = self._state.add_person(asset.owner_id, region.name)
            face = self._face(asset, region, source_type)
            face.person_id = person.id
            self._state.add_face(face)
            if person.feature_face_id is None and person.anchor is None:
                self._feature(person, face)

    def detect(self, asset: Asset) -> None:
        """Find the faces of a photo and queue the new ones for recognition.

        A face at the place of an older one is that one: it keeps its id and its person.
        """
        found = self.on(asset)
        old = [self._state.faces[face_id] for face_id in asset.face_ids]
        kept: set[str] = set()
        fresh: list[Face] = []
        for face in found:
            match = next((o for o in old if overlap(Box(*o.box), Box(*face.box)) > SAME_PLACE), None)
            if match is None:
                fresh.append(face)
            else:
                kept.add(match.id)
                self._state.reidentify(match, face)
        for face in old:
            if face.id not in kept and face.source_type == "machine-learning":
                self._state.remove_face(face.id)
        for face in fresh:
            self._state.add_face(face)
        asset.detection_finished_at = asset.last_face_job_at = time.time()
        self.queue_faces(fresh, with_queue_all=True)
        if not asset.open_face_jobs and asset.finished_at is None:
            asset.finished_at = asset.detection_finished_at

    def on(self, asset: Asset) -> list[Face]:
        """Return the faces that machine learning sees on a photo, as new ones."""
        return [self._face(asset, region, "machine-learning") for region in asset.regions]

    def on_frame(self, regions: Iterable[Region], size: tuple[int, int]) -> list[Face]:
        """Return the faces that machine learning sees on a picture that is no photo of this Immich."""
        found = []
        for region in regions:
            identity = embeddings.identity_of_name(region.name) if region.name else f"nobody:{_place(region)}"
            found.append(Face("", "", _pixels(region, size), size, identity, pose=_place(region)))
        return found

    def queue_faces(self, faces: Iterable[Face], *, with_queue_all: bool) -> None:
        faces = list(faces)
        if not faces:
            return
        if with_queue_all:
            self.queue_all(force=False)
            for face in faces:
                self._state.assets[face.asset_id].open_face_jobs += 1
        for face in faces:
            self._engine.add("facialRecognition", "FacialRecognition", {"id": face.id})

    def queue_all(self, *, force: bool) -> None:
        name = "FacialRecognitionQueueAll"
        kept = None if self._state.version.is_third else name
        self._engine.add("facialRecognition", name, {"force": force}, job_id=kept, only_one=True)

    def recognise_all(self, job: Job) -> None:
        """Queue every face without a person, with force, after taking every person away from its faces."""
        state = self._state
        force = bool(job.data.get("force"))
        if force:
            for face in state.faces.values():
                if face.source_type == "machine-learning":
                    state.assign(face, None)
            # Immich keeps the rows of people it no longer knows by face.
            for person in state.people.values():
                state.move_anchor(person, None)
        elif self._engine.queues["facialRecognition"].waiting:
            log.debug("faces are queued already")
            return
        self.queue_faces(
            [f for f in state.faces.values() if f.source_type == "machine-learning" and f.person_id is None],
            with_queue_all=False,
        )

    def recognise(self, job: Job) -> None:
        """Find the person of one face.

        A face is a core when it and its likes are `min_faces` or more: only a core founds a person. One that
        is none is looked at once more behind the others, and stays unassigned if there is still nobody.
        """
        face = self._state.faces.get(job.data["id"])
        if face is None:
            return
        asset = self._state.assets[face.asset_id]
        requeued = False
        if face.person_id is None and face.source_type == "machine-learning":
            requeued = self._look_up(face, asset, deferred=bool(job.data.get("deferred")))
        asset.last_face_job_at = time.time()
        if not requeued and asset.open_face_jobs:
            asset.open_face_jobs -= 1
            if not asset.open_face_jobs and asset.finished_at is None:
                asset.finished_at = asset.last_face_job_at

    def embedding(self, face: Face) -> tuple[float, ...]:
        height = (face.box[3] - face.box[1]) / max(1, face.image_size[1])
        return embeddings.of_face(face.identity, face.pose, height)

    def feature_embedding(self, person: Person) -> tuple[float, ...] | None:
        """Return the embedding of the face a person is shown with, which Immich orders people by."""
        face = self._state.faces.get(person.feature_face_id or "")
        if face is not None:
            return self.embedding(face)
        return embeddings.of_identity(person.anchor) if person.anchor is not None else None

    def choose_feature(self, person: Person) -> None:
        """Give a person without a picture the first of its faces for one."""
        face = next(iter(self._state.faces_of_person(person.id)), None)
        if face is None:
            person.feature_face_id = None
        else:
            self._feature(person, face)

    def _look_up(self, face: Face, asset: Asset, *, deferred: bool) -> bool:
        state = self._state
        alike, person_id = self._near(face)
        is_core = alike >= state.settings.min_faces and asset.visibility == "timeline"
        if state.settings.min_faces > 1 and alike == 1:
            return False
        if not is_core and not deferred:
            self._engine.add("facialRecognition", "FacialRecognition", {"id": face.id, "deferred": True})
            return True
        if person_id is None and is_core:
            person = state.add_person(asset.owner_id, "")
            person_id = person.id
            self._feature(person, face)
        if person_id is not None:
            state.assign(face, person_id)
        return False

    def _near(self, face: Face) -> tuple[int, str | None]:
        """Return how many faces are near enough to a face, itself included, and the person of the nearest.

        Counts no further than it matters while all of them are one person's.
        """
        state, mine = self._state, self.embedding(face)
        likes, enough = state.likes(face), state.settings.min_faces
        count, nearest, person_id = 0, embeddings.MAX_DISTANCE, None
        for identity, person in state.anchored(face):
            far = embeddings.distance(mine, embeddings.of_identity(identity))
            if far <= nearest:
                count, nearest, person_id = enough, far, person.id
        for other in map(state.faces.__getitem__, likes.face_ids):
            far = embeddings.distance(mine, self.embedding(other))
            if far > embeddings.MAX_DISTANCE:
                continue
            count += 1
            if other.person_id is not None and far <= nearest:
                nearest, person_id = far, other.person_id
            if count >= enough and len(likes.people) <= 1 and (person_id is not None or not likes.people):
                break
        return count, person_id

    def _feature(self, person: Person, face: Face) -> None:
        person.feature_face_id = face.id
        self._engine.add("thumbnailGeneration", "PersonGenerateThumbnail", {"id": person.id}, first=True)

    def _face(self, asset: Asset, region: Region, source_type: SourceType) -> Face:
        size = preview_size(asset.width or 1, asset.height or 1)
        box, identity = _pixels(region.upright(asset.orientation), size), region_identity(region, asset)
        return Face(self._state.new_id(), asset.id, box, size, identity, source_type, pose=_place(region))


def _pixels(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    right, bottom = region.left + region.width, region.top + region.height
    return (
        round(region.left * size[0]),
        round(region.top * size[1]),
        round(right * size[0]),
        round(bottom * size[1]),
    )


def region_identity(region: Region, asset: Asset) -> str:
    """Return whose face a region shows.

    Without a name somebody's who is on this picture and its copies only.
    """
    if region.name:
        return embeddings.identity_of_name(region.name)
    return f"nobody:{_place(region)} {asset.size}"


def _place(region: Region) -> str:
    return f"{region.left:.4f} {region.top:.4f} {region.width:.4f} {region.height:.4f}"


def is_stranger(name: str) -> bool:
    return name.casefold().startswith("stranger")
