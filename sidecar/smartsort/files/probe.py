"""What a file is, by its content, and whether it is whole.

Immich keeps a broken file broken for ever, so nothing half-written may enter its library. A picture that can
be decoded here is decoded; what cannot be (raw photos, videos) is checked by its structure.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BufferedReader, FileIO
from typing import TYPE_CHECKING, Any

from smartsort.files import media, structure
from smartsort.files.media import Format, Kind
from smartsort.files.problems import FileVanished, NotAFile, unreadable
from smartsort.files.shown import shown
from smartsort.files.stamps import regular
from smartsort.files.structure import Broken, Facts, Reader

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_PIXELS = 250_000_000
"""The largest picture that is decoded: phones make 200 million, and 250 million take 750 MB."""

_HEAD_BYTES = 4096
_ORIENTATION, _EXIF, _TIME, _TAKEN, _TAKEN_OFFSET = 0x0112, 0x8769, 0x0132, 0x9003, 0x9011


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is.

    `extension` is the right one for the content and `acceptable` are all that fit it, without a dot and in
    lower case; "" and empty for what is no medium. `width` and `height` are of the upright picture, 0 when
    unknown. `taken` carries the camera's zone, UTC if it wrote none. `problem` is None for a file that is
    whole, else a short text for people.
    """

    kind: Kind
    media_type: str
    extension: str = ""
    acceptable: frozenset[str] = frozenset()
    width: int = 0
    height: int = 0
    taken: datetime | None = None
    problem: str | None = None


def probe(path: str, max_pixels: int = MAX_PIXELS) -> Probe:
    """What the file at `path` is and whether it is whole.

    A file that is broken or no medium is an answer (`problem`), not an error. Raises FileVanished, NotAFile,
    FileUnreadable or StorageError when it cannot be read at all.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FileVanished(f"{shown(path)} is gone", path) from error
    except OSError as error:
        if os.path.islink(path):
            raise NotAFile(f"{shown(path)} is a symbolic link, not a file", path) from error
        raise unreadable(error, path) from error
    try:
        regular(os.fstat(handle), path)
        return _probe(Reader(handle), max_pixels)
    except OSError as error:
        raise unreadable(error, path) from error
    finally:
        os.close(handle)


def _probe(reader: Reader, max_pixels: int) -> Probe:
    head = reader.at(0, _HEAD_BYTES)
    found = _recognise(head)
    if found is None:
        return Probe(Kind.OTHER, "application/octet-stream", problem=_what_else(head))
    facts, problem = Facts(), None
    try:
        facts = _CHECKS.get(found, _no_check)(reader)
        if found is media.TIFF and (facts.raw or facts.dng):
            found = media.DNG if facts.dng else media.maker_raw(facts.make)
        elif found is media.MATROSKA and facts.make == "webm":
            found = media.WEBM
        if found in _DECODERS:
            _decode(reader, found, facts, max_pixels)
    except Broken as error:
        problem = str(error)
    return Probe(
        found.kind,
        found.media_type,
        found.extension,
        found.acceptable,
        facts.width,
        facts.height,
        facts.taken,
        problem,
    )


# What it is.

_BRANDS: dict[bytes, Format] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), media.HEIF),
    **dict.fromkeys((b"avif", b"avis"), media.AVIF),
    b"crx ": media.CR3,
    b"qt  ": media.MOV,
    **dict.fromkeys((b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3ge6", b"3gg6", b"3g2a"), media.THREEGP),
}

_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"\xff\xd8\xff", media.JPEG),
    (0, b"\x89PNG\r\n\x1a\n", media.PNG),
    (0, b"GIF87a", media.GIF),
    (0, b"GIF89a", media.GIF),
    (8, b"CR\x02", media.CR2),
    (0, b"II*\0", media.TIFF),
    (0, b"MM\0*", media.TIFF),
    (0, b"II+\0", media.TIFF),
    (0, b"MM\0+", media.TIFF),
    (0, b"IIRO", media.ORF),
    (0, b"IIRS", media.ORF),
    (0, b"MMOR", media.ORF),
    (0, b"IIU\0", media.RW2),
    (0, b"FUJIFILMCCD-RAW", media.RAF),
    (0, b"\0MRM", media.MRW),
    (0, b"FOVb", media.X3F),
    (6, b"HEAPCCDR", media.CRW),
    (0, b"8BPS", media.PSD),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", media.JPEG2000),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", media.JPEGXL),
    (0, b"\xff\x0a", media.JPEGXL),
    (0, b"\x1a\x45\xdf\xa3", media.MATROSKA),
    (0, b"\0\0\x01\xba", media.MPEG),
    (0, b"\0\0\x01\xb3", media.MPEG),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", media.WMV),
    (0, b"FLV\x01", media.FLV),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", media.MXF),
)


def format_of(head: bytes) -> Format | None:
    """The format that a file's first bytes (4 KiB are enough) announce, None for what is no medium."""
    return _recognise(head)


