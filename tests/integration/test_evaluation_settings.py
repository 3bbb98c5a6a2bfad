"""Presets, thresholds of one person, and photos with several faces, from the inbox to the folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.fakes import close_world
from tests.measured import Eye, measured_world

from smartsort.config import load_settings
from smartsort.config.sorting import PRESETS
from smartsort.core.wrong_limit import Observed, threshold
from smartsort.ledger import review

DOCS = Path(__file__).resolve().parents[2] / "sidecar" / "docs" / "explanation" / "confidence.md"

KNOWN = tuple(f"anna_{angle}.jpg" for angle in (0, 1, 2, 3, 4, 5))
"""Photos of Anna that are nearly the same: what others reach is the cosine of their angle."""


@pytest.fixture
def make(tmp_path):
    made = []

    def world(**settings):
        found = measured_world(os.fspath(tmp_path / f"root{len(made)}"), Eye(), **settings)
        made.append(found)
        return found

    yield world
    for each in made:
        close_world(each)


async def placed(world, *names):
    """Where photos end up once Anna is known, by name."""
    for name in KNOWN:
        await world.deliver(name)
        await world.settle()
    ids = {name: await world.deliver(name) for name in names}
    await world.settle()
    return {name: os.path.dirname(world.places(photo_id)[0]) for name, photo_id in ids.items()}


FILED, ASKED = "faces/anna", "review/low_confidence"

# Confidence about 0.76, 0.62, 0.58 and 0.52.
ANGLES = ("anna_48.jpg", "anna_58.jpg", "anna_60.jpg", "anna_64.jpg")


@pytest.mark.parametrize(("preset", "filed"), [("cautious", 1), ("balanced", 2), ("eager", 3), (None, 2)])
async def test_a_preset_decides_how_sure_is_sure_enough(make, preset, filed):
    # `cautious` asks about the first photo of somebody, whom nobody can compare yet; that is another matter.
    more = {"preset": preset, "when_confidence_unknown": "accept"}
    found = await placed(make(**{k: v for k, v in more.items() if v}), *ANGLES)
    assert list(found.values()) == [FILED] * filed + [ASKED] * (4 - filed)


async def test_a_key_that_is_set_goes_before_the_preset(make):
    world = make(**{"preset": "eager", "thresholds.min_confidence": 0.9})
    assert set((await placed(world, *ANGLES)).values()) == {ASKED}


async def test_one_persons_own_threshold(make):
    world = make(**{"thresholds.per_person": {"anna": {"min_confidence": 0.7}}})
    assert list((await placed(world, *ANGLES)).values()) == [FILED, ASKED, ASKED, ASKED]


def test_the_default_is_the_balanced_preset_and_the_order_is_what_the_names_say(tmp_path):
    def limits(**values):
        settings = load_settings(None, env={}, overrides={"root": os.fspath(tmp_path), **values})
        return settings.thresholds.max_wrong_per_1000, settings.when_confidence_unknown

    assert limits() == limits(preset="balanced")
    cautious, balanced, eager = (limits(preset=name) for name in ("cautious", "balanced", "eager"))
    assert cautious[0] < balanced[0] < eager[0]
    assert cautious[1] == "review"


def test_the_page_tells_the_presets_as_they_are():
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| (\w+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {name: (float(most), float(least), unknown) for name, most, least, unknown in rows}
    assert told == {
        name: (
            values["thresholds.max_wrong_per_1000"],
            threshold(values["thresholds.max_wrong_per_1000"], Observed().curve),
            values["when_confidence_unknown"],
        )
        for name, values in PRESETS.items()
    }


@pytest.mark.parametrize(
    ("choice", "together", "with_a_stranger"),
    [
        ("review", ["review/multiple_faces"], ["review/multiple_faces"]),
        ("each_person", ["faces/anna", "faces/bella"], ["review/multiple_faces"]),
        ("main_face", ["faces/anna"], ["faces/anna"]),
    ],
)
async def test_several_faces(make, choice, together, with_a_stranger):
    world = make(multiple_faces=choice)
    await placed(world)
    ids = [await world.deliver(name) for name in ("anna+bella_1.jpg", "anna+stranger_1.jpg")]
    await world.settle()
    folders = [sorted(os.path.dirname(path) for path in world.places(i)) for i in ids]
    assert folders == [together, with_a_stranger]


@pytest.mark.parametrize("choice", ["review", "each_person"])
async def test_the_same_person_twice_is_a_reason_of_its_own(make, choice):
    world = make(**{"multiple_faces": choice, "thresholds.max_faces_per_image": 2})
    photo_id = await world.deliver("anna+anna_1.jpg")
    await world.settle()
    assert world.places(photo_id) == ["review/multiple_faces/multi_anna+anna_1.jpg"]
    [row] = world.ledger.read(review.page).rows
    assert row.reason == "same_person_twice: Anna"
