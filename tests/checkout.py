"""A run leaves the checkout as it was: this pytest plugin fails a run that left a new file there.

`tests/conftest.py` loads it. With xdist only the controlling process looks, before and after all tests.
A tracked file may change because a developer edits it meanwhile: it is named, and `.ci/run` fails for it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_BEFORE = pytest.StashKey[set[str]]()

# What pytest, its plugins, the linters and uv keep in a checkout, ignored by git.
CACHES = {
    ".venv",
    ".mutmut",
    ".pytest_cache",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
}
NEW = ("??", "!!")


def changes(root: Path) -> set[str] | None:
    """What git says of files that differ from the commit, caches left out; None outside a git checkout.

    Only of those below `root`: a copy for mutation testing lies in a checkout that is being edited.
    """
    command = ["git", "--no-optional-locks", "status", "--porcelain", "--no-renames", "--ignored", "-z"]
    command += ["--", "."]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = filter(None, done.stdout.decode(errors="surrogateescape").split("\0"))
    return {line for line in found if not {*Path(line[3:]).parts} & {*CACHES, "__pycache__"}}


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    controls = not hasattr(session.config, "workerinput")
    if controls and (before := changes(session.config.rootpath)) is not None:
        session.config.stash[_BEFORE] = before


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    before = session.config.stash.get(_BEFORE, None)
    if before is None or not (left := (changes(session.config.rootpath) or set()) - before):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reporter.ensure_newline()
    for line in sorted(left):
        what = "left behind in the checkout" if line.startswith(NEW) else "changed meanwhile"
        reporter.write_line(f"{what}: {line[3:]}", red=line.startswith(NEW), bold=True)
    if any(line.startswith(NEW) for line in left):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
