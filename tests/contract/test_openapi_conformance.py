"""What smartsort needs, held against descriptions of servers: real ones, a running one, and broken ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.recordings import SHARED, VERSIONS, description

from smartsort.immich import ImmichServer
from smartsort.immich.conformance import Finding, Kind, compare

TOP = Path(__file__).resolve().parents[2]
# By libyaml: each process of a run reads it before its first test, and Python takes fifteen times as long.
SUBSET: dict[str, Any] = yaml.load(
    (TOP / "openapi" / "immich-subset.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader
)

DEPRECATED = {"2.5.6": {"start_queue"}, "3.1.0": {"start_queue", "update_assets", "update_library"}}


def described() -> dict[str, Any]:
    """A server that is exactly what smartsort needs."""
    document = copy.deepcopy(SUBSET)
    document["info"]["version"] = "2.5.6"
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["x-immich-permission"] = operation["x-smartsort-permission"]
            operation["x-immich-admin-only"] = operation.get("x-smartsort-admin", False)
    return document


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mark", [pytest.param("", marks=SHARED)])
def test_real_servers_have_all_that_is_needed(version: str, mark: str) -> None:
    found = compare(description(version))
    assert [str(each) for each in found if each.breaks] == []
    assert {each.operation for each in found if each.kind is Kind.DEPRECATED} == DEPRECATED[version]


async def test_asks_a_server_for_its_description() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/photos/api/spec.json"
        return httpx.Response(200, json=described())

    async with ImmichServer("http://i/photos", "key", transport=httpx.MockTransport(answer)) as server:
        assert compare(await server.description()) == []
        assert server.calls == {"get_description": 1}


def test_the_subset_fits_itself() -> None:
    assert compare(described()) == []


def without_filters(version: str) -> dict[str, Any]:
    document = described()
    document["info"]["version"] = version
    for name, fields in (("AssetSearch", ("filter", "cursor")), ("AssetPage", ("nextCursor",))):
        for each in fields:
            del document["components"]["schemas"][name]["properties"][each]
    return document


def test_the_search_of_3_2_is_wanted_of_no_older_version_and_missed_in_newer_ones() -> None:
    assert compare(without_filters("3.1.0")) == []
    found = compare(without_filters("3.2.2"))
    assert {(each.operation, each.field) for each in found} == {
        ("search_assets", "filter"),
        ("search_assets", "cursor"),
        ("search_assets", "assets.nextCursor"),
    }
    assert not any(each.breaks for each in found), "smartsort asks by turns then"


@pytest.mark.parametrize("version", ["3.2.2", "3.3.5"])
def test_another_condition_than_those_that_are_sent_is_noticed(version: str) -> None:
    """The conditions of both versions fit, a renamed one does not."""
    document = described()
    document["info"]["version"] = version
    assert compare(document) == []
    branch = schemas(document)["SearchBranch"]["properties"]
    branch["path"] = branch.pop("originalPath")
    branch["trashedAt"]["properties"]["gt"] = {"type": "number"}
    assert {(each.field, each.kind) for each in compare(document)} == {
        ("filter.or[].originalPath", Kind.FIELD_MISSING),
        ("filter.or[].trashedAt.gt", Kind.TYPE_DIFFERS),
    }


def test_an_empty_description_lacks_everything() -> None:
    found = compare({})
    assert {each.kind for each in found} == {Kind.OPERATION_MISSING}
    assert len(found) == sum(len(methods) for methods in SUBSET["paths"].values())
    assert not next(each for each in found if each.operation == "check_uploads").optional
    assert next(each for each in found if each.operation == "list_albums").optional


Change = Callable[[dict[str, Any]], object]


def schemas(document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"]


def field(name: str, path: str, value: dict[str, Any] | None) -> Change:
    """Replaces a field of a schema, or takes it away."""

    def change(document: dict[str, Any]) -> None:
        properties = schemas(document)[name]["properties"]
        if value is None:
            del properties[path]
        else:
            properties[path] = value

    return change


def required(name: str, *fields: str) -> Change:
    return lambda document: schemas(document)[name].update(required=list(fields))


def operation(method: str, path: str, **changes: Any) -> Change:
    return lambda document: document["paths"][path][method].update(changes)


def renamed(old: str, new: str, *, name: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        schema = schemas(document)[name]
        schema["properties"][new] = schema["properties"].pop(old)
        schema["required"] = [new if each == old else each for each in schema["required"]]

    return change


CHANGES = [
    (lambda document: document["paths"].pop("/faces"), "list_faces", "", Kind.OPERATION_MISSING),
    (lambda document: document["paths"]["/people"].pop("post"), "create_person", "", Kind.OPERATION_MISSING),
    (renamed("originalPath", "path", name="Asset"), "get_asset", "originalPath", Kind.FIELD_MISSING),
    (renamed("isHidden", "hidden", name="Person"), "list_faces", "[].person.isHidden", Kind.FIELD_MISSING),
    (field("Queue", "isPaused", {"type": "string"}), "list_queues", "[].isPaused", Kind.TYPE_DIFFERS),
    (field("Face", "boundingBoxX1", {"type": "number"}), "list_faces", "[].boundingBoxX1", Kind.TYPE_DIFFERS),
    (
        field("Face", "person", {"type": "array", "items": {"type": "string"}}),
        "list_faces",
        "[].person",
        Kind.TYPE_DIFFERS,
    ),
    (
        field("Person", "name", {"type": "string", "nullable": True}),
        "create_person",
        "name",
        Kind.MAY_BE_NULL,
    ),
    (
        field("Person", "name", {"type": ["string", "null"]}),
        "list_people",
        "people[].name",
        Kind.MAY_BE_NULL,
    ),
    (
        field("Person", "name", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "list_people",
        "people[].name",
        Kind.MAY_BE_NULL,
    ),
    (required("Job", "name"), "list_jobs", "[].data", Kind.NOT_ALWAYS_THERE),
    (required("NewPerson", "name", "color"), "create_person", "color", Kind.WANTED),
    (
        required("ChecksumToCheck", "id", "checksum", "size"),
        "check_uploads",
        "assets[].size",
        Kind.WANTED,
    ),
    (field("QueueCommand", "force", None), "start_queue", "force", Kind.FIELD_MISSING),
    (field("QueueCommand", "force", {"type": "string"}), "start_queue", "force", Kind.TYPE_DIFFERS),
    (
        operation("get", "/people", parameters=[]),
        "list_people",
        "closestAssetId",
        Kind.PARAMETER_MISSING,
    ),
    (
        operation(
            "get", "/queues", parameters=[{"name": "of", "in": "query", "required": True, "schema": {}}]
        ),
        "list_queues",
        "of",
        Kind.WANTED,
    ),
    (
        operation("get", "/faces", parameters=[{"name": "id", "in": "query", "schema": {"type": "integer"}}]),
        "list_faces",
        "id",
        Kind.TYPE_DIFFERS,
    ),
    (
        operation("post", "/libraries/{id}/scan", requestBody={"required": True, "content": {}}),
        "scan_library",
        "",
        Kind.WANTED,
    ),
    (
        operation(
            "post",
            "/libraries/{id}/scan",
            requestBody={"required": True, "content": {"application/json": {"schema": {}}}},
        ),
        "scan_library",
        "",
        Kind.WANTED,
    ),
    (operation("post", "/people", requestBody={"content": {}}), "create_person", "", Kind.FIELD_MISSING),
    (operation("post", "/people", responses={"200": {}}), "create_person", "", Kind.ANSWER_DIFFERS),
    (operation("get", "/people", responses={"200": {}}), "list_people", "", Kind.ANSWER_DIFFERS),
    (
        operation(
            "get",
            "/people/{id}/thumbnail",
            responses={"200": {"content": {"application/json": {"schema": {"type": "object"}}}}},
        ),
        "get_person_thumbnail",
        "",
        Kind.ANSWER_DIFFERS,
    ),
    (
        operation(
            "get",
            "/queues",
            responses={"200": {"content": {"application/json": {"schema": {"type": "object"}}}}},
        ),
        "list_queues",
        "",
        Kind.ANSWER_DIFFERS,
    ),
    (
        operation("get", "/faces", **{"x-immich-permission": "face.list"}),
        "list_faces",
        "",
        Kind.PERMISSION_DIFFERS,
    ),
    (
        operation("get", "/faces", **{"x-immich-admin-only": True}),
        "list_faces",
        "",
        Kind.PERMISSION_DIFFERS,
    ),
]


@pytest.mark.parametrize(("change", "name", "place", "kind"), CHANGES)
def test_finds_what_a_new_version_breaks(change: Change, name: str, place: str, kind: Kind) -> None:
    document = described()
    change(document)
    found = compare(document)
    wanted = [each for each in found if (each.operation, each.field, each.kind) == (name, place, kind)]
    assert wanted, found
    assert wanted[0].breaks
    assert str(wanted[0]).startswith(f"{name}, {place}: {kind}" if place else f"{name}: {kind}")


def test_names_a_missing_object_once() -> None:
    document = described()
    field("Face", "person", None)(document)
    required("Face", "id")(document)
    assert [each.field for each in compare(document) if "person" in each.field] == ["[].person"]


def test_a_version_with_more_is_fine() -> None:
    document = described()
    schemas(document)["Person"]["properties"]["shoeSize"] = {"type": "number"}
    schemas(document)["Person"]["required"].append("shoeSize")
    schemas(document)["NewPerson"]["properties"]["shoeSize"] = {"type": "number"}
    document["paths"]["/shoes"] = {"get": {"responses": {}}}
    people = document["paths"].pop("/people/{id}")
    document["paths"]["/people/{personId}"] = people
    assert compare(document) == []


def test_a_field_may_belong_to_some_versions_only() -> None:
    document = described()
    del schemas(document)["Album"]["properties"]["ownerId"]
    assert [each.field for each in compare(document)] == ["[].ownerId", "ownerId"]
    document["info"]["version"] = "3.0.0"
    assert compare(document) == []


def test_hints_do_not_break() -> None:
    document = described()
    operation("get", "/faces", deprecated=True)(document)
    (found,) = compare(document)
    assert found == Finding("list_faces", "", Kind.DEPRECATED, "may vanish in a later version", breaks=False)
    assert str(found) == "list_faces: deprecated: may vanish in a later version"


def test_reads_combined_schemas() -> None:
    document = described()
    person = schemas(document).pop("Person")
    name = {"name": person["properties"].pop("name")}
    schemas(document)["Named"] = {"type": "object", "properties": name, "required": ["name"]}
    schemas(document)["Rest"] = {**person, "required": ["id", "isHidden"]}
    both = [{"$ref": "#/components/schemas/Named"}, {"$ref": "#/components/schemas/Rest"}]
    schemas(document)["Person"] = {"allOf": both}
    assert compare(document) == []
    schemas(document)["Person"] = {"$ref": "#/components/schemas/Person"}
    found = {each.kind for each in compare(document) if each.operation == "create_person"}
    assert found == {Kind.FIELD_MISSING}, "a reference that points to itself holds nothing"
