"""The pinned versions agree with each other and with what the project asks for."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("smartsort_tools_lock", ROOT / "tools" / "lock.py")
lock = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lock)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of what the tool reads, brought into agreement; running anything would be noticed."""
    (tmp_path / "tools").mkdir()
    for name in ("pyproject.toml", *lock.LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(lock.subprocess, "run", None)
    assert lock.main(["--pins", "--root", str(tmp_path)]) == 0
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_this_checkout_agrees():
    assert list(lock.disagreements(ROOT)) == []


def test_the_pins_are_what_uv_reads(checkout):
    assert lock.main(["--check", "--root", str(checkout)]) == 0
    uv = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["uv"]
    locked = lock.pins((checkout / lock.RUNTIME).read_text()) + lock.pins((checkout / lock.DEV).read_text())
    assert sorted(uv["constraint-dependencies"]) == sorted(locked)
    assert any(pin.startswith("hatchling==") for pin in uv["build-constraint-dependencies"])


def test_writing_the_pins_twice_changes_nothing(checkout):
    before = (checkout / "pyproject.toml").read_text()
    assert lock.main(["--pins", "--root", str(checkout)]) == 0
    assert (checkout / "pyproject.toml").read_text() == before
    assert before.count(lock.BEGIN) == before.count(lock.END) == 1


def test_runtime_and_development_are_apart():
    runtime = {name for name, _ in lock._blocks((ROOT / lock.RUNTIME).read_text())}
    dev = {name for name, _ in lock._blocks((ROOT / lock.DEV).read_text())}
    assert {"fastapi", "textual", "gallery-dl", "yt-dlp"} <= runtime
    assert {"pytest", "ruff", "mypy"} <= dev
    assert not runtime & dev


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("pyproject.toml", ('    "click>=8.2",', '    "click>=99",'), "click .* is not click>=99"),
        ("pyproject.toml", ('    "click>=8.2",', '    "left-pad>=1",'), "left-pad is not pinned"),
        ("pyproject.toml", ("click==", "click==0."), "constraints are not those of the locks"),
        ("requirements.lock", ("click==", "click==0."), "constraints are not those of the locks"),
        ("requirements.lock", ("click==", "click>="), "click has no exact version"),
        ("requirements.lock", ("click==", "--find-links x://y\nclick=="), "holds an address"),
        ("tools/dev.lock", ("pytest==", "lonely==1\npytest=="), "lonely has no hash"),
    ],
)
def test_every_disagreement_is_named(checkout, capsys, name, change, message):
    replace(checkout / name, *change)
    assert lock.main(["--check", "--root", str(checkout)]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_missing_lock_is_named(checkout):
    (checkout / lock.BUILD).unlink()
    assert "tools/build.lock is missing; run python tools/lock.py" in list(lock.disagreements(checkout))


def test_packages_with_several_versions_keep_their_markers():
    text = (
        'numpy==2.2 ; python_full_version < "3.12" \\\n    --hash=sha256:aa\n'
        "# a remark\n"
        "Numpy==2.4 ; python_full_version >= '3.12' \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    )
    assert lock.pins(text) == [
        "numpy==2.2 ; python_full_version < '3.12'",
        "Numpy==2.4 ; python_full_version >= '3.12'",
    ]
    assert [name for name, _ in lock._blocks(text)] == ["numpy", "numpy"]
