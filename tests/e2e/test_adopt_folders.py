"""What may lie in an adopted folder, what is refused, and what a user asks for, beside a demo Immich."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from tests.e2e.test_adopt_demo import adopt, audit_of, files_of, places
from tests.handed_in import shot
from tests.live_sidecar import BASE, REVIEW_TOKEN, TOKEN, LiveSidecar, live_sidecar
from tests.memory import another_disk
from tests.shots import clip, photo
from tests.sorted_folders import SortedFolder, make_sorted, picture_of

from smartsort.cli.main import cli
from smartsort.demo.samples import make_samples
from smartsort.pipeline.arrival import sorted_folders

HOSTILE = (
    "plain.jpg",
    "with space.jpg",
    "-rf.jpg",
    "$(touch x).jpg",
    "new\nline.jpg",
    "tab\there.jpg",
    "\u202egpj.exe.jpg",
    "a" * 240 + ".jpg",
    "été.JPG",
    "no_extension",
    "wrong.png",
    "..jpg",
    "%2e%2e%2f.jpg",
)


@pytest.fixture
def live(tmp_path):
    with live_sidecar(tmp_path / "root", 0, settings={"immich.recheck_interval_seconds": 0.3}) as running:
        yield running


@pytest.fixture
def pictures(tmp_path) -> list[bytes]:
    """Different drawn photos of John Doe."""
    drawn = tmp_path / "drawn"
    samples = make_samples(str(drawn), 60, 9, size=(160, 120))
    return [(drawn / s.path).read_bytes() for s in samples if s.person == "John Doe"]


def put(path: Path | bytes, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def ask(live: LiveSidecar, folder: Path, **more):
    asked = {"folder": str(folder), "sorted_as": "faces", **more}
    return live.client().post(f"{BASE}/adopt", json=asked)


def test_what_is_uncertain_stays_until_somebody_says_whose_it_is(live, tmp_path, pictures) -> None:
    old = tmp_path / "old"
    for name, content in zip(("jon", "john_doe", "Rose", "2019"), pictures, strict=False):
        put(old / name / "a.jpg", content)
    put(old / "beside.jpg", pictures[4])
    before = picture_of(old)
    preview = ask(live, old).json()
    found = {one["folder"]: (one["certainty"], one["person"]) for one in preview["folders"]}
    assert found["jon"] == ("uncertain", None)
    assert found["john_doe"] == ("matched", "John Doe")
    assert found["Rose"] == ("new", "Rose")
    assert found["2019"] == ("uncertain", None)
    assert (preview["matched"], preview["new"], preview["uncertain"], preview["photos"]) == (1, 1, 2, 2)
    assert "similar to John Doe" in next(o["why"] for o in preview["folders"] if o["folder"] == "jon")

    first = adopt(live, old)
    assert set(places(live, SortedFolder(old))) == {"john_doe/a.jpg", "Rose/a.jpg"}
    second = adopt(live, old, people={"jon": "John Doe"}, rest="unsorted")
    assert (first["taken"], second["taken"]) == (2, 3)
    found = places(live, SortedFolder(old))
    assert found["jon/a.jpg"][0].startswith("faces/john_doe/")
    assert set(found) == {"john_doe/a.jpg", "Rose/a.jpg", "jon/a.jpg", "2019/a.jpg", "beside.jpg"}
    assert picture_of(old) == before
    assert "no sub-folder" in ask(live, old, people={"jan": "John Doe"}).json()["detail"]


def test_what_is_moved_goes_back_where_it_was(live, tmp_path) -> None:
    folder = make_sorted(tmp_path / "old" / "faces", 20)
    before = files_of(folder.path)
    times = {p: os.stat(folder.path / p).st_mtime_ns for p in before}
    done = adopt(live, folder.path, move=True)
    left = set(files_of(folder.path))
    assert not left & set(places(live, folder))
    assert done["taken"] == len(places(live, folder)) > 10
    put(folder.path / folder.right[0], b"somebody else's")
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (done["taken"] - 1, 1), undone
    assert (folder.path / folder.right[0]).read_bytes() == b"somebody else's"
    after = files_of(folder.path)
    del before[folder.right[0]], after[folder.right[0]]
    assert after == before
    assert all(os.stat(folder.path / p).st_mtime_ns == times[p] for p in after)
    assert audit_of(live) == []


def test_the_same_bytes_are_known_before_immich_has_seen_them(tmp_path, pictures) -> None:
    old = tmp_path / "old"
    put(old / "john_doe" / "a.jpg", pictures[0])
    with live_sidecar(tmp_path / "root", 0, settings={"enabled": False}) as live:
        client = live.client()
        preview = ask(live, old).json()
        client.post(f"{BASE}/adopt/apply", json={"preview": preview["preview"]})
        live.wait_for(lambda: client.get(f"{BASE}/adopt").json()["state"] == "done", "the adoption")
        known = client.get(f"{BASE}/known/{hashlib.sha256(pictures[0]).hexdigest()}").json()
        assert (known["known"], known["available"], known["place"]) == (True, True, "ledger")
        refused = client.post(f"{BASE}/undo", json={"event": event_of(client)})
        assert refused.status_code == 409
        assert "1 photos of event" in refused.json()["detail"]
        put(live.root / "inbox" / "again.jpg", pictures[0])
        client.post(f"{BASE}/enable")
        live.wait_for(lambda: live.all_sorted(2), "both photos")
        assert places(live, SortedFolder(old)) == {"john_doe/a.jpg": ["faces/john_doe/a.jpg"]}
        assert list(files_of(live.root / "review" / "duplicates")) == ["duplicate_again.jpg"]


def event_of(client) -> int:
    return client.get(f"{BASE}/adopt").json()["event"]


def test_a_folder_that_may_not_be_adopted_is_refused(live, tmp_path) -> None:
    (tmp_path / "old").mkdir()
    for folder in (live.root, live.root / "faces", tmp_path, tmp_path / "gone", Path("old")):
        answer = ask(live, folder)
        assert answer.status_code == 409, folder
        assert str(folder) in answer.json()["detail"]
    (tmp_path / "link").symlink_to(live.root / "inbox")
    assert ask(live, tmp_path / "link").status_code == 409
    asked = {"folder": str(tmp_path / "old"), "sorted_as": "faces"}
    assert live.client(REVIEW_TOKEN).post(f"{BASE}/adopt", json=asked).status_code == 403
    assert live.client().get(f"{BASE}/adopt").status_code == 404


def test_no_name_changes_the_folder_or_leaves_it(live, tmp_path, pictures) -> None:
    old = tmp_path / "old"
    names = [os.fsencode(name) for name in HOSTILE] + [b"caf\xe9.jpg"]
    for number, name in enumerate(names):
        content = pictures[number % len(pictures)] + bytes([number])
        put(os.path.join(os.fsencode(old), b"john_doe", name), content)
    put(os.path.join(os.fsencode(old), b"..\\..\\faces", b"a.jpg"), pictures[0] + b"x")
    put(os.path.join(os.fsencode(old), b"caf\xe9", b"a.jpg"), pictures[0] + b"y")
    (old / "john_doe" / "loop").symlink_to(old)
    os.mkfifo(old / "john_doe" / "pipe.jpg")
    before = picture_of(old)
    done = adopt(live, old, rest="unsorted")
    assert picture_of(old) == before
    assert done["taken"] == len(names) + 2, done
    assert done["left_count"] == 2
    assert audit_of(live) == []
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (done["taken"], 0)
    assert picture_of(old) == before
    assert not any(files_of(live.root / area).keys() - {".smartsort-root"} for area in ("faces", "library"))


def test_what_travels_with_a_photo_comes_along_and_goes_back(live, tmp_path, pictures) -> None:
    old = tmp_path / "old" / "john_doe"
    put(old / "a.jpg", pictures[0])
    put(old / "a.jpg.xmp", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
    put(old / "b.jpg", pictures[1])
    put(old / "b.jpg.json", b'{"title": "b.jpg"}')
    put(old / "alone.xmp", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
    before = picture_of(old)
    done = adopt(live, old.parent)
    assert (done["taken"], done["left_count"]) == (2, 1)
    assert set(files_of(live.root / "faces" / "john_doe")) == {"a.jpg", "a.jpg.xmp", "b.jpg", "b.jpg.json"}
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (2, 0)
    assert picture_of(old) == before
    assert not files_of(live.root / "faces").keys() - {".smartsort-root"}


def test_a_file_that_was_edited_or_removed_there_stays_with_smartsort(
    live, tmp_path, pictures, monkeypatch
) -> None:
    monkeypatch.setattr("smartsort.audit.audit._LOOKS", (0.0,))  # no photo is being moved
    old = tmp_path / "old" / "john_doe"
    for name, content in zip("abc", pictures, strict=False):
        put(old / f"{name}.jpg", content)
    done = adopt(live, old.parent)
    os.unlink(old / "a.jpg")
    with open(old / "b.jpg", "ab") as file:  # in place: the bytes that smartsort has are these
        file.write(b"edited")
    assert any("edited" in found for found in audit_of(live))
    again = adopt(live, old.parent)
    assert (again["taken"], again["left_count"]) == (0, 1)
    assert "audit --repair" in again["left"][0]["why"]
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    # The edited file is one with smartsort's own, so nothing is lost when its names go.
    assert (undone["done"], undone["failed"]) == (2, 1)
    problems = " ".join(one["problem"] for one in undone["decided"] if one.get("problem"))
    assert "is gone, so smartsort keeps its own" in problems
    assert sorted(files_of(live.root / "faces" / "john_doe")) == ["a.jpg"]
    assert (old / "b.jpg").read_bytes() == pictures[1] + b"edited"
    put(old / "a.jpg", pictures[0])
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (1, 0)
    assert live.client().post(f"{BASE}/undo", json={"event": done["event"]}).status_code == 409


def older(path: Path, rows: list[tuple[str, str]]) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE downloads (id INTEGER PRIMARY KEY, url TEXT, file_path TEXT, filename TEXT,"
            " file_hash TEXT, source TEXT, download_date TEXT)"
        )
        insert = "INSERT INTO downloads (file_path, filename, file_hash) VALUES (?, 'x', ?)"
        db.executemany(insert, rows)
        db.commit()


def test_the_downloads_of_an_older_tool_count_as_known(live, tmp_path, pictures) -> None:
    old, kept = tmp_path / "old" / "faces", tmp_path / "kept" / "b.jpg"
    put(old / "john_doe" / "a.jpg", pictures[0])
    put(kept, pictures[1])
    digests = [hashlib.sha256(content).hexdigest() for content in pictures]
    rows = [(str(old / "john_doe" / "a.jpg"), digests[0]), (str(kept), digests[1]), ("gone.jpg", digests[2])]
    older(tmp_path / "old" / "media.db", rows)
    before = picture_of(tmp_path / "old")
    done = adopt(live, old)
    assert (done["downloads_known"], done["downloads_there"], done["taken"]) == (3, 2, 1)
    assert done["downloads"].endswith("media.db")
    assert places(live, SortedFolder(old)) == {"john_doe/a.jpg": ["faces/john_doe/a.jpg"]}
    known = [live.client().get(f"{BASE}/known/{digest}").json() for digest in digests[:3]]
    assert [(one["known"], one.get("place")) for one in known] == [
        (True, "ledger"), (True, "downloads"), (False, None)
    ]  # fmt: skip
    assert live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()["done"] == 1
    assert not live.client().get(f"{BASE}/known/{digests[1]}").json()["known"]
    assert picture_of(tmp_path / "old") == before


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no database", "no SQLite database"), (b"SQLite format 3\0" + b"\xff" * 4000, "cannot be used")],
)
def test_a_damaged_database_gives_one_clear_message(live, tmp_path, content, said) -> None:
    (tmp_path / "old").mkdir()
    put(tmp_path / "media.db", content)
    answer = ask(live, tmp_path / "old", downloads=str(tmp_path / "media.db"))
    assert answer.status_code == 409
    assert said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


def test_the_command_shows_asks_and_follows(live, tmp_path, pictures) -> None:
    old = tmp_path / "old"
    put(old / "john_doe" / "a.jpg", pictures[0])
    put(old / "jon" / "b.jpg", pictures[1])

    def run(*words: str):
        return CliRunner().invoke(
            cli, ["adopt", str(old), "--as", "faces", "--url", live.url, "--token", TOKEN, *words]
        )

    looked = run("--dry-run")
    assert "1 person matched, 0 new, 1 uncertain. 1 photo would come in." in looked.output
    assert (
        "that upload gets the person of the folder. How many these are is not counted here" in looked.output
    )
    assert "--yes" in run().output  # there is nobody to ask
    assert run("--map", "jon").exit_code == 2
    done = run("--yes", "--map", "jon=John Doe")
    assert done.exit_code == 0, done.output
    assert "2 photos taken over, 0 known already, 0 files left" in done.output
    again = run("--yes")
    assert "0 photos would come in. 2 are adopted already." in again.output
    assert "There is nothing to adopt." in again.output


def test_another_file_under_a_name_that_was_adopted_is_another_photo(live, tmp_path, pictures) -> None:
    old = tmp_path / "old" / "john_doe"
    put(old / "a.jpg", pictures[0])
    adopt(live, old.parent)
    os.unlink(old / "a.jpg")
    put(old / "a.jpg", pictures[1])
    assert adopt(live, old.parent)["taken"] == 1
    assert len(files_of(live.root / "faces" / "john_doe")) == 2
    assert audit_of(live) == []


def test_what_cannot_be_linked_is_copied_after_saying_so(tmp_path, pictures) -> None:
    folder = make_sorted(tmp_path / "old" / "faces", 16)
    before = picture_of(folder.path)
    elsewhere = Path(another_disk(tmp_path) or "") / f"smartsort-{os.getpid()}"
    assert elsewhere.parent.stat().st_dev != tmp_path.stat().st_dev
    try:
        with live_sidecar(elsewhere / "root", 0) as live:
            done = adopt(live, folder.path)
            assert (done["linked"], done["copied"]) == (0, done["photos"])
            assert done["copied_bytes"] > 0
            assert audit_of(live) == []
            undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
            assert (undone["done"], undone["failed"]) == (done["taken"], 0)
            assert audit_of(live) == []
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)
    assert picture_of(folder.path) == before


def test_a_folder_says_whose_a_photo_is_that_waits_in_review_already(live, tmp_path, pictures) -> None:
    """It is known and is not taken twice. Its person is the user's word, and the undo takes it back."""
    loose, old, client = tmp_path / "loose", tmp_path / "old", live.client()
    put(loose / "x.jpg", blank())
    put(loose / "y.jpg", pictures[0])
    adopt(live, loose, sorted_as="unsorted")
    before = tree(live)
    assert "review/unidentified/noface_x.jpg" in before
    put(old / "Rose" / "b.jpg", blank())
    put(old / "Rose" / "c.jpg", pictures[0])
    done = adopt(live, old)
    assert (done["taken"], done["known"]) == (0, 2)
    now = tree(live)
    assert "faces/rose/x.jpg" in now
    assert not [path for path in now if path.startswith("review/")]
    assert "faces/john_doe/y.jpg" in now, "every face on it is John Doe's: the folder is contradicted"
    history = client.get(f"{BASE}/events", params={"kind": "approved"}).json()["events"]
    assert [event["actor"] for event in history] == [done["by"]]
    undone = client.post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (1, 0)
    assert tree(live) == before
    assert audit_of(live) == []


