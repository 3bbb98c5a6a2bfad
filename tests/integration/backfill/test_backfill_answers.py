"""What a backfill writes down of itself and of each photo, whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.earlier_library import ref

from smartsort.actions.values import ActionRefused, ActionResult, PreviewGone
from smartsort.core.backfill import Fate
from smartsort.core.model import State
from smartsort.ledger import events, observed
from smartsort.ledger.observed import ALL, Progress


def rows(library, query, *values):
    return library.world.ledger.read(lambda db: db.conn.execute(query, values).fetchall())


def data_of(library, number):
    data = library.world.ledger.read(lambda db: events.get(db, number)).data
    return {key: value for key, value in data.items() if key not in ("before", "after")}


async def test_links_are_events_of_one_act_that_say_who_is_on_each_photo(library):
    await library.plan()
    await library.apply()
    [[group]] = rows(library, "SELECT id FROM events WHERE kind = 'bulk_action'")
    event = library.world.ledger.read(lambda db: events.get(db, group))
    assert (event.actor, event.undoes, event.data) == ("ann", None, {"what": "backfilled", "photos": 4})
    photo = library.photo_of("anna_0.jpg")
    [[number, actor]] = rows(
        library, "SELECT id, actor FROM events WHERE photo_id = ? AND kind = 'backfilled'", photo
    )
    assert actor == "ann"
    found = data_of(library, number)
    assert (found.pop("reason"), found.pop("way")) == ("face_match_verified", "observed -> faces")
    assert found == {
        "from": "observed",
        "outcome": "sorted",
        "category": None,
        "people": ["Anna"],
        "person": "Anna",
        "names": [["original", library.world.names(photo)[0].path], ["faces", "anna/anna_0.jpg"]],
        "group": group,
    }
    assert library.world.photo(photo).routed_at is not None
    asked = library.photo_of("anna+stranger_0.jpg")
    [[number]] = rows(library, "SELECT id FROM events WHERE photo_id = ? AND kind = 'backfilled'", asked)
    found = data_of(library, number)
    assert (found["outcome"], found["category"], found["group"]) == ("reviewed", "multiple_faces", group)


async def test_how_far_a_backfill_is_stands_in_the_ledger_after_each_step(library):
    world, version = library.world, library.world.context.policy().version
    assert library.progress() == Progress(stored=library.progress().stored)
    await world.actions.backfill_plan()
    began = library.progress()
    assert began.began is not None
    assert replace(began, stored={}) == Progress(passes=1, listing=True, began=began.began, policy=version)
    await world.actions.backfill_plan()  # it goes on with the pass that is under way
    assert library.progress().passes == 1
    await library.run()
    ended = library.progress()
    assert (ended.listing, ended.applying, ended.left, ended.runs, ended.after) == (
        False,
        False,
        0,
        0,
        ended.after,
    )
    await world.actions.backfill_apply("ann", 2, library.preview())
    wanted = library.progress()
    shown = int(library.preview().partition("-")[0])
    assert (wanted.passes, wanted.runs, wanted.applying, wanted.actor) == (2, 1, True, "ann")
    assert (wanted.left, wanted.up_to, wanted.shown) == (2, 0, shown)
    await world.actions.backfill_apply("ann")
    assert (library.progress().left, library.progress().shown, library.progress().runs) == (ALL, ALL, 2)
    await library.run()
    done = library.progress()
    assert (done.applying, done.left, done.complete, done.asked) == (False, 0, True, 1)
    assert done.day == world.context.clock.now().astimezone().date().isoformat()


@pytest.mark.parametrize("preview", ["3-other", "x-{version}", "-{version}", "3"])
async def test_a_preview_that_is_not_of_today_is_refused(library, preview):
    await library.plan()
    version = library.world.context.policy().version
    with pytest.raises(PreviewGone) as refused:
        await library.world.actions.backfill_apply("ann", None, preview.format(version=version))
    assert str(refused.value) == "settings have changed since this plan was made. Look at the plan again"
    assert library.progress().runs == 0


async def test_without_a_mapping_nothing_begins(make):
    library = make(settings={"backfill.path_mapping": {}})
    with pytest.raises(ActionRefused) as refused:
        await library.world.actions.backfill_plan()
    assert str(refused.value) == (
        "smartsort does not know where Immich's photos lie. "
        "Set backfill.path_mapping and run `smartsort doctor`."
    )
    assert await library.world.stage("backfill") is False


async def test_a_photo_that_the_settings_of_today_want_elsewhere_is_left_and_judged_again(library):
    await library.plan()
    library.world.sidecar.runtime_settings.change({}, {"blacklist": [ref("Anna")]}, "ann")
    photo, progress = library.photo_of("anna_0.jpg"), library.progress()
    batch = await library.world.actions.link_some(progress, [photo], Fate.LINK, "ann")
    why = f"photo {photo} stays as it is by the settings of today"
    assert [*batch] == [ActionResult(photo, "failed", problem=why, code="nothing_to_do")]
    assert library.world.photo(photo).state is State.OBSERVED
    [due] = library.world.ledger.read(lambda db: observed.due(db, 9))
    assert (due.photo_id, due.from_memory) == (photo, True)
    [[fresh]] = rows(library, "SELECT fresh FROM observed WHERE photo_id = ?", photo)
    assert fresh == 0


async def test_a_clip_that_has_its_link_needs_none(library):
    await library.apply()
    photo = library.photo_of("anna_0.jpg")
    [answer] = await library.world.actions.link_clips([photo])
    why = f"photo {photo} has no clip without a link"
    assert answer == ActionResult(photo, "failed", problem=why, code="nothing_to_do")
