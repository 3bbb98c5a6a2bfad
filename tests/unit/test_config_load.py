"""Where settings come from and which source wins."""

from __future__ import annotations

import json
from datetime import time
from pathlib import Path, PurePosixPath

import pytest

from smartsort.config import Settings, load_settings
from smartsort.errors import ConfigurationError

# Every setting, each with another value than its default.
SOURCE_SHAPE = {
    "smart_download": {
        "enabled": False,
        "directories": {
            "temp_dir": "/srv/media/incoming/temp_downloads",
            "final_base": "/srv/media/incoming/faces",
            "review_base": "/srv/media/incoming/review",
        },
        "whitelist": ["ada_lovelace", "Grace Hopper"],
        "blacklist": ["passer_by"],
        "thresholds": {"min_confidence": 0.72, "max_faces_per_image": 3},
        "immich": {
            "wait_time_seconds": 9,
            "trigger_scan": False,
            "retry_if_no_faces": False,
            "max_retries": 4,
        },
        "deduplication": {"check_hash": False, "action_on_duplicate": "skip"},
        "review_categories": {
            "duplicates": False,
            "unidentified": True,
            "low_confidence": False,
            "multiple_faces": True,
            "unwanted_person": False,
        },
    },
    "another_program": {"immich": "no business of ours", "whitelist": 7},
}


def load(env: dict[str, str] | None = None, /, config: Path | None = None, **flags: object) -> Settings:
    return load_settings(config, {"SMARTSORT_ROOT": "/no/data"} | (env or {}), flags)


