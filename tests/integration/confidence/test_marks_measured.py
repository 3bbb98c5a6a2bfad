"""What humans marked is measured again with another model, and counts as before."""

from __future__ import annotations

from smartsort.core.model import MarkKind, State
from smartsort.ledger import face_marks, photos


def strangers_on(world, photo):
    evidence = world.ledger.read(lambda db: photos.last_decision(db, photo))[4]
    return {photo: [face.id for face in evidence.faces if face.person is None]}


async def delivered(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


async def test_an_ignored_stranger_counts_again_once_another_model_has_measured_the_mark(world, eye):
    *_, alone = await delivered(world, *(f"anna_{angle}.jpg" for angle in range(4)), "zed_0.jpg")
    await world.actions.mark_faces(strangers_on(world, alone), MarkKind.IGNORED, "eva")
    measure = world.sidecar.measure

    assert await measure._marks.load("another model") is False
    before = len(eye.pictures)
    assert await measure._marks.step("another model") is True
    assert await measure._marks.step("another model") is False, "each mark once"
    assert len(eye.pictures) <= before + 1
    assert await measure._marks.load("another model") is True

    model = (await measure._faces.model()).name
    assert await measure._marks.step(model) is True, "back to the model in use"
    [beside] = await delivered(world, "anna+zed_2.jpg")
    assert world.photo(beside).state is State.FILED
    [mark] = world.ledger.read(face_marks.groups)
    assert mark.kind == MarkKind.IGNORED


async def test_a_mark_is_measured_from_the_picture_while_immich_looks_for_faces_again(
    world, eye, monkeypatch
):
    [alone] = await delivered(world, "zed_0.jpg")
    await world.actions.mark_faces(strangers_on(world, alone), MarkKind.IGNORED, "eva")
    measure = world.sidecar.measure

    async def none(_):
        return []

    monkeypatch.setattr(world.context.server, "faces", none)
    assert await measure._marks.step("another model") is True
    assert await measure._marks.load("another model") is True
