"""Changelog fragments: every one has a kind, reads as text for users, and a release can be made of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
KINDS = {kind["directory"]: kind["name"] for kind in CONFIG["type"]}
FRAGMENTS = [path for path in (ROOT / CONFIG["directory"]).iterdir() if path.name != "README.md"]


def build(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--version", "9.9.9", "--date", "2026-01-01", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def checkout(tmp_path):
    for name in ("pyproject.toml", CONFIG["filename"]):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / CONFIG["directory"], tmp_path / CONFIG["directory"])
    return tmp_path


def section(text, kind):
    """The entries of one kind in the newest release."""
    return text.partition(f"### {kind}\n\n")[2].partition("\n### ")[0].partition("\n## ")[0]


def test_every_fragment_has_a_kind_and_a_sentence():
    for path in FRAGMENTS:
        assert re.fullmatch(rf"(\d+|\+[\w-]+)\.({'|'.join(KINDS)})(\.\d+)?\.md", path.name), path.name
        assert path.read_text().strip().endswith((".", "!", "`")), path.name


def test_the_readme_lists_the_kinds():
    text = (ROOT / CONFIG["directory"] / "README.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(KINDS)


def test_a_release_collects_the_fragments_and_keeps_what_is_there(checkout):
    before = (checkout / "CHANGELOG.md").read_text()
    (checkout / "changelog.d" / "42.added.md").write_text("The queue can be sorted by name.\n")
    (checkout / "changelog.d" / "+word.fixed.md").write_text("A word was wrong.\n")
    draft = build(checkout, "--draft")
    assert draft.returncode == 0, draft.stderr
    assert (checkout / "CHANGELOG.md").read_text() == before
    ran = build(checkout, "--keep")
    assert ran.returncode == 0, ran.stderr
    after = (checkout / "CHANGELOG.md").read_text()
    head, new, rest = after.partition("\n## 9.9.9\n")
    assert new
    assert before.startswith(head.rstrip() + "\n")
    assert "- The queue can be sorted by name. (#42)\n" in section(rest, "Added")
    assert "- A word was wrong.\n" in section(rest, "Fixed")
    assert rest.endswith(before.partition("-->")[2].lstrip())


def test_a_fragment_without_a_kind_stops_the_build(checkout):
    (checkout / "changelog.d" / "42.nonsense.md").write_text("Something.\n")
    ran = build(checkout, "--draft")
    assert ran.returncode != 0
    assert "42.nonsense.md" in ran.stdout + ran.stderr
