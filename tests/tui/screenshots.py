"""`python -m tests.tui.screenshots DIR`: every screen as SVG, from made-up data with the clock stopped.

The same pictures are what the snapshot tests compare, so what the documentation shows stays true.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tests.tui.pilot import KeyPilot
from tests.tui.sample.sidecar import NOON, SampleSidecar, near_miss_offers
from tests.tui.sample.transport import SampleTransport
from tests.tui.svg import finished

from smartsort_tui.app import SmartsortApp
from smartsort_tui.settings import Settings
from smartsort_tui.terminal import Images, Terminal

SETTLE_SECONDS = 90.0
QUIET_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to take: the keys that lead there and the size of the terminal."""

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (80, 24)
    images: Images = "none"
    theme: str = "smartsort-dark"
    count: int = 40
    url: str = "http://sample"
    token_wanted: str | None = None
    offers: bool = False


SHOTS = (
    Shot("review", keys=("n",) * 6, size=(120, 34), images="halfblocks"),
    Shot("review-duplicate", keys=("n",) * 4, size=(150, 34), images="halfblocks"),
    Shot("review-80x24"),
    Shot("review-light", size=(100, 30), theme="smartsort-light"),
    Shot("review-wide", keys=("n",) * 6, size=(200, 50)),
    Shot("review-narrow", size=(60, 20)),
    Shot("review-long-names", keys=("f", "f", "f", "f", "n", "n"), size=(100, 30)),
    Shot("review-empty", count=0),
    Shot("review-token-refused", token_wanted="another"),
    Shot("close-up", keys=(*("n",) * 6, "Z"), images="halfblocks"),
    Shot("picker", keys=("n", "P", "a"), size=(120, 34), images="halfblocks"),
    Shot("bulk-preview", keys=("M", "a"), size=(100, 30)),
    Shot("bulk-skip", keys=("m", "m", "m", "s")),
    Shot("undo-preview", keys=("m", "m", "m", "r", "enter", "u"), size=(100, 30), theme="smartsort-light"),
    Shot("help", keys=("question_mark",), size=(100, 34)),
    Shot("why", keys=("n", "w"), size=(100, 30)),
    Shot("spot-checks", keys=("c",), size=(110, 30), images="halfblocks"),
    Shot("spot-checks-80x24", keys=("c",)),
    Shot("near-misses", keys=("l", "n", "n", "x"), size=(110, 30), images="halfblocks"),
    Shot("review-best-next", size=(80, 24), offers=True),
    Shot("near-misses-80x24", keys=("l",), images="halfblocks"),
    Shot("statistics", keys=("f2",), size=(120, 40)),
    Shot("activity", keys=("f3",), size=(110, 30)),
    Shot("history", keys=("f3", "h"), size=(110, 30)),
    Shot("people", keys=("f4",), size=(100, 30)),
    Shot("people-two-in-one", keys=("f4", "j", "j", "j"), size=(110, 34), images="halfblocks"),
    Shot("configuration", keys=("f5",), size=(110, 32)),
    Shot("too-small", size=(20, 5)),
)
# What the documentation shows; the others are for the tests only.
SHOWN = (
    "review",
    "review-duplicate",
    "picker",
    "review-best-next",
    "close-up",
    "bulk-preview",
    "spot-checks",
    "near-misses",
    "statistics",
    "activity",
    "people",
    "configuration",
)


async def take(shot: Shot) -> str:
    """The picture as SVG text."""
    sidecar = SampleSidecar(shot.count, token=shot.token_wanted, busy=True)
    sidecar.offers = near_miss_offers(sidecar) if shot.offers else []
    app = SmartsortApp(
        Settings(url=shot.url, theme=shot.theme),
        Terminal(shot.images),
        clock=lambda: NOON,
        transport=SampleTransport(sidecar),
    )
    app.animation_level = "none"
    async with app.run_test(size=shot.size):
        await settled(app)
        for key in shot.keys:
            await KeyPilot(app).press(key)
            await settled(app)
        for field in app.screen.query("Input"):
            field.cursor_blink = False  # type: ignore[attr-defined]
        await settled(app)
        return finished(app.export_screenshot(title="smartsort"))


def _is_under_way(app: SmartsortApp) -> bool:
    """Whether a key, a message, work, a drawing or a pause of a screen will still change what is shown."""
    screen = app.screen
    # A question that a dialog asks waits for the person.
    asks = {"dialog", "question"} if len(app.screen_stack) > 1 else set()
    loop = cast("asyncio.BaseEventLoop", asyncio.get_running_loop())
    pauses = (timer for timer in loop._scheduled if not timer.cancelled())  # type: ignore[attr-defined]
    return (
        (app.link.state in ("connecting", "connected") and app.status is None)
        or app.keyboard.is_at_work
        or app.keyboard._has_messages()
        or any(not worker.is_finished and worker.group not in {"live", *asks} for worker in app.workers)
        or bool(screen._callbacks or screen._dirty_widgets or screen._layout_required)
        or any(getattr(timer._callback, "__module__", "").startswith("smartsort_tui") for timer in pauses)
    )


async def settled(app: SmartsortApp) -> None:
    """Until nothing is under way that changes the screen."""
    end = time.monotonic() + SETTLE_SECONDS
    quiet = 0
    while quiet < QUIET_ROUNDS:
        await KeyPilot(app).pause(0.005)
        quiet = 0 if _is_under_way(app) else quiet + 1
        assert time.monotonic() < end, "the screen never comes to rest"


async def save(folder: Path, names: Sequence[str]) -> None:
    """Write the named pictures into a folder."""
    for shot in SHOTS:
        if shot.name in names:
            (folder / f"{shot.name}.svg").write_text(await take(shot), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """0 when all were written. `--all` writes those of the tests too."""
    folders = [argument for argument in arguments if not argument.startswith("-")]
    if len(folders) != 1 or set(arguments) - {*folders, "--all"}:
        sys.stderr.write("usage: python -m tests.tui.screenshots [--all] DIR\n")
        return 2
    names = [shot.name for shot in SHOTS] if "--all" in arguments else SHOWN
    folder = Path(folders[0])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(save(folder, names))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