def tree(live) -> set[str]:
    """All links to photos."""
    return {
        str(path.relative_to(live.root))
        for area in ("faces", "review")
        for path in (live.root / area).rglob("*.jpg")
    }


def test_a_filing_that_was_undone_stays_in_review(live, tmp_path, pictures) -> None:
    """The folder's word is taken back with it, also that of somebody whom Immich does not know."""
    old, client = tmp_path / "old", live.client()
    put(old / "john_doe" / "a.jpg", pictures[0])
    put(old / "Rose" / "b.jpg", blank())
    done = adopt(live, old)
    assert sorted(p for found in places(live, SortedFolder(old)).values() for p in found) == [
        "faces/john_doe/a.jpg",
        "faces/rose/b.jpg",
    ]
    filings = client.get(f"{BASE}/events", params={"kind": "filed_as_adopted"}).json()["events"]
    for event in filings:
        assert client.post(f"{BASE}/undo", json={"event": event["id"]}).json()["done"] == 1
    recheck = next(s.step.__self__ for s in live.sidecar.runner._stages if s.name == "recheck")
    for _ in range(3):
        before = recheck.looked_at
        live.wait_for(lambda before=before: recheck.looked_at > before, "another look at what waits")
    names = [p for found in places(live, SortedFolder(old)).values() for p in found]
    assert all(name.startswith("review/unidentified/undone_") for name in names), names
    undone = client.post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (2, 0)
    assert audit_of(live) == []


