"""Holds what smartsort needs against what a server says of itself in its OpenAPI description.

Immich serves its description at `/api/spec.json`, without a key. A new version that drops an operation,
renames a field or wants a field that smartsort does not send is found here before a photo meets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from smartsort.immich.operations import Field, Operation, Parameter, operations
from smartsort.immich.schemas import Document, Shape, parts

Json = Mapping[str, Any]


class Kind(StrEnum):
    """What is wrong."""

    OPERATION_MISSING = "operation missing"
    PARAMETER_MISSING = "parameter missing"
    FIELD_MISSING = "field missing"
    TYPE_DIFFERS = "type differs"
    NOT_ALWAYS_THERE = "not always there"
    MAY_BE_NULL = "may be null"
    WANTED = "wanted but not sent"
    ANSWER_DIFFERS = "answer differs"
    PERMISSION_DIFFERS = "permission differs"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `field` is "" when it is about the operation as a whole.

    `breaks` is false for a mere hint. `optional`: smartsort works without the operation.
    """

    operation: str
    field: str
    kind: Kind
    detail: str
    breaks: bool = True
    optional: bool = False

    def __str__(self) -> str:
        place = f"{self.operation}, {self.field}" if self.field else self.operation
        return f"{place}: {self.kind}: {self.detail}"


def compare(description: Json, needed: Iterable[Operation] | None = None) -> list[Finding]:
    """All differences between what is needed (by default everything) and a server's full description."""
    document = Document(description)
    tells_permissions = any("x-immich-permission" in each for each in document.operations.values())
    found: list[Finding] = []
    for operation in operations().values() if needed is None else needed:
        theirs = document.operations.get((operation.method, _template(operation.path)))
        if theirs is None:
            detail = f"no {operation.method} {operation.path}"
            found.append(_finding(operation, "", Kind.OPERATION_MISSING, detail))
        else:
            found += _differences(document, operation, theirs, tells_permissions)
    return found


