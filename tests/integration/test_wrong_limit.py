"""The limit of wrong filings: what it leads to, how spot checks adjust that, and how it is undone."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world
from tests.measured import Eye, measured_world

from smartsort.actions import NotUndoable, PersonSelector
from smartsort.core import wrong_limit
from smartsort.core.model import State
from smartsort.core.wording_events import event_sentence
from smartsort.core.wrong_limit import Observed
from smartsort.doctor.ledger_checks import read_ledger
from smartsort.ledger import embeddings, events, key_value, spot_checks

KNOWN = tuple(f"anna_{angle}.jpg" for angle in range(6))


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(wrong_limit, "ENOUGH", 4)
    made = measured_world(os.fspath(tmp_path / "root"), Eye(), spot_check_rate=1)
    yield made
    close_world(made)


async def filed(world, first, *names):
    """Their ids. The first one is filed by itself: it has no confidence, for no face is known by then."""
    ids = [await world.deliver(first)]
    await world.settle()
    ids += [await world.deliver(name) for name in names]
    await world.settle()
    assert all(world.photo(i).state is State.FILED for i in ids)
    return ids


async def answered(world, right=(), wrong=()):
    await spot_checks.catch_up(world.ledger, 1)
    if right:
        await world.actions.confirm(list(right), "maria")
    for photo_id in wrong:
        await world.actions.refile([photo_id], [PersonSelector(name="Bella")], "maria")
    for _ in range(4):
        await world.stage("statistics")


def seen(world):
    return world.ledger.read(spot_checks.observed)


def limits(world):
    return world.sidecar.runtime_settings


def doctor(world, name):
    return {check.name: check for check in read_ledger(world.sidecar.settings).judging}[name]


def adjustments(world):
    found = world.ledger.read(lambda db: events.before(db, None, 50, kind="settings_changed"))
    return [event for event in found if "adjusted" in event.data]


async def test_answers_count_with_the_confidence_that_was_judged_then(world):
    first, *others = await filed(world, *KNOWN)
    await answered(world, right=[first, *others[:3]], wrong=others[3:4])
    found = seen(world)
    # The first photo of a person is filed without a confidence: no threshold has decided about it.
    assert (found.checked, found.wrong) == (4, 1)
    assert all(at > 90 for at, _, _ in found.answers)


async def test_wrong_answers_raise_the_confidence_visibly_and_an_undo_lowers_it_again(world):
    ids = await filed(world, *KNOWN, *(f"anna_{angle}.jpg" for angle in range(6, 10)))
    before = limits(world).policy().thresholds.min_confidence
    await answered(world, right=ids[1:2], wrong=ids[2:6])
    [event] = adjustments(world)
    after = limits(world).policy().thresholds.min_confidence
    assert after == pytest.approx(before + wrong_limit.MOST_UP)
    assert event.actor == "smartsort"
    assert event_sentence(event.kind, event.data) == (
        "The least confidence was adjusted: 4 of 5 checked were wrong, limit 2 per 1,000, "
        f"so {before:.2f} became {after:.2f}"
    )
    undone = await world.actions.undo(event.id, "maria")
    assert limits(world).policy().thresholds.min_confidence == before
    # The same answers do not do it again. New ones may.
    await answered(world)
    assert len(adjustments(world)) == 1
    await world.actions.undo(undone.event, "maria")
    assert limits(world).policy().thresholds.min_confidence == after
    await answered(world, wrong=ids[6:9])
    assert len(adjustments(world)) == 1, "three are not enough"
    await answered(world, wrong=ids[9:])
    assert len(adjustments(world)) == 2
    with pytest.raises(NotUndoable, match="changed since event"):
        await world.actions.undo(event.id, "maria")


async def test_few_answers_and_a_confidence_set_by_hand_change_nothing(world):
    ids = await filed(world, *KNOWN)
    await answered(world, wrong=ids[1:4])
    assert adjustments(world) == []
    limits(world).set_policy({"min_confidence": 0.55}, "maria")
    await answered(world, wrong=ids[4:])
    assert adjustments(world) == []
    assert limits(world).policy().thresholds.min_confidence == 0.55
    assert limits(world).limit().by_hand


async def test_the_last_of_limit_and_confidence_counts_also_after_a_restart(world):
    settings, ledger = world.sidecar.settings, world.ledger
    first = limits(world)
    first.set_policy({"min_confidence": 0.7}, "maria")
    assert first.limit().by_hand
    first.set_policy({"max_wrong_per_1000": 1.0}, "maria")
    for found in (first, type(first)(settings, ledger)):
        assert not found.limit().by_hand
        least = wrong_limit.threshold(1, Observed().curve)
        assert found.policy().thresholds.min_confidence == least
        assert found.in_force().thresholds.min_confidence == least
    assert "thresholds.max_wrong_per_1000" in first.changed
    would_be = first.policy_with({"max_wrong_per_1000": 5.0}).thresholds.min_confidence
    assert would_be < least


async def test_a_change_of_the_limit_is_undone_and_only_an_administrator_may(world):
    limits(world).set_policy({"max_wrong_per_1000": 5.0}, "maria")
    [event] = world.ledger.read(lambda db: events.before(db, None, 1, kind="settings_changed"))
    with pytest.raises(Exception, match="admin"):
        await world.actions.undo(event.id, "otto", admin=False)
    assert (await world.actions.undo(event.id, "maria", dry_run=True)).results == ()
    await world.actions.undo(event.id, "maria")
    assert limits(world).policy().thresholds.min_confidence == 0.6
    assert limits(world).changed == ()


async def test_what_smartsort_adjusted_since_does_not_keep_an_applied_what_if_from_being_undone(world):
    snapshot = limits(world).snapshot()
    limits(world).adjust(0.63, "answers")
    assert limits(world).matches(snapshot)
    assert not limits(world).matches(snapshot, exactly=True)


async def test_a_confidence_of_the_configuration_goes_before_the_limit(tmp_path):
    world = World(
        os.fspath(tmp_path / "root"),
        settings={"thresholds.min_confidence": 0.66, "thresholds.max_wrong_per_1000": 50.0},
    )
    assert world.sidecar.runtime_settings.policy().thresholds.min_confidence == 0.66
    assert world.sidecar.runtime_settings.limit().by_hand
    close_world(world)


async def test_another_model_begins_again_and_the_doctor_tells_how_far_it_is(world):
    ids = await filed(world, *KNOWN)
    await answered(world, right=ids)
    assert seen(world).checked == 5
    await world.sidecar.measure.galleries.use("another_model")
    assert seen(world).checked == 0
    check = doctor(world, "face model")
    assert check.verdict == "warning"
    assert "another_model" in check.detail
    assert "Galleries measured again: 0 of 3" in check.detail
    world.ledger.write(lambda db: db.conn.execute("UPDATE galleries SET stale = 0"))
    assert doctor(world, "face model").verdict == "ok"


async def test_the_doctor_says_what_the_limit_leads_to_with_what_was_changed(world):
    await filed(world, *KNOWN)
    limits(world).set_policy({"max_wrong_per_1000": 1.0}, "maria")
    await answered(world)
    check = doctor(world, "wrong filings")
    assert check.verdict == "ok"
    assert "for at most 1 wrong per 1,000" in check.detail
    assert "faces in your galleries" in check.detail
    household = world.ledger.read(lambda db: key_value.get(db, key_value.HOUSEHOLD))
    assert household["faces"] == 5
    assert household["alike"] == 0


async def test_a_model_without_measured_faces_before_is_no_change(world):
    world.ledger.write(lambda db: embeddings.forget_models(db, "buffalo_l", "2026-01-01"))
    assert doctor(world, "face model").detail == "no change was noticed"
