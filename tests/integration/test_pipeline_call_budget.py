"""How often Immich is asked: as rarely as the proof allows, and never instead of it."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from tests.fakes import World, close_world
from tests.faulty_immich import Busy, FaultyWorld, at_rest, reason_of, rounds

from smartsort.bootstrap import HEALTH_SECONDS
from smartsort.core.completion import RECOGNITION
from smartsort.core.filing import FEW
from smartsort.core.model import Category, State
from smartsort.core.pace import FIRST_BATCH
from smartsort.errors import ImmichUnreachable
from smartsort.pipeline.recheck import changed_people
from smartsort.pipeline.recheck.changed_people import ChangedPeople
from smartsort.pipeline.recheck.waiting import Waiting
from smartsort.pipeline.routing.people import PEOPLE_SECONDS


async def deliver(place, *names):
    return [await place.deliver(name) for name in names]


MANY = 3 * FEW


def busy_library(place):
    """A library of many pages, each of which shows something new."""

    async def people_on(library_id, created_after, page):
        place.server._call("people_on")
        waiting = {a.id: {f"person-{page}": f"P{page}"} for a in place.server.assets.values()}
        return waiting, frozenset(), True

    return people_on


def several(kind, count=MANY):
    return [f"{kind}_{n}.jpg" for n in range(count)]


# --- photos that show nobody -----------------------------------------------------------------


async def test_of_many_photos_those_that_show_nobody_are_read_once(place, server):
    """Only those of small batches are read before it is asked about them, and once more after it."""
    faceless = await deliver(place, *several("none"))
    await at_rest(place)
    assert {reason_of(place, i).code for i in faceless} == {"no_faces_detected"}
    assert server.calls_made["faces"] <= MANY + FIRST_BATCH + FEW
    assert server.calls_made["asset"] == 0, "a listing tells of all that they have a preview"


async def test_strangers_among_them_are_told_apart_by_the_same_reading(place, server):
    await deliver(place, "stranger_0.jpg")
    await at_rest(place)  # recognition was started for these people
    before = server.calls_made["faces"]
    strangers = await deliver(place, *several("stranger"))
    faceless = await deliver(place, *several("none"))
    await at_rest(place)
    assert {reason_of(place, i).code for i in strangers} == {"unknown_face"}
    assert {reason_of(place, i).code for i in faceless} == {"no_faces_detected"}
    assert server.calls_made["faces"] - before == 2 * MANY


async def test_a_photo_without_a_preview_is_no_photo_without_a_face_among_many_either(place, server):
    good, bad = await deliver(place, *several("none")), await place.deliver("none_bad.jpg")

    def no_preview():
        server.asset_at("none_bad.jpg").has_preview = False

    real = server._import

    def imported(path):
        real(path)
        if path.endswith("none_bad.jpg"):
            no_preview()

    server._import = imported
    await at_rest(place)
    assert reason_of(place, bad).code == "recognition_failed"
    assert "no preview" in reason_of(place, bad).detail
    assert {reason_of(place, i).code for i in good} == {"no_faces_detected"}


async def test_a_photo_that_gets_its_preview_only_after_the_question_was_not_reached_by_it(place, server):
    photo, other = await deliver(place, "none_1.jpg", "none_2.jpg")
    await rounds(place, 1)
    asset = server.asset_at("none_1.jpg")
    asset.has_preview = False

    def preview():
        asset.has_preview = True

    server.before["detect_missing_faces"] = preview
    await rounds(place, 5)
    assert reason_of(place, other).code == "no_faces_detected"
    assert place.photo(photo).state is State.KNOWN
    await at_rest(place)
    assert reason_of(place, photo).code == "no_faces_detected", "the next question reached it"


async def test_a_photo_in_immich_s_trash_is_not_called_faceless(place, server):
    good, bad = await deliver(place, *several("none")), await place.deliver("none_bad.jpg")
    real = server._import

    def imported(path):
        real(path)
        if path.endswith("none_bad.jpg"):
            server.asset_at("none_bad.jpg").trashed_by_user = True

    server._import = imported
    await at_rest(place)
    assert reason_of(place, bad).code == "recognition_failed"
    assert {reason_of(place, i).code for i in good} == {"no_faces_detected"}


async def test_what_a_search_does_not_show_is_read_at_once(place, server):
    """Archived photos, for instance: their absence says nothing about who is on them."""

    async def nothing(library_id, placed_after):
        server._call("listed")
        return {}

    server.listed = nothing
    ids = await deliver(place, *several("anna"))
    await at_rest(place)
    assert {place.photo(i).state for i in ids} == {State.FILED}
    assert server.calls_made["detects_faces"] == 0


async def test_a_face_that_comes_while_it_is_asked_goes_through_the_whole_proof(place, server):
    """Somebody had its detection repeated: it was read without a face, and has one after the question."""
    photo = await place.deliver("anna_1.jpg")
    server.undetected = {"anna_1.jpg"}

    def repeated():
        server.undetected.clear()
        server.at_work[RECOGNITION] = server.unassigned = {"anna_1.jpg"}

    server.before["detect_missing_faces"] = repeated
    await rounds(place, 8)
    assert place.photo(photo).state is State.KNOWN, "nobody is assigned yet"
    server.at_work, server.unassigned = {}, set()
    await at_rest(place)
    assert place.places(photo) == ["faces/anna/anna_1.jpg"]


async def test_a_refused_question_keeps_nobody_waiting_who_has_a_face(place, server):
    await deliver(place, "stranger_0.jpg")
    await at_rest(place)
    server.failing["detect_missing_faces"] = [Busy()] * 100
    strangers = await deliver(place, *several("stranger"))
    faceless = await deliver(place, *several("none"))
    await rounds(place, 12)
    assert {reason_of(place, i).code for i in strangers} == {"unknown_face"}
    assert {place.photo(i).state for i in faceless} == {State.KNOWN}
    faces = server.calls_made["faces"]
    await rounds(place, 12)
    assert server.calls_made["faces"] == faces, "nothing is read again before a question is answered"
    server.failing.clear()
    await at_rest(place)
    assert {reason_of(place, i).code for i in faceless} == {"no_faces_detected"}


async def test_a_refused_question_is_not_put_again_at_every_look(place, server):
    server.failing["detect_missing_faces"] = [Busy()] * 100
    await place.deliver("none_1.jpg")
    await rounds(place, 8)
    before = server.calls_made["detect_missing_faces"]
    await rounds(place, 20, seconds=0.05)
    assert server.calls_made["detect_missing_faces"] - before <= 2


# --- while recognition is at work ------------------------------------------------------------


async def test_a_stranger_in_recognition_does_not_have_a_photo_read_at_every_look(place, server):
    """On many photos somebody known is assigned already and a stranger is still looked for."""
    names = several("anna+stranger", FEW + 4)
    server.at_work[RECOGNITION] = set(names)
    server.who = lambda path: ("Anna", None)
    ids = await deliver(place, *names)
    await rounds(place, 10)
    for done in range(1, FEW):
        server.at_work[RECOGNITION] = set(names[done:])
        await rounds(place, 2)
    assert server.calls_made["faces"] <= 2 * len(names)
    server.at_work.clear()
    await at_rest(place)
    assert {place.photo(i).category for i in ids} == {Category.MULTIPLE_FACES}
    assert server.calls_made["faces"] <= 2 * len(names) + len(names)


async def test_faces_behind_the_queue_all_of_the_next_photos_are_not_looked_at_until_that_is_over(
    place, server
):
    """Strangers are looked up once more behind all others, and so behind the next batch's detection."""
    await deliver(place, "stranger_0.jpg")
    await at_rest(place)
    server.at_work[RECOGNITION] = {"stranger_1.jpg"}
    stranger = await place.deliver("stranger_1.jpg")
    await rounds(place, 6)
    server.collective.add(RECOGNITION)
    server.at_work["thumbnailGeneration"] = {"bella_1.jpg"}
    await place.deliver("bella_1.jpg")
    await rounds(place, 8)
    before = server.calls_made["recognition_jobs"]
    await rounds(place, 20, seconds=0.25)
    assert server.calls_made["recognition_jobs"] - before <= 2
    server.at_work, server.collective = {}, set()
    await at_rest(place)
    assert reason_of(place, stranger).code == "unknown_face"


