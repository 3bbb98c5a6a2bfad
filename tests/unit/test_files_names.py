"""Names for the library, names when one is taken, and paths as people and the ledger see them."""

import os
import unicodedata
from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.files.media import ALL_EXTENSIONS, FORMATS, JPEG, maker_raw
from smartsort.files.names import (
    NameRules,
    candidates,
    library_name,
    shortened,
    split_extension,
    with_prefix,
)
from smartsort.files.shown import from_ledger, shown, to_ledger

NOON = datetime(2024, 5, 17, 12, 30, 5, tzinfo=UTC)

# Any file name a Linux folder can hold: bytes without slash and NUL.
raw_names = st.binary(min_size=1, max_size=255).filter(
    lambda raw: not {0, 0x2F} & set(raw) and raw not in (b".", b"..")
)
any_names = st.one_of(
    raw_names.map(os.fsdecode),
    st.text(min_size=1, max_size=80).filter(lambda t: "/" not in t and "\0" not in t and _encodes(t)),
)
extensions = st.sampled_from(sorted(ALL_EXTENSIONS))


def _encodes(text):
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("original", "extension", "expected"),
    [
        ("IMG_1.jpg", "jpg", "IMG_1.jpg"),
        ("IMG_1.JPG", "jpg", "IMG_1.JPG"),
        ("IMG_1.JPEG", "jpg", "IMG_1.JPEG"),
        ("IMG_1.HEIC", "jpg", "IMG_1.jpg"),
        ("photo", "png", "photo.png"),
        ("holiday.backup", "jpg", "holiday.backup.jpg"),
        ("v1.2 final.png", "png", "v1.2 final.png"),
        ("Grüße aus Łódź.jpg", "jpg", "Grüße aus Łódź.jpg"),
        ("写真 🎉.jpg", "jpg", "写真 🎉.jpg"),
        (".hidden.jpg", "jpg", "hidden.jpg"),
        ("._IMG.jpg", "jpg", "_IMG.jpg"),
        ("a\nb\x1b[31m.jpg", "jpg", "a_b_[31m.jpg"),
        ("evil\u202egpj.jpg", "jpg", "evil_gpj.jpg"),
        ("back\\slash.jpg", "jpg", "back_slash.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), "jpg", "caf_.jpg"),
        ("con.jpg", "jpg", "_con.jpg"),
        ("COM1.tar.jpg", "jpg", "_COM1.tar.jpg"),
        ("trailing. .jpg", "jpg", "trailing.jpg"),
        (".jpg", "jpg", "jpg.jpg"),
        ("...", "jpg", "photo.jpg"),
        ("../../etc/passwd", "jpg", "passwd.jpg"),
        ("~$x.jpg", "jpg", "$x.jpg"),
    ],
)
def test_a_library_name_is_the_original_as_far_as_immich_can_read_it(original, extension, expected):
    assert library_name(original, extension, JPEG.acceptable if extension == "jpg" else ()) == expected


@given(any_names, extensions)
def test_every_library_name_is_safe(original, extension):
    name = library_name(original, extension)
    assert len(name.encode("utf-8")) <= 200
    assert not name.startswith((".", " ", "~"))
    assert split_extension(name)[1].lower() == extension
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name)
    assert not {"/", "\\"} & set(name)
    assert library_name(name, extension) == name


@given(any_names, st.integers(min_value=24, max_value=255))
def test_shortening_keeps_extension_and_whole_characters(name, limit):
    short = shortened(name, limit)
    assert len(os.fsencode(short)) <= max(limit, 0)
    if len(os.fsencode(name)) <= limit:
        assert short == name
    else:
        assert split_extension(short)[1] == split_extension(name)[1] or not split_extension(name)[1]
        if isinstance(to_ledger(name), str):
            assert isinstance(to_ledger(short), str)


def test_candidates_are_the_name_then_the_time_then_a_counter():
    assert list(islice(candidates("a.jpg", NOON), 4)) == [
        "a.jpg",
        "a_20240517_123005.jpg",
        "a_20240517_123005_2.jpg",
        "a_20240517_123005_3.jpg",
    ]


@given(any_names)
def test_candidates_never_repeat_and_always_fit(name):
    first = list(islice(candidates(name, NOON), 50))
    assert len(set(first)) == len(first)
    assert all(len(os.fsencode(each)) <= 255 for each in first)
    # Shortened further for a file system with shorter names they stay apart.
    assert len({shortened(each, 96) for each in first[1:]}) == len(first) - 1


def test_a_prefix_never_makes_a_name_too_long():
    long = "x" * 251 + ".jpg"
    assert with_prefix("duplicate_", "a.jpg") == "duplicate_a.jpg"
    assert len(with_prefix("notwhitelisted_", long)) == 255
    assert with_prefix("notwhitelisted_", long).endswith(".jpg")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/inbox/a.jpg", "/inbox/a.jpg"),
        (b"/inbox/caf\xe9.jpg", "/inbox/caf\\xe9.jpg"),
        ("a\nb", "a\\nb"),
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("a\\b", "a\\\\b"),
        ("🧑\u200d🚀 Łódź", "🧑\u200d🚀 Łódź"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_shown(path, expected):
    assert shown(path) == expected


@given(any_names, any_names)
def test_shown_is_printable_and_tells_names_apart(one, other):
    text = shown(one)
    text.encode("utf-8")
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)
    assert not {"\u202e", "\u2066", "\u200f"} & set(text)
    if one != other:
        assert text != shown(other)


@given(any_names)
def test_the_ledger_gives_every_path_back(name):
    stored = to_ledger(name)
    assert isinstance(stored, str) == _is_utf8(os.fsencode(name))
    assert from_ledger(stored) == name


