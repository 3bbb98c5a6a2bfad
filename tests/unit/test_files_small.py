"""Small questions about files whose answers depend on a detail of the format or the file system."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace

import pytest
from PIL import Image

from smartsort.errors import StorageError
from smartsort.files.layout import Layout
from smartsort.files.names import library_name
from smartsort.files.perceptual_hash import ALIKE, differing_bits, keys_alike, parts
from smartsort.files.probe import _closed_gif
from smartsort.files.shown import one_line, shown, well_formed
from smartsort.files.space import space


def test_zeros_behind_the_end_of_a_gif_are_padding():
    out = io.BytesIO()
    Image.new("P", (1, 1)).save(out, "GIF")
    assert _closed_gif(out.getvalue())
    assert _closed_gif(out.getvalue() + bytes(100))
    assert not _closed_gif(out.getvalue() + b" ")
    assert not _closed_gif(out.getvalue()[:-1] + bytes(100))


@pytest.mark.parametrize("letter", ["\ue000", "\x00", "\u202e", "\u2028", "\u2029", "\\", "\U0010ffff"])
def test_letters_that_cannot_be_read_are_in_no_name_of_the_library(letter):
    assert library_name(f"a{letter}b.jpg", "jpg") == "a_b.jpg"


def test_texts_from_outside():
    assert shown(b"caf\xe9\\") == r"caf\xe9\\"
    assert one_line("a\nb\\c\u202e") == r"a\nb\c\u202e"
    assert well_formed(["caf\udce9", {"\ud800": 1}, "as it is\n", None]) == [
        r"caf\xe9",
        {r"\ud800": 1},
        "as it is\n",
        None,
    ]


def test_every_hash_that_is_alike_shares_a_key():
    value = int.from_bytes(bytes(range(32)), "big")
    assert set(parts(value)) <= set(keys_alike(value))
    for shift in range(0, 256 - ALIKE, 7):
        other = value ^ ((1 << ALIKE) - 1) << shift
        assert differing_bits(value, other) == ALIKE
        assert set(keys_alike(value)) & set(parts(other))
    assert len(set(keys_alike(value))) == 264


def test_a_file_system_without_a_number_of_files_has_no_limit_of_them(monkeypatch):
    found = SimpleNamespace(f_favail=7, f_files=0, f_bavail=3, f_frsize=10, f_blocks=5)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert space("/anywhere").inodes is None
    found.f_files = 9
    assert (space("/anywhere").inodes, space("/anywhere").bytes, space("/anywhere").total_bytes) == (
        7,
        30,
        50,
    )


def test_the_room_of_a_folder_that_cannot_be_looked_at():
    with pytest.raises(StorageError, match="look at /nowhere"):
        space("/nowhere")


def test_a_root_that_is_in_use_names_a_file_in_it(tmp_path):
    layout = Layout(f"{tmp_path}/root")
    assert layout.in_use() is None
    layout.prepare()
    assert layout.in_use() is None
    os.mkdir(f"{layout.faces}/anna")
    with open(f"{layout.faces}/anna/a.jpg", "xb"):
        pass
    assert layout.in_use() == f"{layout.faces}/anna/a.jpg"
