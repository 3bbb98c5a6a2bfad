"""Secrets come from variables and files and are never shown."""

from __future__ import annotations

import json
import os
import traceback

import pytest
from pydantic import SecretStr

from smartsort.config import InvalidSettings, Settings, describe, load_settings

KEY = "k3y-of-the-owner-0123456789"


def load(env: dict[str, str], config=None, **flags: object) -> Settings:
    return load_settings(config, {"SMARTSORT_ROOT": "/no/data"} | env, flags)


def refused(env: dict[str, str], config=None, **flags: object) -> str:
    with pytest.raises(InvalidSettings) as caught:
        load(env, config, **flags)
    shown = "".join(traceback.format_exception(caught.value))
    assert "k3y-" not in shown
    assert str(caught.value) in shown
    return str(caught.value)


def in_file(folder, text: str | bytes, name: str = "secret") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"\ufeff{KEY}\r\n\n"])
def test_a_key_is_read_from_its_file(tmp_path, text):
    settings = load({"SMARTSORT_IMMICH__API_KEY_FILE": in_file(tmp_path, text)})
    assert settings.immich.api_key == SecretStr(KEY)


def test_a_device_stands_for_no_file(tmp_path):
    """Compose mounts /dev/null where no key file is given: what `setup` has written counts."""
    config = in_file(tmp_path, f'root = "/no/data"\nimmich.api_key = "{KEY}"\n', "smartsort.toml")
    settings = load({"SMARTSORT_IMMICH__API_KEY_FILE": os.devnull}, config)
    assert settings.immich.api_key == SecretStr(KEY)
    assert settings.immich.api_key_file is None
    assert settings.warnings == ()
    assert load({"SMARTSORT_IMMICH__API_KEY_FILE": os.devnull}).immich.api_key is None


def test_every_secret_can_stand_in_a_file(tmp_path):
    file = in_file(tmp_path, KEY)
    web = in_file(tmp_path, "ntfy://one/k3y-a\n\nntfy://two/k3y-b\n", "urls")
    settings = load(
        {
            "SMARTSORT_IMMICH__ADMIN_API_KEY_FILE": file,
            "SMARTSORT_API__TOKEN_FILE": file,
            "SMARTSORT_NOTIFY__WEBHOOK__SECRET_FILE": file,
            "SMARTSORT_NOTIFY__URLS_FILE": web,
            "SMARTSORT_API__TOKENS": json.dumps([{"name": "tv", "token_file": file, "scopes": ["review"]}]),
        }
    )
    assert settings.immich.admin_api_key == SecretStr(KEY)
    assert settings.api.token == SecretStr(KEY)
    assert settings.notify.webhook.secret == SecretStr(KEY)
    assert [url.get_secret_value() for url in settings.notify.urls] == [
        "ntfy://one/k3y-a",
        "ntfy://two/k3y-b",
    ]
    assert settings.api.tokens[0].token == SecretStr(KEY)
    assert settings.api.tokens[0].scopes == ("review",)
    assert "k3y-" not in json.dumps(settings.redacted()) + repr(settings) + settings.model_dump_json()


def test_a_relative_file_lies_beside_the_configuration(tmp_path):
    in_file(tmp_path, KEY, "key")
    config = tmp_path / "a.json"
    config.write_text(
        json.dumps(
            {"immich": {"api_key_file": "key"}, "api": {"tokens": [{"name": "a", "token_file": "key"}]}}
        )
    )
    settings = load({}, config)
    assert settings.immich.api_key == SecretStr(KEY)
    assert settings.api.tokens[0].token == SecretStr(KEY)


def test_a_key_and_a_file_that_differ_are_an_error(tmp_path):
    file = in_file(tmp_path, "k3y-another")
    message = refused({"SMARTSORT_IMMICH__API_KEY": KEY, "SMARTSORT_IMMICH__API_KEY_FILE": file})
    assert "immich.api_key" in message
    assert "api_key_file are both set and differ" in message
    same = in_file(tmp_path, KEY, "same")
    env = {"SMARTSORT_IMMICH__API_KEY": KEY, "SMARTSORT_IMMICH__API_KEY_FILE": same}
    assert load(env).immich.api_key == SecretStr(KEY)


