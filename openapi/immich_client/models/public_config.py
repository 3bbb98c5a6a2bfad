from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PublicConfig")


@_attrs_define
class PublicConfig:
    """
    Attributes:
        trash_days (int): Days until Immich empties its trash.
        maintenance_mode (bool): True while only maintenance is answered.
    """

    trash_days: int
    maintenance_mode: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        trash_days = self.trash_days

        maintenance_mode = self.maintenance_mode

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "trashDays": trash_days,
                "maintenanceMode": maintenance_mode,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        trash_days = d.pop("trashDays")

        maintenance_mode = d.pop("maintenanceMode")

        public_config = cls(
            trash_days=trash_days,
            maintenance_mode=maintenance_mode,
        )

        public_config.additional_properties = d
        return public_config

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
