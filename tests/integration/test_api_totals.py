"""Statistics: daily totals follow the history, whatever is undone, and cost the same in a large ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartsort.api.schemas.statistics import SpotCheckResult
from smartsort.api.statistics import percentage, summarised
from smartsort.ledger import events, key_value, statistics
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import Event, NewEvent
from smartsort.ledger.statistics import What, local_day, tally

NOON = "2026-05-04T12:00:00.000+00:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(str(tmp_path / "smartsort.db")) as opened:
        yield opened


def event(number: int, kind: str, data: dict[str, Any] | None = None, undoes: int | None = None) -> Event:
    actor = "smartsort" if kind in ("accepted", "sorted", "reviewed", "skipped") else "anna"
    return Event(number, NOON, actor, kind, 1, data or {}, undoes, "")


def counts(*history: Event, older_copy: bool = False) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (day, what, name), count in tally(history, older_copy).items():
        assert day == local_day(NOON)
        found[f"{what}:{name}" if name else what] += count
    return dict(found)


ACCEPTED = event(1, "accepted", {"source": "phone"})
SORTED = event(2, "sorted", {"people": ["John Doe"]})
REVIEWED = event(2, "reviewed", {"category": "unidentified"})
FILED = {"accepted:phone": 1, "sorted": 1, "person:john_doe": 1}
WRONG = {"accepted:phone": 1, "sorted": 1, "wrong": 1}


def test_a_filed_photo() -> None:
    assert counts(ACCEPTED, SORTED) == FILED


def test_photos_count_by_the_way_they_came() -> None:
    adopted = event(2, "folder_adopted", {"source": "folder"})
    assert counts(event(1, "accepted")) == {"accepted": 1}
    assert counts(ACCEPTED, adopted) == {"accepted:phone": 1, "accepted:folder": 1}


def test_what_an_old_decision_does_not_say_counts_for_nothing() -> None:
    assert counts(event(1, "sorted")) == {"sorted": 1}
    assert counts(event(1, "reviewed")) == {"reviewed": 1}
    assert counts(event(1, "reevaluated", {"category": "duplicates"})) == {"duplicates": 1}
    assert {key[0] for key in tally([SORTED])} == {local_day(NOON)}
    assert What.MISSED not in {key[1] for key in tally([SORTED])}


def test_the_last_word_of_a_human_counts_whatever_it_is() -> None:
    approved = event(3, "approved", {"people": ["Zoë"]})
    expected = {"accepted:phone": 1, "reviewed:unidentified": 1}
    for kind in ("rejected", "removed_in_immich"):
        history = (ACCEPTED, REVIEWED, approved, event(4, kind))
        assert counts(*history) == expected | {"rejected": 1}
        assert counts(*history, event(5, "undone", undoes=4)) == expected | {"approved": 1}


def test_two_people_count_for_both() -> None:
    both = event(2, "sorted", {"people": ["John Doe", "Zoë"]})
    assert counts(both) == {"sorted": 1, "person:john_doe": 1, "person:zoë": 1}


def test_an_undone_filing_is_wrong_and_right_again() -> None:
    undone = event(3, "undone", undoes=2)
    assert counts(ACCEPTED, SORTED, undone) == WRONG
    assert counts(ACCEPTED, SORTED, undone, event(4, "undone", undoes=3)) == FILED
    redone = (event(4, "undone", undoes=3), event(5, "undone", undoes=4))
    assert counts(ACCEPTED, SORTED, undone, *redone) == WRONG


def test_a_filing_elsewhere_is_wrong() -> None:
    refiled = event(3, "refiled", {"people": ["Zoë"]})
    assert counts(ACCEPTED, SORTED, refiled) == WRONG
    assert counts(ACCEPTED, SORTED, refiled, event(4, "undone", undoes=3)) == FILED


def test_a_human_decision_is_no_mistake_of_the_machine() -> None:
    approved = event(3, "approved", {"people": ["Zoë"]})
    refiled = event(4, "refiled", {"people": ["John Doe"]})
    expected = {"accepted:phone": 1, "reviewed:unidentified": 1, "approved": 1}
    assert counts(ACCEPTED, REVIEWED, approved) == expected
    assert counts(ACCEPTED, REVIEWED, approved, refiled) == expected


def test_a_decision_taken_back_does_not_count() -> None:
    expected = {"accepted:phone": 1, "reviewed:unidentified": 1}
    for kind in ("approved", "rejected"):
        assert counts(ACCEPTED, REVIEWED, event(3, kind), event(4, "undone", undoes=3)) == expected


def test_auto_resolved() -> None:
    later = event(3, "sorted", {"people": ["John Doe"]})
    assert counts(REVIEWED, later) == {"sorted": 1, "auto_resolved": 1, "person:john_doe": 1}


def test_a_photo_judged_again_counts_once() -> None:
    """In review for another reason, filed after that, or with other settings: as it stands in the end."""
    elsewhere = event(3, "reviewed", {"category": "low_confidence"})
    assert counts(ACCEPTED, REVIEWED, elsewhere) == {"accepted:phone": 1, "reviewed:low_confidence": 1}
    filed = event(4, "sorted", {"people": ["John Doe"]})
    assert counts(ACCEPTED, REVIEWED, elsewhere, filed) == FILED | {"auto_resolved": 1}
    told = {"outcome": "reviewed", "category": "multiple_faces"}
    with_other_settings = event(3, "reevaluated", told)
    assert counts(ACCEPTED, SORTED, with_other_settings) == {
        "accepted:phone": 1,
        "reviewed:multiple_faces": 1,
    }
    assert counts(ACCEPTED, SORTED, with_other_settings, event(4, "undone", undoes=3)) == FILED


def test_a_review_that_was_taken_back_counts_as_what_follows() -> None:
    again = (REVIEWED, event(3, "undone", undoes=2))
    assert counts(ACCEPTED, *again) == {"accepted:phone": 1}
    same = event(4, "reviewed", {"category": "unidentified"})
    assert counts(ACCEPTED, *again, same) == {"accepted:phone": 1, "reviewed:unidentified": 1}
    assert counts(ACCEPTED, *again, event(4, "sorted", {"people": ["John Doe"]})) == FILED


def test_a_mistake_that_was_corrected_in_immich_stays_one() -> None:
    undone, again = event(3, "undone", undoes=2), event(4, "sorted", {"people": ["Zoë"]})
    assert counts(ACCEPTED, SORTED, undone, again) == WRONG


def test_a_photo_filed_by_hand_again_and_again_counts_once() -> None:
    expected = {"accepted:phone": 1, "reviewed:unidentified": 1, "approved": 1}
    approved, back = event(3, "approved", {"people": ["Zoë"]}), event(4, "undone", undoes=3)
    again = event(5, "approved", {"people": ["John Doe"]})
    moved = (event(6, "refiled", {"people": ["Zoë"]}), event(7, "refiled", {"people": ["Ana"]}))
    assert counts(ACCEPTED, REVIEWED, approved, back, again, *moved) == expected
    assert counts(ACCEPTED, SORTED, *moved) == WRONG
    rejected = (event(3, "rejected"), event(4, "undone", undoes=3), event(5, "approved", {"people": ["Zoë"]}))
    assert counts(ACCEPTED, REVIEWED, *rejected) == expected


def test_duplicates_caught_and_missed() -> None:
    caught = event(2, "reviewed", {"category": "duplicates"})
    assert counts(caught, older_copy=True) == {"reviewed:duplicates": 1, "duplicates": 1}
    skipped = event(2, "skipped", {"category": "duplicates"})
    assert counts(skipped, older_copy=True) == {"skipped": 1, "duplicates": 1}
    assert counts(SORTED, older_copy=True) == {"sorted": 1, "missed": 1, "person:john_doe": 1}


# --- the totals in the ledger ----------------------------------------------------------------


def add_photo(ledger: Ledger, photo_id: int, sha256: str | None = None) -> None:
    ledger.write(
        lambda db: db.conn.execute(
            "INSERT INTO photos (id, state, source, origin, original_name, size, mtime_ns, arrived_at,"
            " sha256) VALUES (?, 'filed', 'phone', 'inbox', 'a.jpg', 1, 1, ?, ?)",
            (photo_id, NOON, sha256),
        )
    )


def happen(ledger: Ledger, *new: NewEvent, at: str = NOON) -> list[int]:
    return ledger.write(lambda db: events.append(db, new, at))


def stored(ledger: Ledger) -> dict[tuple[str, str, str], int]:
    rows = ledger.read(
        lambda db: db.conn.execute("SELECT day, what, name, photos FROM daily_totals").fetchall()
    )
    return {(day, what, name): count for day, what, name, count in rows if count}


KINDS = (
    *("accepted", "sorted", "reviewed", "skipped", "reevaluated"),
    *("approved", "refiled", "rejected", "deferred", "undone"),
)
STEPS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(KINDS), st.integers(0, 30), st.integers(0, 3)), max_size=30
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, chunk=st.integers(1, 7))
def test_totals_are_what_the_whole_history_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int, int]], chunk: int
) -> None:
    """However the events are cut into chunks, and whatever order undo and redo come in."""
    path = tmp_path_factory.mktemp("totals") / "smartsort.db"
    with Ledger(str(path)) as ledger:
        for photo_id in range(1, 5):
            add_photo(ledger, photo_id, sha256="same" if photo_id > 2 else None)
        ids: list[int] = []
        for photo_id, kind, which, day in steps:
            undoes = ids[which % len(ids)] if kind == "undone" and ids else None
            outcome = "reviewed" if which % 2 else "sorted"
            data = {"people": ["John Doe"], "category": "duplicates", "source": "phone", "outcome": outcome}
            ids += happen(
                ledger,
                NewEvent(kind, photo_id, data, undoes=undoes),
                at=f"2026-05-0{day + 1}T12:00:00.000+00:00",
            )
            if which % 3 == 0:
                ledger.write(lambda db: statistics.count_chunk(db, chunk))
        while ledger.write(lambda db: statistics.count_chunk(db, chunk)):
            pass
        expected: Counter[tuple[str, str, str]] = Counter()
        for photo_id in range(1, 5):
            history = ledger.read(lambda db, p=photo_id: events.of_photo(db, p))
            expected.update(tally(history, older_copy=photo_id == 4))
        assert stored(ledger) == dict(expected)
        found: Counter[str] = Counter()
        for (_, what, _), count in stored(ledger).items():
            found[what] += count
        assert found[What.SORTED] + found[What.REVIEWED] + found[What.SKIPPED] <= 4, "each photo once"
        assert found[What.APPROVED] + found[What.REJECTED] <= 4, "each photo once"
        assert found[What.WRONG] <= found[What.SORTED]


def test_totals_by_other_rules_are_counted_anew(ledger: Ledger) -> None:
    add_photo(ledger, 1)
    happen(ledger, NewEvent("reviewed", 1, {"category": "unidentified"}), NewEvent("sorted", 1))
    asyncio.run(statistics.catch_up(ledger))
    right = stored(ledger)

    def as_an_older_version_left_it(db: Any) -> None:
        db.conn.execute("UPDATE daily_totals SET photos = photos + 1")
        db.conn.execute("INSERT INTO daily_totals VALUES ('2026-05-04', 'reviewed', 'unidentified', 1)")
        key_value.forget(db, statistics._RULES)

    ledger.write(as_an_older_version_left_it)
    assert stored(ledger) != right
    assert ledger.read(statistics.uncounted) == 2
    asyncio.run(statistics.catch_up(ledger))
    assert stored(ledger) == right


def test_days_that_saw_only_the_healing_count_no_more_than_was_decided(ledger: Ledger) -> None:
    """A photo reviewed long ago and filed today is one of today's, so no rate passes a hundred."""
    add_photo(ledger, 1)
    happen(ledger, NewEvent("reviewed", 1, {"category": "unidentified"}), at="2026-01-04T12:00:00.000+00:00")
    happen(ledger, NewEvent("sorted", 1, {"people": ["Zoë"]}))
    asyncio.run(statistics.catch_up(ledger))
    may = ledger.read(lambda db: statistics.totals(db, date(2026, 5, 1), date(2026, 5, 31)))
    january = ledger.read(lambda db: statistics.totals(db, date(2026, 1, 1), date(2026, 1, 31)))
    assert (may[What.SORTED], may[What.AUTO_RESOLVED], january[What.REVIEWED]) == (1, 1, 0)
    [rate, *_] = summarised(may, statistics.Waiting(), {}, 31).metrics
    assert (rate.name, rate.value) == ("auto_sort_rate", 100.0)


