"""How long the demo's jobs take: the three profiles a demo server can run at."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Immich's defaults. Every other queue runs one job at a time here.
CONCURRENCY: Mapping[str, int] = MappingProxyType(
    {
        "thumbnailGeneration": 3,
        "metadataExtraction": 5,
        "faceDetection": 2,
        "smartSearch": 2,
        "library": 5,
        "sidecar": 5,
        "backgroundTask": 5,
    }
)


# A job that machine learning refuses, measured on 3.1.0: two to five milliseconds.
REFUSED_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds each job takes.

    A job's time is its entry in `seconds`, stretched by `contention` for every other job of the same queue
    running beside it (the cores are shared), and varied by a fifth either way. `gate_poll_seconds` is how
    often facial recognition looks whether thumbnails and face detection have come to rest.
    `row_to_sidecar_seconds` is the time per new file between its row and its first job.
    """

    name: str
    seconds: Mapping[str, float]
    contention: float
    gate_poll_seconds: float
    row_to_sidecar_seconds: float

    def of(self, job_name: str, beside: int, rng: random.Random) -> float:
        base = self.seconds.get(job_name, 0.0)
        if base == 0.0:
            return 0.0
        return base * (1 + self.contention * beside) * rng.uniform(0.8, 1.2)


# Seen in its queue before it is done at every pace, as mostly on a real server: its number is what tells.
_FILLS_THE_QUEUE = {"AssetDetectFacesQueueAll": 0.03}
_MEASURED = {
    "LibrarySyncFilesQueueAll": 0.03,
    "LibraryScanAssetsQueueAll": 0.03,
    "LibrarySyncFiles": 0.02,
    "SidecarCheck": 0.005,
    "AssetExtractMetadata": 0.06,
    "StorageTemplateMigrationSingle": 0.005,
    "AssetGenerateThumbnails": 0.21,
    "PersonGenerateThumbnail": 0.12,
    "SmartSearch": 0.15,
    "AssetDetectDuplicates": 0.03,
    "Ocr": 0.13,
    "AssetDetectFaces": 0.12,
    "FacialRecognition": 0.015,
    "AssetDelete": 0.8,
}
_INSTANT = Timing("instant", _FILLS_THE_QUEUE, 0.0, 0.002, 0.0)
_SHORTER = {
    "LibrarySyncFilesQueueAll": 0.02,
    "LibraryScanAssetsQueueAll": 0.02,
    "LibrarySyncFiles": 0.01,
    "SidecarCheck": 0.003,
    "AssetExtractMetadata": 0.03,
    "StorageTemplateMigrationSingle": 0.003,
    "AssetGenerateThumbnails": 0.08,
    "PersonGenerateThumbnail": 0.03,
    "SmartSearch": 0.04,
    "AssetDetectDuplicates": 0.01,
    "Ocr": 0.05,
    "AssetDetectFaces": 0.05,
    "FacialRecognition": 0.01,
    "AssetDelete": 0.05,
}
_DEMO = Timing("demo", _SHORTER | _FILLS_THE_QUEUE, 0.2, 0.5, 0.0006)
_REAL = Timing("real", _MEASURED | _FILLS_THE_QUEUE, 0.5, 1.0, 0.0006)

PROFILES: Mapping[str, Timing] = MappingProxyType({p.name: p for p in (_INSTANT, _DEMO, _REAL)})
