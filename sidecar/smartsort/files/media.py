"""The media formats Immich takes, and the extensions it takes for each.

Immich judges a file by its extension (`GET /server/media-types`), decoders by its content. A name is right
when both agree. Formats that one decoder reads under several extensions share their list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a file is."""

    IMAGE = "image"
    RAW = "raw"
    VIDEO = "video"
    XMP = "sidecar"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Format:
    """One format: `extension` is the right one, `acceptable` all that fit. No dots, lower case."""

    name: str
    kind: Kind
    media_type: str
    extension: str
    acceptable: frozenset[str]


def _format(name: str, kind: Kind, media_type: str, *extensions: str) -> Format:
    return Format(name, kind, media_type, extensions[0], frozenset(extensions))


_ISO_VIDEO = ("3gp", "3gpp", "insv", "m4v", "mov", "mp4")
_TIFF_RAW = (
    *("3fr", "ari", "arw", "cap", "cr2", "dcr", "dng", "erf", "fff", "iiq", "k25", "kdc"),
    *("nef", "nrw", "ori", "pef", "raw", "rwl", "sr2", "srf", "srw"),
)

JPEG = _format("JPEG", Kind.IMAGE, "image/jpeg", "jpg", "jpeg", "jpe", "insp")
PNG = _format("PNG", Kind.IMAGE, "image/png", "png")
GIF = _format("GIF", Kind.IMAGE, "image/gif", "gif")
WEBP = _format("WebP", Kind.IMAGE, "image/webp", "webp")
BMP = _format("BMP", Kind.IMAGE, "image/bmp", "bmp")
TIFF = _format("TIFF", Kind.IMAGE, "image/tiff", "tif", "tiff")
HEIF = _format("HEIF", Kind.IMAGE, "image/heif", "heic", "heif", "hif")
AVIF = _format("AVIF", Kind.IMAGE, "image/avif", "avif")
JPEG2000 = _format("JPEG 2000", Kind.IMAGE, "image/jp2", "jp2")
JPEGXL = _format("JPEG XL", Kind.IMAGE, "image/jxl", "jxl")
PSD = _format("Photoshop", Kind.IMAGE, "image/vnd.adobe.photoshop", "psd")
SVG = _format("SVG", Kind.IMAGE, "image/svg+xml", "svg")

DNG = _format("DNG", Kind.RAW, "image/x-adobe-dng", "dng")
CR2 = _format("CR2", Kind.RAW, "image/x-canon-cr2", "cr2")
CR3 = _format("CR3", Kind.RAW, "image/x-canon-cr3", "cr3")
CRW = _format("CRW", Kind.RAW, "image/x-canon-crw", "crw")
RAF = _format("RAF", Kind.RAW, "image/x-fuji-raf", "raf")
ORF = _format("ORF", Kind.RAW, "image/x-olympus-orf", "orf", "ori")
RW2 = _format("RW2", Kind.RAW, "image/x-panasonic-rw2", "rw2", "rwl", "raw")
MRW = _format("MRW", Kind.RAW, "image/x-minolta-mrw", "mrw")
X3F = _format("X3F", Kind.RAW, "image/x-sigma-x3f", "x3f")

_MAKERS = (
    # Beginning of the Make tag, its usual extension, the media type.
    ("NIKON", "nef", "image/x-nikon-nef"),
    ("SONY", "arw", "image/x-sony-arw"),
    ("PENTAX", "pef", "image/x-pentax-pef"),
    ("RICOH", "pef", "image/x-pentax-pef"),
    ("SAMSUNG", "srw", "image/x-samsung-srw"),
    ("HASSELBLAD", "3fr", "image/x-hasselblad-3fr"),
    ("PHASE ONE", "iiq", "image/x-phaseone-iiq"),
    ("LEAF", "iiq", "image/x-phaseone-iiq"),
    ("SEIKO EPSON", "erf", "image/x-epson-erf"),
    ("EASTMAN KODAK", "dcr", "image/x-kodak-dcr"),
    ("KODAK", "dcr", "image/x-kodak-dcr"),
    ("LEICA", "rwl", "image/x-leica-rwl"),
    ("CANON", "cr2", "image/x-canon-cr2"),
)


def maker_raw(make: str) -> Format:
    """Return the format of a raw photo that is built like a TIFF, by the Make tag. DNG for unknown makers.

    Several makers share an extension and some have three, so every TIFF-like raw extension is accepted.
    """
    for beginning, extension, media_type in _MAKERS:
        if make.upper().startswith(beginning):
            return Format("raw photo", Kind.RAW, media_type, extension, frozenset(_TIFF_RAW))
    return Format("raw photo", Kind.RAW, "image/x-adobe-dng", "dng", frozenset(_TIFF_RAW))


MP4 = _format("MP4", Kind.VIDEO, "video/mp4", "mp4", *_ISO_VIDEO)
MOV = _format("QuickTime", Kind.VIDEO, "video/quicktime", "mov", *_ISO_VIDEO)
THREEGP = _format("3GP", Kind.VIDEO, "video/3gpp", "3gp", *_ISO_VIDEO)
MATROSKA = _format("Matroska", Kind.VIDEO, "video/x-matroska", "mkv", "webm")
WEBM = _format("WebM", Kind.VIDEO, "video/webm", "webm", "mkv")
AVI = _format("AVI", Kind.VIDEO, "video/x-msvideo", "avi")
TRANSPORT_STREAM = _format("MPEG transport stream", Kind.VIDEO, "video/mp2t", "mts", "m2ts", "m2t")
MPEG = _format("MPEG", Kind.VIDEO, "video/mpeg", "mpg", "mpeg", "mpe", "vob")
WMV = _format("Windows Media", Kind.VIDEO, "video/x-ms-wmv", "wmv")
FLV = _format("Flash video", Kind.VIDEO, "video/x-flv", "flv")
MXF = _format("MXF", Kind.VIDEO, "application/mxf", "mxf")

XMP = _format("XMP", Kind.XMP, "application/rdf+xml", "xmp")

FORMATS = (
    *(JPEG, PNG, GIF, WEBP, BMP, TIFF, HEIF, AVIF, JPEG2000, JPEGXL, PSD, SVG),
    *(DNG, CR2, CR3, CRW, RAF, ORF, RW2, MRW, X3F),
    *(MP4, MOV, THREEGP, MATROSKA, WEBM, AVI, TRANSPORT_STREAM, MPEG, WMV, FLV, MXF),
    XMP,
)

RAW_EXTENSIONS = frozenset(_TIFF_RAW).union(*(each.acceptable for each in FORMATS if each.kind is Kind.RAW))
IMAGE_EXTENSIONS = frozenset().union(*(each.acceptable for each in FORMATS if each.kind is Kind.IMAGE))
VIDEO_EXTENSIONS = frozenset().union(*(each.acceptable for each in FORMATS if each.kind is Kind.VIDEO))
ALL_EXTENSIONS = RAW_EXTENSIONS | IMAGE_EXTENSIONS | VIDEO_EXTENSIONS | XMP.acceptable
"""Every extension Immich takes. `cin` (a raw photo smartsort cannot tell from its content) is left out."""


_ACCEPTABLE = {each.media_type: each.acceptable for each in FORMATS}


def acceptable_for(media_type: str | None) -> frozenset[str]:
    """Return the extensions that fit a media type.

    A raw photo of an unknown maker takes every raw extension.
    """
    if media_type is None:
        return frozenset()
    return _ACCEPTABLE.get(media_type, RAW_EXTENSIONS)