# --- people ----------------------------------------------------------------------------------


async def test_people_are_read_once_for_a_delivery(place, server):
    ids = await deliver(place, *(f"anna_{n}.jpg" for n in range(150)))
    await at_rest(place)
    assert {place.photo(i).state for i in ids} == {State.FILED}
    assert server.calls_made["people"] == 1


async def test_somebody_new_on_a_photo_has_them_read_at_once(place, server):
    await deliver(place, "anna_1.jpg")
    await at_rest(place)
    before = server.calls_made["people"]
    dora = server._add_person("Dora")
    twin = server._add_person("Dora")
    server.who = lambda path: ("Dora",) if "dora" in path else (None,)
    [photo] = await deliver(place, "dora_1.jpg")
    shown = server.person("Dora")
    assert shown is server.people_by_id[dora.id]
    server.assets["elsewhere"] = type(next(iter(server.assets.values())))("elsewhere", "/elsewhere/twin.jpg")
    server.assets["elsewhere"].faces = [
        type(server.asset_at("anna_1.jpg").faces[0])(
            "face-of-twin", server.asset_at("anna_1.jpg").faces[0].box, twin.id
        )
    ]
    await at_rest(place)
    assert server.calls_made["people"] == before + 1
    assert reason_of(place, photo).code == "ambiguous_name", "that there are two is known before it is filed"


