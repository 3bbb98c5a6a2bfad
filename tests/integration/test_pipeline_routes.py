"""From the inbox to the right folder, on a real ledger and real folders, with an Immich in memory."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import threading

import pytest
from tests.fakes import STAGES, TO_THE_LIBRARY, picture
from tests.faulty_immich import FaultyWorld, at_rest, reason_of

from smartsort.core.model import State
from smartsort.errors import RootUnavailable, StorageError
from smartsort.files import decoder
from smartsort.files.decoders import Decoders
from smartsort.files.names import ANY_NAME
from smartsort.files.placement import Placer
from smartsort.files.probe import probe
from smartsort.ledger import events, photos, review
from smartsort.ledger.records import Area, Member
from smartsort.ledger.shots import companion_name
from smartsort.lock import RootLocked
from smartsort.pipeline.arrival import examine
from smartsort.pipeline.recovery.claimed import photo_id_of, temp_name
from smartsort.ports import UploadCopy

STAMPED = r"_\d{8}_\d{6}"


@pytest.fixture
def place(make):
    return make(settings={"whitelist": ["anna", "Bella"], "blacklist": ["Victor"]})


async def sorted_(place, name, content=None, **more):
    photo = await place.deliver(name, content, **more)
    await at_rest(place)
    return photo


def listing(place, *folders):
    return sorted(os.listdir(os.path.join(place.root, *folders)))


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, content):
    with open(path, "wb") as file:
        file.write(content)


def same_file(one, other):
    return os.path.samefile(one, other)


def exists(path):
    return os.path.exists(path)


def review_rows(place):
    return place.ledger.read(
        lambda db: db.conn.execute(
            "SELECT file_path, category, reason, action FROM review_queue ORDER BY id"
        ).fetchall()
    )


# --- where photos go -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "where", "reason"),
    [
        ("victor_1.jpg", "review/unwanted_person/unwanted_victor_1.jpg", "blacklisted_person"),
        ("anna+victor_1.jpg", "review/unwanted_person/unwanted_anna+victor_1.jpg", "blacklisted_person"),
        ("none_1.jpg", "review/unidentified/noface_none_1.jpg", "no_faces_detected"),
        ("stranger_1.jpg", "review/unidentified/unknown_stranger_1.jpg", "unknown_face"),
        ("carl_1.jpg", "review/unidentified/notwhitelisted_carl_1.jpg", "not_in_whitelist"),
        ("anna+bella_1.jpg", "review/multiple_faces/multi_anna+bella_1.jpg", "multiple_faces"),
        ("anna+stranger_1.jpg", "review/multiple_faces/multi_anna+stranger_1.jpg", "multiple_faces"),
    ],
)
async def test_every_category_has_its_folder_its_prefix_and_its_reason(place, name, where, reason):
    photo = await sorted_(place, name)
    assert place.places(photo) == [where]
    assert reason_of(place, photo).code == reason
    [row] = review_rows(place)
    assert row[0] == f"{place.root}/{where}"
    assert row[1] == where.split("/")[1]
    assert row[2].startswith(reason)
    assert row[3] == "pending"
    assert place.photo(photo).state is State.REVIEW
    place.check()


async def test_a_wanted_person_gets_the_photo_under_its_own_name(place):
    content = picture(7)
    photo = await sorted_(place, "anna_1.jpg", content)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]
    row = place.photo(photo)
    assert (row.state, row.person_name, row.auto_sorted, row.category) == (State.FILED, "Anna", True, None)
    assert review_rows(place) == []
    assert bytes_of(f"{place.root}/faces/anna/anna_1.jpg") == content
    library = next(n for n in place.names(photo) if n.area is Area.LIBRARY)
    assert library.path == f"shard-0001/{row.sha256[:2]}/anna_1.jpg"
    # Design 2: another name of the same inode, no second copy; nothing is left behind.
    assert same_file(place.context.absolute(library), f"{place.root}/faces/anna/anna_1.jpg")
    assert listing(place, "inbox", "test") == []
    assert [n for n in listing(place, "temp_downloads") if not n.startswith(".")] == []
    place.check()


async def test_the_mtime_is_kept_to_the_nanosecond(place):
    """A changed mtime makes Immich run everything again."""
    photo = await place.deliver("anna_1.jpg")
    temp = place.context.absolute(place.names(photo)[0])
    before = os.stat(temp).st_mtime_ns
    await at_rest(place)
    assert {os.stat(place.context.absolute(n)).st_mtime_ns for n in place.names(photo)} == {before}


async def test_low_confidence_that_nobody_can_measure_waits_if_asked_to(make):
    place = make(settings={"when_confidence_unknown": "review"})
    photo = await sorted_(place, "anna_1.jpg")
    assert place.places(photo) == ["review/low_confidence/lowconf_anna_1.jpg"]
    assert reason_of(place, photo).code == "confidence_unknown"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"just some words\n" * 30, ""),
        (picture(3, 640, 480)[:900], ""),
        (b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>", "XMP"),
    ],
    ids=["empty", "text", "truncated", "side file"],
)
async def test_what_is_no_whole_picture_never_enters_the_library(place, content, why):
    photo = await sorted_(place, "anna_1.jpg", content)
    assert place.places(photo) == ["review/unidentified/unreadable_anna_1.jpg"]
    reason = reason_of(place, photo)
    assert reason.code == "unreadable"
    assert why in reason.detail
    assert not any(n.area is Area.LIBRARY for n in place.names(photo))
    assert bytes_of(f"{place.root}/review/unidentified/unreadable_anna_1.jpg") == content
    assert place.server.calls_made["scan"] == 0
    place.check()


async def test_a_file_no_decoder_was_prepared_for_holds_up_no_other(place, monkeypatch):
    def failing(path, max_pixels):
        if "anna_1" in path:
            raise ZeroDivisionError("division by zero")
        return probe(path, max_pixels)

    def here(_self, task, paths, arguments, **_more):
        return [decoder.answer(task, path, arguments) for path in paths]

    monkeypatch.setitem(decoder.TASKS, "probe", failing)
    monkeypatch.setattr(Decoders, "_ask", here)
    odd = await place.deliver("anna_1.jpg")
    fine = await sorted_(place, "anna_2.jpg")
    assert place.places(odd) == ["review/unidentified/unreadable_anna_1.jpg"]
    assert "ZeroDivisionError" in reason_of(place, odd).detail
    assert place.places(fine) == ["faces/anna/anna_2.jpg"]
    place.check()


async def test_everybody_gets_a_photo_of_wanted_people_if_asked_to(make):
    place = make(settings={"multiple_faces": "each_person"})
    photo = await sorted_(place, "anna+bella_1.jpg", xmp=b"<x/>")
    assert place.places(photo) == ["faces/anna/anna+bella_1.jpg", "faces/bella/anna+bella_1.jpg"]
    assert listing(place, "faces", "bella") == ["anna+bella_1.jpg", "anna+bella_1.jpg.xmp"]
    people = {n.path: n.person_id for n in place.names(photo) if n.area is Area.FACES}
    assert people[["faces", "anna", "x"][1] + "/anna+bella_1.jpg"] == place.server.person("Anna").id
    place.check()


async def test_two_people_of_one_name_are_never_guessed_at(make):
    place = make(people=("Anna", "anna", "Bella"))
    photo = await sorted_(place, "anna_1.jpg")
    assert place.places(photo) == ["review/unidentified/unknown_anna_1.jpg"]
    assert reason_of(place, photo).code == "ambiguous_name"


async def test_a_category_that_is_off_falls_through(make):
    place = make(settings={"review_categories.multiple_faces": False})
    photo = await sorted_(place, "anna+bella_1.jpg")
    assert place.places(photo) == ["review/unidentified/multi_anna+bella_1.jpg"]


# --- names -----------------------------------------------------------------------------------


async def test_a_taken_name_gets_a_time_stamp_and_then_a_counter(place):
    for source in ("one", "two", "three"):
        await place.deliver("anna_1.jpg", source=source)
    await at_rest(place)
    found = listing(place, "faces", "anna")
    assert len(found) == 3
    assert found[0] == "anna_1.jpg"
    assert re.fullmatch(rf"anna_1{STAMPED}\.jpg", found[1])
    assert re.fullmatch(rf"anna_1{STAMPED}(_2)?\.jpg", found[2])
    place.check()


async def test_a_file_somebody_else_put_there_is_never_overwritten(place):
    os.makedirs(f"{place.root}/faces/anna")
    put(f"{place.root}/faces/anna/anna_1.jpg", b"mine")
    photo = await sorted_(place, "anna_1.jpg")
    [where] = place.places(photo)
    assert re.fullmatch(rf"faces/anna/anna_1{STAMPED}\.jpg", where)
    assert bytes_of(f"{place.root}/faces/anna/anna_1.jpg") == b"mine"


@pytest.mark.parametrize(
    "name",
    [
        "stranger_" + "x" * 242 + ".jpg",  # 255 bytes; the prefix has no room
        "stranger_line\nbreak 🙂.jpg",
        os.fsdecode(b"stranger_caf\xe9.jpg"),
        "stranger_ends with a dot..jpg",
        "stranger_no extension",
        "stranger_wrong.png",
    ],
    ids=["long", "newline", "latin-1", "dots", "none", "wrong"],
)
async def test_strange_names_survive_outside_the_library_and_are_made_safe_inside(place, name):
    content = picture(9)
    photo = await sorted_(place, name, content, xmp=None)
    [where] = place.places(photo)
    own = os.path.basename(where)
    assert where.startswith("review/unidentified/unknown_stranger_")
    assert len(os.fsencode(own)) <= 255
    if len(os.fsencode(name)) < 240:
        assert own == f"unknown_{name}"
    library = next(n for n in place.names(photo) if n.area is Area.LIBRARY)
    safe = os.path.basename(library.path)
    assert safe.isprintable()
    assert safe.lower().endswith((".jpg", ".jpeg"))
    assert len(safe.encode()) <= 200
    assert bytes_of(place.context.absolute(library)) == content
    assert json.loads(json.dumps(review_rows(place)[0][0]))
    place.check()


async def test_a_name_with_a_traversal_in_the_person_stays_inside(make):
    place = make(people=("../../Anna",))
    place.server.who = lambda _path: ("../../Anna",)
    photo = await sorted_(place, "x.jpg")
    assert place.places(photo) == ["faces/anna/x.jpg"]


# --- what travels along ----------------------------------------------------------------------


async def test_two_photos_of_one_name_both_keep_it_in_the_library(place):
    def begins(content):
        return hashlib.sha256(content).hexdigest()[:2]

    first = picture(1)
    second = next(p for n in range(2, 5000) if begins(p := picture(n)) == begins(first))
    ids = [await sorted_(place, "anna_1.jpg", content) for content in (first, second)]
    names = [n.path for i in ids for n in place.names(i) if n.area is Area.LIBRARY]
    digest = hashlib.sha256(second).hexdigest()
    folder = f"shard-0001/{begins(first)}"
    assert names == [f"{folder}/anna_1.jpg", f"{folder}/{digest[:16]}/anna_1.jpg"]
    place.check()


async def test_a_photo_with_an_xmp_file_has_a_folder_of_its_own(place):
    # Immich would take IMG.xmp for the one of a neighbour of that stem as well.
    photo = await sorted_(place, "anna_1.jpg", xmp=b"<mine/>")
    folder = f"shard-0001/{place.photo(photo).sha256[:2]}/{place.photo(photo).sha256[:16]}"
    names = sorted(n.path for n in place.names(photo) if n.area is Area.LIBRARY)
    assert names == [f"{folder}/anna_1.jpg", f"{folder}/anna_1.jpg.xmp"]


async def test_an_xmp_file_travels_with_its_photo(place):
    photo = await sorted_(place, "anna_1.jpg", xmp=b"<mine/>")
    assert listing(place, "faces", "anna") == ["anna_1.jpg", "anna_1.jpg.xmp"]
    library = next(n for n in place.names(photo) if n.area is Area.LIBRARY and n.member is Member.XMP)
    assert library.path.endswith("/anna_1.jpg.xmp")
    assert bytes_of(f"{place.root}/faces/anna/anna_1.jpg.xmp") == b"<mine/>"
    place.check()


async def test_it_takes_the_name_the_photo_got(place):
    """A photo and what belongs to it are never parted."""
    await sorted_(place, "stranger_1.jpg", xmp=b"<one/>")
    second = await place.deliver("stranger_1.jpg", source="other", xmp=b"<two/>")
    await at_rest(place)
    [where] = place.places(second)
    name = os.path.basename(where)
    assert re.fullmatch(rf"unknown_stranger_1{STAMPED}\.jpg", name)
    assert bytes_of(f"{place.root}/review/unidentified/{name}.xmp") == b"<two/>"
    place.check()


async def test_a_photo_of_the_longest_name_still_carries_its_xmp(place):
    photo = await sorted_(place, "anna_" + "x" * 242 + ".jpg", xmp=b"<long/>")
    [where] = place.places(photo)
    assert exists(f"{place.root}/{where}.xmp")
    place.check()


async def test_a_duplicate_takes_its_xmp_along(place):
    await sorted_(place, "anna_1.jpg", picture(5), xmp=b"<one/>")
    await sorted_(place, "again_1.jpg", picture(5), xmp=b"<two/>")
    assert listing(place, "review", "duplicates") == ["duplicate_again_1.jpg", "duplicate_again_1.jpg.xmp"]
    place.check()


def test_a_companion_is_named_after_its_photo():
    from smartsort.ledger.records import Name

    xmp = Name(1, Area.TEMP, "1-xmp_IMG.jpg.xmp", Member.XMP)
    video = Name(1, Area.TEMP, "1-video_IMG.MOV", Member.VIDEO)
    assert companion_name(xmp, "unknown_IMG.jpg") == "unknown_IMG.jpg.xmp"
    assert companion_name(video, "unknown_IMG.jpg") == "unknown_IMG.MOV"


def test_a_claimed_file_says_whose_it_is():
    assert photo_id_of(temp_name(12, Member.PHOTO, "a-b.jpg", ANY_NAME)) == 12
    assert photo_id_of(temp_name(3, Member.XMP, "x" * 255, ANY_NAME)) == 3
    assert photo_id_of("holiday-1.jpg") is None
    assert photo_id_of("²-photo_a.jpg") is None  # a digit to Python, not to us
    assert photo_id_of("12.jpg") is None


# --- duplicates ------------------------------------------------------------------------------


async def test_the_same_file_twice_at_once_is_one_photo_and_one_duplicate(place):
    content = picture(1)
    first = await place.deliver("anna_1.jpg", content, source="one")
    second = await place.deliver("anna_1.jpg", content, source="two")
    await at_rest(place)
    assert place.places(first) == ["faces/anna/anna_1.jpg"]
    assert place.places(second) == ["review/duplicates/duplicate_anna_1.jpg"]
    assert place.photo(second).duplicate_of == first
    assert place.photo(first).duplicate_of is None
    reason = reason_of(place, second)
    assert reason.code == "duplicate"
    place.check()


async def test_a_duplicate_says_where_the_other_one_is(place):
    await sorted_(place, "anna_1.jpg", picture(1))
    second = await sorted_(place, "copy.jpg", picture(1))
    [row] = place.ledger.read(review.page).rows
    assert (row.photo_id, row.reasons[0].detail) == (second, "faces/anna/anna_1.jpg")


async def test_a_duplicate_is_noticed_while_immich_is_down(place):
    await sorted_(place, "anna_1.jpg", picture(1))
    place.server.down = True
    second = await sorted_(place, "copy.jpg", picture(1))
    assert place.places(second) == ["review/duplicates/duplicate_copy.jpg"]


async def test_duplicates_are_skipped_if_asked_to_but_kept_in_the_trash(make):
    place = make(settings={"deduplication.action_on_duplicate": "skip"})
    await sorted_(place, "anna_1.jpg", picture(1))
    second = await sorted_(place, "copy.jpg", picture(1))
    assert place.photo(second).state is State.SKIPPED
    assert place.places(second) == ["trash/2024-05/copy.jpg"]
    assert review_rows(place) == []
    place.check()


@pytest.mark.parametrize("trashed", [False, True])
async def test_an_upload_in_immich_counts_and_its_trash_does_not_hide_it(make, trashed):
    """The only other copy may vanish with Immich's trash, so this one is never skipped."""
    place = make(settings={"deduplication.action_on_duplicate": "skip"})
    photo = await place.deliver("anna_1.jpg")
    await place.stage("examine")
    place.server.uploads[place.photo(photo).sha1] = UploadCopy("asset-x", trashed)
    await at_rest(place)
    row = place.photo(photo)
    assert row.state is (State.REVIEW if trashed else State.SKIPPED)
    assert reason_of(place, photo).code == ("duplicate_in_immich_trash" if trashed else "duplicate")
    assert place.server.calls_made["scan"] == 0


