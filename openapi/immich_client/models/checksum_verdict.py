from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ChecksumVerdict")


@_attrs_define
class ChecksumVerdict:
    """
    Attributes:
        id (str):
        action (str): `reject` for a known checksum, `accept` for an unknown one.
        asset_id (str | Unset): The photo that has the checksum.
        is_trashed (bool | Unset): True for an offline photo as well.
    """

    id: str
    action: str
    asset_id: str | Unset = UNSET
    is_trashed: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        action = self.action

        asset_id = self.asset_id

        is_trashed = self.is_trashed

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "action": action,
            }
        )
        if asset_id is not UNSET:
            field_dict["assetId"] = asset_id
        if is_trashed is not UNSET:
            field_dict["isTrashed"] = is_trashed

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        action = d.pop("action")

        asset_id = d.pop("assetId", UNSET)

        is_trashed = d.pop("isTrashed", UNSET)

        checksum_verdict = cls(
            id=id,
            action=action,
            asset_id=asset_id,
            is_trashed=is_trashed,
        )

        checksum_verdict.additional_properties = d
        return checksum_verdict

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
