"""Faces are named together, ignored or locked for good, on real folders and a real ledger."""

from __future__ import annotations

import os

import httpx
import pytest
from tests.fakes import World, close_world

from smartsort.actions import ActionRefused, PersonSelector
from smartsort.api.app import create_app
from smartsort.api.guard import BASE
from smartsort.core.model import MarkKind, State
from smartsort.core.person_ref import PersonRef
from smartsort.ledger import adopted, face_marks, photos
from smartsort.pipeline.routing.evidence import EvidenceBuilder

DORA = PersonSelector("Dora", create=True)


@pytest.fixture
def place(tmp_path):
    made = World(os.fspath(tmp_path / "root"))
    yield made
    close_world(made)


async def delivered(place, *names):
    ids = [await place.deliver(name) for name in names]
    await place.settle()
    return ids


def evidence_of(place, photo):
    return place.ledger.read(lambda db: photos.last_decision(db, photo))[4]


def stranger_on(place, photo):
    [face] = [f for f in evidence_of(place, photo).faces if f.person is None or not f.person.name]
    return {photo: [face.id]}


def faces_in_immich(place):
    found = {}
    for asset in place.server.assets.values():
        for face in asset.faces:
            person = place.server.people_by_id.get(face.person or "")
            found[face.id] = person.name if person else ""
    return found


async def test_a_group_is_named_at_once_and_what_has_more_faces_waits_for_that(place):
    alone, also, beside = await delivered(place, "stranger_1.jpg", "stranger_2.jpg", "anna+stranger_3.jpg")
    faces = stranger_on(place, alone) | stranger_on(place, also) | stranger_on(place, beside)
    before = {photo: place.places(photo) for photo in faces}
    immich = faces_in_immich(place)

    preview = await place.actions.name_faces(faces, DORA, "eva", dry_run=True)
    assert [one.action for one in preview] == ["would_approve", "would_approve", "would_name"]
    assert {photo: place.places(photo) for photo in faces} == before

    batch = await place.actions.name_faces(faces, DORA, "eva", agreed=preview.versions)
    await place.tell()
    assert [one.action for one in batch] == ["approved", "approved", "named"]
    assert place.places(alone) == ["faces/dora/stranger_1.jpg"]
    assert place.places(beside) == before[beside]
    dora = [p for p in place.server.people_by_id.values() if p.name == "Dora"]
    assert len(dora) == 1
    assert [faces_in_immich(place)[face] for [face] in faces.values()] == ["Dora"] * 3

    await place.actions.undo(batch.event, "eva")
    await place.tell()
    assert {photo: place.places(photo) for photo in faces} == before
    assert faces_in_immich(place) == immich
    place.check()


@pytest.mark.parametrize("wanted", [["Anna"], ["Anna", "Dora"], []])
async def test_who_is_named_by_hand_is_wanted(place, wanted):
    place.sidecar.runtime_settings.set_list("whitelist", [PersonRef(name) for name in wanted], "eva")
    [photo] = await delivered(place, "stranger_1.jpg")
    [named] = await place.actions.name_faces(stranger_on(place, photo), DORA, "eva")
    assert (named.action, place.places(photo)) == ("approved", ["faces/dora/stranger_1.jpg"])


@pytest.mark.parametrize("heard", [False, True])
async def test_who_was_just_named_can_be_chosen_before_immich_has_heard_of_them_and_after(place, heard):
    """What waits for more than the name suggests the new person. The page sends back the id it was given."""
    alone, beside = await delivered(place, "stranger_1.jpg", "anna+stranger_3.jpg")
    faces = stranger_on(place, alone) | stranger_on(place, beside)
    await place.actions.name_faces(faces, DORA, "eva")
    [dora] = [f.person for f in evidence_of(place, beside).faces if f.person and f.person.name == "Dora"]
    if heard:
        await place.tell()
        await place.actions._people.refresh(max_age=0)
    [done] = await place.actions.approve([beside], [PersonSelector(id=dora.id)], "eva")
    assert (done.action, place.places(beside)) == ("approved", ["faces/dora/anna+stranger_3.jpg"])
    await place.tell()
    assert [p.name for p in place.server.people_by_id.values()].count("Dora") == 1


