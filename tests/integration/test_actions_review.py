"""Approve, re-file, reject and skip on real folders and a real ledger, with an Immich in memory."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest
from tests.fakes import World, append, close_world, content_of, picture

from smartsort.actions import ActionRefused, AmbiguousName, NotUndoable, PersonSelector, UnknownPerson
from smartsort.core.model import Person, State
from smartsort.core.person_ref import PersonRef
from smartsort.ledger import events, feedback, review

BELLA = [PersonSelector("Bella")]


@pytest.fixture
def root(tmp_path):
    return os.fspath(tmp_path / "root")


@pytest.fixture
def place(root):
    made = World(root)
    yield made
    close_world(made)


def queue(world):
    return [(r.photo_id, r.category.value) for r in world.ledger.read(review.page).rows]


async def one(world, name, **options):
    photo_id = await world.deliver(name, **options)
    await world.settle()
    return photo_id


async def test_an_approved_photo_gets_its_name_back_and_assigns_the_stranger_s_face(place):
    photo = await one(place, "stranger_1.jpg", xmp=b"<x/>")
    assert place.places(photo) == ["review/unidentified/unknown_stranger_1.jpg"]

    [acted] = await place.actions.approve([photo], BELLA, "eva")
    await place.tell()

    assert (acted.action, acted.person, acted.names) == ("approved", "Bella", ("faces/bella/stranger_1.jpg",))
    assert acted.path == f"{place.root}/faces/bella/stranger_1.jpg"
    assert sorted(os.listdir(f"{place.root}/faces/bella")) == ["stranger_1.jpg", "stranger_1.jpg.xmp"]
    assert os.listdir(f"{place.root}/review/unidentified") == []
    row = place.photo(photo)
    assert (row.state, row.person_name, row.auto_sorted) == (State.FILED, "Bella", False)
    assert place.server.asset_at("stranger_1.jpg").faces[0].person == place.server.person("Bella").id
    assert queue(place) == []
    closed = place.ledger.read(
        lambda db: db.conn.execute("SELECT action, reviewed_by FROM review_queue").fetchall()
    )
    assert closed == [("approved", "eva")]
    download = place.ledger.read(
        lambda db: db.conn.execute("SELECT file_path, person_name, auto_sorted FROM downloads").fetchall()
    )
    assert download == [(acted.path, "Bella", 0)]
    place.check()


async def test_a_new_person_is_made_only_when_asked(place):
    photo = await one(place, "stranger_1.jpg")
    with pytest.raises(UnknownPerson, match="no person called Dora"):
        await place.actions.approve([photo], [PersonSelector("Dora")], "eva")
    await place.actions.approve([photo], [PersonSelector("Dora", create=True)], "eva")
    await place.tell()
    dora = place.server.person("Dora")
    assert place.server.asset_at("stranger_1.jpg").faces[0].person == dora.id
    assert place.photo(photo).person_id == dora.id
    assert [n.person_id for n in place.names(photo) if n.area == "faces"] == [dora.id]


async def test_two_new_photos_of_one_new_person_make_one_person(place):
    ids = [await place.deliver(f"stranger_{i}.jpg") for i in range(3)]
    await place.settle()
    await place.actions.approve(ids, [PersonSelector("Dora", create=True)], "eva")
    await place.tell()
    assert [p.name for p in place.server.people_by_id.values()].count("Dora") == 1


async def test_a_new_person_whom_immich_puts_on_the_photo_by_itself_is_noted_too(place):
    """As on a real Immich: it recognises the other photos of a group that was just named by itself."""
    first, second = await one(place, "stranger_1.jpg"), await one(place, "stranger_2.jpg")
    assign_face = place.server.assign_face

    async def assign_and_recognise(face_id, person_id):
        await assign_face(face_id, person_id)
        for asset in place.server.assets.values():
            asset.faces[0].person = person_id

    place.server.assign_face = assign_and_recognise
    await place.actions.approve([first, second], [PersonSelector("Dora", create=True)], "eva")
    await place.tell()
    dora = place.server.person("Dora")
    assert [place.photo(i).person_id for i in (first, second)] == [dora.id, dora.id]
    await place.sidecar.people.refresh(max_age=-1)
    await place.stage("renames")
    place.server.people_by_id[dora.id] = replace(dora, name="Dora Smith")
    await place.sidecar.people.refresh(max_age=-1)
    await place.stage("renames")
    assert [place.places(i) for i in (first, second)] == [
        ["faces/dora_smith/stranger_1.jpg"],
        ["faces/dora_smith/stranger_2.jpg"],
    ]


async def test_a_new_person_whom_immich_tidied_away_is_made_again(place):
    photo = await one(place, "stranger_1.jpg")
    [acted] = await place.actions.approve([photo], [PersonSelector("Dora", create=True)], "eva")
    await place.tell()
    [undone] = await place.actions.undo(acted.event, "eva")
    await place.tell()
    del place.server.people_by_id[place.server.person("Dora").id]  # the nightly run: no face, no person
    await place.actions.undo(undone.event, "eva")
    await place.tell(minutes=1)
    face = place.server.asset_at("stranger_1.jpg").faces[0]
    assert face.person == place.server.person("Dora").id


async def test_two_people_of_one_name_are_never_guessed(place):
    photo = await one(place, "stranger_1.jpg")
    place.server.people_by_id["person-9"] = Person("person-9", "bella")
    place.clock.pass_by(minutes=1)
    place.sidecar.people._read_at = None
    with pytest.raises(AmbiguousName) as refused:
        await place.actions.approve([photo], BELLA, "eva")
    assert refused.value.ids == {place.server.person("Bella").id: "Bella", "person-9": "bella"}
    [acted] = await place.actions.approve([photo], [PersonSelector(id="person-9")], "eva")
    assert acted.names == ("faces/bella/stranger_1.jpg",)


async def test_immich_down_moves_the_file_and_keeps_the_rest_for_later(place):
    photo = await one(place, "stranger_1.jpg")
    place.server.down = True
    place.sidecar.people._read_at = None
    [acted] = await place.actions.approve([photo], [PersonSelector("Bella")], "eva")
    assert acted.action == "approved"
    with pytest.raises(Exception, match="down"):
        await place.tell()
    place.server.down = False
    await place.tell()
    assert place.server.asset_at("stranger_1.jpg").faces[0].person == place.server.person("Bella").id
    assert place.photo(photo).person_id == place.server.person("Bella").id


async def test_without_a_choice_the_suggested_person_is_taken_when_a_measurement_is_sure(place):
    ids = [await place.deliver(f"stranger_{n}.jpg") for n in range(5)]
    ids.append(await place.deliver("none_1.jpg"))
    ids.append(await place.deliver("anna+bella_1.jpg"))
    await place.settle()
    place.suggest(ids[0], Anna=0.55, Bella=0.2)
    place.suggest(ids[1], Anna=0.31)
    place.suggest(ids[2], Anna=0.51)
    place.suggest(ids[3], Anna=0.55, Bella=0.48)
    batch = await place.actions.approve(ids, [], "eva")
    assert [(a.action, a.person) for a in batch] == [("approved", "Anna"), *[("failed", None)] * 6]
    said = [a.problem for a in batch if not a.ok]
    assert "Anna is too unlike (similarity 0.31)" in said[0]
    assert "Anna is too unlike (similarity 0.51)" in said[1]
    assert "Anna is too near to the next person (similarity 0.55, 0.07 apart)" in said[2]
    assert all("no suggested person. Name" in text for text in said[3:])


async def test_a_bulk_approval_files_a_face_that_a_measurement_names_and_no_other_stranger(place):
    names = ("stranger_1.jpg", "stranger_2.jpg", "stranger+stranger_1.jpg")
    ids = [await place.deliver(name) for name in names]
    await place.settle()
    place.suggest(ids[0], Anna=0.55)
    place.suggest(ids[1], Anna=0.45)
    place.suggest(ids[2], Anna=0.55)
    batch = await place.actions.approve(ids, [], "eva", include=[], dry_run=True)
    assert [a.action for a in batch] == ["would_approve", "excluded", "excluded"]
    batch = await place.actions.approve(ids, BELLA, "eva", include=[], dry_run=True)
    assert [a.action for a in batch] == ["excluded"] * 3


async def test_only_what_was_measured_is_called_suggested_in_the_queue_s_table(place):
    photo_id = await one(place, "stranger_1.jpg")
    row = place.ledger.read(
        lambda db: db.conn.execute("SELECT suggested_person, photo_id FROM review_queue").fetchone()
    )
    assert row == (None, photo_id)


async def test_a_bulk_approval_leaves_out_what_it_was_not_asked_for(place):
    place.sidecar.runtime_settings.set_list("blacklist", [PersonRef("Carl")], "eva")
    names = ("stranger_1.jpg", "anna+bella_1.jpg", "carl_1.jpg", "none_1.jpg")
    ids = [await place.deliver(name) for name in names]
    ids.append(await place.deliver("broken_1.jpg", b"no picture"))
    await place.settle()
    batch = await place.actions.approve(ids, BELLA, "eva", include=[], dry_run=True)
    kinds = {a.photo_id: (a.action, *sorted(a.kinds)) for a in batch}
    assert [kinds[i] for i in ids] == [
        ("excluded", "strangers"),
        ("excluded", "groups"),
        ("excluded", "blacklisted"),
        ("would_approve",),
        ("excluded", "not_pictures"),
    ]
    assert (batch.done, batch.failed) == (1, 0)
    batch = await place.actions.approve(ids, BELLA, "eva", include=["strangers", "groups"], dry_run=True)
    assert batch.done == 3


async def test_a_bulk_approval_says_of_a_person_that_nobody_wants_their_photos(place):
    photo = await one(place, "none_1.jpg")

    async def kinds(who):
        [foreseen] = await place.actions.approve([photo], [who], "eva", dry_run=True)
        return set(foreseen.kinds)

    zoe = PersonSelector("Zoe", create=True)
    assert await kinds(PersonSelector("Carl")) == await kinds(zoe) == set()
    place.sidecar.runtime_settings.set_list("blacklist", [PersonRef("Carl"), PersonRef("Zoe")], "eva")
    assert await kinds(PersonSelector("Carl")) == await kinds(zoe) == {"blacklisted"}
    place.sidecar.runtime_settings.set_list("blacklist", [], "eva")
    place.sidecar.runtime_settings.set_list("whitelist", [PersonRef("Carl")], "eva")
    assert await kinds(PersonSelector("Carl")) == set()
    assert await kinds(zoe) == {"not_whitelisted"}


async def test_several_people_get_a_name_each(place):
    photo = await one(place, "anna+bella_1.jpg")
    [acted] = await place.actions.approve([photo], [PersonSelector("Anna"), PersonSelector("Bella")], "eva")
    assert acted.names == ("faces/anna/anna+bella_1.jpg", "faces/bella/anna+bella_1.jpg")
    await place.tell()
    assert "assign_face" not in place.server.calls  # both are known on it already
    place.check()


async def test_a_duplicate_is_filed_as_a_file_of_its_own_outside_the_library(place):
    first = await one(place, "anna_1.jpg", content=picture(77))
    second = await one(place, "copy_1.jpg", content=picture(77))
    assert place.places(second) == ["review/duplicates/duplicate_copy_1.jpg"]
    assets = len(place.server.assets)
    [acted] = await place.actions.approve([second], BELLA, "eva")
    await place.tell()
    assert acted.names == ("faces/bella/copy_1.jpg",)
    assert place.places(first) == ["faces/anna/anna_1.jpg"]
    assert len(place.server.assets) == assets  # No second asset
    place.check()
    await place.actions.undo(acted.event, "eva")
    assert place.places(second) == ["review/duplicates/duplicate_copy_1.jpg"]
    place.check()


async def test_refiling_an_automatic_filing_counts_as_wrong_and_corrects_immich(place):
    photo = await one(place, "anna_1.jpg")
    [acted] = await place.actions.refile([photo], BELLA, "eva")
    await place.tell()
    assert (acted.action, acted.names) == ("refiled", ("faces/bella/anna_1.jpg",))
    event = place.ledger.read(lambda db: events.get(db, acted.event))
    assert (event.kind, event.data["wrong"], event.data["was"]) == ("refiled", True, "Anna")
    assert place.server.asset_at("anna_1.jpg").faces[0].person == place.server.person("Bella").id
    assert place.ledger.read(lambda db: feedback.ruled_out_people(db, [photo]))[photo] == {
        place.server.person("Anna").id
    }
    [again] = await place.actions.refile([photo], BELLA, "eva")
    assert again.code == "nothing_to_do"
    place.check()


async def test_rejected_bytes_go_to_the_trash_and_the_asset_offline(place):
    photo = await one(place, "stranger_1.jpg", xmp=b"<x/>")
    [acted] = await place.actions.reject([photo], "eva")
    assert acted.names == ("trash/2024-05/stranger_1.jpg",)
    await place.tell()
    assert place.server.asset_at("stranger_1.jpg").offline
    assert {p for p in place.tree() if not p.startswith("trash/")} == set()
    assert sorted(os.listdir(f"{place.root}/trash/2024-05")) == ["stranger_1.jpg", "stranger_1.jpg.xmp"]
    place.check()
    # The same file again is known as rejected.
    content = content_of(f"{place.root}/trash/2024-05/stranger_1.jpg")
    again = await one(place, "again_1.jpg", content=content)
    [row] = place.ledger.read(review.page).rows
    assert (row.photo_id, row.reason) == (again, "rejected_before")


async def test_one_scan_for_a_whole_batch(place):
    ids = [await place.deliver(f"stranger_{i}.jpg") for i in range(8)]
    await place.settle()
    before = place.server.calls["scan"]
    await place.actions.reject(ids, "eva")
    await place.tell()
    assert place.server.calls["scan"] == before + 1
    await place.actions.undo_last(actor="eva")
    await place.tell()
    assert place.server.calls["scan"] == before + 2
    place.check()


async def test_undoing_a_rejection_brings_the_same_asset_back(place):
    photo = await one(place, "stranger_1.jpg", xmp=b"<x/>")
    tree, asset = place.tree(), place.server.asset_at("stranger_1.jpg").id
    [acted] = await place.actions.reject([photo], "eva")
    await place.tell()
    await place.actions.undo(acted.event, "eva")
    await place.tell(minutes=1)
    assert place.tree() == tree  # names, inodes and times
    assert not place.server.assets[asset].offline
    assert place.photo(photo).asset_id == asset
    place.check()


async def test_an_asset_that_comes_back_under_a_new_id_gets_its_person_again(place):
    photo = await one(place, "stranger_1.jpg")
    await place.actions.approve([photo], BELLA, "eva")
    await place.tell()
    old = place.photo(photo).asset_id
    place.server.forget_gone = True  # Immich's own watcher
    await place.actions.reject([photo], "eva", expect=(State.FILED,))
    await place.tell()
    assert old not in place.server.assets
    await place.actions.undo_last(actor="eva")
    await place.tell(minutes=2)
    new = place.photo(photo).asset_id
    assert new != old
    assert place.server.assets[new].faces[0].person == place.server.person("Bella").id


async def test_skipped_photos_are_listed_last(place):
    ids = [await place.deliver(f"stranger_{i}.jpg") for i in range(4)]
    await place.settle()
    order = [i for i, _ in queue(place)]
    assert order == sorted(ids, reverse=True)
    [acted] = await place.actions.skip([order[0]], "eva")
    assert [i for i, _ in queue(place)] == [*order[1:], order[0]]
    await place.actions.undo(acted.event, "eva")
    assert [i for i, _ in queue(place)] == order


async def test_the_second_of_two_actors_learns_what_the_first_did(place):
    photo = await one(place, "stranger_1.jpg")
    first, second = await asyncio.gather(
        place.actions.approve([photo], BELLA, "eva"), place.actions.reject([photo], "max")
    )
    [done], [refused] = first, second
    assert done.action == "approved"
    assert (refused.action, refused.code) == ("failed", "conflict")
    assert (refused.happened.kind, refused.happened.actor) == ("approved", "eva")
    place.check()


async def test_a_dry_run_tells_the_names_and_does_nothing(place):
    ids = [await place.deliver(f"stranger_{i}.jpg") for i in range(2)]
    await place.settle()
    tree, last = place.tree(), place.ledger.read(events.last_id)
    would = await place.actions.approve(ids, BELLA, "eva", dry_run=True)
    assert [(a.action, a.names) for a in would] == [
        ("would_approve", (f"faces/bella/stranger_{i}.jpg",)) for i in range(2)
    ]
    assert [a.action for a in await place.actions.reject(ids, "eva", dry_run=True)] == ["would_reject"] * 2
    assert (place.tree(), place.ledger.read(events.last_id)) == (tree, last)


async def test_a_file_changed_by_hand_is_left_alone_and_the_others_go_on(place):
    ids = [await place.deliver(f"stranger_{i}.jpg") for i in range(2)]
    await place.settle()
    append(f"{place.root}/review/unidentified/unknown_stranger_0.jpg", b"more")
    batch = await place.actions.approve(ids, BELLA, "eva")
    assert [(a.action, a.code) for a in batch] == [("failed", "changed_by_hand"), ("approved", "")]
    assert "audit --repair" in batch.results[0].problem


async def test_a_face_has_to_be_the_photo_s(place):
    photo = await one(place, "anna+stranger_1.jpg")
    with pytest.raises(ActionRefused, match="has no face nobody"):
        await place.actions.approve([photo], BELLA, "eva", face_id="nobody")
    anna, stranger = place.server.asset_at("anna+stranger_1.jpg").faces
    await place.actions.approve([photo], BELLA, "eva", face_id=stranger.id)
    await place.tell()
    assert [anna.person, stranger.person] == [place.server.person(n).id for n in ("Anna", "Bella")]


async def test_nothing_to_undo_is_said(place):
    with pytest.raises(NotUndoable, match="no action left"):
        await place.actions.undo_last(actor="eva")