def blank() -> bytes:
    """A picture of nobody."""
    made = io.BytesIO()
    Image.new("RGB", (64, 48), (30, 90, 160)).save(made, "JPEG")
    return made.getvalue()


@pytest.mark.parametrize("move", [False, True])
def test_the_halves_of_a_shot_are_one_photo_and_go_back_as_two(live, tmp_path, move) -> None:
    old = tmp_path / "old" / "john_doe"
    for number, kind in enumerate(("live", "raw")):
        for ending, content in shot(number, kind).items():
            put(old / "2024" / f"IMG_{number}.{ending}", content)
    before = files_of(old)
    done = adopt(live, old.parent, move=move)
    assert (done["taken"], done["left_count"]) == (2, 0)
    assert files_of(live.root / "faces" / "john_doe").keys() == {os.path.basename(name) for name in before}
    assert files_of(old) == ({} if move else before)
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (2, 0)
    assert files_of(old) == before
    assert audit_of(live) == []


def test_a_broken_half_goes_back_as_well(live, tmp_path) -> None:
    old = tmp_path / "old" / "john_doe"
    film = clip(content_id="A-0", faststart=True)
    put(old / "IMG_0.jpg", photo(1, content_id="A-0"))
    put(old / "IMG_0.mov", film[: len(film) - 600])
    before = picture_of(old)
    done = adopt(live, old.parent)
    assert live.client().get(f"{BASE}/events", params={"kind": "split"}).json()["events"]
    undone = live.client().post(f"{BASE}/undo", json={"event": done["event"]}).json()
    assert (undone["done"], undone["failed"]) == (2, 0), undone
    assert picture_of(old) == before
    assert audit_of(live) == []
    assert not live.sidecar.context.ledger.read(lambda db: list(db.conn.execute("SELECT * FROM adopted")))


