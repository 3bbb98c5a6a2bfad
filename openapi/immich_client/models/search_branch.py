from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.search_branch_checksum import SearchBranchChecksum
    from ..models.search_branch_is_offline import SearchBranchIsOffline
    from ..models.search_branch_original_path import SearchBranchOriginalPath
    from ..models.search_branch_trashed_at import SearchBranchTrashedAt


T = TypeVar("T", bound="SearchBranch")


@_attrs_define
class SearchBranch:
    """All of its conditions hold.

    Attributes:
        checksum (SearchBranchChecksum | Unset):
        is_offline (SearchBranchIsOffline | Unset):
        original_path (SearchBranchOriginalPath | Unset):
        trashed_at (SearchBranchTrashedAt | Unset):
    """

    checksum: SearchBranchChecksum | Unset = UNSET
    is_offline: SearchBranchIsOffline | Unset = UNSET
    original_path: SearchBranchOriginalPath | Unset = UNSET
    trashed_at: SearchBranchTrashedAt | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.search_branch_checksum import SearchBranchChecksum  # noqa: PLC0415
        from ..models.search_branch_is_offline import SearchBranchIsOffline  # noqa: PLC0415
        from ..models.search_branch_original_path import SearchBranchOriginalPath  # noqa: PLC0415
        from ..models.search_branch_trashed_at import SearchBranchTrashedAt  # noqa: PLC0415

        checksum: dict[str, Any] | Unset = UNSET
        if not isinstance(self.checksum, Unset):
            checksum = self.checksum.to_dict()

        is_offline: dict[str, Any] | Unset = UNSET
        if not isinstance(self.is_offline, Unset):
            is_offline = self.is_offline.to_dict()

        original_path: dict[str, Any] | Unset = UNSET
        if not isinstance(self.original_path, Unset):
            original_path = self.original_path.to_dict()

        trashed_at: dict[str, Any] | Unset = UNSET
        if not isinstance(self.trashed_at, Unset):
            trashed_at = self.trashed_at.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if checksum is not UNSET:
            field_dict["checksum"] = checksum
        if is_offline is not UNSET:
            field_dict["isOffline"] = is_offline
        if original_path is not UNSET:
            field_dict["originalPath"] = original_path
        if trashed_at is not UNSET:
            field_dict["trashedAt"] = trashed_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.search_branch_checksum import SearchBranchChecksum  # noqa: PLC0415
        from ..models.search_branch_is_offline import SearchBranchIsOffline  # noqa: PLC0415
        from ..models.search_branch_original_path import SearchBranchOriginalPath  # noqa: PLC0415
        from ..models.search_branch_trashed_at import SearchBranchTrashedAt  # noqa: PLC0415

        d = dict(src_dict)
        _checksum = d.pop("checksum", UNSET)
        checksum: SearchBranchChecksum | Unset
        if isinstance(_checksum, Unset):
            checksum = UNSET
        else:
            checksum = SearchBranchChecksum.from_dict(_checksum)

        _is_offline = d.pop("isOffline", UNSET)
        is_offline: SearchBranchIsOffline | Unset
        if isinstance(_is_offline, Unset):
            is_offline = UNSET
        else:
            is_offline = SearchBranchIsOffline.from_dict(_is_offline)

        _original_path = d.pop("originalPath", UNSET)
        original_path: SearchBranchOriginalPath | Unset
        if isinstance(_original_path, Unset):
            original_path = UNSET
        else:
            original_path = SearchBranchOriginalPath.from_dict(_original_path)

        _trashed_at = d.pop("trashedAt", UNSET)
        trashed_at: SearchBranchTrashedAt | Unset
        if isinstance(_trashed_at, Unset):
            trashed_at = UNSET
        else:
            trashed_at = SearchBranchTrashedAt.from_dict(_trashed_at)

        search_branch = cls(
            checksum=checksum,
            is_offline=is_offline,
            original_path=original_path,
            trashed_at=trashed_at,
        )

        search_branch.additional_properties = d
        return search_branch

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