def written(folder: Path, content: object, name: str = "config.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_the_source_documents_json_loads_unchanged(tmp_path):
    settings = load_settings(written(tmp_path, SOURCE_SHAPE), {}, {})
    assert settings.enabled is False
    assert settings.root == Path("/srv/media/incoming")
    assert settings.directories.temp_dir == Path("/srv/media/incoming/temp_downloads")
    assert settings.directories.final_base == Path("/srv/media/incoming/faces")
    assert settings.directories.review_base == Path("/srv/media/incoming/review")
    assert settings.directories.library_dir == Path("/srv/media/incoming/library")
    assert settings.whitelist == ("ada_lovelace", "Grace Hopper")
    assert settings.blacklist == ("passer_by",)
    assert settings.thresholds.min_confidence == 0.72
    assert settings.thresholds.max_faces_per_image == 3
    assert settings.immich.wait_time_seconds == 9
    assert settings.immich.trigger_scan is False
    assert settings.immich.retry_if_no_faces is False
    assert settings.immich.max_retries == 4
    assert settings.deduplication.check_hash is False
    assert settings.deduplication.action_on_duplicate == "skip"
    assert settings.review_categories.model_dump() == SOURCE_SHAPE["smart_download"]["review_categories"]
    assert settings.warnings == ("root is not set. Taken from the directories: /srv/media/incoming",)


def test_a_set_root_goes_before_the_one_the_directories_tell(tmp_path):
    settings = load_settings(written(tmp_path, SOURCE_SHAPE), {"SMARTSORT_ROOT": "/no/data"}, {})
    assert settings.root == Path("/no/data")
    assert settings.directories.inbox_dir == Path("/no/data/inbox")
    assert settings.directories.final_base == Path("/srv/media/incoming/faces")
    assert "outside of root" in " ".join(settings.warnings)


@pytest.mark.parametrize("wrapped", [True, False])
def test_toml_has_the_same_keys(tmp_path, wrapped):
    inside = "smart_download." if wrapped else ""
    top = "[smart_download]\n" if wrapped else ""
    path = written(
        tmp_path,
        f"""{top}whitelist = ["Ana"]
        [{inside}immich]
        url = "http://nas:2283/api/"
        [{inside}thresholds.per_person."Ana Maria"]
        min_confidence = 0.8
        """,
        "config.toml",
    )
    settings = load(config=path)
    assert settings.whitelist == ("Ana",)
    assert settings.immich.url == "http://nas:2283/api"
    assert settings.thresholds.per_person["Ana Maria"].min_confidence == 0.8
    assert settings.thresholds.per_person["Ana Maria"].min_margin is None


def test_a_file_without_an_ending_is_told_by_its_content(tmp_path):
    assert load(config=written(tmp_path, ' {"whitelist": ["Ana"]}', "json")).whitelist == ("Ana",)
    assert load(config=written(tmp_path, '\ufeffwhitelist = ["Bo"]', "toml")).whitelist == ("Bo",)


def test_flags_before_environment_before_file_before_defaults(tmp_path):
    path = written(tmp_path, {"api": {"port": 1, "host": "file", "max_wait_seconds": 7}})
    env = {"SMARTSORT_API__PORT": "2", "SMARTSORT_API__HOST": "env"}
    settings = load_settings(
        path, env | {"SMARTSORT_ROOT": "/no/data"}, {"api.port": 3, "log": {"level": None}}
    )
    assert settings.api.port == 3
    assert settings.api.host == "env"
    assert settings.api.max_wait_seconds == 7
    assert settings.log.level == "info"
    assert settings.origin("api.port") == "command line"
    assert settings.origin("api.host") == "SMARTSORT_API__HOST"
    assert settings.origin("api.max_wait_seconds") == str(path)
    assert settings.origin("log.level") == "default"


def test_the_file_is_found_by_variable_and_in_the_root(tmp_path):
    in_root = written(tmp_path, 'whitelist = ["Root"]', "smartsort.toml")
    env = {"SMARTSORT_ROOT": str(tmp_path)}
    settings = load_settings(None, env, {})
    assert settings.whitelist == ("Root",)
    assert settings.config_file == in_root
    other = written(tmp_path, {"whitelist": ["Other"]}, "other.json")
    assert load_settings(None, env | {"SMARTSORT_CONFIG": str(other)}, {}).whitelist == ("Other",)
    assert load_settings(in_root, env | {"SMARTSORT_CONFIG": str(other)}, {}).whitelist == ("Root",)
    assert load_settings(None, {"SMARTSORT_ROOT": str(tmp_path / "elsewhere")}, {}).config_file is None


def test_lists_in_the_environment_are_separated_by_commas_or_json():
    assert load({"SMARTSORT_WHITELIST": "Ana, John Doe ,,Ana"}).whitelist == ("Ana", "John Doe")
    assert load({"SMARTSORT_WHITELIST": '["Doe, John", "Ana"]'}).whitelist == ("Doe, John", "Ana")
    assert load({"SMARTSORT_WHITELIST": "[]"}).whitelist == ()
    urls = load({"SMARTSORT_NOTIFY__URLS": "mailto://a:b@c.example?to=x,y, ntfy://h/t"}).notify.urls
    assert [url.get_secret_value() for url in urls] == ["mailto://a:b@c.example?to=x,y", "ntfy://h/t"]


def test_an_empty_variable_is_not_set(tmp_path):
    path = written(tmp_path, {"whitelist": ["Ana"]})
    settings = load({"SMARTSORT_WHITELIST": "", "SMARTSORT_API__PORT": " "}, config=path)
    assert settings.whitelist == ("Ana",)
    assert settings.api.port == 8484


def test_values_are_read_as_people_write_them():
    settings = load(
        {
            "SMARTSORT_ENABLED": "no",
            "SMARTSORT_INBOX__POLLING": "ON",
            "SMARTSORT_LOG__LEVEL": " Debug ",
            "SMARTSORT_API__ALLOW_PRIVATE_URLS": "NAS.lan.,192.168.1.77/24,fe80::1",
            "SMARTSORT_NOTIFY__QUIET_HOURS": "22:00-7:30",
            "SMARTSORT_IMMICH__LIBRARY_PATH": "/mnt/smartsort/library/",
            "SMARTSORT_THRESHOLDS__PER_PERSON": '{"Ana": {"min_margin": 0.2}}',
        }
    )
    assert settings.enabled is False
    assert settings.inbox.polling == "on"
    assert settings.log.level == "debug"
    assert settings.api.allow_private_urls == ("nas.lan", "192.168.1.0/24", "fe80::1")
    assert settings.notify.quiet_between == (time(22), time(7, 30))
    assert settings.library_path_in_immich == PurePosixPath("/mnt/smartsort/library")
    assert settings.thresholds.per_person["Ana"].min_margin == 0.2
    assert load(inbox={"polling": False}).inbox.polling == "off"
    assert load().library_path_in_immich == PurePosixPath("/no/data/library")
    assert load().notify.quiet_between is None


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://immich:2283", "http://immich:2283"),
        ("http://immich:2283/", "http://immich:2283"),
        ("https://home.example/photos/api/", "https://home.example/photos/api"),
        ("http://[::1]:2283/api", "http://[::1]:2283/api"),
    ],
)
def test_immichs_address_stays_as_written(url, kept):
    assert load({"SMARTSORT_IMMICH__URL": url}).immich.url == kept


