from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.sharing_user import SharingUser


T = TypeVar("T", bound="Person")


@_attrs_define
class Person:
    """
    Attributes:
        id (str):
        name (str): Empty while nobody has named them.
        is_hidden (bool):
        is_favorite (bool | Unset):
        birth_date (None | str | Unset):
        shared_by (list[SharingUser] | Unset): Users who gave the key's owner access to this person; empty for an own
            one.
    """

    id: str
    name: str
    is_hidden: bool
    is_favorite: bool | Unset = UNSET
    birth_date: None | str | Unset = UNSET
    shared_by: list[SharingUser] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.sharing_user import SharingUser  # noqa: PLC0415

        id = self.id

        name = self.name

        is_hidden = self.is_hidden

        is_favorite = self.is_favorite

        birth_date: None | str | Unset
        if isinstance(self.birth_date, Unset):
            birth_date = UNSET
        else:
            birth_date = self.birth_date

        shared_by: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.shared_by, Unset):
            shared_by = []
            for shared_by_item_data in self.shared_by:
                shared_by_item = shared_by_item_data.to_dict()
                shared_by.append(shared_by_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "isHidden": is_hidden,
            }
        )
        if is_favorite is not UNSET:
            field_dict["isFavorite"] = is_favorite
        if birth_date is not UNSET:
            field_dict["birthDate"] = birth_date
        if shared_by is not UNSET:
            field_dict["sharedBy"] = shared_by

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.sharing_user import SharingUser  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        is_hidden = d.pop("isHidden")

        is_favorite = d.pop("isFavorite", UNSET)

        def _parse_birth_date(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        birth_date = _parse_birth_date(d.pop("birthDate", UNSET))

        _shared_by = d.pop("sharedBy", UNSET)
        shared_by: list[SharingUser] | Unset = UNSET
        if _shared_by is not UNSET:
            shared_by = []
            for shared_by_item_data in _shared_by:
                shared_by_item = SharingUser.from_dict(shared_by_item_data)

                shared_by.append(shared_by_item)

        person = cls(
            id=id,
            name=name,
            is_hidden=is_hidden,
            is_favorite=is_favorite,
            birth_date=birth_date,
            shared_by=shared_by,
        )

        person.additional_properties = d
        return person

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