def test_what_was_never_sorted_is_judged_by_its_faces(live, tmp_path, pictures) -> None:
    old = tmp_path / "old"
    put(old / "2024" / "sarah_smith" / "a.jpg", pictures[0])
    put(old / "b.jpg", blank())
    before = picture_of(old)
    done = adopt(live, old, sorted_as="unsorted")
    assert (done["photos"], done["taken"], done["matched"]) == (2, 2, 0)
    assert places(live, SortedFolder(old)) == {
        "2024/sarah_smith/a.jpg": ["faces/john_doe/a.jpg"],
        "b.jpg": ["review/unidentified/noface_b.jpg"],
    }
    assert live.client().post(f"{BASE}/undo", json={"last": True}).json()["done"] == 2
    assert picture_of(old) == before
    assert audit_of(live) == []


def test_a_photo_that_goes_away_while_the_folder_is_looked_through_is_left(
    live, tmp_path, pictures, monkeypatch
):
    folder = tmp_path / "old"
    for number, picture in enumerate(pictures[:3]):
        put(folder / "John Doe" / f"{number}.jpg", picture)
    recognise = sorted_folders.recognise

    def takes_one_away(path):
        found = recognise(path)
        if path.endswith("0.jpg"):
            os.unlink(path)
        return found

    monkeypatch.setattr(sorted_folders, "recognise", takes_one_away)
    asked = {"folder": str(folder), "sorted_as": "faces"}
    preview = live.client().post(f"{BASE}/adopt", json=asked).json()
    assert [each["photos"] for each in preview["folders"]] == [2]
    gone = str(folder / "John Doe" / "0.jpg")
    assert [(each["path"], each["why"]) for each in preview["left"]] == [(gone, f"{gone} is gone")]
