"""`audit --repair` follows photos that people drag from folder to folder, with all that travels with them."""

from __future__ import annotations

import os

import pytest
from tests.fakes import World, close_world, picture
from tests.handed_in import KINDS, deliver_shot, moved_by_hand, tree_of

from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Code, Weight
from smartsort.audit import audit as audits
from smartsort.audit.repair import Repair
from smartsort.core.model import State
from smartsort.files.placement import Placer, RemoveRequest
from smartsort.ledger import photos, review
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member
from smartsort.pipeline.recovery.recover import Recovery

ENDINGS = {"live": ("jpg", "MOV"), "raw": ("jpg", "dng", "jpg.xmp"), "alone": ("jpg",)}


def audit(world, *, quick=False):
    return Audit(world.context.layout, quick=quick).run()


def repaired(world, *, quick=False):
    """Mend, and look again."""
    report = audit(world, quick=quick)
    assert report.weight is Weight.DRIFT, [(f.code, f.what) for f in report.findings]
    Repair(world.context).run(report)
    after = audit(world)
    assert after.weight is Weight.CLEAN, [(f.code, f.what) for f in after.findings]
    world.check()
    return report


def drag(world, photo, area, folder, *, whole=True, renamed=None):
    """All names a photo has outside the library, or only its own, to another folder."""
    for name in world.names(photo):
        if name.area is Area.LIBRARY or not (whole or name.member is Member.PHOTO):
            continue
        base = os.path.basename(name.path)
        if renamed is not None:
            base = base.replace(os.path.splitext(os.path.basename(renamed[0]))[0], renamed[1])
        moved_by_hand(world, f"{name.area.value}/{name.path}", f"{area}/{folder}/{base}")


def folders(world, photo):
    """(area, folder, ending) of every name of a photo outside the library."""
    return sorted(
        (n.area.value, os.path.dirname(n.path), n.path.partition(".")[2])
        for n in world.names(photo)
        if n.area is not Area.LIBRARY
    )


