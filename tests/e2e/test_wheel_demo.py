"""`uvx smartsort demo`: the wheel alone, in an empty folder, far from any clone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_demo_runs_from_the_wheel_in_an_empty_folder(tmp_path):
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist")))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "smartsort.cli.main", "demo", "--once", "--count", "12"]
    ran = subprocess.run(
        [*command, "--profile", "instant"],
        cwd=empty,
        # Before the clone that this Python has installed, in every process that the demo starts.
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "COLUMNS": "250", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "all 12 photos are accounted for and where they were expected" in ran.stdout
    # A clone would be named by `uv run`, which has nothing to run here.
    programs = os.path.dirname(sys.executable)
    assert f"Review    {programs}/smartsort demo --review" in ran.stdout
    assert f"Your own  {programs}/smartsort setup" in ran.stdout
    assert "uv run" not in ran.stdout
    assert [path.name for path in empty.iterdir()] == ["smartsort-demo"]