def _recognise(head: bytes) -> Format | None:
    for offset, magic, found in _MAGIC:
        # "CR" alone is too little to tell a CR2 by.
        if head.startswith(magic, offset) and (found is not media.CR2 or head[:4] in (b"II*\0", b"MM\0*")):
            return found
    if head[:4] == b"RIFF":
        return {b"WEBP": media.WEBP, b"AVI ": media.AVI}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free"):
        return media.MOV  # QuickTime before it had a type box
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and len(head) > 26:
        return media.BMP
    if len(head) > 192 * 3 and (
        all(head[at] == 0x47 for at in (0, 188, 376)) or all(head[at] == 0x47 for at in (4, 196, 388))
    ):
        return media.TRANSPORT_STREAM
    return _text_format(head)


def _by_brand(head: bytes) -> Format:
    size = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = [major, *(head[at : at + 4] for at in range(16, size - 3, 4))]
    if major in (b"mif1", b"msf1"):
        # A generic HEIF brand: what is inside is told by the others.
        for brand in brands:
            if _BRANDS.get(brand) is media.AVIF:
                return media.AVIF
    return _BRANDS.get(major, media.MP4)


def _text_format(head: bytes) -> Format | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:_HEAD_BYTES]
    if not text.startswith(b"<"):
        return None
    if b"<x:xmpmeta" in text or b"<rdf:RDF" in text or text.startswith(b"<?xpacket"):
        return media.XMP
    if b"<svg" in text and b"<html" not in text.lower():
        return media.SVG
    return None


_OTHER = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP archive or office document"),
    (b"Rar!", "RAR archive"),
    (b"7z\xbc\xaf", "7z archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"ID3", "sound"),
    (b"OggS", "Ogg"),
    (b"fLaC", "sound"),
    (b"RIFF", "RIFF, probably sound"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"#!", "script"),
    (b"\0\0\x01\0", "icon"),
    (b"SQLite format 3\0", "database"),
)


def _what_else(head: bytes) -> str:
    if not head:
        return "empty file"
    if not any(head):
        return "nothing but zeros, the file was never written"
    for magic, name in _OTHER:
        if head.startswith(magic):
            return f"not a picture or video ({name})"
    start = head[:1024].lower()
    if b"<html" in start or b"<!doctype html" in start:
        return "not a picture or video (web page)"
    with suppress(UnicodeDecodeError):
        # The head may end inside a character.
        text = head[:-4].decode("utf-8") if len(head) > 8 else head.decode("utf-8")
        if all(letter.isprintable() or letter.isspace() for letter in text):
            return "not a picture or video (text)"
    return "not a picture or video (unknown content)"


# Whether it is whole, by structure.


def _nothing_but(check: Callable[[Reader], None]) -> Callable[[Reader], Facts]:
    def checked(reader: Reader) -> Facts:
        check(reader)
        return Facts()

    return checked


def _no_check(_reader: Reader) -> Facts:
    return Facts()


def _matroska(reader: Reader) -> Facts:
    return Facts(make=structure.ebml(reader, "Matroska"))


def _webp(reader: Reader) -> Facts:
    structure.riff(reader, "WebP")
    structure.unwritten_end(reader, "WebP")
    return Facts()


def _heif(reader: Reader, name: str) -> Facts:
    structure.iso_media(reader, name, _HEIF_BOXES)
    structure.unwritten_end(reader, name)
    return Facts()


def _svg(reader: Reader) -> Facts:
    if b"</svg>" not in reader.at(max(0, reader.size - _HEAD_BYTES), _HEAD_BYTES):
        raise Broken("SVG ends in the middle")
    return Facts()


def _xmp(reader: Reader) -> Facts:
    text = reader.at(0, 16 << 20)
    # Whatever element opened the document has to be closed.
    for opened in (b"x:xmpmeta", b"rdf:RDF"):
        if b"<" + opened in text:
            if b"</" + opened not in text:
                raise Broken("XMP ends in the middle")
            return Facts()
    raise Broken("XMP is empty")


def _jpegxl(reader: Reader) -> Facts:
    if reader.at(0, 2) == b"\xff\x0a":
        return Facts()  # a bare stream does not tell its length
    return structure.iso_media(reader, "JPEG XL", (frozenset({b"jxlc", b"jxlp"}),))


def _bmp(reader: Reader) -> Facts:
    size = int.from_bytes(reader.exactly(2, 4, "BMP"), "little")
    if size > reader.size:
        raise Broken("BMP ends in the middle")
    return Facts()


_MOVIE = (frozenset({b"moov"}), frozenset({b"mdat", b"moof"}))
_HEIF_BOXES = (frozenset({b"meta", b"moov"}),)

_CHECKS: dict[Format, Callable[[Reader], Facts]] = {
    media.JPEG: _nothing_but(structure.jpeg),
    media.PNG: _nothing_but(structure.png),
    media.GIF: _nothing_but(structure.gif),
    media.WEBP: _webp,
    media.BMP: _bmp,
    media.HEIF: partial(_heif, name="HEIF"),
    media.AVIF: partial(_heif, name="AVIF"),
    media.JPEGXL: _jpegxl,
    media.SVG: _svg,
    media.XMP: _xmp,
    media.TIFF: partial(structure.tiff, name="TIFF"),
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
    media.MATROSKA: _matroska,
    media.AVI: _nothing_but(partial(structure.riff, name="AVI")),
    media.TRANSPORT_STREAM: _nothing_but(structure.transport_stream),
    media.WMV: _nothing_but(structure.asf),
}


