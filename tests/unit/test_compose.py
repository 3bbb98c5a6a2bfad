"""The compose files are valid and do the right thing merged with one like Immich's."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from importlib import resources
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from smartsort.config import describe, load_settings

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "compose"
ENV = {
    "SMARTSORT_DATA": "/srv/smartsort",
    "UPLOAD_LOCATION": "./library",
    "DB_DATA_LOCATION": "./postgres",
    "DB_PASSWORD": "secret",
    "DB_USERNAME": "postgres",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")
# What makes an entry of these lists the same as another one; the later file wins.
_UNIQUE = {
    "volumes": lambda entry: _volume(entry)["target"],
    "secrets": lambda entry: entry,
    "ports": lambda entry: entry,
}
_REPLACED = ("command", "entrypoint", "test")


class NotSet(Exception):
    """A `${VARIABLE:?message}` without the variable."""


class Replaced:
    """What stands behind `!override` or `!reset`: it takes the place of the other file's value."""

    def __init__(self, value):
        self.value = value


class ComposeLoader(yaml.SafeLoader):
    """YAML with the two tags of Compose."""


def _replaced(loader, _, node):
    read = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_scalar
    return Replaced(read(node))


ComposeLoader.add_multi_constructor("!", _replaced)


def interpolated(value, env):
    """The value with its variables filled in, by Compose's rules."""
    if isinstance(value, Replaced):
        return Replaced(interpolated(value.value, env))
    if isinstance(value, dict):
        return {key: interpolated(part, env) for key, part in value.items()}
    if isinstance(value, list):
        return [interpolated(part, env) for part in value]
    if not isinstance(value, str):
        return value

    def fill(found: re.Match[str]) -> str:
        name, operator, argument = found.groups()
        text = env.get(name)
        missing = not text if (operator or "").startswith(":") else text is None
        if missing and operator and operator.endswith("?"):
            raise NotSet(argument)
        return argument if missing and operator else text or ""

    return _VARIABLE.sub(fill, value)


def merged(base, over, name=""):
    """Two compose files in one: tables key by key, lists appended, unique entries replaced."""
    if isinstance(over, Replaced):
        return over.value
    if isinstance(base, dict) and isinstance(over, dict):
        keys = [*base, *(key for key in over if key not in base)]
        return {
            key: merged(base[key], over[key], key)
            if key in base and key in over
            else base.get(key, over.get(key))
            for key in keys
        }
    if isinstance(base, list) and isinstance(over, list) and name not in _REPLACED:
        if name not in _UNIQUE:
            return base + [entry for entry in over if entry not in base]
        entries = {_UNIQUE[name](entry): entry for entry in base}
        return list((entries | {_UNIQUE[name](entry): entry for entry in over}).values())
    return over


def _volume(entry):
    """Source, target and whether it is read-only, of the short and the long form."""
    if isinstance(entry, dict):
        return {"source": entry.get("source"), "target": entry["target"], "ro": entry.get("read_only", False)}
    source, target, *mode = entry.split(":")
    return {"source": source, "target": target, "ro": "ro" in mode}


def read(path, env=ENV):
    return interpolated(yaml.load(path.read_text(), ComposeLoader), env)


@pytest.fixture
def over():
    return read(ROOT / "compose.override.yml")


@pytest.fixture
def immich():
    return read(DATA / "immich.yml")


@pytest.fixture
def both(immich, over):
    return merged(immich, over)


def schemas():
    yield "subset", json.loads((DATA / "subset.schema.json").read_text())
    if importlib.util.find_spec("check_jsonschema"):
        vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
        yield "compose-spec", json.loads(vendored.read_text())


@pytest.mark.parametrize("schema", [pytest.param(schema, id=name) for name, schema in schemas()])
def test_the_files_fit_the_compose_specification(schema, over, immich, both):
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.check_schema(schema)
    for file in (over, immich, both, yaml.safe_load((ROOT / "compose.override.yml").read_text())):
        validator.validate(file)
    for damage in ({"volums": []}, {"read_only": 3}, {"cap_drop": "ALL"}, {"user": 3}):
        broken = copy.deepcopy(both)
        broken["services"]["smartsort"] |= damage
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(broken)


def test_immichs_own_services_keep_everything(immich, both):
    added = both["services"].pop("smartsort")
    assert added
    library = both["services"]["immich-server"]["volumes"].pop()
    assert _volume(library)["target"] == "/mnt/smartsort/library"
    assert both["services"] == immich["services"]
    assert both["volumes"] == immich["volumes"]
    assert both["name"] == immich["name"]


