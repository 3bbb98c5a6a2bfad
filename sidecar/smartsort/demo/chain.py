"""The way of a photo through Immich's queues, from the XMP look-up to its last face."""

import asyncio
import base64
import contextlib
import hashlib
import os
import time
from collections.abc import Awaitable, Callable

from smartsort.demo.faults import Faults
from smartsort.demo.jobs import Handler, Job, JobEngine, JobFailedError
from smartsort.demo.models import Asset
from smartsort.demo.pictures import PictureFacts, are_copies, fingerprint, read_facts
from smartsort.demo.recognition import Recognition
from smartsort.demo.state import DemoState

# While one of these has an active job, nobody is assigned.
BLOCKING_QUEUES = ("thumbnailGeneration", "faceDetection")


class PhotoChain:
    """The handlers of all jobs about single photos. Each adds the next job before its own ends."""

    def __init__(self, state: DemoState, engine: JobEngine, recognition: Recognition, faults: Faults) -> None:
        self._state = state
        self._engine = engine
        self._recognition = recognition
        self._faults = faults
        engine.handlers.update(
            {
                "SidecarCheck": self._about(self._check_sidecar),
                "AssetExtractMetadata": self._about(self._extract_metadata),
                "StorageTemplateMigrationSingle": self._migrate,
                "AssetGenerateThumbnails": self._about(self._generate_thumbnails),
                "PersonGenerateThumbnail": self._generate_person_thumbnail,
                "SmartSearch": self._about(self._smart_search),
                "AssetDetectDuplicates": self._about(self._detect_duplicates),
                "AssetDetectFaces": self._about(self._detect_faces),
                "AssetDetectFacesQueueAll": self._detect_all,
                "FacialRecognitionQueueAll": recognition.recognise_all,
                "FacialRecognition": recognition.recognise,
                "AssetDelete": self._about(self._delete),
            }
        )
        engine.gates["FacialRecognitionQueueAll"] = self._nothing_blocks
        engine.refused = lambda job: faults.refuses(job.name)

    def _about(self, work: Callable[[Job, Asset], Awaitable[None] | None]) -> Handler:
        """Return the handler of a job about a photo. Nothing is left to do for one that is gone."""

        def handle(job: Job) -> Awaitable[None] | None:
            asset = self._state.assets.get(job.data["id"])
            return None if asset is None else work(job, asset)

        return handle

    def remember(self, path: str) -> None:
        """Take in a photo that Immich has had for long: nothing is left to do, and its people have names."""
        now = time.time()
        with open(path, "rb") as file:
            checksum = hashlib.file_digest(file, "sha1").digest()
        owner_id = self._state.users[self._state.settings.library_owner].id
        name = os.path.basename(path)
        asset = self._state.add_asset(
            Asset(
                self._state.new_id(),
                owner_id,
                None,
                f"/data/upload/{owner_id}/{name}",
                path,
                checksum,
                os.stat(path).st_mtime_ns,
                now,
                now,
                original_name=name,
                thumbhash=base64.b64encode(checksum).decode(),
                detection_finished_at=now,
            )
        )
        self._read(asset)
        self._recognition.take_names(asset, "machine-learning")

    def start(self, asset: Asset) -> None:
        """Let a new or changed photo run through everything."""
        asset.finished_at = None
        asset.open_face_jobs = 0
        self._engine.add("sidecar", "SidecarCheck", {"id": asset.id, "source": "upload"})

    def _check_sidecar(self, job: Job, _asset: Asset) -> None:
        self._engine.add("metadataExtraction", "AssetExtractMetadata", dict(job.data))

    def _extract_metadata(self, job: Job, asset: Asset) -> None:
        facts = self._read(asset)
        if self._state.settings.people_from_regions and facts.size is not None:
            self._recognition.import_faces(asset)
        self._engine.add(
            "storageTemplateMigration",
            "StorageTemplateMigrationSingle",
            {**_source(job), "id": asset.id},
            job_id=asset.id,
        )

    def _read(self, asset: Asset) -> PictureFacts:
        facts = PictureFacts(None)
        with contextlib.suppress(OSError):
            facts = read_facts(asset.real_path)
            asset.size = os.stat(asset.real_path).st_size
        asset.undecodable = facts.size is None
        asset.orientation, asset.make, asset.model = facts.orientation, facts.make, facts.model
        asset.width, asset.height = facts.size or (None, None)
        if facts.size is not None and facts.orientation >= 5:
            asset.width, asset.height = asset.height, asset.width
        asset.taken_at = facts.taken_at if facts.taken_at is not None else asset.modified_ns / 1e9
        asset.regions = facts.regions
        asset.has_metadata = True
        asset.updated_at = time.time()
        return facts

    def _migrate(self, job: Job) -> None:
        if job.data.get("source") in {"upload", "copy"}:
            self._engine.add("thumbnailGeneration", "AssetGenerateThumbnails", dict(job.data))

    def _generate_thumbnails(self, job: Job, asset: Asset) -> None:
        if asset.undecodable:
            asset.thumbhash = None
            raise JobFailedError(f"{asset.path} holds no picture that can be decoded")
        digest = hashlib.sha256(asset.checksum + asset.modified_ns.to_bytes(8, "big", signed=True)).digest()
        asset.thumbhash = base64.b64encode(digest[:21]).decode()
        asset.updated_at = time.time()
        if job.data.get("source") != "upload":
            return
        for queue, name in (
            ("smartSearch", "SmartSearch"),
            ("faceDetection", "AssetDetectFaces"),
            ("ocr", "Ocr"),
        ):
            self._engine.add(queue, name, {"source": "upload", "id": asset.id})

    def _generate_person_thumbnail(self, job: Job) -> None:
        person = self._state.people.get(job.data["id"])
        if person is not None:
            person.has_thumbnail = True
            person.updated_at = time.time()

    async def _smart_search(self, job: Job, asset: Asset) -> None:
        if self._faults.refuses(job.name):
            raise JobFailedError(f"machine learning did not answer for {asset.path}")
        if self._state.settings.finds_duplicates and not asset.undecodable:
            with contextlib.suppress(Exception):  # a picture that went away meanwhile has no copies
                asset.fingerprint = await asyncio.to_thread(fingerprint, asset.real_path)
        self._engine.add("duplicateDetection", "AssetDetectDuplicates", dict(job.data))

    def _detect_duplicates(self, _job: Job, asset: Asset) -> None:
        if asset.fingerprint is None or not asset.in_timeline:
            return
        copies = [
            other
            for other in self._state.assets.values()
            if other is not asset
            and other.fingerprint is not None
            and other.owner_id == asset.owner_id
            and other.in_timeline
            and are_copies(asset.fingerprint, other.fingerprint)
        ]
        if not copies:
            asset.duplicate_id = None
            return
        known = next((copy.duplicate_id for copy in copies if copy.duplicate_id is not None), None)
        duplicate_id = known or asset.duplicate_id or self._state.new_id()
        for each in (asset, *copies):
            each.duplicate_id = duplicate_id
            each.updated_at = time.time()

    def _detect_faces(self, job: Job, asset: Asset) -> None:
        if self._faults.face_recognition_off or asset.thumbhash is None:
            return
        if self._faults.ml_failing or self._faults.refuses(job.name):
            raise JobFailedError(f"machine learning did not answer for {asset.path}")
        self._recognition.detect(asset)

    def _detect_all(self, job: Job) -> None:
        """Queue face detection: `force` false for what never finished, None and true for everything."""
        force = job.data.get("force")
        if force:
            for asset in self._state.assets.values():
                for face_id in [
                    f for f in asset.face_ids if self._state.faces[f].source_type == "machine-learning"
                ]:
                    self._state.remove_face(face_id)
        for asset in self._state.assets.values():
            never = asset.detection_finished_at is None
            if asset.thumbhash and not asset.is_trashed and (never or force is not False):
                self._engine.add("faceDetection", "AssetDetectFaces", {"id": asset.id})

    def _delete(self, _job: Job, asset: Asset) -> None:
        on_disk = asset.library_id is None or not self._state.settings.library_read_only
        self._state.remove_asset(asset.id)
        if on_disk and not asset.is_offline:
            with contextlib.suppress(OSError):
                os.unlink(asset.real_path)

    def _nothing_blocks(self, _job: Job) -> bool:
        return not any(self._engine.has_active(queue) for queue in BLOCKING_QUEUES)


def _source(job: Job) -> dict[str, str]:
    return {"source": job.data["source"]} if "source" in job.data else {}
