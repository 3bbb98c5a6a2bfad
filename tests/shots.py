"""Pictures, raw photos and clips that say when, with what and to which shot they were taken."""

from __future__ import annotations

import io
import os
import random
import struct
import tempfile
from datetime import UTC, datetime

import av
from PIL import Image

from smartsort.demo import jpeg
from smartsort.demo.regions import region_xmp

TAKEN = datetime(2024, 5, 1, 10, 0, 0)
CAMERA = ("Apple", "iPhone 15")
MOTION_XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description xmlns:GCamera='http://ns.google.com/photos/1.0/camera/' GCamera:MotionPhoto=\"1\"/>"
    b"</rdf:RDF></x:xmpmeta>"
)


def apple_note(content_id: str) -> bytes:
    """Apple's maker note with nothing but a content identifier."""
    text = content_id.encode() + b"\0"
    entries = struct.pack(">HHI4s", 1, 9, 1, struct.pack(">i", 14))
    entries += struct.pack(">HHII", 0x11, 2, len(text), 16 + 2 * 12 + 4)
    return b"Apple iOS\0\0\x01MM" + struct.pack(">H", 2) + entries + bytes(4) + text


def exif(
    *,
    taken: datetime | None = TAKEN,
    zone: str | None = None,
    fine: str | None = None,
    camera: tuple[str, str] | None = CAMERA,
    serial: str | None = None,
    content_id: str | None = None,
) -> Image.Exif:
    found = Image.Exif()
    details = {}
    if camera:
        found[0x010F], found[0x0110] = camera
    if taken:
        details[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    details |= {tag: v for tag, v in ((0x9011, zone), (0x9291, fine), (0xA431, serial)) if v}
    if content_id:
        details[0x927C] = apple_note(content_id)
    if details:
        found._ifds[0x8769] = found[0x8769] = (
            details  # a TIFF is written from the first, a JPEG from the other
        )
    return found


def grain(size: tuple[int, int], spread: float, seed: int = 1) -> Image.Image:
    """Noise that varies so much around grey, the same for a seed.

    Pillow's own depends on what else has drawn random numbers in the process.
    """
    even = Image.frombytes("L", size, random.Random(seed).randbytes(size[0] * size[1]))
    return Image.blend(Image.new("L", size, 128), even, spread / 74)  # bytes vary by 74


def photo(seed: int = 1, *, kind: str = "JPEG", xmp: bytes | None = None, **said: object) -> bytes:
    """A small picture that says `said` (see `exif`)."""
    image = Image.new("RGB", (16, 16), (seed % 256, seed // 256 % 256, 7))
    out = io.BytesIO()
    own = {"comment": str(seed).encode()} if kind == "JPEG" else {}
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    image.save(out, kind, exif=exif(**said), **({"xmp": xmp} if xmp else {}), **own)
    return out.getvalue()


def raw_photo(seed: int = 1, **said: object) -> bytes:
    """As small a raw photo as there can be: the picture's EXIF data in a TIFF with a colour filter array."""
    out = io.BytesIO()
    tags = exif(**said)
    tags[262] = 32803
    Image.new("L", (6, 4), seed % 256).save(out, "TIFF", exif=tags)
    data = bytearray(out.getvalue())
    _set_tag(data, 262, 32803)
    return bytes(data)


def _set_tag(data: bytearray, tag: int, value: int) -> None:
    at = struct.unpack_from("<I", data, 4)[0]
    for index in range(struct.unpack_from("<H", data, at)[0]):
        entry = at + 2 + 12 * index
        if struct.unpack_from("<H", data, entry)[0] == tag:
            struct.pack_into("<H", data, entry + 8, value)


def clip(
    seconds: float = 2.0,
    *,
    content_id: str | None = None,
    taken: datetime | None = None,
    local: str | None = None,
    kind: str = "mov",
    seed: int = 1,
    faststart: bool = False,
) -> bytes:
    """A clip. `taken`: QuickTime's own time, in UTC; `local`: Apple's, with its zone."""
    flags = "use_metadata_tags" + ("+faststart" if faststart else "")
    with (
        tempfile.NamedTemporaryFile(suffix=f".{kind}") as out,
        av.open(out.name, "w", format=kind, options={"movflags": flags}) as container,
    ):
        if content_id:
            container.metadata["com.apple.quicktime.content.identifier"] = content_id
        if local:
            container.metadata["com.apple.quicktime.creationdate"] = local
        if taken:
            container.metadata["creation_time"] = taken.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * 10)):
            frame = av.VideoFrame(32, 32, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([(seed * 40 + number * 5) % 256]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        container.close()
        return out.read()


def put(folder: object, **files: bytes) -> list[str]:
    """Files with these names, `__` for a dot."""
    paths = []
    for name, content in files.items():
        paths.append(os.path.join(os.fspath(folder), name.replace("__", ".")))
        with open(paths[-1], "wb") as file:
            file.write(content)
    return paths


def write_regions(path, regions):
    """Put face regions into a JPEG in one step, before those it may have: nothing else changes."""
    with open(path, "rb") as file:
        data = file.read()
    with Image.open(path) as image:
        size = image.size
    with open(f"{path}.part", "wb") as file:
        file.write(jpeg.with_xmp(data, region_xmp(regions, *size)))
    os.replace(f"{path}.part", path)
