from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Features")


@_attrs_define
class Features:
    """
    Attributes:
        facial_recognition (bool): Without it nobody is ever recognised.
        import_faces (bool): Faces are also read from the files' own metadata.
        trash (bool):
    """

    facial_recognition: bool
    import_faces: bool
    trash: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        facial_recognition = self.facial_recognition

        import_faces = self.import_faces

        trash = self.trash

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "facialRecognition": facial_recognition,
                "importFaces": import_faces,
                "trash": trash,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        facial_recognition = d.pop("facialRecognition")

        import_faces = d.pop("importFaces")

        trash = d.pop("trash")

        features = cls(
            facial_recognition=facial_recognition,
            import_faces=import_faces,
            trash=trash,
        )

        features.additional_properties = d
        return features

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