async def test_without_the_check_every_file_is_a_photo_of_its_own(make):
    place = make(settings={"deduplication.check_hash": False})
    for source in ("one", "two"):
        await place.deliver("anna_1.jpg", picture(1), source=source)
    await at_rest(place)
    assert len(listing(place, "faces", "anna")) == 2
    assert place.server.calls_made["uploads_with_content"] == 0
    assert len(place.server.assets) == 2
    place.check()


async def test_a_backlog_is_asked_about_in_one_call(place):
    for n in range(8):
        await place.deliver(f"anna_{n}.jpg")
    await at_rest(place)
    assert place.server.calls_made["uploads_with_content"] == 1
    assert place.server.calls_made["scan"] == 1
    assert place.server.calls_made["resolve"] == 1


# --- batches ---------------------------------------------------------------------------------


async def test_a_backlog_goes_in_bounded_batches_and_all_of_it_arrives(make):
    place = make(settings={"immich.max_in_flight": 10})
    for n in range(25):
        await place.deliver(f"anna_{n}.jpg")
    most = 0
    for _ in range(60):
        for name in TO_THE_LIBRARY:
            await place.stage(name)
        most = max(most, place.ledger.read(photos.in_flight))
        await place.stage("recognise")
    assert 1 < most <= 10
    assert place.ledger.read(photos.count_by_state) == {State.FILED: 25}
    place.check()


