"""`smartsort add`: files appear in the inbox whole, under names of their own; originals stay unless moved."""

import hashlib
import os

import pytest
from click.testing import CliRunner

from smartsort.cli import add
from smartsort.cli.main import cli
from smartsort.files.ignore import ignored


@pytest.fixture
def root(tmp_path, monkeypatch):
    place = tmp_path / "root"
    (place / "inbox").mkdir(parents=True)
    monkeypatch.setenv("SMARTSORT_ROOT", os.fspath(place))
    return place


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "a.jpg.xmp", "sub/a.jpg"):
        (folder / name).write_bytes(name.encode() * 100)
        os.utime(folder / name, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    return folder


def hand_in(*arguments):
    return CliRunner().invoke(cli, ["add", *map(os.fspath, arguments)], catch_exceptions=False)


def tree(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def test_a_folder_is_handed_in_with_its_sub_folders(root, mine):
    before = tree(mine)
    said = hand_in(mine)
    assert said.exit_code == 0, said.output
    assert "3 files handed in" in said.output
    assert tree(root / "inbox" / "cli") == before == tree(mine)
    copied = root / "inbox" / "cli" / "sub" / "a.jpg"
    assert copied.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert copied.stat().st_ino != (mine / "sub" / "a.jpg").stat().st_ino


def test_the_source_is_the_folder_in_the_inbox(root, mine):
    assert hand_in("--source", "phone", mine / "a.jpg").exit_code == 0
    assert os.listdir(root / "inbox") == ["phone"]


@pytest.mark.parametrize("source", ["../out", ".hidden", "", "a/b"])
def test_a_source_that_is_no_folder_name_is_refused(root, mine, source):
    with pytest.raises(Exception, match="no folder name"):
        hand_in("--source", source, mine)
    assert os.listdir(root / "inbox") == []


def test_the_same_name_twice_is_two_files(root, mine):
    for _ in range(3):
        assert hand_in(mine / "a.jpg").exit_code == 0
    assert sorted(os.listdir(root / "inbox" / "cli")) == ["a.jpg", "a_2.jpg", "a_3.jpg"]


def test_moved_files_are_gone_where_they_were(root, mine):
    before = tree(mine)
    assert hand_in("--move", mine).exit_code == 0
    assert tree(root / "inbox" / "cli") == before
    assert tree(mine) == {}


def test_a_copy_that_went_wrong_never_costs_the_original(root, mine, monkeypatch):
    """What was never verified is never deleted."""
    real = add.shutil.copy2

    def flips_a_bit(source, target):
        real(source, target)
        with open(target, "r+b") as file:
            file.write(b"\xff")

    monkeypatch.setattr(add.shutil, "copy2", flips_a_bit)
    before = tree(mine)
    said = hand_in("--move", mine)
    assert said.exit_code == 1
    assert "does not hold the same bytes" in said.output
    assert tree(mine) == before
    assert tree(root / "inbox") == {}


def test_a_file_that_changes_while_it_is_copied_stays(root, mine, monkeypatch):
    real = add.shutil.copy2

    def somebody_writes(source, target):
        real(source, target)
        with open(source, "ab") as file:
            file.write(b"more")

    monkeypatch.setattr(add.shutil, "copy2", somebody_writes)
    said = hand_in("--move", mine / "a.jpg")
    assert said.exit_code == 1
    assert "changed while it was copied" in said.output
    assert tree(root / "inbox") == {}
    assert (mine / "a.jpg").exists()


def test_a_file_that_vanishes_stops_no_other(root, mine, monkeypatch):
    real = add.shutil.copy2

    def takes_the_next(source, target):
        real(source, target)
        if (mine / "sub" / "a.jpg").exists():
            (mine / "sub" / "a.jpg").unlink()

    monkeypatch.setattr(add.shutil, "copy2", takes_the_next)
    said = hand_in(mine)
    assert said.exit_code == 1
    assert sorted(tree(root / "inbox" / "cli")) == ["a.jpg", "a.jpg.xmp"]


def test_links_and_pipes_are_left_with_the_reason(root, mine):
    os.symlink("/etc/passwd", mine / "link.jpg")
    os.mkfifo(mine / "pipe.jpg")
    said = hand_in(mine)
    assert said.exit_code == 1
    assert "3 files handed in" in said.output
    assert "symbolic link" in said.output
    assert "pipe" in said.output
    single = hand_in(mine / "link.jpg")
    assert single.exit_code == 1
    assert "not a regular file" in single.output


@pytest.mark.parametrize(
    "name",
    ["x" * 251 + ".jpg", "line\nbreak 🙂.jpg", os.fsdecode(b"caf\xe9.jpg")],
    ids=["long", "newline", "latin-1"],
)
def test_strange_names_are_handed_in_as_they_are(root, mine, name):
    (mine / "a.jpg").rename(mine / name)
    said = hand_in(mine / name)
    assert said.exit_code == 0, said.output
    assert os.listdir(os.fsencode(root / "inbox" / "cli")) == [os.fsencode(name)]


def test_a_half_copied_file_has_a_name_the_inbox_leaves_alone(root, mine, monkeypatch):
    seen = []

    def stops(source, target):
        seen.append(os.path.basename(target))
        with open(target, "wb") as file:
            file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(add.shutil, "copy2", stops)
    assert hand_in(mine / "a.jpg").exit_code == 1
    assert all(ignored(name) for name in seen)
    assert tree(root / "inbox") == {}


def test_a_root_that_was_never_prepared_is_named(tmp_path, mine, monkeypatch):
    monkeypatch.setenv("SMARTSORT_ROOT", os.fspath(tmp_path / "nowhere"))
    with pytest.raises(Exception, match="Start the sidecar once"):
        hand_in(mine)
    assert not (tmp_path / "nowhere").exists()


def test_a_side_file_without_its_photo_is_refused_and_one_with_it_is_not(root, mine):
    (mine / "metadata.json").write_text("{}")
    (mine / "sub" / "a.AAE").write_text("<plist/>")
    (mine / "sub" / "b.jpg.json").write_text("{}")
    said = hand_in(mine)
    assert said.exit_code == 1
    assert "4 files handed in" in said.output
    assert "metadata.json: it belongs to a photo that is not among these files" in said.output
    assert "b.jpg.json: it belongs to a photo" in said.output
    assert {"a.jpg", "a.jpg.xmp", "sub/a.jpg", "sub/a.AAE"} == set(tree(root / "inbox" / "cli"))
