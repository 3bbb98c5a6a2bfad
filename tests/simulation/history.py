"""One history: everybody does what the seed says, then all comes to rest, and the oracle looks."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from dataclasses import dataclass

from tests.simulation import oracle
from tests.simulation.actors import Delivery, Fate, ImmichUser, Reviewer, Supplier
from tests.simulation.clockwork import Stuck, clockwork
from tests.simulation.gallery import Shot
from tests.simulation.world import Trace, World, listening

from smartsort.core.model import State

PATIENCE_SECONDS = 3600.0
"""Within this everything comes to rest once nothing goes wrong any more."""

AT_REST_SECONDS = 130.0
"""And stays at rest: longer than the longest pause between two looks of any stage."""


@dataclass(frozen=True)
class Outcome:
    """What a history came to. `digest` is the same for the same seed."""

    seed: int
    digest: str
    findings: tuple[str, ...]
    seconds: float
    deliveries: int
    lives: int
    lines: tuple[str, ...]


def play(seed: int, folder: str, *, verbose: bool = False) -> Outcome:
    """Play the history of a seed in `folder`, which goes at the end.

    A replay takes place in the same folder: the order of sets of paths is part of a history.
    """
    shutil.rmtree(folder, ignore_errors=True)  # what a history left that was broken off
    os.makedirs(folder)
    try:
        with clockwork(seed) as loop:
            trace = Trace(lambda: loop.now, verbose=verbose)
            return loop.run_until_complete(_history(folder, seed, loop, trace))
    finally:
        shutil.rmtree(folder)


async def _history(root, seed, loop, trace) -> Outcome:
    world = World(root, seed, loop, trace)
    loop.set_exception_handler(lambda _, context: _unhandled(world, context))
    rng = random.Random(f"actors:{seed}")

    def part() -> random.Random:
        return random.Random(rng.getrandbits(64))

    supplier, app = Supplier(world, part()), ImmichUser(world, part())
    fate = Fate(world, part(), lambda: _lose(supplier.delivered))
    actors = [supplier, Reviewer(world, part(), "anna"), Reviewer(world, part(), "bert"), app, fate]
    with listening(world):
        async with world.demo.running():
            watch = asyncio.ensure_future(fate.watch())
            try:
                if not await world.start():
                    world.died.set()
                await asyncio.gather(*(actor.run() for actor in actors))
                await _rest(world, supplier, app)
            except Stuck as problem:
                world.finding(str(problem))
            finally:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
                if world.sidecar is not None:
                    await world.kill()
    world.storage.forget(lambda: False)  # nothing more: it lets go of what it would have taken away
    for line in _tree(world.root):
        trace("end", line)
    return Outcome(
        seed,
        trace.digest,
        tuple(world.findings),
        loop.now,
        len(supplier.delivered),
        world.lives,
        tuple(trace.lines),
    )


def _unhandled(world: World, context: dict[str, object]) -> None:
    problem = context.get("exception")
    if world.process is not None and world.process.alive and not isinstance(problem, asyncio.CancelledError):
        world.finding(f"nobody heard of {context.get('message')}: {problem!r}")


def _lose(delivered: list[Delivery]) -> None:
    """What the power took along before anybody had waited for it need not come: its copy was cut short."""
    for delivery in list(delivered):
        for path in (delivery.path, f"{delivery.path}.part"):
            if delivery.at_least and delivery.path and os.path.exists(path) and not os.path.getsize(path):
                delivery.at_least = 0
                delivered.append(Delivery(Shot(b"", (), whole=False), at_least=0))


async def _rest(world: World, supplier: Supplier, app: ImmichUser) -> None:
    """Let all come to rest, look, and look once more after a start in good order."""
    world.trace("history", "calm")
    world.storage.left, world.storage.errors_in, world.storage.ends_at = None, 0, ""
    if world.sidecar is not None and not world.sidecar.runtime_settings.enabled:
        world.sidecar.set_enabled(True)
    await _until_quiet(world)
    await asyncio.sleep(AT_REST_SECONDS)
    await _until_quiet(world)
    oracle.check(world, supplier.delivered, app)
    await _taken_back(world)
    oracle.check(world, supplier.delivered, app)
    await world.stop()
    oracle.audited(world)
    if not await world.start():
        world.finding("smartsort does not start again")
        return
    await asyncio.sleep(5)
    await _until_quiet(world)


async def _taken_back(world: World) -> None:
    """What is decided and taken back leaves everything as it was."""
    client = world.client("anna")
    waiting = (await client.ask("GET", "/review/queue?limit=50")).body["items"]
    for item in world.rng.sample(waiting, min(len(waiting), 2)):
        number, before = item["id"], oracle.held(world, item["id"])
        verb = world.rng.choice(("reject", "approve"))
        sent = {"person": {"name": "Nora", "create": True}} if verb == "approve" else None
        if not (await client.ask("POST", f"/review/{number}/{verb}", sent)).ok:
            continue
        await asyncio.sleep(world.rng.choice((0.0, 20.0)))
        undone = await client.ask("POST", "/undo", {"photo": number})
        if oracle.held(world, number)[0] is State.PURGED:
            continue
        await _until_quiet(world)
        after = oracle.held(world, number)
        if not undone.ok or after != before:
            world.finding(f"photo {number}: {verb} and undo ({undone.status}) made {after} of {before}")


async def _until_quiet(world: World) -> None:
    until = world.loop.now + PATIENCE_SECONDS
    while (why := oracle.under_way(world)) is not None:
        await asyncio.sleep(1)
        if world.loop.now > until:
            raise Stuck(f"never at rest: {why}")


def _tree(root: str) -> list[str]:
    return [
        f"{os.path.relpath(path, root)} {oracle._digest(path)[:8]}"
        for area in (*oracle.AREAS, "inbox")
        for path in oracle.files_below(os.path.join(root, area))
    ]
