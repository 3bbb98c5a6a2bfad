"""A few histories of the simulation; `python -m tests.simulation --histories 2000` plays many."""

import pytest
from tests.simulation.history import play


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_history_ends_without_findings(seed, tmp_path):
    assert play(seed, str(tmp_path / "history")).findings == ()


def test_a_replayed_history_is_the_same_to_the_letter(tmp_path):
    folder = str(tmp_path / "history")
    first, again = play(7, folder), play(7, folder)
    assert first.lines == again.lines
    assert first.digest == again.digest
    assert play(8, folder).digest != first.digest
