"""Immich's machine learning protocol, answered with the demo's made-up faces."""

import io
import json
from collections.abc import Sequence
from typing import Any

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from smartsort.demo import embeddings
from smartsort.demo.edge import read_edge
from smartsort.demo.models import Face
from smartsort.demo.operations import JsonResponse
from smartsort.demo.previews import Previews
from smartsort.demo.recognition import Recognition

SCORE = 0.9


class MachineLearning:
    """`GET /ping` and `POST /predict` for the task `facial-recognition`.

    The pictures it knows are the previews this demo handed out, and frames with an edge that tells their
    faces: nothing is really recognised.
    """

    def __init__(self, recognition: Recognition, previews: Previews) -> None:
        self._recognition = recognition
        self._previews = previews

    async def ping(self, _request: Request) -> Response:
        return PlainTextResponse("pong")

    async def predict(self, request: Request) -> Response:
        async with request.form(max_part_size=64 << 20) as form:
            entries, image = form.get("entries"), form.get("image")
            content = await image.read() if isinstance(image, UploadFile) else None
        try:
            tasks = json.loads(entries) if isinstance(entries, str) else None
        except ValueError:
            tasks = None
        if not isinstance(tasks, dict) or set(tasks) != {"facial-recognition"}:
            return JsonResponse({"detail": "Invalid request format."}, 422)
        if content is None:
            return JsonResponse({"detail": "Either image or text must be provided"}, 400)
        asset = self._previews.asset_shown(content)
        try:
            with Image.open(io.BytesIO(content)) as picture:
                width, height = picture.size
                edge = read_edge(picture) if asset is None else ()
        except OSError:
            return JsonResponse({"detail": "Internal Server Error"}, 500)
        faces = (
            self._recognition.on_frame(edge, (width, height))
            if asset is None
            else self._recognition.on(asset)
        )
        found = self._faces(faces, tasks["facial-recognition"]["recognition"]["modelName"])
        return JsonResponse({"facial-recognition": found, "imageHeight": height, "imageWidth": width})

    def _faces(self, faces: Sequence[Face], model: str) -> list[dict[str, Any]]:
        found = []
        for face in faces:  # also where Immich's own detection has failed
            x1, y1, x2, y2 = (float(value) for value in face.box)
            seen = embeddings.as_seen_by(model, self._recognition.embedding(face))
            numbers = ",".join(f"{value:.6f}" for value in seen)
            found.append(
                {
                    "boundingBox": {"x1": x1, "y1": y1, "x2": x2, "y2": y2},
                    "embedding": f"[{numbers}]",
                    "score": SCORE,
                }
            )
        return found