async def test_the_first_of_a_delivery_do_not_wait_until_the_last_is_decoded(place, monkeypatch):
    monkeypatch.setattr(examine, "LONGEST_UNWRITTEN", 0.0)
    monkeypatch.setattr(examine, "SLICE_PHOTOS", 1)
    first, second = [await place.deliver(f"anna_{n}.jpg") for n in (1, 2)]
    decoding = threading.Event()

    def slow(_self, paths, _max_pixels):
        assert not paths[0].endswith("anna_2.jpg") or decoding.wait(60)
        return [probe(path) for path in paths]

    monkeypatch.setattr(Decoders, "probe", slow)
    step = asyncio.create_task(place.stage("examine"))
    rung = place.context.wakeups.subscribe()
    try:
        while place.photo(first).state is State.CLAIMED:
            await asyncio.wait_for(rung.wait(), 60)
            rung.clear()
        assert place.photo(second).state is State.CLAIMED
    finally:
        decoding.set()
        await step
    assert [place.photo(p).state for p in (first, second)] == [State.HASHED, State.HASHED]


async def test_one_photo_does_not_wait_for_another_to_be_finished(place):
    place.server.at_work["faceDetection"] = {"anna_1.jpg"}
    first = await place.deliver("anna_1.jpg")
    for _ in range(5):
        for name in STAGES:
            await place.stage(name)
    second = await place.deliver("bella_1.jpg")
    for name in TO_THE_LIBRARY:
        await place.stage(name)
    assert place.photo(second).state is State.PLACED
    assert place.photo(first).state in (State.PLACED, State.KNOWN)


