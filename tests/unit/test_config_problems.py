"""A wrong value stops the start and says everything that is needed to repair it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smartsort.config import InvalidSettings, describe, load_settings
from smartsort.errors import ConfigurationError


def problems(env: dict[str, str] | None = None, file: Path | None = None, **flags: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {"SMARTSORT_ROOT": "/no/data"} | (env or {}), flags)
    assert isinstance(caught.value, InvalidSettings)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return [str(problem) for problem in caught.value.problems]


WRONG = [
    ("immich.url", "immich:2283", "must start with http:// or https://"),
    ("immich.url", "ftp://immich", "must start with http:// or https://"),
    ("immich.url", "http://", "has no host"),
    ("immich.url", "http://nas:port", "is not a URL"),
    ("immich.url", "http://nas:99999", "is not a URL"),
    ("immich.url", "http://na s", "without spaces"),
    ("immich.url", "http://nas/#x", "no ? and no #"),
    ("immich.library_path", "library", "must be an absolute path"),
    ("immich.library_path", "/mnt/../etc", "must be an absolute path"),
    ("immich.library_path", "/", "must be an absolute path"),
    ("immich.wait_time_seconds", "0", "a number from 0.1 to 3600"),
    ("immich.max_retries", "-1", "a whole number from 0 to 100"),
    ("immich.max_in_flight", "0", "a whole number, at least 1"),
    ("immich.shard_size", "many", "a whole number from 100 to 1000000"),
    ("immich.request_timeout_seconds", "inf", "a number, above 0 and at most 3600"),
    ("thresholds.min_confidence", "1.01", "a number from 0 to 1"),
    ("thresholds.min_confidence", "nan", "a number from 0 to 1"),
    ("thresholds.min_confidence", "60%", "a number from 0 to 1"),
    ("thresholds.max_faces_per_image", "0", "a whole number, at least 1"),
    ("thresholds.max_faces_per_image", "1.5", "a whole number, at least 1"),
    ("thresholds.per_person", "Ana", "must be written as JSON"),
    ("when_confidence_unknown", "maybe", "must be accept or review"),
    ("multiple_faces", "split", "must be review, each_person or main_face"),
    ("preset", "brave", "must be cautious, balanced or eager"),
    ("deduplication.action_on_duplicate", "delete", "must be move_to_review or skip"),
    ("enabled", "maybe", "must be true or false"),
    ("whitelist", "[1", "is not valid JSON"),
    ("api.port", "70000", "a whole number from 0 to 65535"),
    ("api.allow_private_urls", "10.0.0.0/40", "host names, addresses or networks"),
    ("api.allow_private_urls", "http://nas", "host names, addresses or networks"),
    ("notify.quiet_hours", "late", "a span of the day"),
    ("notify.quiet_hours", "08:00-08:00", "a span of the day"),
    ("notify.events", "sorted,everything", "must be 'sorted', 'needs_review' or 'health'"),
    ("inbox.polling", "sometimes", "must be auto, on or off"),
    ("trash.retention_days", "0", "trash.allow_zero"),
    ("trash.retention_days", "-1", "a whole number, at least 0"),
    ("log.format", "xml", "must be text or json"),
    ("directories.trash_dir", "/no/data/library/trash", "lies inside directories.library_dir"),
    ("directories.library_dir", "/no/data/faces/library", "lies inside directories.final_base"),
    ("directories.final_base", "library/../library/faces", "Immich would import everything in it"),
    ("directories.review_base", "faces", "is the same folder as"),
    ("directories.library_dir", "/no/data", "must not be the root itself"),
    ("directories.library_dir", "/", "must not be the root itself"),
    ("directories.ledger_file", "library/smartsort.db", "lies inside directories.library_dir"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG)
def test_a_wrong_value_is_told_with_key_variable_value_and_what_is_allowed(key, value, allowed):
    variable = "SMARTSORT_" + key.replace(".", "__").upper()
    found = problems({variable: value})
    assert len([line for line in found if allowed in line]) == 1, found
    assert all(line.startswith(f"{key}") or "directories." in line for line in found)
    if not key.startswith("directories."):
        (line,) = found
        assert f"({variable})" in line
        assert value.strip("[]").split(",")[-1] in line


def test_all_problems_are_listed_at_once():
    found = problems(
        {
            "SMARTSORT_THRESHOLDS__MIN_CONFIDENCE": "2",
            "SMARTSORT_API__PORT": "x",
            "SMARTSORT_TRASH__RETENTION_DAYS": "0",
            "SMARTSORT_WHITELIST": "John Doe",
        },
        blacklist=["john_doe"],
        thresholds={"minconfidence": 1},
    )
    assert [line.partition(" ")[0] for line in found] == [
        "blacklist",
        "thresholds.min_confidence",
        "trash.retention_days",
        "api.port",
        "thresholds.minconfidence",
    ]
    assert "(as 'John Doe')" in found[0]


def test_the_message_of_the_error_is_the_list():
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"SMARTSORT_ROOT": "/no/data", "SMARTSORT_API__PORT": "x"}, {"enabled": 7})
    assert str(caught.value) == (
        "2 settings are wrong:\n"
        "  enabled = 7 (command line): must be true or false\n"
        '  api.port = "x" (SMARTSORT_API__PORT): must be a whole number from 0 to 65535'
    )


def test_a_root_that_cannot_be_looked_into_is_told(tmp_path):
    """As one whose folder smartsort's user may not enter."""
    root = tmp_path / ("x" * 300)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"SMARTSORT_ROOT": str(root)}, {})
    assert str(caught.value) == (
        f"{root}/smartsort.toml: cannot be looked for (File name too long). "
        "Give smartsort's user access to it"
    )


