"""What moves, deletions and purges answer and write down, whole, and what the journal holds meanwhile."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from itertools import islice

import pytest
from tests.answers import data_of, delivered, event_of, rows
from tests.fakes import World, append, close_world

from smartsort.actions import ActionRefused, PersonSelector
from smartsort.actions import purge as purging
from smartsort.actions.values import ActionResult, Batch
from smartsort.core.model import State
from smartsort.files.placement import PlaceRequest, RemoveRequest
from smartsort.ledger import deletions, events, photos
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Name

BELLA = [PersonSelector("Bella")]


@pytest.fixture
def opened(tmp_path):
    """Worlds on one root, each beside the same Immich; the one before is closed."""
    made: list[World] = []

    def open_world(**more) -> World:
        if made:
            close_world(made[-1])
            more = {"server": made[-1].server, "clock": made[-1].clock} | more
        made.append(World(os.fspath(tmp_path / "root"), **more))
        return made[-1]

    yield open_world
    close_world(made[-1])


def there(path):
    return os.path.exists(path)


# --- the journal -------------------------------------------------------------------------------


async def test_the_journal_says_where_names_are_made_and_which_go_and_nothing_of_an_act_that_moves_nothing(
    opened,
):
    seen = []

    def look(step):
        if step.startswith("act:"):
            found = rows(world, "SELECT photo_id, act, data FROM intents")
            seen.append((step[4:], [(i, act, json.loads(data)) for i, act, data in found]))

    world = opened()
    [photo] = await delivered(world, "stranger_1.jpg")
    library, review = (world.context.absolute(name) for name in world.names(photo))
    world = opened(checkpoint=look)
    await world.actions.skip([photo], "eva")
    assert seen == [(step, []) for step in ("intent", "placed", "committed", "dropped")]
    seen.clear()
    digest = world.photo(photo).sha256
    await world.actions.approve([photo], BELLA, "eva")
    arrange = (photo, "arrange", {"targets": [["faces", "bella", ""]]})
    drop = (photo, "drop", {"drops": [[review, library, digest]], "scan": None})
    assert seen == [("intent", []), ("placed", [arrange]), ("committed", [drop]), ("dropped", [])]
    seen.clear()
    filed = f"{world.root}/faces/bella/stranger_1.jpg"
    await world.actions.reject([photo], "eva", expect=(State.FILED,))
    trash = f"{world.root}/trash/2024-05/stranger_1.jpg"
    drops = [[library, trash, digest], [filed, trash, digest]]
    drop = (photo, "drop", {"drops": drops, "scan": 1})
    assert dict(seen)["committed"] == [drop]
    assert dict(seen)["placed"] == [(photo, "arrange", {"targets": [["trash", "2024-05", ""]]})]


async def test_a_photo_that_somebody_else_changed_between_look_and_write_is_left_to_them(opened):
    def change(step):
        if step == "act:placed":
            moved = Change(photo, values={"person_name": "Carl"})
            world.ledger.write(lambda db: photos.apply(db, [moved], "2024"))

    world = opened()
    [photo] = await delivered(world, "anna_1.jpg")
    world = opened(checkpoint=change)
    [answer] = await world.actions.refile([photo], BELLA, "eva")
    [sorted_] = [e for e in world.ledger.read(lambda db: events.of_photo(db, photo)) if e.kind == "sorted"]
    why = f"photo {photo} has changed meanwhile: sorted by smartsort at {sorted_.at} (event {sorted_.id}). "
    expected = ActionResult(
        photo, "failed", problem=f"{why}Look at it again", code="conflict", happened=sorted_
    )
    assert replace(answer, kinds=frozenset()) == expected
    assert os.listdir(f"{world.root}/faces/anna") == ["anna_1.jpg"]
    assert not there(f"{world.root}/faces/bella/anna_1.jpg")
    assert (rows(world, "SELECT * FROM intents"), world.context.needs_recovery) == ([], set())


async def test_a_name_is_made_with_the_digest_it_must_hold_and_goes_for_one_that_stays(opened, monkeypatch):
    world = opened()
    photo = await world.deliver("stranger_1.jpg", xmp=b"<x/>")
    await world.settle()
    library, side, queued, queued_side = (world.context.absolute(name) for name in world.names(photo))
    digest, side_digest = (name.sha256 for name in world.names(photo)[:2])
    placer, asked, gone = world.context.placer, [], []
    place, remove = placer.place, placer.remove

    def placing(requests):
        asked.extend(replaced := [one._replace(names=list(islice(one.names, 2))) for one in requests])
        return place(replaced)

    def removing(requests):
        gone.extend(requests)
        return remove(requests)

    monkeypatch.setattr(placer, "place", placing)
    monkeypatch.setattr(placer, "remove", removing)
    await world.actions.approve([photo], BELLA, "eva")
    folder = f"{world.root}/faces/bella"
    names = [one.names for one in asked]
    assert [one[0] for one in names] == ["stranger_1.jpg", "stranger_1.jpg.xmp"]
    assert asked == [
        PlaceRequest(library, folder, names[0], sha256=digest),
        PlaceRequest(side, folder, names[1], sha256=side_digest),
    ]
    assert gone == [
        RemoveRequest(queued, library, sha256=digest),
        RemoveRequest(queued_side, side, sha256=side_digest),
    ]
    asked.clear(), gone.clear()
    await world.actions.reject([photo], "eva", expect=(State.FILED,))
    await world.actions.undo_photo(photo, "eva")
    back = [one for one in asked if one.folder == f"{os.path.dirname(library)}"]
    trash = f"{world.root}/trash/2024-05/stranger_1.jpg"
    assert back == [
        PlaceRequest(trash, os.path.dirname(library), ["stranger_1.jpg"], sha256=digest, adopt=True),
        PlaceRequest(f"{trash}.xmp", os.path.dirname(side), back[1].names, sha256=side_digest, adopt=True),
    ]


# --- moves -------------------------------------------------------------------------------------


async def test_photos_that_lie_elsewhere_than_the_template_says_answer_where_they_go(opened):
    world = opened()
    ids = await delivered(world, "anna_1.jpg", "anna_2.jpg", "stranger_1.jpg")
    await world.stage("renames")
    anna = world.server.person("Anna").id
    world = opened(settings={"filing.template": "people/{person}"})
    library = [world.names(i)[0].path for i in ids[:2]]
    results = []
    for number, photo in enumerate(ids[:2], 1):
        name = f"faces/people/anna/anna_{number}.jpg"
        results.append(ActionResult(photo, "relinked", "Anna", (name,), f"{world.root}/{name}"))
    foreseen = await world.actions.relink("eva", dry_run=True)
    assert [replace(one, version="") for one in foreseen] == [
        replace(one, action="would_move") for one in results
    ]
    done = await world.actions.relink("eva")
    assert [replace(one, event=None) for one in done] == results
    group = event_of(world, done.event)
    assert (group.actor, group.undoes, group.data) == ("eva", None, {"what": "relinked", "photos": 2})
    for number, one in enumerate(done):
        assert data_of(world, one.event) == {
            "person": "Anna",
            "group": done.event,
            "names": [["library", library[number]], ["faces", f"people/anna/anna_{number + 1}.jpg"]],
        }
        assert [n.person_id for n in world.names(one.photo_id)] == [None, anna]
    assert await world.actions.relink("eva") == Batch()
    one = await world.actions.undo(done.results[0].event, "eva")
    assert (one.done, one.event) == (1, None)
    alone = await world.actions.relink("eva")
    assert (alone.done, alone.event) == (1, None)


async def test_a_photo_of_which_nobody_knows_whose_it_is_stays_without_a_word(opened):
    world = opened()
    await delivered(world, "anna_1.jpg")
    await world.stage("renames")
    world = opened(settings={"filing.template": "people/{person}"})
    world.ledger.write(lambda db: db.conn.execute("UPDATE names SET person_id = 'p99' WHERE area = 'faces'"))
    assert await world.actions.relink("eva", dry_run=True) == Batch()


async def test_photos_without_a_decision_follow_a_template_too(opened):
    world = opened()
    [photo] = await delivered(world, "anna_1.jpg")
    await world.stage("renames")
    rule = {"name": "two", "min_people": 2, "folder": "family"}
    world = opened(settings={"filing.template": "people/{person}", "rules": [rule]})
    world.ledger.write(lambda db: db.conn.execute("DELETE FROM decisions"))
    assert (await world.actions.relink("eva")).done == 1
    assert world.places(photo) == ["faces/people/anna/anna_1.jpg"]


# --- deletions in Immich -----------------------------------------------------------------------


async def test_a_deletion_in_immich_is_a_rejection_by_the_user_there_and_its_file_follows_later(opened):
    world = opened()
    [photo, other] = await delivered(world, "anna_1.jpg", "stranger_1.jpg")
    library = world.names(photo)[0].path
    path = f"{world.root}/library/{library}"
    expected = ActionResult(photo, "rejected", names=(f"library/{library}",), path=path)
    [acted] = await world.actions.removed([photo], "maria")
    assert acted == replace(expected, event=acted.event)
    event = event_of(world, acted.event)
    assert (event.kind, event.actor) == ("removed_in_immich", "Immich")
    assert data_of(world, acted.event) == {
        "from": "filed",
        "category": None,
        "reason": None,
        "was": "Anna",
        "person": None,
        "names": [["library", library]],
        "confirmed_by": "maria",
    }
    [waiting] = await world.actions.removed([other])
    assert "confirmed_by" not in data_of(world, waiting.event)
    assert data_of(world, waiting.event)["reason"] == "unknown_face"
    await world.actions.put_away([photo, 99])
    [trash] = world.names(photo)
    assert (trash.area, trash.path) == (Area.TRASH, "2024-05/anna_1.jpg")
    [away] = rows(world, "SELECT id, actor FROM events WHERE kind = 'put_away'")
    assert away[1] == "smartsort"
    await world.actions.put_away([photo])
    assert len(rows(world, "SELECT id FROM events WHERE kind = 'put_away'")) == 1
    [back] = await world.actions.restored([photo])
    assert (back.action, back.photo_id, event_of(world, back.event).actor) == ("undone", photo, "Immich")
    assert event_of(world, back.event).undoes == acted.event
    assert world.photo(photo).state is State.FILED


async def test_declined_deletions_stay_and_confirmed_ones_are_taken_over(opened, caplog):
    world = opened()
    first, second, third = await delivered(world, "anna_1.jpg", "anna_2.jpg", "anna_3.jpg")
    seen = [(photo, f"asset-{photo}", f"{photo}.jpg") for photo in (first, second, third)]
    world.ledger.write(lambda db: deletions.note(db, seen, deletions.HELD, "2024"))
    numbers = {row.photo_id: row.id for row in world.ledger.read(deletions.rows)}
    with caplog.at_level(logging.INFO):
        declined = await world.actions.answer(numbers[first], "maria", reject=False)
    assert declined == Batch((ActionResult(first, "kept"),))
    assert "maria declined the deletion of 1 photos in Immich, which stay" in caplog.text
    confirmed = await world.actions.answer(numbers[second], "maria", reject=True)
    assert [(one.photo_id, one.action) for one in confirmed] == [(second, "rejected")]
    assert data_of(world, confirmed.results[0].event)["confirmed_by"] == "maria"
    answers = {row.photo_id: row.answer for row in world.ledger.read(deletions.rows)}
    assert answers == {first: "done", second: "done", third: "held"}


# --- the end of the retention time -------------------------------------------------------------


async def test_a_purged_photo_leaves_its_digest_and_an_event_and_what_has_other_bytes_stays(opened, caplog):
    world = opened()
    old, edited = await delivered(world, "anna_1.jpg", "anna_2.jpg")
    await world.actions.reject([old, edited], "eva", expect=(State.FILED,))
    digest = world.photo(old).sha256
    path = f"{world.root}/trash/2024-05/anna_2.jpg"
    append(path, b"more")
    assert await world.actions.purge_expired(1) == []
    world.clock.pass_by(days=2)
    with caplog.at_level(logging.WARNING):
        gone, kept = await world.actions.purge_expired(1)
    assert gone == ActionResult(old, "purged", event=gone.event)
    event = event_of(world, gone.event)
    data = {"names": [["trash", "2024-05/anna_1.jpg"]], "sha256": digest}
    assert (event.kind, event.actor, event.data) == ("purged", "smartsort", data)
    why = f"{path} has other bytes than were thrown away. Look at it by hand"
    assert kept == ActionResult(edited, "failed", problem=why, code="changed_by_hand")
    assert f"photo {edited} stays in the trash: {why}" in caplog.text
    assert (world.photo(old).state, world.photo(old).sha256, world.names(old)) == (State.PURGED, digest, [])
    assert (world.photo(edited).problem, there(path)) == (why, True)
    assert rows(world, "SELECT * FROM intents") == []


async def test_a_name_outside_the_trash_is_never_purged(opened):
    world = opened()
    [photo] = await delivered(world, "anna_1.jpg")
    values = {"trashed_at": "2020-01-01T00:00:00.000+00:00"}
    faces = world.names(photo)[1]
    moved = Change(
        photo,
        state=State.REJECTED,
        values=values,
        names_removed=((Area.LIBRARY, world.names(photo)[0].path),),
    )
    world.ledger.write(lambda db: photos.apply(db, [moved], "2024"))
    path = world.context.absolute(faces)
    [kept] = await world.actions.purge_expired(1)
    why = f"{path} is not in the trash. Run `smartsort audit`"
    assert kept == ActionResult(photo, "failed", problem=why, code="changed_by_hand")
    assert there(path)


def test_photos_expire_in_the_order_they_were_thrown_away(opened):
    world = opened()

    def throw(at, state=State.REJECTED, ran=None, problem=None, area=Area.TRASH):
        def write(db):
            [row] = photos.add(db, [NewPhoto("phone", "inbox", "a.jpg", 1, 1)], "2020")
            column = "trashed_at" if state is State.REJECTED else "routed_at"
            name = Name(row.id, area, f"{row.id}.jpg")
            values = {column: at, "problem": problem}
            photos.apply(db, [Change(row.id, state=state, values=values, names_added=(name,))], "2020")
            db.conn.execute("UPDATE photos SET trashed_ran = ? WHERE id = ?", (ran, row.id))
            return row.id

        return world.ledger.write(write)

    late, early, skipped = throw("2023"), throw("2021"), throw("2022", State.SKIPPED)
    ran = throw("2021", ran=50.0)
    throw("2024"), throw("2021", problem="told"), throw("2021", area=Area.LIBRARY), throw("2021", State.FILED)

    def expired(*asked):
        return [photo.id for photo in world.ledger.read(lambda db: purging.expired(db, *asked))]

    assert expired("2024", 9) == [early, ran, skipped, late]
    assert expired("2023", 9) == [early, ran, skipped]
    assert expired("2024", 2) == [early, ran]
    assert expired("2024", 9, 50.0) == [early, ran, skipped, late]
    assert expired("2024", 9, 49.0) == [early, skipped, late]


@pytest.mark.parametrize(
    ("boots", "at", "up", "jump"),
    [
        ("bb", "12:10:00", 1100.0, -500.0),
        ("bb", "12:10:00", 600.0, 0.0),
        ("bb", "12:10:00", 100.0, 500.0),
        ("bc", "12:10:00", 100.0, 0.0),
        ("bc", "11:50:00", 100.0, -600.0),
        (("", ""), "12:10:00", 100.0, 0.0),
    ],
)
def test_a_clock_jumps_when_it_goes_on_by_more_or_less_than_the_machine_was_up(boots, at, up, jump):
    before = {"wall": "2024-05-01T12:00:00+00:00", "boot": boots[0], "up": 50.0}
    now = {"wall": f"2024-05-01T{at}+00:00", "boot": boots[1], "up": 50.0 + up}
    assert purging._jump(before, now) == jump


async def test_settings_of_a_sidecar_that_cannot_be_changed_are_refused(opened):
    world = opened()
    world.actions._settings = None
    with pytest.raises(ActionRefused) as refused:
        await world.actions.reevaluate(None, "", "eva")
    assert str(refused.value) == "these settings cannot be changed at run time"
