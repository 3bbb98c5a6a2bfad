"""Photos without a face: turned ones, blurred ones and landscapes, with the demo's machine learning."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar

from smartsort.confidence import Measure
from smartsort.demo.edge import draw_edge
from smartsort.demo.regions import Region
from smartsort.demo.samples import PEOPLE
from smartsort.demo.scenes import draw_people

WAYS = {90: "to the left", 180: "upside down", 270: "to the right"}
"""How a picture that was turned so far clockwise has to be turned to show its face."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    settings = {"immich.recheck_interval_seconds": 1}
    with live_sidecar(
        tmp_path_factory.mktemp("hints") / "root", settings=settings, machine_learning=True
    ) as running:
        yield running


def portrait(number: int) -> Image.Image:
    """A demo portrait whose pixels tell its face to whoever sees them upright, and no one else."""
    name, size = PEOPLE[number % len(PEOPLE)], (960, 720)
    drawing = draw_people([name], size, random.Random(number))
    picture = Image.open(io.BytesIO(drawing.content)).convert("RGB")
    draw_edge(picture, [Region(name, *drawing.boxes[0])])
    return picture


def landscape(number: int) -> Image.Image:
    return Image.open(io.BytesIO(draw_people([], (960, 720), random.Random(number)).content)).convert("RGB")


def sort(live: LiveSidecar, pictures: dict[str, Image.Image]) -> dict[str, Any]:
    """The items of these photos in review, by name, once they were looked at again."""
    folder = live.root / "inbox" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(Path(folder / name), "JPEG", quality=90)
    client, measure = live.client(), live.sidecar.measure
    assert measure is not None

    def found() -> dict[str, Any]:
        page = client.get(f"{BASE}/review/queue", params={"limit": 200}).json()
        return {one["filename"]: one for one in page["items"] if one["filename"] in pictures}

    live.wait_for(lambda: len(found()) == len(pictures), "the photos in review")
    live.run(look_again(measure, len(pictures)))
    live.wait_for(lambda: all(hinted(live, one["id"]) for one in found().values()), "the decisions")
    return found()


async def look_again(measure: Measure, most: int) -> None:
    """All that an idle hour does."""
    for _ in range(2 * most):
        await measure.step()


def hinted(live: LiveSidecar, photo_id: int) -> bool:
    text = (
        "SELECT json_extract(evidence, '$.hint') FROM decisions WHERE photo_id = ? ORDER BY id DESC LIMIT 1"
    )
    row = live.sidecar.context.ledger.read(lambda db: db.conn.execute(text, (photo_id,)).fetchone())
    return row is not None and row[0] is not None


def test_twelve_of_twelve_turned_photos_say_so(live: LiveSidecar) -> None:
    ways = [(number, angle) for number in range(4) for angle in WAYS]
    pictures = {f"turned-{n}-{angle}.jpg": portrait(n).rotate(-angle, expand=True) for n, angle in ways}
    items = sort(live, pictures)
    texts = {name: one["text"] for name, one in items.items()}
    expected = {
        f"turned-{n}-{angle}.jpg": "Immich finished looking and found no face. Possibly rotated: turned"
        f" {WAYS[angle]}, it shows a face."
        for n, angle in ways
    }
    assert texts == expected
    assert {one["category"] for one in items.values()} == {"unidentified"}
    assert {one["faces_detected"] for one in items.values()} == {0}
    assert {one["reason"] for one in items.values()} == {"no_faces_detected: possibly rotated"}


def test_blurred_photos_say_so_and_landscapes_say_nothing(live: LiveSidecar) -> None:
    blurred = {
        f"blurred-{n}.jpg": landscape(n).filter(ImageFilter.GaussianBlur(14)) for n in (48, 49, 50, 53)
    }
    plain = {f"landscape-{n}.jpg": landscape(n) for n in range(60, 66)}
    plain["nothing.jpg"] = landscape(58).filter(ImageFilter.GaussianBlur(14))
    items = sort(live, blurred | plain)
    texts = {name: one["text"] for name, one in items.items()}
    none = "Immich finished looking and found no face."
    assert texts == dict.fromkeys(blurred, f"{none} Possibly too blurred.") | dict.fromkeys(plain, none)


def test_what_was_looked_at_is_not_looked_at_again(live: LiveSidecar) -> None:
    measure = live.sidecar.measure
    assert measure is not None
    before = measure.calls
    live.run(look_again(measure, 3))
    assert measure.calls == before
