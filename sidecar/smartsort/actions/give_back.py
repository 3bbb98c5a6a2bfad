"""An adopted photo goes back: its bytes have to lie in the user's folder before smartsort lets go of them."""

from __future__ import annotations

import os

from smartsort.actions.plan import Plan, digest_in
from smartsort.errors import SmartsortError
from smartsort.files.hashing import sha256_of
from smartsort.files.placement import PlaceRequest
from smartsort.files.problems import FileChanged, FileVanished
from smartsort.files.shown import shown
from smartsort.files.stamps import stamp, stamp_or_none
from smartsort.ledger.records import Name
from smartsort.pipeline.engine.context import Context


def giving_back(context: Context, plan: Plan) -> SmartsortError | None:
    """Return why the photo has to stay, None when all its bytes are where they came from. Blocking.

    What was moved from there is put there again, never over another file.
    """
    try:
        for name in plan.before.names:
            _check(context, plan, name)
    except SmartsortError as problem:
        return problem
    return None


def _check(context: Context, plan: Plan, name: Name) -> None:
    own, origin = context.absolute(name), plan.origins.get(name.member)
    if origin is None:
        raise FileChanged(f"{shown(own)} joined the photo after it was adopted. Undo that first", own)
    digest = digest_in(plan, name)
    if plan.moved and stamp_or_none(origin) is None:
        folder, file = os.path.split(origin)
        [placed] = context.placer.place([PlaceRequest(own, folder, [file], sha256=digest, adopt=True)])
        if isinstance(placed, SmartsortError):
            raise placed
    there = stamp_or_none(origin)
    if there is None:
        why = f"{shown(origin)} is gone, so smartsort keeps its own. Put it there again, or reject the photo"
        raise FileVanished(why, origin)
    if there.same_file(stamp(own)):
        return
    if sha256_of(origin) != (digest or sha256_of(own)):
        raise FileChanged(f"{shown(origin)} has other bytes by now, so smartsort keeps its own", origin)
