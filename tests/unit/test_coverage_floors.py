"""`tools/coverage_floors.py` notices a package that is tested less than it was."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("coverage_floors", ROOT / "tools" / "coverage_floors.py")
assert _SPEC is not None
assert _SPEC.loader is not None
floors = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(floors)


def file(lines: int, run: int, branches: int = 0, taken: int = 0) -> dict[str, dict[str, int]]:
    counts = {"missing_lines": lines - run, "covered_lines": run}
    return {"summary": {**counts, "missing_branches": branches - taken, "covered_branches": taken}}


FILES = {
    "sidecar/smartsort/errors.py": file(10, 10),
    "sidecar/smartsort/core/decision.py": file(60, 60, 20, 18),
    "sidecar/smartsort/core/rules/base.py": file(20, 12),
    "tui/smartsort_tui/screens/review.py": file(50, 40, 50, 30),
}


def test_branches_count_and_a_package_takes_in_what_is_below_it() -> None:
    found = floors.percentages(FILES, {"smartsort": 0, "smartsort.core": 0, "smartsort_tui": 0})
    assert found == {"smartsort": 100.0, "smartsort.core": 90.0, "smartsort_tui": 70.0}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"smartsort": 100, "smartsort.core": 90, "smartsort_tui": 70}, []),
        ({"smartsort": 100, "smartsort.core": 90.1, "smartsort_tui": 70}, ["smartsort.core is at 90.0 %"]),
        ({"smartsort": 100, "smartsort.core": 90}, ["smartsort_tui.screens has no floor"]),
        (
            {"smartsort": 90, "smartsort_tui": 70, "smartsort.gone": 1},
            ["smartsort.gone has a floor and no file"],
        ),
    ],
)
def test_what_it_complains_about(wanted: dict[str, float], said: list[str]) -> None:
    lines = list(floors.complaints(floors.percentages(FILES, wanted), wanted))
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))


def test_every_package_has_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["tool"]["smartsort"]["coverage-floors"]
    source = ROOT / "sidecar" / "smartsort"
    packages = {f"smartsort.{found.parent.name}" for found in source.glob("*/__init__.py")}
    assert packages - {"smartsort.storage_test"} <= set(wanted)
    assert all(0 < floor <= 100 for floor in wanted.values())
