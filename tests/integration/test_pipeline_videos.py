"""Videos on their whole way: who is in their frames decides, and a broken one costs the others nothing."""

import asyncio
import io
import random
import shutil
import signal
import threading
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image
from tests.live_sidecar import BASE, live_sidecar

from smartsort.confidence import films as confidence_films
from smartsort.confidence.judge import Measure
from smartsort.core import similarity
from smartsort.core.model import FaceMark, Film, MarkKind, State
from smartsort.core.wording import sentence
from smartsort.demo.samples import FAMILY, make_samples
from smartsort.demo.videos import FILMS, Scene, iter_videos, make_video
from smartsort.files import decoders
from smartsort.files.problems import FileUnreadable, FileVanished
from smartsort.ledger import films, photos, picture_hashes
from smartsort.pipeline.arrival import examine

JOHN, SARAH = FAMILY[:2]
RESTING = State.FILED, State.REVIEW


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    return folder, {sample.path: sample for sample in iter_videos(str(folder), 0)}


def hand_in(live, source, name):
    target = live.root / "inbox" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, f"{target}.part")
    shutil.move(f"{target}.part", target)


def film(live, name, *scenes, seed=0):
    """A video of these scenes, in the inbox."""
    path = live.root.parent / name
    make_video(str(path), scenes, random.Random(seed))
    hand_in(live, path, name)
    return path


def places(live):
    def read(db):
        rows = db.conn.execute("SELECT id, original_name FROM photos").fetchall()
        names = photos.names_of(db, [row[0] for row in rows])
        return {name: {f"{n.area.value}/{n.path}" for n in names[i]} for i, name in rows}

    found = live.sidecar.context.ledger.read(read)
    return {
        name: next(p.rpartition("/")[0] for p in paths if not p.startswith("library/"))
        for name, paths in found.items()
    }


def reasons(live, name):
    def read(db):
        (row,) = db.conn.execute("SELECT id FROM photos WHERE original_name = ?", (name,)).fetchall()
        return photos.last_decision(db, row[0])

    return live.sidecar.context.ledger.read(read)


def test_who_is_in_the_frames_decides(drawn, tmp_path):
    folder, samples = drawn
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        for path in samples:
            hand_in(live, folder / path, path)
        live.wait_for(lambda: live.all_sorted(3), "all to be sorted")
        found = places(live)
        for path, sample in samples.items():
            here = found[path.rpartition("/")[2]]
            if sample.category == "faces":
                assert here == f"faces/{sample.person.lower().replace(' ', '_')}"
            else:
                assert here == f"review/{sample.category}"
        evidence = reasons(live, "passing by.mp4")[4]
        assert [len(one.seen) for one in evidence.film.faces][:1] == [8]
        client = live.client()
        explained = client.get(f"{BASE}/explain", params={"file": "passing by.mp4"}).json()
        assert explained["seen"][0].startswith("John Doe in 8 of 12 frames")
        assert "Seen at 0:0" in explained["seen"][0]

        # What a human says of the stranger on the poster frame holds for the same face in the frames.
        passer = next(one for one in evidence.film.faces if one.poster is not None)
        ignored = {passer.poster: FaceMark(MarkKind.IGNORED, "k")}
        asset = live.sidecar.context.ledger.read(
            lambda db: db.conn.execute(
                "SELECT asset_id FROM photos WHERE original_name = 'passing by.mp4'"
            ).fetchone()[0]
        )
        again = live.run(live.sidecar.measure.recall(asset, replace(evidence, marks=ignored)))
        assert again.marks[passer.face.id].kind is MarkKind.IGNORED
        assert [one.face.person for one in again.film.faces] == [
            one.face.person for one in evidence.film.faces
        ]


def test_without_machine_learning_the_frame_of_immich_decides_and_that_is_told(drawn, tmp_path):
    folder, _ = drawn
    with live_sidecar(tmp_path / "root") as live:
        hand_in(live, folder / "instagram/passing by.mp4", "passing by.mp4")
        live.wait_for(lambda: live.all_sorted(1), "it to be sorted")
        assert places(live)["passing by.mp4"] == "review/unidentified"
        assert reasons(live, "passing by.mp4")[3][-1].code == "only_poster"


DECODER = """
import os, signal, sys, time
from smartsort.files import decoder

def frames(path, copies):
    name = os.path.basename(path)
    if "hangs" in name:
        decoder._PATIENCE = 100
        decoder._limit(1, is_background=True)
        # A machine with much to do gives hardly anything to who makes way for all others.
        signal.setitimer(signal.ITIMER_PROF, 0.01)
        while True:
            pass
    if "sleeps" in name:
        decoder._PATIENCE = 1
        decoder._limit(1, is_background=True)
        time.sleep(1000)
    if "kills" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    return plain(path, copies)

plain = decoder.TASKS["frames"]
decoder.TASKS["frames"] = frames
decoder.main(*map(int, sys.argv[1:]))
"""


