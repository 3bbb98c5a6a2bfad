"""Contains all the data models used in inputs/outputs"""

from .about import About
from .album import Album
from .album_member import AlbumMember
from .album_user import AlbumUser
from .api_key import ApiKey
from .asset import Asset
from .asset_page import AssetPage
from .asset_search import AssetSearch
from .asset_search_answer import AssetSearchAnswer
from .assets_update import AssetsUpdate
from .checksum_to_check import ChecksumToCheck
from .checksum_verdict import ChecksumVerdict
from .checksum_verdicts import ChecksumVerdicts
from .checksums_to_check import ChecksumsToCheck
from .duplicate_group import DuplicateGroup
from .exif import Exif
from .face import Face
from .face_import_config import FaceImportConfig
from .face_to_assign import FaceToAssign
from .facial_recognition_config import FacialRecognitionConfig
from .features import Features
from .id_outcome import IdOutcome
from .ids import Ids
from .job import Job
from .job_data import JobData
from .library import Library
from .library_config import LibraryConfig
from .library_update import LibraryUpdate
from .machine_learning_config import MachineLearningConfig
from .metadata_config import MetadataConfig
from .new_album import NewAlbum
from .new_library import NewLibrary
from .new_person import NewPerson
from .people_page import PeoplePage
from .person import Person
from .pong import Pong
from .public_config import PublicConfig
from .queue import Queue
from .queue_command import QueueCommand
from .queue_state import QueueState
from .queue_statistics import QueueStatistics
from .queue_status import QueueStatus
from .search_branch import SearchBranch
from .search_branch_checksum import SearchBranchChecksum
from .search_branch_is_offline import SearchBranchIsOffline
from .search_branch_original_path import SearchBranchOriginalPath
from .search_branch_trashed_at import SearchBranchTrashedAt
from .search_filter import SearchFilter
from .sharing_user import SharingUser
from .switch import Switch
from .system_config import SystemConfig
from .user import User
from .version import Version

__all__ = (
    "About",
    "Album",
    "AlbumMember",
    "AlbumUser",
    "ApiKey",
    "Asset",
    "AssetPage",
    "AssetSearch",
    "AssetSearchAnswer",
    "AssetsUpdate",
    "ChecksumsToCheck",
    "ChecksumToCheck",
    "ChecksumVerdict",
    "ChecksumVerdicts",
    "DuplicateGroup",
    "Exif",
    "Face",
    "FaceImportConfig",
    "FaceToAssign",
    "FacialRecognitionConfig",
    "Features",
    "IdOutcome",
    "Ids",
    "Job",
    "JobData",
    "Library",
    "LibraryConfig",
    "LibraryUpdate",
    "MachineLearningConfig",
    "MetadataConfig",
    "NewAlbum",
    "NewLibrary",
    "NewPerson",
    "PeoplePage",
    "Person",
    "Pong",
    "PublicConfig",
    "Queue",
    "QueueCommand",
    "QueueState",
    "QueueStatistics",
    "QueueStatus",
    "SearchBranch",
    "SearchBranchChecksum",
    "SearchBranchIsOffline",
    "SearchBranchOriginalPath",
    "SearchBranchTrashedAt",
    "SearchFilter",
    "SharingUser",
    "Switch",
    "SystemConfig",
    "User",
    "Version",
)
