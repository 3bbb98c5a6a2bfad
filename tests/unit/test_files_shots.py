"""What makes two files one shot: what they say themselves, never their names."""

from datetime import UTC, timedelta

import pytest
from tests.shots import CAMERA, MOTION_XMP, TAKEN, clip, photo, put, raw_photo

from smartsort.files.grouping import GroupKind, clusters, half_name, shots
from smartsort.files.inbox import Entry
from smartsort.files.metadata import Metadata
from smartsort.files.probe import read_metadata
from smartsort.files.stamps import stamp


def groups(folder, **files):
    """(kind, names of the members, why) of what these files are, `__` for a dot in their names."""
    entries = [Entry(path, "", stamp(path), 1) for path in put(folder, **files)]
    found = [
        group for cluster in clusters(entries) for group in shots(cluster, lambda e: read_metadata(e.path))
    ]
    return [(group.kind.value, [each.name for each in group.members], group.why) for group in found]


def live(picture, moving, why):
    return [(GroupKind.LIVE_PHOTO.value, [picture, moving], why)]


def single(*names):
    return [(GroupKind.SINGLE.value, [name], "") for name in names]


# Live Photos.


@pytest.mark.parametrize("kind", ["JPEG", "HEIF"])
def test_apple_s_content_identifier_makes_a_live_photo(tmp_path, kind):
    files = {"a__heic": photo(kind=kind, content_id="A-1", taken=None), "a__MOV": clip(9.0, content_id="A-1")}
    assert groups(tmp_path, **files) == live("a.heic", "a.MOV", "content identifier")


def test_two_content_identifiers_are_two_photos_whatever_else_agrees(tmp_path):
    files = {
        "a__jpg": photo(content_id="A-1", xmp=MOTION_XMP),
        "a_HEVC__MOV": clip(content_id="B-2", local="2024-05-01T10:00:00+02:00"),
    }
    assert groups(tmp_path, **files) == single("a.jpg", "a_HEVC.MOV")


def test_equal_names_are_no_evidence(tmp_path):
    """The fault that was found: a picture of 2018 and 90 seconds of 2021."""
    files = {
        "IMG_1__JPG": photo(taken=TAKEN.replace(year=2018)),
        "IMG_1__MP4": clip(90.0, kind="mp4", taken=TAKEN.replace(year=2021)),
        "IMG_2__JPG": photo(taken=None, camera=None),
        "IMG_2__MOV": clip(),
        "IMG_3__JPG": photo(),
        "IMG_3__MOV": clip(),
    }
    assert groups(tmp_path, **files) == single(*(name.replace("__", ".") for name in files))


def test_a_clip_without_a_picture_s_time_or_longer_than_a_live_photo_is_a_video(tmp_path):
    files = {"a__jpg": photo(), "a__mov": clip(8.0, local="2024-05-01T10:00:00+02:00")}
    assert groups(tmp_path, **files) == single("a.jpg", "a.mov")


LOCAL = "2024-05-01T{}+02:00"


@pytest.mark.parametrize(
    ("zone", "said", "together"),
    [
        ("+02:00", {"local": LOCAL.format("10:00:01")}, True),
        (None, {"local": LOCAL.format("09:59:58")}, True),  # no zone: as on the wall
        ("+02:00", {"taken": TAKEN - timedelta(hours=2)}, True),  # QuickTime's own time, in UTC
        ("+02:00", {"taken": TAKEN}, True),  # in local time, as some cameras write it
        (None, {"taken": TAKEN - timedelta(hours=5, minutes=45, seconds=2)}, True),  # Nepal
        (None, {"taken": TAKEN + timedelta(hours=8)}, True),
        ("+02:00", {"local": LOCAL.format("10:00:30")}, False),
        ("+02:00", {"local": LOCAL.format("12:00:00")}, False),
        (None, {"local": LOCAL.format("12:00:00")}, False),
        ("+02:00", {"taken": TAKEN - timedelta(hours=3)}, False),
        (None, {"taken": TAKEN - timedelta(minutes=52)}, False),
        (None, {"taken": TAKEN - timedelta(hours=15)}, False),
        (None, {"taken": TAKEN + timedelta(days=1)}, False),
    ],
)
def test_the_same_capture_time_and_a_short_clip_are_one_shot(tmp_path, zone, said, together):
    files = {"a__jpg": photo(zone=zone), "a__mov": clip(**said)}
    expected = live("a.jpg", "a.mov", "capture time") if together else single("a.jpg", "a.mov")
    assert groups(tmp_path, **files) == expected


