"""What the ledger knows of photos that were in Immich before smartsort."""

from __future__ import annotations

import os

import pytest

from smartsort.core.backfill import Fate
from smartsort.core.model import State
from smartsort.ledger import observed, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.observed import Due, Folder, Seen
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area

AT = "2024-05-01T12:00:00.000+00:00"


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def seen(number, people, path=None):
    path = path or f"/data/{number}.jpg"
    return Seen(f"asset-{number}", path, people, f"{number}.jpg", "photo", "2020-01-01T00:00:00", 3, 4)


def observe(ledger, *listed):
    return ledger.write(lambda db: observed.observe(db, listed, AT))


def due(ledger, limit=10):
    return ledger.read(lambda db: observed.due(db, limit))


def judge(ledger, *found):
    """Photo, fate and folders, each of which is the person's of this name."""
    rows = [(photo, fate, {folder: folder.title() for folder in folders}) for photo, fate, folders in found]
    ledger.write(lambda db: observed.judged(db, rows))


ANNA, BOTH = {"p1": "Anna"}, {"p1": "Anna", "p2": "Ben"}


def test_photos_with_people_are_taken_in_and_known_ones_are_due_when_their_people_change(ledger):
    assert observe(ledger, seen(1, ANNA), seen(2, {}), seen(3, BOTH)) == 2
    assert due(ledger) == [Due(1, ANNA, False), Due(2, BOTH, False)]
    assert due(ledger, 1) == [Due(1, ANNA, False)]
    photo = ledger.read(lambda db: photos.get(db, 2))
    assert (photo.state, photo.asset_id, photo.taken_at) == (
        State.OBSERVED,
        "asset-3",
        "2020-01-01T00:00:00",
    )
    assert (photo.source, photo.original_name, photo.size, photo.mtime_ns) == ("immich", "3.jpg", 3, 4)
    [name] = ledger.read(lambda db: photos.names_of(db, [2]))[2]
    assert (name.area, name.path) == (Area.ORIGINAL, "data/3.jpg")
    assert ledger.read(lambda db: observed.unknown(db, ["asset-1", "asset-2"])) == {"asset-2"}
    judge(ledger, (1, Fate.LINK, ["anna"]), (2, Fate.ASK, []))
    assert due(ledger) == []
    assert observe(ledger, seen(1, ANNA), seen(3, dict(reversed(BOTH.items())))) == 0
    assert observe(ledger, seen(1, BOTH), seen(3, {})) == 2
    assert due(ledger) == [Due(1, BOTH, False), Due(2, {}, False)]


def test_a_file_that_immich_has_moved_is_known_under_its_new_path(ledger):
    observe(ledger, seen(1, ANNA), seen(2, ANNA))
    assert observe(ledger, seen(1, ANNA, "/data/2020/caf\udce9.jpg"), seen(2, ANNA)) == 0
    names = ledger.read(lambda db: photos.names_of(db, [1, 2]))
    assert [name.path for i in (1, 2) for name in names[i]] == ["data/2020/caf\udce9.jpg", "data/2.jpg"]


def test_a_person_with_another_name_has_their_photos_judged_and_no_others(ledger):
    observe(ledger, seen(1, ANNA), seen(2, BOTH), seen(3, {"p3": "Cleo"}))
    judge(ledger, *((i, Fate.LINK, ["x"]) for i in (1, 2, 3)))
    assert ledger.read(lambda db: observed.names_by_person(db, ["p1", "p2", "p9"])) == BOTH
    assert ledger.write(lambda db: observed.changed_people(db, {"p1": "Anna", "p9": "X"})) == 0
    assert ledger.write(lambda db: observed.changed_people(db, {"p2": "Benno"})) == 1
    assert due(ledger) == [Due(2, {"p1": "Anna", "p2": "Benno"}, False)]
    judge(ledger, (2, None, []))
    ledger.write(lambda db: observed.due_again(db, ["p3"]))
    assert [one.photo_id for one in due(ledger)] == [3]


def test_other_settings_have_what_was_judged_judged_again_from_memory(ledger):
    observe(ledger, seen(1, ANNA), seen(2, ANNA), seen(3, ANNA), seen(4, ANNA))
    judge(ledger, (1, Fate.LINK, ["anna"]), (2, Fate.ASK, []), (3, None, []))
    ledger.write(lambda db: observed.due_from_memory(db, [2, 3, 4]))
    assert [(one.photo_id, one.from_memory) for one in due(ledger)] == [(2, True), (4, False)]
    ledger.write(observed.due_from_memory)
    assert [(one.photo_id, one.from_memory) for one in due(ledger)] == [(1, True), (2, True), (4, False)]
    ledger.write(observed.due_without_fate)
    assert [(one.photo_id, one.from_memory) for one in due(ledger)] == [
        *((1, True), (2, True)),
        *((3, False), (4, False)),
    ]


