from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.job_data import JobData


T = TypeVar("T", bound="Job")


@_attrs_define
class Job:
    """A job that waits or runs. `id` is its number: a queue counts its jobs up one by one, those that nobody
    ever saw included. Jobs of some other queues have a text instead.

        Attributes:
            name (str):
            data (JobData): What the job works on. `id` is a photo in most queues, a face in `facialRecognition`, a library
                or a
                person elsewhere; the jobs of a library name it in `libraryId` instead. A job that stands for many
                photos has neither, or is in the queue `library`.
            id (str | Unset):
    """

    name: str
    data: JobData
    id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.job_data import JobData  # noqa: PLC0415

        name = self.name

        data = self.data.to_dict()

        id = self.id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "data": data,
            }
        )
        if id is not UNSET:
            field_dict["id"] = id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.job_data import JobData  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        data = JobData.from_dict(d.pop("data"))

        id = d.pop("id", UNSET)

        job = cls(
            name=name,
            data=data,
            id=id,
        )

        job.additional_properties = d
        return job

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
