"""A history with the event kinds of before reads as today's, and its chain stays as it was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartsort.actions import undo
from smartsort.core.event_kinds import _OLD, EventKind
from smartsort.core.model import Evidence
from smartsort.core.reasons import current
from smartsort.ledger import arrangement, events, feedback, photos, records, statistics
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import NewPhoto
from smartsort.ledger.records import NewEvent

AT = "2026-05-04T12:00:00.000+00:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        opened.write(lambda db: photos.add(db, [NewPhoto("phone", "inbox", "a.jpg", 3, 4)], AT))
        yield opened


def happen(ledger: Ledger, *happened: NewEvent) -> list[int]:
    return ledger.write(lambda db: events.append(db, happened, AT))


def stored_kinds(ledger: Ledger) -> list[str]:
    rows = ledger.read(lambda db: db.conn.execute("SELECT kind FROM events ORDER BY id").fetchall())
    return [row[0] for row in rows]


def broken(ledger: Ledger) -> list[int]:
    return [event_id for event_id, _ in ledger.read(lambda db: list(events.broken_links(db)))]


def test_no_old_kind_is_a_kind_of_today() -> None:
    assert not set(_OLD) & {kind.value for kind in EventKind}


@pytest.mark.parametrize("old", _OLD)
def test_an_old_kind_reads_as_todays_and_is_found_by_it(ledger: Ledger, old: str) -> None:
    kind = _OLD[old]
    ids = happen(ledger, NewEvent(old, 1), NewEvent(EventKind.LATE, 1), NewEvent(kind, 1), NewEvent(old, 1))
    history = ledger.read(lambda db: events.of_photo(db, 1))
    assert [event.kind for event in history] == [kind, "late", kind, kind]
    assert ledger.read(lambda db: events.get(db, ids[0])) == history[0]
    found = ledger.read(lambda db: events.before(db, None, 2, kind=kind, photo_id=1))
    assert [event.id for event in found] == [ids[3], ids[2]]
    older = ledger.read(lambda db: events.before(db, ids[2], 2, kind=kind))
    assert [event.id for event in older] == [ids[0]]


def test_the_chain_covers_the_kind_as_it_was_written(ledger: Ledger) -> None:
    [first, *_] = happen(ledger, *(NewEvent(old, 1, {"what": old, "of": old}) for old in _OLD))
    assert stored_kinds(ledger) == list(_OLD)
    assert broken(ledger) == []

    def rewrite(*statements: str) -> None:
        ledger.write(lambda db: [db.conn.execute(statement) for statement in statements] and None)

    rewrite("DROP TRIGGER events_no_update", f"UPDATE events SET kind = 'auto_resolved' WHERE id = {first}")
    assert stored_kinds(ledger)[0] == _OLD["healed"]
    assert broken(ledger) == [first]


def test_old_decisions_and_bulk_actions_are_found_for_an_undo(ledger: Ledger) -> None:
    settings = {"before": {"min_confidence": 0.6}, "after": {"min_confidence": 0.7}}
    [group] = happen(ledger, NewEvent("group", None, {"what": "rejudged", "settings": settings}, "eva"))
    [judged] = happen(ledger, NewEvent("rejudged", 1, {"group": group, "outcome": "sorted"}, "eva"))
    [whole] = ledger.read(lambda db: undo.settings_since(db, AT))
    assert (whole.id, whole.kind, whole.data["what"]) == (group, "bulk_action", "reevaluated")
    assert undo.undoable(whole)
    assert ledger.read(lambda db: undo.admins_own(db, [whole])) == {group}
    assert [e.id for e in ledger.read(lambda db: undo.members(db, whole))] == [judged]
    assert [e.id for e in ledger.read(lambda db: undo.since(db, AT, automatic=False))] == [judged]
    for actor in ("eva", None):
        last = ledger.read(lambda db, who=actor: undo.last_of(db, who))
        assert last is not None
        assert last.id == group
    last = ledger.read(lambda db: undo.last_of_photo(db, 1))
    assert last is not None
    assert last.id == judged


def test_old_answers_are_learned_from_and_counted(ledger: Ledger) -> None:
    happen(
        ledger,
        NewEvent("reviewed", 1, {"category": "unidentified"}),
        NewEvent("denied", 1, {"person_id": "p2", "faces": []}, "eva"),
        NewEvent("rejudged", 1, {"outcome": "sorted", "people": ["Anna"]}, "eva"),
        NewEvent("taught", 1, {"person": "p1"}),
    )
    assert ledger.read(feedback.behind)
    assert "p1" in ledger.write(lambda db: feedback.collect_feedback(db, AT))
    assert not ledger.read(feedback.behind)
    while ledger.write(statistics.count_chunk):
        pass
    totals = ledger.read(statistics.totals_ever)
    assert (totals["sorted"], totals.get("reviewed", 0)) == (1, 0)


def test_totals_that_other_rules_counted_are_counted_again(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "smartsort.db")
    with Ledger(path) as ledger:
        ledger.write(lambda db: photos.add(db, [NewPhoto("phone", "inbox", "a.jpg", 3, 4)], AT))
        happen(ledger, NewEvent("reviewed", 1), NewEvent("sorted", 1), NewEvent("healed", 1))
        while ledger.write(statistics.count_chunk):
            pass
        ledger.write(
            lambda db: (
                db.conn.execute("UPDATE daily_totals SET what = 'healed' WHERE what = 'auto_resolved'")
                and db.conn.execute("UPDATE facts SET value = '2' WHERE name = 'daily_totals_rules'")
                and None
            )
        )
    with Ledger(path) as ledger:
        while ledger.write(statistics.count_chunk):
            pass
        totals = ledger.read(statistics.totals_ever)
    assert (totals["auto_resolved"], totals.get("healed", 0)) == (1, 0)


def test_what_humans_ruled_out_is_read_from_rows_of_before() -> None:
    old = records.evidence_to_json(Evidence(ruled_out=frozenset({"p1"}))).replace("ruled_out", "denied")
    assert records.evidence_from_json(old).ruled_out == {"p1"}
    [reason] = records.reasons_from_json('[{"code": "denied_person", "names": ["Anna"]}]')
    assert (reason.code, current("denied_person: Anna")) == ("ruled_out_person", "ruled_out_person: Anna")
    now = Arrangement({}, (), None, None, None, (), {"p1": "Anna"})
    stored = arrangement.to_json(now)
    stored["denied"] = stored.pop("ruled_out")
    assert arrangement.from_json(1, stored).ruled_out == {"p1": "Anna"}
