from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.path_verdict import PathVerdict


T = TypeVar("T", bound="PathVerdicts")


@_attrs_define
class PathVerdicts:
    """
    Attributes:
        import_paths (list[PathVerdict] | Unset):
    """

    import_paths: list[PathVerdict] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.path_verdict import PathVerdict  # noqa: PLC0415

        import_paths: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.import_paths, Unset):
            import_paths = []
            for import_paths_item_data in self.import_paths:
                import_paths_item = import_paths_item_data.to_dict()
                import_paths.append(import_paths_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if import_paths is not UNSET:
            field_dict["importPaths"] = import_paths

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.path_verdict import PathVerdict  # noqa: PLC0415

        d = dict(src_dict)
        _import_paths = d.pop("importPaths", UNSET)
        import_paths: list[PathVerdict] | Unset = UNSET
        if _import_paths is not UNSET:
            import_paths = []
            for import_paths_item_data in _import_paths:
                import_paths_item = PathVerdict.from_dict(import_paths_item_data)

                import_paths.append(import_paths_item)

        path_verdicts = cls(
            import_paths=import_paths,
        )

        path_verdicts.additional_properties = d
        return path_verdicts

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