def test_a_photo_without_a_fate_that_is_filed_is_not_judged(ledger):
    observe(ledger, seen(1, ANNA))
    judge(ledger, (1, None, []))
    ledger.write(lambda db: photos.apply(db, [Change(1, state=State.FILED)], AT))
    ledger.write(observed.due_without_fate)
    assert due(ledger) == []


def test_what_waits_for_its_links_is_in_order_of_the_ids_and_what_had_its_turn_is_not_fresh(ledger):
    observe(ledger, *(seen(i, ANNA) for i in range(1, 6)))
    judge(ledger, *((i, Fate.LINK, ["anna"]) for i in (1, 2, 4, 5)), (3, Fate.ASK, []))

    def waiting(fate, after=0, limit=10):
        return ledger.read(lambda db: observed.waiting(db, fate, after, limit, undone_since=0))

    assert waiting(Fate.LINK) == [1, 2, 4, 5]
    assert waiting(Fate.LINK, after=2, limit=1) == [4]
    assert (waiting(Fate.ASK), waiting(Fate.LEAVE)) == ([3], [])
    assert ledger.read(lambda db: observed.fresh(db, 3)) == [1, 2, 4]
    ledger.write(lambda db: observed.acted_on(db, [1, 4]))
    assert ledger.read(lambda db: observed.fresh(db, 3)) == [2, 5]
    ledger.write(lambda db: photos.apply(db, [Change(2, state=State.FILED)], AT))
    assert waiting(Fate.LINK) == [1, 4, 5]
    assert ledger.read(lambda db: observed.fresh(db, 3)) == [5]


def test_all_are_counted_by_what_is_to_become_of_them_and_the_people_with_the_most_links_first(ledger):
    observe(ledger, *(seen(i, ANNA) for i in range(1, 9)))
    judge(
        ledger,
        *((1, Fate.LINK, ["ben"]), (2, Fate.LINK, ["anna", "ben"]), (3, Fate.LINK, ["anna", "ben"])),
        *((4, Fate.ASK, []), (5, Fate.LEAVE, []), (6, Fate.LINK, ["x"]), (7, Fate.LINK, ["x"])),
    )
    changes = [Change(6, state=State.FILED), Change(7, state=State.REVIEW)]
    ledger.write(lambda db: photos.apply(db, changes, AT))
    found = ledger.read(observed.totals)
    assert found == observed.Totals(
        known=8,
        due=1,
        link=3,
        ask=1,
        leave=1,
        done=1,
        asked=1,
        folders=[Folder("ben", "Ben", 3), Folder("anna", "Anna", 2)],
    )
    assert ledger.read(lambda db: observed.resolved(db, 5)) == [7]


def test_each_writes_what_it_changed_of_the_progress_and_another_pass_or_run_keeps_its_own(ledger):
    def read():
        return ledger.read(observed.progress)

    def put(value):
        ledger.write(lambda db: observed.put_progress(db, value))

    mine, theirs = read(), read()
    mine.page, mine.day = 3, "today"
    theirs.runs, theirs.applying, theirs.actor, theirs.left = 1, True, "ann", 5
    put(theirs)
    put(mine)
    now = read()
    assert (now.page, now.day, now.runs, now.applying, now.actor, now.left) == (3, "today", 1, True, "ann", 5)
    stale, stale.page, stale.asked = read(), 4, 7
    other = read()
    other.passes, other.page = 1, 1
    put(other)
    stale.left = 4
    put(stale)
    now = read()
    assert (now.passes, now.page, now.asked, now.left) == (1, 1, 7, 4)
    late = read()
    again = read()
    again.runs, again.left = 2, 9
    put(again)
    late.left, late.complete, late.group = 0, True, 12
    put(late)
    now = read()
    assert (now.runs, now.left, now.complete, now.group) == (2, 9, False, 12)
    own = read()
    own.runs, own.left = 3, 1
    put(own)
    own.left = 0
    put(own)
    assert (read().runs, read().left) == (3, 0)