def test_a_video_that_hangs_or_kills_the_decoder_costs_one_process_and_the_others_go_on(
    tmp_path, monkeypatch
):
    """The decoder is one that FFmpeg hangs or ends in: what happens around it is smartsort's own."""
    started = []
    plain = decoders.subprocess.Popen

    def popen(command, **options):
        assert command[2:4] == ("-m", "smartsort.files.decoder")
        process = plain((*command[:2], "-c", DECODER, *command[4:]), **options)
        started.append(process)
        return process

    monkeypatch.setattr(decoders.subprocess, "Popen", popen)
    with live_sidecar(tmp_path / "root", samples=6, machine_learning=True) as live:
        for number, name in enumerate(("hangs.mp4", "sleeps.mp4", "kills.mp4", "good.mp4")):
            film(live, name, Scene(2, (SARAH if name == "good.mp4" else JOHN,)), seed=number)
        live.wait_for(lambda: live.all_sorted(10), "all to be sorted")
        found = places(live)
        bad = {"hangs.mp4": "took longer", "sleeps.mp4": "took longer", "kills.mp4": "SIGSEGV"}
        for name, why in bad.items():
            assert found[name] == "review/unidentified"
            reason = reasons(live, name)[3][0]
            assert reason.code == "frames_unreadable"
            assert why in sentence(reason)
        assert found["good.mp4"] == "faces/sarah_smith"
        assert sum(place.startswith("faces/") for place in found.values()) >= 3
    deaths = Counter(process.returncode for process in started)
    assert [deaths[-number] for number in (signal.SIGPROF, signal.SIGALRM, signal.SIGSEGV)] == [1, 1, 1]


def test_a_video_that_the_disk_fails_to_read_once_has_another_turn(tmp_path, monkeypatch):
    """The disk's error says nothing about the video, and keeps no other one waiting."""
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        plain = live.sidecar.videos._decoders.frames
        answers = [FileUnreadable("cannot read torn.mp4: the disk reports an error", "torn.mp4")] * 2

        def frames(path, **options):
            return answers.pop() if "torn" in path and answers else plain(path, **options)

        monkeypatch.setattr(live.sidecar.videos._decoders, "frames", frames)
        film(live, "torn.mp4", Scene(2, (JOHN,)))
        film(live, "good.mp4", Scene(2, (SARAH,)), seed=1)

        def another_turn():
            live.run(live.sidecar.runner._retry_problems())
            return live.all_sorted(2)

        live.wait_for(another_turn, "both to be sorted")
        assert answers == []
        assert places(live) == {"torn.mp4": "faces/john_doe", "good.mp4": "faces/sarah_smith"}


def test_a_video_that_was_moved_while_it_was_to_be_opened_is_looked_at_again(tmp_path, monkeypatch):
    """A missing file says nothing about the video."""
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        decoders = live.sidecar.videos._decoders
        plain, answers = decoders.frames, [FileVanished("it is gone", "moved.mp4")]
        monkeypatch.setattr(
            decoders, "frames", lambda path, **more: answers.pop() if answers else plain(path, **more)
        )
        film(live, "moved.mp4", Scene(2, (JOHN,)))
        live.wait_for(lambda: live.all_sorted(1), "it to be sorted")
        assert answers == []
        assert places(live) == {"moved.mp4": "faces/john_doe"}


def test_copies_of_a_video_wait_and_the_better_one_is_named(tmp_path):
    with live_sidecar(
        tmp_path / "root",
        machine_learning=True,
        settings={"deduplication.near_duplicates": True},
    ) as live:
        scenes = Scene(4, (JOHN,)), Scene(3), Scene(5, (JOHN,))
        film(live, "whole.mp4", *scenes)
        live.wait_for(lambda: live.all_sorted(1), "the first to be sorted")
        small = tmp_path / "small.mp4"
        make_video(str(small), [Scene(4, (JOHN,)), Scene(3), Scene(2, (JOHN,))], random.Random(0))
        hand_in(live, small, "cut.mp4")
        live.wait_for(lambda: live.all_sorted(2), "the copy to be sorted")
        assert places(live)["cut.mp4"] == "review/duplicates"
        reason = reasons(live, "cut.mp4")[3][0]
        assert reason.code == "near_duplicate"
        assert reason.numbers["better"] == -1
        assert "The other is the better copy: 0:12.0 against 0:09.0" in sentence(reason)