def test_the_stronger_source_replaces_the_other_form(tmp_path):
    config = tmp_path / "a.json"
    config.write_text(json.dumps({"immich": {"api_key": "k3y-old"}}))
    settings = load({"SMARTSORT_IMMICH__API_KEY_FILE": in_file(tmp_path, KEY)}, config)
    assert settings.immich.api_key == SecretStr(KEY)
    (warning,) = settings.warnings
    assert warning.startswith("immich.api_key (")
    assert "k3y-" not in warning
    config.write_text(json.dumps({"immich": {"api_key_file": "/nowhere"}}))
    assert load({"SMARTSORT_IMMICH__API_KEY": KEY}, config).immich.api_key == SecretStr(KEY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. It must hold the secret"),
        (b" \n\t\n", "is empty. It must hold the secret"),
        (b"\xff\xfe\x00", "must be a text file"),
        (b"x" * 70_000, "is too large"),
        (b"k3y-one\nk3y-two\n", "without spaces or line breaks"),
        ("k3y-ä".encode(), "without spaces or line breaks"),
    ],
)
def test_a_bad_secret_file_is_named(tmp_path, content, message):
    file = in_file(tmp_path, content)
    said = refused({"SMARTSORT_IMMICH__API_KEY_FILE": file})
    assert message in said
    assert "immich.api_key" in said
    assert "(SMARTSORT_IMMICH__API_KEY_FILE)" in said


def test_a_missing_or_unreadable_secret_file_is_named(tmp_path):
    said = refused({"SMARTSORT_IMMICH__API_KEY_FILE": str(tmp_path / "none")})
    assert "cannot be read (No such file or directory)" in said
    assert f"immich.api_key_file = {tmp_path / 'none'}" in said
    assert "is a folder" in refused({"SMARTSORT_API__TOKEN_FILE": str(tmp_path)})
    if os.geteuid():
        locked = in_file(tmp_path, KEY)
        os.chmod(locked, 0)
        assert "Permission denied" in refused({"SMARTSORT_IMMICH__API_KEY_FILE": locked})


def test_no_error_shows_a_secret():
    said = refused(
        {
            "SMARTSORT_IMMICH__API_KEY": "k3y-with a space",
            "SMARTSORT_IMMICH__URL": "http://me:k3y-pass@nas",
            "SMARTSORT_IMMICH__ML_URL": "http://nas/?token=k3y-query",
            "SMARTSORT_API__TOKENS": '[{"name": "a b", "token": "k3y-1"}, {"token": "k3y-2", "nam": "x"}]',
            "SMARTSORT_NOTIFY__URLS": "k3y-no-url",
            "SMARTSORT_NOTIFY__WEBHOOK__URL": "k3y-no-url",
        },
        immich={"apikey": "k3y-mistyped"},
        log={"level": "loud"},
    )
    for key in (
        "immich.api_key",
        "immich.url",
        "immich.ml_url",
        "notify.urls",
        "notify.webhook.url",
        "api.tokens.1.nam",
    ):
        assert f"{key}" in said, key


def test_a_secret_in_the_wrong_place_is_masked():
    said = refused({"SMARTSORT_IMMICH__API_KEY": KEY, "SMARTSORT_IMMICH__URL": KEY})
    assert 'immich.url = "********"' in said


def test_broken_json_is_not_quoted():
    assert "is not valid JSON" in refused({"SMARTSORT_API__TOKENS": '[{"token": "k3y-broken"'})


def test_tokens_need_a_secret_and_a_name_of_their_own():
    assert "api.tokens.0.token" in refused({}, api={"tokens": [{"name": "a"}]})
    twice = [{"name": "a", "token": "k3y-1"}, {"name": "a", "token": "k3y-2"}]
    assert "must have names that differ" in refused({}, api={"tokens": twice})
    assert "is no setting" in refused(
        {}, api={"tokens": [{"name": "a", "token": "k3y-1", "scope": ["admin"]}]}
    )
    nothing = [{"name": "a", "token": "k3y-1", "scopes": []}]
    assert "api.tokens.0.scopes" in refused({}, api={"tokens": nothing})


def test_the_redacted_view_masks_all_that_is_secret():
    values = {
        "immich.api_key": KEY,
        "immich.admin_api_key": KEY,
        "api.token": KEY,
        "api.tokens": [{"name": "a", "token": KEY}],
        "notify.urls": [f"ntfy://h/{KEY}"],
        "notify.webhook.url": f"https://h/{KEY}?x={KEY}",
        "notify.webhook.secret": KEY,
        "notify.ntfy.url": f"https://h/{KEY}",
        "notify.ntfy.token": KEY,
        "notify.telegram.token": KEY,
    }
    assert {row.key for row in describe() if row.secret} == set(values)
    settings = load({}, None, **values, **{"notify.address": "https://h", "notify.telegram.chat": "1"})
    view = settings.redacted()
    assert KEY not in json.dumps(view) + repr(settings) + str(settings) + settings.model_dump_json()
    assert view["immich"]["api_key"] == "********"
    assert view["api"]["tokens"] == [
        {"name": "a", "token": "********", "token_file": None, "scopes": ["intake"]}
    ]
    assert load({}).redacted()["immich"]["api_key"] is None


def test_a_short_token_is_only_remarked():
    settings = load({"SMARTSORT_API__TOKEN": "short"})
    assert settings.api.token == SecretStr("short")
    assert "api.token is shorter than 16 characters" in settings.warnings[0]
