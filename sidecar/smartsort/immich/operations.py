"""What smartsort asks of Immich, operation by operation, as derived from `openapi/immich-subset.yaml`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request or an answer, "[]" in `path` steps into a list.

    `always`: smartsort always sends it, or counts on it in every answer. `since` and `before` name the
    versions of Immich that have it, "" without such a limit.
    """

    path: str
    type: str
    always: bool
    nullable: bool = False
    since: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the path or the query."""

    name: str
    place: str
    type: str
    always: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    `permission` is what the key must hold, "" for nothing. With `admin` its owner must be an administrator as
    well. `status` and `answer` ("array", "object", "file" or "nothing") describe the one good answer.
    `optional`: smartsort works without it.
    """

    name: str
    method: str
    path: str
    permission: str
    admin: bool
    optional: bool
    repeatable: bool
    """True when sending it twice does no harm: GET, PUT, and the POSTs that only read."""
    status: int
    answer: str
    parameters: tuple[Parameter, ...]
    sent: tuple[Field, ...]
    read: tuple[Field, ...]


@cache
def operations() -> Mapping[str, Operation]:
    """All operations by name, in the order of the description."""
    document = json.loads(files("smartsort.immich").joinpath("needs.json").read_text("utf-8"))
    return MappingProxyType({raw["name"]: _operation(raw) for raw in document["operations"]})


def _operation(raw: Mapping[str, Any]) -> Operation:
    return Operation(
        name=raw["name"],
        method=raw["method"],
        path=raw["path"],
        permission=raw["permission"],
        admin=raw["admin"],
        optional=raw["optional"],
        repeatable=raw["method"] in ("GET", "PUT") or raw["reads"],
        status=raw["status"],
        answer=raw["answer"],
        parameters=tuple(
            Parameter(each["name"], each["in"], each["type"], each["always"]) for each in raw["parameters"]
        ),
        sent=tuple(Field(**each) for each in raw["sends"]),
        read=tuple(Field(**each) for each in raw["reads_fields"]),
    )
