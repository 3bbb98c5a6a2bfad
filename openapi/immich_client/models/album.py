from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.album_user import AlbumUser


T = TypeVar("T", bound="Album")


@_attrs_define
class Album:
    """
    Attributes:
        id (str):
        album_name (str):
        created_at (str):
        owner_id (str | Unset):
        album_users (list[AlbumUser] | Unset): The owner is one of them since 3.0.
    """

    id: str
    album_name: str
    created_at: str
    owner_id: str | Unset = UNSET
    album_users: list[AlbumUser] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.album_user import AlbumUser  # noqa: PLC0415

        id = self.id

        album_name = self.album_name

        created_at = self.created_at

        owner_id = self.owner_id

        album_users: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.album_users, Unset):
            album_users = []
            for album_users_item_data in self.album_users:
                album_users_item = album_users_item_data.to_dict()
                album_users.append(album_users_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "albumName": album_name,
                "createdAt": created_at,
            }
        )
        if owner_id is not UNSET:
            field_dict["ownerId"] = owner_id
        if album_users is not UNSET:
            field_dict["albumUsers"] = album_users

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.album_user import AlbumUser  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        album_name = d.pop("albumName")

        created_at = d.pop("createdAt")

        owner_id = d.pop("ownerId", UNSET)

        _album_users = d.pop("albumUsers", UNSET)
        album_users: list[AlbumUser] | Unset = UNSET
        if _album_users is not UNSET:
            album_users = []
            for album_users_item_data in _album_users:
                album_users_item = AlbumUser.from_dict(album_users_item_data)

                album_users.append(album_users_item)

        album = cls(
            id=id,
            album_name=album_name,
            created_at=created_at,
            owner_id=owner_id,
            album_users=album_users,
        )

        album.additional_properties = d
        return album

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
