"""What the ledger knows of folders that a user had sorted before: by photo and by adoption."""

from __future__ import annotations

import os

import pytest

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import SortedBefore, State
from smartsort.ledger import adopted, events, photos
from smartsort.ledger.database import Ledger
from smartsort.ledger.older_downloads import OlderDownload
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Member
from smartsort.ledger.source_tables import Download, put_download

AT = "2024-05-01T12:00:00.000+00:00"
SAID = {"people": [["p1", "Anna"]], "by": "eva"}


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, name="a.jpg", state=None):
    [row] = ledger.write(lambda db: photos.add(db, [NewPhoto("inbox", "inbox", name, 3, 4)], AT))
    if state is not None:
        ledger.write(lambda db: photos.apply(db, [Change(row.id, state=state)], AT))
    return row.id


def put(ledger, photo_id, *paths, run=1, said=SAID):
    ledger.write(lambda db: adopted.put(db, {photo_id: {"run": run, "paths": paths, "said": said}}))


def test_a_photo_knows_its_paths_and_whose_folder_it_lay_in_until_that_is_forgotten(ledger):
    one, two, other = add(ledger), add(ledger, "b.jpg"), add(ledger, "c.jpg")
    put(ledger, one, "/old/anna/a.jpg", "/old/anna/caf\udce9.jpg")
    put(ledger, two, "/old/b.jpg", said=None)

    def paths(photo_id):
        return ledger.read(lambda db: adopted.paths_of(db, photo_id))

    assert paths(one) == {"/old/anna/a.jpg", "/old/anna/caf\udce9.jpg"}
    assert (paths(two), paths(other)) == ({"/old/b.jpg"}, set())
    said = ledger.read(lambda db: adopted.said(db, [one, two, other]))
    assert list(said) == [one]
    assert isinstance(said[one], SortedBefore)
    assert ([p.name for p in said[one].people], said[one].by) == (["Anna"], "eva")
    ledger.write(lambda db: adopted.unsay(db, one))
    assert ledger.read(lambda db: adopted.said(db, [one])) == {}
    assert len(paths(one)) == 2
    ledger.write(lambda db: adopted.forget(db, {one}))
    assert (paths(one), paths(two)) == (set(), {"/old/b.jpg"})


def test_a_path_that_was_adopted_before_is_known_with_what_the_file_was_like(ledger):
    photo_id = add(ledger)
    put(ledger, photo_id, "/old/caf\udce9.jpg")
    found = ledger.read(lambda db: adopted.taken_from(db, ["/old/caf\udce9.jpg", "/old/new.jpg"]))
    assert found == {"/old/caf\udce9.jpg": (photo_id, 3, 4)}


def test_photos_of_an_adoption_are_counted_once_each_by_their_state(ledger):
    on_its_way, filed, elsewhere = add(ledger), add(ledger, "b", State.FILED), add(ledger, "c")
    put(ledger, on_its_way, "/old/a.jpg", "/old/a2.jpg")
    put(ledger, filed, "/old/b.jpg", "/old/b2.jpg")
    put(ledger, elsewhere, "/new/c.jpg", run=2)
    assert ledger.read(lambda db: adopted.unfinished(db, 1)) == 1
    assert ledger.read(lambda db: adopted.counts(db, 1)) == {"arrived": 1, "filed": 1}
    assert ledger.read(lambda db: adopted.unfinished(db, 3)) == 0


def test_only_the_adoption_that_runs_can_be_stopped(ledger):
    def now():
        return ledger.read(adopted.current)

    ledger.write(lambda db: adopted.stop(db, 7))
    assert now() is None
    ledger.write(lambda db: adopted.write(db, {"event": 7, "state": "running", "folder": "/old"}))
    ledger.write(lambda db: adopted.stop(db, 8))
    assert now()["state"] == "running"
    ledger.write(lambda db: adopted.stop(db, 7))
    assert now() == {"event": 7, "state": "stopped", "folder": "/old"}
    ledger.write(lambda db: adopted.write(db, {"event": 7, "state": "done"}))
    ledger.write(lambda db: adopted.stop(db, 7))
    assert now()["state"] == "done"


def test_the_event_of_an_adopted_photo_says_what_gives_it_back_and_so_does_that_of_its_half(ledger):
    photo_id = add(ledger)
    adoption = {
        "run": 5,
        "by": "eva",
        "path": "/old/anna/a.jpg",
        "moved": True,
        "said": SAID,
        "origins": [["photo", "/old/anna/a.jpg"], ["raw", "/old/anna/a.dng"]],
    }
    photo = ledger.read(lambda db: photos.get(db, photo_id))
    event = adopted.event_of(photo, adoption, more="x")
    assert (event.kind, event.photo_id, event.actor) == (EventKind.FOLDER_ADOPTED, photo_id, "eva")
    assert event.data == {
        "group": 5,
        "path": "/old/anna/a.jpg",
        "moved": True,
        "people": ["Anna"],
        "origins": adoption["origins"],
        "source": "inbox",
        "more": "x",
    }
    assert adopted.event_of(photo, adoption | {"said": None}).data["people"] == []

    def half(member):
        return ledger.read(lambda db: adopted.of_half(db, photo_id, member))

    assert half(Member.RAW) is None
    ledger.write(lambda db: events.append(db, [event], AT))
    assert half(Member.VIDEO) is None
    assert half(Member.RAW) == {
        "run": 5,
        "by": "eva",
        "moved": True,
        "said": None,
        "path": "/old/anna/a.dng",
        "paths": ["/old/anna/a.dng"],
        "origins": [["photo", "/old/anna/a.dng"]],
    }
    put(ledger, photo_id, "/old/anna/a.jpg", run=5)
    assert half(Member.RAW)["said"] == SAID


def test_older_downloads_are_taken_over_once_and_go_with_their_adoption(ledger):
    def row(path, digest):
        return OlderDownload(path, os.path.basename(path), digest, "whatsapp", "2020-01-01")

    first, second = row("/old/a.jpg", "ab" * 32), row("/old/b.jpg", "cd" * 32)

    def rows():
        return ledger.read(
            lambda db: db.conn.execute(
                "SELECT file_path, filename, file_hash, source, download_date FROM downloads ORDER BY rowid"
            ).fetchall()
        )

    assert ledger.write(lambda db: adopted.put_downloads(db, 1, [first])) == 1
    assert ledger.write(lambda db: adopted.put_downloads(db, 2, [first, second])) == 1
    assert rows() == [
        ("/old/a.jpg", "a.jpg", "ab" * 32, "whatsapp", "2020-01-01"),
        ("/old/b.jpg", "b.jpg", "cd" * 32, "whatsapp", "2020-01-01"),
    ]
    photo_id = add(ledger)
    own = Download("/photos/x.jpg", "x.jpg", "ef" * 32, "inbox", AT)
    ledger.write(lambda db: put_download(db, photo_id, own))
    ledger.write(lambda db: adopted.forget_downloads(db, 2))
    assert [path for path, *_ in rows()] == ["/old/a.jpg", "/photos/x.jpg"]
    assert ledger.write(lambda db: adopted.put_downloads(db, 3, [second])) == 1
    ledger.write(lambda db: adopted.forget_downloads(db, 1))
    assert [path for path, *_ in rows()] == ["/photos/x.jpg", "/old/b.jpg"]
