"""How fast the page is in a real browser on a queue of 100,000 photos, and what it weighs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, sync_playwright
from tests.bench.ledgers import count, fill
from tests.bench.report import Figure, median
from tests.bench.sidecar import demo_server
from tests.bench.startup import PORT, TOKEN, environment_of, installed, until_ready

from smartsort.ledger.database import Ledger

URL = f"http://127.0.0.1:{PORT}/"
TIMES = 7
SCROLLS = 60

FRAMES = """async (steps) => {
  const list = document.querySelector(".list");
  const times = [];
  let before = performance.now();
  for (let step = 0; step < steps; step++) {
    list.scrollTop += 300;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - before);
    before = now;
  }
  return times;
}"""
"""How long each frame takes while the list is scrolled, in milliseconds."""


TO_THE_END = """async () => {
  const list = document.querySelector(".list");
  for (let before = -1, same = 0; same < 10; ) {
    list.scrollTop = list.scrollHeight;
    await new Promise((done) => setTimeout(done, 300));
    const last = parseInt([...document.querySelectorAll(".row")].at(-1)?.style.top || "0", 10);
    same = last === before && last + 64 >= list.scrollHeight - 1 ? 10 : 0;
    before = last;
  }
}"""
"""Drag the list to its end and wait until the last row is there."""


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """First paint, first row, frames while scrolling, a decision by key, and the bytes of the page."""
    waiting = 5_000 if quick else 100_000
    root = os.path.join(scratch, "page")
    os.makedirs(root)
    with Ledger(os.path.join(root, "smartsort.db")) as ledger:
        fill(ledger, waiting + 1_000, waiting=waiting)
        count(ledger)
    with demo_server(os.path.join(root, "library"), "instant") as url:
        command = [sys.executable, "-m", "smartsort.cli.main", "serve"]
        environment = environment_of(installed(scratch), root, url)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            until_ready()
            with sync_playwright() as playwright:
                path = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                yield from _figures(browser, waiting)
                browser.close()
        finally:
            process.terminate()
            process.wait()


def _figures(browser: Browser, waiting: int) -> Iterator[Figure]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    weights: dict[str, int] = {}
    foreign: list[str] = []
    page.on("response", lambda a: weights.update({a.url: len(a.body())}) if "/page/" in a.url else None)
    page.on("request", lambda a: None if a.url.startswith((URL, "data:", "blob:")) else foreign.append(a.url))
    page.goto(URL)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector(".row")
    yield Figure("page", "bytes without pictures", sum(weights.values()) / 1000, "kB", None, 100)
    yield Figure("page", "files", len(weights), "files")
    yield Figure("page", "requests to other hosts", len(foreign), "requests", None, 0)
    paints, rows = zip(*(_opened(page) for _ in range(TIMES)), strict=True)
    yield Figure("page", f"first paint with {waiting:,} photos", median(paints), "ms", None, 300)
    yield Figure("page", "first row", median(rows), "ms")
    frames = sorted(page.evaluate(FRAMES, SCROLLS))
    yield Figure("page", "a frame while scrolling, 95 %", frames[int(0.95 * len(frames))], "ms", None, 50)
    page.evaluate(TO_THE_END)
    tools = context.new_cdp_session(page)
    tools.send("HeapProfiler.collectGarbage")
    yield Figure("page", f"memory with {waiting:,} rows read", _heap(page) / 1e6, "MB", None, 100)
    yield Figure("page", "rows drawn of them", page.locator(".row").count(), "rows", None, 60)
    context.close()


def _heap(page: Page) -> float:
    return float(page.evaluate("performance.memory.usedJSHeapSize"))


def _opened(page: Page) -> tuple[float, float]:
    """Milliseconds from the request to the first paint and to the first row of the queue."""
    page.goto("about:blank")
    page.goto(f"{URL}?again")
    page.wait_for_selector(".row")
    row = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    return float(paint), float(row)
