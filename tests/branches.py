"""Branch coverage, written to the folder that `SMARTSORT_TEST_COVERAGE` names, a file for each process.

slipcover puts probes into the modules that are imported. They stay: to take them out where they were passed
saves nothing, and looks into the locals of all that runs. The tracer of coverage.py makes Python 3.11 run all
code of a process at half its speed, be it measured or not.
`tools/coverage_floors.py` reads the files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = tuple(ROOT / folder for folder in ("sidecar/smartsort", "tui/smartsort_tui"))


class Measured:
    """A plugin of one of pytest-xdist's processes."""

    def __init__(self, folder: Path, process: str) -> None:
        import slipcover

        self._file = folder / f"{process}.json"
        self._probes = slipcover.Slipcover(branch=True, d_miss_threshold=-1)
        slipcover.ImportManager(self._probes, slipcover.FileMatcher(sources=SOURCES)).__enter__()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._probes.get_coverage()), encoding="utf-8")


def measured() -> Measured | None:
    """Measure what is imported from here on, where it is asked for and in a process that runs tests."""
    process = os.environ.get("PYTEST_XDIST_WORKER")
    # Taken out of the environment: a pytest that a test starts would write to the same file.
    folder = process and os.environ.pop("SMARTSORT_TEST_COVERAGE", None)
    return Measured(ROOT / folder, process) if folder and process else None
