"""Compare the branch coverage of each package with its floor: `python tools/coverage_floors.py FOLDER`.

`tests/branches.py` measures, and wrote to that folder. The floors stand in pyproject.toml under
`[tool.smartsort.coverage-floors]`. A package counts with all below it, unless that has a floor of its own.
Ends with 1 when one is below its floor.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slipcover import Slipcover, merge_coverage

ROOT = Path(__file__).parents[1]
SOURCES = ("sidecar/smartsort", "tui/smartsort_tui")
NOT_MEASURED = "sidecar/smartsort/storage_test/"
"""Runs in processes that are killed, where nothing can be written down."""


WHICH, WHAT = ("covered", "missing"), ("lines", "branches")


def percentages(files: Mapping[str, Any], floors: Mapping[str, float]) -> dict[str, float]:
    """The lines and branches that were run, in per cent of a package's; `files` as slipcover has them."""
    run, all_of_it = Counter[str](), Counter[str]()
    for name, file in files.items():
        package = package_of(name, floors)
        summary = file["summary"]
        run[package] += sum(summary[f"covered_{what}"] for what in WHAT)
        all_of_it[package] += sum(summary[f"{which}_{what}"] for which in WHICH for what in WHAT)
    return {package: 100 * run[package] / count for package, count in sorted(all_of_it.items()) if count}


def package_of(file: str, floors: Mapping[str, float]) -> str:
    """The nearest package with a floor, by the path of a file; else the package itself."""
    own = Path(file).parts[1:-1]  # behind `sidecar` or `tui`
    above = (".".join(own[:count]) for count in range(len(own), 0, -1))
    return next((package for package in above if package in floors), ".".join(own))


def complaints(found: Mapping[str, float], floors: Mapping[str, float]) -> Iterator[str]:
    """A line for each package below its floor, without one, or gone."""
    for package, percentage in found.items():
        floor = floors.get(package)
        if floor is None:
            yield f"{package} has no floor: it is at {percentage:.1f} %"
        elif percentage < floor:
            yield f"{package} is at {percentage:.1f} %, its floor is {floor} %: test what is new"
    yield from (f"{package} has a floor and no file" for package in floors.keys() - found.keys())


def main() -> int:
    """The command."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors = project["tool"]["smartsort"]["coverage-floors"]
    # Begins with every file there is: a module that no test imports counts, too.
    measured = Slipcover(branch=True, source=[str(ROOT / source) for source in SOURCES]).get_coverage()
    for file in sorted((ROOT / sys.argv[1]).glob("*.json")):
        merge_coverage(measured, json.loads(file.read_text(encoding="utf-8")))
    files = {name: file for name, file in measured["files"].items() if not name.startswith(NOT_MEASURED)}
    found = percentages(files, floors)
    for package, percentage in found.items():
        sys.stdout.write(f"{percentage:6.1f} %  {package}\n")
    wrong = list(complaints(found, floors))
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
