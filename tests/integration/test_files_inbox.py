"""Scans of real folders with everything in them that people and programs put there."""

import os
import socket
import subprocess
import sys

import pytest

from smartsort.errors import RootUnavailable
from smartsort.files import inbox as inbox_module
from smartsort.files.ignore import Ignore
from smartsort.files.inbox import scan_inbox
from smartsort.files.placement import Placer, PlaceRequest
from smartsort.files.stamps import stamp
from smartsort.files.writers import is_finished, open_for_writing


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def paths(scan, inbox):
    return [os.path.relpath(entry.path, inbox) for entry in scan.entries]


def test_files_have_the_first_sub_folder_as_their_source(inbox):
    put(inbox / "a.jpg")
    put(inbox / "instagram/b.jpg")
    put(inbox / "instagram/2024/05/c.jpg")
    scan = scan_inbox(str(inbox))
    assert [(entry.name, entry.source) for entry in scan.entries] == [
        ("a.jpg", ""),
        ("c.jpg", "instagram"),
        ("b.jpg", "instagram"),
    ]
    assert scan.entries[0].stamp == stamp(str(inbox / "a.jpg"))
    assert scan.left == ()


def test_nothing_but_regular_files_is_taken_and_nothing_is_followed(inbox, tmp_path):
    put(tmp_path / "outside/secret.jpg")
    put(inbox / "x.jpg/inside.jpg")
    (inbox / "link.jpg").symlink_to(tmp_path / "outside/secret.jpg")
    (inbox / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    (inbox / "folder").symlink_to(tmp_path / "outside")
    (inbox / "loop").symlink_to(inbox)
    os.mkfifo(inbox / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(inbox)
        try:
            listener.bind("socket.jpg")
        finally:
            os.chdir(here)
        scan = scan_inbox(str(inbox))
    assert paths(scan, inbox) == ["x.jpg/inside.jpg"]
    why = {os.path.basename(each.path): each.why for each in scan.left}
    assert set(why) == {"link.jpg", "dangling.jpg", "folder", "loop", "pipe.jpg", "socket.jpg"}
    assert "symbolic link" in why["loop"]
    assert "pipe" in why["pipe.jpg"]
    assert "socket" in why["socket.jpg"]


def test_unfinished_files_and_foreign_folders_are_left_with_the_reason(inbox):
    put(inbox / "a.jpg.crdownload")
    put(inbox / "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg")
    put(inbox / ".smartsort-0123456789abcdef.part")
    put(inbox / "screenshot.png")
    scan = scan_inbox(str(inbox), Ignore(["screenshot*"]))
    assert scan.entries == ()
    assert len(scan.left) == 4
    assert all(each.why and each.temporary for each in scan.left)
    os.rename(inbox / "a.jpg.crdownload", inbox / "a.jpg")
    assert paths(scan_inbox(str(inbox)), inbox) == ["a.jpg", "screenshot.png"]


def test_names_that_are_no_utf8_are_found(inbox):
    with open(os.path.join(os.fsencode(inbox), b"caf\xe9.jpg"), "wb"):
        pass
    (entry,) = scan_inbox(str(inbox)).entries
    assert os.fsencode(entry.path).endswith(b"caf\xe9.jpg")


def test_a_folder_that_cannot_be_read_is_told_and_the_others_are_read(inbox, monkeypatch):
    put(inbox / "a/a.jpg")
    put(inbox / "locked/b.jpg")
    put(inbox / "z/z.jpg")
    real = os.scandir

    def scandir(path):
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(inbox_module.os, "scandir", scandir)
    scan = scan_inbox(str(inbox))
    assert paths(scan, inbox) == ["a/a.jpg", "z/z.jpg"]
    (left,) = scan.left
    assert left.path == str(inbox / "locked")
    assert "permission denied" in left.why
    assert not left.temporary


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(inbox):
    os.chmod(put(inbox / "a.jpg"), 0)
    scan = scan_inbox(str(inbox))
    assert scan.entries == ()
    assert "may not be read" in scan.left[0].why


def test_an_inbox_that_is_gone_is_not_an_empty_one(tmp_path):
    with pytest.raises(RootUnavailable):
        scan_inbox(str(tmp_path / "missing"))
    put(tmp_path / "file")
    with pytest.raises(RootUnavailable):
        scan_inbox(str(tmp_path / "file"))


def test_folders_deeper_than_a_path_may_be_long_do_not_stop_the_scan(inbox):
    put(inbox / "a.jpg")
    here = os.getcwd()
    os.chdir(inbox)
    try:
        for _ in range(25):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    try:
        scan = scan_inbox(str(inbox))
        assert paths(scan, inbox) == ["a.jpg"]
        assert len(scan.left) == 1
    finally:
        subprocess.run(["rm", "-rf", str(inbox)], check=True)


def test_what_was_placed_out_of_the_inbox_is_not_seen_again(inbox, tmp_path):
    put(inbox / "a.jpg")
    (entry,) = scan_inbox(str(inbox)).entries
    move = Placer().move(
        [PlaceRequest(entry.path, str(tmp_path / "temp"), (entry.name,), expected=entry.stamp)]
    )
    assert scan_inbox(str(inbox)).entries[0].stamp == entry.stamp
    move.finish()
    assert scan_inbox(str(inbox)).entries == ()


# Writers that are only pausing.


def test_a_writer_that_is_only_pausing_is_noticed(inbox):
    path = put(inbox / "a.jpg")
    if open_for_writing(path) is None:
        pytest.skip("this file system gives no leases")
    assert open_for_writing(path) is False
    with open(path, "rb"):
        assert open_for_writing(path) is False
    with open(path, "ab"):
        assert open_for_writing(path) is True
    assert open_for_writing(path) is False
    assert open_for_writing(str(inbox / "missing")) is None
    (inbox / "link").symlink_to(path)
    assert open_for_writing(str(inbox / "link")) is None


def test_looking_for_writers_never_ends_the_process_and_never_blocks_one(inbox):
    """Another process opens the file for writing again and again while it is looked at."""
    path = put(inbox / "a.jpg")
    code = "import sys\nfor _ in range(3000):\n    open(sys.argv[1], 'ab').close()\n"
    with subprocess.Popen([sys.executable, "-c", code, path]) as writer:
        answers = set()
        while writer.poll() is None:
            answers.add(open_for_writing(path))
        assert writer.returncode == 0
    assert answers <= {True, False, None}


def movie_boxes(*kinds):
    return b"".join((16).to_bytes(4, "big") + kind + bytes(8) for kind in kinds)


WHOLE = {
    "a.jpg": b"\xff\xd8\xff\xe0" + bytes(40) + b"\xff\xd9",
    "a.png": b"\x89PNG\r\n\x1a\n" + bytes(40) + b"IEND\xaeB`\x82",
    "a.gif": b"GIF89a" + bytes(40) + b";",
    "a.webp": b"RIFF" + (36).to_bytes(4, "little") + b"WEBP" + bytes(32),
    "a.heic": movie_boxes(b"ftyp", b"meta", b"mdat"),
    "a.mov": movie_boxes(b"ftyp", b"mdat", b"moov"),
    "large.mp4": movie_boxes(b"ftyp") + b"\0\0\0\1moov" + (24).to_bytes(8, "big") + bytes(8),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_closed_file_with_its_end_is_finished_and_none_without(inbox, name):
    path = put(inbox / name, WHOLE[name])
    if open_for_writing(path) is None:
        pytest.skip("this file system gives no leases")
    assert is_finished(path) is True
    for end in range(0, len(WHOLE[name]), 3):
        assert is_finished(put(inbox / f"{end}-{name}", WHOLE[name][:end])) is None, end
    with open(path, "ab"):
        assert is_finished(path) is False
    assert is_finished(str(inbox / "missing")) is None


def test_a_file_that_has_no_end_of_its_own_is_never_known_to_be_finished(inbox):
    for content in (b"", b"text", b"II*\0" + bytes(100), bytes(1000), movie_boxes(b"ftyp", b"mdat")):
        assert is_finished(put(inbox / "a.dng", content)) is None
