"""schemathesis over the routes of the intake: no 5xx, no status and no shape that is not described."""

import asyncio
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.intake_site import BASE, TOKEN, running

EXAMPLES = int(os.environ.get("SMARTSORT_TEST_EXAMPLES", "40"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


async def nowhere(host, port):
    raise OSError("tests look nothing up")


def try_all(url):
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema = schema.include(path_regex=rf"^{BASE}(/items.*|/have.*)?$")
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()
        tried.append(operation.label)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case):
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS, timeout=30)

        check()
    return tried


# The sidecar and the demo Immich run in this process and may draw a random number meanwhile.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
async def test_no_surprise(tmp_path):
    async with running(str(tmp_path / "root"), resolver=nowhere, api__max_wait_seconds=0.05) as sidecar:
        tried = await asyncio.to_thread(try_all, sidecar.url)
    assert len(tried) == 4
