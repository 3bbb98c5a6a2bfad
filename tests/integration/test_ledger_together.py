"""Changes written together, kind by kind and many rows in a statement, are the same as written one by one."""

import os
import random

import pytest

from smartsort.core.model import Category, Decision, Evidence, Outcome, Reason, State
from smartsort.ledger import photos, rows
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, NewPhoto, StaleChange
from smartsort.ledger.records import Area, Member, Name, NewEvent
from smartsort.ledger.source_tables import Download, ReviewRow

AT = "2024-05-01T12:00:00.000+00:00"
PHOTOS = 2 * rows.TOGETHER + 5
TABLES = ("photos", "names", "decisions", "downloads", "review_queue", "events", "intents", "outbox")


@pytest.fixture
def ledgers(tmp_path):
    """Two equal ones, with more photos than one statement takes."""
    with Ledger(os.fspath(tmp_path / "a.db")) as one, Ledger(os.fspath(tmp_path / "b.db")) as other:
        for ledger in (one, other):
            new = [NewPhoto("s", "add", f"{n}.jpg", 1, 1) for n in range(PHOTOS)]
            ledger.write(lambda db, new=new: photos.add(db, new, AT))
        yield one, other


def some_change(draw, photo_id, held):
    """What a stage might write about a photo; `held` are the names it has so far."""
    fields = {}
    if draw.random() < 0.7:
        fields["state"] = draw.choice([State.CLAIMED, State.HASHED, State.REVIEW, State.FILED])
    fields["values"] = draw.choice(
        [{}, {"size": draw.randrange(9)}, {"sha256": f"{photo_id:064}", "width": 7}]
    )
    if held and draw.random() < 0.5:
        leaving = held.pop(draw.randrange(len(held)))
        fields["names_removed"] = ((leaving.area, leaving.path),)
    if draw.random() < 0.7:
        area = draw.choice([Area.TEMP, Area.REVIEW, Area.FACES])
        # Bytes that are no UTF-8, too: those are stored as bytes.
        name = Name(photo_id, area, f"{photo_id}{draw.choice(['', chr(0xDC80 + 70)])}.jpg", Member.PHOTO)
        held[:] = [n for n in held if (n.area, n.path) != (name.area, name.path)] + [name]
        fields["names_added"] = (name._replace(size=draw.randrange(5)),)
    if draw.random() < 0.3:
        outcome = Decision(Outcome.REVIEWED, (Reason("unknown_face"),), "1", Category.UNIDENTIFIED)
        fields["decision"] = (outcome, Evidence())
    if draw.random() < 0.4:
        fields["download"] = Download(f"/p/{photo_id}", "n", None, "s", AT, draw.choice([None, "Anna"]), True)
    if draw.random() < 0.4:
        fields["review"] = ReviewRow("/p", Category.UNIDENTIFIED, None, draw.choice("xyz"), 1, None)
    elif draw.random() < 0.3:
        fields["review_closed"] = (draw.choice(["approved", "withdrawn"]), "me")
    if draw.random() < 0.3:
        fields["intent"] = (draw.choice(["route", "drop"]), {"n": draw.randrange(3)})
    if draw.random() < 0.3:
        fields["intents_done"] = ("route",)
    if draw.random() < 0.2:
        fields["messages"] = (("visibility", {"asset_id": "a", "visibility": "archive"}),)
    fields["events"] = tuple(NewEvent("e", photo_id, {"n": n}) for n in range(draw.randrange(3)))
    return Change(photo_id, **fields)


def contents(ledger):
    """All rows, those of names without their numbers: in which order names are written is no matter."""

    def read(db):
        found = {table: list(db.conn.execute(f"SELECT * FROM {table} ORDER BY 1")) for table in TABLES}
        found["names"] = sorted(repr(row[1:]) for row in found["names"])
        for table in ("decisions", "downloads", "review_queue", "intents", "outbox"):
            found[table] = sorted(repr(row[1:]) for row in found[table])
        return found

    return ledger.read(read)


@pytest.mark.parametrize("seed", range(5))
def test_together_or_one_by_one_is_the_same(ledgers, seed):
    together, singly = ledgers
    draw, held = random.Random(seed), {}
    changes = []
    for _ in range(4):
        ids = draw.sample(range(1, PHOTOS + 1), PHOTOS - 20)
        changes += [some_change(draw, i, held.setdefault(i, [])) for i in ids]
    ids = together.write(lambda db: photos.apply(db, changes, AT))
    one_by_one = [i for c in changes for i in singly.write(lambda db, c=c: photos.apply(db, [c], AT))]
    assert ids == one_by_one == list(range(1, len(ids) + 1))
    assert contents(together) == contents(singly)


def test_one_photo_that_moved_on_keeps_all_of_it_from_being_written(ledgers):
    ledger, _ = ledgers
    before = contents(ledger)
    changes = [Change(i, state=State.CLAIMED, expect=(State.ARRIVED,)) for i in range(1, PHOTOS)]
    changes.append(Change(PHOTOS, state=State.FILED, expect=(State.REVIEW,)))
    with pytest.raises(StaleChange, match=f"photo {PHOTOS} is arrived, not review"):
        ledger.write(lambda db: photos.apply(db, changes, AT))
    assert contents(ledger) == before
