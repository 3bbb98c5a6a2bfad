from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.library_config import LibraryConfig
    from ..models.machine_learning_config import MachineLearningConfig
    from ..models.metadata_config import MetadataConfig


T = TypeVar("T", bound="SystemConfig")


@_attrs_define
class SystemConfig:
    """
    Attributes:
        library (LibraryConfig):
        machine_learning (MachineLearningConfig):
        metadata (MetadataConfig):
    """

    library: LibraryConfig
    machine_learning: MachineLearningConfig
    metadata: MetadataConfig
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.library_config import LibraryConfig  # noqa: PLC0415
        from ..models.machine_learning_config import MachineLearningConfig  # noqa: PLC0415
        from ..models.metadata_config import MetadataConfig  # noqa: PLC0415

        library = self.library.to_dict()

        machine_learning = self.machine_learning.to_dict()

        metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "library": library,
                "machineLearning": machine_learning,
                "metadata": metadata,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.library_config import LibraryConfig  # noqa: PLC0415
        from ..models.machine_learning_config import MachineLearningConfig  # noqa: PLC0415
        from ..models.metadata_config import MetadataConfig  # noqa: PLC0415

        d = dict(src_dict)
        library = LibraryConfig.from_dict(d.pop("library"))

        machine_learning = MachineLearningConfig.from_dict(d.pop("machineLearning"))

        metadata = MetadataConfig.from_dict(d.pop("metadata"))

        system_config = cls(
            library=library,
            machine_learning=machine_learning,
            metadata=metadata,
        )

        system_config.additional_properties = d
        return system_config

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
