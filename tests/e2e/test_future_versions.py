"""An Immich that is newer than this smartsort is held against its own description, at start."""

from __future__ import annotations

import copy

import pytest
from tests.live_sidecar import BASE, live_sidecar

from smartsort.immich import ImmichServer
from smartsort.immich.conformance import compare


@pytest.fixture
def future(monkeypatch):
    """Immich 9, whose description `change` may have changed."""

    def begin(change=lambda _: None):
        real, version = ImmichServer.description, ImmichServer._version

        async def description(self):
            found = copy.deepcopy(dict(await real(self)))
            change(found)
            return found

        async def newer(self):
            await version(self)
            self._known_version = 9, 0, 0
            return self._known_version

        monkeypatch.setattr(ImmichServer, "description", description)
        monkeypatch.setattr(ImmichServer, "_version", newer)

    return begin


@pytest.mark.parametrize("version", ["2.5.6", "3.1.0", "3.2"])
async def test_the_demo_has_all_that_is_needed_in_every_version(version):
    from tests.faulty_demo import DemoImmich

    from smartsort.demo.app import OPERATIONS
    from smartsort.demo.settings import DemoSettings
    from smartsort.demo.spec import describe

    demo = DemoImmich(DemoSettings(version=version, profile="instant"))
    async with demo.running():
        found = compare(await describe(OPERATIONS, demo))
    assert [str(one) for one in found if one.breaks] == []


def issues(live):
    found = live.client().get(f"{BASE}/status").json()["health_issues"]
    return {one["kind"]: one for one in found}


def test_a_newer_version_that_lacks_nothing_is_no_news(tmp_path, future):
    future()
    with live_sidecar(tmp_path / "root", 5) as live:
        assert "version" not in issues(live)


def test_what_a_newer_version_lacks_is_named_and_the_rest_goes_on(tmp_path, future):
    def change(description):
        del description["paths"]["/people/{id}/thumbnail"]
        assets = description["paths"]["/faces"]["get"]["responses"]["200"]["content"]["application/json"]
        del assets["schema"]["items"]["properties"]["imageWidth"]

    future(change)
    with live_sidecar(tmp_path / "root", 5) as live:
        issue = issues(live)["version"]
        assert issue["severity"] == "notice"
        assert "Immich 9.0.0 is newer than this smartsort" in issue["message"]
        assert "get_person_thumbnail" in issue["message"]
        assert "imageWidth" in issue["message"]
        assert live.all_sorted(5)


def test_a_version_that_was_tried_costs_no_description(tmp_path):
    with live_sidecar(tmp_path / "root", 0) as live:
        live.wait_for(lambda: live.sidecar.connected, "the connection")
        assert live.sidecar.context.server.calls.get("get_description", 0) == 0
