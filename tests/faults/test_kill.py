"""The kill test in the size of a CI run; the full one is `python -m tests.faults.kill`."""

from __future__ import annotations

import pytest
from tests.faults.kill import play, problems
from tests.memory import another_disk


@pytest.mark.parametrize(("disks", "kills"), [(1, 25), (2, 8)])
@pytest.mark.timeout(600)
def test_kills_lose_nothing(tmp_path, disks, kills):
    other_disk = another_disk(tmp_path) if disks == 2 else None
    assert (other_disk is None) == (disks == 1)
    control, outcome = play(80, kills, seed=11, other_disk=other_disk)
    assert not problems(control, outcome)
    assert outcome.kills == kills
