"""The probe against libvips and FFmpeg, called as Immich calls them, on damaged files."""

from __future__ import annotations

import pytest
from tests.faults.damages import PICTURES, VIDEOS, by_immich, compare, originals

from smartsort.files.probe import probe


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kinds", [tuple(PICTURES), VIDEOS], ids=["pictures", "videos"])
def test_damages_are_judged_as_immich_judges_them(tmp_path, seed, kinds):
    result = compare(100, seed, str(tmp_path), kinds)
    assert result.disagreements == []
    assert result.refused > 20, "the damages are serious enough"
    assert result.damages - result.refused > 10, "and harmless enough"


def test_what_is_whole_is_so_to_both(tmp_path):
    for name, data in originals(7).items():
        path = tmp_path / name
        path.write_bytes(data)
        assert by_immich(str(path), name) is None
        assert probe(str(path)).problem is None
