"""The command line: its help, its errors in one line, and the settings it shows."""

import json
import logging
import os

import click
import pytest
from click.testing import CliRunner

from smartsort import __version__
from smartsort.cli import common
from smartsort.cli.logged import MOST
from smartsort.cli.main import COMMANDS, cli, main


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No setting of this machine counts."""
    for name in list(os.environ):
        if name.startswith("SMARTSORT_") and not name.startswith("SMARTSORT_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


def run(*arguments):
    return CliRunner().invoke(cli, arguments)


def exits(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_the_help_lists_every_command_with_what_it_does():
    said = run("--help")
    assert said.exit_code == 0
    for name, (_, text) in COMMANDS.items():
        assert name in said.output
        assert text.split()[0] in said.output
    assert run("-h").output == said.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_of_its_own(name):
    said = run(name, "--help")
    assert said.exit_code == 0
    assert said.output.startswith("Usage:")


def test_the_version():
    assert __version__ in run("--version").output


def test_an_unknown_command_is_named():
    said = run("sortt")
    assert said.exit_code == 2
    assert "No such command 'sortt'" in said.output


def test_a_wrong_setting_stops_the_start_with_one_clear_message(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SMARTSORT_ROOT", os.fspath(tmp_path / "root"))
    monkeypatch.setenv("SMARTSORT_THRESHOLDS__MIN_CONFIDENCE", "7")
    code, out, err = exits(capsys, "config")
    assert (code, out) == (2, "")
    assert err.startswith("smartsort: ")
    assert "SMARTSORT_THRESHOLDS__MIN_CONFIDENCE" in err
    assert '"7"' in err
    assert "from 0 to 1" in err
    assert "Traceback" not in err
    assert not (tmp_path / "root").exists()


def test_serve_without_an_immich_says_what_to_set(capsys, monkeypatch, tmp_path, logging_as_before):
    monkeypatch.setenv("SMARTSORT_ROOT", os.fspath(tmp_path / "root"))
    code, _, err = exits(capsys, "serve", "--port", "0")
    assert code == 2
    assert "SMARTSORT_IMMICH__URL" in err
    assert "SMARTSORT_IMMICH__API_KEY" in err


def test_config_shows_values_and_origins_and_hides_secrets(monkeypatch, tmp_path):
    monkeypatch.setenv("SMARTSORT_ROOT", os.fspath(tmp_path))
    monkeypatch.setenv("SMARTSORT_IMMICH__API_KEY", "very-secret-key")
    monkeypatch.setenv("SMARTSORT_WHITELIST", "john_doe, Zoë")
    monkeypatch.setenv("COLUMNS", "240")
    table = run("config")
    assert table.exit_code == 0, table.output
    assert "whitelist" in table.output
    assert "SMARTSORT_WHITELIST" in table.output
    values = json.loads(run("config", "--json").output)
    assert values["whitelist"] == ["john_doe", "Zoë"]
    assert values["immich"]["api_key"] == "********"
    assert "very-secret-key" not in table.output + json.dumps(values)


def test_the_log_is_text_for_people_or_json_for_machines(capsys, logging_as_before):
    common.configure_logging("info", "text")
    logging.getLogger("smartsort.x").info("hello %s", "there")
    logging.getLogger("smartsort.x").debug("not this")
    text = capsys.readouterr().err
    assert "hello there" in text
    assert "not this" not in text
    common.configure_logging("info", "json")
    try:
        int("what?")
    except ValueError:
        logging.getLogger("smartsort.x").exception("it failed")
    [line] = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["logger"]) == ("it failed", "error", "smartsort.x")
    assert "ValueError: invalid literal" in said["exception"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_error_in_the_log_tells_no_values_of_variables(capsys, logging_as_before, form):
    common.configure_logging("info", form)
    secret = "not-for-the-log"
    try:
        int(secret[:4])
    except ValueError:
        logging.getLogger("smartsort.x").exception("it failed")
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert secret not in said


def test_the_log_of_a_command_ends_with_it(logging_as_before):
    """What threads log after that would meet a stream that is closed."""
    before = logging_as_before.handlers[:], logging_as_before.level

    @click.command()
    def command():
        common.configure_logging("info", "text")
        for _ in range(MOST + 3):
            logging.getLogger("smartsort.x").warning("again")

    said = CliRunner().invoke(command).stderr
    assert (logging_as_before.handlers, logging_as_before.level) == before
    assert said.count("again") == MOST + 1
    assert "(repeated 3 times)" in said


def test_a_request_is_not_worth_a_line_of_the_log(capsys, logging_as_before):
    common.configure_logging("info", "text")
    logging.getLogger("httpx").info("HTTP Request: GET /api/people")
    assert capsys.readouterr().err == ""


def test_the_demo_refuses_to_write_into_the_photos_it_only_reads(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    said = run("demo", "--once", "--photos", ".")
    assert said.exit_code == 2
    assert "--dir" in said.output
    assert os.listdir(tmp_path) == ["a.jpg"]
