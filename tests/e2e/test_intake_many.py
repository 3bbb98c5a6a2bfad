"""Many URLs at a time through a sidecar in its own process, which is killed in the middle.

SMARTSORT_TEST_URLS=1000 runs it at full size.
"""

# ruff: noqa: ASYNC240 - a look at a small local file does not hold the loop up

import asyncio
import io
import os
import random
import signal
import sys
from collections import Counter

import httpx
import pytest
from PIL import Image
from tests.demo_server import serve_in_thread
from tests.misbehaving_site import BASE, TOKEN, answer, site, until

from smartsort.demo.run import IMMICH_LIBRARY, demo_settings
from smartsort.demo.settings import DEFAULT_KEY

URLS = int(os.environ.get("SMARTSORT_TEST_URLS", "120"))
AT_A_TIME = 50
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PROGRAM = "import sys; from smartsort.cli.main import main; sys.argv[0] = 'smartsort'; main()"


def photo(number: int) -> bytes:
    """A small picture of its own."""
    image = Image.new("RGB", (48, 48), (number % 256, number // 256 % 256, 99))
    image.putpixel((number % 48, 7), (255, 255, 255))
    written = io.BytesIO()
    image.save(written, "JPEG", quality=90, comment=str(number).encode())
    return written.getvalue()


class Sidecar:
    """`smartsort serve` as a process."""

    def __init__(self, root, immich):
        self.environment = {
            "PATH": os.environ["PATH"],
            "SMARTSORT_ROOT": str(root),
            "SMARTSORT_IMMICH__URL": immich,
            "SMARTSORT_IMMICH__API_KEY": DEFAULT_KEY,
            "SMARTSORT_IMMICH__LIBRARY_PATH": IMMICH_LIBRARY,
            "SMARTSORT_API__TOKEN": TOKEN,
            "SMARTSORT_API__PORT": "0",
            "SMARTSORT_API__ALLOW_PRIVATE_URLS": "127.0.0.1",
            "SMARTSORT_API__DOWNLOAD__CONCURRENCY": str(AT_A_TIME),
            "SMARTSORT_API__DOWNLOAD__CONCURRENCY_PER_HOST": str(AT_A_TIME),
        }
        self.process = self.url = None

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, "serve", env=self.environment, stderr=asyncio.subprocess.PIPE
        )
        self.said = []
        async for line in self.process.stderr:
            self.said.append(line.decode())
            if "listens on " in self.said[-1]:
                self.url = self.said[-1].split("listens on ")[1].split(",")[0].split()[0]
                break
        assert self.url, "".join(self.said)
        self.reading = asyncio.create_task(self.process.stderr.read())
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await self.process.wait()
        await self.reading

    async def kill(self):
        self.process.kill()
        await self.process.wait()

    def memory(self, key):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key))


async def results(client, ids, seconds=600):
    """The results of all items, once all have one."""
    async with asyncio.timeout(seconds):
        found = {}
        while len(found) < len(ids):
            for submission_id in ids:
                if submission_id not in found:
                    item = (
                        await client.get(f"{BASE}/submissions/{submission_id}", params={"wait": 20})
                    ).json()
                    if item["result"] is not None:
                        found[submission_id] = item
    return [found[submission_id] for submission_id in ids]


@pytest.mark.timeout(900)
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
async def test_many_urls_are_all_accounted_for_even_over_a_kill(tmp_path):
    root = tmp_path / "root"
    (root / "library").mkdir(parents=True)
    # Every fourth is a copy of an earlier one, under a name of its own.
    contents = [number if number % 4 else number // 2 for number in range(URLS)]
    originals = len(set(contents))
    order = list(range(URLS))
    random.Random(7).shuffle(order)

    with serve_in_thread(demo_settings(str(root), "instant", "3.1.0", people_from_regions=False)) as immich:
        async with site() as web:
            bodies = {f"/{n}.jpg": photo(contents[n]) for n in range(URLS)}

            together = asyncio.Event()

            async def serve(request, writer):
                # Nobody is served before as many ask at a time as may.
                if web.busy == AT_A_TIME:
                    together.set()
                await together.wait()
                path = request.path.partition("?")[0]
                await answer(writer, 200, bodies[path], {"content-type": "image/jpeg", "etag": f'"{path}"'})

            web.handlers = dict.fromkeys(bodies, serve)
            wanted = [{"url": f"{web.url}/{n}.jpg", "source": "many"} for n in order]
            async with Sidecar(root, immich.url) as sidecar:
                async with httpx.AsyncClient(base_url=sidecar.url, headers=HEADERS, timeout=60) as client:
                    accepted = await client.post(BASE, json=wanted)
                    assert accepted.status_code == 202, accepted.text
                    ids = [item["id"] for item in accepted.json()]
                    await until(lambda: len(web.requests) >= URLS // 2)
                    await sidecar.kill()
                at_kill = len(web.requests)
            async with Sidecar(root, immich.url) as sidecar:
                before = sidecar.memory("VmRSS")
                async with httpx.AsyncClient(base_url=sidecar.url, headers=HEADERS, timeout=60) as client:
                    items = await results(client, ids)
                growth = sidecar.memory("VmHWM") - before
            busiest = web.busiest
    assert busiest == AT_A_TIME
    assert [item["result"]["status"] for item in items] == ["success"] * URLS
    reasons = Counter(item["result"]["reason"] for item in items)
    assert reasons["duplicate"] == URLS - originals
    assert len({item["photo_id"] for item in items}) == URLS
    destinations = {item["result"]["destination"] for item in items}
    assert len(destinations) == URLS
    assert all(os.path.isfile(path) for path in destinations)
    assert growth < 80, f"memory grew by {growth:.0f} MiB"
    print(
        f"{URLS} URLs, {originals} originals: {dict(reasons)}; killed after {at_kill} requests, "
        f"{len(web.requests)} in all, {busiest} at a time; memory grew by {growth:.1f} MiB"
    )
