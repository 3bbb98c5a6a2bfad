"""Small inputs made for this project that were grouped wrongly, each with its expected result."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.e2e.test_demo_command import demo, run_folder

_BESIDE = Path(os.environ.get("SMARTSORT_TEST_SHARED") or Path(__file__).resolve().parents[3] / "shared")
INPUTS = _BESIDE / "inputs"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not INPUTS.is_dir(), reason=f"no inputs at {INPUTS}"),
]


def sorted_by_demo(folder: Path, name: str) -> dict[str, str]:
    """Where each file of an input is after the demo, by its name without its prefix."""
    given = folder / "given"
    given.mkdir()
    for path in (INPUTS / name).iterdir():
        if path.name != "README":
            (given / path.name).write_bytes(path.read_bytes())
    ran = demo(folder, "--once", "--photos", given, "--profile", "instant")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    run = run_folder(folder)
    found = {}
    for area in ("inbox", "faces", "review", "trash"):
        for path in (run / area).rglob("*"):
            if path.is_file() and not path.name.startswith(".smartsort"):
                own = next(given_name for given_name in os.listdir(given) if path.name.endswith(given_name))
                found[own] = str(path.parent.relative_to(run))
    return found


def test_a_broken_half_goes_to_review_alone(tmp_path: Path) -> None:
    assert sorted_by_demo(tmp_path, "live-photo-broken-half") == {
        "IMG_0101.JPG": "faces/ann_bird",
        "IMG_0101.MOV": "review/unidentified",
        "IMG_0102.JPG": "faces/ann_bird",
        "IMG_0102.MOV": "review/unidentified",
    }


def test_side_files_travel_with_their_photo(tmp_path: Path) -> None:
    assert sorted_by_demo(tmp_path, "non-photos-beside-photos") == {
        "IMG_1.jpg": "faces/ann_bird",
        "IMG_1.AAE": "faces/ann_bird",
        "IMG_1.jpg.supplemental-metadata.json": "faces/ann_bird",
        "IMG_2.jpg": "faces/ann_bird",
        "IMG_2.jpg.supplemental-metadata.json": "faces/ann_bird",
    }


def test_names_of_icloudpd_are_one_shot(tmp_path: Path) -> None:
    found = sorted_by_demo(tmp_path, "same-stem-icloudpd")
    assert found == {"IMG_0902.JPG": "faces/ann_bird", "IMG_0902_HEVC.MOV": "faces/ann_bird"}


def test_a_picture_and_a_film_of_one_name_are_two(tmp_path: Path) -> None:
    found = sorted_by_demo(tmp_path, "same-stem-not-one-shot")
    assert found["IMG_1234.MP4"] == "review/unidentified"
    assert found["IMG_1234.JPG"] != found["IMG_1234.MP4"]