@pytest.fixture
async def api(place):
    transport = httpx.ASGITransport(create_app(place.sidecar))
    headers = {"Authorization": "Bearer token-for-tests"}
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://127.0.0.1{BASE}", headers=headers
    ) as client:
        yield client


async def listed(api, search=""):
    return (await api.get("/people", params={"search": search})).raise_for_status().json()


async def test_who_was_just_named_is_listed_at_once_and_once(place, api):
    alone, beside = await delivered(place, "stranger_1.jpg", "anna+stranger_3.jpg")
    immich = await listed(api)
    assert {one["to_come"] for one in immich} == {False}
    for photo, photos_filed in ((beside, 0), (alone, 1)):
        [named] = await place.actions.name_faces(stranger_on(place, photo), DORA, "eva")
        [dora] = await listed(api, "dora")
        assert (dora["name"], dora["photos"], dora["to_come"]) == ("Dora", photos_filed, True)
        assert len(await listed(api)) == len(immich) + 1
        await place.actions.undo(named.event, "eva")
        assert await listed(api) == immich, "taken back before Immich heard of it"
    await place.tell()
    await place.actions.name_faces(stranger_on(place, alone), DORA, "eva")
    chosen = {"person": {"id": (await listed(api, "dora"))[0]["id"]}}
    (await api.post(f"/review/{beside}/approve", json=chosen)).raise_for_status()
    assert [one["photos"] for one in await listed(api, "dora")] == [2]
    await place.tell()
    [dora] = await listed(api, "dora")
    assert (dora["id"] in place.server.people_by_id, dora["photos"], dora["to_come"]) == (True, 2, False)


async def test_who_is_made_while_the_people_are_read_is_listed_by_immich_then(place, api):
    """Immich lists nobody without a face: a list of the moment between both calls lacks the new person."""
    [photo] = await delivered(place, "stranger_1.jpg")
    await place.actions.name_faces(stranger_on(place, photo), DORA, "eva")
    assign, seen = place.server.assign_face, []

    async def assigned(face, person):
        seen.append([one["to_come"] for one in await listed(api, "dora")])
        await assign(face, person)

    place.server.assign_face = assigned
    await place.tell()
    assert seen == [[True]]
    assert [one["to_come"] for one in await listed(api, "dora")] == [False]


async def test_whoever_a_face_is_locked_to_is_listed_and_no_name_is_too_long(place, api):
    [photo] = await delivered(place, "anna+bella+stranger_1.jpg")
    name = "D" * 300
    choice = PersonSelector(name, create=True)
    await place.actions.mark_faces(stranger_on(place, photo), MarkKind.LOCKED, "eva", choice=choice)
    [dora] = await listed(api, "ddd")
    assert (dora["name"], dora["to_come"]) == (name, True)
    body = {"person": {"id": dora["id"], "name": name}}
    assert (await api.post(f"/review/{photo}/approve", json=body)).raise_for_status().json()["person"] == name


async def test_a_name_that_only_has_the_folder_form_of_anothers_is_somebody_to_come(place, api):
    [photo, other] = await delivered(place, "stranger_1.jpg", "stranger_2.jpg")
    for faces, name in ((photo, "Anna!"), (other, "anna")):
        choice = PersonSelector(name, create=True)
        await place.actions.name_faces(stranger_on(place, faces), choice, "eva")
    assert sorted(one["name"] for one in await listed(api, "anna")) == ["Anna", "Anna!"]


