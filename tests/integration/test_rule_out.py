"""An explicit "not this person": remembered, never suggested again, and it lowers what likes can reach."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world
from tests.measured import DIRECTIONS, Eye, measured_world

from smartsort.actions import ActionRefused, AmbiguousName, PersonSelector, UnknownPerson
from smartsort.audit import Audit, Weight
from smartsort.core.model import Person, State
from smartsort.core.person_ref import PersonRef
from smartsort.core.suggestion import assigned, likeliest
from smartsort.ledger import feedback, photos, review


@pytest.fixture
def world(tmp_path):
    made = World(
        os.fspath(tmp_path / "root"), settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"]}
    )
    yield made
    close_world(made)


async def deliver(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


def suggested(world, photo_id):
    """Names suggested for the photo's faces, and the likeliest one."""
    evidence = world.ledger.read(lambda db: photos.last_decision(db, photo_id))[4]
    names = [s.person.name for found in evidence.suggestions.values() for s in found]
    row = next(r for r in world.ledger.read(review.page).rows if r.photo_id == photo_id)
    guess = likeliest(row.evidence, row.ruled_out)
    return names, guess.person.name if guess else None


def assign(world, name, person):
    world.server.asset_at(name).faces[0].person = world.server.person(person).id if person else None


async def recheck(world, runs=3):
    for _ in range(runs):
        await world.stage("recheck")


async def test_what_moves_because_of_a_denial_is_found_in_the_older_tables_too(world):
    """Another reason, another name: its row in `downloads` follows."""
    world.sidecar.runtime_settings.set_list("whitelist", [PersonRef("Anna")])
    [photo_id] = await deliver(world, "bella_1.jpg")
    assert world.places(photo_id) == ["review/unidentified/notwhitelisted_bella_1.jpg"]
    [acted] = await world.actions.rule_out(photo_id, PersonSelector("Bella"), "maria")
    assert world.places(photo_id) == ["review/unidentified/unknown_bella_1.jpg"]
    sql = "SELECT file_path FROM downloads WHERE photo_id = ?"
    [(path,)] = world.ledger.read(lambda db: db.conn.execute(sql, (photo_id,)).fetchall())
    assert path == os.path.join(world.root, "review/unidentified/unknown_bella_1.jpg")
    assert Audit(world.context.layout).run().weight is Weight.CLEAN
    await world.actions.undo(acted.event, "maria")
    assert Audit(world.context.layout).run().weight is Weight.CLEAN


