"""`smartsort demo --library`: a demo Immich full of photos, and what a backfill does to it and back."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from smartsort.cli import backfill
from smartsort.cli.output import counting

if TYPE_CHECKING:
    from smartsort.bootstrap import Sidecar
    from smartsort.demo.immich import DemoImmich
    from smartsort.demo.library import Upload

COUNT = 300
_BY = "demo"
"""Who does it, in the history."""


async def run(base: str, count: int, seed: int, profile: Any, version: str) -> int:
    """Upload, plan, apply and undo. Return 0 when everything came out right."""
    from datetime import datetime

    from smartsort.bootstrap import open_sidecar
    from smartsort.config import load_settings
    from smartsort.demo.immich import DemoImmich
    from smartsort.demo.library import PEOPLE, UPLOADS, draw_uploads
    from smartsort.demo.run import IMMICH_LIBRARY, fresh_folder, sidecar_settings
    from smartsort.demo.server import serve
    from smartsort.demo.settings import DemoKey, DemoSettings
    from smartsort.doctor.permissions import NEEDS

    root = fresh_folder(base, datetime.now().astimezone())
    uploads = os.path.join(root, "immich")
    for folder in (uploads, os.path.join(root, "library")):
        os.makedirs(folder)
    demo = DemoImmich(
        DemoSettings(
            version=version,
            profile=profile,
            mounts={IMMICH_LIBRARY: os.path.join(root, "library"), UPLOADS: uploads},
            keys=(DemoKey(permissions=tuple(need.permission for need in NEEDS)),),
            people=PEOPLE,
        )
    )
    async with serve(demo) as immich:
        with counting(f"of {count:,} photos uploaded") as tell:
            made: list[Upload] = []
            for upload in draw_uploads(count, seed):
                await _upload(immich.url, demo.key, upload)
                made.append(upload)
                tell(len(made))
            await demo.wait_idle(600)
        values = sidecar_settings(root, immich.url, demo.key, 0, own_photos=True)
        values |= {"backfill.path_mapping": {UPLOADS: uploads}, "backfill.requests_per_minute": 60_000}
        sidecar = await asyncio.to_thread(open_sidecar, load_settings(None, env={}, overrides=values))
        task = asyncio.create_task(sidecar.run())
        try:
            return await _show(sidecar, demo, made, root)
        finally:
            sidecar.stop()
            with suppress(asyncio.CancelledError):
                await task
            await sidecar.close()


async def _upload(url: str, key: str, upload: Upload) -> None:
    import httpx

    headers = {"x-api-key": key}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        sent = {"assetData": (upload.name, upload.content, "image/jpeg")}
        (await client.post("/api/assets", files=sent)).raise_for_status()


async def _show(sidecar: Sidecar, demo: DemoImmich, made: list[Upload], root: str) -> int:
    from smartsort.demo.library import files_below, held

    folders = [os.path.join(root, name) for name in ("immich", "library", "faces", "review", "trash")]
    while not sidecar.connected:  # noqa: ASYNC110 - what connecting asks is no part of what is counted
        await asyncio.sleep(0.02)
    asked = demo.requests.total()
    start = await asyncio.to_thread(files_below, *folders), held(demo)
    await sidecar.actions.backfill_plan()
    plan = await _finished(sidecar)
    backfill.show(plan)
    problems = [] if (await asyncio.to_thread(files_below, *folders), held(demo)) == start else ["it changed"]
    await sidecar.actions.backfill_apply(_BY, preview=plan["preview"])
    done = await _finished(sidecar)
    problems += await asyncio.to_thread(_wrong, root, made)
    click.echo(
        f"{done['linked']:,} photos linked, {done['asked']:,} questions asked, "
        f"{(demo.requests.total() - asked) / len(made):.2f} calls to Immich per photo."
    )
    if held(demo) != start[1]:
        problems.append("the demo Immich has changed")
    batch = await sidecar.actions.undo_last(_BY, actor=_BY)
    problems += [one.problem or "an undo failed" for one in batch if not one.ok]
    end = await asyncio.to_thread(files_below, *folders), held(demo)
    click.echo(f"{batch.done:,} photos undone.")
    for what, before, after in zip(("The files", "The demo Immich"), start, end, strict=True):
        if before != after:
            problems.append(f"{what} differ from the start")
        else:
            click.echo(f"{what}: equal to the start.")
    for problem in problems:
        click.secho(f"wrong: {problem}", fg="red")
    click.echo(f"the folders: {root}")
    return 1 if problems else 0


async def _finished(sidecar: Sidecar) -> dict[str, Any]:
    from smartsort.api.backfill import read_plan

    while True:
        plan = await sidecar.context.ledger.aread(read_plan)
        if not plan.working:
            return plan.model_dump()
        await asyncio.sleep(0.1)


def _wrong(root: str, made: list[Upload]) -> list[str]:
    """Return which links are not as the photos were drawn."""
    from smartsort.core.naming import folder_name

    wanted = Counter((folder_name(one.person), one.name) for one in made if one.person)
    faces = os.path.join(root, "faces")
    found = Counter(
        (os.path.basename(folder), name)
        for folder, _, names in os.walk(faces)
        for name in names
        if folder != faces
    )
    return [f"faces/{folder}/{name}" for folder, name in sorted((wanted - found) + (found - wanted))]