async def test_a_person_immich_does_not_list_is_looked_for_once(place, server):
    """A person with only archived photos leaves the list and stays on the photos."""
    await deliver(place, "anna_0.jpg")
    await at_rest(place)
    real = server.people

    async def people():
        return [p for p in await real() if p.name != "Bella"]

    server.people = people
    place.sidecar.people._read_at = None
    before = server.calls_made["people"]
    for n in range(5):
        await deliver(place, f"bella_{n}.jpg")
        await at_rest(place)
    assert server.calls_made["people"] - before == 2


async def test_recognition_is_started_for_unassigned_faces_once_whoever_wants_it(place, server):
    await deliver(place, "stranger_1.jpg")
    await at_rest(place)
    assert server.calls_made["recognise_unassigned_faces"] == 1
    for _ in range(4):
        await place.stage("recheck")
    assert server.calls_made["recognise_unassigned_faces"] == 1
    server._add_person("Dora")
    place.sidecar.people._read_at -= PEOPLE_SECONDS
    for _ in range(4):
        await place.stage("recheck")
    await deliver(place, "stranger_2.jpg")
    await at_rest(place)
    assert server.calls_made["recognise_unassigned_faces"] == 2


async def test_somebody_unnamed_met_on_photos_in_review_has_it_started_once_more(place, server):
    """The first two faces of somebody stay unassigned when the third makes a person."""
    await deliver(place, "stranger_1.jpg", "stranger_2.jpg")
    await at_rest(place)
    asked = server.calls_made["recognise_unassigned_faces"]
    server._add_person("")
    new = server._add_person("")
    server.who = lambda path: (None,)
    third = await place.deliver("stranger_3.jpg")
    await at_rest(place)
    server.asset_at("stranger_3.jpg").faces[0].person = new.id
    for _ in range(6):
        await place.stage("recheck")
    assert reason_of(place, third).code == "unnamed_person"
    assert server.calls_made["recognise_unassigned_faces"] == asked + 1
    for _ in range(6):
        await place.stage("recheck")
    assert server.calls_made["recognise_unassigned_faces"] == asked + 1


async def test_a_recognition_that_is_at_work_is_asked_once_a_turn(place, server):
    await deliver(place, "stranger_1.jpg")
    await at_rest(place)
    server._add_person("Dora")
    server.failing["recognise_unassigned_faces"] = [Busy()] * 50
    before = server.calls_made["recognise_unassigned_faces"]
    for _ in range(3):
        assert await place.stage("recheck") == place.context.tuning.recheck_interval_seconds
    assert server.calls_made["recognise_unassigned_faces"] - before <= 3


# --- idle ------------------------------------------------------------------------------------


async def test_an_idle_minute_costs_one_call_while_photos_wait_in_review(place, server):
    await deliver(place, "anna_1.jpg", "stranger_1.jpg", "none_1.jpg", "anna+bella_1.jpg")
    await at_rest(place)
    await place.stage("recheck")
    before = Counter(server.calls_made)
    for turn in range(1, 9):
        assert await place.stage("recheck") == place.context.tuning.recheck_interval_seconds
        assert sum((Counter(server.calls_made) - before).values()) == turn
    assert Counter(server.calls_made) - before == {"in_trash": 4, "people_on": 4}
    place.sidecar.people._read_at -= PEOPLE_SECONDS
    await place.stage("recheck")
    assert Counter(server.calls_made) - before == {"in_trash": 4, "people_on": 4, "people": 1}


