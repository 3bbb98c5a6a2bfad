"""Immich is told together what is about many photos, one by one what it refuses, and not for ever."""

from __future__ import annotations

import logging
import os
from types import SimpleNamespace

import pytest
from tests.fakes import FakeClock

from smartsort.errors import ImmichRejected
from smartsort.ledger import outbox, photos, shards
from smartsort.ledger.database import Ledger
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.pipeline.routing.face_assignment import NotYetError
from smartsort.pipeline.routing.outbox import ATTEMPTS, PATIENCE, OutboxStage

AT = "2024-05-01T12:00:00.000+00:00"


class Server:
    """Notes what it is told, and refuses some assets."""

    def __init__(self):
        self.told, self.refused = [], set()
        self.there = {"Old": "album-old"}

    def _take(self, *what):
        if isinstance(what[-1], list) and self.refused & set(what[-1]):
            raise ImmichRejected("it does not know that asset", 400)
        self.told.append(what)

    async def set_visibility(self, assets, value):
        self._take("visibility", value, assets)

    async def scan(self, library):
        self._take("scan", library)

    async def albums(self):
        self._take("albums")
        return self.there

    async def create_album(self, name, assets):
        self._take("create", name, assets)
        return f"album-{name}"

    async def add_to_album(self, album, assets):
        self._take("add", album, assets)

    async def remove_from_album(self, album, assets):
        self._take("remove", album, assets)


class Stage:
    """The stage with three photos, of which Immich knows the assets a1, a2 and a3."""

    def __init__(self, ledger):
        self.ledger, self.server, self.clock, self.guarded = ledger, Server(), FakeClock(), 0
        placer = SimpleNamespace(guard=self._guard)
        context = SimpleNamespace(ledger=ledger, server=self.server, clock=self.clock, placer=placer)
        self.stage = OutboxStage(context, SimpleNamespace())
        new = [NewPhoto("inbox", "inbox", f"{n}.jpg", 3, 4) for n in (1, 2, 3)]
        rows = ledger.write(lambda db: photos.add(db, new, AT))
        changes = [Change(row.id, values={"asset_id": f"a{row.id}"}) for row in rows]
        ledger.write(lambda db: photos.apply(db, changes, AT))

    def _guard(self):
        self.guarded += 1

    def post(self, kind, photo_id, **data):
        self.ledger.write(lambda db: outbox.post(db, kind, photo_id, data, AT))

    async def step(self):
        self.server.told.clear()
        return await self.stage.step()

    def left(self):
        query = "SELECT kind, photo_id, attempts, not_before FROM outbox ORDER BY id"
        return self.ledger.read(lambda db: db.conn.execute(query).fetchall())


@pytest.fixture
def stage(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield Stage(opened)


async def test_several_photos_share_a_call_and_nothing_is_left(stage):
    stage.post("visibility", 1, visibility="archive")
    stage.post("visibility", 2, visibility="archive")
    stage.post("visibility", 3, visibility="timeline")
    assert await stage.step() is True
    assert stage.server.told == [
        ("visibility", "archive", ["a1", "a2"]),
        ("visibility", "timeline", ["a3"]),
    ]
    assert stage.left() == []
    assert await stage.step() is False


async def test_a_missing_album_is_made_once_and_one_that_is_there_is_filled(stage):
    stage.post("album_add", 1, album="New")
    stage.post("album_add", 2, album="Old")
    await stage.step()
    assert stage.server.told == [
        ("albums",),
        ("create", "New", ["a1"]),
        ("add", "album-old", ["a2"]),
    ]
    stage.post("album_add", 3, album="New")
    stage.post("album_remove", 1, album="Old")
    stage.post("album_remove", 2, album="Unknown")
    await stage.step()
    assert stage.server.told == [("add", "album-New", ["a3"]), ("remove", "album-old", ["a1"])]
    assert stage.left() == []


async def test_an_asset_that_went_is_told_by_the_id_that_the_message_has(stage):
    stage.ledger.write(lambda db: photos.apply(db, [Change(1, values={"asset_id": None})], AT))
    stage.post("visibility", 1, visibility="archive", asset_id="old-1")
    stage.post("visibility", 2, visibility="archive", asset_id="old-2")
    await stage.step()
    assert stage.server.told == [("visibility", "archive", ["old-1", "a2"])]


async def test_a_refused_photo_holds_up_no_other_and_is_tried_ever_more_seldom_until_it_is_given_up(
    stage, caplog
):
    stage.server.refused = {"a2"}
    for number in (1, 2, 3):
        stage.post("visibility", number, visibility="archive")
    pauses = []
    with caplog.at_level(logging.WARNING):
        for attempt in range(ATTEMPTS):
            assert await stage.step() is True
            if attempt == 0:
                assert stage.server.told == [("visibility", "archive", [asset]) for asset in ("a1", "a3")]
            if left := stage.left():
                [(_, photo_id, attempts, when)] = left
                assert (photo_id, attempts) == (2, attempt + 1)
                before = stage.clock.at
                wait = await stage.step()
                pauses.append(round((stage.clock.at.fromisoformat(when) - before).total_seconds()))
                assert 0 < wait <= 2.0
                stage.clock.pass_by(seconds=pauses[-1] + 1)
    assert pauses == [1, 2, 4, 8, 16, 32, 64]
    assert stage.left() == []
    assert "gave up telling Immich about photo 2: it does not know that asset" in caplog.text


@pytest.mark.parametrize(
    ("problem", "tries"), [(NotYetError("not so far"), PATIENCE), (ImmichRejected("no", 400), ATTEMPTS)]
)
async def test_what_immich_has_not_done_yet_is_waited_for_longer(stage, problem, tries):
    async def deliver(message):
        raise problem

    stage.stage._assigner = SimpleNamespace(deliver=deliver)
    stage.post("assign_face", 1, name="Anna")
    count, longest = 0, 0.0
    while stage.left():
        assert await stage.step() is True
        count += 1
        if left := stage.left():
            wait = stage.clock.at.fromisoformat(left[0][3]) - stage.clock.at
            longest = max(longest, round(wait.total_seconds()))
            stage.clock.pass_by(seconds=301)
    assert count == tries
    assert longest == (300 if tries == PATIENCE else 64)


async def test_only_a_library_that_is_there_is_looked_at_again(stage):
    def write(db):
        for _ in range(2):
            shards.grow_shard(db, shards.open_shard(db, 1).number, 1)
        shards.name_library(db, 2, "library-2")
        for number in (1, 2, 3):
            outbox.post(db, "scan", None, {"shard": number}, AT)

    stage.ledger.write(write)
    await stage.step()
    assert (stage.server.told, stage.guarded) == ([("scan", "library-2")], 1)
    assert stage.left() == []
