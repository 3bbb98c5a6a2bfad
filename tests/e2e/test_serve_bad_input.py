"""Whatever lands in the inbox is left where it is or goes to review with the reason; the rest goes on."""

import os
import re
import threading

import pytest

from smartsort.demo.samples import make_samples
from smartsort.ledger import events, photos
from smartsort.ledger.records import Area, Member


@pytest.fixture
def portraits(tmp_path):
    """Whole pictures of John Doe with different bytes."""
    found = []
    for seed in range(2):
        folder = tmp_path / f"samples {seed}"
        made = make_samples(folder, 40, seed, size=(160, 120))
        found += [
            (folder / s.path).read_bytes() for s in made if s.kind == "single" and s.person == "John Doe"
        ]
    return found


def outcome(live):
    """By the path a file was dropped at, relative to the inbox: its places and its deciding reason."""

    def read(db):
        ids = [row[0] for row in db.conn.execute("SELECT id FROM photos ORDER BY id")]
        names = photos.names_of(db, ids)
        return [
            (
                os.path.relpath(photo.origin_path, live.root / "inbox"),
                [
                    f"{n.area.value}/{n.path}"
                    for n in names[photo.id]
                    if n.member is Member.PHOTO and n.area is not Area.LIBRARY
                ],
                photos.last_decision(db, photo.id)[3][0],
            )
            for photo in photos.by_ids(db, ids)
        ]

    return live.sidecar.context.ledger.read(read)


def test_everything_bad_at_once(live, portraits):
    inbox = live.root / "inbox"
    for folder in ("one", "two", "x.jpg", "empty folder.jpg"):
        (inbox / folder).mkdir()
    os.symlink("/etc/passwd", inbox / "passwd.jpg")
    os.symlink(inbox, inbox / "loop")
    os.mkfifo(inbox / "fifo.jpg")
    long_name = "x" * 251 + ".jpg"
    strange = "new\nline 🙂.jpg"
    latin = os.fsdecode(b"caf\xe9.jpg")
    dropped = {
        "zero.jpg": b"",
        "text.jpg": b"<html>not found</html>",
        "truncated.jpg": portraits[0][:2000],
        long_name: portraits[0],
        strange: portraits[1],
        latin: portraits[2],
        "one/same.jpg": portraits[3],
        "two/same.jpg": portraits[4],
        "x.jpg/inside.jpg": portraits[5],
    }
    twice = portraits[6]
    for path, content in dropped.items():
        (inbox / path).write_bytes(content)
    barrier = threading.Barrier(2)

    def drop(path):
        barrier.wait()
        (inbox / path).write_bytes(twice)

    threads = [threading.Thread(target=drop, args=(f"{folder}/twice.jpg",)) for folder in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    live.wait_for(lambda: live.all_sorted(len(dropped) + 2), "everything to be sorted")
    found = {path: (places, reason) for path, places, reason in outcome(live)}
    assert set(found) == {*dropped, "one/twice.jpg", "two/twice.jpg"}
    for path, why in {"zero.jpg": "empty", "text.jpg": "", "truncated.jpg": ""}.items():
        [place], reason = found[path]
        assert place == f"review/unidentified/unreadable_{path}"
        assert reason.code == "unreadable"
        assert reason.detail
        assert why in reason.detail
    for path in (long_name, strange, latin):
        assert found[path][0] == [f"faces/john_doe/{path}"]
    same = sorted(found[p][0][0] for p in ("one/same.jpg", "two/same.jpg"))
    assert same[0] == "faces/john_doe/same.jpg"
    assert re.fullmatch(r"faces/john_doe/same_\d{8}_\d{6}\.jpg", same[1])
    assert found["x.jpg/inside.jpg"][0] == ["faces/john_doe/inside.jpg"]
    pair = sorted(found[p][0][0] for p in ("one/twice.jpg", "two/twice.jpg"))
    assert pair == ["faces/john_doe/twice.jpg", "review/duplicates/duplicate_twice.jpg"]

    # Nothing is lost: each content is at its place, byte for byte.
    for path, (places, _) in found.items():
        content = dropped.get(path, twice)
        assert [(live.root / place).read_bytes() for place in places] == [content]
    # What is no file stays where it is.
    left = {os.path.relpath(os.path.join(p, n), inbox) for p, ds, fs in os.walk(inbox) for n in (*ds, *fs)}
    assert left >= {"passwd.jpg", "fifo.jpg", "loop"}
    assert not any(n for _, _, fs in os.walk(inbox) for n in fs if n not in ("passwd.jpg", "fifo.jpg"))
    assert live.sidecar.runner.health_issues.open == ()
    assert live.sidecar.context.ledger.read(lambda db: list(events.broken_links(db))) == []


def test_what_is_left_alone_is_said_with_the_reason(live, portraits, caplog):
    inbox = live.root / "inbox"
    with caplog.at_level("WARNING", logger="smartsort.pipeline.arrival.inbox"):
        os.symlink("/etc/passwd", inbox / "passwd.jpg")
        os.mkfifo(inbox / "fifo.jpg")
        (inbox / "a.jpg").write_bytes(portraits[0])
        live.wait_for(lambda: live.all_sorted(1), "the photo beside them")
        live.wait_for(lambda: "fifo.jpg" in caplog.text and "passwd.jpg" in caplog.text, "the reasons")
    assert "passwd.jpg is left alone: it is a symbolic link" in caplog.text
    assert re.search(r"fifo\.jpg is left alone: it is .*pipe", caplog.text)
    assert "root:" not in caplog.text


def test_an_unfinished_download_is_taken_when_it_is_renamed(live, portraits):
    inbox = live.root / "inbox"
    with open(inbox / "a.jpg.part", "wb") as half:
        half.write(portraits[0][:100])
        half.flush()
        (inbox / "b.jpg").write_bytes(portraits[1])
        live.wait_for(lambda: live.all_sorted(1), "the photo beside it")
        half.write(portraits[0][100:])
    assert [p.name for p in inbox.iterdir()] == ["a.jpg.part"]
    (inbox / "a.jpg.part").rename(inbox / "a.jpg")
    live.wait_for(lambda: live.all_sorted(2), "the finished download")
    assert (live.root / "faces" / "john_doe" / "a.jpg").read_bytes() == portraits[0]


def test_a_file_somebody_still_writes_is_left_until_it_is_closed(live, portraits):
    """A slow writer that pauses is quiet, but not done."""
    inbox = live.root / "inbox"
    with open(inbox / "a.jpg", "wb") as half:
        half.write(portraits[0][:1500])
        half.flush()
        for content in portraits[1:4]:
            (inbox / f"{len(content)}.jpg").write_bytes(content)
        live.wait_for(lambda: live.all_sorted(3), "the photos beside it")
        assert (inbox / "a.jpg").exists()
        half.write(portraits[0][1500:])
    live.wait_for(lambda: live.all_sorted(4), "the photo that was written slowly")
    assert (live.root / "faces" / "john_doe" / "a.jpg").read_bytes() == portraits[0]
