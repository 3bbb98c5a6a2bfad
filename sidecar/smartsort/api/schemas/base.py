"""What all shapes are made of.

Answers may gain fields. A request must not hold an unknown key.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from smartsort.core.model import BulkKind, Category, State

__all__ = [
    "VISIBLE",
    "BulkKind",
    "Category",
    "Count",
    "ListedName",
    "PhotoId",
    "RequestModel",
    "ResponseModel",
    "State",
    "example",
    "number",
    "request_config",
]  # fmt: skip


def number(value: object) -> object:
    """Refuse text that reads like a number, and true and false: they mean something else."""
    if isinstance(value, str | bool):
        raise ValueError("has to be a number")  # noqa: TRY004 - the error pydantic reports
    return value


Count = Annotated[int, Field(ge=0, le=2**53 - 1), BeforeValidator(number)]

PhotoId = Annotated[int, Field(ge=1, le=2**53 - 1), BeforeValidator(number)]

VISIBLE = r"\S"
"""A name has more than spaces."""

ListedName = Annotated[str, Field(min_length=1, max_length=300, pattern=VISIBLE)]


class ResponseModel(BaseModel):
    """Answers may gain fields. A client ignores those that it does not know."""

    model_config = ConfigDict(extra="ignore")


class RequestModel(ResponseModel):
    """What a client sends. smartsort refuses unknown keys: a typing error must not mean something else."""

    model_config = ConfigDict(extra="forbid")


def request_config(*, any_of: list[Any]) -> ConfigDict:
    """Return a configuration whose description says which keys belong together."""
    return ConfigDict(extra="forbid", json_schema_extra={"anyOf": any_of})


def example(**values: Any) -> ConfigDict:
    """Return a configuration whose description shows this value."""
    return ConfigDict(extra="ignore", json_schema_extra={"examples": [values]})