async def test_strangers_are_called_one_person_or_two_and_the_last_word_counts(place):
    one, two, third = await delivered(place, "stranger_1.jpg", "stranger_2.jpg", "stranger_3.jpg")
    first, second = stranger_on(place, one), stranger_on(place, two)
    before = {photo: place.places(photo) for photo in (one, two, third)}

    def said():
        return {(photo, mark.kind) for photo, mark in place.ledger.read(face_marks.grouping)}

    together = {(one, "same"), (two, "same")}
    preview = await place.actions.group_faces(first | second, {}, "eva", dry_run=True)
    assert said() == set()
    batch = await place.actions.group_faces(first | second, {}, "eva", agreed=preview.versions)
    assert [action.action for action in batch] == ["marked", "marked"]
    assert said() == together
    apart = await place.actions.group_faces(first, second, "eva")
    # What is left of the former word says nothing by itself.
    assert said() == {(one, "apart"), (two, "rest"), (two, "same")}
    await place.actions.undo(apart.event, "eva")
    assert said() == together
    await place.actions.group_faces(first, second, "eva")
    await place.actions.group_faces(first | second, {}, "eva")
    assert said() == together
    [failed] = await place.actions.group_faces({third: ["gone"]}, {}, "eva")
    assert (failed.action, failed.code, failed.problem) == ("failed", "not_found", "it has no such face")
    assert {photo: place.places(photo) for photo in before} == before


async def test_an_ignored_stranger_beside_a_wanted_person_lets_the_photo_be_filed(place):
    [photo] = await delivered(place, "anna+stranger_1.jpg")
    before = place.places(photo)
    batch = await place.actions.mark_faces(stranger_on(place, photo), MarkKind.IGNORED, "eva")
    assert [one.action for one in batch] == ["marked"]
    assert place.places(photo) == ["faces/anna/anna+stranger_1.jpg"]

    await place.actions.undo(batch.results[0].event, "eva")
    assert place.places(photo) == before
    assert place.ledger.read(face_marks.groups) == []
    place.check()


async def test_an_ignored_stranger_stays_ignored_when_immich_has_other_ids_for_all(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    await place.actions.mark_faces(stranger_on(place, photo), MarkKind.IGNORED, "eva")
    assert place.photo(photo).state is State.REVIEW
    asset = place.server.asset_at("stranger_1.jpg")
    asset.faces[0].id = "another-id"
    builder = EvidenceBuilder(place.context, place.sidecar.people)
    [found] = await builder.build([(place.photo(photo), await place.server.faces(asset.id))])
    assert found.evidence.marks["another-id"].kind is MarkKind.IGNORED


async def test_a_locked_face_is_its_person_whatever_immich_says(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    faces = stranger_on(place, photo)
    await place.actions.mark_faces(faces, MarkKind.LOCKED, "eva", choice=PersonSelector("Anna"))
    await place.tell()
    assert place.places(photo) == ["faces/anna/stranger_1.jpg"]
    assert faces_in_immich(place)[faces[photo][0]] == "Anna"


async def test_a_verdict_is_revoked_by_its_key_once(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    await place.actions.mark_faces(stranger_on(place, photo), MarkKind.NOT_A_FACE, "eva")
    [group] = place.ledger.read(face_marks.groups)
    assert (group.kind, group.photos) == ("not_a_face", (photo,))
    await place.actions.revoke_mark(group.key, "eva")
    assert place.ledger.read(face_marks.groups) == []
    assert place.places(photo) == ["review/unidentified/unknown_stranger_1.jpg"]
    with pytest.raises(ActionRefused):
        await place.actions.revoke_mark(group.key, "eva")


async def test_what_immich_never_recognised_still_lay_in_the_folder_of_its_person(place):
    [photo] = await delivered(place, "stranger_1.jpg")
    lay = {"run": 1, "paths": ["/old/anna/a.jpg"], "said": {"people": [["p1", "Anna"]], "by": "eva"}}
    place.ledger.write(lambda db: adopted.put(db, {photo: lay}))
    builder = EvidenceBuilder(place.context, place.sidecar.people)
    [found] = await builder.given_up([(place.photo(photo), "it failed twice")])
    assert (found.evidence.gave_up, found.evidence.sorted_before.by) == ("it failed twice", "eva")
