"""Everybody beside smartsort: who hands photos in, who reviews, who uses Immich, and fate."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from typing import Any

import httpx
from tests.simulation import gallery
from tests.simulation.gallery import Shot
from tests.simulation.world import USERS_KEY, World

SECONDS = 180.0
"""How long they are at it; what each of them does is spread over this time."""

NAMES = tuple(f"IMG_{number}" for number in range(1, 6))


@dataclass
class Delivery:
    """A file that was handed in. `at_most`: how many photos may come of it; `at_least`: how many have to."""

    shot: Shot
    path: str = ""
    at_least: int = 1


class Actor:
    """Does `moves()` things at random moments."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng

    async def act(self, times: int, moves: list[Callable[[], Awaitable[object]]]) -> None:
        moments = sorted(self.rng.uniform(0, SECONDS) for _ in range(times))
        for moment in moments:
            await asyncio.sleep(max(0.0, moment - self.world.loop.now))
            await self.rng.choice(moves)()


class Supplier(Actor):
    """Puts files into the inbox, as copying programs do, and uploads some."""

    def __init__(self, world: World, rng: random.Random) -> None:
        super().__init__(world, rng)
        self.delivered: list[Delivery] = []
        self._next = rng.randrange(40)

    async def run(self) -> None:
        moves = [self._picture] * 6 + [self._again] * 2 + [self._upload] * 3
        await self.act(
            self.rng.randint(5, 11), [*moves, self._damaged, self._live, self._with_xmp, self._many]
        )

    def _shot(self, content_id: str | None = None) -> tuple[int, Shot]:
        self._next += 1
        return self._next, gallery.picture(self._next, content_id)

    def _free(self, shot: Shot, name: str = "") -> str:
        """A path in the inbox that nothing lies at; photos of one name come from several cameras."""
        folder = os.path.join(self.world.inbox, self.rng.choice(("", "phone", "camera")))
        os.makedirs(folder, exist_ok=True)
        for stem in (
            [name] if name else [self.rng.choice(NAMES), *NAMES, f"IMG_{self._next}_{self.rng.random():.9f}"]
        ):
            path = os.path.join(folder, stem + shot.ending)
            if not os.path.exists(path) and not os.path.exists(f"{path}.part"):
                break
        return path

    async def _hand_in(self, shot: Shot, path: str) -> None:
        self.delivered.append(Delivery(shot, path))
        self.world.trace("supplier", f"{path.removeprefix(self.world.inbox)} {shot.sha256[:8]} {shot.who}")
        how, half = self.rng.randrange(4), len(shot.content) // 2
        if how == 0:  # written beside and renamed
            self._write(f"{path}.part", shot.content)
            await asyncio.sleep(self.rng.uniform(0, 4))
            os.rename(f"{path}.part", path)
        elif how == 1:  # a slow writer that keeps it open
            file = self._begun(path, shot.content[:half])
            await asyncio.sleep(self.rng.uniform(0, 9))
            file.write(shot.content[half:])
            self._dated(file.fileno())
            file.close()
        else:
            self._write(path, shot.content)

    def _begun(self, path: str, content: bytes) -> FileIO:
        file = FileIO(path, "xb")
        file.write(content)
        return file

    def _write(self, path: str, content: bytes) -> None:
        with open(path, "xb") as file:
            file.write(content)
        # Nobody has waited for it: a power cut may take it, as long as it is not claimed.
        self.world.storage.pending.append(("bytes", path, os.open(path, os.O_RDONLY)))
        self._dated(path)

    def _dated(self, path: str | int) -> None:
        now = int(self.world.wall() * 1e9)
        os.utime(path, ns=(now, now))

    async def _picture(self) -> None:
        _, shot = self._shot()
        await self._hand_in(shot, self._free(shot))

    async def _many(self) -> None:
        for _ in range(self.rng.randint(3, 6)):
            await self._picture()

    async def _again(self) -> None:
        if self.delivered:
            shot = self.rng.choice(self.delivered).shot
            await self._hand_in(shot, self._free(shot))

    async def _damaged(self) -> None:
        self._next += 1
        shot = gallery.damaged(self._next)
        await self._hand_in(shot, self._free(shot))

    async def _live(self) -> None:
        self._next += 1
        number = self._next
        shots = [gallery.picture(number, gallery.content_id(number)), gallery.moving(number)]
        self.rng.shuffle(shots)
        name = f"LIVE_{number}"
        path = self._free(shots[0], name)
        await self._hand_in(shots[0], path)
        await asyncio.sleep(self.rng.choice((0.0, 1.0, 30.0)))
        await self._hand_in(shots[1], os.path.join(os.path.dirname(path), name + shots[1].ending))

    async def _with_xmp(self) -> None:
        _, shot = self._shot()
        path = self._free(shot)
        xmp = Shot(f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{self._next}</x:xmpmeta>".encode(), (), whole=False)
        await self._hand_in(xmp, f"{path}.xmp")
        await asyncio.sleep(self.rng.choice((0.0, 0.0, 6.0)))
        await self._hand_in(shot, path)

    async def _upload(self) -> None:
        _, shot = self._shot()
        if self.delivered and self.rng.random() < 0.2:
            shot = self.rng.choice(self.delivered).shot
        key = f"key-{self._next}" if self.rng.random() < 0.7 else ""
        delivery = Delivery(shot, at_least=0)
        self.delivered.append(delivery)
        body = (
            (
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s%s"\r\n\r\n'
                % (self.rng.choice(NAMES).encode(), shot.ending.encode())
            )
            + shot.content
            + b"\r\n--b--\r\n"
        )
        headers = {"idempotency-key": key} if key else {}
        for _ in range(8 if key else 1):
            got = await self.world.client("anna").ask(
                "POST", "", content=body, kind="multipart/form-data; boundary=b", **headers
            )
            self.world.trace("supplier", f"upload {shot.sha256[:8]} {shot.who} {got.status}")
            if got.status in (200, 202):
                delivery.at_least = 1
                return
            await asyncio.sleep(self.rng.uniform(1, 20))


class Reviewer(Actor):
    """Decides over HTTP. What they saw may be old by the time they decide."""

    def __init__(self, world: World, rng: random.Random, name: str) -> None:
        super().__init__(world, rng)
        self.name, self.client = name, world.client(name)

    async def run(self) -> None:
        one, many = (
            [self._approve, self._reject, self._skip, self._deny, self._undo],
            [self._bulk, self._bulk_undo],
        )
        await self.act(
            self.rng.randint(4, 12),
            [*one * 2, *many * 2, self._settings, self._lists, self._what_if, self._refile],
        )

    async def _queue(self) -> list[dict[str, Any]]:
        got = await self.client.ask("GET", "/review/queue?limit=50")
        items: list[dict[str, Any]] = got.body["items"] if got.ok else []
        await asyncio.sleep(self.rng.choice((0.0, 0.5, 5.0, 40.0)))
        return items

    def _person(self) -> dict[str, Any]:
        name = self.rng.choice(("Anna", "Bella", "Carl", "Nora"))
        return {"person": {"name": name, "create": name == "Nora"}}

    async def _one(self, verb: str, sent: Any = None) -> None:
        items = await self._queue()
        if items:
            got = await self.client.ask("POST", f"/review/{self.rng.choice(items)['id']}/{verb}", sent)
            # A hurried client asks once more when it heard nothing.
            if not got.status:
                await self.client.ask("POST", f"/review/{self.rng.choice(items)['id']}/{verb}", sent)

    async def _approve(self) -> None:
        await self._one("approve", self._person() if self.rng.random() < 0.8 else {})

    async def _reject(self) -> None:
        await self._one("reject")

    async def _skip(self) -> None:
        await self._one("skip")

    async def _deny(self) -> None:
        await self._one("rule-out", {"person": self.rng.choice(("Anna", "Bella"))})

    async def _bulk(self) -> None:
        verb = self.rng.choice(("approve", "reject", "skip"))
        more = {"approve": self._person()} if verb == "approve" else {}
        if self.rng.random() < 0.4 and (items := await self._queue()):
            ids = [item["id"] for item in self.rng.sample(items, min(len(items), 4))]
            seen = [await self.client.ask("GET", f"/review/items/{one}") for one in ids]
            versions = {str(one): got.body["version"] for one, got in zip(ids, seen, strict=True) if got.ok}
            await asyncio.sleep(self.rng.choice((0.0, 5.0)))
            await self.client.ask("POST", f"/review/bulk/{verb}", {"ids": ids, "versions": versions, **more})
            return
        where = self.rng.choice(
            ({"everything": True}, {"category": "unidentified"}, {"category": "duplicates"})
        )
        got = await self.client.ask("POST", f"/review/bulk/{verb}", {**where, **more, "dry_run": True})
        await self._redeem(f"/review/bulk/{verb}", got.body)

    async def _redeem(self, path: str, shown: Any) -> None:
        if isinstance(shown, dict) and shown.get("preview"):
            await asyncio.sleep(self.rng.choice((0.0, 2.0, 30.0)))
            for _ in range(self.rng.choice((1, 1, 2))):
                await self.client.ask("POST", path, {"preview": shown["preview"]})

    async def _undo(self) -> None:
        got = await self.client.ask("GET", "/events?limit=20")
        events = [e for e in got.body["events"] if e.get("undoable")] if got.ok else []
        await asyncio.sleep(self.rng.choice((0.0, 0.0, 8.0)))
        if events and self.rng.random() < 0.7:
            event = self.rng.choice(events)
            what = (
                {"event": event["id"]}
                if self.rng.random() < 0.6 or not event["photo_id"]
                else {"photo": event["photo_id"]}
            )
            await self.client.ask("POST", "/undo", what)
        else:
            await self.client.ask("POST", "/undo", {"last": True})

    async def _bulk_undo(self) -> None:
        since = datetime.fromtimestamp(self.world.wall() - self.rng.choice((20, 90)), UTC).isoformat()
        what = {"since": since, "automatic": self.rng.random() < 0.5, "dry_run": True}
        await self._redeem("/undo", (await self.client.ask("POST", "/undo", what)).body)

    async def _refile(self) -> None:
        got = await self.client.ask("GET", "/events?limit=50")
        filed = (
            [e["photo_id"] for e in got.body["events"] if e["kind"] in ("sorted", "approved")]
            if got.ok
            else []
        )
        if filed:
            await self.client.ask("POST", f"/photos/{self.rng.choice(filed)}/refile", self._person())

    async def _settings(self) -> None:
        await self.client.ask("PATCH", "/config", self._other_settings())

    def _other_settings(self) -> dict[str, Any]:
        return self.rng.choice(
            (
                {"max_faces_per_image": self.rng.choice((1, 2))},
                {"multiple_faces": self.rng.choice(("review", "each_person", "main_face"))},
                {"when_confidence_unknown": self.rng.choice(("accept", "review"))},
                {"action_on_duplicate": self.rng.choice(("move_to_review", "skip"))},
                {"review_categories": {"unwanted_person": self.rng.random() < 0.5}},
            )
        )

    async def _lists(self) -> None:
        which, verb = self.rng.choice(("whitelist", "blacklist")), self.rng.choice(("add", "remove"))
        await self.client.ask("PATCH", f"/config/{which}", {verb: [self.rng.choice(gallery.KNOWN)]})

    async def _what_if(self) -> None:
        got = await self.client.ask("POST", "/what-if", self._other_settings())
        await self._redeem("/what-if/apply", got.body)


class ImmichUser(Actor):
    """Works in Immich's own app."""

    def __init__(self, world: World, rng: random.Random) -> None:
        super().__init__(world, rng)
        self.touched: set[str] = set()
        """Digests of photos whose faces or whose place somebody changed here."""
        self.people_changed = False

    async def run(self) -> None:
        await self.act(
            self.rng.randint(1, 6),
            [
                self._rename,
                self._name,
                self._merge,
                self._reassign,
                self._reassign,
                self._trash,
                self._restore,
                self._archive,
            ],
        )

    async def _ask(self, method: str, path: str, sent: Any) -> None:
        request = httpx.Request(
            method, f"http://immich/api{path}", json=sent, headers={"x-api-key": USERS_KEY}
        )
        try:
            await self.world.app_to_immich.handle_async_request(request)
        except httpx.HTTPError:
            self.world.trace("app", "no answer")

    @property
    def _state(self) -> Any:
        return self.world.demo.state

    def _some(self, things: Any) -> Any:
        found = list(things)
        return self.rng.choice(found) if found else None

    async def _rename(self) -> None:
        person = self._some(p for p in self._state.people.values() if p.name)
        if person is not None:
            await self._named(person, self.rng.choice((f"{person.name} Grey", "Anna", "Nadia", "anna")))

    async def _name(self) -> None:
        person = self._some(p for p in self._state.people.values() if not p.name)
        if person is not None:
            await self._named(person, "Nadia")

    async def _named(self, person: Any, name: str) -> None:
        self.people_changed = True
        await self._ask("PUT", f"/people/{person.id}", {"name": name})

    async def _merge(self) -> None:
        people = list(self._state.people.values())
        if len(people) > 1:
            one, other = self.rng.sample(people, 2)
            self.people_changed = True
            await self._ask("POST", f"/people/{one.id}/merge", {"ids": [other.id]})

    async def _reassign(self) -> None:
        face, person = self._some(self._state.faces.values()), self._some(self._state.people.values())
        if face is not None and person is not None:
            self._touch(self._state.assets[face.asset_id])
            self.people_changed = True  # faces like this one will be taken for that person too
            await self._ask("PUT", f"/faces/{person.id}", {"id": face.id})

    def _touch(self, asset: Any) -> None:
        with suppress(OSError), open(asset.real_path, "rb") as file:
            self.touched.add(hashlib.sha256(file.read()).hexdigest())

    async def _trash(self) -> None:
        asset = self._some(a for a in self._state.assets.values() if not a.is_trashed)
        if asset is not None:
            self._touch(asset)
            await self._ask("DELETE", "/assets", {"ids": [asset.id]})

    async def _restore(self) -> None:
        asset = self._some(a for a in self._state.assets.values() if a.trashed_by_user)
        if asset is not None:
            await self._ask("POST", "/trash/restore/assets", {"ids": [asset.id]})

    async def _archive(self) -> None:
        asset = self._some(self._state.assets.values())
        if asset is not None:
            self._touch(asset)
            await self._ask(
                "PUT", "/assets", {"ids": [asset.id], "visibility": self.rng.choice(("archive", "timeline"))}
            )


class Fate(Actor):
    """Power, disks, networks and machines."""

    def __init__(self, world: World, rng: random.Random, lost: Callable[[], None]) -> None:
        super().__init__(world, rng)
        self._lost = lost
        self.over = False
        self.power = False
        """The next death is a power cut and takes along what was not written."""

    async def run(self) -> None:
        moves: list[Any] = [
            self._immich_away,
            self._weather,
            self._learning_fails,
            self._listings_fail,
            self._disk_full,
        ]
        ends = [self._cut, self._cut, self._cut, self._die, self._kill, self._restart]
        ends += [self._end_there] * 3
        await self.act(self.rng.randint(1, 7), [*moves, *ends, self._disk_error, self._learning_away])
        self.over = True

    async def watch(self) -> None:
        """Start a sidecar again whenever one has died."""
        world = self.world
        while True:
            await world.died.wait()
            await self._bury()
            await asyncio.sleep(self.rng.uniform(0.5, 20))
            if not self.over and self.rng.random() < 0.3:  # it dies again while it recovers
                await self.rng.choice((self._cut, self._die))()
            while not await world.start():
                await self._bury()
                await asyncio.sleep(10)

    async def _bury(self) -> None:
        await self.world.buried(power=self.power)
        if self.power:
            self._lost()
        self.power = False

    async def _cut(self) -> None:
        self.power = True
        self.world.storage.left = self.rng.choice((1, 3, 10, 30, 100, 300))

    async def _die(self) -> None:
        self.world.storage.left = self.rng.choice((1, 3, 10, 30, 100, 300))

    async def _end_there(self) -> None:
        """End between two steps of an act, of any kind of act, however seldom it comes."""
        self.power = self.rng.random() < 0.5
        named = [kind for kind in self.world.storage.kinds if ":" in kind]
        self.world.storage.ends_at = self.rng.choice([*named, "commit"])

    async def _kill(self) -> None:
        self.world.trace("fate", "kill -9")
        self.world.storage.off = True
        self.world._went_off()

    async def _restart(self) -> None:
        if self.world.sidecar is not None and not self.world.died.is_set():
            await self.world.stop()
            if not self.world.died.is_set():
                self.world.died.set()

    async def _immich_away(self) -> None:
        await self._for_a_while(self.world.to_immich.weather, "down", True)

    async def _weather(self) -> None:
        wire = self.rng.choice((self.world.to_immich, self.world.to_sidecar))
        await self._for_a_while(
            wire.weather, self.rng.choice(("lost_requests", "lost_answers", "slow")), 0.25
        )

    async def _learning_fails(self) -> None:
        kind = self.rng.choice(("ml_failing", "ml_refused", "ml_faces_refused"))
        self.world.to_learning.weather.down = True  # it is one service for both
        await self._for_a_while(self.world.demo.faults, kind, True)
        self.world.to_learning.weather.down = False

    async def _learning_away(self) -> None:
        await self._for_a_while(self.world.to_learning.weather, "down", True)

    async def _listings_fail(self) -> None:
        await self._for_a_while(self.world.demo.faults, "listing_error_rate", 0.3)

    async def _disk_full(self) -> None:
        await self._for_a_while(self.world.storage, "full", True)

    async def _disk_error(self) -> None:
        self.world.storage.errors_in = self.rng.choice((1, 5, 20))

    async def _for_a_while(self, thing: Any, name: str, value: Any) -> None:
        self.world.trace("fate", f"{name} = {json.dumps(value)}")
        before = getattr(thing, name)
        setattr(thing, name, value)
        await asyncio.sleep(self.rng.choice((2.0, 15.0, 60.0)))
        setattr(thing, name, before)
        self.world.trace("fate", f"{name} over")
