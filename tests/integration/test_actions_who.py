"""Whom a choice means, who is close, and what is said of faces: answers and refusals, whole."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.answers import data_of, delivered, event_of, rows, strangers
from tests.fakes import World, close_world, suggest

from smartsort.actions import ActionRefused, AmbiguousName, PersonSelector, UnknownPerson
from smartsort.actions.person_resolver import TargetPerson, people_to_come, resolve
from smartsort.actions.values import (
    ActionResult,
    NoSuchVerdict,
)
from smartsort.core.model import Confidence, MarkKind, Person, SortedBefore, State, Suggestion
from smartsort.core.person_ref import PersonRef
from smartsort.ledger import arrangement, events, photos
from smartsort.ledger.records import NewEvent

BELLA, DORA = [PersonSelector("Bella")], PersonSelector("Dora", create=True)


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


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


class Measurer:
    """A service that says so much of every face that was given to somebody."""

    def __init__(self, similarity):
        self.similarity, self.asked = similarity, []

    async def complete(self, asset_id, evidence, policy, ambiguous):
        self.asked.append((asset_id, policy.version, ambiguous))
        measured = Confidence(self.similarity, 0.3)
        return replace(evidence, confidence={f.id: measured for f in evidence.faces if f.person})


@pytest.mark.parametrize(("similarity", "state"), [(0.9, State.FILED), (0.1, State.REVIEW)])
async def test_a_photo_is_filed_by_a_mark_only_when_the_other_faces_are_sure(place, similarity, state):
    filed, waiting = await delivered(place, "anna_1.jpg", "anna+stranger_1.jpg")
    place.actions._measure = measurer = Measurer(similarity)
    await place.actions.mark_faces(strangers(place, waiting), MarkKind.IGNORED, "eva", dry_run=True)
    assert measurer.asked == []
    [acted] = await place.actions.mark_faces(strangers(place, waiting), MarkKind.IGNORED, "eva")
    asset = place.photo(waiting).asset_id
    assert measurer.asked == [(asset, place.context.policy().version, place.sidecar.people.ambiguous)]
    assert (acted.action, place.photo(waiting).state) == ("marked", state)
    [face] = place.ledger.read(lambda db: photos.last_decision(db, filed))[4].faces
    await place.actions.mark_faces({filed: [face.id]}, MarkKind.LOCKED, "eva", choice=PersonSelector("Anna"))
    assert len(measurer.asked) == 1  # what is filed already needs no measure


async def test_a_face_is_asked_for_only_of_a_photo_that_was_judged(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    [missing] = await place.actions.approve([99], BELLA, "eva", face_id="f1")
    assert missing.code == "not_found"
    [face] = strangers(place, photo)[photo]
    with pytest.raises(ActionRefused) as refused:
        await place.actions.approve([photo], BELLA, "eva", face_id="f9")
    assert str(refused.value) == f"photo {photo} has no face f9. It has {face}"


async def test_one_of_two_people_of_a_name_is_never_ruled_out_by_a_guess(tmp_path):
    world = World(os.fspath(tmp_path / "other"), people=("Anna", "Eva", "EVA"))
    [photo] = await delivered(world, "stranger_1.jpg")
    ids = {world.server.person(name).id: name for name in ("Eva", "EVA")}
    with pytest.raises(AmbiguousName) as refused:
        await world.actions.rule_out(photo, PersonSelector("eva"), "tom")
    listed = ", ".join(f"{name} ({i})" for i, name in refused.value.ids.items())
    assert str(refused.value) == f"2 people are called eva: {listed}. Give an id"
    assert refused.value.ids == ids
    close_world(world)
