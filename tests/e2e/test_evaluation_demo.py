"""Confidence, rechecks and near-duplicates against the demo Immich and its machine learning service."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from tests.demo_server import serve_in_thread

from smartsort.bootstrap import open_sidecar
from smartsort.config import load_settings
from smartsort.core.model import AT_REST, Category, State
from smartsort.core.suggestion import likeliest, surely
from smartsort.demo.embeddings import TWINS
from smartsort.demo.run import IMMICH_LIBRARY
from smartsort.demo.samples import BLACKLIST, PEOPLE, WHITELIST, make_samples
from smartsort.demo.settings import DEFAULT_KEY, DemoSettings
from smartsort.ledger import photos, review


@asynccontextmanager
async def running(root, *, demo=None, still=(), **more):
    """A sidecar at work beside a demo Immich: (sidecar, demo server). `still`: stages that begin nothing."""
    library = os.path.join(root, "library")
    os.makedirs(library, exist_ok=True)
    options = {"profile": "instant", "people": PEOPLE, "machine_learning": True} | (demo or {})
    with serve_in_thread(DemoSettings(mounts={IMMICH_LIBRARY: library}, **options), port=0) as server:
        values = {
            "root": root,
            "immich.url": server.url,
            "immich.ml_url": server.url.replace("127.0.0.1", "localhost"),  # a name of its own
            "immich.ml_timeout_seconds": 60.0,
            "immich.api_key": DEFAULT_KEY,
            "immich.library_path": IMMICH_LIBRARY,
            "immich.recheck_interval_seconds": 0.2,
            "inbox.settle_seconds": 0.1,
            "api.token": "token-for-tests",
            "whitelist": list(WHITELIST),
            "blacklist": list(BLACKLIST),
        }
        settings = load_settings(None, env={}, overrides=values | more)
        sidecar = await asyncio.to_thread(open_sidecar, settings)
        stages = sidecar.runner._stages
        stages[:] = [replace(one, after_seconds=86_400) if one.name in still else one for one in stages]
        task = asyncio.create_task(sidecar.run())
        try:
            yield sidecar, server
        finally:
            sidecar.stop()
            await task
            await sidecar.close()


async def until(condition, what):
    """Wait for something that is bound to happen; the test's own time limit ends it if it does not."""
    while not await condition():  # noqa: ASYNC110 - nothing rings for it
        await asyncio.sleep(0.05)


async def all_at_rest(sidecar, count):
    async def condition():
        counts = await sidecar.context.ledger.aread(photos.count_by_state)
        return sum(counts.get(state, 0) for state in AT_REST) >= count

    await until(condition, "every photo is at rest")


def decisions(db):
    """(photo, state, reasons, evidence) of every photo's newest decision."""
    rows = db.conn.execute("SELECT id FROM photos ORDER BY id").fetchall()
    found = [(photos.get(db, i), photos.last_decision(db, i)) for (i,) in rows]
    return [(p, last[3], last[4]) for p, last in found if last is not None]


async def test_filed_photos_say_how_sure_and_one_call_a_photo_is_enough(tmp_path):
    root = os.fspath(tmp_path / "root")
    samples = await asyncio.to_thread(make_samples, os.path.join(root, "inbox"), 40, 0, size=(480, 360))
    # What is measured while nothing else is to be done is not counted here.
    async with running(root, still=("galleries",)) as (sidecar, _):
        await all_at_rest(sidecar, len(samples))
        made = await sidecar.context.ledger.aread(decisions)
        filed = [(p, reasons, evidence) for p, reasons, evidence in made if p.state is State.FILED]
        known = [r[0].numbers["confidence"] for _, r, _ in filed if "confidence" in r[0].numbers]
        assert len(known) == len(filed) > 0
        assert 0.6 < min(known) < sum(known) / len(known) < 0.98
        # A few photos of each person from before, and none is measured twice.
        shown = [p for p, _, evidence in made if any(f.person for f in evidence.faces)]
        assert 0 < sidecar.measure.calls <= len(shown) + 3 * len(PEOPLE) + 2 * len(TWINS)
        assert [p for p, *_ in made if p.state is State.REVIEW]


async def test_doubtful_samples_suggest_the_right_person_measured_and_strangers_nobody(tmp_path):
    root = os.fspath(tmp_path / "root")
    samples = await asyncio.to_thread(make_samples, os.path.join(root, "inbox"), 60, 0, size=(320, 240))
    by_name = {os.path.basename(s.path): s for s in samples}
    async with running(root) as (sidecar, _):
        await all_at_rest(sidecar, len(samples))
        made = await sidecar.context.ledger.aread(decisions)
        assert {p.category for p, *_ in made if p.state is State.REVIEW} == set(Category)
        doubtful = [(p, r, e) for p, r, e in made if p.category == Category.LOW_CONFIDENCE]
        assert Counter(by_name[p.original_name].kind for p, *_ in doubtful) == {"far": 2, "twin": 3}
        for photo, reasons, evidence in doubtful:
            sample = by_name[photo.original_name]
            assert (reasons[0].code, likeliest(evidence).person.name) == (sample.reason, sample.person)
            [measured] = evidence.confidence.values()
            assert measured.similarity > 0.45
            assert sample.kind == "far" or 0 < measured.margin < 0.05
        # Whom "approve" would take without a name: exactly these.
        policy = sidecar.context.policy()
        waiting = [(p, e) for p, _, e in made if p.state is State.REVIEW and len(e.faces) == 1]
        approved = {p.id for p, e in waiting if surely(e, policy)}
        far = {p.id for p, *_ in doubtful if by_name[p.original_name].kind == "far"}
        assert approved == far, "twins are torn between two"
        strangers = [(p, e) for p, _, e in made if by_name[p.original_name].kind in ("stranger", "newcomer")]
        assert len(strangers) >= 7
        for photo, evidence in strangers:
            [face] = evidence.faces
            found = await sidecar.measure.suggestions(photo.asset_id, face, evidence.faces)
            assert all(s.similarity < 0.3 for s in found), found