async def test_a_full_shard_is_followed_by_the_next(make):
    # The smallest size the settings allow would take a thousand photos.
    place = make()
    place.context.tuning = type(place.context.tuning)(
        **{f: getattr(place.context.tuning, f) for f in place.context.tuning.__slots__} | {"shard_size": 2}
    )
    for n in range(5):
        await sorted_(place, f"anna_{n}.jpg")
    assert [lib.import_paths[0] for lib in place.server.libraries_made] == [
        "/mnt/library/shard-0001",
        "/mnt/library/shard-0002",
        "/mnt/library/shard-0003",
    ]
    assert len(listing(place, "faces", "anna")) == 5


# --- switched off ----------------------------------------------------------------------------


async def test_switched_off_everything_is_kept_waiting_and_nothing_is_lost(make):
    place = make(settings={"enabled": False})
    await place.deliver("anna_1.jpg", picture(1))
    await place.deliver("copy.jpg", picture(1))
    await place.deliver("broken.jpg", b"no picture")
    for _ in range(5):
        for name in STAGES:
            await place.stage(name)
    states = place.ledger.read(photos.count_by_state)
    assert set(states) <= {State.CLAIMED, State.HASHED}
    assert sum(states.values()) == 3
    assert (
        listing(place, "review", "duplicates") == [".smartsort-root"]
        or listing(place, "review", "duplicates") == []
    )
    assert place.server.calls_made.total() == 0

    place.sidecar.set_enabled(True)
    await at_rest(place)
    assert place.ledger.read(photos.count_by_state) == {State.FILED: 1, State.REVIEW: 2}
    place.check()


