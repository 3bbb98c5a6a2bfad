from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="FacialRecognitionConfig")


@_attrs_define
class FacialRecognitionConfig:
    """
    Attributes:
        enabled (bool):
        model_name (str):
        min_score (float): Faces the detector is less sure of do not count.
        max_distance (float): Faces closer than this are the same person.
        min_faces (int): So many faces make a person.
    """

    enabled: bool
    model_name: str
    min_score: float
    max_distance: float
    min_faces: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        enabled = self.enabled

        model_name = self.model_name

        min_score = self.min_score

        max_distance = self.max_distance

        min_faces = self.min_faces

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "enabled": enabled,
                "modelName": model_name,
                "minScore": min_score,
                "maxDistance": max_distance,
                "minFaces": min_faces,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        enabled = d.pop("enabled")

        model_name = d.pop("modelName")

        min_score = d.pop("minScore")

        max_distance = d.pop("maxDistance")

        min_faces = d.pop("minFaces")

        facial_recognition_config = cls(
            enabled=enabled,
            model_name=model_name,
            min_score=min_score,
            max_distance=max_distance,
            min_faces=min_faces,
        )

        facial_recognition_config.additional_properties = d
        return facial_recognition_config

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
