"""A person of Immich who is two people: found, reported once, nothing filed there until it is settled."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from tests.measured import DIRECTIONS, decided, deliver

from smartsort.actions import PersonSelector
from smartsort.actions.values import NotMixed, NotUndoable
from smartsort.api.metrics import Metrics
from smartsort.api.pictures import Pictures
from smartsort.api.problems import Refused
from smartsort.api.state import StatusReader
from smartsort.confidence import Measure
from smartsort.confidence.galleries import EXAMINED, SIZE, _spread
from smartsort.core.model import State
from smartsort.ledger import embeddings, events
from smartsort.pipeline.engine.health import HealthIssueKind


def in_immich(world, *names):
    """Photos that Immich had before."""
    for name in names:
        world.server._import(f"/elsewhere/{name}")


def two_people(world, ones=4, others=3):
    in_immich(world, *(f"anna_{n}.jpg" for n in range(ones)), *(f"anna_{90 + n}.jpg" for n in range(others)))


def mixed(world):
    return {
        row.name: [len(group) for group in row.groups] for row in world.ledger.read(embeddings.mixed_people)
    }


def issues(world):
    return {issue.about: issue.message for issue in world.sidecar.runner.health_issues.open}


async def rechecked(world):
    for _ in range(3):
        await world.stage("recheck")


async def test_nothing_is_filed_under_two_people_and_it_says_why(world):
    two_people(world)
    [photo_id] = await deliver(world, "anna_2.jpg")
    reason, _ = decided(world, photo_id)
    assert mixed(world) == {"Anna": [4, 3]}
    assert (world.photo(photo_id).state, reason.code) == (State.REVIEW, "mixed_person")
    assert world.places(photo_id) == ["review/unidentified/unknown_anna_2.jpg"]
    assert (
        world.ledger.read(lambda db: events.of_photo(db, photo_id))[-1].data["reason"] == "mixed_person: Anna"
    )


async def test_once_it_is_known_a_photo_costs_no_call(world, eye):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    before = len(eye.pictures)
    [again] = await deliver(world, "anna_1.jpg")
    assert decided(world, again)[0].code == "mixed_person"
    assert len(eye.pictures) == before


async def test_a_person_who_looks_alike_on_all_photos_is_one(world):
    in_immich(world, *(f"anna_{n}.jpg" for n in range(9)))
    [photo_id] = await deliver(world, "anna_2.jpg")
    assert mixed(world) == {}
    assert world.photo(photo_id).state is State.FILED


async def test_it_is_reported_once_and_not_again_after_a_restart(world):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    anna, told = world.server.person("Anna"), []
    world.sidecar.runner.health_issues._announce = lambda issue, began: told.append((issue.sent, began))
    await world.stage("watchdog")
    await world.stage("watchdog")
    assert told == [(True, True)]
    assert (
        "under the name Anna look like two people's: 4 like one, 3 like the other" in issues(world)[anna.id]
    )
    assert not world.sidecar.runner.health_issues.blocked
    world.sidecar.runner.health_issues.over(HealthIssueKind.MIXED_PERSON, anna.id)  # as after a restart
    told.clear()
    await world.stage("watchdog")
    assert told == [(False, True)]


async def test_two_mixed_people_are_two_issues(world):
    two_people(world)
    in_immich(world, *(f"bella_{n}.jpg" for n in (0, 1, 90, 91)))
    await deliver(world, "anna_2.jpg", "bella_1.jpg")
    await world.stage("watchdog")
    assert set(issues(world)) == {world.server.person("Anna").id, world.server.person("Bella").id}
    text = (await Metrics(world.sidecar, StatusReader(world.sidecar)).text(0)).decode()
    gauges = [line for line in text.splitlines() if line.startswith("smartsort_health_issue{")]
    assert gauges == ['smartsort_health_issue{kind="mixed_person"} 1.0']


async def test_split_in_immich_the_issue_ends_and_the_photos_are_judged_again(world):
    two_people(world)
    first, second = await deliver(world, "anna_2.jpg", "anna_91.jpg")
    await world.stage("watchdog")
    # In Immich the faces of the other one, that of our photo included, get a person of their own.
    carl = world.server._add_person("Dora")
    for asset in world.server.assets.values():
        if "anna_9" in asset.path:
            asset.faces[0].person = carl.id
    world.clock.pass_by(minutes=11)
    await world.sidecar.measure.step()
    assert mixed(world) == {}
    await world.stage("watchdog")
    assert issues(world) == {}
    await rechecked(world)
    assert world.places(first) == ["faces/anna/anna_2.jpg"]
    assert decided(world, second)[0].code == "not_in_whitelist"


async def test_one_person_by_a_users_word(world):
    two_people(world)
    [photo_id] = await deliver(world, "anna_2.jpg")
    anna = world.server.person("Anna")
    event = await world.actions.one_person(anna.id, "maria")
    assert mixed(world) == {}
    await rechecked(world)
    assert world.photo(photo_id).state is State.FILED
    # Put together again, the gallery is of the same faces.
    await refreshed(world, anna)
    assert mixed(world) == {}
    told = world.ledger.read(lambda db: events.get(db, event))
    assert (told.kind, told.actor) == ("one_person", "maria")
    with pytest.raises(NotMixed):
        await world.actions.one_person(anna.id, "maria")


async def refreshed(world, person):
    """A gallery put together again, by a program that was started again."""
    world.ledger.write(lambda db: embeddings.mark_stale(db, [person.id]))
    measure = Measure(world.context, world.sidecar.people, world.sidecar.measure._service)
    await measure.galleries.use("buffalo_l")
    await measure.galleries.examine(person)


async def test_the_word_is_kept_for_its_faces_when_immich_merges_the_person(world):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    anna, bella = world.server.person("Anna"), world.server.person("Bella")
    await world.actions.one_person(anna.id, "maria")
    for asset in world.server.assets.values():
        asset.faces[0].person = bella.id
    del world.server.people_by_id[anna.id]
    await refreshed(world, bella)
    assert mixed(world) == {}


async def test_it_is_asked_again_when_another_person_joins(world):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    anna = world.server.person("Anna")
    await world.actions.one_person(anna.id, "maria")
    in_immich(world, *(f"anna_{180 + n}.jpg" for n in range(3)))
    await refreshed(world, anna)
    assert set(mixed(world)) == {"Anna"}
    row = world.ledger.read(embeddings.mixed_people)[0]
    assert row.reported_at is None  # so that it is reported again


async def test_the_word_can_be_taken_back_and_said_again(world):
    two_people(world)
    [photo_id] = await deliver(world, "anna_2.jpg")
    anna = world.server.person("Anna")
    said = await world.actions.one_person(anna.id, "maria")
    undone = await world.actions.undo(said, "maria")
    assert (undone.undoes, mixed(world)) == (said, {"Anna": [4, 3]})
    await refreshed(world, anna)
    assert mixed(world) == {"Anna": [4, 3]}
    [later] = await deliver(world, "anna_1.jpg")
    assert decided(world, later)[0].code == "mixed_person"
    again = await world.actions.undo(undone.event, "maria")
    await refreshed(world, anna)
    assert mixed(world) == {}
    await rechecked(world)
    assert {world.photo(i).state for i in (photo_id, later)} == {State.FILED}
    with pytest.raises(NotUndoable):
        await world.actions.undo(said, "maria") if again.event is None else await world.actions.undo(
            undone.event, "maria"
        )


async def test_the_last_action_and_all_since_a_time_cover_it(world):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    anna, began = world.server.person("Anna"), world.clock.now()
    await world.actions.one_person(anna.id, "maria")
    await world.actions.undo_last("maria", actor="maria")
    assert set(mixed(world)) == {"Anna"}
    await world.actions.one_person(anna.id, "maria")
    foreseen = await world.actions.undo_since(began, "maria", dry_run=True)
    assert mixed(world) == {}
    await world.actions.undo_since(began, "maria", agreed=foreseen.versions)
    assert set(mixed(world)) == {"Anna"}


async def test_neither_of_the_two_is_suggested_to_anybody(world, eye):
    two_people(world)
    in_immich(world, *(f"bella_{n}.jpg" for n in range(3)))
    photo_id, _, stranger = await deliver(world, "anna_2.jpg", "bella_1.jpg", "stranger_0.jpg")
    waiting = world.photo(stranger)
    DIRECTIONS["stranger"] = 20.0
    try:
        faces = await world.server.faces(waiting.asset_id)
        found = await world.sidecar.measure.suggestions(waiting.asset_id, faces[0], faces)
    finally:
        del DIRECTIONS["stranger"]
    assert [one.person.name for one in found] == ["Bella"]
    batch = await world.actions.approve([photo_id], [], "maria", dry_run=True)
    assert batch.results[0].code == "no_suggestion"
    done = await world.actions.approve([photo_id], [PersonSelector("Anna")], "maria")  # a user may
    assert done.results[0].ok


async def test_of_many_photos_the_first_ones_of_a_gallery_are_of_all_years():
    names = [str(number) for number in range(240)]
    found = _spread(names)
    assert len(found) == EXAMINED
    assert {int(name) // 24 for name in found[:SIZE]} == set(range(10))
    assert sorted(_spread(names[:5])) == names[:5]


async def test_more_faces_than_a_gallery_holds_are_looked_at_while_idle(world, eye):
    """Of somebody on a few photos only, a gallery of twelve may hold a single face."""
    angles = [90 if n in (4, 6) else n % 24 for n in range(48)]
    in_immich(world, *(f"anna_{angle}x{n}.jpg" for n, angle in enumerate(angles)))
    [photo_id] = await deliver(world, "anna_2.jpg")
    assert world.photo(photo_id).state is State.FILED
    assert (mixed(world), len(eye.pictures)) == ({}, SIZE + 1)
    measure, anna = world.sidecar.measure, world.server.person("Anna")
    await measure.step()
    assert (mixed(world), len(eye.pictures)) == ({"Anna": [22, 2]}, EXAMINED + 1)
    assert len(measure.galleries.likeness(anna).faces) == SIZE
    # A photo that comes later has the gallery put together with fewer faces, and these are among them.
    world.clock.pass_by(minutes=11)
    await measure.galleries.refresh(anna)
    assert (mixed(world), len(eye.pictures)) == ({"Anna": [22, 2]}, EXAMINED + 1)


async def test_somebody_who_is_gone_from_immich_is_not_asked_about_any_more(world):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    anna = world.server.person("Anna")
    world.server.people_by_id[anna.id] = type(anna)(anna.id, "")
    await world.sidecar.people.refresh(0)
    await world.sidecar.measure.step()
    assert mixed(world) == {}


class Coloured:
    """Previews that are pictures: red for one person, blue for the other."""

    def __init__(self, world) -> None:
        self._world = world

    async def __call__(self, asset_id, size):
        one = "anna_9" not in self._world.server.assets[asset_id].path
        out = io.BytesIO()
        Image.new("RGB", (720, 720), (200, 30, 30) if one else (30, 30, 200)).save(out, "JPEG")
        return out.getvalue(), "image/jpeg"


async def test_both_are_shown_in_one_picture(world):
    two_people(world)
    await deliver(world, "anna_2.jpg")
    anna, pictures = world.server.person("Anna"), Pictures(world.sidecar)
    world.server.thumbnail = Coloured(world)
    drawn = await pictures.of_mixed(anna.id)
    assert drawn.media_type == "image/jpeg"
    with Image.open(io.BytesIO(drawn.content)) as sheet:
        width, height = sheet.size
        places = [(86, top) for top in (86, 86 + 188, 86 + 2 * 188)]
        seen = ["red" if red > 150 > blue else "blue" for red, _, blue in map(sheet.getpixel, places)]
        frame = sheet.getpixel((7, 86 + 2 * 188))
    assert seen == ["red", "red", "blue"]  # four of one, so that the other begins in the third row
    assert frame[0] > 200 > frame[2]
    assert width < height
    with pytest.raises(Refused, match="not taken for two people"):
        await pictures.of_mixed(world.server.person("Bella").id)
    for asset in world.server.assets.values():
        asset.faces.clear()
    with pytest.raises(Refused, match="no faces of Anna"):
        await pictures.of_mixed(anna.id)
