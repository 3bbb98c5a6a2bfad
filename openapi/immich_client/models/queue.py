from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.queue_statistics import QueueStatistics


T = TypeVar("T", bound="Queue")


@_attrs_define
class Queue:
    """
    Attributes:
        name (str):
        is_paused (bool):
        statistics (QueueStatistics):
    """

    name: str
    is_paused: bool
    statistics: QueueStatistics
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.queue_statistics import QueueStatistics  # noqa: PLC0415

        name = self.name

        is_paused = self.is_paused

        statistics = self.statistics.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "isPaused": is_paused,
                "statistics": statistics,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.queue_statistics import QueueStatistics  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        is_paused = d.pop("isPaused")

        statistics = QueueStatistics.from_dict(d.pop("statistics"))

        queue = cls(
            name=name,
            is_paused=is_paused,
            statistics=statistics,
        )

        queue.additional_properties = d
        return queue

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
