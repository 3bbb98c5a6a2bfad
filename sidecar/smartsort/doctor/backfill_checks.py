"""Photos that are in Immich already: whether their files are where `backfill.path_mapping` says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from smartsort.api.schemas.state import Check
from smartsort.bootstrap import layout_of
from smartsort.config import Settings
from smartsort.doctor.findings import broken, passed, told, warned
from smartsort.errors import ImmichError, StorageError
from smartsort.files.decoders import Decoders
from smartsort.files.layout import Layout
from smartsort.files.shown import shown
from smartsort.immich import ImmichServer
from smartsort.pipeline.recheck import contents
from smartsort.ports import Owned, Pictures

_LOOKED_AT = 5
_NAME = "photos in Immich"


async def photos_in_immich(server: ImmichServer, settings: Settings, user_id: str | None) -> Check:
    """Compare photos of each mapped folder with their files. One call, and five files a folder.

    A photo of an external library costs one more: its picture.
    """
    layout = layout_of(settings)
    try:
        page, _ = await server.owned(None, 1)
    except ImmichError as error:
        return broken(_NAME, *told(error))
    decoders = Decoders()
    try:
        return await _compare(server, decoders, layout, [one for one in page if one.owner_id == user_id])
    except (ImmichError, StorageError) as error:
        return broken(_NAME, *told(error))
    finally:
        decoders.close()


async def _compare(server: Pictures, decoders: Decoders, layout: Layout, page: Sequence[Owned]) -> Check:
    told_of = []
    for theirs, ours in layout.path_mapping:
        if not await asyncio.to_thread(os.path.isdir, ours):
            return broken(
                _NAME, f"{shown(ours)} is not there", "Mount it read-only, or correct backfill.path_mapping."
            )
        inside = [one for one in page if one.path.startswith(f"{theirs.rstrip('/')}/")]
        some = inside[:: max(1, len(inside) // _LOOKED_AT)][:_LOOKED_AT]
        for one in some:
            path = layout.original(one.path.lstrip("/"))
            problem = await contents.problem(server, decoders, one, path)
            if problem is not None:
                return broken(_NAME, problem, "Correct backfill.path_mapping, or the mount.")
        if not some:
            return warned(
                _NAME,
                f"Immich shows no photo below {theirs} among its oldest thousand",
                "Compare backfill.path_mapping with the path that Immich shows in a photo's details.",
            )
        told_of.append(f"{theirs} is {shown(ours)} ({len(some)} photos compared, {_how(layout, ours)})")
    writable = [ours for _, ours in layout.path_mapping if os.access(ours, os.W_OK)]
    if writable:
        # Hard links need one mount, which smartsort can write to. It never writes there.
        return passed(_NAME, f"{'; '.join(told_of)}. smartsort could write there, and never does")
    return passed(_NAME, "; ".join(told_of))


def _how(layout: Layout, ours: str) -> str:
    if os.stat(ours).st_dev != os.stat(layout.faces).st_dev:
        return "another file system, so links are symbolic"
    if os.path.ismount(ours) and not os.access(ours, os.W_OK):
        return "a mount of its own, so no hard links"
    return "the same file system"
