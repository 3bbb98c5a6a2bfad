"""Files beside photos: what they are, whom their names mean, and what they are called beside their photo."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from smartsort.files.inbox import Entry
from smartsort.files.settling import SettleTracker
from smartsort.files.sides import LONGEST_ENDING, SIDE_KINDS, Side, refusal, side_name, side_of, titled
from smartsort.files.stamps import stamp
from smartsort.files.takeout import Takeout, read_takeout, title_of
from smartsort.ledger.records import Member


def look(folder, **files):
    """Names of the photos at rest with those of their side files, and the side files without one."""
    entries = []
    for name, content in sorted(files.items()):
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        entries.append(Entry(str(path), "", stamp(str(path)), 1))
    tracker = SettleTracker(0, 0, read_title=title_of)
    tracker.look(entries)
    found = tracker.look(entries)
    return {a.photo.name: [entry.name for entry, *_ in a.sides] for a in found.settled}, [
        each.name for each in found.orphans
    ]


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("IMG_1.jpg.supplemental-metadata.json", "unknown_IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg.supplemental-meta.json", "unknown_IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg.s.json", "unknown_IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg.json", "unknown_IMG_1.jpg.json"),
        ("IMG_1.AAE", "unknown_IMG_1.AAE"),
        ("IMG_1.jpg.pp3", "unknown_IMG_1.jpg.pp3"),
        ("IMG_1.jpg.dop", "unknown_IMG_1.jpg.dop"),
        ("IMG_1.on1", "unknown_IMG_1.on1"),
        ("IMG_1.srt", "unknown_IMG_1.srt"),
        ("IMG_1.info.json", "unknown_IMG_1.info.json"),
        ("IMG_1.url", "unknown_IMG_1.url"),
        ("IMG_1.jpg:Zone.Identifier", "unknown_IMG_1.jpg:Zone.Identifier"),
        ("IMG_1.jpg\uf03aZone.Identifier", "unknown_IMG_1.jpg\uf03aZone.Identifier"),
        ("IMG_1.jpgZone.Identifier", "unknown_IMG_1.jpgZone.Identifier"),
        ("IMG_1.jpg.md5", "unknown_IMG_1.jpg.md5"),
        ("IMG_1.jpg.sha256", "unknown_IMG_1.jpg.sha256"),
        ("IMG_1.jpg.sfv", "unknown_IMG_1.jpg.sfv"),
        ("IMG_1.jpg.txt", "unknown_IMG_1.jpg.txt"),
        ("IMG_1.nfo", "unknown_IMG_1.nfo"),
        ("IMG_1.description", "unknown_IMG_1.description"),
        ("IMG_1.jpg.XMP", "unknown_IMG_1.jpg.XMP"),
    ],
)
def test_a_side_file_named_after_a_photo_travels_with_it(tmp_path, name, beside):
    files = {"IMG_1__jpg": b"a", "IMG_2__jpg": b"b", name.replace(".", "__"): b"{}"}
    assert look(tmp_path, **files) == ({"IMG_1.jpg": [name], "IMG_2.jpg": []}, [])
    side = side_of(name)
    assert side is not None
    assert side_name(side, "unknown_IMG_1.jpg") == beside
    assert side_of(beside).kind == side.kind
    assert len(side.ending) <= LONGEST_ENDING


@pytest.mark.parametrize(
    "name",
    [
        *("metadata.json", "print-subscriptions.json", "IMG_9.jpg.supplemental-metadata.json", "IMG_9.AAE"),
        *("SHA256SUMS", "checksums.md5", "md5sum.txt", "I.json", "IMG.json", "album.nfo", "page.url"),
    ],
)
def test_a_side_file_named_after_no_photo_or_several_stays(tmp_path, name):
    files = {"IMG_1__jpg": b"a", "IMG__jpg": b"b", "IMG__png": b"c", name.replace(".", "__"): b"{}"}
    assert look(tmp_path, **files) == ({"IMG_1.jpg": [], "IMG.jpg": [], "IMG.png": []}, [name])


def test_a_repeated_name_has_its_number_elsewhere_in_a_takeout(tmp_path):
    files = {
        "IMG_1__jpg": b"a",
        "IMG_1(1)__jpg": b"b",
        "IMG_1__jpg(1)__json": {"title": "IMG_1.jpg"},
        "IMG_1__jpg__supplemental-metadata__json": {"title": "IMG_1.jpg"},
    }
    owned, orphans = look(tmp_path, **files)
    assert owned == {
        "IMG_1.jpg": ["IMG_1.jpg.supplemental-metadata.json"],
        "IMG_1(1).jpg": ["IMG_1.jpg(1).json"],
    }
    assert orphans == []


def test_a_name_that_takeout_has_cut_is_found_by_the_title_or_by_its_beginning(tmp_path):
    long = "a_picture_with_quite_a_long_name_taken_on_holiday.jpg"
    longer = "b_picture_with_quite_a_long_name_taken_on_holiday.jpg"
    files = {
        long: b"a",
        longer: b"b",
        f"{long[:46]}.json": {"title": long},
        f"{longer[:46]}.json": {"title": "as it was called before.jpg"},
        "c.json": {"title": "Holidays 2023"},
    }
    owned, orphans = look(tmp_path, **files)
    assert owned == {long: [f"{long[:46]}.json"], longer: [f"{longer[:46]}.json"]}
    assert orphans == ["c.json"]


def test_a_developer_s_settings_mean_the_raw_photo_and_everything_else_the_picture(tmp_path):
    files = dict.fromkeys(("a__jpg", "a__dng", "a__xmp", "a__pp3", "a__AAE", "a__json"), b"")
    owned, orphans = look(tmp_path, **files)
    assert owned == {"a.jpg": ["a.AAE", "a.json"], "a.dng": ["a.pp3", "a.xmp"]}
    assert orphans == []


@pytest.mark.parametrize(
    ("name", "photo", "beside"),
    [
        ("IMG.dng.xmp", "unknown_IMG.jpg", "unknown_IMG.dng.xmp"),
        ("IMG.MOV.json", "unknown_IMG.HEIC", "unknown_IMG.MOV.json"),
        ("IMG.heic.xmp", "IMG.jpg", "IMG.jpg.xmp"),  # a picture with the wrong extension gets the right one
        ("clip.avi.xmp", "clip.mp4", "clip.mp4.xmp"),
        ("a.cr2.pp3", "a.dng", "a.dng.pp3"),
    ],
)
def test_what_means_a_half_keeps_its_extension(name, photo, beside):
    assert side_name(side_of(name), photo) == beside


@pytest.mark.parametrize(
    "name", ["IMG_1.jpg", "IMG.MOV", "notes.txt", "a.pdf", "a", ".xmp", "a.zip", "Thumbs.db"]
)
def test_anything_else_is_no_side_file(name):
    assert side_of(name) is None


def test_the_ledger_knows_every_kind():
    assert set(SIDE_KINDS) == {m.value for m in Member} - {"photo", "raw", "video"}


# Takeout.


def test_a_takeout_says_who_is_on_a_photo_and_when_it_was_taken(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps(
            {
                "title": "IMG_1.jpg",
                "photoTakenTime": {"timestamp": "1714557600", "formatted": "1 May 2024"},
                "people": [{"name": "Ann Bird"}, {"name": "Zoë"}, {"name": "Ann Bird"}, {"name": " "}, "x"],
            }
        ),
        "utf-8",
    )
    taken = datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert read_takeout(str(path)) == Takeout("IMG_1.jpg", ("Ann Bird", "Zoë"), taken)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[1]", b"{}", b"\xff\xfe", b'"text"', b"[" * 100_000),
        *(b'{"title": 3, "people": 4, "photoTakenTime": 5}', b'{"people": [3, {"name": 4}]}'),
        *(b'{"photoTakenTime": {"timestamp": "never"}}', b'{"photoTakenTime": {"timestamp": 1e99}}'),
        b'{"photoTakenTime": {}}',
    ],
)
def test_odd_json_says_nothing(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert read_takeout(str(path)) in (None, Takeout())
    assert title_of(str(path)) is None


@pytest.mark.parametrize(
    ("title", "said"), [("a.jpg", "a.jpg"), ("a.MOV", "a.MOV"), ("album", None), ("", None), (3, None)]
)
def test_only_the_title_of_a_photo_is_one(tmp_path, title, said):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"title": title}), "utf-8")
    assert title_of(str(path)) == said


def test_a_takeout_says_what_it_says_and_no_more(tmp_path):
    path = tmp_path / "a.json"

    def read(value, size=None):
        text = json.dumps(value)
        path.write_text(text.ljust(size or len(text)), "ascii")
        return read_takeout(str(path))

    assert read({"title": "a.jpg"}) == Takeout("a.jpg")
    assert read({"people": [{"name": "Ann"}, {}, None, {"name": None}, {"name": "Bo"}]}) == Takeout(
        people=("Ann", "Bo")
    )
    assert read({"people": {"name": "Ann"}}) == read({"photoTakenTime": "1714557600"}) == Takeout()
    assert read({"photoTakenTime": {"timestamp": 0}}) == Takeout(taken=datetime(1970, 1, 1, tzinfo=UTC))
    assert read({"Title": "a.jpg"}) is read({"other": 1}) is read(["title"]) is None
    assert read({"title": "a.jpg"}, 1 << 20) == Takeout("a.jpg")
    assert read({"title": "a.jpg"}, (1 << 20) + 1) is None
    assert read_takeout(str(tmp_path / "missing.json")) is None


def test_a_side_file_that_is_handed_in_alone_is_refused_with_the_way_to_go():
    said = (
        "a.jpg.xmp is no photo but belongs to one. "
        "Put it into the inbox beside its photo, and it travels with it"
    )
    assert refusal("a.jpg.xmp", b"<x:xmpmeta>") == refusal("a.jpg.xmp", b"anything") == said
    assert refusal("a.jpg.xmp", b"\xff\xd8\xff") is None  # a photo, whatever its name
    assert refusal("a.jpg", b"<x:xmpmeta>") is None
    assert refusal("notes.txt", b"anything") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg.xmp", Side("xmp", "a.jpg", ".xmp", True)),
        ("a.XMP", Side("xmp", "a", ".XMP", True)),
        ("a.AAE", Side("aae", "a", ".AAE", False)),
        ("a.jpg.json", Side("json", "a.jpg", ".json", True)),
        ("a.jpg(1).json", Side("json", "a(1).jpg", ".json", True, "(1)")),
        ("a(1).json", Side("json", "a(1)", ".json", True, "(1)")),
        ("a.jpg.supplemental-metadata.json", Side("json", "a.jpg", ".supplemental-metadata.json", True)),
        ("a.jpg.supp(2).json", Side("json", "a(2).jpg", ".supplemental-metadata.json", True, "(2)")),
        ("a.info.json", Side("info", "a", ".info.json", False)),
        ("a.jpg:Zone.Identifier", Side("zone", "a.jpg", ":Zone.Identifier", True)),
        ("a.mp4.txt", Side("txt", "a.mp4", ".txt", True)),
        ("MD5SUMS", Side("md5", "", "", True)),
        ("checksum.txt", Side("md5", "", "", True)),
    ],
)
def test_what_a_side_file_is_by_its_name(name, found):
    assert side_of(name) == found


def test_a_title_keeps_the_number_of_a_repeated_name():
    side = side_of("cut.jp(1).json")
    assert titled(side, "long name.jpg") == replace(side, base="long name(1).jpg")
    assert titled(side_of("cut.jp.json"), "long name.jpg").base == "long name.jpg"
