"""The switches for what goes wrong."""

import pytest
from tests.faulty_demo import FaultRule, Faults


def test_a_rule_strikes_where_it_matches_and_as_often_as_it_may():
    faults = Faults()
    faults.add("/api/queues/*/jobs", "status", method="GET", status=503, times=2)
    assert faults.pick("GET", "/api/people") is None
    assert faults.pick("PUT", "/api/queues/ocr/jobs") is None
    struck = [faults.pick("GET", "/api/queues/ocr/jobs") for _ in range(3)]
    assert [rule is not None for rule in struck] == [True, True, False]


def test_chance_is_the_same_for_the_same_seed():
    def run(seed):
        faults = Faults(seed)
        faults.add("*", probability=0.3)
        faults.listing_error_rate = 0.5
        return [(faults.pick("GET", "/x") is not None, faults.listing_fails()) for _ in range(50)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 5 < sum(struck for struck, _ in run(1)) < 30


def test_faults_come_and_go():
    faults = Faults(seed=3, down=True, listing_error_rate=1.0)
    faults.add("/api/*", "html")
    faults.clear()
    assert (faults.down, faults.listing_error_rate, faults.rules, faults.seed) == (False, 0.0, [], 3)


def test_an_unknown_fault_is_told():
    with pytest.raises(ValueError, match="fault"):
        FaultRule("*", kind="gremlins")