@pytest.mark.parametrize("choice", ["accept", "review"])
async def test_a_service_that_is_not_there_leaves_the_confidence_unknown(tmp_path, choice):
    root = os.fspath(tmp_path / "root")
    samples = await asyncio.to_thread(make_samples, os.path.join(root, "inbox"), 12, 0, size=(320, 240))
    async with running(root, demo={"machine_learning": False}, when_confidence_unknown=choice) as (
        sidecar,
        _,
    ):
        await all_at_rest(sidecar, len(samples))
        made = await sidecar.context.ledger.aread(decisions)
        matched = [(p, r) for p, r, e in made if any(not c.known for c in e.confidence.values())]
        assert matched
        for photo, reasons in matched:
            assert photo.state is (State.FILED if choice == "accept" else State.REVIEW)
            assert choice == "accept" or reasons[0].code == "confidence_unknown"
        rows = (await sidecar.context.ledger.aread(review.page)).rows
        assert choice == "accept" or any("confidence_unknown" in row.reason for row in rows)


@pytest.mark.parametrize("version", ["3.1.0", "2.5.6"])
async def test_all_photos_of_somebody_named_late_are_filed_at_few_calls(tmp_path, version):
    """100% within one cycle: ten calls, and one for each photo that changed."""
    root = os.fspath(tmp_path / "root")
    samples = await asyncio.to_thread(
        make_samples, os.path.join(root, "inbox"), 60, 0, size=(320, 240), reuse_drawings=True
    )
    late = "John Doe"
    demo = {"people": tuple(p for p in PEOPLE if p != late), "version": version, "machine_learning": False}
    # The test makes each run of that stage itself: one of its own would be counted, too.
    async with running(root, demo=demo, still=("recheck",), **{"immich.ml_url": None}) as (sidecar, server):
        await all_at_rest(sidecar, len(samples))
        theirs = [s for s in samples if s.category == "faces" and s.person == late]
        assert len(theirs) >= 3

        async def filed():
            made = await sidecar.context.ledger.aread(decisions)
            return [p for p, *_ in made if p.state is State.FILED and p.person_name == late]

        assert not await filed()
        [stage] = [s for s in sidecar.runner._stages if s.name == "recheck"]
        while await stage.step() == 1.0:  # noqa: ASYNC110 - what it does first of all after a start
            await asyncio.sleep(0.05)
        async with httpx.AsyncClient(
            base_url=f"{server.url}/api", headers={"x-api-key": DEFAULT_KEY}, timeout=60
        ) as immich:
            names = {os.path.basename(s.path) for s in theirs}
            made = await sidecar.context.ledger.aread(decisions)
            asset = next(p.asset_id for p, *_ in made if p.original_name in names and p.asset_id)
            [face] = (await immich.get("/faces", params={"id": asset})).json()
            renamed = await immich.put(f"/people/{face['person']['id']}", json={"name": late})
            renamed.raise_for_status()
        before = dict(sidecar.context.server.calls)
        runs = 1
        while await stage.step() == 1.0:
            runs += 1
            await asyncio.sleep(0.05)
        after = sidecar.context.server.calls
        made = {k: n - before.get(k, 0) for k, n in after.items() if n > before.get(k, 0)}
        assert {p.original_name for p in await filed()} >= {os.path.basename(s.path) for s in theirs}
        shown = await sidecar.context.ledger.aread(decisions)
        changed = [p for p, _, e in shown if any(f.person and f.person.name == late for f in e.faces)]
        # One call for each photo they are on, alone or with others; no other photo is read again.
        assert made.pop("list_faces") == len(changed) >= len(theirs)
        assert sum(made.values()) <= 10 * runs, (runs, made)
        rows = (await sidecar.context.ledger.aread(lambda db: review.page(db, limit=100))).rows
        unnamed = [likeliest(row.evidence) for row in rows if row.reason.startswith("unnamed")]
        assert late not in {someone.person.name for someone in unnamed if someone}


async def test_near_copies_among_the_samples_are_found_and_nothing_else_is(tmp_path):
    root = os.fspath(tmp_path / "root")
    samples = await asyncio.to_thread(make_samples, os.path.join(root, "inbox"), 60, 0, size=(480, 360))
    demo = {"duplicates": True, "machine_learning": False}
    more = {"deduplication.near_duplicates": True, "immich.ml_url": None}
    async with running(root, demo=demo, **more) as (sidecar, _):
        await all_at_rest(sidecar, len(samples))
        made = await sidecar.context.ledger.aread(decisions)
    found = {p.origin_path for p, reasons, _ in made if reasons[0].code == "near_duplicate"}
    pairs = {
        frozenset(os.path.join(root, "inbox", path) for path in (s.path, s.copy_of))
        for s in samples
        if s.kind == "near_copy"
    }
    # Of two that come together the one taken first is the original.
    assert pairs
    assert all(len(pair & found) == 1 for pair in pairs)
    assert len(found) == len(pairs)
