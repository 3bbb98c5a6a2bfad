"""The root's folders and the proof that they are the right ones."""

import json
import os
import shutil

import pytest

from smartsort.core.model import Category
from smartsort.errors import ConfigurationError, RootUnavailable, StorageError
from smartsort.files.filesystem import file_system, mounts_below, why_unheard
from smartsort.files.layout import SENTINEL, Layout
from smartsort.files.media import ALL_EXTENSIONS
from smartsort.files.names import split_extension
from smartsort.files.space import space


@pytest.fixture
def layout(tmp_path):
    return Layout(str(tmp_path / "data"))


def test_everything_lies_under_the_root_unless_said_otherwise(tmp_path):
    layout = Layout("/data", faces="/mnt/faces", review="sorted/review")
    assert layout.inbox == "/data/inbox"
    assert layout.faces == "/mnt/faces"
    assert layout.review == "/data/sorted/review"
    assert layout.ledger == "/data/smartsort.db"
    assert layout.review_folder(Category.LOW_CONFIDENCE) == "/data/sorted/review/low_confidence"
    assert layout.person_folder("john_doe") == "/mnt/faces/john_doe"
    assert layout.library_folder("0001", "abcdef" * 10) == "/data/library/0001/ab"
    assert layout.own_library_folder("0001", "abcdef" * 10) == "/data/library/0001/ab/abcdefabcdefabcd"


def test_preparing_creates_the_folders_and_signs_them(layout):
    root_id = layout.prepare()
    assert all(os.path.isdir(layout.review_folder(category)) for category in Category)
    assert os.path.isdir(layout.inbox)
    assert not os.path.exists(f"{layout.inbox}/{SENTINEL}")
    layout.check(root_id)
    assert layout.prepare() == root_id
    assert layout.prepare(root_id) == root_id
    assert not [name for name in os.listdir(layout.library) if name != SENTINEL]


def test_immich_takes_no_notice_of_the_sentinel():
    assert SENTINEL.startswith(".")
    assert split_extension(SENTINEL)[1] not in ALL_EXTENSIONS


@pytest.mark.parametrize("folder", ["root", "library", "faces", "review", "trash", "temp_downloads"])
def test_a_folder_whose_disk_is_missing_is_not_taken_for_an_empty_one(layout, folder):
    root_id = layout.prepare()
    place = getattr(layout, folder)
    os.rename(place, place + ".away")
    with pytest.raises(RootUnavailable, match="mounted"):
        layout.check(root_id)
    with pytest.raises(RootUnavailable):
        layout.prepare(root_id)
    assert not os.path.exists(place)
    # An empty mount point is no better.
    os.mkdir(place)
    with pytest.raises(RootUnavailable, match="mounted"):
        layout.check(root_id)
    with pytest.raises(RootUnavailable):
        layout.prepare(root_id)
    assert os.listdir(place) == []
    os.rmdir(place)
    os.rename(place + ".away", place)
    layout.check(root_id)


def test_a_missing_mount_is_noticed_without_the_ledger_too(layout):
    layout.prepare()
    shutil.rmtree(layout.library)
    os.mkdir(layout.library)
    with pytest.raises(RootUnavailable):
        layout.prepare()
    assert os.listdir(layout.library) == []


def test_another_root_is_refused(layout, tmp_path):
    root_id = layout.prepare()
    other = Layout(str(tmp_path / "other"))
    other_id = other.prepare()
    assert other_id != root_id
    with pytest.raises(RootUnavailable, match="another root"):
        other.check(root_id)
    with pytest.raises(RootUnavailable, match="another root"):
        other.prepare(root_id)
    with pytest.raises(RootUnavailable, match="another root"):
        Layout(layout.root, library=other.library).check(root_id)


def test_a_folder_that_is_configured_later_is_prepared_then(layout, tmp_path):
    root_id = layout.prepare()
    moved = Layout(layout.root, faces=str(tmp_path / "elsewhere/faces"))
    assert moved.prepare(root_id) == root_id
    moved.check(root_id)
    shutil.rmtree(moved.faces)
    os.mkdir(moved.faces)
    with pytest.raises(RootUnavailable):
        moved.prepare(root_id)


