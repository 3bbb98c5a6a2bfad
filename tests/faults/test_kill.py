"""The kill test in the size of a CI run; the full one is `python -m tests.faults.kill`."""

from __future__ import annotations

import pytest
from tests.faults.kill import play, problems


@pytest.mark.parametrize(("other_disk", "kills"), [(None, 25), ("/dev/shm", 8)])
@pytest.mark.timeout(180)
def test_kills_lose_nothing(other_disk, kills):
    control, outcome = play(80, kills, seed=11, other_disk=other_disk)
    assert not problems(control, outcome)
    assert outcome.kills == kills