def test_google_s_motion_photo_says_that_it_has_a_clip(tmp_path):
    files = {"PXL_1__MP__jpg": photo(xmp=MOTION_XMP), "PXL_1__MP": clip(kind="mp4")}
    assert groups(tmp_path, **files) == live("PXL_1.MP.jpg", "PXL_1.MP", "motion photo")
    later = TAKEN + timedelta(days=3, minutes=7)
    files = {"b__jpg": photo(xmp=MOTION_XMP, zone="+00:00"), "b__mp4": clip(kind="mp4", taken=later)}
    assert groups(tmp_path, **files) == single("b.jpg", "b.mp4")


BARE = {"taken": None, "camera": None}


@pytest.mark.parametrize(
    ("picture", "moving"),
    [
        ("IMG_0902.JPG", "IMG_0902_HEVC.MOV"),
        ("IMG_0902.HEIC", "IMG_0902_HEIC.MOV"),
        ("PXL_1.MP.jpg", "PXL_1.MP"),
    ],
)
def test_a_name_that_a_program_gives_to_moving_halves_alone_is_evidence(tmp_path, picture, moving):
    """icloudpd and Google name nothing else so. The files may say otherwise."""
    files = {picture.replace(".", "__"): photo(**BARE), moving.replace(".", "__"): clip(1.0)}
    assert groups(tmp_path, **files) == live(picture, moving, "name")
    files[moving.replace(".", "__")] = clip(20.0)
    assert groups(tmp_path, **files) == single(picture, moving)
    files = {picture.replace(".", "__"): photo(zone="+02:00"), moving.replace(".", "__"): clip(taken=TAKEN)}
    files[moving.replace(".", "__")] = clip(1.0, taken=TAKEN.replace(year=2021))
    assert groups(tmp_path, **files) == single(picture, moving)


def test_a_clip_goes_to_the_picture_it_was_taken_with_among_repeated_names(tmp_path):
    files = {
        "IMG_1__HEIC": photo(1, content_id="A"),
        "IMG_1(1)__HEIC": photo(2, content_id="B"),
        "IMG_1__MOV": clip(content_id="B"),
        "IMG_1(1)__MOV": clip(content_id="A", seed=2),
        "IMG_E1__HEIC": photo(3, content_id="A"),
    }
    found = {names[0]: names[1:] for _, names, _ in groups(tmp_path, **files)}
    assert found == {"IMG_1.HEIC": ["IMG_1(1).MOV"], "IMG_1(1).HEIC": ["IMG_1.MOV"], "IMG_E1.HEIC": []}


def test_a_broken_half_proves_nothing(tmp_path):
    files = {
        "a__jpg": photo(content_id="A"),
        "a__mov": clip(content_id="A")[:-300],
        "b__jpg": photo(),
        "b__mov": b"",
    }
    assert groups(tmp_path, **files) == single("a.jpg", "a.mov", "b.jpg", "b.mov")


def test_edited_pictures_and_other_files_stay_single(tmp_path):
    files = {
        "IMG_1__jpg": photo(),
        "IMG_1__png": b"x",
        "IMG_1__pdf": b"x",
        "IMG_1__mov": clip(),
        "b__mov": clip(),
    }
    assert groups(tmp_path, **files) == single("IMG_1.jpg", "IMG_1.png", "IMG_1.pdf", "IMG_1.mov", "b.mov")


# Raw photos.


def shot(**said):
    return {"fine": "250", "serial": "S1", **said}


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (shot(), True),
        (shot(fine=None), True),
        (shot(serial=None), True),
        (shot(fine="2500"), True),
        (shot(fine="750"), False),  # the next of a burst
        (shot(serial="S2"), False),
        (shot(camera=("Apple", "iPhone 14")), False),
        (shot(camera=None), False),
        (shot(taken=TAKEN + timedelta(seconds=1)), False),
        (shot(taken=None, fine=None), False),
        ({"taken": None, "camera": None}, False),
    ],
)
def test_raw_and_jpeg_of_one_camera_and_instant_are_one_shot(tmp_path, other, together):
    files = {"a__JPG": photo(**shot()), "a__dng": raw_photo(**other)}
    one = [("raw_and_image", ["a.JPG", "a.dng"], "camera and capture time")]
    assert groups(tmp_path, **files) == (one if together else single("a.JPG", "a.dng"))