async def test_what_was_thrown_away_is_noticed_by_the_look_at_the_library_too(place, server):
    """By turns with the trash: so none of these photos waits for the next look at that."""
    for first_look in range(2):
        name = f"anna_{first_look}.jpg"
        anna, _ = await deliver(place, name, f"stranger_{first_look}.jpg")
        await at_rest(place)
        for _ in range(4 + first_look):
            await place.stage("recheck")
        server.asset_at(name).trashed_by_user = True
        await place.stage("recheck")
        assert place.photo(anna).state is State.REJECTED
        before = Counter(server.calls_made)
        for _ in range(8):
            await place.stage("recheck")
        assert Counter(server.calls_made) - before == {"in_trash": 4, "people_on": 4}


async def test_a_change_of_people_leaves_the_trash_its_turn(place, server):
    anna, _ = await deliver(place, "anna_1.jpg", "stranger_1.jpg")
    await at_rest(place)
    server.people_on = busy_library(place)
    server.asset_at("anna_1.jpg").trashed_by_user = True
    for _ in range(2):
        await place.stage("recheck")
    assert place.photo(anna).state is State.REJECTED


async def test_one_search_tells_of_people_and_of_the_trash(place, server):
    """With it every look sees what was deleted, and it costs no call more."""
    server.finds_together = True
    anna, stranger, *_ = await deliver(place, "anna_1.jpg", "stranger_1.jpg", "none_1.jpg")
    await at_rest(place)
    await place.stage("recheck")
    before = Counter(server.calls_made)
    for _ in range(8):
        await place.stage("recheck")
    assert Counter(server.calls_made) - before == {"shown": 8}
    server.asset_at("anna_1.jpg").trashed_by_user = True
    await place.stage("recheck")
    assert place.photo(anna).state is State.REJECTED
    server.asset_at("anna_1.jpg").trashed_by_user = False
    server.asset_at("stranger_1.jpg").faces[0].person = server.person("Bella").id
    await place.stage("recheck")
    assert place.photo(anna).state is State.FILED
    assert place.places(stranger) == ["faces/bella/stranger_1.jpg"]
    place.sidecar.people._read_at -= PEOPLE_SECONDS
    before = Counter(server.calls_made)
    await place.stage("recheck")
    assert Counter(server.calls_made) - before == {"people": 1}, "in place of the search"


async def test_an_immich_that_refuses_that_search_is_asked_by_turns(place, server):
    server.finds_together = True
    anna, _ = await deliver(place, "anna_1.jpg", "stranger_1.jpg")
    await at_rest(place)

    async def refuse(paths, below):
        server.finds_together = False

    server.shown = refuse
    server.asset_at("anna_1.jpg").trashed_by_user = True
    for _ in range(2):
        await place.stage("recheck")
    assert place.photo(anna).state is State.REJECTED


async def test_more_photos_wait_than_one_search_shows(world, monkeypatch):
    monkeypatch.setattr(changed_people, "AT_ONCE", 3)
    looks, _, waiting = await pages_of(world, 7)
    seen = [[one.photo_id for one in looks.next_portion(waiting)] for _ in range(4)]
    assert seen == [[1, 2, 3], [4, 5, 6], [7], [1, 2, 3]]
    del waiting[4], waiting[6], waiting[7]
    assert [one.photo_id for one in looks.next_portion(waiting)] == [5]
    looks.start_over()
    assert looks.hurried
    assert [one.photo_id for one in looks.next_portion(waiting)] == [1, 2, 3]
    await looks.compare(waiting, [], {})
    assert looks.hurried, "not all have been looked at"
    assert [one.photo_id for one in looks.next_portion(waiting)] == [5]
    await looks.compare(waiting, [], {})
    assert not looks.hurried


async def test_an_idle_minute_costs_one_call_while_nothing_waits(place, server):
    await deliver(place, "anna_1.jpg", "bella_1.jpg")
    await at_rest(place)
    before = Counter(server.calls_made)
    for _ in range(6):
        await place.stage("recheck")
    assert Counter(server.calls_made) - before == {"in_trash": 6}
    place.sidecar.people._read_at -= PEOPLE_SECONDS
    await place.stage("recheck")
    assert Counter(server.calls_made) - before == {"in_trash": 6, "people": 1}, "one of them, and not both"


