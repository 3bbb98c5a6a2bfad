"""The routes and shapes of the HTTP API, from its OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tools.reference import markdown

from smartsort.api.app import described_app

Schema = Mapping[str, Any]
_COMMON = {"401", "403", "408", "413", "422", "503"}
"""Statuses that nearly every route may answer with. The page explains them once."""
_LINE = 100
"""Characters of an example that stands in one line."""


def sections() -> str:
    """Return a section for each tag, with its routes."""
    paths = _description()["paths"]
    blocks = []
    for tag in _description()["tags"]:
        blocks.append(f"### {tag['name'].capitalize()}\n\n{tag['description']}")
        blocks += [
            _route(f"{method.upper()} {path}", operation)
            for path, methods in paths.items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ]
    return "\n\n".join(blocks)


def shapes() -> str:
    """Return the fields of each shape, and an example."""
    return "\n\n".join(
        _shape(name, schema) for name, schema in sorted(_description()["components"]["schemas"].items())
    )


@cache
def _description() -> Schema:
    return described_app().openapi()


def _route(title: str, operation: Schema) -> str:
    scopes = [scope for need in operation.get("security", ()) for needed in need.values() for scope in needed]
    body = operation.get("requestBody", {}).get("content", {})
    rows = [_parameter(parameter) for parameter in operation.get("parameters", ())]
    for content in body.values():
        # A body without a name has its fields here; one with a name among the shapes.
        rows += [(f"`{key}`", "body", kind, text) for key, kind, text in _fields(content["schema"])]
    parts = [
        f"#### {title}",
        operation["description"],
        f"Scope: {markdown.code(scopes) if scopes else 'none'}. {_bodies(body)}{_answers(operation)}",
        markdown.table(("name", "in", "value", "meaning"), rows),
        *(_json(one["value"]) for one in _examples(body)),
    ]
    return "\n\n".join(part.strip() for part in parts if part)


def _parameter(parameter: Schema) -> tuple[str, str, str, str]:
    schema = parameter["schema"]
    default = f", default `{schema['default']}`" if "default" in schema else ""
    return (
        f"`{parameter['name']}`",
        parameter["in"],
        _kind(schema) + default,
        parameter.get("description", ""),
    )


def _bodies(body: Schema) -> str:
    kinds = [_kind(content["schema"]) for content in body.values() if "$ref" in json.dumps(content["schema"])]
    return f"Body: {' or '.join(kinds)}. " if kinds else ""


def _answers(operation: Schema) -> str:
    found = []
    for status, answer in operation["responses"].items():
        if status in _COMMON and "Problem" in json.dumps(answer):
            continue
        kinds = [
            _kind(content["schema"]) if "json" in media else f"`{media}`"
            for media, content in answer.get("content", {}).items()
        ]
        found.append(f"{status} {' or '.join(kinds)}".strip())
    return f"Answers: {', '.join(found)}."


def _examples(body: Schema) -> Iterator[Schema]:
    for content in body.values():
        yield from content.get("examples", {}).values()


def _shape(name: str, schema: Schema) -> str:
    if "enum" in schema:
        return f"### {name}\n\n{_sentences(schema)}\n\nOne of {markdown.code(schema['enum'])}."
    example = next(iter(schema.get("examples", ())), None)
    parts = [
        f"### {name}",
        _sentences(schema),
        markdown.table(("field", "value", "meaning"), ((f"`{k}`", v, t) for k, v, t in _fields(schema))),
        "" if example is None else _json(example),
    ]
    return "\n\n".join(part for part in parts if part)


def _sentences(schema: Schema) -> str:
    return str(schema.get("description", ""))


def _fields(schema: Schema) -> Iterator[tuple[str, str, str]]:
    for key, field in schema.get("properties", {}).items():
        yield key, _kind(field), " ".join(str(field.get("description", "")).split())


def _kind(schema: Schema) -> str:
    """Return what a value may be, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return markdown.code(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "value")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}
    limits = [
        f"{word} {schema[key]:,.10g}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema and abs(schema[key]) < 2**53 - 1
    ]
    return " ".join([names.get(kind, kind), *limits])


def _json(value: object) -> str:
    line = json.dumps(value, ensure_ascii=False)
    return f"```json\n{line if len(line) < _LINE else json.dumps(value, ensure_ascii=False, indent=2)}\n```"