# --- history ---------------------------------------------------------------------------------


async def test_every_step_is_in_the_history(place):
    photo = await sorted_(place, "anna_1.jpg")
    history = place.ledger.read(lambda db: events.of_photo(db, photo))
    assert [e.kind for e in history] == ["accepted", "placed", "sorted"]
    assert history[-1].data["names"] == [["faces", "anna/anna_1.jpg"]]
    assert history[-1].data["people"] == ["Anna"]
    assert place.ledger.read(lambda db: list(events.broken_links(db))) == []
    download = place.ledger.read(
        lambda db: db.conn.execute(
            "SELECT file_path, filename, file_hash, source, person_name, auto_sorted FROM downloads"
        ).fetchone()
    )
    assert download == (
        f"{place.root}/faces/anna/anna_1.jpg",
        "anna_1.jpg",
        place.photo(photo).sha256,
        "test",
        "Anna",
        1,
    )


# --- the root --------------------------------------------------------------------------------


def test_a_second_sidecar_on_a_root_says_who_holds_it(place, root):
    with pytest.raises(RootLocked, match=rf"in use by another smartsort \(process {os.getpid()} on "):
        FaultyWorld(root)
    place.check()


async def test_an_unmounted_library_stops_the_work_and_nothing_is_concluded(place):
    photo = await place.deliver("anna_1.jpg")
    os.rename(f"{place.root}/library", f"{place.root}/away")
    os.makedirs(f"{place.root}/library")
    await place.stage("examine")
    await place.stage("deduplicate")
    with pytest.raises(RootUnavailable):
        await place.stage("place")
    assert place.photo(photo).state is State.UNIQUE
    shutil.rmtree(f"{place.root}/library")
    os.rename(f"{place.root}/away", f"{place.root}/library")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]
    place.check()


