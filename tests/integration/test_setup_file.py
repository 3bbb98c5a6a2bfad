"""The configuration file that setup writes: nothing lost, nothing readable by others."""

from __future__ import annotations

import os
import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartsort.errors import ConfigurationError, StorageError
from smartsort.setup import file

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_what_is_written_is_what_was_meant() -> None:
    table = {
        "root": ".",
        "whitelist": ["Jörg", 'a "quoted" \\ name', "tab\tand\x7f"],
        "enabled": True,
        "thresholds": {"min_confidence": 0.6, "per_person": {"John Doe": {"min_confidence": 0.7}}},
        "api": {"port": 1, "tokens": [{"name": "x", "token": "t", "scopes": ["intake"]}]},
    }
    assert tomllib.loads(file.as_toml(table)) == table


def test_other_settings_stay_and_the_table_around_them_too() -> None:
    before = {"smart_download": {"whitelist": ["a"], "immich": {"url": "http://old", "api_key": "k"}}, "x": 1}
    after = file.with_values(before, {"immich.url": "http://new", "immich.api_key": None})
    assert after == {"smart_download": {"whitelist": ["a"], "immich": {"url": "http://new"}}, "x": 1}
    assert before["smart_download"]["immich"]["api_key"] == "k"


def test_only_its_owner_may_read_it_and_the_former_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "smartsort.toml"
    assert file.write(str(path), "one = 1\n", NOW) is None
    path.chmod(0o644)
    kept = file.write(str(path), "two = 2\n", NOW)
    again = file.write(str(path), "three = 3\n", NOW)
    assert kept == f"{path}.20260304-050607"
    assert Path(kept).read_text() == "one = 1\n"
    assert again is not None
    assert again != kept
    assert Path(again).read_text() == "two = 2\n"
    assert path.read_text() == "three = 3\n"
    for written in tmp_path.iterdir():
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "smartsort.toml"
    path.write_text("this is = = not toml")
    with pytest.raises(ConfigurationError, match="move it away"):
        file.read_table(str(path))
    assert file.read_table(str(tmp_path / "none.toml")) == {}


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "smartsort.toml")
    text = file.as_toml({"root": os.fsdecode(b"/data/\xff")})
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        file.write(path, text, NOW)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "library").write_text("")
    with pytest.raises(StorageError, match="library"):
        file.make_folders(str(tmp_path / "library" / "shard-0001"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 2345)
    file.make_folders(str(tmp_path / "library" / "shard-0001"))
    file.write(str(tmp_path / "smartsort.toml"), "a = 1\n", NOW)
    for made in (tmp_path / "library", tmp_path / "library" / "shard-0001", tmp_path / "smartsort.toml"):
        assert (made.stat().st_uid, made.stat().st_gid) == (1234, 2345)
