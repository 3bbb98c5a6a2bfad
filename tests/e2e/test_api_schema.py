"""The description of the API holds: schemathesis finds no 5xx and no status or body it does not know."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

import httpx
import jsonschema
import pytest
from tests.live_sidecar import TOKEN, LiveSidecar, live_sidecar
from tests.sidecar_process import sidecar_in_a_process

from smartsort.api import schemas
from smartsort.api.examples import EXAMPLES
from smartsort.api.schemas.control import Scope

TRIES = os.environ.get("SMARTSORT_TEST_EXAMPLES", "2")
"""Generated requests per operation and phase, beside some four thousand that follow from the description."""
SEED = os.environ.get("SMARTSORT_TEST_SEED", "1")
EXCEPTIONS = Path(__file__).parents[1] / "schemathesis.toml"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("schema") / "root", 24) as running:
        yield running


@pytest.fixture(scope="module")
def description(live: LiveSidecar) -> dict[str, Any]:
    return live.client(token=None).get("/openapi.json").json()


@pytest.mark.timeout(900)
def test_no_surprise(tmp_path: Path) -> None:
    """All of schemathesis, as anybody may run it: every check and phase, every route.

    It and the sidecar are processes of their own: this one parses no Python meanwhile (`sidecar_process`).
    """
    settings = {"api.max_wait_seconds": 0.05, "api.tokens": []}
    with sidecar_in_a_process(tmp_path / "root", 24, settings) as url:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(EXCEPTIONS), "--no-color"),
            *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure"),
            *("--max-examples", TRIES, "--seed", SEED, "--no-shrink"),
            # A machine may be as slow as it likes; only one that never answers is a failure.
            *("--max-response-time", "200", "--request-timeout", "240"),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=880)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        # What was uploaded is photos of one pixel and worse: they may not stop the sorting either.
        health_issues = httpx.get(f"{url}/readyz", headers=headers, timeout=60).json()["health_issues"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert health_issues == []
    counts = re.search(r"Selected: (\d+)/(\d+)\n +Tested: (\d+)", done.stdout)
    assert counts is not None, done.stdout
    assert len(set(counts.groups())) == 1, "every route is tried"
    print(done.stdout[done.stdout.index("SUMMARY") :])


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


_FACE = {"23": ["eae2025e-8233-4e23-9ff3-334b91b15f5d"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("strangers/name", {"faces": _FACE, "person": {"name": ""}}),
        ("strangers/name", {"faces": _FACE, "person": {"name": " \t"}}),
        ("strangers/name", {"faces": _FACE, "person": {"id": "", "create": True}}),
        ("strangers/name", {"faces": _FACE, "person": " "}),
        ("strangers/mark", {"faces": _FACE, "kind": "locked", "person": {"name": ""}}),
        ("strangers/mark", {"faces": _FACE, "kind": "ignored", "person": "john_doe"}),
        ("strangers/mark", {"faces": _FACE, "kind": "same", "person": {"name": "john_doe"}}),
        ("strangers/mark", {"faces": _FACE, "kind": "apart", "others": _FACE, "person": "john_doe"}),
        ("review/1/approve", {"people": [{"name": " "}]}),
        ("review/1/rule-out", {"person": " "}),
        ("photos/1/refile", {"person": {"name": ""}}),
        ("review/bulk/approve", {"ids": [1, 2], "approve": {"person": "john_doe", "face": "a"}}),
        ("review/bulk/approve", {"everything": True, "dry_run": True, "approve": {"face": "a"}}),
    ],
)
def test_what_the_sidecar_refuses_by_its_form_the_description_refuses_too(
    live: LiveSidecar, description: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    """schemathesis cannot ask this of routes that also refuse whom Immich does not know."""
    client = live.client()
    if "ids" in body:
        waiting = client.get("/api/smart-download/review/queue").json()["items"]
        body = {**body, "ids": [one["id"] for one in waiting[:2]]}
    answer = client.post(f"/api/smart-download/{path}", json=body)
    assert answer.status_code == 422, answer.text
    of = re.sub(r"/\d+/", "/{id}/", path.replace("photos/1", "photos/{photo_id}"))
    asked = description["paths"][f"/api/smart-download/{of}"]["post"]["requestBody"]["content"]
    schema = {**asked["application/json"]["schema"], "components": description["components"]}
    assert not jsonschema.Draft202012Validator(schema).is_valid(body)


def test_everything_is_described(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        name = f"{method} {path}"
        assert operation.get("description"), name
        assert operation.get("tags"), name
        if path == "/healthz":
            assert "security" not in operation
            continue
        assert operation["security"] in [[{"HTTPBearer": [one]}] for one in get_args(Scope)], name
        assert {"401", "403"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if int(status) >= 400 and (path, status) != ("/readyz", "503"):
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)
                example = response["content"]["application/json"].get("example", {"code": "invalid"})
                assert f"`{example['code']}`" in response["description"], (name, status)


def test_every_route_has_a_title_and_an_id_of_its_own(description: dict[str, Any]) -> None:
    found = [operation for _, _, operation in operations(description)]
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(3 <= len(operation["summary"]) <= 110 for operation in found)


def test_everything_has_an_example(description: dict[str, Any]) -> None:
    """What is sent, what is answered, and what stands in a path."""
    shapes = description["components"]["schemas"]

    def has_one(content: dict[str, Any]) -> bool:
        schema = content.get("schema", {})
        reference = schema.get("$ref") or schema.get("items", {}).get("$ref")
        shape = shapes[reference.rpartition("/")[2]] if reference else schema.get("items", {})
        return bool(content.get("example") or content.get("examples") or shape.get("examples"))

    for method, path, operation in operations(description):
        asked = operation.get("requestBody", {}).get("content", {})
        answered = [r["content"] for status, r in operation["responses"].items() if "content" in r]
        for kind, content in [pair for one in (asked, *answered) for pair in one.items()]:
            # Nobody reads a picture or a file as text.
            if kind not in ("image/*", "multipart/form-data"):
                assert has_one(content), (method, path, kind)
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            if parameter["in"] == "path":
                assert schema.get("examples") or "enum" in schema or "$ref" in schema, (method, path)


def test_the_examples_are_examples_of_their_shapes(description: dict[str, Any]) -> None:
    assert set(EXAMPLES) <= set(description["components"]["schemas"]), "no example is left over"
    beside = ("Problem", "QueueItem", "ActionResultView", "ReviewStats", "Summary", "ListView", "Result")
    judging = ("SpotCheckPage", "WhatIfReport", "Explained")
    themes = [import_module(m.name) for m in iter_modules(schemas.__path__, f"{schemas.__name__}.")]
    for name in (*EXAMPLES, *beside, *judging):
        shape = next(getattr(theme, name) for theme in themes if hasattr(theme, name))
        for example in description["components"]["schemas"][name]["examples"]:
            assert set(example) <= set(shape.model_fields), name
            seen = shape.model_validate(example).model_dump(mode="json")
            same = {key: seen[key] for key in example} == example
            assert same or name in ("Summary", "SpotCheckPage"), name  # parts of longer ones


def test_the_page_is_there(live: LiveSidecar) -> None:
    page = live.client(token=None).get("/docs")
    assert page.status_code == 200
    assert "swagger" in page.text.lower()
