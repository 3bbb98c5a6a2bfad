from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="QueueStatistics")


@_attrs_define
class QueueStatistics:
    """
    Attributes:
        active (int):
        delayed (int):
        waiting (int):
        paused (int):
    """

    active: int
    delayed: int
    waiting: int
    paused: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        active = self.active

        delayed = self.delayed

        waiting = self.waiting

        paused = self.paused

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "active": active,
                "delayed": delayed,
                "waiting": waiting,
                "paused": paused,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        active = d.pop("active")

        delayed = d.pop("delayed")

        waiting = d.pop("waiting")

        paused = d.pop("paused")

        queue_statistics = cls(
            active=active,
            delayed=delayed,
            waiting=waiting,
            paused=paused,
        )

        queue_statistics.additional_properties = d
        return queue_statistics

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
