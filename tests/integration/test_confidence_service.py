"""The machine learning service as it is and as it fails."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.measured import MODEL, answer, service

from smartsort.confidence import FaceServiceUnavailable


async def test_speaks_the_protocol():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path, request.read()))
        return httpx.Response(200, json=answer(((1, 2, 30, 40), (3.0, 4.0))))

    asked = service(handler)
    found = await asked.faces(b"the picture", MODEL)
    [(method, path, body)] = seen
    assert (method, path) == ("POST", "/predict")
    assert b'name="image"' in body
    assert b"the picture" in body
    assert b'"detection": {"modelName": "buffalo_l", "options": {"minScore": 0.7}}' in body
    assert (found.width, found.height) == (1440, 1440)
    assert found.faces[0].vector == pytest.approx((0.6, 0.8))  # of length 1, whatever the service sends
    await asked.aclose()


JUNK = {
    "an HTML page": lambda _: httpx.Response(200, text="<html>log in</html>"),
    "a status": lambda _: httpx.Response(500, json={"detail": "out of memory"}),
    "a redirect": lambda _: httpx.Response(302, headers={"location": "http://elsewhere.test"}),
    "a list": lambda _: httpx.Response(200, json=[1, 2]),
    "no faces in it": lambda _: httpx.Response(200, json={"imageWidth": 1, "imageHeight": 1}),
    "no direction": lambda _: httpx.Response(200, json=answer(((0, 0, 1, 1), (0.0, 0.0)))),
    "no numbers": lambda _: httpx.Response(
        200, json=answer(((0, 0, 1, 1), (1.0,))) | {"facial-recognition": [{"embedding": "[1,"}]}
    ),
    "no size": lambda _: httpx.Response(200, json={"facial-recognition": []}),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
async def test_anything_else_is_unavailable_and_never_a_face(junk):
    with pytest.raises(FaceServiceUnavailable, match=r"ml\.test"):
        await service(junk).faces(b"", MODEL)


async def test_a_slow_answer_is_broken_off_and_the_service_left_alone_for_a_while():
    now, calls = [0.0], []

    async def handler(_: httpx.Request) -> httpx.Response:
        calls.append(1)
        await asyncio.sleep(30)
        return httpx.Response(200, json=answer())

    asked = service(handler, timeout=0.05, clock=lambda: now[0])
    for _ in range(5):
        with pytest.raises(FaceServiceUnavailable, match=r"did not answer in 0\.05 s"):
            await asked.faces(b"", MODEL)
    assert (len(calls), asked.available) == (1, False)
    now[0] = 11.0
    assert asked.available
    with pytest.raises(FaceServiceUnavailable):
        await asked.faces(b"", MODEL)
    now[0] = 22.0
    assert not asked.available  # twice as long the second time
    assert len(calls) == 2