def test_catching_up_twice_counts_once(ledger: Ledger) -> None:
    add_photo(ledger, 1)
    happen(ledger, NewEvent("accepted", 1, {"source": "phone"}), NewEvent("sorted", 1, {"people": ["Zoë"]}))
    happen(ledger, NewEvent("enabled"))

    async def twice_at_once() -> None:
        await asyncio.gather(*(statistics.catch_up(ledger) for _ in range(4)))

    asyncio.run(twice_at_once())
    day = local_day(NOON)
    assert stored(ledger) == {
        (day, What.ACCEPTED, "phone"): 1,
        (day, What.SORTED, ""): 1,
        (day, What.PERSON, "zoë"): 1,
    }
    assert ledger.read(statistics.uncounted) == 0


def test_an_old_photo_undone_today_changes_its_own_day(ledger: Ledger) -> None:
    add_photo(ledger, 1)
    (filed,) = happen(ledger, NewEvent("sorted", 1, {"people": ["Zoë"]}), at="2026-01-04T12:00:00.000+00:00")
    asyncio.run(statistics.catch_up(ledger))
    happen(ledger, NewEvent("undone", 1, undoes=filed, actor="anna"))
    asyncio.run(statistics.catch_up(ledger))
    january = ledger.read(lambda db: statistics.totals(db, date(2026, 1, 1), date(2026, 1, 31)))
    assert (january[What.SORTED], january[What.WRONG], january[What.PERSON]) == (1, 1, 0)
    assert january.by_name.get(What.PERSON, {}) == {}
    may = ledger.read(lambda db: statistics.totals(db, date(2026, 5, 1), date(2026, 5, 31)))
    assert may.by_what == {}
    assert len(may.by_day) == 31


