"""What other settings would do to past photos: counted by place, and photo by photo."""

from __future__ import annotations

import dataclasses

import pytest
from tests.household import ELSEWHERE, HOUSEHOLD, JOHN, LUKAS, SARAH, photo, refs, sure

from smartsort.core.decision import decide
from smartsort.core.model import Outcome
from smartsort.core.policy import MultipleFaces, OnDuplicate
from smartsort.core.what_if import FACES, SKIPPED, Past, Place, effect, place_of, renewed

JOHNS = Place(FACES, frozenset({"john_doe"}))
SARAHS = Place(FACES, frozenset({"sarah_smith"}))
STRICT = dataclasses.replace(HOUSEHOLD, whitelist=refs("Sarah Smith"))
BOTH = dataclasses.replace(HOUSEHOLD, max_faces=2, multiple_faces=MultipleFaces.EACH_PERSON)


def past(*people, place=JOHNS, number=1, **more):
    return Past(number, place, sure(photo(*people)), **more)


def test_every_photo_is_counted_before_and_after_and_those_that_would_go_elsewhere_are_told():
    photos = [
        past(JOHN, number=1),
        past(JOHN, number=2),
        past(SARAH, number=3, place=SARAHS),
        past(LUKAS, number=4, place=Place("unwanted_person")),
    ]
    found = effect(photos, STRICT)
    now = decide(photos[0].evidence, STRICT).category
    assert (found.looked_at, found.kept) == (4, 0)
    assert found.before == {FACES: 3, "unwanted_person": 1}
    lukas = decide(photos[3].evidence, STRICT).category
    assert sum(found.after.values()) == 4
    assert found.after[FACES] == 1
    assert {move.photo_id for move in found.moves} == {1, 2} | ({4} if lukas != "unwanted_person" else set())
    assert found.ways[f"faces -> {now}"] == 2


def test_what_a_human_has_decided_stays_and_the_others_are_still_looked_at():
    photos = [past(JOHN, number=n, by_human=n in (1, 2)) for n in (1, 2, 3)]
    found = effect(photos, STRICT)
    assert (found.looked_at, found.kept) == (3, 2)
    assert [move.photo_id for move in found.moves] == [3]
    assert found.before == {FACES: 3}
    assert found.after[FACES] == 2


def test_from_person_to_person_the_folders_are_told_in_their_order():
    """Within `faces/` it is about which folders, elsewhere about the kind alone."""
    found = effect([past(SARAH, JOHN, place=JOHNS)], BOTH)
    [move] = found.moves
    assert move.way == "faces/john_doe -> faces/john_doe, faces/sarah_smith"
    assert Place("duplicates").told(JOHNS) == "duplicates"
    assert JOHNS.told(Place("duplicates")) == FACES


@pytest.mark.parametrize("asked", [OnDuplicate.SKIP, OnDuplicate.MOVE_TO_REVIEW])
def test_a_duplicate_is_skipped_or_waits_with_the_others(asked):
    decision = decide(photo(JOHN, other_copy=ELSEWHERE), dataclasses.replace(HOUSEHOLD, on_duplicate=asked))
    assert place_of(decision) == Place(SKIPPED if decision.outcome is Outcome.SKIPPED else "duplicates")
    assert (decision.outcome is Outcome.SKIPPED) is (asked is OnDuplicate.SKIP)


def test_evidence_is_read_with_the_names_of_today():
    seen = photo(JOHN, SARAH, None)
    today = renewed(seen, {JOHN.id: dataclasses.replace(JOHN, name="Johnny")})
    assert [f.person and f.person.name for f in today.faces] == ["Johnny", "Sarah Smith", None]
    assert [f.person and f.person.name for f in today.judged] == ["Johnny", "Sarah Smith", None]