def _is_utf8(raw):
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_every_extension_is_one_immich_takes():
    # `GET /server/media-types` of 2.5.6 and 3.1.0, measured.
    immich = set(
        ".3gp .3gpp .avi .flv .insv .m2t .m2ts .m4v .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .vob .webm .wmv "
        ".avif .bmp .gif .jpeg .jpg .png .webp .3fr .ari .arw .cap .cin .cr2 .cr3 .crw .dcr .dng .erf .fff "
        ".iiq .k25 .kdc .mrw .nef .nrw .orf .ori .pef .psd .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f .heic "
        ".heif .hif .insp .jp2 .jpe .jxl .svg .tif .tiff .xmp".replace(".", "").split()
    )
    assert immich - {"cin"} == ALL_EXTENSIONS
    for each in (*FORMATS, maker_raw("NIKON CORPORATION"), maker_raw("nobody")):
        assert each.extension in each.acceptable <= immich


def test_a_shortened_name_keeps_as_much_as_fits():
    name = "a" * 200 + "b" * 40 + ".jpg"
    assert shortened(name, 244) == name
    assert shortened(name, 243) == "a" * 200 + "b" * 6 + "~" + "b" * 32 + ".jpg"
    assert shortened(name, 100) == "a" * 63 + "~" + "b" * 32 + ".jpg"
    assert shortened(name, 24) == "a" * 10 + "~" + "b" * 9 + ".jpg"
    assert shortened("ä" * 100 + ".jpg", 100) == "ä" * 31 + "~" + "ä" * 16 + ".jpg"
    assert shortened("ä" * 100, 51) == "ä" * 12 + "~" + "ä" * 12
    assert shortened("x" + "ä" * 100, 51) == "x" + "ä" * 12 + "~" + "ä" * 12
    assert shortened("a" * 300) == "a" * 222 + "~" + "a" * 32


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.jpg", ("a", "jpg")),
        ("a.b.jpg", ("a.b", "jpg")),
        ("a", ("a", "")),
        (".jpg", (".jpg", "")),
        ("..jpg", ("..jpg", "")),
        ("a.", ("a.", "")),
        ("a." + "x" * 16, ("a", "x" * 16)),
        ("a." + "x" * 17, ("a." + "x" * 17, "")),
    ],
)
def test_what_an_extension_is(name, parts):
    assert split_extension(name) == parts


@pytest.mark.parametrize(
    ("rules", "name", "fitted"),
    [
        (NameRules(), "a:b\udcff\U0001f600. ", "a:b\udcff\U0001f600. "),
        (NameRules(any_bytes=False), "a\udcff.jpg", "a_.jpg"),
        (NameRules(emoji=False), "a\U0001f600\uffff.jpg", "a_\uffff.jpg"),
        (NameRules(form="NFD"), "\u00e9.jpg", "e\u0301.jpg"),
        (NameRules(form="NFC"), "e\u0301.jpg", "\u00e9.jpg"),
        (NameRules(refused=frozenset(":\x01")), "a:b\x1f\x01\x7f c", "a_b__\x7f c"),
        (NameRules(ends=frozenset(". ")), "a. .", "a___"),
        (NameRules(ends=frozenset(".")), "a. ", "a. "),
        (NameRules(reserved=True), "CON.jpg", "_CON.jpg"),
        (NameRules(reserved=True), "con .tar.gz", "_con .tar.gz"),
        (NameRules(reserved=True), "cone.jpg", "cone.jpg"),
        (NameRules(reserved=True, longest=48), "nul." + "x" * 44, "_nul." + "x" * 19 + "~" + "x" * 23),
        (NameRules(longest=48), "y" * 60, "y" * 24 + "~" + "y" * 23),
    ],
)
def test_a_name_is_changed_as_little_as_a_file_system_asks_for(rules, name, fitted):
    assert rules.fitted(name) == fitted
    assert rules.fitted(fitted) == fitted


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (NameRules(), ""),
        (NameRules(refused=frozenset("?:")), "the characters : ?"),
        (NameRules(refused=frozenset("\x01")), "control characters"),
        (NameRules(ends=frozenset(".")), "a dot or a space at the end"),
        (NameRules(reserved=True), "names of Windows' devices (con, nul)"),
        (NameRules(any_bytes=False, emoji=False), "bytes that are no UTF-8, emoji"),
        (NameRules(form="NFC", longest=254), "names in another Unicode form than NFC, more than 254 bytes"),
    ],
)
def test_what_a_file_system_refuses_in_words(rules, told):
    assert rules.told() == told


@pytest.mark.parametrize(
    ("original", "extension", "acceptable", "name"),
    [
        ("a.JPG", "jpg", (), "a.JPG"),
        ("a.JPE", "jpg", ("jpe",), "a.JPE"),
        ("a.png", "jpg", (), "a.jpg"),
        ("a.tar", "jpg", (), "a.tar.jpg"),
        ("x/y/a.jpg", "jpg", (), "a.jpg"),
        (" ~.a .jpg", "jpg", (), "a.jpg"),
        ("...", "jpg", (), "photo.jpg"),
        ("con.jpg", "jpg", (), "_con.jpg"),
        ("LPT9.x.jpg", "jpg", (), "_LPT9.x.jpg"),
        ("com0.jpg", "jpg", (), "com0.jpg"),
        ("a..jpg", "jpg", (), "a.jpg"),
        ("a" * 250 + ".jpg", "jpg", (), "a" * 163 + "~" + "a" * 32 + ".jpg"),
    ],
)
def test_the_name_inside_the_library(original, extension, acceptable, name):
    assert library_name(original, extension, acceptable) == name