def test_a_missing_root_is_told_and_hides_nothing():
    with pytest.raises(InvalidSettings) as caught:
        load_settings(None, {}, {"api.port": -1})
    root, port = caught.value.problems
    assert (
        str(root)
        == "root: is not set. Give the folder that holds everything, for example SMARTSORT_ROOT=/data"
    )
    assert port.key == "api.port"


@pytest.mark.parametrize(
    ("content", "suggestion"),
    [
        ({"whitelists": []}, "whitelists ({file}): is no setting. Did you mean whitelist?"),
        ({"immich": {"URL": "x"}}, "immich.URL ({file}): is no setting. Did you mean immich.url?"),
        (
            {"immich": {"api-key": "x"}},
            "immich.api-key ({file}): is no setting. Did you mean immich.api_key?",
        ),
        ({"max_retries": 2}, "Did you mean api.download.max_retries or immich.max_retries?"),
        ({"min_confidence": 0.5}, "Did you mean thresholds.min_confidence?"),
        ({"smart_downloads": {}}, "Did you mean smart_download?"),
        ({"log": {"colour": True}}, "log.colour ({file}): is no setting. There are format, level"),
        ({"thresholds": 3}, "thresholds ({file}): must be a table of settings"),
        (
            {"thresholds": {"per_person": {"Ana": {"min": 1}}}},
            "thresholds.per_person.Ana.min ({file}): is no setting",
        ),
        ({"thresholds": {"max_faces_per_image": True}}, "must be a number, not true or false"),
        ({"enabled": None, "immich": None, "x": 1}, "x ({file}): is no setting"),
        ({"root": ""}, "must not be empty"),
        ({"whitelist": ["Ana", " "]}, "must not contain an empty name"),
        ({"whitelist": ["Ana", 3]}, "whitelist.1"),
    ],
)
def test_wrong_keys_and_values_of_a_file(tmp_path, content, suggestion):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(content))
    with pytest.raises(InvalidSettings) as caught:
        load_settings(file, {} if "root" in content else {"SMARTSORT_ROOT": "/no/data"}, {})
    (problem,) = caught.value.problems
    assert suggestion.format(file=file) in str(problem)


def test_nothing_is_said_about_a_setting_whose_partner_is_wrong():
    (line,) = problems({"SMARTSORT_TRASH__ALLOW_ZERO": "perhaps", "SMARTSORT_TRASH__RETENTION_DAYS": "0"})
    assert line.startswith("trash.allow_zero")


def test_zero_days_are_allowed_when_confirmed():
    env = {
        "SMARTSORT_ROOT": "/no/data",
        "SMARTSORT_TRASH__RETENTION_DAYS": "0",
        "SMARTSORT_TRASH__ALLOW_ZERO": "true",
    }
    assert load_settings(None, env, {}).trash.retention_days == 0


def test_folders_that_are_one_through_a_link_are_found(tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "faces").symlink_to(tmp_path / "library")
    (line,) = problems({"SMARTSORT_ROOT": str(tmp_path)})
    assert "is the same folder as" in line


def test_the_machine_learning_service_is_not_immich():
    (line,) = problems({"SMARTSORT_IMMICH__URL": "http://nas", "SMARTSORT_IMMICH__ML_URL": "http://nas/"})
    assert line.startswith("immich.ml_url")


@pytest.mark.parametrize(
    "mapping", [{"/data": ""}, {"/data": "photos"}, {"data": "/photos"}, {"/": "/photos"}]
)
def test_a_mapping_of_paths_that_say_nothing_is_refused(mapping):
    with pytest.raises(InvalidSettings) as caught:
        load_settings(None, {"SMARTSORT_ROOT": "/no/data"}, {"backfill.path_mapping": mapping})
    (problem,) = caught.value.problems
    assert problem.key.startswith("backfill.path_mapping")
    assert "must be an absolute path" in problem.message


TABLES = ("thresholds.per_person", "backfill.path_mapping")


@pytest.mark.parametrize("key", [row.key for row in describe() if row.key not in TABLES])
def test_every_setting_refuses_a_table(key):
    with pytest.raises(InvalidSettings) as caught:
        load_settings(None, {"SMARTSORT_ROOT": "/no/data"}, {key: {"no": "such thing"}})
    (problem,) = caught.value.problems
    assert problem.key == key
    assert problem.message
