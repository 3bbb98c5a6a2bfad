"""Of a photo in Immich the content decides whether it is the file at its path."""

from __future__ import annotations

import base64

from tests.earlier_library import of_a_library
from tests.fakes import picture

from smartsort.demo.library import draw_uploads
from smartsort.doctor.backfill_checks import photos_in_immich


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


async def test_a_flat_picture_and_a_video_are_told_by_size_and_time(make):
    library = make()
    of_a_library(library, "anna_0.jpg", picture(1))
    of_a_library(library, "anna_1.jpg", picture(1), size=7)
    of_a_library(library, "anna_0.mp4", picture(1))
    of_a_library(library, "anna_1.mp4", picture(1), modified="2020-01-01T00:00:00.000Z")
    await library.apply()
    assert library.links() == ["faces/anna/anna_0.jpg", "faces/anna/anna_0.mp4"]