# Whether it is whole, by decoding.


def _plugin(module: str, name: str) -> Callable[[BufferedReader], ImageFile.ImageFile]:
    """A Pillow decoder by itself: `Image.open` would guess again, and warn or refuse by its own limits."""

    def opened(stream: BufferedReader) -> ImageFile.ImageFile:
        plugin: Any = getattr(__import__(module, fromlist=[name]), name)
        image: ImageFile.ImageFile = plugin(stream)
        return image

    return opened


_DECODERS: dict[Format, Callable[[BufferedReader], ImageFile.ImageFile]] = {
    media.JPEG: _plugin("PIL.JpegImagePlugin", "JpegImageFile"),
    media.PNG: _plugin("PIL.PngImagePlugin", "PngImageFile"),
    media.GIF: _plugin("PIL.GifImagePlugin", "GifImageFile"),
    media.WEBP: _plugin("PIL.WebPImagePlugin", "WebPImageFile"),
    media.BMP: _plugin("PIL.BmpImagePlugin", "BmpImageFile"),
    media.TIFF: _plugin("PIL.TiffImagePlugin", "TiffImageFile"),
    media.JPEG2000: _plugin("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    media.AVIF: _plugin("PIL.AvifImagePlugin", "AvifImageFile"),
    media.HEIF: _plugin("pillow_heif.as_plugin", "HeifImageFile"),
    media.PSD: _plugin("PIL.PsdImagePlugin", "PsdImageFile"),
}

_MAYBE_UNKNOWN_HERE = frozenset({media.TIFF, media.PSD, media.HEIF, media.AVIF, media.JPEG2000, media.BMP})
"""Formats with variants that Pillow does not know but Immich may: such a file passes by its structure."""


def _decode(reader: Reader, found: Format, facts: Facts, max_pixels: int) -> None:
    stream: BufferedReader = BufferedReader(FileIO(reader.handle, closefd=False))
    stream.seek(0)
    with quiet():
        try:
            image = _DECODERS[found](stream)
        except Exception as error:
            _raise_if_disk(error)
            if found in _MAYBE_UNKNOWN_HERE and _is_unknown_here(error):
                return
            raise Broken(_load_problem(found, error)) from error
        with image:
            facts.width, facts.height = image.size
            if image.width * image.height > max_pixels:
                raise Broken(f"too many pixels ({image.width:,} x {image.height:,})")
            try:
                if found is media.JPEG:
                    # An eighth of the size: all data is read, an eighth of the memory and time is taken.
                    image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
                image.load()
            except Exception as error:
                _raise_if_disk(error)
                if found in _MAYBE_UNKNOWN_HERE and _is_unknown_here(error):
                    return
                raise Broken(_load_problem(found, error)) from error
            _read_exif(image, facts)


def _raise_if_disk(error: Exception) -> None:
    """Let errors of the disk through; a decoder's own have no errno. Decoders raise anything on junk."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _is_unknown_here(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, (NotImplementedError, KeyError)) or any(
        words in text for words in ("not available", "unsupported", "not supported", "unknown")
    )


def _load_problem(found: Format, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"{found.name} is too large to be decoded here"
    text = str(error).lower()
    if any(words in text for words in ("truncat", "end of", "premature", "incomplete", "not enough")):
        return f"{found.name} ends in the middle"
    return f"{found.name} is damaged ({_said(error)})"


def _said(error: Exception) -> str:
    return shown(str(error).splitlines()[0][:120] if str(error) else type(error).__name__)


def _read_exif(image: ImageFile.ImageFile, facts: Facts) -> None:
    """Orientation and time; whatever is wrong with EXIF is not wrong with the picture."""
    with suppress(Exception):
        exif: Image.Exif = image.getexif()
        if exif.get(_ORIENTATION) in (5, 6, 7, 8):
            facts.width, facts.height = facts.height, facts.width
        details = exif.get_ifd(_EXIF)
        for text, offset in ((details.get(_TAKEN), details.get(_TAKEN_OFFSET)), (exif.get(_TIME), "")):
            if isinstance(text, str) and text:
                facts.taken = structure.exif_time(text, offset if isinstance(offset, str) else "")
                break


# Pillow warns about odd metadata. `warnings.catch_warnings` is not made for threads: the last one out would
# restore what another had set. So the first one in silences, and the last one out restores.

_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_scope: list[warnings.catch_warnings[None]] = []


@contextmanager
def quiet() -> Iterator[None]:
    """While any thread is in here, none is told about odd metadata."""
    global _quiet_depth  # noqa: PLW0603
    with _quiet_lock:
        if _quiet_depth == 0:
            scope = warnings.catch_warnings()
            scope.__enter__()
            warnings.simplefilter("ignore")
            _quiet_scope.append(scope)
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_scope.pop().__exit__(None, None, None)
