"""What an action answers and writes down, whole: the answer, its event, the tables of others, the outbox."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from tests.answers import data_of, delivered, event_of, outbox_of, rows, strangers
from tests.fakes import World, close_world

from smartsort.actions import NotUndoable, PersonSelector
from smartsort.actions.values import (
    NOT_TO_BE_DONE,
    ActionResult,
    Batch,
    NeedsAdmin,
    NoSuchEvent,
)
from smartsort.core.model import BulkKind, MarkKind, State
from smartsort.errors import StorageError
from smartsort.ledger import events, photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import NewEvent

BELLA, DORA = [PersonSelector("Bella")], PersonSelector("Dora", create=True)


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


async def test_an_approval_answers_as_foreseen_and_is_written_down_in_every_table(place):
    [photo] = await delivered(place, "stranger_1.jpg", xmp=b"<x/>")
    path = f"{place.root}/faces/bella/stranger_1.jpg"
    expected = ActionResult(
        photo,
        "approved",
        person="Bella",
        names=("faces/bella/stranger_1.jpg",),
        path=path,
        companions=("stranger_1.jpg.xmp",),
        kinds=frozenset({BulkKind.STRANGERS}),
    )
    [seen] = await place.actions.approve([photo], BELLA, "eva", dry_run=True)
    assert replace(seen, version="") == replace(expected, action="would_approve")
    becomes = json.dumps(["approved", "Bella", place.server.person("Bella").id, [*seen.names]])
    assert seen.version.partition(":")[2] == becomes

    [acted] = await place.actions.approve([photo], BELLA, "eva")
    assert acted == replace(expected, event=acted.event)
    event, bella = event_of(place, acted.event), place.server.person("Bella").id
    assert (event.kind, event.actor, event.photo_id, event.undoes) == ("approved", "eva", photo, None)
    library = place.ledger.read(lambda db: photos.names_of(db, [photo]))[photo][0].path
    taught = {
        "person": bella,
        "name": "Bella",
        "create": False,
        "face": None,
        "instead": [],
        "people": [bella],
    }
    assert data_of(place, acted.event) == {
        "from": "review",
        "category": "unidentified",
        "reason": "unknown_face",
        "people": ["Bella"],
        "person": "Bella",
        "was": None,
        "wrong": False,
        "names": [["library", library], ["faces", "bella/stranger_1.jpg"]],
        "companions": ["stranger_1.jpg.xmp"],
        "teach": [taught],
    }
    assert outbox_of(place) == [("assign_face", photo, {**taught, "act": event.data["act"]})]
    row = place.photo(photo)
    assert rows(
        place,
        "SELECT file_path, filename, file_hash, source, download_date, person_name, auto_sorted"
        " FROM downloads",
    ) == [(path, "stranger_1.jpg", row.sha256, "test", row.arrived_at, "Bella", 0)]
    closed = rows(place, "SELECT action, reviewed_by, reviewed_at FROM review_queue")
    assert closed == [("approved", "eva", event.at)]
    assert (rows(place, "SELECT * FROM intents"), place.context.needs_recovery) == ([], set())


async def test_a_rejection_answers_as_foreseen_and_immich_looks_again_once(place):
    [photo] = await delivered(place, "anna_1.jpg")
    trash = "trash/2024-05/anna_1.jpg"
    expected = ActionResult(photo, "rejected", names=(trash,), path=f"{place.root}/{trash}")
    [seen] = await place.actions.reject([photo], "eva", expect=(State.FILED,), dry_run=True)
    assert replace(seen, version="") == replace(expected, action="would_reject")
    # In which month's folder it would lie does not matter to whoever saw the preview.
    assert seen.version.partition(":")[2] == '["rejected", null, null, []]'
    [acted] = await place.actions.reject([photo], "eva", expect=(State.FILED,))
    assert acted == replace(expected, event=acted.event)
    assert outbox_of(place) == [("scan", None, {"shard": 1})]
    assert data_of(place, acted.event) == {
        "from": "filed",
        "category": None,
        "reason": None,
        "was": "Anna",
        "person": None,
        "names": [["trash", "2024-05/anna_1.jpg"]],
    }


async def test_a_review_that_is_taken_back_leaves_no_row_in_the_queue(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    [reviewed] = rows(place, "SELECT id FROM events WHERE kind = 'reviewed'")
    [seen] = batch = await place.actions.undo(reviewed[0], "eva", dry_run=True)
    [library] = [
        n for n in place.ledger.read(lambda db: photos.names_of(db, [photo]))[photo] if n.area == "library"
    ]
    expected = ActionResult(
        photo, "would_undo", names=seen.names, path=f"{place.root}/library/{library.path}"
    )
    assert (replace(seen, version=""), seen.names) == (expected, (f"library/{library.path}",))
    assert seen.version.endswith(f":[{reviewed[0]}]")
    assert batch == Batch((seen,), undoes=reviewed[0])
    [acted] = batch = await place.actions.undo(reviewed[0], "eva")
    assert acted == replace(expected, action="undone", event=acted.event)
    assert batch == Batch((acted,), undoes=reviewed[0])
    assert event_of(place, acted.event).undoes == reviewed[0]
    assert data_of(place, acted.event) == {
        "of": "reviewed",
        "person": None,
        "names": [["library", library.path]],
    }
    assert rows(place, "SELECT * FROM review_queue") == []


async def test_a_photo_in_another_state_is_left_alone_and_the_answer_says_what_happened(place):
    filed, waiting = await delivered(place, "anna_1.jpg", "stranger_1.jpg")
    place.ledger.write(lambda db: photos.apply(db, [Change(waiting, state=State.KNOWN)], "2024"))
    away, sorted_, on_its_way = await place.actions.skip([99, filed, waiting], "eva")
    assert away == ActionResult(99, "failed", problem="there is no photo 99", code="not_found")
    happened = event_of(place, rows(place, "SELECT id FROM events WHERE kind = 'sorted'")[0][0])
    why = f"photo {filed} has changed meanwhile: sorted by smartsort at {happened.at} (event {happened.id})."
    answer = ActionResult(
        filed, "failed", problem=f"{why} Look at it again", code="conflict", happened=happened
    )
    assert sorted_ == answer
    assert on_its_way.happened.kind == "reviewed"

    place.ledger.write(lambda db: photos.add(db, [photos.NewPhoto("a", "inbox", "b.jpg", 1, 1)], "2024"))
    [claimed] = await place.actions.approve([3], BELLA, "eva", expect=(State.REVIEW, State.FILED))
    why = "photo 3 is arrived, not review or filed. Wait until it is"
    assert claimed == ActionResult(3, "failed", problem=why, code="conflict")


async def test_of_a_preview_only_what_is_as_it_was_is_done(place):
    one, two, three = await delivered(place, "stranger_1.jpg", "stranger_2.jpg", "stranger_3.jpg")
    seen = (await place.actions.skip([one, two], "eva", dry_run=True)).versions
    assert seen.keys() == {one, two}
    agreed = {one: seen[one], two: "other", 99: NOT_TO_BE_DONE}
    done, other, new = batch = await place.actions.skip([one, two, three, 99], "eva", agreed=agreed)
    assert done.action == "skipped"
    why = f"photo {two} is not as it was when you saw it"
    assert other == ActionResult(two, "changed", problem=why, code="conflict")
    assert new == ActionResult(
        three, "changed", problem=f"photo {three} came after the preview", code="conflict"
    )
    group = event_of(place, batch.event)
    assert (group.kind, group.actor, group.photo_id, group.undoes) == ("bulk_action", "eva", None, None)
    assert group.data == {"what": "deferred", "photos": 1}
    assert data_of(place, done.event)["group"] == batch.event


async def test_faces_that_are_named_or_marked_together_are_one_event_of_all_photos(place):
    ids = await delivered(place, "anna+stranger_3.jpg", "anna+stranger_4.jpg")
    faces = strangers(place, *ids)
    names = [f"review/multiple_faces/multi_anna+stranger_{n}.jpg" for n in (3, 4)]
    paths = [f"{place.root}/{name}" for name in names]
    library = [place.ledger.read(lambda db, i=i: photos.names_of(db, [i]))[i][0].path for i in ids]

    def results(action, person, **more):
        return [
            ActionResult(i, action, person, (n,), p, **more)
            for i, n, p in zip(ids, names, paths, strict=True)
        ]

    async def acted(act, verb, done, kind, person):
        seen = await act(dry_run=True)
        assert [replace(one, version="") for one in seen] == results(
            f"would_{verb}", person, stays="multiple_faces"
        )
        batch = await act()
        assert [replace(one, event=None) for one in batch] == results(done, person)
        assert event_of(place, batch.event).data == {"what": kind, "photos": 2}
        return [data_of(place, one.event) for one in batch], batch.event

    told, group = await acted(
        lambda **more: place.actions.name_faces(faces, DORA, "eva", **more),
        "name",
        "named",
        "faces_named",
        "Dora",
    )
    both = {"group": group, "person": "Dora", "people": ["Dora"], "stays": "multiple_faces"}
    taught = {"create": True, "instead": [], "name": "Dora", "people": [None], "person": None}
    assert told == [
        {
            **both,
            "names": [["library", path], name.split("/", 1)],
            "teach": [{**taught, "face": faces[photo][0]}],
        }
        for photo, path, name in zip(ids, library, names, strict=True)
    ]
    told, group = await acted(
        lambda **more: place.actions.mark_faces(faces, MarkKind.IGNORED, "eva", **more),
        *("mark", "marked", "faces_marked", None),
    )
    both = {"group": group, "person": None, "mark": "ignored", "stays": "multiple_faces"}
    assert told == [
        {**both, "names": [["library", path], name.split("/", 1)]}
        for path, name in zip(library, names, strict=True)
    ]
    nobody = await place.actions.mark_faces({ids[0]: ["f99"]}, MarkKind.IGNORED, "eva")
    assert [*nobody] == [ActionResult(ids[0], "failed", problem="it has no such face", code="not_found")]
    why = f"photo {ids[0]} has no such face now"
    nobody = await place.actions.name_faces({ids[0]: ["f99"]}, DORA, "eva")
    assert [*nobody] == [ActionResult(ids[0], "failed", problem=why, code="not_found")]


# --- undoing -----------------------------------------------------------------------------------


async def test_what_cannot_be_undone_says_why_and_what_to_do(place):
    one, other = await delivered(place, "stranger_1.jpg", "stranger_2.jpg")
    both = await place.actions.skip([one, other], "eva")
    undone = await place.actions.undo(both.event, "eva")
    accepted = rows(place, "SELECT id FROM events WHERE kind = 'accepted'")[0][0]
    by = both.results[0].event
    taken_back = rows(place, "SELECT id FROM events WHERE undoes = ?", by)[0][0]
    for call, error, why in (
        (
            place.actions.undo(99, "eva"),
            NoSuchEvent,
            "there is no event 99. `smartsort undo --list` shows the last ones",
        ),
        (place.actions.undo(accepted, "eva"), NotUndoable, f"event {accepted} (accepted) cannot be undone"),
        (
            place.actions.undo(both.event, "eva"),
            NotUndoable,
            f"event {both.event} is undone already, by event {undone.event}. Undo that one to redo it",
        ),
        (
            place.actions.undo(by, "eva"),
            NotUndoable,
            f"event {by} is undone already, by event {taken_back}. Undo that one to redo it",
        ),
        (
            place.actions.undo_photo(one, "eva"),
            NotUndoable,
            f"photo {one} has no decision that could be undone",
        ),
        (place.actions.undo_last("tom", actor="eva"), NotUndoable, "there is no action left to undo"),
    ):
        with pytest.raises(error) as refused:
            await call
        assert str(refused.value) == why
    group = event_of(place, undone.event)
    assert (group.kind, group.actor, group.undoes, group.data) == (
        *("bulk_action", "eva", both.event),
        {"what": "undone", "photos": 2},
    )


async def test_a_bulk_action_whose_parts_were_undone_one_by_one_has_nothing_left(place):
    ids = await delivered(place, "stranger_1.jpg", "stranger_2.jpg")
    both = await place.actions.skip(ids, "eva")
    for one in both:
        await place.actions.undo(one.event, "eva")
    with pytest.raises(NotUndoable) as refused:
        await place.actions.undo(both.event, "eva")
    assert str(refused.value) == f"all 2 parts of event {both.event} are undone already"


async def test_only_an_administrator_takes_back_what_a_change_of_settings_did(place):
    one, other = await delivered(place, "anna_1.jpg", "stranger_2.jpg")
    at = place.context.clock.now()
    await place.actions.skip([other], "eva")
    event = NewEvent("reevaluated", one, {}, "eva")
    [number] = place.ledger.write(lambda db: events.append(db, [event], place.context.clock.text()))
    why = f"event {number} belongs to a change of settings. Undoing it needs a token with the scope admin"
    with pytest.raises(NeedsAdmin) as refused:
        await place.actions.undo(number, "tom", admin=False)
    assert str(refused.value) == why
    deferred, left = batch = await place.actions.undo_since(at, "tom", admin=False)
    assert (deferred.photo_id, deferred.action) == (other, "undone")
    assert left == ActionResult(one, "failed", problem=why, code="forbidden")
    assert (batch.settings, batch.event, batch.failed, batch.done) == ((), None, 1, 1)


# --- a disk that refuses -----------------------------------------------------------------------


async def test_a_name_that_cannot_be_removed_now_is_removed_at_the_next_act(place, monkeypatch):
    one, other = await delivered(place, "stranger_1.jpg", "stranger_2.jpg")

    def refuse(_):
        raise StorageError("the disk is busy")

    with monkeypatch.context() as patched:
        patched.setattr(place.context.placer, "remove", refuse)
        [acted] = await place.actions.approve([one], BELLA, "eva")
    assert (acted.action, place.context.needs_recovery) == ("approved", {one})
    assert rows(place, "SELECT photo_id, act FROM intents") == [(one, "drop")]
    assert "unknown_stranger_1.jpg" in os.listdir(f"{place.root}/review/unidentified")
    [acted] = await place.actions.reject([one], "eva", expect=(State.FILED,))
    assert (acted.action, place.context.needs_recovery) == ("rejected", set())
    assert rows(place, "SELECT photo_id, act FROM intents") == []
    assert os.listdir(f"{place.root}/review/unidentified") == ["unknown_stranger_2.jpg"]
    assert place.photo(other).state is State.REVIEW
    place.check()


async def test_a_photo_whose_file_is_gone_is_left_alone_and_an_audit_is_named(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    [library] = place.ledger.read(lambda db: photos.names_of(db, [photo]))[photo][:1]
    path = f"{place.root}/library/{library.path}"
    os.unlink(path)
    [answer] = await place.actions.approve([photo], BELLA, "eva")
    assert (answer.action, answer.code) == ("failed", "changed_by_hand")
    assert answer.problem.endswith(". Run `smartsort audit` to see what became of it")
    assert rows(place, "SELECT * FROM intents") == []
    assert place.photo(photo).state is State.REVIEW