async def test_the_next_one_is_suggested_and_the_ruled_out_one_never_again(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    assert suggested(world, photo_id) == ([], None), "only what was measured"
    world.suggest(photo_id, Anna=0.5, Bella=0.45, Carl=0.3)
    assert suggested(world, photo_id) == (["Anna", "Bella", "Carl"], "Anna")
    [acted] = await world.actions.rule_out(photo_id, None, "maria")
    assert (acted.action, acted.person) == ("ruled_out", "Anna")
    assert suggested(world, photo_id) == (["Bella", "Carl"], "Bella")
    # Neither tomorrow, nor when Immich's own list is asked for again.
    await recheck(world)
    assign(world, "stranger_1.jpg", "Carl")
    await recheck(world)
    assign(world, "stranger_1.jpg", None)
    await recheck(world)
    names, row = suggested(world, photo_id)
    assert "Anna" not in names
    assert row != "Anna"
    world.check()


async def test_immich_assigning_them_all_the_same_files_nothing(world):
    [photo_id] = await deliver(world, "stranger_1.jpg")
    await world.actions.rule_out(photo_id, PersonSelector("Anna"), "maria")
    assign(world, "stranger_1.jpg", "Anna")
    await recheck(world)
    last = world.ledger.read(lambda db: photos.last_decision(db, photo_id))
    assert world.photo(photo_id).state is State.REVIEW
    assert (last[3][0].code, last[3][0].names) == ("ruled_out_person", ("Anna",))
    assert suggested(world, photo_id)[1] is None


async def test_it_moves_to_the_folder_of_the_reason_that_is_left_and_back(tmp_path):
    world = World(
        os.fspath(tmp_path / "root"),
        settings={"whitelist": ["Anna", "Bella"], "when_confidence_unknown": "review"},
    )
    [photo_id] = await deliver(world, "anna_1.jpg")
    assert world.places(photo_id) == ["review/low_confidence/lowconf_anna_1.jpg"]
    [acted] = await world.actions.rule_out(photo_id, None, "maria")
    assert world.places(photo_id) == ["review/unidentified/unknown_anna_1.jpg"]
    assert world.photo(photo_id).category == "unidentified"
    world.check()
    [undone] = await world.actions.undo(acted.event, "maria")
    assert undone.ok
    assert world.places(photo_id) == ["review/low_confidence/lowconf_anna_1.jpg"]
    await recheck(world)
    assert not world.ledger.read(feedback.ruled_out_faces)
    evidence = world.ledger.read(lambda db: photos.last_decision(db, photo_id))[4]
    assert [one.person.name for one in assigned(evidence)] == ["Anna"]
    world.check()
    close_world(world)


async def test_one_of_two_faces_is_ruled_out_and_the_other_is_not(world):
    [photo_id] = await deliver(world, "stranger+stranger_1.jpg")
    faces = world.server.asset_at("stranger+stranger_1.jpg").faces
    await world.actions.rule_out(photo_id, PersonSelector("Anna"), "maria", face_id=faces[1].id)
    await recheck(world)
    [ruled_out] = world.ledger.read(feedback.ruled_out_faces)
    assert (ruled_out.face_id, ruled_out.person_id) == (faces[1].id, world.server.person("Anna").id)


async def test_what_cannot_be_meant_is_refused_and_nothing_is_changed(world):
    empty, stranger = await deliver(world, "none_1.jpg", "stranger_1.jpg")
    with pytest.raises(ActionRefused, match="no face"):
        await world.actions.rule_out(empty, PersonSelector("Anna"), "maria")
    with pytest.raises(ActionRefused, match="no face abc"):
        await world.actions.rule_out(stranger, PersonSelector("Anna"), "maria", face_id="abc")
    with pytest.raises(UnknownPerson, match="Nobody"):
        await world.actions.rule_out(stranger, PersonSelector("Nobody"), "maria")
    world.server.people_by_id["person-90"] = Person("person-90", "Zoe")
    world.server.people_by_id["person-91"] = Person("person-91", "Zoe")
    await world.sidecar.people.refresh(0)
    with pytest.raises(AmbiguousName, match="Give an id"):
        await world.actions.rule_out(stranger, PersonSelector("Zoe"), "maria")
    await world.actions.rule_out(stranger, PersonSelector("Anna"), "maria")
    [again] = await world.actions.rule_out(stranger, PersonSelector("Anna"), "maria")
    assert again.code == "nothing_to_do"
    assert len(world.ledger.read(lambda db: db.conn.execute("SELECT * FROM ruled_out").fetchall())) == 1


async def test_faces_like_a_ruled_out_one_reach_less_also_when_the_recheck_stage_read_the_news(tmp_path):
    """The recheck stage reads what humans said as well, and the galleries have to hear of it."""
    eye = Eye()
    world = measured_world(os.fspath(tmp_path / "root"), eye)
    DIRECTIONS["stranger"] = 45.0
    try:
        ids = await deliver(world, *(f"anna_{n}.jpg" for n in (0, 2, 4)), "stranger_0.jpg", "anna_44.jpg")
        before = await likeness(world, ids[4])
        photo = world.photo(ids[3])
        faces = await world.server.faces(photo.asset_id)
        found = await world.sidecar.measure.suggestions(photo.asset_id, faces[0], faces)
        assert "Anna" in [s.person.name for s in found]
        await world.actions.rule_out(ids[3], PersonSelector("Anna"), "maria")
        await recheck(world)
        found = await world.sidecar.measure.suggestions(photo.asset_id, faces[0], faces)
        assert "Anna" not in [s.person.name for s in found]
        assert await likeness(world, ids[4]) < before - 0.2
        assert eye.pictures.count("stranger_0.jpg") == 1
    finally:
        del DIRECTIONS["stranger"]
    close_world(world)


async def likeness(world, photo_id):
    """How much the photo's face is like Anna's now."""
    photo = world.photo(photo_id)
    evidence = world.ledger.read(lambda db: photos.last_decision(db, photo_id))[4]
    measure = world.sidecar.measure
    await measure.galleries.use("buffalo_l")
    again = await measure.recall(photo.asset_id, evidence)
    return next(iter(again.confidence.values())).similarity
