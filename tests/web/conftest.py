"""Chromium, and a sidecar for each module. Without chromium these tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.live_sidecar import NOTHING_BY_ITSELF, LiveSidecar, live_sidecar

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    """One sidecar for all, with `SAMPLES` of the module: each test takes photos that still wait."""
    root = tmp_path_factory.mktemp("page") / "root"
    samples = request.module.SAMPLES
    with live_sidecar(root, samples, settings=NOTHING_BY_ITSELF, machine_learning=True) as running:
        yield running
