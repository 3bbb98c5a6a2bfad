"""The protocol of Immich's machine learning service, as far as faces are concerned.

One call a picture: `POST /predict`, multipart, with the task as JSON in `entries` and the picture in `image`.
The answer has a box, a score and an embedding (numbers as JSON text) for each face it finds.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from smartsort.core.model import Box
from smartsort.core.similarity import Vector, unit
from smartsort.errors import SmartsortError
from smartsort.ports import FaceModel

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
"""Seconds the service is left alone after a failure, doubled from the first to the longest: a slow or missing
service must not hold up every photo again."""

LARGEST_ANSWER = 32 * 1024 * 1024
_TASK = "facial-recognition"


class FaceServiceUnavailable(SmartsortError):
    """The service is not there, too slow, or answered with something else."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """One face the service found. `box` in pixels of the picture that was sent."""

    box: Box
    vector: Vector
    score: float


@dataclass(frozen=True, slots=True)
class Seen:
    """All faces of a picture and the picture's size."""

    width: int
    height: int
    faces: tuple[SeenFace, ...]


class FaceService:
    """Immich's machine learning service at `url`.

    `timeout_seconds` limits one call from its start to the end of the answer. `transport` and `clock` are for
    tests.
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._clock = clock
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=timeout_seconds,
            transport=transport,
            # The service closes idle connections after 2 s: a picture that is sent at that moment is lost.
            limits=httpx.Limits(max_keepalive_connections=0),
            # Certificates take 2 MB. Without TLS and redirects nobody needs them.
            verify=httpx.URL(self.url).scheme == "https",
            follow_redirects=False,
            trust_env=False,
        )
        self._pause = FIRST_PAUSE
        self._quiet_until: float | None = None
        self._problem = ""
        self.calls = 0
        """Pictures sent so far."""

    @property
    def available(self) -> bool:
        """False for a while after a failure."""
        return self._quiet_until is None or self._clock() >= self._quiet_until

    @property
    def problem(self) -> str:
        """What went wrong last, "" when the last call went well."""
        return self._problem

    def check(self) -> None:
        """Raises FaceServiceUnavailable while the service is left alone."""
        if not self.available:
            raise FaceServiceUnavailable(self._problem)

    async def faces(self, picture: bytes, model: FaceModel) -> Seen:
        """Return the faces of a picture as this model sees them. Raises FaceServiceUnavailable."""
        self.check()
        task = {
            "detection": {"modelName": model.name, "options": {"minScore": model.min_score}},
            "recognition": {"modelName": model.name},
        }
        self.calls += 1
        try:
            answer = await self._post(json.dumps({_TASK: task}), picture)
            seen = _seen(answer)
        except (httpx.HTTPError, TimeoutError) as error:
            slow = isinstance(error, httpx.TimeoutException | TimeoutError)
            why = f"did not answer in {self.timeout_seconds:g} s" if slow else "cannot be reached"
            raise self._failed(f"{why} ({type(error).__name__})") from error
        except (ValueError, TypeError, KeyError) as error:
            raise self._failed(f"answered with something else ({error})") from error
        self._pause, self._quiet_until, self._problem = FIRST_PAUSE, None, ""
        return seen

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, entries: str, picture: bytes) -> Any:
        # Not httpx's time-out alone: that one begins again with every piece of a slow answer.
        async with asyncio.timeout(self.timeout_seconds):
            request = self._http.build_request(
                "POST",
                "/predict",
                data={"entries": entries},
                files={"image": ("preview.jpg", picture, "image/jpeg")},
            )
            response = await self._http.send(request, stream=True)
            try:
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise ValueError("an endless answer")
            finally:
                await response.aclose()
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"status {response.status_code}")
        return json.loads(bytes(body))

    def _failed(self, why: str) -> FaceServiceUnavailable:
        self._problem = f"Immich's machine learning service at {self.url} {why}"
        self._quiet_until = self._clock() + self._pause
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        return FaceServiceUnavailable(self._problem)


def _seen(answer: Any) -> Seen:
    if not isinstance(answer, Mapping):
        raise TypeError("no JSON object")
    faces = []
    for face in answer[_TASK]:
        box = face["boundingBox"]
        numbers = face["embedding"]
        vector = unit(json.loads(numbers) if isinstance(numbers, str) else numbers)
        faces.append(
            SeenFace(
                Box(*(round(float(box[side])) for side in ("x1", "y1", "x2", "y2"))),
                vector,
                float(face["score"]),
            )
        )
    return Seen(int(answer["imageWidth"]), int(answer["imageHeight"]), tuple(faces))
