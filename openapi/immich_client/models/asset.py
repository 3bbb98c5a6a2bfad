from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.exif import Exif
    from ..models.person import Person


T = TypeVar("T", bound="Asset")


@_attrs_define
class Asset:
    """
    Attributes:
        id (str):
        original_path (str):
        is_offline (bool): A scan did not find the file.
        is_trashed (bool): True with `isOffline`
        visibility (str):
        thumbhash (None | str): Null until there is a thumbnail.
        owner_id (str | Unset):
        library_id (None | str | Unset): Null for an upload.
        type_ (str | Unset): `IMAGE`, `VIDEO`, or something that is neither.
        checksum (str | Unset): Base64 of the SHA-1 of an upload's content
        original_file_name (str | Unset):
        file_created_at (str | Unset): When it was taken; searches are in this order.
        file_modified_at (str | Unset): Of an external file
        exif_info (Exif | None | Unset):
        local_date_time (str | Unset): When it was taken
        duplicate_id (None | str | Unset): The group of photos that look alike.
        live_photo_video_id (None | str | Unset): The clip of a Live Photo, which is `hidden`.
        people (list[Person] | Unset): Those whom Immich has put on faces of the photo, hidden ones included.
    """

    id: str
    original_path: str
    is_offline: bool
    is_trashed: bool
    visibility: str
    thumbhash: None | str
    owner_id: str | Unset = UNSET
    library_id: None | str | Unset = UNSET
    type_: str | Unset = UNSET
    checksum: str | Unset = UNSET
    original_file_name: str | Unset = UNSET
    file_created_at: str | Unset = UNSET
    file_modified_at: str | Unset = UNSET
    exif_info: Exif | None | Unset = UNSET
    local_date_time: str | Unset = UNSET
    duplicate_id: None | str | Unset = UNSET
    live_photo_video_id: None | str | Unset = UNSET
    people: list[Person] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.exif import Exif  # noqa: PLC0415
        from ..models.person import Person  # noqa: PLC0415

        id = self.id

        original_path = self.original_path

        is_offline = self.is_offline

        is_trashed = self.is_trashed

        visibility = self.visibility

        thumbhash: None | str
        thumbhash = self.thumbhash

        owner_id = self.owner_id

        library_id: None | str | Unset
        if isinstance(self.library_id, Unset):
            library_id = UNSET
        else:
            library_id = self.library_id

        type_ = self.type_

        checksum = self.checksum

        original_file_name = self.original_file_name

        file_created_at = self.file_created_at

        file_modified_at = self.file_modified_at

        exif_info: dict[str, Any] | None | Unset
        if isinstance(self.exif_info, Unset):
            exif_info = UNSET
        elif isinstance(self.exif_info, Exif):
            exif_info = self.exif_info.to_dict()
        else:
            exif_info = self.exif_info

        local_date_time = self.local_date_time

        duplicate_id: None | str | Unset
        if isinstance(self.duplicate_id, Unset):
            duplicate_id = UNSET
        else:
            duplicate_id = self.duplicate_id

        live_photo_video_id: None | str | Unset
        if isinstance(self.live_photo_video_id, Unset):
            live_photo_video_id = UNSET
        else:
            live_photo_video_id = self.live_photo_video_id

        people: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.people, Unset):
            people = []
            for people_item_data in self.people:
                people_item = people_item_data.to_dict()
                people.append(people_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "originalPath": original_path,
                "isOffline": is_offline,
                "isTrashed": is_trashed,
                "visibility": visibility,
                "thumbhash": thumbhash,
            }
        )
        if owner_id is not UNSET:
            field_dict["ownerId"] = owner_id
        if library_id is not UNSET:
            field_dict["libraryId"] = library_id
        if type_ is not UNSET:
            field_dict["type"] = type_
        if checksum is not UNSET:
            field_dict["checksum"] = checksum
        if original_file_name is not UNSET:
            field_dict["originalFileName"] = original_file_name
        if file_created_at is not UNSET:
            field_dict["fileCreatedAt"] = file_created_at
        if file_modified_at is not UNSET:
            field_dict["fileModifiedAt"] = file_modified_at
        if exif_info is not UNSET:
            field_dict["exifInfo"] = exif_info
        if local_date_time is not UNSET:
            field_dict["localDateTime"] = local_date_time
        if duplicate_id is not UNSET:
            field_dict["duplicateId"] = duplicate_id
        if live_photo_video_id is not UNSET:
            field_dict["livePhotoVideoId"] = live_photo_video_id
        if people is not UNSET:
            field_dict["people"] = people

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.exif import Exif  # noqa: PLC0415
        from ..models.person import Person  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        original_path = d.pop("originalPath")

        is_offline = d.pop("isOffline")

        is_trashed = d.pop("isTrashed")

        visibility = d.pop("visibility")

        def _parse_thumbhash(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        thumbhash = _parse_thumbhash(d.pop("thumbhash"))

        owner_id = d.pop("ownerId", UNSET)

        def _parse_library_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        library_id = _parse_library_id(d.pop("libraryId", UNSET))

        type_ = d.pop("type", UNSET)

        checksum = d.pop("checksum", UNSET)

        original_file_name = d.pop("originalFileName", UNSET)

        file_created_at = d.pop("fileCreatedAt", UNSET)

        file_modified_at = d.pop("fileModifiedAt", UNSET)

        def _parse_exif_info(data: object) -> Exif | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                exif_info_type_1 = Exif.from_dict(data)

                return exif_info_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Exif | None | Unset, data)

        exif_info = _parse_exif_info(d.pop("exifInfo", UNSET))

        local_date_time = d.pop("localDateTime", UNSET)

        def _parse_duplicate_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        duplicate_id = _parse_duplicate_id(d.pop("duplicateId", UNSET))

        def _parse_live_photo_video_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        live_photo_video_id = _parse_live_photo_video_id(d.pop("livePhotoVideoId", UNSET))

        _people = d.pop("people", UNSET)
        people: list[Person] | Unset = UNSET
        if _people is not UNSET:
            people = []
            for people_item_data in _people:
                people_item = Person.from_dict(people_item_data)

                people.append(people_item)

        asset = cls(
            id=id,
            original_path=original_path,
            is_offline=is_offline,
            is_trashed=is_trashed,
            visibility=visibility,
            thumbhash=thumbhash,
            owner_id=owner_id,
            library_id=library_id,
            type_=type_,
            checksum=checksum,
            original_file_name=original_file_name,
            file_created_at=file_created_at,
            file_modified_at=file_modified_at,
            exif_info=exif_info,
            local_date_time=local_date_time,
            duplicate_id=duplicate_id,
            live_photo_video_id=live_photo_video_id,
            people=people,
        )

        asset.additional_properties = d
        return asset

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