async def test_one_photo_that_cannot_be_placed_holds_up_nobody(make):
    class Picky(Placer):
        def place(self, batch):
            answers = super().place([w for w in batch if "cursed" not in w.source or "faces" not in w.folder])
            done = iter(answers)
            return [
                StorageError("the folder is cursed")
                if "cursed" in w.source and "faces" in w.folder
                else next(done)
                for w in batch
            ]

    place = make(placer=lambda guard: Picky(guard=guard))
    cursed = await place.deliver("anna_cursed.jpg", xmp=b"<x/>")
    others = [await place.deliver(f"anna_{n}.jpg") for n in range(3)]
    told = []
    for _ in range(10):
        for name in STAGES:
            try:
                await place.stage(name)
            except StorageError as problem:
                told.append((name, str(problem)))
    assert set(told) == {("recognise", "the folder is cursed")}
    assert {place.photo(i).state for i in others} == {State.FILED}
    assert place.photo(cursed).state is State.KNOWN
    place.check()


# --- what it costs ---------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "most"), [(60, 2.5), (150, 1.7)])
async def test_what_a_photo_costs_immich_without_the_waiting(make, count, most):
    """Calls are counted, not timed: this Immich is done at once, so nothing is asked twice.

    A tenth of the photos has no face; the proof of that is two calls more for each of them.
    """
    kinds = ("anna", "anna", "bella", "anna+bella", "stranger", "none", "anna", "bella", "victor", "carl")
    place = make(settings={"whitelist": ["anna", "bella"], "blacklist": ["victor"]})
    for n in range(count):
        await place.deliver(f"{kinds[n % len(kinds)]}_{n}.jpg")
    await at_rest(place)
    assert place.server.calls_made.total() / count <= most
