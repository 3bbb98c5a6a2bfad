from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.search_filter import SearchFilter


T = TypeVar("T", bound="AssetSearch")


@_attrs_define
class AssetSearch:
    """
    Attributes:
        library_id (str | Unset):
        original_path (str | Unset):
        created_after (str | Unset): When Immich took the photo in; with a time zone.
        taken_after (str | Unset): With a time zone; the moment itself is included.
        order (str | Unset): `asc`: the photo that was taken first comes first.
        visibility (str | Unset):
        person_ids (list[str] | Unset): Photos that show all of them.
        with_deleted (bool | Unset): Trashed and offline photos too.
        trashed_after (str | Unset): With a time zone; offline photos have such a time too.
        is_offline (bool | Unset):
        with_people (bool | Unset): Without it the answer names nobody.
        with_exif (bool | Unset): Leaves out photos whose metadata is not read yet.
        page (int | Unset):
        size (int | Unset):
        filter_ (SearchFilter | Unset): Photos that fulfil one of the branches. Nothing is left out beyond that, not
            even the trash.
        cursor (str | Unset): Continues a search by `filter`.
    """

    library_id: str | Unset = UNSET
    original_path: str | Unset = UNSET
    created_after: str | Unset = UNSET
    taken_after: str | Unset = UNSET
    order: str | Unset = UNSET
    visibility: str | Unset = UNSET
    person_ids: list[str] | Unset = UNSET
    with_deleted: bool | Unset = UNSET
    trashed_after: str | Unset = UNSET
    is_offline: bool | Unset = UNSET
    with_people: bool | Unset = UNSET
    with_exif: bool | Unset = UNSET
    page: int | Unset = UNSET
    size: int | Unset = UNSET
    filter_: SearchFilter | Unset = UNSET
    cursor: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.search_filter import SearchFilter  # noqa: PLC0415

        library_id = self.library_id

        original_path = self.original_path

        created_after = self.created_after

        taken_after = self.taken_after

        order = self.order

        visibility = self.visibility

        person_ids: list[str] | Unset = UNSET
        if not isinstance(self.person_ids, Unset):
            person_ids = self.person_ids

        with_deleted = self.with_deleted

        trashed_after = self.trashed_after

        is_offline = self.is_offline

        with_people = self.with_people

        with_exif = self.with_exif

        page = self.page

        size = self.size

        filter_: dict[str, Any] | Unset = UNSET
        if not isinstance(self.filter_, Unset):
            filter_ = self.filter_.to_dict()

        cursor = self.cursor

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if library_id is not UNSET:
            field_dict["libraryId"] = library_id
        if original_path is not UNSET:
            field_dict["originalPath"] = original_path
        if created_after is not UNSET:
            field_dict["createdAfter"] = created_after
        if taken_after is not UNSET:
            field_dict["takenAfter"] = taken_after
        if order is not UNSET:
            field_dict["order"] = order
        if visibility is not UNSET:
            field_dict["visibility"] = visibility
        if person_ids is not UNSET:
            field_dict["personIds"] = person_ids
        if with_deleted is not UNSET:
            field_dict["withDeleted"] = with_deleted
        if trashed_after is not UNSET:
            field_dict["trashedAfter"] = trashed_after
        if is_offline is not UNSET:
            field_dict["isOffline"] = is_offline
        if with_people is not UNSET:
            field_dict["withPeople"] = with_people
        if with_exif is not UNSET:
            field_dict["withExif"] = with_exif
        if page is not UNSET:
            field_dict["page"] = page
        if size is not UNSET:
            field_dict["size"] = size
        if filter_ is not UNSET:
            field_dict["filter"] = filter_
        if cursor is not UNSET:
            field_dict["cursor"] = cursor

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.search_filter import SearchFilter  # noqa: PLC0415

        d = dict(src_dict)
        library_id = d.pop("libraryId", UNSET)

        original_path = d.pop("originalPath", UNSET)

        created_after = d.pop("createdAfter", UNSET)

        taken_after = d.pop("takenAfter", UNSET)

        order = d.pop("order", UNSET)

        visibility = d.pop("visibility", UNSET)

        person_ids = cast(list[str], d.pop("personIds", UNSET))

        with_deleted = d.pop("withDeleted", UNSET)

        trashed_after = d.pop("trashedAfter", UNSET)

        is_offline = d.pop("isOffline", UNSET)

        with_people = d.pop("withPeople", UNSET)

        with_exif = d.pop("withExif", UNSET)

        page = d.pop("page", UNSET)

        size = d.pop("size", UNSET)

        _filter_ = d.pop("filter", UNSET)
        filter_: SearchFilter | Unset
        if isinstance(_filter_, Unset):
            filter_ = UNSET
        else:
            filter_ = SearchFilter.from_dict(_filter_)

        cursor = d.pop("cursor", UNSET)

        asset_search = cls(
            library_id=library_id,
            original_path=original_path,
            created_after=created_after,
            taken_after=taken_after,
            order=order,
            visibility=visibility,
            person_ids=person_ids,
            with_deleted=with_deleted,
            trashed_after=trashed_after,
            is_offline=is_offline,
            with_people=with_people,
            with_exif=with_exif,
            page=page,
            size=size,
            filter_=filter_,
            cursor=cursor,
        )

        asset_search.additional_properties = d
        return asset_search

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
