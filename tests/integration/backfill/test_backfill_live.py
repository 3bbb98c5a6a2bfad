"""Live Photos that are in Immich already: the clip goes where its photo goes."""

from __future__ import annotations

import base64
import os

import pytest
from tests.earlier_library import UPLOADS, lose_the_ledger, on_another_mount, same_file
from tests.fakes import write
from tests.handed_in import shot

from smartsort.audit.audit import Audit
from smartsort.core.model import State
from smartsort.ledger.records import Area, Member

BOTH = ["faces/anna/anna_0.jpg", "faces/anna/anna_0.mov"]


def live(library, *, taken: str = "2020-01-01T00:00:00.000Z", **more) -> None:
    """A Live Photo, as an app uploads it: the clip lies elsewhere under a name that says nothing."""
    library.upload("b7/clip+none.mov", visibility="hidden", taken=taken, **more)
    clip = library.world.server.asset_at("b7/clip+none.mov")
    library.upload("a1/anna_0.jpg", clip_id=clip.id)


@pytest.fixture
def library(make):
    return make()


def names(library) -> set[tuple[Area, Member]]:
    return {(n.area, n.member) for n in library.world.names(library.photo_of("anna_0.jpg"))}


async def test_a_clip_is_linked_beside_its_photo_and_both_are_undone(library):
    live(library)
    before = library.originals()
    await library.plan()
    assert library.world.server.calls_made["owned"] == 2, "one call lists the clips of a page"
    assert library.world.server.calls_made["owned_asset"] == 0
    assert (await library.apply()).done == 1
    assert library.links() == BOTH
    assert same_file(f"{library.world.root}/{BOTH[1]}", f"{library.folder}/b7/clip+none.mov")
    assert Audit(library.world.context.layout).run().findings == []
    await library.world.actions.undo_last("ann", actor="ann")
    assert library.links() == []
    assert library.originals() == before
    assert Audit(library.world.context.layout).run().findings == []


async def test_a_known_clip_costs_no_call_again(library):
    live(library)
    await library.plan()
    library.world.server.calls_made.clear()
    await library.plan()
    assert library.world.server.calls_made["owned"] == 1


async def test_a_clip_that_was_taken_at_another_time_is_found_by_its_id(library):
    live(library, taken="1999-01-01T00:00:00.000Z")
    await library.apply()
    assert library.links() == BOTH
    assert library.world.server.calls_made["owned_asset"] == 1


async def test_a_clip_that_immich_finds_out_later_joins_its_photo_and_is_undone_with_it(library):
    live(library)
    photo = library.world.server.asset_at("anna_0.jpg")
    clip_id, photo.clip_id = photo.clip_id, None
    await library.apply()
    assert library.links() == BOTH[:1]
    photo.clip_id = clip_id
    await library.plan()
    assert library.links() == BOTH
    assert Audit(library.world.context.layout).run().findings == []
    undone = await library.world.actions.undo_last("ann", actor="ann")
    assert undone.failed == 0
    assert library.links() == []
    await library.plan()
    assert library.links() == []


@pytest.mark.parametrize("options", [{}, {"placer": on_another_mount}])
async def test_a_lost_ledger_knows_the_clip_again(make, options):
    library = make(**options)
    live(library)
    for name, content in (("a1/anna_0.jpg", shot(1)["jpg"]), ("b7/clip+none.mov", shot(1)["MOV"])):
        os.remove(f"{library.folder}/{name}")
        write(f"{library.folder}/{name}", content)
        library.world.server.asset_at(name).checksum = ""
    await library.apply()
    assert library.links() == BOTH
    before = library.originals()
    assert await lose_the_ledger(library) == {"filed": 1}
    await library.plan()
    assert library.links() == BOTH
    both = (Member.PHOTO, Member.VIDEO)
    assert names(library) == {(area, member) for area in (Area.ORIGINAL, Area.FACES) for member in both}
    assert Audit(library.world.context.layout).run().findings == []
    assert library.originals() == before


async def test_equal_names_make_no_clip(library):
    library.upload("anna_0.mov", visibility="hidden")
    library.upload("anna_0.jpg")
    await library.apply()
    assert library.links() == BOTH[:1]


async def test_a_clip_that_is_no_part_any_more_when_it_is_applied_stays(library):
    live(library)
    await library.plan()
    library.world.server.asset_at("anna_0.jpg").clip_id = None
    await library.apply()
    assert library.links() == BOTH[:1]
    assert names(library) == {(Area.ORIGINAL, Member.PHOTO), (Area.FACES, Member.PHOTO)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"checksum": base64.b64encode(b"x" * 20).decode(), "size": 7},
        {"owner_id": "user-2"},
    ],
)
async def test_a_photo_is_linked_alone_when_the_file_is_not_its_clip(library, wrong):
    live(library, **wrong)
    assert (await library.apply()).done == 1
    assert library.links() == BOTH[:1]


async def test_a_photo_is_linked_alone_when_its_clip_is_not_there(library):
    live(library)
    os.remove(f"{library.folder}/b7/clip+none.mov")
    assert (await library.apply()).done == 1
    assert library.links() == BOTH[:1]


async def test_a_live_photo_that_is_deleted_in_immich_loses_both_links_and_has_them_again(library):
    live(library)
    await library.apply()
    asset = library.world.server.asset_at("anna_0.jpg")
    asset.trashed_by_user = True
    await library.plan()
    assert library.links() == []
    asset.trashed_by_user = False
    await library.plan()
    assert library.links() == BOTH
    assert Audit(library.world.context.layout).run().findings == []


async def test_originals_that_immich_moves_meanwhile_are_undone_as_well(library):
    """Its storage template was changed: both lie under other paths than when they were linked."""
    live(library)
    await library.apply()
    server = library.world.server
    for name, path in (("anna_0.jpg", "2020/IMG_1.jpg"), ("clip+none.mov", "2020/IMG_1.mov")):
        asset = server.asset_at(name)
        os.makedirs(f"{library.folder}/2020", exist_ok=True)
        os.rename(asset.path.replace(UPLOADS, library.folder), f"{library.folder}/{path}")
        asset.path = f"{UPLOADS}/{path}"
    before = library.originals()
    await library.plan()
    assert library.links() == BOTH
    [undone] = (await library.world.actions.undo_last("ann", actor="ann")).results
    assert undone.ok, undone.problem
    assert library.links() == []
    assert library.originals() == before
    await library.apply()
    assert library.links() == BOTH
    assert library.state("IMG_1.jpg") is State.FILED
