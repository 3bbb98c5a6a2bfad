"""Pictures, decoded as Immich decodes them: by libvips, reading once from top to bottom.

Immich (sharp) opens pictures with `access=sequential`, `fail_on=error` and without a limit of size. HEIC is
decoded by pillow-heif, since the wheel of libvips has no HEVC, and what libvips cannot read at all by Pillow.
Runs in a decoder process only: a large picture takes gigabytes, and a damaged one may end its reader.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from io import BufferedReader
from typing import TYPE_CHECKING, Any

from smartsort.files import media, metadata, perceptual_hash
from smartsort.files.media import Format
from smartsort.files.shown import shown
from smartsort.files.structure import Broken

if TYPE_CHECKING:
    from PIL import Image, ImageFile
    from pyvips import Image as VipsImage

_LOADERS = {
    media.JPEG: "jpegload",
    media.PNG: "pngload",
    media.GIF: "gifload",
    media.WEBP: "webpload",
    media.TIFF: "tiffload",
    media.AVIF: "heifload",
}
_WITHOUT_LIMIT = frozenset({media.GIF, media.WEBP})
"""Formats whose loaders have no limit of size that could be lifted."""

_PLUGINS = {
    media.BMP: ("PIL.BmpImagePlugin", "BmpImageFile"),
    media.JPEG2000: ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    media.PSD: ("PIL.PsdImagePlugin", "PsdImageFile"),
}
DECODED = frozenset({*_LOADERS, *_PLUGINS, media.HEIF})


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture that was read to its end: its upright size and what `look` it has (None: none)."""

    width: int
    height: int
    metadata: metadata.Metadata
    look: bytes | None
    pages: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture of which only the head was read, 0 x 0 if its kind is unknown here."""

    format: Format
    width: int
    height: int
    metadata: metadata.Metadata
    _shrunk: Callable[[int], Image.Image | None]
    pages: int = 1

    def shrunk(self, side: int) -> Image.Image | None:
        """The upright picture, its shorter side at least `side` pixels long where it was, decodes all of it.

        None for a picture that is whole and of a kind that cannot be shown here. Raises Broken, MemoryError.
        """
        try:
            return self._shrunk(side)
        except Exception as error:
            raise _problem(self.format, error) from error


class TooManyPixels(Broken):
    """More than are decoded. It is not known whether the picture is whole."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(f"too many pixels ({width:,} x {height:,})")
        self.width, self.height = width, height


def opened(file: BufferedReader, found: Format, max_pixels: int) -> Opened:
    """Read the head of the picture in an open file. Raises TooManyPixels, Broken, MemoryError."""
    try:
        if found in _LOADERS:
            picture = _by_vips(file, found)
        elif found is media.HEIF:
            picture = _by_heif(file)
        else:
            picture = _by_pillow(file, found)
    except ImportError:
        raise
    except Exception as error:
        raise _problem(found, error) from error
    if picture.width * picture.height > max_pixels:
        raise TooManyPixels(picture.width, picture.height)
    return picture


def decode(file: BufferedReader, found: Format, max_pixels: int) -> Decoded:
    """Read the picture in an open file to its end. Raises TooManyPixels, Broken, MemoryError."""
    picture = opened(file, found, max_pixels)
    small = picture.shrunk(16 * perceptual_hash.SIDE)
    width, height = picture.width, picture.height
    if picture.metadata.orientation >= _ON_ITS_SIDE:
        width, height = height, width
    look = perceptual_hash.picture_hash(small) if small else None
    return Decoded(width, height, picture.metadata, look, picture.pages)


_ON_ITS_SIDE = 5
"""The first of EXIF's orientations that swap width and height."""


def _problem(found: Format, error: Exception) -> Exception:
    """Return what an error of a decoder means. Decoders raise anything on junk."""
    text = str(error)
    if isinstance(error, Broken):
        return error
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _OUT_OF_MEMORY):
        return MemoryError(text)
    if _is_cut(text):
        return Broken(f"{found.name} ends in the middle")
    # libvips names the call first, then what the decoder said.
    lines = text.strip().splitlines() or [type(error).__name__]
    return Broken(f"{found.name} is damaged ({shown(lines[-1].strip()[:120])})")


_OUT_OF_MEMORY = (
    "out of memory",
    "insufficient memory",
    "cannot allocate",
    "alloc failed",
    "bad_alloc",
    "memory allocation",
)
_CUT = re.compile(
    r"truncat|end of|premature|incomplete|not enough|got \d+ bytes, expected|bad seek|seek error|outside of",
    re.IGNORECASE,
)


def _is_cut(text: str) -> bool:
    return _CUT.search(text) is not None


@cache
def load_vips() -> Any:
    """The module `pyvips`. Raises ImportError, whatever is wrong with the library it needs."""
    try:
        import pyvips  # noqa: PLC0415 - only in a decoder process
    except Exception as error:
        raise ImportError(f"libvips cannot be loaded: {error}") from error
    pyvips.cache_set_max(0)  # it would take the next file of the same number for the last
    return pyvips