def test_nothing_waits_while_a_video_is_held_against_others_and_its_faces_against_each_other(
    tmp_path, monkeypatch
):
    """Neither the ledger's one writer nor the event loop, on which photos depend."""
    compared = picture_hashes.videos_in_common
    done = []

    def comparing(*asked):
        ledger = live.sidecar.context.ledger
        writing = threading.Thread(target=lambda: done.append(ledger.write(lambda _: "written")), daemon=True)
        writing.start()
        writing.join(60)
        done.append("compared")
        return compared(*asked)

    def beside_the_loop(name, work):
        def working(*asked):
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            done.append(name)
            return work(*asked)

        return working

    monkeypatch.setattr(picture_hashes, "videos_in_common", comparing)
    for name in ("tracks", "closest", "confidence"):
        work = getattr(confidence_films, name, None) or getattr(similarity, name)
        for module in (confidence_films, similarity):
            monkeypatch.setattr(module, name, beside_the_loop(name, work), raising=False)
    with live_sidecar(
        tmp_path / "root", machine_learning=True, settings={"deduplication.near_duplicates": True}
    ) as live:
        film(live, "whole.mp4", Scene(2, (JOHN,)))
        live.wait_for(lambda: live.all_sorted(1), "it to be sorted")
        assert done[:3] == ["tracks", "written", "compared"]
        assert set(done[3:]) == {"closest", "confidence"}


def test_a_video_that_was_not_looked_at_is_not_placed_and_photos_are(tmp_path):
    with live_sidecar(tmp_path / "root", samples=2) as live:
        live.wait_for(lambda: live.all_sorted(2), "the photos")
        ledger = live.sidecar.context.ledger

        def prepared(db):
            ids = [row[0] for row in db.conn.execute("SELECT id FROM photos ORDER BY id")]
            db.conn.execute("UPDATE photos SET state = 'unique', problem = NULL")
            db.conn.execute("UPDATE photos SET media_kind = 'video' WHERE id = ?", (ids[0],))
            return ids

        # Nothing of this reaches a stage: the transaction is taken back.
        def read(db):
            db.conn.execute("SAVEPOINT trial")
            try:
                ids = prepared(db)
                before = [p.id for p in films.looked_at(db, 10)], films.next_video(db).id
                assert films.unwatched(db, ids) == {ids[0]}
                assert films.count_ready(db, State.UNIQUE) == 1
                films.put(
                    db, photos.get(db, ids[0]), Film(unknown="x"), "2026-01-01T00:00:00+00:00", films.Copies()
                )
                return ids, before, [p.id for p in films.looked_at(db, 10)], films.next_video(db)
            finally:
                db.conn.execute("ROLLBACK TO trial")

        ids, before, after, following = ledger.write(read)
        assert before == ([ids[1]], ids[0])
        assert after == ids
        assert following is None


def test_the_sample_videos_are_what_the_demo_says_of_them(drawn):
    _, samples = drawn
    assert set(samples) == set(FILMS)
    assert {s.category for s in samples.values()} == {"faces", "multiple_faces"}
    assert State.UNIQUE in films.WAITING


def test_the_frames_are_shown_with_times_and_boxes(drawn, tmp_path):
    folder, samples = drawn
    name = next(path for path in samples if path.startswith("whatsapp"))
    with live_sidecar(tmp_path / "root", samples=1, machine_learning=True) as live:
        hand_in(live, folder / name, "two.mp4")
        live.wait_for(lambda: live.all_sorted(2), "both to be sorted")
        client = live.client()
        (row,) = client.get(f"{BASE}/review/queue/multiple_faces").json()["items"]
        item = client.get(f"{BASE}/review/items/{row['id']}").json()
        sheet = client.get(item["frames"])
        assert sheet.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(sheet.content)).width > 900
        photo = 1 if row["id"] != 1 else 2
        assert client.get(f"{BASE}/photos/{photo}/frames").status_code == 404


def test_approving_assigns_the_face_that_immich_shows_and_says_where_it_shows_none(tmp_path):
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        film(live, "on poster.mp4", Scene(8, ("stranger 1",)))
        film(live, "later.mp4", Scene(3, ("stranger 2",)), Scene(9, ("stranger 3",)), seed=1)
        live.wait_for(lambda: live.all_sorted(2), "both to be sorted")
        assert set(places(live).values()) == {"review/unidentified"}
        client = live.client()
        for row in client.get(f"{BASE}/review/queue").json()["items"]:
            body = {"person": {"name": "John Doe"}}
            assert client.post(f"{BASE}/review/{row['id']}/approve", json=body).status_code == 200
        told = {}

        def delivered():
            found = client.get(f"{BASE}/events", params={"limit": 100}).json()
            told.update({e["kind"]: e for e in found["events"]})
            return {"face_assigned", "immich_update_failed"} <= told.keys()

        live.wait_for(delivered, "Immich to hear of it")
        assert told["face_assigned"]["filename"] == "on poster.mp4"
        assert told["immich_update_failed"]["filename"] == "later.mp4"
        assert "the poster frame does not show John Doe" in told["immich_update_failed"]["text"]