def _template(path: str) -> str:
    """Return a path without the names of its parameters, which may differ freely."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _differences(
    document: Document, operation: Operation, theirs: Json, tells_permissions: bool
) -> Iterator[Finding]:
    if theirs.get("deprecated"):
        yield _finding(operation, "", Kind.DEPRECATED, "may vanish in a later version", breaks=False)
    if tells_permissions:
        yield from _permission(operation, theirs)
    yield from _parameters(document, operation, theirs)
    yield from _request(document, operation, theirs)
    yield from _answer(document, operation, theirs)


def _permission(operation: Operation, theirs: Json) -> Iterator[Finding]:
    permission = theirs.get("x-immich-permission") or ""
    if permission != operation.permission:
        detail = f"needs {permission or 'none'} instead of {operation.permission or 'none'}"
        yield _finding(operation, "", Kind.PERMISSION_DIFFERS, detail)
    if bool(theirs.get("x-immich-admin-only")) != operation.admin:
        who = "anybody" if operation.admin else "administrators only"
        yield _finding(
            operation, "", Kind.PERMISSION_DIFFERS, f"is for {who} now", breaks=not operation.admin
        )


def _parameters(document: Document, operation: Operation, theirs: Json) -> Iterator[Finding]:
    offered = [document.resolve(each) for each in theirs.get("parameters", ())]
    ours = {each.name: each for each in operation.parameters if each.place != "path"}
    for parameter in ours.values():
        match = [each for each in offered if (each["name"], each["in"]) == (parameter.name, parameter.place)]
        if not match:
            yield _finding(operation, parameter.name, Kind.PARAMETER_MISSING, f"not in the {parameter.place}")
        else:
            shape = document.shape(match[0].get("schema", {}))
            yield from _type_sent(operation, parameter.name, parameter, shape)
    for each in offered:
        always = each["name"] in ours and ours[each["name"]].always
        if each.get("required") and each["in"] != "path" and not always:
            yield _finding(operation, each["name"], Kind.WANTED, f"required in the {each['in']}")


def _request(document: Document, operation: Operation, theirs: Json) -> Iterator[Finding]:
    body = document.resolve(theirs.get("requestBody", {}))
    schema = body.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        if operation.sent:
            yield _finding(operation, "", Kind.FIELD_MISSING, "takes no JSON body")
        elif body.get("required"):
            yield _finding(operation, "", Kind.WANTED, "a body is required")
        return
    if not operation.sent:
        if body.get("required"):
            yield _finding(operation, "", Kind.WANTED, "a body is required")
        return
    fields = {each.path: each for each in _current(document, operation.sent)}
    for field, shape, _ in _present(document, fields.values(), schema):
        if shape is None:
            # What only newer versions take is asked for in another way, too.
            breaks = not field.since
            yield _finding(operation, field.path, Kind.FIELD_MISSING, "not in the request", breaks=breaks)
        else:
            yield from _type_sent(operation, field.path, field, shape)
            yield from _wanted(operation, shape, field.path, fields)
    yield from _wanted(operation, document.shape(schema), "", fields)


def _wanted(operation: Operation, shape: Shape, path: str, fields: Mapping[str, Field]) -> Iterator[Finding]:
    """Required fields of the object at `path`, or of the objects in the list there, that we leave out."""
    if shape.items is not None and shape.items.properties:
        yield from _wanted(operation, shape.items, f"{path}[]", fields)
    for name in sorted(shape.required):
        here = f"{path}.{name}" if path else name
        if here not in fields or not fields[here].always:
            yield _finding(operation, here, Kind.WANTED, "required in the request")


def _answer(document: Document, operation: Operation, theirs: Json) -> Iterator[Finding]:
    response = theirs.get("responses", {}).get(str(operation.status))
    if response is None:
        told = ", ".join(theirs.get("responses", {})) or "nothing"
        detail = f"answers with {told} instead of {operation.status}"
        yield _finding(operation, "", Kind.ANSWER_DIFFERS, detail, breaks=operation.answer != "nothing")
        return
    content = document.resolve(response).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if operation.answer in ("nothing", "file"):
        if operation.answer == "file" and schema is not None:
            yield _finding(operation, "", Kind.ANSWER_DIFFERS, "answers with JSON instead of a file")
        return
    if schema is None:
        yield _finding(operation, "", Kind.ANSWER_DIFFERS, "does not answer with JSON")
        return
    top = document.shape(schema)
    if not top.is_any and operation.answer not in top.types:
        detail = f"answers with {top} instead of {operation.answer}"
        yield _finding(operation, "", Kind.ANSWER_DIFFERS, detail)
        return
    for field, shape, always in _present(document, _current(document, operation.read), schema):
        yield from _field_read(operation, field, shape, always)


def _field_read(operation: Operation, field: Field, shape: Shape | None, always: bool) -> Iterator[Finding]:
    if shape is None:
        yield _finding(operation, field.path, Kind.FIELD_MISSING, "not in the answer", breaks=field.always)
        return
    accepted = {field.type, "integer"} if field.type == "number" else {field.type}
    if not shape.is_any and not shape.types <= accepted:
        detail = f"is {shape} instead of {field.type}"
        yield _finding(operation, field.path, Kind.TYPE_DIFFERS, detail)
    if shape.nullable and not field.nullable:
        yield _finding(operation, field.path, Kind.MAY_BE_NULL, "smartsort counts on a value")
    if field.always and not always:
        yield _finding(operation, field.path, Kind.NOT_ALWAYS_THERE, "smartsort counts on it")


def _type_sent(operation: Operation, name: str, ours: Field | Parameter, shape: Shape) -> Iterator[Finding]:
    fitting = {ours.type, "number"} if ours.type == "integer" else {ours.type}
    if not shape.is_any and not shape.types & fitting:
        yield _finding(operation, name, Kind.TYPE_DIFFERS, f"takes {shape} instead of {ours.type}")


def _current(document: Document, fields: Iterable[Field]) -> list[Field]:
    """Return the fields that the server's version is supposed to have."""
    return [
        field
        for field in fields
        if not (field.since and document.version < _numbers(field.since))
        and not (field.before and document.version >= _numbers(field.before))
    ]


def _present(
    document: Document, fields: Iterable[Field], schema: Json
) -> Iterator[tuple[Field, Shape | None, bool]]:
    """Yield each field with its shape there (None: missing) and whether it is always there.

    Below a missing field nothing is reported again.
    """
    top = document.shape(schema)
    missing: list[str] = []
    for field in fields:
        if any(field.path.startswith((f"{each}.", f"{each}[")) for each in missing):
            continue
        shape, always = _walk(top, field.path)
        if shape is None:
            missing.append(field.path)
        yield field, shape, always


def _walk(shape: Shape, path: str) -> tuple[Shape | None, bool]:
    here: Shape | None = shape
    always = True
    for part in parts(path):
        if here is None:
            break
        if part == "[]":
            here, always = here.items, True
        else:
            always = part in here.required
            here = here.property(part)
    return here, always


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _finding(operation: Operation, field: str, kind: Kind, detail: str, *, breaks: bool = True) -> Finding:
    return Finding(operation.name, field, kind, detail, breaks, operation.optional)
