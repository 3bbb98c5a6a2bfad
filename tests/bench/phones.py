"""How long it takes from a question on a phone until its photo is filed on the disk, over ntfy and a bot."""

from __future__ import annotations

import glob
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from tests.bench.report import Figure, median
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar
from tests.phones import BOT, CHAT, StandIn, stand_in

from smartsort.notify.questions import OPEN_AT_ONCE

QUESTIONS = 30
SAMPLES = 180


def run(scratch: str, *, quick: bool) -> Iterator[Figure]:
    """Half of the questions are answered through ntfy, half through Telegram."""
    count = 4 if quick else QUESTIONS
    with stand_in() as phones:
        settings = {
            "notify.address": "https://photos.example.org",
            "notify.digest_seconds": 0,
            "notify.ntfy.url": f"{phones.url}/topic",
            "notify.telegram.token": BOT,
            "notify.telegram.chat": CHAT,
            "notify.telegram.server": phones.url,
            # More photos wait with a suggestion that a human can confirm.
            "thresholds.min_confidence": 0.97,
        }
        root = Path(scratch) / "phones"
        with live_sidecar(
            root, SAMPLES // 4 if quick else SAMPLES, settings=settings, machine_learning=True
        ) as live:
            live.run(live.sidecar.measure.measure_review())  # type: ignore[union-attr]
            seen: set[str] = set()
            client = live.client(token=None)
            # Those that came while the photos were sorted have waited already, so they are answered first.
            for asked in [_asked(phones, seen) for _ in range(OPEN_AT_ONCE)]:
                _by_ntfy(live, phones, asked, client)
            # Whoever holds the phone answers each at once, so several may be on their way.
            with ThreadPoolExecutor(OPEN_AT_ONCE) as hands:
                answers = [
                    hands.submit((_by_ntfy, _by_bot)[number % 2], live, phones, _asked(phones, seen), client)
                    for number in range(count)
                ]
                took = [one.result() for one in answers]
    ntfy, bot = took[::2], took[1::2]
    yield Figure("phones", f"ntfy: message to filed, median of {len(ntfy)}", median(ntfy), "s", None, 1)
    yield Figure("phones", f"ntfy: the slowest of {len(ntfy)}", max(ntfy), "s")
    yield Figure("phones", f"Telegram: message to filed, median of {len(bot)}", median(bot), "s", None, 1)
    yield Figure("phones", f"Telegram: the slowest of {len(bot)}", max(bot), "s")
    yield Figure("phones", f"both: median of {len(ntfy) + len(bot)}", median([*ntfy, *bot]), "s", None, 1)
    yield Figure("phones", "load of the machine", os.getloadavg()[0], "processes")


def _asked(phones: StandIn, seen: set[str]) -> dict[str, Any]:
    """The next question that ntfy got: its message, when it came, and its button for a yes."""

    def new() -> dict[str, Any] | None:
        for said in phones.published:
            labels = {action["label"]: action for action in said["actions"]}
            if "Yes" in labels and said["sequence-id"] not in seen:
                return {**said, "yes": json.loads(labels["Yes"]["body"])["token"]}
        return None

    found: dict[str, Any] = phones.wait_for(new, 300)
    seen.add(found["sequence-id"])
    return found


def _by_ntfy(live: LiveSidecar, _: StandIn, asked: dict[str, Any], client: httpx.Client) -> float:
    """Seconds from the message on the phone until the photo is filed. The button is used at once."""
    before = _filed(live, asked)
    answer = client.post(f"{BASE}/answers", json={"token": asked["yes"]})
    assert answer.json()["done"], answer.text
    return _until_filed(live, asked, before) - float(asked["at"])


def _by_bot(live: LiveSidecar, phones: StandIn, asked: dict[str, Any], _: httpx.Client) -> float:
    before = _filed(live, asked)

    def sent() -> dict[str, Any] | None:
        messages = phones.of("sendMessage")
        return next((one for one in messages if one["buttons"][0]["callback_data"] == asked["yes"]), None)

    message = phones.wait_for(sent)
    phones.press(asked["yes"], {"message_id": message["message_id"]})
    return _until_filed(live, asked, before) - float(message["at"])


def _filed(live: LiveSidecar, asked: dict[str, Any]) -> int:
    return len(list((live.root / "faces").rglob(glob.escape(asked["message"]))))


def _until_filed(live: LiveSidecar, asked: dict[str, Any], before: int) -> float:
    until = time.monotonic() + 60
    while _filed(live, asked) == before:
        assert time.monotonic() < until, f"{asked['message']} was never filed"
        time.sleep(0.005)
    return time.monotonic()
