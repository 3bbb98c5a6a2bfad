"""The wheel holds the product: all of it, and nothing that only tests or the documentation need."""

import zipfile
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import grimp
import pytest
from hatchling.builders.wheel import WheelBuilder

from smartsort.cli.main import COMMANDS
from smartsort_tui.app import SCREENS

ROOT = Path(__file__).parents[2]
PACKAGES = ("sidecar/smartsort", "tui/smartsort_tui", "openapi/immich_client")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel as `uv build` makes it, by the same backend in this process: no network is needed."""
    path = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel"))))
    with zipfile.ZipFile(path) as archive:
        yield archive


def beside_the_packages(name):
    return name.partition("/")[0].endswith(".dist-info")


def entry_points(wheel):
    """The modules that a command starts in."""
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    parser = ConfigParser()
    parser.read_string(wheel.read(name).decode())
    scripts = dict(parser["console_scripts"])
    assert scripts == {"smartsort": "smartsort.cli.main:main", "smartsort-tui": "smartsort_tui.cli:main"}
    return {target.partition(":")[0] for target in scripts.values()}


def test_the_wheel_holds_the_three_packages_whole_and_nothing_else(wheel):
    sources = {
        path.relative_to((ROOT / package).parent).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if not beside_the_packages(name)} == sources
    assert {"smartsort/py.typed", "smartsort_tui/py.typed", "smartsort_tui/smartsort.tcss"} <= sources
    assert "smartsort/immich/needs.json" in sources


def test_the_wheel_brings_its_licence_and_its_version(wheel):
    beside = {Path(name).name for name in wheel.namelist() if beside_the_packages(name)}
    assert beside == {"LICENSE", "METADATA", "RECORD", "WHEEL", "entry_points.txt"}
    [name] = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    assert f"\nVersion: {metadata.version('smartsort')}\n" in wheel.read(name).decode()


def test_every_module_of_the_wheel_is_used_by_a_command(wheel):
    """A module that no command reaches by imports serves tests or documentation: it belongs there."""
    graph = grimp.build_graph("smartsort", "smartsort_tui", cache_dir=None)
    # `smartsort` imports its commands by name, the terminal UI its screens, and the demo starts the latter.
    reached, found = set(), {*entry_points(wheel), "smartsort_tui.__main__"}
    found |= {module for module, _ in COMMANDS.values()}
    found |= {f"smartsort_tui.screens.{place.partition('.')[0]}" for place in SCREENS.values()}
    while found:
        module = found.pop()
        reached.add(module)
        package = module.rpartition(".")[0]
        found |= ({package} if package else set()) | graph.find_modules_directly_imported_by(module)
        found -= reached
    assert sorted(graph.modules - reached) == []