def test_a_whole_root_may_move(layout, tmp_path):
    root_id = layout.prepare()
    os.rename(layout.root, tmp_path / "moved")
    moved = Layout(str(tmp_path / "moved"))
    assert moved.prepare(root_id) == root_id
    with pytest.raises(RootUnavailable):
        layout.check(root_id)


def test_a_root_that_is_a_file_is_unavailable(tmp_path):
    (tmp_path / "data").write_bytes(b"")
    layout = Layout(str(tmp_path / "data"))
    with pytest.raises(RootUnavailable):
        layout.check("id")
    with pytest.raises(StorageError):
        layout.prepare()


@pytest.mark.parametrize("damage", [b"", b"\0\0\0", b"[]", b'{"di": 1}', b"\xff"])
def test_a_damaged_sentinel_is_no_sentinel(layout, damage):
    root_id = layout.prepare()
    with open(f"{layout.library}/{SENTINEL}", "wb") as file:
        file.write(damage)
    with pytest.raises(RootUnavailable, match="damaged"):
        layout.check(root_id)
    # As the message says, one line puts it right.
    with open(f"{layout.library}/{SENTINEL}", "w") as file:
        json.dump({"id": root_id}, file)
    layout.check(root_id)


@pytest.mark.parametrize(
    "folders",
    [
        {"faces": "library/faces"},
        {"review": "library"},
        {"library": "inbox/library"},
        {"inbox": "library/inbox"},
        {"inbox": "."},
        {"inbox": ".."},
        {"trash": "library/trash"},
    ],
    ids=str,
)
def test_folders_inside_each_other_are_refused_before_anything_is_made(tmp_path, folders):
    layout = Layout(str(tmp_path / "data"), **folders)
    assert layout.conflicts()
    with pytest.raises(ConfigurationError, match="in each other's way"):
        layout.prepare()
    assert os.listdir(tmp_path) == []


