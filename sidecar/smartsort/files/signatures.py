"""What a file is by its first bytes: the signature of its format."""

from __future__ import annotations

from contextlib import suppress

from smartsort.files import media
from smartsort.files.media import Format
from smartsort.files.structure import SEGMENT

HEAD_BYTES = 4096

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
    (0, b"\0\0\x01\xba", media.MPEG),
    (0, b"\0\0\x01\xb3", media.MPEG),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", media.WMV),
    (0, b"FLV\x01", media.FLV),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", media.MXF),
)


def format_of(head: bytes) -> Format | None:
    """The format that a file's first bytes (`HEAD_BYTES` are enough) announce, None for what is no medium."""
    for offset, magic, found in _MAGIC:
        # "CR" alone is too little to tell a CR2 by.
        if head.startswith(magic, offset) and (found is not media.CR2 or head[:4] in (b"II*\0", b"MM\0*")):
            return found
    if head[:4] == b"RIFF":
        return {b"WEBP": media.WEBP, b"AVI ": media.AVI}.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return media.WEBM if b"webm" in head.partition(SEGMENT)[0] else media.MATROSKA
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
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:HEAD_BYTES]
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
    (b"#!AMR", "sound"),
    (b"#!", "script"),
    (b"caff", "sound"),
    (b"\0\0\x01\0", "icon"),
    (b"SQLite format 3\0", "database"),
)


def what_else(head: bytes) -> str:
    """Return what a file that is no medium is, for people."""
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
