"""Drawn videos to try smartsort with: people who come, stay and pass."""

import io
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
from PIL import Image

from smartsort.demo.edge import draw_edge
from smartsort.demo.regions import Region
from smartsort.demo.samples import WHITELIST, Category, Sample
from smartsort.demo.scenes import PORTRAIT, draw_people

SIZE = (640, 480)
_RATE = 10


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of a video: how long it is, and who is on it."""

    seconds: float
    people: tuple[str, ...] = ()


_JOHN, _SARAH, _ZOE = WHITELIST[:3]

FILMS: dict[str, tuple[Category, str, str, str | None, tuple[Scene, ...]]] = {
    # Nobody on the frame that Immich shows.
    "phone/VID_0001.mp4": (
        "faces",
        "face_match_verified",
        "",
        _SARAH,
        (Scene(3.0), Scene(9.0, (_SARAH,))),
    ),
    # A stranger on the frame that Immich shows, who then walks on.
    "instagram/passing by.mp4": (
        "faces",
        "face_match_verified",
        "",
        _JOHN,
        (Scene(1.0, ("stranger 1",)), Scene(8.0, (_JOHN,)), Scene(3.0)),
    ),
    # The second person comes later.
    "whatsapp/VID-20240312-WA0007.mp4": (
        "multiple_faces",
        "multiple_faces",
        "multi_",
        None,
        (Scene(5.0, (_JOHN,)), Scene(7.0, (_JOHN, _ZOE))),
    ),
}
"""What becomes of each, and its scenes, by path."""


def iter_videos(folder: str, seed: int) -> Iterator[Sample]:
    """Write the sample videos into sub-folders of `folder`, one at a time."""
    for path, (category, reason, prefix, person, scenes) in FILMS.items():
        real = os.path.join(folder, path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        make_video(real, scenes, random.Random(f"film:{seed}:{path}"))
        people = tuple(dict.fromkeys(name for scene in scenes for name in scene.people))
        yield Sample(path, "video", category, reason, prefix, person, people)


def make_video(path: str, scenes: Sequence[Scene], rng: random.Random) -> None:
    """Write a video of still scenes, as H.264 in MP4."""
    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=_RATE, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for scene in scenes:
            drawn: av.VideoFrame = av.VideoFrame.from_image(_drawn(scene, rng))  # type: ignore[no-untyped-call]
            frame = drawn.reformat(format="yuv420p")
            for _ in range(round(scene.seconds * _RATE)):
                frame.pts = None
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _drawn(scene: Scene, rng: random.Random) -> Image.Image:
    drawing = draw_people(scene.people, SIZE, rng, PORTRAIT if len(scene.people) == 1 else (0.42, 0.5))
    picture = Image.open(io.BytesIO(drawing.content)).convert("RGB")
    draw_edge(picture, [Region(name, *box) for name, box in zip(scene.people, drawing.boxes, strict=True)])
    return picture
