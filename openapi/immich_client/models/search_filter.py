from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.search_branch import SearchBranch


T = TypeVar("T", bound="SearchFilter")


@_attrs_define
class SearchFilter:
    """Photos that fulfil one of the branches. Nothing is left out beyond that, not even the trash.

    Attributes:
        or_ (list[SearchBranch]):
    """

    or_: list[SearchBranch]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.search_branch import SearchBranch  # noqa: PLC0415

        or_ = []
        for or_item_data in self.or_:
            or_item = or_item_data.to_dict()
            or_.append(or_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "or": or_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.search_branch import SearchBranch  # noqa: PLC0415

        d = dict(src_dict)
        or_ = []
        _or_ = d.pop("or")
        for or_item_data in _or_:
            or_item = SearchBranch.from_dict(or_item_data)

            or_.append(or_item)

        search_filter = cls(
            or_=or_,
        )

        search_filter.additional_properties = d
        return search_filter

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