def test_immich_sees_the_library_only_and_cannot_write_there(both):
    for name, service in both["services"].items():
        shared = [
            _volume(v) for v in service.get("volumes", ()) if "/srv/smartsort" in str(_volume(v)["source"])
        ]
        if name == "immich-server":
            assert shared == [
                {"source": "/srv/smartsort/library", "target": "/mnt/smartsort/library", "ro": True}
            ]
        elif name != "smartsort":
            assert shared == []


def test_both_sides_mean_the_same_folder(both, tmp_path):
    service = both["services"]["smartsort"]
    (tmp_path / "key").write_text("key")
    env = service["environment"] | {
        "SMARTSORT_ROOT": "/data",
        "SMARTSORT_IMMICH__API_KEY_FILE": str(tmp_path / "key"),
    }
    nothing_more = tmp_path / "smartsort.toml"
    nothing_more.touch()  # and not what lies at /data on this machine
    settings = load_settings(nothing_more, env, {})
    assert settings.warnings == ()
    assert settings.missing_for_immich() == ()
    (data,) = [_volume(entry) for entry in service["volumes"]]
    assert data == {"source": "/srv/smartsort", "target": str(settings.root), "ro": False}
    (seen,) = [
        _volume(entry)
        for entry in both["services"]["immich-server"]["volumes"]
        if _volume(entry)["target"] == str(settings.immich.library_path)
    ]
    inside = PurePosixPath(settings.directories.library_dir).relative_to(data["target"])
    assert seen["source"] == str(PurePosixPath(data["source"]) / inside)
    for url in (settings.immich.url, settings.immich.ml_url):
        assert urlsplit(url).hostname in both["services"]
    assert set(service["depends_on"]) <= set(both["services"])


def test_only_known_variables_are_passed(both):
    known = {row.env for row in describe()} | {"TZ", "UMASK"}
    environment = both["services"]["smartsort"]["environment"]
    assert set(environment) <= known
    assert "env_file" not in both["services"]["smartsort"], "it would hand over the database password"


def test_the_key_is_a_secret_file(both):
    service = both["services"]["smartsort"]
    path = service["environment"]["SMARTSORT_IMMICH__API_KEY_FILE"]
    assert path == "/run/secrets/" + service["secrets"][0]
    assert set(service["secrets"]) == set(both["secrets"])
    assert "SMARTSORT_IMMICH__API_KEY" not in service["environment"]


def test_the_commented_lines_for_an_admin_key_fit_too(immich):
    text = (ROOT / "compose.override.yml").read_text()
    text = re.sub(
        r"^( *)# (.*(?:smartsort_admin_api_key.*|file: \./smartsort-admin.*))$",
        r"\1\2",
        text,
        flags=re.MULTILINE,
    )
    both = merged(immich, interpolated(yaml.safe_load(text), ENV))
    jsonschema.validate(both, json.loads((DATA / "subset.schema.json").read_text()))
    assert set(both["services"]["smartsort"]["secrets"]) == set(both["secrets"])
    assert len(both["secrets"]) == 2


def test_the_port_is_bound_to_loopback(both):
    assert both["services"]["smartsort"]["ports"] == ["127.0.0.1:8484:8484"]


def test_the_container_may_do_little(both):
    service = both["services"]["smartsort"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"] == "1000:1000"
    assert any(entry.startswith("/tmp") for entry in service["tmpfs"])
    assert "privileged" not in service
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert all("docker.sock" not in str(entry) for entry in service["volumes"])


def test_nothing_but_the_folder_is_needed_before_setup():
    """The first command is `docker compose run --rm smartsort setup`: no key and no clone are there yet."""
    smartsort = read(ROOT / "compose.override.yml", {"SMARTSORT_DATA": "/srv/smartsort"})
    service = smartsort["services"]["smartsort"]
    # Without a pull policy Compose pulls first, and builds only what it cannot pull.
    assert service["image"].endswith("/smartsort:latest")
    assert (service["build"], service.get("pull_policy")) == ("./smartsort", None)
    assert smartsort["secrets"]["smartsort_api_key"]["file"] == "/dev/null"


def test_both_addresses_can_be_chosen():
    there = {
        "SMARTSORT_IMMICH__URL": "http://10.0.0.2:2283",
        "SMARTSORT_IMMICH__ML_URL": "http://10.0.0.3:3003",
    }
    environment = read(ROOT / "compose.override.yml", ENV | there)["services"]["smartsort"]["environment"]
    assert {name: environment[name] for name in there} == there


def test_the_guide_names_no_page_that_is_not_there():
    text = (ROOT / "compose.override.yml").read_text()
    document = (ROOT / "sidecar" / "docs" / "how-to" / "install-compose.md").read_text()
    assert "page" not in text
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document):
        assert (ROOT / "sidecar" / "docs" / "how-to" / target).is_file(), target
    for path in re.findall(r"sidecar/docs/[\w./-]+", text):
        assert (ROOT / path).is_file(), path
    for host in ("SELinux", "Podman", "Portainer", "Unraid", "systemd"):
        assert f"**{host}" in document or f" {host}" in document


