"""Reads an OpenAPI description, 3.0 or 3.1, as far as comparing fields needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

Json = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")


def parts(path: str) -> list[str]:
    """Return the steps of a field's path: names, and "[]" for stepping into a list."""
    return re.findall(r"\[\]|[^.\[\]]+", path)


class Document:
    """A full description."""

    def __init__(self, description: Json) -> None:
        self._description = description

    @cached_property
    def version(self) -> tuple[int, ...]:
        """The server's version. (0,) when it says none."""
        numbers = re.findall(r"\d+", str(self._description.get("info", {}).get("version", "")))
        return tuple(int(number) for number in numbers[:3]) or (0,)

    @cached_property
    def operations(self) -> dict[tuple[str, str], Json]:
        """Operations by method and path, the path without the names of its parameters."""
        return {
            (method.upper(), re.sub(r"\{[^}]*\}", "{}", path)): {
                **item[method],
                "parameters": [*item.get("parameters", ()), *item[method].get("parameters", ())],
            }
            for path, item in self._description.get("paths", {}).items()
            for method in _METHODS
            if method in item
        }

    def resolve(self, node: Json) -> Json:
        """Return what a reference points to, {} when it points nowhere. Anything else as it is."""
        seen = set()
        while "$ref" in node:
            reference = str(node["$ref"])
            if reference in seen:
                return {}
            seen.add(reference)
            found: Any = self._description
            for part in reference.removeprefix("#/").split("/"):
                found = found.get(part, {}) if isinstance(found, Mapping) else {}
            node = found
        return node

    def shape(self, schema: Json) -> Shape:
        """Return the shape of a schema."""
        return Shape(self, schema)


class Shape:
    """A schema with its references and combinations worked out, one level at a time."""

    def __init__(self, document: Document, schema: Json) -> None:
        self._document = document
        here = document.resolve(schema)
        every = [Shape(document, each) for each in here.get("allOf", ())]
        choices = [Shape(document, each) for each in (*here.get("anyOf", ()), *here.get("oneOf", ()))]
        real = [each for each in choices if each.types or not each.nullable]
        types: frozenset[str] = _types(here).union(*(each.types for each in (*every, *choices)))
        self.nullable: bool = (
            bool(here.get("nullable") or schema.get("nullable"))
            or "null" in types
            or any(each.nullable for each in (*every, *choices))
        )
        self.types: frozenset[str] = types - {"null"}
        self._properties: dict[str, Json] = {}
        for each in (*every, *real):
            self._properties |= each._properties  # noqa: SLF001  (of its own kind)
        self._properties |= here.get("properties", {})
        self.required: frozenset[str] = frozenset(here.get("required", ())).union(
            *(each.required for each in every)
        )
        if real:
            self.required |= frozenset.intersection(*(each.required for each in real))
        inherited = [each._items for each in (*every, *real) if each._items is not None]  # noqa: SLF001
        self._items: Json | None = here.get("items", inherited[0] if inherited else None)

    def __str__(self) -> str:
        return " or ".join(sorted(self.types)) or "anything"

    @property
    def is_any(self) -> bool:
        """True when the schema leaves the type open."""
        return not self.types

    @property
    def properties(self) -> frozenset[str]:
        """Names of the fields."""
        return frozenset(self._properties)

    @property
    def items(self) -> Shape | None:
        """What a list holds."""
        return None if self._items is None else Shape(self._document, self._items)

    def property(self, name: str) -> Shape | None:
        """Return one field, None when there is none of this name."""
        return Shape(self._document, self._properties[name]) if name in self._properties else None


def _types(schema: Json) -> frozenset[str]:
    told = schema.get("type")
    if isinstance(told, str):
        return frozenset({told})
    if isinstance(told, list | tuple):
        return frozenset(map(str, told))
    if "properties" in schema:
        return frozenset({"object"})
    if "items" in schema:
        return frozenset({"array"})
    if "enum" in schema and all(isinstance(each, str) for each in schema["enum"]):
        return frozenset({"string"})
    return frozenset()