def wait_in_queue(ledger: Ledger, photo_id: int, category: str, since: datetime) -> None:
    at = since.astimezone(UTC).isoformat(timespec="milliseconds")
    ledger.write(
        lambda db: db.conn.execute(
            "INSERT INTO review_queue (file_path, category, created_at, action, photo_id)"
            " VALUES ('x', ?, ?, 'pending', ?)",
            (category, at, photo_id),
        )
    )


def test_the_queue(ledger: Ledger) -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    empty = ledger.read(lambda db: statistics.waiting(db, now))
    assert (empty.total, empty.oldest, empty.median_age_seconds(now)) == (0, None, None)
    hours = (0.5, 2, 23, 25, 24 * 6, 24 * 8, 24 * 400)
    for photo_id, age in enumerate(hours, 1):
        category = "duplicates" if photo_id % 2 else "unidentified"
        wait_in_queue(ledger, photo_id, category, now - timedelta(hours=age))
    ledger.write(
        lambda db: db.conn.execute(
            "INSERT INTO review_queue (file_path, category, action) VALUES ('from before', 'x', 'pending')"
        )
    )
    waiting = ledger.read(lambda db: statistics.waiting(db, now))
    assert waiting.total == 7
    assert waiting.by_category == {"duplicates": 4, "unidentified": 3}
    assert waiting.by_age == {"hour": 1, "day": 2, "week": 2, "older": 2}
    assert waiting.oldest == "2025-03-30T12:00:00.000+00:00"
    assert waiting.median_age_seconds(now) == 25 * 3600
    since = (now - timedelta(days=1)).isoformat(timespec="milliseconds")
    assert ledger.read(lambda db: statistics.waiting_by_category(db, since)) == {
        "duplicates": 2,
        "unidentified": 1,
    }


