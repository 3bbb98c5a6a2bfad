"""A run that leaves a file in the checkout fails, and says which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTEST_ADDOPTS": ""}
    # What no test in there uses takes most of such a run's time.
    without = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:asyncio")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.checkout", *without, *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with a test that leaves a tracked file as it is."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    (tmp_path / ".gitignore").write_text("kept/\n__pycache__/\n.pytest_cache/\n")
    (tmp_path / "mine.txt").write_text("not committed, and there before\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "page.md").write_text("committed\n")
    author = ["-c", "user.name=A Developer", "-c", "user.email=developer@example.com"]
    subprocess.run(["git", "add", "test_it.py", ".gitignore", "page.md"], cwd=tmp_path, check=True)
    subprocess.run(["git", *author, "commit", "-q", "-m", "first"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_clean_run_passes(checkout: Path) -> None:
    done = run(checkout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("-n", "2")])
@pytest.mark.parametrize("left", ["smartsort-review.csv", "kept/.cache/manifest.json"])
def test_a_file_left_behind_fails_the_run(checkout: Path, left: str, options: tuple[str, ...]) -> None:
    """Seen whether git ignores it or not, by the process that controls the run."""
    (checkout / "test_it.py").write_text(
        "from pathlib import Path\n\n"
        f"def test_it():\n    path = Path({left!r})\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n    path.write_text('left')\n"
    )
    done = run(checkout, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count(f"left behind in the checkout: {left.removesuffix('.cache/manifest.json')}") == 1


def test_a_changed_file_is_named(checkout: Path) -> None:
    """Somebody may be working on it, so the run does not fail."""
    (checkout / "test_it.py").write_text("def test_it():\n    open('page.md', 'w').close()\n")
    done = run(checkout)
    assert done.returncode == 0
    assert "changed meanwhile: page.md" in done.stdout


def test_without_git_nothing_is_compared(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): open('left', 'w').close()\n")
    assert run(tmp_path).returncode == 0


def test_a_test_starts_in_its_own_folder(tmp_path: Path) -> None:
    assert Path.cwd() == tmp_path