def whole(kind, area, folder):
    return sorted((area, folder, ending) for ending in ENDINGS[kind])


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nothing moves here while it is looked at: what seems wrong need not be looked at again."""
    monkeypatch.setattr(audits, "_LOOKS", ())


@pytest.fixture
def world(root):
    made = World(root)
    yield made
    close_world(made)


async def rejected(world, stem="anna_1", kind="live", **more):
    photo = await deliver_shot(world, stem, kind, **more)
    await world.settle()
    before = world.photo(photo).state
    await world.actions.reject([photo], "eva", expect=(before,))
    await world.settle()
    assert world.photo(photo).state is State.REJECTED
    return photo


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_dragged_from_the_trash_to_a_person_is_filed_there(world, kind, quick):
    photo = await rejected(world, kind=kind)
    bytes_before = sorted(tree_of(world, "trash").values())
    drag(world, photo, "faces", "bella")
    report = repaired(world, quick=quick)
    assert {f.code for f in report.findings} == {Code.MOVED, Code.MISSING}
    assert all(f.mended for f in report.findings)
    held = world.photo(photo)
    assert (held.state, held.person_name, held.auto_sorted) == (State.FILED, "bella", False)
    assert folders(world, photo) == whole(kind, "faces", "bella")
    assert sorted(tree_of(world, "faces").values()) == bytes_before
    assert sorted(tree_of(world, "library").values()) == bytes_before, "Immich sees it again"
    await world.settle()
    assert not world.server.asset_at("anna_1.jpg").offline
    world.clock.pass_by(minutes=60 * 24 * 40)
    assert await world.actions.purge_expired(30) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_dragged_from_the_trash_to_review_waits_there(world, kind):
    photo = await rejected(world, kind=kind)
    drag(world, photo, "review", "low_confidence")
    repaired(world)
    held = world.photo(photo)
    assert (held.state, held.category) == (State.REVIEW, "low_confidence")
    assert folders(world, photo) == whole(kind, "review", "low_confidence")
    [row] = world.ledger.read(review.page).rows
    assert (row.photo_id, row.category) == (photo, "low_confidence")
    [acted] = await world.actions.approve([photo], [PersonSelector("Anna")], "eva")
    assert acted.ok
    assert folders(world, photo) == whole(kind, "faces", "anna")
    world.check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["waiting", "rejected"])
async def test_what_never_was_in_the_library_is_followed_too(world, kind, state):
    """A duplicate waits, or was rejected, as files of its own."""
    content = picture(77)
    await deliver_shot(world, "anna_1", kind, content)
    await world.settle()
    again = await deliver_shot(world, "anna_2", kind, content)
    await world.settle()
    assert world.photo(again).category == "duplicates"
    if state == "rejected":
        await world.actions.reject([again], "eva")
    drag(world, again, "faces", "bella")
    repaired(world)
    assert world.photo(again).state is State.FILED
    assert folders(world, again) == whole(kind, "faces", "bella")


@pytest.mark.parametrize("kind", ["live", "raw"])
@pytest.mark.parametrize("start", ["trash", "review", "faces"])
async def test_what_travels_with_a_photo_is_moved_along_when_it_was_left_behind(world, kind, start):
    if start == "trash":
        photo = await rejected(world, kind=kind)
    else:
        photo = await deliver_shot(world, "stranger_1" if start == "review" else "anna_1", kind)
        await world.settle()
    drag(world, photo, "faces", "bella", whole=False)
    repaired(world)
    assert world.photo(photo).person_name == "bella"
    assert folders(world, photo) == whole(kind, "faces", "bella")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_name_given_while_dragging_is_kept(world, kind):
    photo = await rejected(world, kind=kind)
    drag(world, photo, "faces", "bella", renamed=("anna_1.jpg", "holiday"))
    repaired(world)
    assert {
        os.path.basename(n.path).partition(".")[0] for n in world.names(photo) if n.area is Area.FACES
    } == {"holiday"}


@pytest.mark.parametrize("kind", ["live", "raw"])
async def test_a_companion_dragged_away_from_its_photo_comes_back_to_it(world, kind):
    photo = await deliver_shot(world, "anna_1", kind)
    await world.settle()
    before = folders(world, photo)
    for name in world.names(photo):
        if name.area is Area.FACES and name.member is not Member.PHOTO:
            moved_by_hand(world, f"faces/{name.path}", f"faces/bella/{os.path.basename(name.path)}")
    repaired(world)
    assert folders(world, photo) == before


async def test_photo_and_video_dragged_to_different_people_stay_together(world):
    photo = await rejected(world)
    for name in world.names(photo):
        where = "bella" if name.member is Member.PHOTO else "carl"
        moved_by_hand(world, f"trash/{name.path}", f"faces/{where}/{os.path.basename(name.path)}")
    repaired(world)
    assert folders(world, photo) == whole("live", "faces", "bella")


async def test_of_equal_rejected_photos_each_follows_its_own_file(world):
    content = picture(5)
    first = await rejected(world, "anna_1", "alone", content=content)
    again = await deliver_shot(world, "anna_2", "alone", content)
    await world.settle()
    await world.actions.reject([again], "eva")
    drag(world, again, "faces", "bella")
    drag(world, first, "faces", "carl")
    repaired(world)
    assert (world.photo(first).person_name, world.photo(again).person_name) == ("carl", "bella")
    assert folders(world, first) == whole("alone", "faces", "carl")


@pytest.mark.parametrize("place", ["library/by_hand", "temp_downloads"])
async def test_what_was_dragged_where_smartsort_alone_works_is_put_back(world, place):
    photo = await rejected(world, kind="alone")
    area, _, folder = place.partition("/")
    drag(world, photo, area, folder)
    repaired(world)
    assert world.photo(photo).state is State.REJECTED
    assert folders(world, photo)[0][0] == "trash"


@pytest.mark.parametrize("quick", [False, True])
async def test_a_new_name_is_followed_while_an_equal_photo_is_under_way(world, quick):
    """Linked again under its old name, it would have one name that nobody accounts for."""
    photo = await world.deliver("anna_1.jpg", picture(1))
    await world.settle()
    equal = await world.deliver("anna_2.jpg", picture(1))
    await world.settle()
    acting = Change(equal, intent=("arrange", {"targets": []}))
    world.ledger.write(lambda db: photos.apply(db, [acting], world.clock.text()))
    drag(world, photo, "faces", "anna", renamed=("anna_1.jpg", "anna_renamed"))
    Repair(world.context).run(audit(world, quick=quick))
    Recovery(world.context).run()
    assert [n.path for n in world.names(photo) if n.area is Area.FACES] == ["anna/anna_renamed.jpg"]
    after = audit(world)
    assert after.weight is Weight.CLEAN, [(f.code, f.what) for f in after.findings]
    world.check()


async def test_where_it_cannot_be_told_what_is_meant_nothing_is_noted_as_gone(world):
    photo = await rejected(world, kind="alone")
    drag(world, photo, "faces", "")
    report = audit(world)
    Repair(world.context, accept_loss=True).run(report)
    assert world.photo(photo).state is State.REJECTED
    [name] = tree_of(world, "faces")
    moved_by_hand(world, f"faces/{name}", f"faces/anna/{name}")
    repaired(world)
    assert world.photo(photo).state is State.FILED


async def test_an_emptied_trash_is_still_noted_as_gone(world):
    photo = await rejected(world)
    for name in world.names(photo):
        os.unlink(world.context.absolute(name))
    report = audit(world)
    Repair(world.context).run(report)
    assert world.photo(photo).state is State.PURGED
    assert audit(world).weight is Weight.CLEAN


async def test_a_kill_while_companions_are_moved_along_is_finished_at_the_next_start(world, monkeypatch):
    photo = await rejected(world, kind="raw")
    drag(world, photo, "faces", "bella", whole=False)

    def killed(self, batch: list[RemoveRequest]):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Placer, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            Repair(world.context).run(audit(world))
    assert len(tree_of(world, "trash")) == 2
    Recovery(world.context).run()
    assert tree_of(world, "trash") == {}
    assert audit(world).weight is Weight.CLEAN
    assert folders(world, photo) == whole("raw", "faces", "bella")
