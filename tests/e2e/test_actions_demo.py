"""Actions against the demo Immich over HTTP, and the commands against a running sidecar."""

from __future__ import annotations

import asyncio
import os
import threading

import httpx
import pytest
from click.testing import CliRunner
from tests.demo_server import serve_in_thread

from smartsort.actions import PersonSelector
from smartsort.bootstrap import open_sidecar
from smartsort.cli.main import cli
from smartsort.config import load_settings
from smartsort.core.model import AT_REST, State
from smartsort.demo.run import IMMICH_LIBRARY
from smartsort.demo.samples import make_samples
from smartsort.demo.settings import DEFAULT_KEY, DemoSettings
from smartsort.ledger import outbox, photos, review
from smartsort.service import listen, run


def settings_of(root, url, **more):
    values = {
        "root": root,
        "immich.url": url,
        "immich.api_key": DEFAULT_KEY,
        "immich.library_path": IMMICH_LIBRARY,
        "inbox.settle_seconds": 0.1,
        "api.port": 0,
        "api.token": "token-for-tests",
        "log.level": "error",
    }
    return load_settings(None, env={}, overrides=values | more)


def demo(root, **options):
    library = os.path.join(root, "library")
    os.makedirs(library, exist_ok=True)
    return serve_in_thread(
        DemoSettings(
            profile="instant", mounts={IMMICH_LIBRARY: library}, people=("John Doe", "Sarah Smith"), **options
        ),
        port=0,
    )


async def until(condition, what):
    """Wait for something that is bound to happen; the test's own time limit ends it if it does not."""
    while not await condition():  # noqa: ASYNC110 - nothing tells when Immich is done
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("version", ["3.1.0", "2.5.6"])
async def test_rejected_and_had_back_it_is_the_same_asset_with_its_faces(tmp_path, version):
    root = os.fspath(tmp_path / "root")
    with demo(root, version=version) as server:
        sidecar = await asyncio.to_thread(open_sidecar, settings_of(root, server.url))
        task = asyncio.create_task(sidecar.run())
        ledger, actions = sidecar.context.ledger, sidecar.actions
        try:
            samples = await asyncio.to_thread(
                make_samples, os.path.join(root, "inbox"), 12, 0, reuse_drawings=True
            )

            async def at_rest():
                counts = await ledger.aread(photos.count_by_state)
                return sum(counts.get(state, 0) for state in AT_REST) >= len(samples)

            async def told():
                return not await ledger.aread(lambda db: outbox.due(db, "9", 10))

            await until(at_rest, "every photo is at rest")
            rows = [r for r in (await ledger.aread(review.page)).rows if r.asset_id and r.faces_detected == 1]
            photo_id, asset_id = rows[0].photo_id, rows[0].asset_id
            faces = await sidecar.context.server.faces(asset_id)

            [approved] = await actions.approve([photo_id], [PersonSelector("Grandma", create=True)], "eva")
            assert approved.ok
            await until(told, "Immich has heard it")
            [face] = await sidecar.context.server.faces(asset_id)
            assert (face.id, face.person.name) == (faces[0].id, "Grandma")

            [rejected] = await actions.reject([photo_id], "eva", expect=(State.FILED,))

            async def offline():
                return (await sidecar.context.server.asset(asset_id)).offline

            await until(offline, "the asset is offline")
            [back] = await actions.undo(rejected.event, "eva")
            assert back.ok

            async def online():
                found = await sidecar.context.server.asset(asset_id)
                return not found.offline and not found.trashed

            await until(online, "the same asset is back")
            await until(told, "Immich has heard it")
            [face] = await sidecar.context.server.faces(asset_id)
            assert face.person.name == "Grandma"

            await actions.undo(approved.event, "eva")
            await until(told, "Immich has heard it")
            [face] = await sidecar.context.server.faces(asset_id)
            assert face.person is None or not face.person.name or face.person == faces[0].person
            photo = await ledger.aread(lambda db: photos.get(db, photo_id))
            assert photo.state is State.REVIEW
        finally:
            sidecar.stop()
            await task
            await sidecar.close()


