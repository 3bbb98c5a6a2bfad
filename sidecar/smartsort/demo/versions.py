"""What differs between the Immich versions the demo can speak as."""

from dataclasses import dataclass
from types import MappingProxyType

QUEUES_2 = (
    "thumbnailGeneration",
    "metadataExtraction",
    "videoConversion",
    "faceDetection",
    "facialRecognition",
    "smartSearch",
    "duplicateDetection",
    "backgroundTask",
    "storageTemplateMigration",
    "migration",
    "search",
    "sidecar",
    "library",
    "notifications",
    "backupDatabase",
    "ocr",
    "workflow",
    "editor",
)
QUEUES_3 = (*QUEUES_2[:-1], "integrityCheck", "editor")


@dataclass(frozen=True, slots=True)
class ImmichVersion:
    """One version's answers, as far as they differ from the other's."""

    major: int
    minor: int
    patch: int

    @property
    def number(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def is_third(self) -> bool:
        """The validation is strict: Immich refuses a wrong JSON type, and a single value for a list."""
        return self.major >= 3

    @property
    def is_newest(self) -> bool:
        """Shared people stand in the list, and a search takes a `filter` with branches and a cursor."""
        return (self.major, self.minor) >= (3, 2)

    @property
    def queue_names(self) -> tuple[str, ...]:
        return QUEUES_3 if self.is_third else QUEUES_2


VERSIONS = MappingProxyType(
    {
        "2.5.6": ImmichVersion(2, 5, 6),
        "3.1.0": ImmichVersion(3, 1, 0),
        # Not measured: what the published descriptions of 3.2.2 and 3.3.5 say.
        "3.2": ImmichVersion(3, 2, 4),
    }
)
