"""What differs between the Immich versions the demo can speak as."""

from dataclasses import dataclass, replace
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
    """One version's answers, as far as they differ from the other's.

    `strict_bodies` is the validation that came with major version 3: a wrong JSON type is refused, and so is
    a list given as a single query value.
    """

    major: int
    minor: int
    patch: int
    queue_names: tuple[str, ...]
    strict_bodies: bool
    long_errors: bool
    faces_in_assets: bool
    device_fields: bool
    tells_prerelease: bool
    search_shows_archived: bool
    refuses_empty_checksum: bool
    album_lists_assets: bool
    queue_all_keeps_its_name_as_id: bool
    person_search_is_fuzzy: bool
    shares_people: bool = False
    """People that another user shares stand in the list, and say so."""
    search_filters: bool = False
    """A search takes a `filter` with branches, and goes on by a cursor."""

    @property
    def number(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def _second(minor: int, patch: int) -> ImmichVersion:
    return ImmichVersion(
        2,
        minor,
        patch,
        queue_names=QUEUES_2,
        strict_bodies=False,
        long_errors=True,
        faces_in_assets=True,
        device_fields=True,
        tells_prerelease=False,
        search_shows_archived=False,
        refuses_empty_checksum=True,
        album_lists_assets=True,
        queue_all_keeps_its_name_as_id=True,
        person_search_is_fuzzy=False,
    )


def _third(minor: int, patch: int) -> ImmichVersion:
    return ImmichVersion(
        3,
        minor,
        patch,
        queue_names=QUEUES_3,
        strict_bodies=True,
        long_errors=False,
        faces_in_assets=False,
        device_fields=False,
        tells_prerelease=True,
        search_shows_archived=True,
        refuses_empty_checksum=False,
        album_lists_assets=False,
        queue_all_keeps_its_name_as_id=False,
        person_search_is_fuzzy=True,
    )


VERSIONS = MappingProxyType(
    {
        "2.5.6": _second(5, 6),
        "3.1.0": _third(1, 0),
        # Not measured: what the published descriptions of 3.2.2 and 3.3.5 say.
        "3.2": replace(_third(2, 4), shares_people=True, search_filters=True),
    }
)
