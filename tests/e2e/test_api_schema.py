"""The description of the API holds: schemathesis finds no 5xx and no status or body it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.live_sidecar import BASE, TOKEN, LiveSidecar, live_sidecar

from smartsort.api.schemas import Problem

EXAMPLES = 12
"""Per operation; the whole test stays below a minute."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("schema") / "root", 24) as running:
        yield running


@pytest.fixture(scope="module")
def description(live: LiveSidecar) -> dict[str, Any]:
    return live.client(token=None).get("/openapi.json").json()


def test_no_surprise(live: LiveSidecar) -> None:
    schema = schemathesis.openapi.from_url(f"{live.url}/openapi.json")
    # A stream has no end to wait for (test_api_events.py); intake has tests of its own.
    schema = schema.exclude(path=f"{BASE}/events/stream")
    schema = schema.exclude(path_regex=rf"^{BASE}(/items.*|/have.*)?$")
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        tried += 1

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS, timeout=30)

        try:
            check()
        except BaseException as problem:
            problem.add_note(operation.label)
            raise
    assert tried > 30


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_everything_is_described(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        name = f"{method} {path}"
        assert operation.get("description"), name
        assert operation.get("tags"), name
        if path == "/healthz":
            assert "security" not in operation
            continue
        assert operation["security"] == [{"HTTPBearer": []}], name
        assert {"401", "403"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if int(status) >= 400 and (path, status) != ("/readyz", "503"):
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_bodies_have_examples(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        if path == BASE or "requestBody" not in operation:
            continue
        assert operation["requestBody"]["content"]["application/json"]["examples"], (method, path)
    shapes = description["components"]["schemas"]
    for name in ("Problem", "QueueItem", "Decided", "ReviewStats", "Summary", "ListView", "Result"):
        if name in shapes:
            assert shapes[name]["examples"], name


def test_the_examples_are_examples_of_their_shapes() -> None:
    from smartsort.api import schemas

    for name in ("Problem", "QueueItem", "Decided", "ReviewStats", "Summary", "ListView", "Result"):
        shape = getattr(schemas, name)
        for example in shape.model_config["json_schema_extra"]["examples"]:
            assert set(example) <= set(shape.model_fields)
            shape.model_validate(example)
    assert Problem.model_config["extra"] == "ignore"


def test_the_page_is_there(live: LiveSidecar) -> None:
    page = live.client(token=None).get("/docs")
    assert page.status_code == 200
    assert "swagger" in page.text.lower()