def test_folders_lie_below_the_root_unless_absolute(tmp_path, monkeypatch):
    settings = load(
        {"SMARTSORT_DIRECTORIES__TRASH_DIR": "old/../bin", "SMARTSORT_DIRECTORIES__INBOX_DIR": "/in"}
    )
    assert settings.directories.trash_dir == Path("/no/data/bin")
    assert settings.directories.inbox_dir == Path("/in")
    assert settings.directories.ledger_file == Path("/no/data/smartsort.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert load({"SMARTSORT_ROOT": "here"}).root == tmp_path / "here"
    assert load({"SMARTSORT_ROOT": "~/photos"}).root == Path("/home/ana/photos")
    (tmp_path / "etc").mkdir()
    path = written(tmp_path / "etc", 'root = "store"', "a.toml")
    assert load_settings(path, {}, {}).root == tmp_path / "etc" / "store"


def test_a_root_that_is_no_utf8_survives():
    settings = load({"SMARTSORT_ROOT": "/no/data/\udcff"})
    assert bytes(settings.directories.inbox_dir) == b"/no/data/\xff/inbox"
    assert settings.redacted()["root"] == "/no/data/\\xff"
    json.dumps(settings.redacted()).encode()


def test_a_preset_stands_behind_what_is_set(tmp_path):
    cautious = load({"SMARTSORT_PRESET": "cautious"})
    assert cautious.thresholds.max_wrong_per_1000 == 0.5
    assert cautious.thresholds.min_confidence is None
    assert cautious.when_confidence_unknown == "review"
    assert cautious.origin("thresholds.max_wrong_per_1000") == "preset cautious"
    path = written(tmp_path, {"thresholds": {"max_wrong_per_1000": 3}})
    own = load({"SMARTSORT_PRESET": "cautious"}, config=path)
    assert own.thresholds.max_wrong_per_1000 == 3
    assert own.when_confidence_unknown == "review"
    assert load({"SMARTSORT_PRESET": "eager"}).multiple_faces == "each_person"
    assert load().preset is None


def test_unknown_variables_warn_and_suggest():
    settings = load(
        {
            "SMARTSORT_IMMICH_URL": "http://x",
            "SMARTSORT_TEST_SHARED": "/x",
            "SMARTSORT_LIVE_URL": "http://x",
            "SMARTSORT_TUI_THEME": "dark",
            "SMARTSORT_DATA": "/srv",
            "IMMICH_URL": "http://x",
        }
    )
    (warning,) = settings.warnings
    assert warning.startswith(
        "SMARTSORT_IMMICH_URL is no setting of smartsort and does nothing. Did you mean "
    )
    assert warning.endswith(" SMARTSORT_IMMICH__URL?")


def test_what_immich_needs_is_named():
    assert load().missing_for_immich() == ("immich.url", "immich.api_key")
    env = {"SMARTSORT_IMMICH__URL": "http://nas", "SMARTSORT_IMMICH__API_KEY": "key"}
    assert load(env).missing_for_immich() == ()


def test_settings_cannot_be_changed_and_can_be_checked_again():
    settings = load({"SMARTSORT_IMMICH__API_KEY": "key"})
    with pytest.raises(ValueError, match="frozen"):
        settings.enabled = False
    assert Settings.model_validate(settings.model_dump()).model_dump() == settings.model_dump()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "is not valid JSON: Expecting property name.* at line 1, column 2"),
        ("a.json", '{"api": {}, "api": {}}', "'api' stands twice in one table"),
        ("a.json", "[1]", "must hold a table of settings"),
        ("a.toml", "a = ", "is not valid TOML"),
        ("a.toml", "a = 1\na = 2", "is not valid TOML"),
        ("a.json", "[" * 100_000, "is not valid JSON"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path, name, content, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(config=written(tmp_path, content, name))
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: cannot be read \(No such file"):
        load({"SMARTSORT_CONFIG": str(tmp_path / "nowhere.toml")})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(config=tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(config=tmp_path / "latin.toml")