def test_folders_inside_each_other_by_a_symbolic_link_are_noticed(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/faces").symlink_to(tmp_path / "data/library/x")
    assert Layout(str(tmp_path / "data")).conflicts()


def test_room(tmp_path):
    found = space(str(tmp_path))
    assert 0 <= found.bytes <= found.total_bytes
    assert found.inodes is None or found.inodes >= 0
    with pytest.raises(StorageError):
        space(str(tmp_path / "missing"))


def test_mounts_below_a_folder_are_read_from_the_kernels_table(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"22 27 0:21 / /proc rw - proc proc rw\n"
        + f"30 27 0:30 / {tmp_path}/in\\040box/na\\134s rw shared:1 - nfs4 server:/x rw\n".encode()
        + f"31 27 0:31 / {tmp_path}/other rw - ext4 /dev/x rw\n".encode()
    )
    folder = tmp_path / "in box"
    folder.mkdir()
    assert mounts_below(str(folder), str(table)) == [f"{tmp_path}/in box/na\\s"]
    assert mounts_below(str(folder), str(tmp_path / "missing")) == []


def test_a_local_folder_is_heard(tmp_path):
    assert file_system(str(tmp_path)).notifies
    assert why_unheard(str(tmp_path)) is None
    assert not file_system("/proc").syncs
    with pytest.raises(FileNotFoundError):
        file_system(str(tmp_path / "missing"))


ID = "0123456789abcdef0123456789abcdef"


def test_whoever_sees_the_wrong_disk_is_told_what_to_do(layout):
    root_id = layout.prepare()
    faces = layout.faces
    sentinel = os.path.join(faces, SENTINEL)
    with open(sentinel, encoding="ascii") as file:
        assert file.read() == f'{{"id": "{root_id}"}}\n'
    assert os.stat(sentinel).st_mode & 0o777 == 0o644
    with open(os.path.join(layout.root, SENTINEL), encoding="ascii") as file:
        folders = ["faces", "library", "review", "temp_downloads", "trash"]
        assert file.read() == json.dumps({"id": root_id, "folders": folders}) + "\n"
    with pytest.raises(RootUnavailable) as caught:
        layout.check(ID)
    assert str(caught.value) == (
        f"{layout.root} belongs to another root ({root_id}, not {ID}). Is the right disk mounted there?"
    )
    os.unlink(sentinel)
    with pytest.raises(RootUnavailable) as caught:
        layout.check(root_id)
    assert str(caught.value) == (
        f"{faces} is not the one smartsort prepared, {SENTINEL} is not in it. Is its disk mounted? "
        f'If it really is this one, put the file back with the line {{"id": "{root_id}"}}'
    )
    os.rmdir(faces)
    with pytest.raises(RootUnavailable) as caught:
        layout.check(root_id)
    assert str(caught.value) == f"{faces} is missing or no folder. Is its disk mounted?"
    os.mkdir(faces)
    with open(sentinel, "xb") as file:
        file.write(b"\xff")
    with pytest.raises(RootUnavailable) as caught:
        layout.check(root_id)
    assert str(caught.value) == (
        f"{sentinel} is damaged. If this really is the folder smartsort prepared, write the line "
        f'{{"id": "the id of the other folders\' {SENTINEL}"}} into it'
    )
    os.unlink(sentinel)
    os.symlink(os.path.join(layout.root, SENTINEL), sentinel)
    with pytest.raises(RootUnavailable, match=f"read {sentinel}"):
        layout.check(root_id)


def test_every_guarded_folder_has_to_be_the_prepared_one(layout):
    root_id = layout.prepare()
    layout.check(root_id)
    for folder in layout.guarded:
        os.rename(os.path.join(folder, SENTINEL), os.path.join(layout.root, "away"))
        with pytest.raises(RootUnavailable, match="is not the one smartsort prepared"):
            layout.check(root_id)
        os.rename(os.path.join(layout.root, "away"), os.path.join(folder, SENTINEL))
    assert not os.path.exists(os.path.join(layout.inbox, SENTINEL))
    assert layout.prepare(root_id) == layout.prepare() == root_id


def test_a_sentinel_that_cannot_be_written_leaves_nothing_behind(layout, monkeypatch):
    layout.prepare()
    os.unlink(os.path.join(layout.faces, SENTINEL))
    os.unlink(os.path.join(layout.root, SENTINEL))
    before = sorted(os.listdir(layout.root))

    def fails(*_paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(StorageError, match=f"write into {layout.root}"):
        layout.prepare()
    assert sorted(os.listdir(layout.root)) == before


def test_places_that_get_in_each_other_s_way_are_named(tmp_path):
    root = str(tmp_path)

    def conflicts(**folders):
        return Layout(root, **folders).conflicts()

    assert conflicts() == []
    assert conflicts(faces="x", review="x") == [f"faces and review are the same folder, {root}/x"]
    assert conflicts(faces="library/f") == [f"faces ({root}/library/f) lies inside library ({root}/library)"]
    assert conflicts(faces="library2") == []
    assert conflicts(ledger="library/smartsort.db") == []
    assert conflicts(inbox="..")[-1] == f"inbox ({os.path.dirname(root)}) contains the root ({root})"
    assert conflicts(inbox=".")[-1] == f"inbox ({root}) contains the root ({root})"

    def mapping(ours):
        return conflicts(path_mapping=(("/photos", f"{root}/{ours}"),))

    said = f"backfill.path_mapping maps /photos to {root}/%s, which overlaps faces ({root}/faces)"
    for ours in ("faces", "faces/a"):
        assert mapping(ours) == [said % ours]
    assert said % "" in mapping("")
    assert mapping("photos") == mapping("faces2") == []


def test_where_things_lie_in_a_shard():
    layout = Layout("/data", path_mapping=(("/photos", "/mnt/photos"),))
    digest = "0123456789abcdef" * 4
    assert layout.library_folder("shard_1", digest) == "/data/library/shard_1/01"
    assert layout.own_library_folder("shard_1", digest) == "/data/library/shard_1/01/0123456789abcdef"
    assert layout.original("photos/a.jpg") == "/mnt/photos/a.jpg"
    assert layout.original("other/a.jpg") == "/data/.outside-path-mapping/other/a.jpg"


@pytest.mark.parametrize("name", ["library", "faces", "review", "trash", "temp_downloads"])
def test_a_file_in_any_folder_is_a_root_in_use(name, layout):
    layout.prepare()
    place = os.path.join(getattr(layout, name), "inner")
    os.makedirs(place)
    assert layout.in_use() is None
    with open(os.path.join(place, "a.jpg"), "xb"):
        pass
    assert layout.in_use() == os.path.join(place, "a.jpg")
    os.unlink(os.path.join(layout.root, SENTINEL))
    assert layout.in_use() is None