WAITING = f"{statistics._WAITING} AND created_at >= ''"


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT count(*) {WAITING}",
        f"SELECT category, count(*) {WAITING} GROUP BY category",
        f"SELECT created_at {WAITING} ORDER BY created_at LIMIT 1 OFFSET 5",
        statistics._FILED_BY_PERSON,
    ],
)
def test_counting_reads_an_index_alone(ledger: Ledger, statement: str) -> None:
    plan = ledger.read(lambda db: db.conn.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall())
    assert "COVERING INDEX" in plan[0][3], plan


# --- the summary -----------------------------------------------------------------------------


def summary(
    what: dict[str, int], came: dict[str, int], waiting: int, checks: SpotCheckResult | None = None
) -> Any:
    totals = statistics.Totals(date(2026, 5, 4), date(2026, 5, 4), what, {}, {"2026-05-04": what})
    return summarised(totals, statistics.Waiting(waiting), came, 1, checks)


def test_the_example_of_the_source_document() -> None:
    found = summary({What.SORTED: 145}, {"unidentified": 15, "duplicates": 8}, 23)
    assert (found.auto_sorted, found.in_review, found.success_rate) == (145, 23, 86.3)


def test_nothing_at_all() -> None:
    found = summary({}, {}, 0)
    assert (found.auto_sorted, found.in_review, found.success_rate) == (0, 0, 0.0)
    assert [m.met for m in found.metrics] == [None, None, None, True]
    assert [m.value for m in found.metrics] == [None, None, None, 0]


