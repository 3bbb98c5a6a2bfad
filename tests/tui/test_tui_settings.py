"""Options, environment, file; and the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.tui.sample.waiting import NOON

from smartsort import __version__
from smartsort_tui.cli import command
from smartsort_tui.export import export_file
from smartsort_tui.keys import check_keys, check_theme, key_bindings
from smartsort_tui.settings import KNOWN_SETTINGS, Settings, SettingsProblem, export_places, load


def env(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path), **more}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / ".config" / "smartsort" / "tui.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_without_anything_the_sidecar_is_on_this_machine(tmp_path: Path) -> None:
    settings = load(env(tmp_path))
    assert (settings.url, settings.token, settings.images) == ("http://127.0.0.1:8484", None, "auto")


def test_in_the_container_nothing_has_to_be_given(tmp_path: Path) -> None:
    (tmp_path / "api-token").write_text("of-the-root\n")
    settings = load(env(tmp_path, SMARTSORT_ROOT=str(tmp_path), SMARTSORT_API__PORT="9000"))
    assert (settings.url, settings.token) == ("http://127.0.0.1:9000", "of-the-root")


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, 'url = "http://file"\ntoken = "file"\ntheme = "nord"\n[keys]\n"review.reject" = "x"')
    file = load(env(tmp_path))
    assert (file.url, file.token, file.theme, file.keys) == (
        "http://file", "file", "nord", {"review.reject": "x"},
    )  # fmt: skip
    both = env(tmp_path, SMARTSORT_URL="http://env", SMARTSORT_TOKEN="env")
    assert (load(both).url, load(both).token) == ("http://env", "env")
    option = load(both, url="http://option", token="option")
    assert (option.url, option.token) == ("http://option", "option")


def test_the_token_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(" abc \n")
    assert load(env(tmp_path), token_file=str(secret)).token == "abc"
    assert load(env(tmp_path, SMARTSORT_TOKEN_FILE=str(secret))).token == "abc"


def test_the_token_is_not_shown() -> None:
    assert "geheim" not in repr(Settings(token="geheim"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("url = [", "is not TOML"),
        ("url = 7", "url must be text"),
        ('urll = "x"', "unknown setting 'urll'"),
        ('images = "braille"', "must be one of"),
        ("keys = 7", r"\[keys\] holds lines"),
        ('token_file = "/nowhere/at/all"', "cannot read the token"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsProblem, match=says):
        load(env(tmp_path))


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match="there is no settings file"):
        load(env(tmp_path), config=str(tmp_path / "no.toml"))


def test_an_unknown_key_name_is_refused_with_a_hint() -> None:
    with pytest.raises(SettingsProblem, match=r"Did you mean review\.reject\?"):
        check_keys({"reject": "d"})
    check_keys({"review.reject": "d"})


def test_every_key_has_a_name_of_its_own() -> None:
    names = key_bindings()
    assert len(names) > 50
    assert all("." in name for name in names)


def test_the_version_and_the_help_start_nothing() -> None:
    assert CliRunner().invoke(command, ["--version"]).output == f"smartsort-tui {__version__}\n"
    program = "import sys; from smartsort_tui import cli; print([m for m in sys.modules if m in %r])"
    heavy = ["textual", "httpx", "pydantic", "PIL", "smartsort.api.schemas"]
    done = subprocess.run([sys.executable, "-c", program % heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_terminal_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smartsort_tui"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "this needs a terminal" in done.stderr
    assert "Traceback" not in done.stderr


def test_of_smartsort_only_the_shapes_and_their_words_are_imported() -> None:
    program = (
        "import sys, smartsort_tui.app, smartsort_tui.keys as k; k.key_bindings();"
        "print(sorted(m for m in sys.modules if m.partition('.')[0] in ('smartsort', 'immich_client')"
        " and not m.startswith('smartsort.api.schemas.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # The shapes take their words, categories and states, from the core's enumerations.
    words = ["smartsort.core", "smartsort.core.model"]
    assert done.stdout.strip() == str(["smartsort", "smartsort.api", "smartsort.api.schemas", *words])


def test_the_documentation_names_every_option_and_setting() -> None:
    text = (Path(__file__).parents[2] / "sidecar" / "docs" / "reference" / "terminal-ui.md").read_text(
        encoding="utf-8"
    )
    options = {option for parameter in command.params for option in parameter.opts}
    assert [name for name in options - {"--version", "--help"} if f"`{name}`" not in text] == []
    assert [name for name in KNOWN_SETTINGS if f"`{name}`" not in text and f"`[{name}]`" not in text] == []


def test_settings_below_the_root_stay_when_the_container_is_made_anew(tmp_path: Path) -> None:
    root, home = tmp_path / "data", tmp_path / "home"
    root.mkdir()
    (root / "tui.toml").write_text('theme = "nord"')
    in_container = env(home, SMARTSORT_ROOT=str(root))
    assert load(in_container).theme == "nord"
    write(home, 'theme = "dracula"')
    assert load(in_container).theme == "dracula"


async def pieces() -> AsyncIterator[bytes]:
    yield b"id"


async def test_an_export_goes_where_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = tmp_path / "data", tmp_path / "home"
    for folder in (root, home):
        folder.mkdir()
    container = env(home, SMARTSORT_ROOT=str(root))
    monkeypatch.chdir("/")
    assert export_places(None, container) == [root / "exports", home]
    path = await export_file(pieces(), export_places(None, container), NOON)
    assert path == root / "exports" / "smartsort-review-20250614-120000.csv"
    monkeypatch.chdir(home)
    assert export_places(None, container)[0] == home
    # A file in the way cannot be written below, whoever runs the test.
    (tmp_path / "file").write_text("")
    path = await export_file(pieces(), [tmp_path / "file", home], NOON)
    assert path.parent == home
    with pytest.raises(OSError, match="file"):
        await export_file(pieces(), export_places(str(tmp_path / "file"), container), NOON)
    assert sorted(os.listdir(home)) == [path.name]


def test_an_unknown_theme_is_refused_in_one_line() -> None:
    check_theme("smartsort-light")
    check_theme("nord")
    with pytest.raises(
        SettingsProblem, match="theme = 'solarised': must be one of smartsort-dark, "
    ) as caught:
        check_theme("solarised")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"review.reject": "x"}, "'x' is bound twice, to review.reject and review.rule_out"),
        ({"review.reject": "y,q"}, "'q' is bound twice, to app.quit and review.reject"),
        ({"review.skip": "d", "review.rule_out": "d"}, "'d' is bound twice"),
        ({"review.skip": "/"}, "'slash' is bound twice"),
        ({"people.search": "home"}, "'home' is bound twice, to people.search and list.first"),
    ],
)
def test_a_key_bound_twice_is_refused_in_one_line(keys: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsProblem, match=says) as caught:
        check_keys(keys)
    assert "\n" not in str(caught.value)


def test_keys_that_change_places_are_bound_once() -> None:
    check_keys({"review.reject": "x", "review.rule_out": "r"})
    check_keys({"review.approve": "a,space", "checks.confirm": "y"})
    check_keys({"leave_out.take": "home", "deletions.decline": "home"})  # a dialog lies over the list


def test_as_shipped_no_key_is_bound_twice() -> None:
    check_keys({name: binding.key for name, binding in key_bindings().items()})
