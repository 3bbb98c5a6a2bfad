"""The documentation of the settings is the settings."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from smartsort.config import Settings, describe, load_settings

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "sidecar" / "docs" / "reference" / "settings.md"


def test_every_setting_has_a_description_and_says_what_is_allowed():
    rows = describe()
    assert len({row.key for row in rows}) == len(rows) == len({row.env for row in rows})
    for row in rows:
        assert re.fullmatch(r"[A-Z`].*[.]", row.description, re.DOTALL), row
        assert row.type
        assert row.default
    by_key = {row.key: row for row in rows}
    assert by_key["immich.url"].env == "SMARTSORT_IMMICH__URL"
    assert by_key["immich.api_key_file"].env == "SMARTSORT_IMMICH__API_KEY_FILE"
    assert by_key["api.port"].type == "a whole number from 0 to 65535"
    assert by_key["api.port"].default == "8484"


def test_numbers_with_a_unit_name_it():
    units = ("_seconds", "_bytes", "_days", "_hours", "_pixels", "_size", "_rate", "_area")
    units += ("_per_day", "_per_minute")
    for row in describe():
        if row.type.startswith(("a number", "a whole number")):
            last = row.key.rpartition(".")[2]
            counts = last.startswith(("max_", "min_")) or last in ("port", "keep") or "concurrency" in last
            assert counts or last.endswith(units), row.key


def test_the_defaults_are_valid_values():
    env = {"SMARTSORT_ROOT": "/no/data"}
    for row in describe():
        if row.default not in ("not set", "empty", "must be set"):
            env[row.env] = row.default
    written_out = load_settings(None, env, {})
    assert written_out.model_dump() == load_settings(None, {"SMARTSORT_ROOT": "/no/data"}, {}).model_dump()


def test_the_examples_of_the_document_load(tmp_path):
    text = DOCUMENT.read_text()
    secret = tmp_path / "secret"
    secret.write_text("key")
    toml = re.search(r"```toml\n(.*?)```", text, re.DOTALL).group(1)
    toml = toml.replace("/run/secrets/smartsort_api_key", str(secret))
    assert tomllib.loads(toml)
    (tmp_path / "a.toml").write_text(toml)
    from_toml = load_settings(tmp_path / "a.toml", {}, {})
    assert from_toml.missing_for_immich() == ()
    (tmp_path / "a.json").write_text(
        json.dumps(json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1)))
    )
    assert load_settings(tmp_path / "a.json", {}, {}).whitelist == from_toml.whitelist
    assert isinstance(from_toml, Settings)
