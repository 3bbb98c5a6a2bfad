"""How pictures are decoded, and what is said of those that are not whole."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pillow_heif
import pytest
from PIL import Image

from smartsort.files import media, pictures, probe
from smartsort.files.metadata import Metadata
from smartsort.files.pictures import TooManyPixels
from smartsort.files.structure import Broken

ORIENTATION = 0x0112


def arrow():
    """A picture that looks another way however it is turned: one dark corner, one grey side."""
    picture = Image.new("RGB", (96, 64), (250, 250, 250))
    picture.paste((0, 0, 0), (0, 0, 24, 16))
    picture.paste((128, 128, 128), (80, 0, 96, 64))
    return picture


def encoded(form, image=None, **more):
    pillow_heif.register_heif_opener()
    out = io.BytesIO()
    (image or arrow()).save(out, form, **more)
    return out.getvalue()


@pytest.fixture
def read(tmp_path):
    """Open these bytes as a picture of a format, and do something with it."""

    def on(data, found, do, *more):
        (tmp_path / "file").write_bytes(data)
        with open(tmp_path / "file", "rb") as file:
            return do(file, found, *more)

    return on


def shrunk(file, found, side=16, most=10**6):
    return pictures.opened(file, found, most).shrunk(side)


def corner_of(picture):
    """Where the dark corner is, and the grey side."""
    grey = picture.convert("L")
    width, height = grey.size
    spots = {
        (x, y): grey.getpixel((round(x * (width - 1)), round(y * (height - 1))))
        for x in (0.06, 0.94)
        for y in (0.06, 0.94)
    }
    dark = min(spots, key=spots.get)
    return dark, sorted(spot for spot, level in spots.items() if 60 < level < 200)


@pytest.mark.parametrize(
    ("found", "form"),
    [
        (media.JPEG, "JPEG"),
        (media.PNG, "PNG"),
        (media.TIFF, "TIFF"),
        (media.WEBP, "WEBP"),
    ],
)
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_a_picture_is_shown_as_its_camera_held_it(found, form, orientation, read):
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
    data = encoded(form, exif=exif)
    upright = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    wanted = arrow() if upright is None else arrow().transpose(upright)
    assert corner_of(read(data, found, shrunk)) == corner_of(wanted)
    whole = read(data, found, pictures.decode, 10**6)
    assert (whole.width, whole.height) == wanted.size
    opened = read(data, found, pictures.opened, 10**6)
    assert (opened.width, opened.height) == (96, 64)
    assert (opened.format, opened.metadata.orientation, opened.pages) == (found, orientation or 1, 1)


def test_heic_is_turned_by_its_decoder(read):
    opened = read(encoded("HEIF"), media.HEIF, pictures.opened, 10**6)
    assert (opened.format, opened.width, opened.height, opened.metadata) == (media.HEIF, 96, 64, Metadata())
    assert corner_of(read(encoded("HEIF"), media.HEIF, shrunk)) == corner_of(arrow())
    grey = read(encoded("HEIF", arrow().convert("L")), media.HEIF, shrunk)
    assert corner_of(grey) == corner_of(arrow())


@pytest.mark.parametrize(
    ("side", "size"), [(64, (96, 64)), (33, (96, 64)), (32, (48, 32)), (16, (24, 16)), (21, (32, 22))]
)
@pytest.mark.parametrize(("found", "form"), [(media.PNG, "PNG"), (media.HEIF, "HEIF"), (media.WEBP, "WEBP")])
def test_a_picture_is_shrunk_by_whole_numbers(found, form, side, size, read):
    assert read(encoded(form), found, shrunk, side).size == size


@pytest.mark.parametrize(
    ("side", "by", "size"),
    [
        (100, 1, (200, 100)),
        (51, 1, (200, 100)),
        (50, 2, (100, 50)),
        (25, 4, (50, 25)),
        (12, 8, (25, 12)),
        (6, 8, (13, 6)),
    ],
)
def test_a_jpeg_is_decoded_at_a_fraction_of_its_size(side, by, size, read, monkeypatch):
    data = encoded("JPEG", Image.new("RGB", (200, 100), "red"))
    asked = []
    vips = pictures.load_vips()
    real = vips.Image.jpegload
    monkeypatch.setattr(
        vips.Image, "jpegload", lambda *told, **more: asked.append(more) or real(*told, **more)
    )
    small = read(data, media.JPEG, shrunk, side)
    common = {"access": "sequential", "fail_on": "error", "unlimited": True}
    assert asked == [common, {**common, "shrink": by}]
    assert small.size == size


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_picture_keeps_its_channels(mode, read):
    data = encoded("PNG", arrow().convert(mode))
    assert read(data, media.PNG, shrunk).mode == mode


def test_odd_colours_are_made_plain(read):
    for mode in ("I;16", "CMYK", "F"):
        image = Image.new("I;16", (96, 64), 30_000) if mode == "I;16" else arrow().convert(mode)
        found = read(encoded("TIFF", image), media.TIFF, shrunk)
        assert found is None or found.mode in ("L", "RGB")
    grey = read(encoded("PNG", Image.new("I;16", (96, 64), 65_535)), media.PNG, shrunk)
    assert grey.convert("L").getpixel((3, 3)) > 250


def test_more_pixels_than_are_decoded_are_refused_by_the_head(read):
    assert read(encoded("PNG"), media.PNG, pictures.opened, 96 * 64).width == 96
    with pytest.raises(TooManyPixels) as caught:
        read(encoded("PNG"), media.PNG, pictures.opened, 96 * 64 - 1)
    assert str(caught.value) == "too many pixels (96 x 64)"
    assert (caught.value.width, caught.value.height) == (96, 64)
    with pytest.raises(TooManyPixels, match=r"\(2,000 x 1,000\)"):
        read(encoded("PNG", Image.new("L", (2000, 1000))), media.PNG, pictures.opened, 1)


def test_pages_after_the_first_have_to_be_there(read):
    pages = [arrow(), arrow().rotate(180)]
    data = encoded("TIFF", pages[0], save_all=True, append_images=pages[1:])
    assert read(data, media.TIFF, pictures.opened, 10**6).pages == 2
    assert corner_of(read(data, media.TIFF, shrunk)) == corner_of(arrow())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("first line\n  what the decoder said  \n"), "JPEG is damaged (what the decoder said)"),
        (ValueError(""), "JPEG is damaged (ValueError)"),
        (ValueError("x" * 200), f"JPEG is damaged ({'x' * 120})"),
        (ValueError("a\x1bb"), "JPEG is damaged (a\\u001bb)"),
        *(
            (ValueError(f"so: {text}!"), "JPEG ends in the middle")
            for text in (
                *("truncated", "Unexpected END OF file", "premature end", "incomplete", "not enough data"),
                *("got 7 bytes, expected 9", "bad seek to 9", "seek error", "outside of the file"),
            )
        ),
    ],
)
def test_what_a_decoder_s_error_means(error, said):
    found = pictures._problem(media.JPEG, error)
    assert (type(found), str(found)) == (Broken, said)


def test_an_error_that_says_what_it_is_stays_and_too_little_memory_is_no_damage():
    broken = Broken("it is")
    assert pictures._problem(media.JPEG, broken) is broken
    for words in (
        *(
            "Out of memory",
            "insufficient memory",
            "cannot allocate 9 bytes",
            "alloc failed",
            "std::bad_alloc",
        ),
        "memory allocation of 9 bytes",
    ):
        found = pictures._problem(media.JPEG, ValueError(f"{words}, truncated"))
        assert (type(found), str(found)) == (MemoryError, f"{words}, truncated")
    assert type(pictures._problem(media.JPEG, MemoryError())) is MemoryError


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (NotImplementedError(), True),
        (KeyError("x"), True),
        (OSError("Unsupported BMP compression"), True),
        (OSError("decoder jpeg2k not available"), True),
        (OSError("mode is not supported"), True),
        (OSError("unknown pixel mode"), True),
        (OSError("it is broken"), False),
    ],
)
def test_a_variant_that_pillow_does_not_know_passes(error, unknown, read, monkeypatch):
    def fails(*_told):
        raise error

    monkeypatch.setattr(pictures.importlib, "import_module", lambda _: SimpleNamespace(BmpImageFile=fails))
    if unknown:
        opened = read(b"x", media.BMP, pictures.opened, 10)
        assert (opened.format, opened.width, opened.height, opened.metadata) == (media.BMP, 0, 0, Metadata())
        assert opened.shrunk(9) is None
        return
    with pytest.raises(Broken, match="BMP is damaged"):
        read(b"x", media.BMP, pictures.opened, 10)


# What is judged by its structure, before or instead of a decoder.

LONG = 4096


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<svg>" + b" " * 5000 + b"</svg>" + b" " * (LONG - 6), None),
        (b"<svg>" + b" " * 5000 + b"</svg>" + b" " * (LONG - 5), "SVG ends in the middle"),
        (b"<svg></sv", "SVG ends in the middle"),
        (b"<x:xmpmeta><rdf:RDF></rdf:RDF></x:xmpmeta>", None),
        (b"<x:xmpmeta><rdf:RDF></rdf:RDF>", "XMP ends in the middle"),
        (b"<rdf:RDF></rdf:RDF>", None),
        (b"<rdf:RDF>", "XMP ends in the middle"),
        (b"<?xpacket begin", "XMP is empty"),
        (b"\xff\x0a" + b"x" * 30, None),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x0bjxlcxxx", None),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x0bjxlpxxx", None),
        (
            b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x0cjxlcxxx",
            "JPEG XL ends in the middle (23 of at least 24 bytes)",
        ),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x0bfreexxx" + bytes(20), "JPEG XL is damaged at byte 23"),
        (b"BM\x1c\0\0\0\0\0\0\0" + b"x" * 17, "BMP ends in the middle"),
        (b"FUJIFILMCCD-RAW" + b"x" * 9, "RAF ends in the middle"),
        (
            b"\0\0\0\x18ftypcrx \0\0\0\0" + b"isom" * 2 + b"\0\0\0\x09moovx",
            "CR3 ends in the middle, its index is missing",
        ),
        (b"8BPS" + b"x" * 9, "Photoshop is damaged"),
    ],
)  # fmt: skip
def test_what_is_judged_by_its_structure(data, problem, tmp_path):
    (tmp_path / "file").write_bytes(data)
    found = probe.probe(str(tmp_path / "file")).problem
    assert found == problem or (problem and found.startswith(f"{problem} ("))


def test_a_drawing_says_what_it_is_and_nothing_else_by_its_first_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"<svg>")
    found = probe.recognise(str(tmp_path / "file"))
    assert (found.kind, found.media_type, found.extension, found.problem) == (
        media.Kind.IMAGE,
        "image/svg+xml",
        "svg",
        None,
    )
    assert found.acceptable == {"svg"}
    (tmp_path / "file").write_bytes(b"%PDF")
    found = probe.recognise(str(tmp_path / "file"))
    assert found == probe.Probe(
        media.Kind.OTHER, "application/octet-stream", problem="not a picture or video (PDF)"
    )
