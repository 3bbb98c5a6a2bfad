"""What an action answers and writes down, whole: the answer, its event, the tables of others, the outbox."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from tests.fakes import World, close_world, suggest

from smartsort.actions import ActionRefused, AmbiguousName, NotUndoable, PersonSelector, UnknownPerson
from smartsort.actions.person_resolver import TargetPerson, people_to_come, resolve
from smartsort.actions.values import (
    NOT_TO_BE_DONE,
    ActionResult,
    Batch,
    NeedsAdmin,
    NoSuchEvent,
    NoSuchVerdict,
)
from smartsort.core.model import BulkKind, MarkKind, Person, SortedBefore, State, Suggestion
from smartsort.core.person_ref import PersonRef
from smartsort.errors import StorageError
from smartsort.ledger import arrangement, events, photos
from smartsort.ledger.photos import Change
from smartsort.ledger.records import NewEvent

BELLA, DORA = [PersonSelector("Bella")], PersonSelector("Dora", create=True)


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


async def delivered(place, *names, **options):
    ids = [await place.deliver(name, **options) for name in names]
    await place.settle()
    return ids


def event_of(place, number):
    return place.ledger.read(lambda db: events.get(db, number))


def rows(place, query, *values):
    return place.ledger.read(lambda db: db.conn.execute(query, values).fetchall())


def outbox_of(place):
    found = rows(place, "SELECT kind, photo_id, data FROM outbox ORDER BY id")
    return [(kind, photo, json.loads(data)) for kind, photo, data in found]


def data_of(place, number):
    """Return what an event says, without the arrangements and the number of the act."""
    data = event_of(place, number).data
    return {key: value for key, value in data.items() if key not in ("before", "after", "act")}


def strangers(place, *photo_ids):
    last = {i: place.ledger.read(lambda db, i=i: photos.last_decision(db, i))[4] for i in photo_ids}
    return {i: [face.id for face in seen.faces if not face.person] for i, seen in last.items()}


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


# --- whom a choice means -----------------------------------------------------------------------

KNOWN = [
    Person("p1", "Anna"),
    Person("p2", "Ann-Marie"),
    Person("p3", ""),
    Person("p4", "Eva"),
    Person("p5", "EVA"),
]


def meant(place, *choices, known=KNOWN):
    return resolve([PersonSelector(**each) for each in choices], known, place.context)


def test_a_choice_means_one_person_or_nobody(place):
    anna = TargetPerson("Anna", "p1")
    assert meant(place, {"name": " anna "}, {"id": "p1"}) == (anna,)
    assert meant(place, {"name": "Dora", "create": True}) == (TargetPerson("Dora", create=True),)
    assert meant(place, {"name": "Anna", "create": True}) == (anna,)
    assert meant(place, {"id": Person.to_come("Dora").id}) == (TargetPerson("Dora", create=True),)
    assert meant(place, {"id": Person.to_come("Anna").id}) == (anna,)
    assert meant(place, {"id": "p3", "name": "Cleo"}) == (TargetPerson("Cleo", "p3"),)
    # While Immich cannot be asked, a name is taken as it was typed.
    assert meant(place, {"name": "Dora"}, known=None) == (TargetPerson("Dora"),)
    assert meant(place, {"id": "p9", "name": "Dora"}, known=None) == (TargetPerson("Dora", "p9"),)
    apart = TargetPerson("Ann Marie", create=True, apart=True)
    assert meant(place, {"name": "Ann Marie", "create": True}) == (apart,)
    assert apart.folder != TargetPerson("Ann-Marie", "p2").folder
    assert [p.name for p in people_to_come(["Anna", "Dora", "dora", "Ann Marie"], KNOWN)] == [
        "dora",
        "Ann Marie",
    ]


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        ({"name": "Dora"}, "Immich has no person called Dora. Check the spelling, or ask for a new person"),
        (
            {"id": "p9", "name": "Dora"},
            "Immich lists no person with the id p9. Take one of /api/smart-download/people",
        ),
        ({"id": "p3"}, "the person p3 has no name in Immich yet. Name them there, or give a name"),
        ({"name": " "}, "' ' is no name. Give 1 to 300 printable characters, or a person's id"),
        ({}, "None is no name. Give 1 to 300 printable characters, or a person's id"),
        ({"name": "a\x00b"}, "'a\\x00b' is no name. Give 1 to 300 printable characters, or a person's id"),
    ],
)
def test_a_choice_that_means_nobody_says_what_to_do(place, choice, why):
    with pytest.raises(UnknownPerson) as refused:
        meant(place, choice)
    assert str(refused.value) == why


def test_a_name_may_have_300_characters_and_one_of_two_people_is_never_guessed(place):
    assert meant(place, {"name": "a" * 300, "create": True})
    with pytest.raises(UnknownPerson):
        meant(place, {"name": "a" * 301, "create": True})
    with pytest.raises(AmbiguousName) as refused:
        meant(place, {"name": "eva"})
    assert str(refused.value) == "2 people are called eva: Eva (p4), EVA (p5). Say which one by its id"
    assert refused.value.ids == {"p4": "Eva", "p5": "EVA"}
    alike = [Person("p6", "Ann Marie"), Person("p7", "Ann-Marie")]
    with pytest.raises(AmbiguousName, match="2 people have the folder name ann_marie: Ann Marie"):
        meant(place, {"name": "ann_marie"}, known=alike)


async def test_an_approval_without_a_name_says_who_is_close_and_why_that_is_not_enough(place):
    ids = await delivered(place, *(f"stranger_{n}.jpg" for n in range(4)), "anna_1.jpg")
    unlike, unwanted, unknown, plain, undone = ids
    await place.actions.undo_photo(undone, "eva")
    place.suggest(unlike, Anna=0.45)
    place.suggest(unwanted, Bella=0.55)
    suggest(place.ledger, unknown, [Suggestion(Person("p9", "Zoe"), 0.55)], "2024")
    place.suggest(undone, Anna=0.55)
    place.sidecar.runtime_settings.set_list("blacklist", [PersonRef("Bella")], "eva")

    def answer(photo, guess=""):
        why = f"photo {photo} has no suggested person{guess}. Name the person."
        return ActionResult(photo, "failed", problem=why, code="no_suggestion")

    found = await place.actions.approve(ids, [], "eva")
    why = "Immich lists no person with the id p9. Take one of /api/smart-download/people"
    assert [replace(one, kinds=frozenset()) for one in found] == [
        answer(unlike, ". Anna is too unlike (similarity 0.45)"),
        answer(unwanted, ". Bella is close (similarity 0.55), but the photo waits for another reason"),
        ActionResult(unknown, "failed", problem=why, code="unknown_person"),
        answer(plain),
        answer(undone),
    ]


# --- what folders say, and who is new ----------------------------------------------------------


async def test_photos_that_wait_are_filed_as_the_folders_of_their_user_say(place):
    waiting, filed, decided = await delivered(place, "stranger_1.jpg", "anna_1.jpg", "anna_2.jpg")
    await place.actions.refile([decided], BELLA, "eva")
    bella = place.server.person("Bella").id
    said = SortedBefore((Person(bella, "Bella"),), "tom")
    group = place.ledger.write(lambda db: events.append(db, [NewEvent("folder_adopted", None, {})], "2024"))[
        0
    ]
    anna = SortedBefore((Person(place.server.person("Anna").id, "Anna"),), "tom")
    await place.actions.file_as_said({waiting: said, filed: anna, decided: anna}, group)
    assert [place.photo(i).person_name for i in (waiting, filed, decided)] == ["Bella", "Anna", "Bella"]
    own = rows(
        place, "SELECT photo_id, kind, actor FROM events WHERE json_extract(data, '$.group') = ?", group
    )
    assert own == [(waiting, "approved", "tom")]


async def test_how_many_photos_a_name_settles_is_known_before_it_is_given(place):
    ids = await delivered(place, "stranger_1.jpg", "stranger_2.jpg", "anna+stranger_3.jpg")
    assert await place.actions.settled_by_name(strangers(place, *ids)) == 2
    assert await place.actions.settled_by_name({ids[0]: ["f99"], 99: ["f1"]}) == 0


async def test_a_face_or_a_person_that_is_missing_in_a_call_is_said(place):
    [one, other] = await delivered(place, "stranger_1.jpg", "stranger_2.jpg")
    for call, why in (
        (place.actions.refile([one], [], "eva"), "name the person to file the photos under"),
        (
            place.actions.approve([one, other], BELLA, "eva", face_id="f1"),
            "a face belongs to one photo. Approve that one alone",
        ),
        (place.actions.mark_faces({one: ["f1"]}, MarkKind.LOCKED, "eva"), "Say whose face it is"),
    ):
        with pytest.raises(ActionRefused) as refused:
            await call
        assert str(refused.value) == why


async def test_the_last_word_on_a_face_replaces_the_one_before_but_for_what_groups_strangers(place):
    one, other = await delivered(place, "stranger_1.jpg", "stranger_2.jpg")
    faces = strangers(place, one, other)

    def marks(photo):
        found = place.ledger.read(lambda db: arrangement.read(db, [photo]))[photo].marks
        return {mark.kind: mark.key for mark in found}

    grouped = await place.actions.group_faces(faces, {}, "eva")
    assert [(each.action, data_of(place, each.event)["mark"]) for each in grouped] == [("marked", "same")] * 2
    await place.actions.mark_faces(faces, MarkKind.IGNORED, "eva")
    first = marks(one)
    assert first.keys() == {"same", "ignored"}
    await place.actions.mark_faces({one: faces[one]}, MarkKind.NOT_A_FACE, "eva")
    assert marks(one).keys() == {"same", "not_a_face"}
    assert marks(other) == first
    apart = await place.actions.group_faces({one: faces[one]}, {other: faces[other]}, "eva")
    assert data_of(place, apart.results[0].event)["mark"] == "apart"
    assert marks(one).keys() == {"apart", "not_a_face"}
    nobody = await place.actions.group_faces({one: ["f99"]}, {}, "eva")
    why = ActionResult(one, "failed", problem="it has no such face", code="not_found")
    assert [*nobody] == [why]

    [revoked] = await place.actions.revoke_mark(first["ignored"], "tom")
    data = data_of(place, revoked.event)
    assert (revoked.photo_id, revoked.action, data["mark"], event_of(place, revoked.event).actor) == (
        *(other, "marked", ""),
        "tom",
    )
    assert marks(other).keys() == {"rest", "same"}
    with pytest.raises(NoSuchVerdict) as refused:
        await place.actions.revoke_mark("k9", "tom")
    why = "No face is marked with k9. `smartsort strangers verdicts` lists the verdicts"
    assert str(refused.value) == why


async def test_a_person_who_is_ruled_out_is_nobody_on_the_photo_and_the_event_says_which_face(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    place.suggest(photo, Anna=0.55)
    anna = place.server.person("Anna").id
    [acted] = await place.actions.rule_out(photo, None, "eva")
    assert (acted.action, acted.person) == ("ruled_out", "Anna")
    assert {key: data_of(place, acted.event)[key] for key in ("person_id", "people", "faces")} == {
        "person_id": anna,
        "people": ["Anna"],
        "faces": strangers(place, photo)[photo],
    }
    assert rows(place, "SELECT * FROM ruled_out") == [(photo, anna, "Anna")]
    [again] = await place.actions.rule_out(photo, PersonSelector(id=anna), "eva")
    assert (again.code, again.problem) == ("nothing_to_do", "that photo 1 does not show Anna is known")
    for choice, face, error, why in (
        (None, None, ActionRefused, "photo 1: it has no suggestion. Name the person"),
        (None, "f9", ActionRefused, "photo 1: it has no face f9"),
        (PersonSelector("Zoe"), None, UnknownPerson, "Immich has no person called Zoe. Check the spelling"),
        (PersonSelector(id="p9"), None, UnknownPerson, "Immich has no person called p9. Check the spelling"),
    ):
        with pytest.raises(error) as refused:
            await place.actions.rule_out(photo, choice, "eva", face_id=face)
        assert str(refused.value) == why


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