def _by_vips(file: BufferedReader, found: Format) -> Opened:
    pyvips = load_vips()
    # The open file itself, whatever is put in its place meanwhile, and a name may be of any bytes.
    load = partial(getattr(pyvips.Image, _LOADERS[found]), f"/proc/self/fd/{file.fileno()}")
    load = partial(load, access="sequential", fail_on="error")
    if found not in _WITHOUT_LIMIT:
        load = partial(load, unlimited=True)
    image = load()
    fields = dict.fromkeys(("exif-data", "xmp-data", "orientation", "n-pages"))
    fields |= {name: image.get(name) for name in fields.keys() & set(image.get_fields())}
    read = metadata.of_picture(fields["exif-data"], fields["xmp-data"])
    orientation, pages = fields["orientation"] or 1, fields["n-pages"] or 1

    def shrunk(side: int) -> Image.Image | None:
        whole = image
        if found is media.JPEG:
            # All data is read at any size, an eighth of it takes less memory and time.
            fitting = (by for by in (8, 4, 2) if min(image.width, image.height) >= by * side)
            whole = load(shrink=next(fitting, 1))
        by = max(1, min(whole.width, whole.height) // side)
        small = whole.shrink(by, by, ceil=True) if by > 1 else whole
        pixels = _pixels(small, whole.width * whole.height)
        if found is media.TIFF:
            _whole_pages(load, pages)
        return _as_pillow(small, pixels, orientation)

    return Opened(
        found, image.width, image.height, replace(read, orientation=orientation), shrunk, pages=pages
    )


def _whole_pages(load: Callable[..., VipsImage], pages: int) -> None:
    """Read the pages after the first, which Immich does not show: they need not be well, but there."""
    for page in range(1, pages):
        try:
            load(page=page).avg()
        except Exception as error:
            if _is_cut(str(error)):
                raise


def _pixels(small: VipsImage, decoded: int) -> bytes:
    """Return a picture's pixels, of so many that are decoded.

    Handing few over to other threads takes longer.
    """
    if decoded > _DECODED_HERE:
        pixels: bytes = small.write_to_memory()
    else:
        pixels = load_vips().Region.new(small).fetch(0, 0, small.width, small.height)
    return pixels


_DECODED_HERE = 2_000_000
"""Pixels. What is larger takes less memory with libvips' own threads."""


def _as_pillow(small: VipsImage, pixels: bytes, orientation: int = 1) -> Image.Image | None:
    """Return a small picture, upright, None for odd colours."""
    from PIL import Image  # noqa: PLC0415 - only in a decoder process

    bands = small.bands
    if small.format != "uchar" or small.interpretation not in _PLAIN:
        vips, size = load_vips(), (small.width, small.height, bands)
        odd = vips.Image.new_from_memory(pixels, *size, small.format)
        try:
            plain = odd.copy(interpretation=small.interpretation).colourspace("srgb").cast("uchar")
        except vips.Error:
            return None
        pixels, bands = plain.write_to_memory(), plain.bands
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}.get(bands)
    if mode is None:
        return None
    picture = Image.frombytes(mode, (small.width, small.height), pixels)
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(Image.Transpose[turn])


_PLAIN = frozenset({"srgb", "b-w"})
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What makes a picture upright, by its EXIF orientation."""


def _by_heif(file: BufferedReader) -> Opened:
    import pillow_heif  # noqa: PLC0415 - only in a decoder process

    pyvips = load_vips()
    pillow_heif.options.DISABLE_SECURITY_LIMITS = True  # as Immich. Ours is `max_pixels`
    heif = pillow_heif.open_heif(file)
    width, height = heif.size

    def shrunk(side: int) -> Image.Image | None:
        bands = {"RGB": 3, "RGBA": 4, "L": 1}.get(heif.mode)
        pixels = heif.data  # decodes
        if bands is None:
            return None
        by = max(1, min(width, height) // side)
        whole = pyvips.Image.new_from_memory(pixels, width, height, bands, "uchar")
        small = whole.copy(interpretation="srgb" if bands > 1 else "b-w").shrink(by, by, ceil=True)
        return _as_pillow(small, small.write_to_memory())

    read = metadata.of_picture(heif.info.get("exif"), heif.info.get("xmp"))
    # HEIF turns by a property of its own, which the decoder has followed already.
    return Opened(media.HEIF, width, height, replace(read, orientation=1), shrunk)


def _by_pillow(file: BufferedReader, found: Format) -> Opened:
    from PIL import ImageOps  # noqa: PLC0415 - only in a decoder process

    module, name = _PLUGINS[found]
    warnings.simplefilter("ignore")  # about odd metadata
    try:
        image: ImageFile.ImageFile = getattr(importlib.import_module(module), name)(file)
    except Exception as error:
        if _is_unknown_here(error):
            return Opened(found, 0, 0, metadata.Metadata(), lambda _side: None)
        raise

    def shrunk(_side: int) -> Image.Image | None:
        try:
            image.load()
        except Exception as error:
            if _is_unknown_here(error):
                return None
            raise
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")

    read = metadata.of_picture(image.info.get("exif"), image.info.get("xmp"))
    return Opened(found, *image.size, read, shrunk)


def _is_unknown_here(error: Exception) -> bool:
    """Return a variant that Pillow does not know but Immich may: such a file passes."""
    text = str(error).lower()
    return isinstance(error, (NotImplementedError, KeyError)) or any(
        words in text for words in ("not available", "unsupported", "not supported", "unknown")
    )