def test_a_picture_its_raw_photo_and_its_clip_are_one_shot(tmp_path):
    files = {
        "a__heic": photo(kind="HEIF", content_id="A"),
        "a__dng": raw_photo(),
        "a__mov": clip(content_id="A"),
    }
    [(kind, names, why)] = groups(tmp_path, **files)
    assert (kind, names) == ("live_photo", ["a.heic", "a.dng", "a.mov"])
    assert why == "content identifier, camera and capture time"


def test_a_raw_photo_and_a_clip_without_a_picture_are_two(tmp_path):
    assert groups(tmp_path, a__dng=raw_photo(), a__mov=clip(taken=TAKEN)) == single("a.dng", "a.mov")


# Reading.


@pytest.mark.parametrize("start", [b"IIRO", b"IIU\0", b"II*\0"])
def test_makers_with_a_magic_number_of_their_own_are_read(tmp_path, start):
    [path] = put(tmp_path, a__orf=start + raw_photo(serial="S1")[4:])
    assert read_metadata(path).camera == " ".join(CAMERA)
    assert read_metadata(path).serial == "S1"


def test_fuji_and_canon_keep_it_elsewhere(tmp_path):
    inside = photo(serial="S1", fine="5")
    raf = b"FUJIFILMCCD-RAW ".ljust(84, b"0") + (200).to_bytes(4, "big") + len(inside).to_bytes(4, "big")
    tiff = raw_photo(camera=CAMERA)
    from PIL import Image

    details = Image.Exif()
    details[0x9003], details[0x9291], details[0xA431] = TAKEN.strftime("%Y:%m:%d %H:%M:%S"), "5", "S1"
    parts = [(b"CMT1", tiff), (b"CMT2", details.tobytes().removeprefix(b"Exif\0\0"))]
    boxes = b"".join((len(body) + 8).to_bytes(4, "big") + kind + body for kind, body in parts)
    cr3 = (24).to_bytes(4, "big") + b"ftypcrx " + bytes(4) + b"crx isom" + boxes
    for path in put(tmp_path, a__raf=raf.ljust(200, b"\0") + inside, b__cr3=cr3):
        found = read_metadata(path)
        assert (found.camera, found.serial) == ("Apple iPhone 15", "S1"), path
        assert found.taken == (TAKEN + timedelta(seconds=0.5)).replace(tzinfo=UTC), path


@pytest.mark.parametrize("end", [0, 1, 12, 100, 300, 500])
def test_what_cannot_be_read_says_nothing_and_breaks_nothing(tmp_path, end):
    whole = {
        "a__jpg": photo(content_id="A"),
        "a__heic": photo(kind="HEIF", content_id="A"),
        "a__dng": raw_photo(),
        "a__mov": clip(content_id="A"),
        "a__cr3": b"\0\0\0\x18ftypcrx " + bytes(12) + b"\0\0\0\x10CMT1junkjunk",
        "a__raf": b"FUJIFILMCCD-RAW ".ljust(200, b"\xff"),
    }
    for path in put(tmp_path, **{name: content[:end] for name, content in whole.items()}):
        assert isinstance(read_metadata(path), Metadata)
    note = photo(content_id="A").replace(b"Apple iOS\0\0\x01MM\0\x02", b"Apple iOS\0\0\x01MM\xff\xff")
    assert read_metadata(put(tmp_path, note__jpg=note)[0]).content_id == "A"


@pytest.mark.parametrize(
    ("half", "picture", "name"),
    [
        ("7-video_IMG.MOV", "unknown_IMG.HEIC", "unknown_IMG.MOV"),
        ("IMG_HEVC.MOV", "multi_IMG.JPG", "multi_IMG_HEVC.MOV"),
        ("PXL_1.MP", "noface_PXL_1.MP.jpg", "noface_PXL_1.MP"),
        ("PXL_1.mp4", "PXL_1.MP.jpg", "PXL_1.MP.mp4"),
        ("IMG(1).dng", "IMG.jpg", "IMG.dng"),
    ],
)
def test_halves_are_named_after_their_picture(half, picture, name):
    assert half_name(half, picture) == name