class Served:
    """A sidecar with its HTTP API in a thread of its own."""

    def __init__(self, root, url):
        self.sidecar = open_sidecar(settings_of(root, url))
        self.listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        asyncio.set_event_loop(self.loop)

        async def work():
            try:
                await run(self.sidecar, self.listening)
            finally:
                await self.sidecar.close()

        self.loop.run_until_complete(work())
        self.loop.close()

    def __enter__(self):
        self.thread.start()
        # The application is there before the test goes on: while FastAPI builds it, it changes the warning
        # filters of the whole process for moments.
        httpx.get(f"{self.url}/healthz", timeout=60)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.sidecar.stop)
        self.thread.join()

    def wait_for(self, number):
        pause = threading.Event()
        ledger = self.sidecar.context.ledger
        while True:
            counts = ledger.read(photos.count_by_state)
            if sum(counts.get(state, 0) for state in AT_REST) >= number:
                return
            pause.wait(0.05)


def test_the_commands_review_undo_and_count(tmp_path):
    root = os.fspath(tmp_path / "root")
    with demo(root) as server, Served(root, server.url) as served:
        samples = make_samples(os.path.join(root, "inbox"), 12, 0, reuse_drawings=True)
        served.wait_for(len(samples))
        runner = CliRunner()
        where = ["--url", served.url, "--token", "token-for-tests"]

        def smartsort(*arguments, status=0):
            result = runner.invoke(cli, [*arguments, *where], env={"COLUMNS": "200"})
            assert result.exit_code == status, (result.output, result.exception)
            return result.output

        listed = smartsort("review", "list")
        rows = served.sidecar.context.ledger.read(review.page).rows
        assert f"{len(rows)} of {len(rows)} shown" in listed
        assert smartsort("review", "list", "--json").startswith("[")
        item = str(rows[0].photo_id)
        assert rows[0].filename in smartsort("review", "show", item)
        assert '"history"' in smartsort("review", "show", item, "--json")

        assert "would_reject" in (told := smartsort("review", "reject", "--all", "--dry-run"))
        assert "would be done" in told
        assert "Add --yes" in smartsort("review", "reject", "--all", status=2)
        strangers = smartsort("review", "approve", "--category", "unidentified", "--dry-run")
        assert "would be done: 0" in strangers
        assert "would_approve" not in strangers
        assert "approved" in smartsort("review", "approve", item, "--person", "Grandma", "--new")
        assert "undone" in smartsort("undo", "last")
        assert "skipped" in smartsort("review", "skip", item)
        bulk = smartsort("review", "reject", item, str(rows[1].photo_id))
        assert "Undo: `smartsort undo --event" in bulk
        listed = smartsort("undo", "--list")
        assert "token" in listed or "admin" in listed
        assert "yes" in listed
        assert "2 done, 0 failed" in smartsort("undo", "last")
        assert "0 failed" in smartsort("undo", "--since", "1h", "--yes")
        assert "would_undo" in smartsort("undo", "--since", "1h", "--automatic", "--dry-run")
        assert "success rate" in smartsort("stats", "--days", "7")
        assert '"auto_sorted"' in smartsort("stats", "--json")

        smartsort("review", "approve", status=2)  # nothing chosen
        smartsort("undo", status=2)
        result = runner.invoke(cli, ["review", "list", "--url", served.url, "--token", "wrong"])
        assert result.exit_code != 0
        assert "token" in str(result.exception)


def test_a_sidecar_that_does_not_answer_is_said(tmp_path):
    result = CliRunner().invoke(cli, ["stats", "--url", "http://127.0.0.1:9", "--token", "t"])
    assert "smartsort serve" in str(result.exception)
