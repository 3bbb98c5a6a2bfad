"""Which tests run which lines: measured by coverage, kept in `.mutmut/reach/`, file by file."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import click
from coverage import CoverageData

ROOT = Path(__file__).parents[2]
CODE = Path("sidecar/smartsort")
WORK = ROOT / ".mutmut"
KEPT = WORK / "reach"

MEASURED = ("core", "files", "ledger", "actions", "pipeline.routing")
TESTS = (
    "tests/integration/**/test_*.py",
    *(
        f"tests/unit/test_{topic}*.py"
        for topic in ("confidence", "core", "face", "files", "older", "pipeline")
    ),
    *(f"tests/faults/test_{topic}*.py" for topic in ("damaged", "manual", "power")),
)
"""Tests that call the packages themselves. Those that go through HTTP or other processes notice only more."""

AT_ONCE = 24
"""So many test files are measured, then kept."""

PYTEST = ("-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutants")
"""With fewer examples of each property: what they notice, all of them notice."""

FEWER_KILLS = {"SMARTSORT_TEST_KILL_EVERY": "20"}
"""The same for tests that kill at each step."""


@functools.cache
def functions(text: str) -> dict[int, str]:
    """Return the function or method around each line of a module."""
    found: dict[int, str] = {}

    def look(inside: ast.Module | ast.ClassDef, name: str) -> None:
        for node in inside.body:
            if isinstance(node, ast.ClassDef):
                look(node, f"{name}{node.name}.")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.update(dict.fromkeys(range(node.lineno, node.end_lineno + 1), f"{name}{node.name}"))

    look(ast.parse(text), "")
    return found


def statement(text: str, line: int) -> str:
    """Return the first line of the statement that a line of a module belongs to."""
    around = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.stmt)]
    first = max((n.lineno for n in around if n.lineno <= line <= n.end_lineno), default=line)
    return text.splitlines()[first - 1]


def renew(processes: int) -> None:
    """Measure the test files that changed since they were measured."""
    KEPT.mkdir(parents=True, exist_ok=True)
    files = sorted({path for pattern in TESTS for path in ROOT.glob(pattern)})
    place = {path: KEPT / f"{path.stem}-{_digest(path)}.json" for path in files}
    for old in set(KEPT.iterdir()) - {*place.values()}:
        old.unlink()
    waiting = [path for path in files if not place[path].exists()]
    while waiting:
        click.echo(f"{len(waiting)} files of tests are to be measured", err=True)
        some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        for path, found in _measured(some, processes).items():
            place[path].write_text(json.dumps(found))


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.relative_to(ROOT)).encode() + path.read_bytes()).hexdigest()[:16]


def _measured(files: Sequence[Path], processes: int) -> dict[Path, dict[str, object]]:
    config, data, times = (WORK / name for name in ("measuring.toml", "coverage", "times.xml"))
    packages = [f"smartsort.{package}" for package in MEASURED]
    config.write_text(f"[tool.coverage.run]\nsource_pkgs = {packages}\ndata_file = '{data}'\n")
    command = [sys.executable, "-m", "pytest", *PYTEST, f"-n{processes}", f"--junit-xml={times}", "--cov"]
    command += [f"--cov-config={config}", "--cov-report=", "--cov-context=test", *map(str, files)]
    with (WORK / "reach.log").open("w") as log:
        done = subprocess.run(
            command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | FEWER_KILLS, check=False
        )
    if done.returncode not in (0, 1):
        raise click.ClickException(f"the tests cannot be measured; see {WORK / 'reach.log'}")
    took = _times(times)
    found = {path: ({}, {}) for path in files}
    for line, test, served in _contexts(data):
        path = ROOT / test.partition("::")[0]
        seconds, lines = found[path]
        key = test.replace(".py::", ".").replace("::", ".").replace("/", ".")
        if key in took:
            seconds[test] = took[key]
            lines.setdefault(line, set()).add("" if served else test)
    return {path: _numbered(*each) for path, each in found.items()}


def _numbered(seconds: Mapping[str, float], lines: Mapping[str, set[str]]) -> dict[str, object]:
    number = {test: n for n, test in enumerate(seconds)}
    every = sorted(number.values())
    return {
        "tests": list(seconds.items()),
        "lines": {
            line: every if "" in tests else sorted(number[t] for t in tests) for line, tests in lines.items()
        },
    }


def _times(path: Path) -> dict[str, float]:
    """The seconds of each test that passed."""
    return {
        f"{case.get('classname')}.{case.get('name')}": float(case.get("time", 0))
        for case in ET.parse(path).iter("testcase")
        if not any(case.find(bad) is not None for bad in ("failure", "error", "skipped"))
    }


def _contexts(path: Path) -> Iterator[tuple[str, str, bool]]:
    """(a line, a test that ran it, whether it did so for all of its file) for each line that was run."""
    data = CoverageData(str(path))
    data.read()
    shared = functools.cache(lambda file: 'scope="module"' in (ROOT / file).read_text())
    for file in data.measured_files():
        text = Path(file).read_text()
        texts, around = text.splitlines(), functions(text)
        for number, contexts in data.contexts_by_lineno(file).items():
            for context in filter(None, contexts if number in around else ()):
                test, _, phase = context.rpartition("|")
                line = known_by(Path(file), around[number], texts[number - 1])
                yield line, test, phase == "setup" and shared(test.partition("::")[0])


def known_by(file: Path, function: str, line: str) -> str:
    """Name a line by its function and text: what only moves is still known."""
    return f"{file.relative_to(ROOT / CODE)} {function} {line.strip()}"


def tests_of(lines: Collection[str]) -> dict[str, dict[str, float]]:
    """Return the tests that run each line, or else its function, with their seconds."""
    functions = {_function(line) for line in lines}
    exact: dict[str, dict[str, float]] = {line: {} for line in lines}
    near: dict[str, dict[str, float]] = {function: {} for function in functions}
    for path in KEPT.iterdir():
        known = json.loads(path.read_text())
        for line, numbers in known["lines"].items():
            if (function := _function(line)) in functions:
                tests = dict(known["tests"][n] for n in numbers)
                near[function] |= tests
                if line in exact:
                    exact[line] |= tests
    return {line: tests or near[_function(line)] for line, tests in exact.items()}


def of_files(names: Sequence[str]) -> dict[str, float]:
    """Return all tests of some files, with their seconds."""
    every: dict[str, float] = {}
    for path in KEPT.iterdir():
        every |= dict(json.loads(path.read_text())["tests"])
    return {test: seconds for test, seconds in every.items() if test.startswith(tuple(names))}


def _function(line: str) -> str:
    return " ".join(line.split(" ", 2)[:2])
