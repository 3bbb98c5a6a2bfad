"""Pictures: Immich's, the other copy's, or drawn from the file; cached within a bound."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar

from smartsort.api.pictures import Picture, Pictures
from smartsort.core.model import Category
from smartsort.files.decoder import draw
from smartsort.ports import ThumbnailSize

MAX_PIXELS = 10_000_000


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("pictures") / "root", 60) as running:
        yield running


def items(live: LiveSidecar, category: str | None = None) -> list[dict[str, object]]:
    query = {"limit": 500} | ({"category": category} if category else {})
    found: list[dict[str, object]] = live.client().get(f"{BASE}/review/queue", params=query).json()["items"]
    return found


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_every_readable_item_has_a_picture(live: LiveSidecar) -> None:
    client = live.client()
    for item in items(live):
        response = client.get(str(item["thumbnail"]))
        if str(item["reason"]).startswith("unreadable"):
            assert response.status_code == 404
            assert response.json()["code"] == "not_found"
            assert str(item["filename"]) in response.json()["detail"]
        else:
            assert response.status_code == 200, item
            assert response.headers["content-type"] in ("image/jpeg", "image/webp")
            assert min(opened(response.content).size) > 0


def test_a_preview_is_larger_and_has_a_tag(live: LiveSidecar) -> None:
    client = live.client()
    item = items(live, "multiple_faces")[0]
    path = f"{BASE}/review/items/{item['id']}/preview"
    response = client.get(path)
    assert response.headers["cache-control"] == "private, max-age=300"
    assert max(opened(response.content).size) == 320
    tag = response.headers["etag"]
    known = client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert known.status_code == 304
    assert known.content == b""
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_picture_is_asked_for_once(live: LiveSidecar) -> None:
    photo = items(live, "multiple_faces")[-1]["id"]
    pictures = Pictures(live.sidecar)
    before = thumbnails(live)

    async def both() -> None:
        import asyncio

        assert isinstance(photo, int)
        await asyncio.gather(*(pictures.of_photo(photo, ThumbnailSize.THUMBNAIL) for _ in range(5)))
        await pictures.of_photo(photo, ThumbnailSize.THUMBNAIL)

    live.run(both())
    assert thumbnails(live) - before == 1


def thumbnails(live: LiveSidecar) -> int:
    """How many were asked for. Of a copy: the sidecar's thread counts on."""
    calls = dict(live.sidecar.context.server.calls)
    return sum(count for name, count in calls.items() if "thumbnail" in name)


def test_the_cache_is_bound(live: LiveSidecar) -> None:
    pictures = Pictures(live.sidecar, cache_bytes=4000)
    for number in range(10):
        pictures._keep(("photo", str(number), ""), Picture.of(bytes([number]) * 900, "image/jpeg"))
    assert pictures.kept_bytes == 3600
    assert list(pictures._kept) == [("photo", str(n), "") for n in (6, 7, 8, 9)]
    pictures._keep(("photo", "big", ""), Picture.of(b"x" * 3000, "image/jpeg"))
    assert pictures.kept_bytes == 3600, "one picture must not throw out all others"


def test_immich_gone_the_file_is_drawn(live: LiveSidecar) -> None:
    """A photo whose file is here can be looked at without Immich."""
    photo = items(live, "multiple_faces")[0]["id"]
    live.demo.faults.down = True
    try:
        picture = live.run(Pictures(live.sidecar).of_photo(int(str(photo)), ThumbnailSize.PREVIEW))
    finally:
        live.demo.faults.down = False
    assert picture.media_type == "image/jpeg"
    assert opened(picture.content).size == (320, 240)


def test_person_pictures(live: LiveSidecar) -> None:
    client = live.client()
    person = client.get(f"{BASE}/people").json()[0]
    response = client.get(f"{BASE}/people/{person['id']}/thumbnail")
    assert response.status_code == 200
    assert opened(response.content).size
    unknown = client.get(f"{BASE}/people/00000000-0000-4000-8000-000000000000/thumbnail")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "not_found"
    assert client.get(f"{BASE}/people/..%2F..%2Fserver/thumbnail").status_code in (404, 422)


def test_duplicates_show_the_copy_beside_them(live: LiveSidecar) -> None:
    client = live.client()
    for item in items(live, Category.DUPLICATES.value):
        own = client.get(str(item["thumbnail"]))
        other = client.get(f"{BASE}/review/items/{item['id']}/other/thumbnail")
        assert own.status_code == other.status_code == 200
        assert opened(own.content).size == opened(other.content).size
    lone = items(live, "multiple_faces")[0]["id"]
    assert client.get(f"{BASE}/review/items/{lone}/other/thumbnail").status_code == 404


# --- drawing ---------------------------------------------------------------------------------


def test_drawn_upright(tmp_path: Path) -> None:
    file = tmp_path / "turned.jpg"
    image = Image.new("RGB", (600, 300), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(file, exif=exif)
    drawn = draw(str(file), 250, MAX_PIXELS)
    assert isinstance(drawn, bytes)
    assert opened(drawn).size == (250, 500)


def test_small_pictures_are_not_enlarged(tmp_path: Path) -> None:
    file = tmp_path / "small.png"
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(file)
    drawn = draw(str(file), 1440, MAX_PIXELS)
    assert isinstance(drawn, bytes)
    shown = opened(drawn)
    assert shown.size == (40, 30)
    assert shown.getpixel((3, 3)) == (255, 255, 255), "what is transparent is white"


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff\xe0junk", b"GIF89a"])
def test_junk_is_said(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "junk.jpg"
    file.write_bytes(content)
    drawn = draw(str(file), 1440, MAX_PIXELS)
    assert isinstance(drawn, str)
    assert drawn.startswith("it is no picture")


def test_too_many_pixels(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    Image.new("1", (2000, 2000)).save(file)
    assert draw(str(file), 1440, 1_000_000) == "it has too many pixels (2,000 x 2,000)"


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    file = tmp_path / "caf\udce9.jpg"
    Image.new("RGB", (20, 20)).save(file)
    assert isinstance(draw(str(file), 250, MAX_PIXELS), bytes)
