"""Of a photo in Immich the content decides whether it is the file at its path."""

from __future__ import annotations

import base64
import io

import av
from PIL import Image
from tests.earlier_library import of_a_library
from tests.fakes import picture
from tests.shots import grain

from smartsort.demo.library import draw_uploads
from smartsort.doctor.backfill_checks import photos_in_immich


def even(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(out, "JPEG", quality=60)
    return out.getvalue()


def scenes(seed: int) -> bytes:
    """A video of ten seconds, another picture each second, each of them a key frame."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.gop_size = 2
        for number in range(20):
            drawn = grain((10, 8), 90, 100 * seed + number // 2).resize((160, 120))
            tinted = Image.merge("RGB", [drawn, drawn, Image.new("L", drawn.size, 40)])
            container.mux(stream.encode(av.VideoFrame.from_image(tinted)))
        container.mux(stream.encode(None))
    return out.getvalue()


def frame_of(video: bytes, at: float) -> bytes:
    """A frame as Immich shows it."""
    with av.open(io.BytesIO(video)) as container:
        frame = next(f for f in container.decode(video=0) if f.time >= at)
    out = io.BytesIO()
    frame.to_image().save(out, "JPEG", quality=80)
    return out.getvalue()


async def test_a_mapping_into_a_wrong_folder_links_nothing(make):
    """Equal paths do not make the same photo: the content of some is compared."""
    library = make()
    for number in range(9):
        library.upload(f"anna_{number}.jpg", checksum=base64.b64encode(b"x" * 20).decode())
    assert (await library.apply()).done == 0
    assert library.links() == []
    assert library.progress().counts["differing"] == 9
    told = {why.partition(" photos than ")[2] for _, why in library.progress().differing} - {""}
    assert told == {"/data/upload. Correct backfill.path_mapping"}


async def test_a_single_file_that_is_another_is_left_out(make):
    library = make()
    library.upload("anna_0.jpg", checksum=base64.b64encode(b"x" * 20).decode())
    library.upload("anna_1.jpg")
    assert (await library.apply()).done == 1
    assert library.progress().counts["differing"] == 1
    [[path, why]] = library.progress().differing
    assert path == "/data/upload/anna_0.jpg"
    assert "is not the photo that Immich has" in why


async def test_a_photo_of_an_external_library_is_linked_when_it_shows_what_immich_shows(make):
    library = make()
    one, other = (upload.content for upload in draw_uploads(2, seed=5))
    of_a_library(library, "anna_0.jpg", one)
    # Another picture: by size and time, by time alone, and with the very size and time that Immich has read.
    of_a_library(library, "anna_1.jpg", one, preview=other, size=7)
    of_a_library(library, "anna_2.jpg", one, preview=other, modified="2020-01-01T00:00:00.000Z")
    of_a_library(library, "anna_3.jpg", one, preview=other)
    # Touched, and written again with other metadata: it still is what Immich shows.
    of_a_library(library, "anna_4.jpg", one, modified="2020-01-01T00:00:00.000Z")
    of_a_library(library, "anna_5.jpg", one, size=7)
    done = await library.apply()
    assert library.links() == [f"faces/anna/anna_{number}.jpg" for number in (0, 4, 5)]
    assert done.done == 3
    assert library.progress().counts["differing"] == 3
    assert all("is not the photo that Immich has" in why for _, why in library.progress().differing)


async def test_the_doctor_compares_what_photos_of_an_external_library_show(make):
    library = make()
    one, other = (upload.content for upload in draw_uploads(2, seed=5))
    of_a_library(library, "anna_0.jpg", one)
    server, settings = library.world.server, library.world.sidecar.settings
    check = await photos_in_immich(server, settings, "user-1")
    assert (check.verdict, "1 photos compared" in check.detail) == ("ok", True)
    of_a_library(library, "anna_1.jpg", one, preview=other)
    check = await photos_in_immich(server, settings, "user-1")
    assert check.verdict == "broken"
    assert "anna_1.jpg is not the photo that Immich has" in check.detail


async def test_comparing_costs_a_bounded_number_of_calls_a_page(make):
    library = make()
    [one] = (upload.content for upload in draw_uploads(1, seed=5))
    for number in range(60):
        of_a_library(library, f"anna_{number}.jpg", one, size=7)
    assert (await library.plan()).link == 60, "those that were compared are the same, so the rest is believed"
    assert library.world.server.calls_made["thumbnail"] == 50


async def test_a_video_is_linked_when_immichs_picture_is_one_of_its_frames(make):
    library = make()
    one, other = scenes(1), scenes(2)
    frame = frame_of(one, 3.0)
    of_a_library(library, "anna_0.mp4", one, preview=frame)
    # Another video of the very size and time that Immich has read, and the same one, touched.
    of_a_library(library, "anna_1.mp4", other, preview=frame)
    of_a_library(library, "anna_2.mp4", one, preview=frame, size=7, modified="2020-01-01T00:00:00.000Z")
    assert (await library.apply()).done == 2
    assert library.links() == ["faces/anna/anna_0.mp4", "faces/anna/anna_2.mp4"]


async def test_an_even_picture_is_told_by_its_colour(make):
    library = make()
    for number, there in enumerate(("white", "black", "white")):
        of_a_library(library, f"anna_{number}.jpg", even("white"), preview=even(there))
    of_a_library(library, "anna_3.jpg", even("black"), preview=next(draw_uploads(1, seed=5)).content)
    await library.apply()
    assert library.links() == ["faces/anna/anna_0.jpg", "faces/anna/anna_2.jpg"]


async def test_an_even_picture_of_the_same_colour_is_told_by_size_and_time(make):
    library = make()
    of_a_library(library, "anna_0.jpg", picture(1))
    of_a_library(library, "anna_1.jpg", picture(1), size=7)
    of_a_library(library, "anna_0.mp4", picture(1))
    of_a_library(library, "anna_1.mp4", picture(1), modified="2020-01-01T00:00:00.000Z")
    await library.apply()
    assert library.links() == ["faces/anna/anna_0.jpg", "faces/anna/anna_0.mp4"]
