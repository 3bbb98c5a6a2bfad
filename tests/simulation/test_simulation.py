"""A few histories of the simulation; `python -m tests.simulation --histories 2000` plays many."""

import pytest
from tests.simulation.history import play


@pytest.mark.parametrize("seed", range(1, 16))
def test_a_history_ends_without_findings(seed):
    assert play(seed).findings == ()


def test_a_replayed_history_is_the_same_to_the_letter():
    first, again = play(7), play(7)
    assert first.lines == again.lines
    assert first.digest == again.digest
    assert play(8).digest != first.digest
