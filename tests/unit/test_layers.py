"""Who imports whom: the contracts of `.importlinter`, and what a contract cannot say."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SIDECAR = REPOSITORY / "sidecar" / "smartsort"
TERMINAL = REPOSITORY / "tui" / "smartsort_tui"

HEAVY = (
    "PIL",
    "apprise",
    "fastapi",
    "httpx",
    "immich_client",
    "prometheus_client",
    "pydantic",
    "rich",
    "smartsort.demo",
    "smartsort.immich",
    "smartsort_tui",
    "sqlite_utils",
    "starlette",
    "textual",
    "uvicorn",
    "watchfiles",
)


def imports_of(path):
    """(line, module) of every absolute import, those inside functions and TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.lineno, node.module


def test_the_contracts_are_kept():
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "layers" not in ran.stderr
    assert " 0 broken" in ran.stdout


def cycles_of(*packages):
    """The groups of modules that import each other, also inside functions or for their types alone."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    upstream = {module: graph.find_upstream_modules(module) for module in graph.modules}
    groups = {
        frozenset({module, *(other for other in above if module in upstream[other])})
        for module, above in upstream.items()
    }
    return sorted(sorted(group) for group in groups if len(group) > 1)


def test_no_two_modules_import_each_other():
    assert cycles_of("smartsort", "smartsort_tui") == []


def test_a_cycle_through_types_and_functions_is_found(tmp_path, monkeypatch):
    package = tmp_path / "round"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from round import b\n"
    )
    (package / "b.py").write_text("def late():\n    from round.c import x\n")
    (package / "c.py").write_text("import round.a\n")
    (package / "apart.py").write_text("from round import a\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert cycles_of("round") == [["round.a", "round.b", "round.c"]]


def test_the_core_imports_the_standard_library_only():
    modules = sorted((SIDECAR / "core").rglob("*.py"))
    assert modules
    wrong = [
        f"{path}:{line} {module}"
        for path in modules
        for line, module in imports_of(path)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not (module == "smartsort.core" or module.startswith("smartsort.core."))
    ]
    assert wrong == []


@pytest.mark.parametrize("clock_or_disk", ["os", "pathlib", "logging", "time", "random", "uuid", "sqlite3"])
def test_the_core_asks_nobody_for_time_chance_or_files(clock_or_disk):
    wrong = [
        f"{path}:{line}"
        for path in (SIDECAR / "core").rglob("*.py")
        for line, module in imports_of(path)
        if module.partition(".")[0] == clock_or_disk
    ]
    assert wrong == []


def test_the_terminal_ui_takes_schemas_and_the_version_only():
    wrong = [
        f"{path}:{line} {module}"
        for path in TERMINAL.rglob("*.py")
        for line, module in imports_of(path)
        if module.partition(".")[0] in ("smartsort", "immich_client")
        and module != "smartsort"
        and not module.startswith("smartsort.api.schemas.")
    ]
    assert wrong == []


def test_the_folders_that_hold_packages_are_none():
    for folder in ("sidecar", "tui", "openapi", "tests"):
        assert not (REPOSITORY / folder / "__init__.py").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["serve", "--help"], ["add", "--help"]])
def test_the_help_comes_without_what_it_does_not_need(arguments):
    """Measured: fastapi alone takes 200 ms, textual 137, apprise 86."""
    script = (
        "import sys\n"
        "from smartsort.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        f"    print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "loaded: []"


def test_the_sidecar_runs_without_what_it_does_not_need():
    """What `serve` has loaded once it listens is what it keeps in memory for as long as it runs."""
    needless = (
        "PIL",
        "apprise",
        "httpx._main",
        "pydantic.v1",
        "pygments",
        "rich",
        "smartsort.audit",
        "smartsort.demo",
        "smartsort.doctor",
        "smartsort.rescue",
        "smartsort_tui",
        "textual",
    )
    script = (
        "import sys\n"
        "from smartsort.cli.main import main\n"
        "try:\n"
        "    main(['serve', '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "from smartsort.cli.common import configure_logging\n"
        "configure_logging('info', 'text')\n"
        "import smartsort.api.app, smartsort.immich, smartsort.confidence, smartsort.service, uvicorn\n"
        f"print('loaded:', [name for name in {needless!r} if sys.modules.get(name) is not None])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "loaded: []"


def test_schemas_come_without_the_server():
    """What the terminal UI imports must not pull the sidecar in."""
    script = (
        "import importlib, pkgutil, sys, smartsort.api.schemas as shapes\n"
        "for one in pkgutil.iter_modules(shapes.__path__, shapes.__name__ + '.'):\n"
        "    importlib.import_module(one.name)\n"
        "print([n for n in ('fastapi', 'httpx', 'immich_client', 'smartsort.bootstrap', 'smartsort.ledger',"
        " 'sqlite_utils', 'uvicorn') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


def test_every_command_of_the_help_can_be_imported():
    from smartsort.cli.main import COMMANDS, cli

    for name, (_, text) in COMMANDS.items():
        command = cli.get_command(None, name)
        assert command is not None
        assert command.name == name
        assert text.endswith(".")
