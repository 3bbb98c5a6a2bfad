"""Other settings for the past, and an undo of all since a time: answers and events, whole."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.answers import delivered, event_of
from tests.fakes import World, close_world

from smartsort.actions import PersonSelector
from smartsort.actions import undo as undoing
from smartsort.actions.reevaluate import Wanted
from smartsort.actions.values import SETTINGS, ActionResult
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.core.person_ref import PersonRef
from smartsort.ledger import events
from smartsort.ledger.records import Event, NewEvent

EVER = ""


@pytest.fixture
def world(tmp_path):
    made = World(os.fspath(tmp_path / "root"), settings={"whitelist": ["Anna", "Bella"]})
    yield made
    close_world(made)


def without_anna(world):
    lists = {"blacklist": (PersonRef("Anna"),)}
    return Wanted(world.sidecar.runtime_settings.policy_with({}, lists), {}, lists)


async def test_other_settings_answer_as_foreseen_and_one_event_holds_both_settings(world):
    photo, bella = await delivered(world, "anna_1.jpg", "bella_1.jpg")
    wanted, runtime = without_anna(world), world.sidecar.runtime_settings
    effect = await world.actions.past.effect(wanted.policy, EVER)
    name = "review/unwanted_person/unwanted_anna_1.jpg"
    expected = ActionResult(photo, "reevaluated", names=(name,), path=f"{world.root}/{name}")
    foreseen = await world.actions.foresee(effect.moves, "eva")
    assert [replace(one, version="") for one in foreseen] == [replace(expected, action="would_re-evaluate")]
    before = runtime.snapshot()
    done = await world.actions.reevaluate(wanted, EVER, "eva", foreseen.versions)
    assert [replace(one, event=None) for one in done] == [expected]
    group, settings = event_of(world, done.event), {"before": before, "after": runtime.snapshot()}
    assert (group.kind, group.actor, group.undoes) == ("bulk_action", "eva", None)
    assert group.data == {"what": "reevaluated", "photos": 1, "settings": settings}
    assert settings["before"] != settings["after"]
    data = event_of(world, done.results[0].event).data
    assert {key: data[key] for key in ("from", "outcome", "category", "people", "way", "group")} == {
        "from": "filed",
        "outcome": "reviewed",
        "category": "unwanted_person",
        "people": [],
        "way": "faces -> unwanted_person",
        "group": done.event,
    }
    assert world.photo(bella).state is State.FILED

    undone = await world.actions.undo(done.event, "eva")
    assert (undone.done, undone.undoes) == (1, done.event)
    back = event_of(world, undone.event)
    assert (back.undoes, back.actor) == (done.event, "eva")
    turned = {"before": settings["after"], "after": settings["before"]}
    assert back.data == {"what": "undone", "photos": 1, "settings": turned}
    assert runtime.snapshot() == before


async def test_only_a_photo_that_would_be_filed_is_measured_for_other_settings(world):
    await delivered(world, "anna_1.jpg")
    asked = []

    class Measurer:
        async def complete(self, asset_id, evidence, *_):
            asked.append(asset_id)
            return evidence

    world.actions.past._measure = Measurer()
    done = await world.actions.reevaluate(without_anna(world), EVER, "eva")
    assert (done.done, asked) == (1, [])


async def test_an_undo_of_all_since_then_takes_settings_back_only_where_they_were_shown(world):
    await delivered(world, "anna_1.jpg")
    began = world.context.clock.now()
    done = await world.actions.reevaluate(without_anna(world), EVER, "eva")
    runtime = world.sidecar.runtime_settings
    after = runtime.snapshot()
    shown = await world.actions.undo_since(began, "eva", dry_run=True)
    assert (shown.settings, shown.versions[SETTINGS], shown.done) == ((done.event,), str(done.event), 1)
    assert [one.action for one in shown] == ["would_undo"]
    unseen = {i: version for i, version in shown.versions.items() if i != SETTINGS}
    batch = await world.actions.undo_since(began, "eva", agreed=unseen)
    assert (batch.settings, batch.done, runtime.snapshot()) == ((), 1, after)
    again = await world.actions.undo_since(began, "eva", dry_run=True)
    batch = await world.actions.undo_since(began, "eva", agreed=again.versions)
    assert (batch.settings, runtime.snapshot() != after) == ((done.event,), True)


async def test_of_an_undo_since_then_what_is_not_as_it_was_shown_stays(world):
    one, other, third = await delivered(world, *(f"stranger_{n}.jpg" for n in range(3)))
    began = world.context.clock.now()
    await world.actions.skip([one, other], "eva")
    shown = await world.actions.undo_since(began, "eva", dry_run=True)
    assert [each.photo_id for each in shown] == [other, one]
    await world.actions.skip([other], "eva")
    await world.actions.skip([third], "eva")
    batch = await world.actions.undo_since(began, "eva", agreed=shown.versions)
    told = {each.photo_id: each for each in batch}
    assert told[one].action == "undone"
    for photo in (other, third):
        why = f"photo {photo} is not as it was when you saw it"
        assert told[photo] == ActionResult(photo, "changed", problem=why, code="conflict")


# --- which events are meant --------------------------------------------------------------------


def group(number, before=None, after=None):
    data = {} if before is None else {"settings": {"before": before, "after": after}}
    return Event(number, "2024", "eva", "bulk_action", None, data, None, "")


def test_settings_are_led_back_through_changes_that_follow_each_other():
    find = undoing.settings_before
    assert (find([]), find([group(1)])) == (None, None)
    assert find([group(3, "b", "c"), group(2), group(1, "a", "b")]) == {"before": "a", "after": "c"}
    assert find([group(3, "x", "c"), group(1, "a", "b")]) == {"before": "x", "after": "c"}
    assert find([group(3, "b", "a"), group(1, "a", "b")]) is None


async def test_the_last_action_is_that_of_whoever_is_asked_for(world):
    filed, waiting = await delivered(world, "anna_1.jpg", "stranger_1.jpg")

    def last(actor, in_force=lambda _: False):
        found = world.ledger.read(lambda db: undoing.last_of(db, actor, in_force))
        return found and (found.kind, found.photo_id)

    assert (last(None), last("eva"), last("smartsort")) == (None, None, ("sorted", filed))
    [skipped] = await world.actions.skip([waiting], "eva")
    await world.actions.approve([waiting], [PersonSelector("Bella")], "tom")
    assert (last(None), last("eva"), last("tom")) == (
        ("approved", waiting),
        ("deferred", waiting),
        last(None),
    )
    assert world.ledger.read(lambda db: undoing.last_of_photo(db, waiting)).kind == "approved"
    assert world.ledger.read(lambda db: undoing.last_of_photo(db, filed)).kind == "sorted"
    data = {"what": "reevaluated", "photos": 0, "settings": {"before": 1, "after": 2}}
    change = NewEvent(EventKind.BULK_ACTION, None, data, "eva")
    world.ledger.write(lambda db: events.append(db, [change], "2024"))
    assert last("eva") == ("deferred", waiting)
    assert (last("eva", lambda _: True), last("tom", lambda _: True)) == (
        ("bulk_action", None),
        last("tom"),
    )
    await world.actions.undo_photo(waiting, "tom")
    await world.actions.undo(skipped.event, "eva")
    assert (last("tom"), last("eva")) == (None, None)


async def test_everything_since_a_time_is_in_order_without_what_was_taken_back(world):
    filed, waiting = await delivered(world, "anna_1.jpg", "stranger_1.jpg")
    [skipped] = await world.actions.skip([waiting], "eva")
    [acted] = await world.actions.approve([waiting], [PersonSelector("Bella")], "tom")

    def since(at, *, automatic=False):
        return [
            event.id for event in world.ledger.read(lambda db: undoing.since(db, at, automatic=automatic))
        ]

    at = event_of(world, acted.event).at
    [sorted_] = [e.id for e in world.ledger.read(lambda db: events.of_photo(db, filed)) if e.kind == "sorted"]
    assert (since("2024"), since(at)) == ([acted.event, skipped.event], [acted.event])
    assert since("2024", automatic=True) == [acted.event, skipped.event, sorted_]
    await world.actions.undo(acted.event, "eva")
    assert (since("2024"), since("2025")) == ([skipped.event], [])
    put_away = lambda: world.ledger.read(lambda db: undoing.put_away(db, [waiting, filed]))  # noqa: E731
    assert put_away() == []
    thrown = await world.actions.reject([waiting, filed], "eva", expect=(State.REVIEW, State.FILED))
    assert [event.id for event in put_away()] == sorted((one.event for one in thrown), reverse=True)
    await world.actions.undo(thrown.results[0].event, "eva")
    assert [event.id for event in put_away()] == [thrown.results[1].event]
