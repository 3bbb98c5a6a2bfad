"""A process that has imported the sidecar once and forks one per order: hundreds of kills are quick.

Orders come as JSON lines on stdin. `{"settings": {...}, "ready": FILE, "step": NAME, "occurrence": N}` forks
a sidecar, which dies by SIGKILL at the N-th time it reaches that step, and answers its pid; `{"wait": PID}`
answers how that one ended (`null` while it runs). With `"command"` (`restore`, `rebuild`, `repair`) or
`"backfill"` that is run instead; `"nth"` makes it die at its N-th step.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import traceback
from collections import Counter

from tests.faults import backfill_worker

import smartsort.bootstrap
import smartsort.immich
from smartsort.actions import undo as reversal
from smartsort.audit import Audit
from smartsort.audit.repair import Repair
from smartsort.bootstrap import Sidecar, open_sidecar
from smartsort.config import load_settings
from smartsort.files.disk import Disk
from smartsort.files.placement import Placer
from smartsort.ledger import adopted, events, photos
from smartsort.ledger.database import Ledger
from smartsort.pipeline.arrival import adopt as stage
from smartsort.pipeline.arrival import examine
from smartsort.pipeline.arrival.sorted_folders import Wanted
from smartsort.rescue import offline
from smartsort.rescue.rebuild import rebuild, restore


def _mortal(order: dict, counts: Counter[str]):
    """What dies of a step of this name, or of the N-th of all."""

    def checkpoint(step: str) -> None:
        counts[step] += 1
        named = step == order.get("step") and counts[step] == order["occurrence"]
        if named or counts.total() == order.get("nth"):
            os.kill(os.getpid(), signal.SIGKILL)

    transact = Ledger._transact

    def watched(self, work):
        checkpoint("ledger commit")
        result = transact(self, work)
        checkpoint("ledger commit done")
        return result

    Ledger._transact = watched
    return checkpoint


def command(order: dict) -> None:
    """`restore`, `rebuild` or `audit --repair`, as it stands behind the command line."""
    checkpoint = _mortal(order, Counter())
    offline.Placer = lambda guard: Placer(Disk(checkpoint), guard)
    settings = load_settings(None, env={}, overrides=order["settings"])
    if order["command"] == "restore":
        restore(settings, order["file"], smartsort.bootstrap.connect(settings), lambda _: None)
    elif order["command"] == "rebuild":
        rebuild(settings, smartsort.bootstrap.connect(settings), lambda _: None)
    else:
        report = Audit(offline.layout_of(settings)).run()
        with offline.offline_context(settings) as context:
            Repair(context).run(report)


def backfill(order: dict) -> None:
    asyncio.run(backfill_worker.main(checkpoint=_mortal(order, Counter()), **order["backfill"]))


def sidecar(order: dict) -> None:
    counts: Counter[str] = Counter()
    steps = order.get("steps")
    checkpoint = _mortal(order, counts)
    settings = load_settings(None, env={}, overrides=order["settings"])

    async def run() -> None:
        one = await asyncio.to_thread(
            open_sidecar,
            settings,
            placer=lambda guard: Placer(Disk(checkpoint), guard),
            checkpoint=checkpoint,
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, one.stop)
        if order.get("ready"):
            os.close(os.open(order["ready"], os.O_WRONLY | os.O_CREAT))
        work = asyncio.create_task(adopt(one, **order["adopt"])) if "adopt" in order else None
        await one.run()
        if work is not None:
            await work
        await one.close()

    asyncio.run(run())
    if steps:
        with open(steps, "w") as file:
            json.dump(counts, file)


async def adopt(one: Sidecar, folder: str, done: str, *, move: bool, undo: bool) -> None:
    """Adopt a folder, or go on with it, and give it back if that is ordered. `done` is made at the end."""
    ledger = one.context.ledger
    if ledger.read(adopted.current) is None:
        await one.adoption.begin(await one.adoption.preview(Wanted(folder, faces=True, move=move)), "eva")
    while ledger.read(adopted.current)["state"] == "running" or ledger.read(photos.in_progress):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    event = ledger.read(adopted.current)["event"]
    if undo:
        found = ledger.read(lambda db: reversal.standing(db, reversal.members(db, events.get(db, event))))
        for each in found:
            await one.actions.undo(each.id, "eva")
    os.close(os.open(done, os.O_WRONLY | os.O_CREAT))


INSTEAD = {"command": command, "backfill": backfill}


def main() -> None:
    examine.DEADLY = sys.maxsize  # here no file is at fault when a process dies of reading it
    stage.PORTION = 3
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            pid, status = os.waitpid(order["wait"], os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
            continue
        child = os.fork()
        if child == 0:
            status = 1
            try:
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(2, 1)
                with contextlib.suppress(KeyboardInterrupt):
                    work = next((do for name, do in INSTEAD.items() if name in order), sidecar)
                    work(order)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(json.dumps(child), flush=True)


assert smartsort.immich
if __name__ == "__main__":
    main()
