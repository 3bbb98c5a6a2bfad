"""Assets, libraries, Immich and the sidecar come and go: photos wait, and none is taken for another."""

import pytest
from tests.fakes import close_world, picture
from tests.faulty_immich import FaultyWorld, at_rest, reason_of, rounds, state

from smartsort.core.completion import CHAIN
from smartsort.core.model import State
from smartsort.errors import ImmichRejected, ImmichUnreachable
from smartsort.ledger import shards

DOWN = ImmichUnreachable("the fake Immich is down; wait")


# --- assets that change ----------------------------------------------------------------------


async def test_an_asset_deleted_and_imported_again_is_found_under_its_new_id(place, server):
    """The row goes, the file stays, and the next scan imports it under a new id."""
    server.at_work["faceDetection"] = {"anna_1.jpg"}
    photo = await place.deliver("anna_1.jpg")
    other = await place.deliver("bella_1.jpg")
    # Bella's queue is empty, so the look resolves both.
    server.queue_counts = _idle(server)
    await rounds(place, 8)
    old = place.photo(photo).asset_id
    assert old is not None
    server.at_work.clear()
    server.delete("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]
    assert place.photo(photo).asset_id not in (None, old)
    assert state(place, other) is State.FILED


def _idle(server):
    from smartsort.core.completion import QueueCount

    async def counts():
        server._call("queue_counts")
        return {name: QueueCount() for name in CHAIN}

    return counts


async def test_a_photo_immich_does_not_import_is_scanned_for_again_and_then_asked_about(place, server):
    server.imports = False
    photo = await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["review/unidentified/unknown_anna_1.jpg"]
    assert reason_of(place, photo).code == "recognition_failed"
    assert server.calls_made["scan"] >= 3
    place.check()


async def test_a_scan_that_missed_a_photo_is_repeated(place, server):
    server.imports = False
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 3)
    server.imports = True
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_a_library_immich_cannot_read_concludes_nothing(place, server):
    """Its mount is missing there; that says nothing about the photos."""
    server.imports, server.readable = False, False
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 40, seconds=10)
    assert state(place, photo) is State.PLACED
    assert "cannot read" in str(place.problems[-1])
    assert "shard-0001" in str(place.problems[-1])
    server.imports = server.readable = True
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_without_scans_of_our_own_a_photo_waits_for_immich_s(make):
    place = make(settings={"immich.trigger_scan": False})
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 40, seconds=60)
    assert state(place, photo) is State.PLACED
    assert place.server.calls_made["scan"] == 0
    await place.server.scan(place.server.libraries_made[0].id)  # Immich's own, at midnight
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


# --- Immich comes and goes -------------------------------------------------------------------


async def test_immich_down_at_first_and_then_there(place, server):
    server.down = True
    photo = await place.deliver("anna_1.jpg")
    await rounds(place, 5)
    assert state(place, photo) is State.HASHED
    assert place.problems
    server.down = False
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


@pytest.mark.parametrize(
    "call",
    [
        "uploads_with_content",
        "libraries",
        "create_library",
        "scan",
        "queue_counts",
        "resolve",
        "look",
        "faces",
        "people",
        "detect_missing_faces",
        "detection_jobs",
        "recognise_unassigned_faces",
    ],
)
async def test_immich_gone_in_the_middle_of_any_call_only_makes_photos_wait(place, server, call):
    server.failing[call] = [DOWN, DOWN]
    ids = [await place.deliver(n) for n in ("anna_1.jpg", "none_1.jpg", "stranger_1.jpg")]
    await at_rest(place)
    assert place.problems.count(DOWN) >= (1 if call == "faces" else 2) or call == "faces"
    assert [place.places(i) for i in ids] == [
        ["faces/anna/anna_1.jpg"],
        ["review/unidentified/noface_none_1.jpg"],
        ["review/unidentified/unknown_stranger_1.jpg"],
    ]
    place.check()


async def test_a_scan_that_never_started_is_made_up_for(place, server):
    """The photo is in the library and the ledger; only Immich has not heard of it."""
    server.failing["scan"] = [DOWN]
    photo = await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]
    assert server.calls_made["scan"] == 2


async def test_a_library_is_found_rather_than_made_twice(place, server, root):
    await place.deliver("anna_1.jpg")
    await at_rest(place)
    assert server.calls_made["create_library"] == 1
    close_world(place)
    again = FaultyWorld(root, server=server)
    try:
        assert await again.sidecar.place_stage.ensure_library() == server.libraries_made[0].id
        photo = await again.deliver("bella_1.jpg", picture(99))
        await at_rest(again)
        assert again.places(photo) == ["faces/bella/bella_1.jpg"]
        assert server.calls_made["create_library"] == 1
    finally:
        close_world(again)


async def test_a_library_made_by_hand_for_the_folder_is_used(place, server):
    from smartsort.ports import Library

    server.libraries_made.append(Library("by-hand", "My photos", ("/elsewhere", "/mnt/library/shard-0001/")))
    assert await place.sidecar.place_stage.ensure_library() == "by-hand"
    assert server.calls_made["create_library"] == 0
    assert place.ledger.read(shards.shards)[0].library_id == "by-hand"


async def test_a_library_that_was_deleted_in_immich_is_made_anew(place, server):
    await place.deliver("anna_1.jpg")
    await at_rest(place)
    [old] = server.libraries_made
    server.libraries_made.clear()
    server.assets.clear()
    unknown = ImmichRejected("library: Not found or no library.update access", 400)
    real = server.scan

    async def scan(library_id):
        if library_id == old.id:
            server._call("scan")
            raise unknown
        await real(library_id)

    server.scan = scan
    photo = await place.deliver("anna_2.jpg")
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_2.jpg"]
    assert place.ledger.read(shards.shards)[0].library_id != old.id


# --- restart ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["claimed", "examine", "deduplicate", "place", "recognise"])
async def test_a_restart_goes_on_from_every_state(root, after):
    names = ("anna_1.jpg", "none_1.jpg", "stranger_1.jpg", "anna+bella_1.jpg")
    first = FaultyWorld(root)
    server = first.server
    server.at_work["faceDetection"] = set(names)
    server.queue_counts = _idle(server)
    ids = [await first.deliver(n) for n in names]
    copy = await first.deliver("copy.jpg", _bytes_of(first, ids[0]))
    stages = ("claimed", "examine", "deduplicate", "place", "recognise")
    for _ in range(3 if after == "recognise" else 1):
        for name in stages[1 : stages.index(after) + 1]:
            await first.stage(name)
    reached = {first.photo(i).state for i in ids}
    close_world(first)

    server.at_work.clear()
    second = FaultyWorld(root, server=server)
    try:
        assert {second.photo(i).state for i in ids} == reached
        assert second.sidecar.recovered.unknown == ()
        await at_rest(second)
        assert [second.places(i) for i in (*ids, copy)] == [
            ["faces/anna/anna_1.jpg"],
            ["review/unidentified/noface_none_1.jpg"],
            ["review/unidentified/unknown_stranger_1.jpg"],
            ["review/multiple_faces/multi_anna+bella_1.jpg"],
            ["review/duplicates/duplicate_copy.jpg"],
        ]
        second.check()
    finally:
        close_world(second)
    expected = {
        "claimed": State.CLAIMED,
        "examine": State.HASHED,
        "deduplicate": State.UNIQUE,
        "place": State.PLACED,
        "recognise": State.KNOWN,
    }
    assert reached == {expected[after]}


def _bytes_of(place, photo):
    with open(place.context.absolute(place.names(photo)[0]), "rb") as file:
        return file.read()
