"""How blurred a picture is, and whether it is told of photos without a face."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFilter
from tests.fakes import DECODERS
from tests.recordings import ROOT

from smartsort.core.rules.faces import BLURRED
from smartsort.demo.samples import PEOPLE
from smartsort.demo.scenes import draw_people
from smartsort.files.blur import TURNS, Turned

SIDE = 720


def encoded(picture: Image.Image, quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def portrait(seed: int) -> Image.Image:
    drawn = draw_people([PEOPLE[seed % len(PEOPLE)]], (960, SIDE), random.Random(seed))
    return Image.open(io.BytesIO(drawn.content)).convert("RGB")


def leaves(seed: int) -> Image.Image:
    """Many small things, as in a wood."""
    rng = random.Random(seed)
    picture = Image.new("RGB", (960, SIDE), (60, 90, 50))
    draw = ImageDraw.Draw(picture)
    for _ in range(1500):
        x, y, size = rng.randrange(960), rng.randrange(SIDE), rng.randrange(6, 40)
        colour = tuple(rng.randrange(20, 230) for _ in range(3))
        draw.ellipse((x, y, x + size, y + size * rng.uniform(0.4, 1)), fill=colour)
    return picture


def grainy(picture: Image.Image, seed: int) -> Image.Image:
    grain = Image.frombytes("L", picture.size, random.Random(seed).randbytes(picture.width * picture.height))
    return Image.blend(picture, grain.convert("RGB"), 0.04)


def blur_of(picture: Image.Image) -> float | None:
    found = DECODERS.turned(encoded(picture))
    assert isinstance(found, Turned), found
    return found.blur


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Image.Image:
    draw, seed = request.param
    return draw(seed)


SCENES = [
    *(pytest.param((portrait, n), id=f"portrait {n}") for n in range(4)),
    pytest.param((leaves, 1), id="leaves"),
]


@pytest.mark.parametrize("picture", SCENES, indirect=True)
def test_a_sharp_picture_is_not_called_blurred(picture):
    assert blur_of(picture) < 0.45
    assert blur_of(grainy(picture, 1)) < 0.45
    assert blur_of(picture.resize((320, 240))) < 0.45


@pytest.mark.parametrize("picture", SCENES, indirect=True)
def test_a_blurred_one_is_in_any_direction_and_with_grain(picture):
    out_of_focus = picture.filter(ImageFilter.GaussianBlur(SIDE / 60))
    assert blur_of(out_of_focus) >= BLURRED
    assert blur_of(grainy(out_of_focus, 2)) >= BLURRED
    for angle in (0, 90):
        assert blur_of(moved(picture, angle)) >= BLURRED


def moved(picture: Image.Image, angle: int) -> Image.Image:
    """As from a camera that moved over a fifteenth of the picture."""
    turned = picture.rotate(angle, expand=True)
    steps = SIDE // 15
    whole = turned
    for step in range(1, steps):
        shifted = turned.transform(turned.size, Image.Transform.AFFINE, (1, 0, step, 0, 1, 0))
        whole = Image.blend(whole, shifted, 1 / (step + 1))
    return whole.crop((0, 0, whole.width - steps, whole.height)).rotate(-angle, expand=True)


def test_a_sharp_thing_before_a_blurred_background_is_sharp():
    picture = leaves(3)
    background = picture.filter(ImageFilter.GaussianBlur(20))
    background.paste(picture.crop((320, 240, 640, 480)), (320, 240))
    assert blur_of(background) < BLURRED


def test_where_there_is_little_to_see_nothing_is_said():
    sky = Image.linear_gradient("L").resize((960, SIDE)).convert("RGB")
    assert blur_of(Image.new("RGB", (960, SIDE), (200, 200, 200))) is None
    assert blur_of(Image.blend(Image.new("RGB", sky.size, (120, 160, 210)), sky, 0.3)) is None


def test_a_picture_is_turned_three_ways():
    picture = Image.new("RGB", (300, 200), "black")
    picture.paste((255, 255, 255), (0, 0, 40, 40))
    found = DECODERS.turned(encoded(picture))
    corners = {}
    for angle, content in zip(TURNS, found.pictures, strict=True):
        turned = Image.open(io.BytesIO(content)).convert("L")
        far_x, far_y = turned.width - 5, turned.height - 5
        places = {"top right": (far_x, 5), "bottom right": (far_x, far_y), "bottom left": (5, far_y)}
        corners[angle] = [name for name, place in places.items() if turned.getpixel(place) > 128]
    assert corners == {90: ["top right"], 180: ["bottom right"], 270: ["bottom left"]}


def test_what_is_no_picture_says_so():
    assert "failed" in DECODERS.turned(b"no picture")


PHOTOS = sorted((ROOT.parent / "photos").glob("*.jpg"))


@pytest.mark.shared
@pytest.mark.skipif(not PHOTOS, reason="no real photos beside the checkout")
def test_real_photos_and_generated_blurs_of_them():
    for path in PHOTOS:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        assert blur_of(picture) < 0.45, path
        assert blur_of(picture.filter(ImageFilter.GaussianBlur(min(picture.size) / 60))) >= BLURRED, path
