from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.person import Person


T = TypeVar("T", bound="Face")


@_attrs_define
class Face:
    """The box is in pixels of the upright preview, whose size stands beside it.

    Attributes:
        id (str):
        bounding_box_x1 (int):
        bounding_box_y1 (int):
        bounding_box_x2 (int):
        bounding_box_y2 (int):
        image_width (int):
        image_height (int):
        person (None | Person):
        source_type (str | Unset): `machine-learning`, `exif` or `manual`.
    """

    id: str
    bounding_box_x1: int
    bounding_box_y1: int
    bounding_box_x2: int
    bounding_box_y2: int
    image_width: int
    image_height: int
    person: None | Person
    source_type: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.person import Person  # noqa: PLC0415

        id = self.id

        bounding_box_x1 = self.bounding_box_x1

        bounding_box_y1 = self.bounding_box_y1

        bounding_box_x2 = self.bounding_box_x2

        bounding_box_y2 = self.bounding_box_y2

        image_width = self.image_width

        image_height = self.image_height

        person: dict[str, Any] | None
        if isinstance(self.person, Person):
            person = self.person.to_dict()
        else:
            person = self.person

        source_type = self.source_type

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "boundingBoxX1": bounding_box_x1,
                "boundingBoxY1": bounding_box_y1,
                "boundingBoxX2": bounding_box_x2,
                "boundingBoxY2": bounding_box_y2,
                "imageWidth": image_width,
                "imageHeight": image_height,
                "person": person,
            }
        )
        if source_type is not UNSET:
            field_dict["sourceType"] = source_type

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.person import Person  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        bounding_box_x1 = d.pop("boundingBoxX1")

        bounding_box_y1 = d.pop("boundingBoxY1")

        bounding_box_x2 = d.pop("boundingBoxX2")

        bounding_box_y2 = d.pop("boundingBoxY2")

        image_width = d.pop("imageWidth")

        image_height = d.pop("imageHeight")

        def _parse_person(data: object) -> None | Person:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                person_type_1 = Person.from_dict(data)

                return person_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Person, data)

        person = _parse_person(d.pop("person"))

        source_type = d.pop("sourceType", UNSET)

        face = cls(
            id=id,
            bounding_box_x1=bounding_box_x1,
            bounding_box_y1=bounding_box_y1,
            bounding_box_x2=bounding_box_x2,
            bounding_box_y2=bounding_box_y2,
            image_width=image_width,
            image_height=image_height,
            person=person,
            source_type=source_type,
        )

        face.additional_properties = d
        return face

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
