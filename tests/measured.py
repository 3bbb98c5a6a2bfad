"""A world with a machine learning service that sees in each preview what its name says."""

from __future__ import annotations

import json
import math
import os

import httpx
from tests.fake_immich import FakeServer, by_name
from tests.fakes import World

from smartsort.confidence import FaceService, Measure
from smartsort.ledger import photos
from smartsort.ports import FaceModel, ThumbnailSize

MODEL = FaceModel("buffalo_l", 0.7)


def service(handler, timeout=60.0, clock=None):
    more = {} if clock is None else {"clock": clock}
    return FaceService("http://ml.test:3003", timeout, transport=httpx.MockTransport(handler), **more)


def answer(*faces, width=1440, height=1440):
    """What the service says: (box, vector) of each face."""
    return {
        "facial-recognition": [
            {
                "boundingBox": dict(zip(("x1", "y1", "x2", "y2"), map(float, box), strict=True)),
                "embedding": json.dumps(list(vector)),
                "score": 0.9,
            }
            for box, vector in faces
        ],
        "imageWidth": width,
        "imageHeight": height,
    }


def at(angle: float) -> tuple[float, float, float]:
    return (math.cos(math.radians(angle)), math.sin(math.radians(angle)), 0.0)


class Gallery(FakeServer):
    """Its previews are file names, and the angle is in the name: `anna_5.jpg` is 5 degrees off."""

    async def thumbnail(self, asset_id, size):
        self._call("thumbnail")
        assert size is ThumbnailSize.PREVIEW
        asset = self._asset(asset_id)
        return (os.path.basename(asset.path).encode(), "image/jpeg") if asset.has_preview else None


DIRECTIONS = {"anna": 0.0, "bella": 60.0, "carl": 120.0}


class Eye:
    """A service that sees the faces of `Gallery`'s previews."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self.down = self.blind = False
        self.length = 3

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        body = request.read()
        start = body.index(b"image/jpeg\r\n\r\n") + len(b"image/jpeg\r\n\r\n")
        name = body[start : body.index(b"\r\n", start)].decode()
        self.pictures.append(name)
        stem, _, rest = os.path.splitext(name)[0].partition("_")
        off = float(rest.partition("x")[0] or 0)
        faces = []
        for number, person in enumerate(stem.split("+")):
            size = 400 - 50 * number
            vector = at(DIRECTIONS.get(person, 240.0) + off)[: self.length]
            faces.append(((100 * number, 0, 100 * number + size, size), vector))
        return httpx.Response(200, json=answer(*([] if self.blind else faces)))


def measured_world(root, eye, **settings) -> World:
    server = Gallery(os.path.join(root, "library"), ["Anna", "Bella", "Carl"], by_name)
    world = World(
        root, server=server, settings={"whitelist": ["Anna", "Bella"], "blacklist": ["Carl"]} | settings
    )
    sidecar = world.sidecar
    measure = Measure(
        world.context, sidecar.people, service(eye, clock=world.clock.monotonic), patience_seconds=60
    )
    sidecar.recognise_stage._executor.evidence_builder.measure = measure
    sidecar.measure = measure
    return world


async def deliver(world, *names):
    ids = [await world.deliver(name) for name in names]
    await world.settle()
    return ids


def decided(world, photo_id):
    """(first reason, confidence of the first face)"""
    last = world.ledger.read(lambda db: photos.last_decision(db, photo_id))
    found = list(last[4].confidence.values())
    return last[3][0], found[0] if found else None