def test_the_success_metrics() -> None:
    what = {
        What.SORTED: 90,
        What.WRONG: 6,
        What.REVIEWED: 10,
        What.AUTO_RESOLVED: 10,
        What.DUPLICATES: 5,
        What.MISSED: 1,
    }
    found = {m.name: (m.value, m.met) for m in summary(what, {"unidentified": 10}, 50).metrics}
    assert found == {
        "auto_sort_rate": (89.4, True),
        "duplicate_catch_rate": (83.3, False),
        "wrongly_sorted_share": (6.7, False),
        "waiting_in_review": (50, False),
    }
    assert percentage(1, 3) == 33.3


def metric(name: str, what: dict[str, int], came: int = 0, checks: SpotCheckResult | None = None) -> Any:
    """(value, met) of a goal, and the summary it stands in."""
    found = summary(what, {"unidentified": came} if came else {}, came, checks)
    [one] = [m for m in found.metrics if m.name == name]
    return (one.value, one.met), found


def test_how_many_are_wrong_is_not_known_before_a_spot_check_was_answered() -> None:
    """That nobody came upon a wrong one proves nothing; that many did proves that the goal is missed."""
    name, open_checks = "wrongly_sorted_share", SpotCheckResult(checked=0, wrong=0, pending=7)
    for wrong in (0, 1, 4):
        found, _ = metric(name, {What.SORTED: 100, What.WRONG: wrong}, checks=open_checks)
        assert found == (None, None)
    found, _ = metric(name, {What.SORTED: 100, What.WRONG: 5}, checks=open_checks)
    assert found == (5.0, False)
    answered = SpotCheckResult(checked=100, wrong=1, pending=0, error_rate=1.0, low=0.18, high=5.45, met=None)
    for wrong, expected in ((0, (1.0, None)), (4, (1.0, None)), (30, (30.0, False))):
        found, _ = metric(name, {What.SORTED: 100, What.WRONG: wrong}, checks=answered)
        assert found == expected


@pytest.mark.parametrize(
    ("standing", "waiting", "value", "met"),
    [
        (17, 12, 58.6, False),
        (80, 20, 80.0, False),
        (80_004, 19_996, 80.004, True),
        (79_996, 20_004, 79.996, False),
    ],
)
def test_one_figure_has_one_formula(standing: int, waiting: int, value: float, met: bool) -> None:
    """The rate of the headline is the rate of the goal, with the digits that tell it from the goal."""
    what = {What.SORTED: standing, What.REVIEWED: waiting + 5}
    found, whole = metric("auto_sort_rate", what, waiting)
    assert found == (value, met)
    assert whole.success_rate == value


def test_a_rate_is_told_from_its_goal() -> None:
    found, _ = metric("duplicate_catch_rate", {What.DUPLICATES: 9_999, What.MISSED: 1})
    assert found == (99.99, False)
    found, _ = metric("wrongly_sorted_share", {What.SORTED: 100_000, What.WRONG: 4_999})
    assert found == (None, None)
