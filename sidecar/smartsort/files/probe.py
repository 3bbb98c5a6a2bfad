"""What a file is, by its content, and whether it is whole.

Immich keeps a broken file broken for ever, so nothing half-written may enter its library. What Immich shows
is judged by the decoders Immich uses (`pictures`, `videos`), what none of them reads here by its structure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader

from smartsort.files import media, metadata, pictures, stamps, structure, videos
from smartsort.files.media import Format, Kind
from smartsort.files.metadata import NOTHING, Metadata
from smartsort.files.signatures import HEAD_BYTES, format_of, what_else
from smartsort.files.structure import Broken, Cut, Facts, Reader

MAX_PIXELS = 250_000_000
"""The largest picture that is decoded: phones make 200 million."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is.

    `extension` is the right one for the content and `acceptable` are all that fit it, without a dot and in
    lower case, "" and empty for what is no medium. `width` and `height` are of the upright picture, 0 when
    unknown. `look` is a picture's perceptual hash. `problem` is None for a file that is whole, else a short
    text for people.
    """

    kind: Kind
    media_type: str
    extension: str = ""
    acceptable: frozenset[str] = frozenset()
    width: int = 0
    height: int = 0
    metadata: Metadata = NOTHING
    look: bytes | None = None
    problem: str | None = None


def probe(path: str, max_pixels: int = MAX_PIXELS) -> Probe:
    """Return what the file at `path` is and whether it is whole. Decodes it: for decoder processes.

    A file that is broken or no medium is an answer (`problem`), not an error. Raises FileVanished, NotAFile,
    FileUnreadable or StorageError when it cannot be read at all, and MemoryError.
    """
    with opened(path) as file:
        reader = Reader(file.fileno())
        head = reader.at(0, HEAD_BYTES)
        found = format_of(head)
        if found is None:
            return _nothing_known(what_else(head))
        try:
            return _judge(file, reader, found, max_pixels)
        except videos.NothingToSee as error:
            return _nothing_known(f"not a picture or video ({error})")
        except pictures.TooManyPixels as error:
            return replace(_found(found), width=error.width, height=error.height, problem=str(error))
        except Broken as error:
            return replace(_found(found), problem=str(error))


def recognise(path: str) -> Probe:
    """Return what the file at `path` is by its first bytes alone. Raises as `probe` does, but MemoryError."""
    with opened(path) as file:
        head = os.pread(file.fileno(), HEAD_BYTES, 0)
    found = format_of(head)
    return _found(found) if found else _nothing_known(what_else(head))


def read_metadata(path: str) -> Metadata:
    """Return what a camera wrote into the file at `path`, without decoding it. For decoder processes.

    Nothing for a file that is broken or no medium. Raises as `probe` does.
    """
    with opened(path) as file:
        reader = Reader(file.fileno())
        found = format_of(reader.at(0, HEAD_BYTES))
        try:
            if found is not None and (found.kind is Kind.RAW or found is media.TIFF):
                return metadata.of_raw(file, found)
            if found in pictures.DECODED:
                return pictures.opened(file, found, sys.maxsize).metadata
            if found is not None and found.kind is Kind.VIDEO:
                return videos.watch(file, found, whole=False).metadata
        except MemoryError:
            raise
        except Exception as error:
            # Decoders raise anything on junk. An error of the disk has a number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
        return Metadata()


@contextmanager
def opened(path: str) -> Iterator[BufferedReader]:
    """A regular file, open to be read. Raises as `probe` does, also for what fails while it is open."""
    with stamps.opened(path) as (handle, _), os.fdopen(handle, "rb", closefd=False) as file:
        yield file


def _nothing_known(problem: str) -> Probe:
    return Probe(Kind.OTHER, "application/octet-stream", problem=problem)


def _found(found: Format) -> Probe:
    return Probe(found.kind, found.media_type, found.extension, found.acceptable)


def _judge(file: BufferedReader, reader: Reader, found: Format, max_pixels: int) -> Probe:
    found, facts, doubt = _by_structure(reader, found)
    seen = _found(found)
    try:
        if found in pictures.DECODED:
            picture = pictures.decode(file, found, max_pixels)
            if found in _FRAMES and (picture.pages > 1 or found is media.PNG):
                _FRAMES[found](reader)
            return replace(
                seen, width=picture.width, height=picture.height, metadata=picture.metadata, look=picture.look
            )
        if found.kind is Kind.VIDEO:
            video = videos.watch(file, found)
            return replace(seen, width=video.width, height=video.height, metadata=video.metadata)
    except pictures.TooManyPixels:
        raise
    except Broken as error:
        raise doubt or error from error
    return replace(seen, width=facts.width, height=facts.height, metadata=facts.metadata)


def _by_structure(reader: Reader, found: Format) -> tuple[Format, Facts, Broken | None]:
    """The format more closely, what its structure says, and what is odd about it for a decoder to judge.

    Raises Broken for what no decoder would notice.
    """
    facts, doubt = Facts(), None
    try:
        if found is media.TIFF:
            structure.tiff(reader, "TIFF", facts)
        elif found in _CHECKS:
            facts = _CHECKS[found](reader)
    except Broken as error:
        if found is media.TIFF:
            # The part may be missing that makes it a raw photo.
            judged = not (facts.raw or facts.make)
        else:
            judged = found.kind is Kind.VIDEO and not isinstance(error, Cut)
        if not judged:
            raise
        doubt = error
    if found is media.TIFF and facts.raw:
        found = media.DNG if facts.dng else media.maker_raw(facts.make)
    return found, facts, doubt


# Whether it is whole, by structure.


def _svg(reader: Reader) -> None:
    if b"</svg>" not in reader.at(max(0, reader.size - HEAD_BYTES), HEAD_BYTES):
        raise Broken("SVG ends in the middle")


def _xmp(reader: Reader) -> None:
    text = reader.at(0, 16 << 20)
    # Whatever element opened the document has to be closed.
    for element in (b"x:xmpmeta", b"rdf:RDF"):
        if b"<" + element in text:
            if b"</" + element not in text:
                raise Broken("XMP ends in the middle")
            return
    raise Broken("XMP is empty")


def _jpegxl(reader: Reader) -> None:
    if reader.at(0, 2) != b"\xff\x0a":  # a bare stream does not tell its length
        structure.iso_media(reader, "JPEG XL", (frozenset({b"jxlc", b"jxlp"}),))


def _bmp(reader: Reader) -> None:
    if int.from_bytes(reader.exactly(2, 4, "BMP"), "little") > reader.size:
        raise Broken("BMP ends in the middle")


def _closed_jpeg(data: bytes) -> bool:
    """Return True when every picture in it ends, the one on its cover too."""
    return data.count(b"\xff\xd9") >= data.count(b"\xff\xd8\xff")


def _closed_gif(data: bytes) -> bool:
    return data.rstrip(b"\0").endswith(b";")


def _nothing_but(check: Callable[[Reader], object]) -> Callable[[Reader], Facts]:
    def checked(reader: Reader) -> Facts:
        check(reader)
        return Facts()

    return checked


_MOVIE = (frozenset({b"moov"}), frozenset({b"mdat", b"moof"}))

_CHECKS: dict[Format | None, Callable[[Reader], Facts]] = {
    media.JPEG: _nothing_but(partial(structure.unwritten_end, name="JPEG", closed=_closed_jpeg)),
    media.GIF: _nothing_but(partial(structure.unwritten_end, name="GIF", closed=_closed_gif)),
    media.WEBP: _nothing_but(partial(structure.unwritten_end, name="WebP")),
    media.HEIF: _nothing_but(partial(structure.unwritten_end, name="HEIF")),
    media.AVIF: _nothing_but(partial(structure.unwritten_end, name="AVIF")),
    media.BMP: _nothing_but(_bmp),
    media.JPEGXL: _nothing_but(_jpegxl),
    media.SVG: _nothing_but(_svg),
    media.XMP: _nothing_but(_xmp),
    media.CR2: partial(structure.tiff, name="CR2"),
    media.ORF: partial(structure.tiff, name="ORF"),
    media.RW2: partial(structure.tiff, name="RW2"),
    media.CR3: partial(structure.iso_media, name="CR3", required=_MOVIE),
    media.RAF: _nothing_but(structure.raf),
    media.MRW: _nothing_but(structure.mrw),
    media.X3F: _nothing_but(structure.x3f),
    media.CRW: _nothing_but(structure.crw),
    media.MP4: partial(structure.iso_media, name="MP4", required=_MOVIE),
    media.MOV: partial(structure.iso_media, name="QuickTime", required=_MOVIE),
    media.THREEGP: partial(structure.iso_media, name="3GP", required=_MOVIE),
    media.MATROSKA: _nothing_but(partial(structure.ebml, name="Matroska")),
    media.WEBM: _nothing_but(partial(structure.ebml, name="WebM")),
    media.AVI: _nothing_but(partial(structure.riff, name="AVI")),
    media.TRANSPORT_STREAM: _nothing_but(structure.transport_stream),
    media.WMV: _nothing_but(structure.asf),
}

_FRAMES: dict[Format, Callable[[Reader], None]] = {media.GIF: structure.gif, media.PNG: structure.png}
"""Formats whose decoder does not notice that the later frames are missing."""
