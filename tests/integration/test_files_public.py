"""Small files that went wrong once: each with what it is, as they lie beside the checkout."""

from __future__ import annotations

import os

import pytest
from tests.faults.damages import by_immich
from tests.recordings import ROOT

from smartsort.files.media import Kind
from smartsort.files.probe import probe

SHARED = ROOT.parent
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (SHARED / "inputs").is_dir(), reason=f"no inputs at {SHARED}"),
]

READABLE = (
    *("avif-of-older-encoders", "emoji-names", "gif-without-trailer", "jpeg-junk-between-segments"),
    *(
        "jpeg-short-app-segment",
        "large-picture-little-memory",
        "names-with-colon",
        "png-damaged-ancillary-chunk",
    ),
    *("png-large-metadata", "same-stem-icloudpd", "same-stem-not-one-shot", "tiff-bigtiff-big-endian"),
    "tiff-over-pillows-limit",
)


def files(folder):
    base = SHARED / folder
    return [str(path) for path in sorted(base.iterdir()) if path.name != "README" and path.suffix != ".py"]


@pytest.mark.parametrize("folder", READABLE)
def test_what_immich_shows_is_readable(folder):
    found = {os.path.basename(path): probe(path) for path in files(f"inputs/{folder}")}
    assert found
    assert {name: seen.problem for name, seen in found.items()} == dict.fromkeys(found)
    assert all(seen.width and seen.height for seen in found.values())


def test_damaged_picture_data_is_a_damaged_picture():
    for path in files("inputs/png-damaged-picture-accepted"):
        assert probe(path).problem == "PNG is damaged (vipspng: libpng read error)"


def test_sound_is_no_video():
    for path in files("inputs/audio-only"):
        found = probe(path)
        assert (found.kind, found.problem) == (Kind.OTHER, "not a picture or video (sound)")


def test_the_broken_half_of_a_live_photo_has_a_reason():
    found = {os.path.basename(path): probe(path).problem for path in files("inputs/live-photo-broken-half")}
    assert (found["IMG_0101.JPG"], found["IMG_0102.JPG"]) == (None, None)
    assert found["IMG_0101.MOV"].startswith("QuickTime ends in the middle")
    assert found["IMG_0102.MOV"] == "empty file"


def test_real_photos_are_judged_as_libvips_judges_them():
    for path in files("photos"):
        assert probe(path).problem is None
        assert by_immich(path, os.path.basename(path)) is None