def test_a_video_that_was_written_on_is_looked_at_again(tmp_path):
    """What was seen belongs to bytes, and not to a row."""
    with live_sidecar(tmp_path / "root", samples=1) as live:
        live.wait_for(lambda: live.all_sorted(1), "the photo")

        def read(db):
            db.conn.execute("SAVEPOINT trial")
            try:
                db.conn.execute("UPDATE photos SET state = 'unique', media_kind = 'video', problem = NULL")
                photo = films.next_video(db)
                films.put(db, photo, Film(unknown="x"), "2026-01-01T00:00:00+00:00", films.Copies())
                seen = films.next_video(db), set(films.of_photos(db, [photo.id]))
                db.conn.execute("UPDATE photos SET sha256 = 'other'")
                return photo.id, seen, films.next_video(db).id, films.of_photos(db, [photo.id])
            finally:
                db.conn.execute("ROLLBACK TO trial")

        photo_id, seen, again, film = live.sidecar.context.ledger.write(read)
        assert seen == (None, {photo_id})
        assert (again, film) == (photo_id, {})


# --- photos go on meanwhile ------------------------------------------------------------------


def photo(live, seed, count=2):
    """Photos of one person each, in the inbox."""
    folder = live.root.parent / f"drawn {seed}"
    for sample in make_samples(str(folder), count, seed, size=(320, 240)):
        hand_in(live, folder / sample.path, f"{seed} {sample.path.rpartition('/')[2]}")


def test_photos_are_filed_while_a_video_is_held_against_everybody(tmp_path, monkeypatch):
    """Also those that Immich is through with later: the recogniser does not wait for the video."""
    go, held = threading.Event(), threading.Event()
    plain = Measure._film

    async def slow(measure, *asked):
        held.set()
        while not go.is_set():
            await asyncio.to_thread(go.wait, 0.01)
        return await plain(measure, *asked)

    monkeypatch.setattr(Measure, "_film", slow)
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        film(live, "held.mp4", Scene(2, (JOHN,)))
        live.wait_for(held.is_set, "the video to be measured")
        photo(live, 1)
        read = live.sidecar.context.ledger.read
        counts = lambda: read(photos.count_by_state)  # noqa: E731 - asked again and again
        live.wait_for(lambda: sum(counts().get(s, 0) for s in RESTING) == 2, "the photos to be filed")
        assert counts()[State.KNOWN] == 1
        go.set()
        live.wait_for(lambda: live.all_sorted(3), "the video to be filed")
        assert places(live)["held.mp4"] == "faces/john_doe"


def test_videos_that_wait_for_their_decoder_use_up_no_thread_of_others(tmp_path, monkeypatch):
    go, asked = threading.Event(), threading.Event()
    plain = decoders.Decoders.frames

    def slow(*args, **options):
        asked.set()
        go.wait(500)
        return plain(*args, **options)

    monkeypatch.setattr(decoders.Decoders, "frames", slow)
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        film(live, "held.mp4", Scene(2, (JOHN,)))
        live.wait_for(asked.is_set, "the video to be looked through")
        read, stage = live.sidecar.context.ledger.read, live.sidecar.videos
        video = read(films.next_video)
        waiting = [
            asyncio.run_coroutine_threadsafe(stage.again(video, Film(unknown="x")), live.loop)
            for _ in range(50)
        ]
        photo(live, 1)
        live.wait_for(
            lambda: sum(read(photos.count_by_state).get(s, 0) for s in RESTING) == 2, "the photos to be filed"
        )
        for each in waiting[1:]:
            each.cancel()
        go.set()
        live.wait_for(lambda: live.all_sorted(3), "the video to be filed")


def test_photos_are_filed_while_a_large_file_is_read(tmp_path, monkeypatch):
    path = tmp_path / "large.mp4"
    make_video(str(path), [Scene(2, (JOHN,))], random.Random(0))
    go, reading = threading.Event(), threading.Event()
    plain = examine.digests

    def slow(name, *expected):
        if name.endswith("large.mp4"):
            reading.set()
            go.wait(500)
        return plain(name, *expected)

    monkeypatch.setattr(examine, "LARGE_BYTES", path.stat().st_size, raising=False)
    monkeypatch.setattr(examine, "digests", slow)
    with live_sidecar(tmp_path / "root", machine_learning=True) as live:
        hand_in(live, path, "large.mp4")
        live.wait_for(reading.is_set, "it to be read")
        photo(live, 1)
        read = live.sidecar.context.ledger.read
        try:
            live.wait_for(
                lambda: sum(read(photos.count_by_state).get(s, 0) for s in RESTING) == 2, "the photos"
            )
        finally:
            go.set()
        live.wait_for(lambda: live.all_sorted(3), "the video to be filed")
        assert places(live)["large.mp4"] == "faces/john_doe"