async def test_while_immich_answers_others_it_is_not_asked_whether_it_is_there(make):
    place = make()
    pings = []

    async def ping():
        pings.append(1)
        return True

    place.server.ping = ping
    place.sidecar.connected = True
    await place.sidecar.people.refresh()
    place.server.silent = 20.0
    pause = await place.stage("connection")
    assert pings == []
    assert HEALTH_SECONDS - 20 < pause <= HEALTH_SECONDS
    place.server.silent = HEALTH_SECONDS
    assert await place.stage("connection") == HEALTH_SECONDS
    assert pings == [1]


async def test_a_call_that_failed_has_it_asked_at_the_next_turn(make):
    place = make()
    place.sidecar.connected = True
    await place.sidecar.people.refresh()
    place.server.down = True
    with pytest.raises(Exception, match="down"):
        await place.stage("connection")
    assert not place.sidecar.connected


async def test_only_an_immich_that_was_wholly_asked_counts_as_connected(make):
    """What a newer Immich lacks was never said when that question failed, and asked after the start."""
    place, answers = make(), [ImmichUnreachable("Immich stopped meanwhile"), ("get_ping is gone",)]

    async def misfits():
        assert not place.sidecar.connected
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    place.server.misfits = misfits
    with pytest.raises(ImmichUnreachable):
        await place.stage("connection")
    await place.stage("connection")
    assert place.sidecar.connected
    assert [issue.kind for issue in place.sidecar.runner.health_issues.open] == ["version"]


# --- who changed -----------------------------------------------------------------------------


class Pages:
    """A library of several pages, each with one waiting photo; which pages were read."""

    def __init__(self, count):
        self.people = [{"p1": "Anna"} for _ in range(count)]
        self.read = []
        self.names = ["Anna"]

    async def people_on(self, library_id, created_after, page):
        self.read.append(page)
        return {f"asset-{page}": self.people[page - 1]}, frozenset(), page < len(self.people)


@pytest.fixture
def world(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


async def pages_of(world, count):
    """What goes through a library of so many pages, and what waits in it."""
    await world.sidecar.place_stage.ensure_library()
    pages = Pages(count)
    world.server.people_on = pages.people_on
    waiting = {
        n: Waiting(
            n, f"asset-{n}", 1, "2024-05-01T12:00:00.000+00:00", n, "unknown_face", {"p1": "Anna"}, False
        )
        for n in range(1, count + 1)
    }
    return ChangedPeople(world.context, world.sidecar.people), pages, waiting


async def test_a_long_library_is_gone_through_a_page_at_a_time(world):
    looks, pages, waiting = await pages_of(world, 4)
    await looks.look(waiting)
    before = world.server.calls_made["people"]
    pages.read.clear()
    for _ in range(10):
        assert await looks.look(waiting) == []
    assert pages.read[:5] == [*pages.read[:1], *range(pages.read[0] + 1, 5), *range(1, pages.read[0] + 1)][:5]
    assert world.server.calls_made["people"] == before
    assert len(pages.read) == 10


async def test_after_a_change_the_rest_is_gone_through_in_a_hurry(world):
    looks, pages, waiting = await pages_of(world, 7)
    for _ in range(20):
        await looks.look(waiting)
    pages.people[2] = {"p2": "Bella"}
    pages.read.clear()
    found = []
    while not found:
        found = await looks.look(waiting)
    assert found == [3]
    pages.read.clear()
    await looks.look(waiting)
    assert pages.read == [4, 5, 6]
    await looks.look(waiting)
    assert pages.read == [4, 5, 6, 7]
    for _ in range(4):
        assert await looks.look(waiting) == [], "it is noticed once"


async def test_another_name_on_a_photo_is_noticed_by_its_page(world):
    looks, pages, waiting = await pages_of(world, 1)
    for _ in range(2):
        await looks.look(waiting)
    pages.people[0] = {"p1": "Anna Smith"}
    assert 1 in [*await looks.look(waiting), *await looks.look(waiting)]


async def test_after_a_start_only_photos_from_before_it_are_compared_with_immich(tmp_path):
    root = os.fspath(tmp_path / "root")
    first = FaultyWorld(root)
    await deliver(first, "anna_1.jpg")
    await at_rest(first)
    before = first.server.calls_made["resolve"]
    await first.stage("reconcile")
    assert first.server.calls_made["resolve"] == before
    close_world(first)
    second = FaultyWorld(root, server=first.server)
    try:
        for _ in range(3):
            await second.stage("reconcile")
        assert second.server.calls_made["resolve"] == before + 1
    finally:
        close_world(second)