def test_a_missing_data_folder_is_told():
    without = {name: text for name, text in ENV.items() if name != "SMARTSORT_DATA"}
    with pytest.raises(NotSet, match=r"SMARTSORT_DATA=/srv/smartsort to \.env"):
        read(ROOT / "compose.override.yml", without)


def test_users_can_choose_ids_and_port():
    chosen = read(
        ROOT / "compose.override.yml", ENV | {"PUID": "99", "PGID": "100", "SMARTSORT_PORT": "9000"}
    )
    assert chosen["services"]["smartsort"]["user"] == "99:100"
    assert chosen["services"]["smartsort"]["ports"] == ["127.0.0.1:9000:8484"]


def test_every_variable_of_the_file_is_documented():
    text = (ROOT / "compose.override.yml").read_text()
    document = (ROOT / "sidecar" / "docs" / "how-to" / "install-compose.md").read_text()
    for name in sorted({found.group(1) for found in _VARIABLE.finditer(text)}):
        assert f"`{name}`" in document, name


def test_the_permissions_in_the_guide_are_those_the_adapter_needs():
    needs = json.loads((ROOT / "sidecar" / "smartsort" / "immich" / "needs.json").read_text())["operations"]
    document = (ROOT / "sidecar" / "docs" / "how-to" / "install-compose.md").read_text()
    listed = re.search(r"```text\n(asset\.read .*?)```", document, re.DOTALL).group(1)
    owner, admin = set(), set()
    for operation in needs:
        if operation["permission"] and not operation["optional"]:
            (admin if operation["admin"] else owner).add(operation["permission"])
    lines = [set(line.split()) for line in listed.splitlines()]
    assert lines[0] | lines[1] == owner
    assert lines[2] | lines[3] == admin


def test_merging_follows_composes_rules():
    base = {"a": {"volumes": ["x:/one", "y:/two:ro"], "command": ["1"], "tmpfs": ["/tmp"], "n": 1}}
    over = {
        "a": {
            "volumes": [{"type": "bind", "source": "z", "target": "/one"}],
            "command": ["2"],
            "tmpfs": ["/run"],
        }
    }
    assert merged(base, over) == {
        "a": {
            "volumes": [{"type": "bind", "source": "z", "target": "/one"}, "y:/two:ro"],
            "command": ["2"],
            "tmpfs": ["/tmp", "/run"],
            "n": 1,
        }
    }
    assert interpolated("${A}-${B:-b}-${C-c}-${D:-d}", {"A": "1", "C": "", "D": ""}) == "1-b--d"


# tests/live/compose.yml


@pytest.fixture
def live():
    return read(ROOT / "tests" / "live" / "compose.yml")


def test_the_live_file_makes_an_immich_beside_the_one_that_is_there(immich, live):
    both = merged(immich, live)
    (spec,) = [schema for name, schema in schemas() if name == "compose-spec"]
    server = both["services"]["immich-server"]
    # "null" written behind a tag is text to this loader; Compose takes the key away.
    for name in immich["services"]:
        assert both["services"][name].pop("container_name") == "null"
    jsonschema.validate(both, spec)
    assert server["ports"] == ["127.0.0.1:2284:2283"]
    assert server["image"] == immich["services"]["immich-server"]["image"]


def test_both_sides_of_the_live_test_mean_the_same_folder(immich, live):
    both = merged(immich, live)["services"]
    environment = both["smartsort"]["environment"]
    assert set(environment) == {
        f"SMARTSORT_LIVE_{name}" for name in ("URL", "API_KEY", "ROOT", "LIBRARY_PATH")
    }
    mounts = {_volume(entry)["target"]: _volume(entry) for entry in both["smartsort"]["volumes"]}
    seen = {_volume(entry)["target"]: _volume(entry) for entry in both["immich-server"]["volumes"]}
    root = mounts[environment["SMARTSORT_LIVE_ROOT"]]
    library = seen[environment["SMARTSORT_LIVE_LIBRARY_PATH"]]
    assert (library["source"], library["ro"]) == (f"{root['source']}/library", True)
    assert (root["ro"], mounts["/clone"]["ro"]) == (False, True)
    assert urlsplit(environment["SMARTSORT_LIVE_URL"]).hostname == "immich-server"


def test_the_live_tests_run_only_when_asked_for(live):
    service = live["services"]["smartsort"]
    assert service["profiles"] == ["tests"]
    assert service["command"][-1].rstrip().endswith("pytest -n 0 tests/live")
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name in service["environment"]:
        assert f"`{name}`" in text
    assert "$" not in service["command"][-1], "Compose would fill it in"
