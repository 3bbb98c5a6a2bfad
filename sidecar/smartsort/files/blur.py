"""How blurred a picture is, and the picture turned. For decoder processes.

The measure is that of Crete and others (2007): a picture that is blurred already changes little when it is
blurred once more. Unlike the variance of the Laplacian it does not depend on how much there is to see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smartsort.files.pictures import load_vips

if TYPE_CHECKING:
    from pyvips import Image as VipsImage

TURNS = (90, 180, 270)
"""Degrees, clockwise."""

SIDE = 200
"""Pixels of the short side at which blur is measured: what is blurred there no detector sees sharply."""

_BLUR = 9
"""Pixels over which it is blurred once more."""

LEAST_TO_SEE = 1.5
"""Levels of grey by which pixels next but one differ on average. A clear sky has less, and is not blurred."""


class Turned(NamedTuple):
    """A picture turned by `TURNS`, as JPEG, and how blurred it is: 0 not at all, 1 all of it.

    `blur` is None where there is too little to see.
    """

    pictures: tuple[bytes, ...]
    blur: float | None


def turned(_path: str, picture: bytes) -> Turned:
    """Turn an encoded picture and measure its blur. Raises pyvips.Error for what is none."""
    whole = load_vips().Image.new_from_buffer(picture, "").autorot().copy_memory()
    pictures = tuple(whole.rot(f"d{angle}").jpegsave_buffer(Q=85) for angle in TURNS)
    return Turned(pictures, blur(whole))


def blur(picture: VipsImage) -> float | None:
    """Measure how blurred a picture is in the direction in which it is blurred more."""
    image = load_vips().Image
    grey = picture.flatten() if picture.hasalpha() else picture
    grey = grey.colourspace("b-w").resize(min(1.0, SIDE / min(grey.width, grey.height))).cast("float")
    found = []
    for mean, difference in (
        ([[1] * _BLUR], [[-1, 0, 1]]),
        ([[1]] * _BLUR, [[-1], [0], [1]]),
    ):
        again = grey.conv(image.new_from_array(mean, scale=_BLUR))
        before, after = (one.conv(image.new_from_array(difference)).abs() for one in (grey, again))
        lost = before - after
        if before.avg() >= LEAST_TO_SEE:
            found.append(1 - (lost > 0).ifthenelse(lost, 0).avg() / before.avg())
    return max(found, default=None)
