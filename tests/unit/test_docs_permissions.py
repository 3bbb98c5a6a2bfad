"""The documentation of permissions, rules, commands and capabilities is what the code says."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from smartsort import __version__
from smartsort.cli.main import COMMANDS
from smartsort.config import describe, load_settings
from smartsort.core.model import Category
from smartsort.core.rules import RULES
from smartsort.doctor.permissions import EXTRAS, NEEDS, Key, excess, holds, needed
from smartsort.immich.capabilities import Capabilities
from smartsort.immich.operations import operations

TOP = Path(__file__).parents[2]
DOCS = TOP / "sidecar" / "docs"
OWN = [path.relative_to(DOCS).with_suffix("").as_posix() for path in sorted(DOCS.rglob("*.md"))]


def document(name: str) -> str:
    return (DOCS / f"{name}.md").read_text("utf-8")


def test_every_permission_is_one_that_an_operation_needs_and_the_other_way_round() -> None:
    asked = {each.permission for each in operations().values() if each.permission}
    assert {need.permission for need in NEEDS} | set(EXTRAS) == asked
    assert not {need.permission for need in NEEDS} & set(EXTRAS)
    for need in NEEDS:
        uses = [each for each in operations().values() if each.permission == need.permission]
        assert any(each.admin for each in uses) is (need.key is Key.ADMIN), need
        assert all(each.optional for each in uses) is bool(need.settings), need


def test_nothing_that_deletes_is_needed() -> None:
    settings = load_settings(None, {"SMARTSORT_ROOT": "/no/data"}, {})
    assert not [need.permission for need in needed(settings) if "delete" in need.permission.lower()]
    assert [need.permission for need in NEEDS if "delete" in need.permission] == ["albumAsset.delete"]


def test_what_a_key_can_do_too_much() -> None:
    both = (Key.OWNER, Key.ADMIN)
    every = [need.permission for need in NEEDS]
    assert excess([*every, *EXTRAS], both) == ()
    assert excess(["asset.read", "user.update", "asset.delete"], both) == ("asset.delete", "user.update")
    assert excess(["all"], both) == ("all",)
    assert excess(["user.read", "library.read", "face.read"], (Key.ADMIN,)) == ("face.read",)
    assert holds(["all"], "queue.read")
    assert not holds(["queue.read"], "queueJob.read")


def test_every_folder_and_prefix_stands_in_the_docs() -> None:
    for category in Category:
        assert f"review/{category.value}/" in document("reference/folders")
    for rule in RULES:
        assert f"`{rule.prefix}`" in document("reference/folders")


def test_every_command_stands_in_the_docs() -> None:
    for name, (_, text) in COMMANDS.items():
        assert f"| `smartsort {name}` | {text} |" in document("reference/cli")


def test_every_capability_stands_in_the_docs() -> None:
    named = [
        field.name for field in fields(Capabilities) if field.type == "bool" and field.name != "supported"
    ]
    assert named
    old, new = Capabilities.of((2, 5, 6)), Capabilities.of((3, 1, 0))
    for name in named:
        words = [("yes" if getattr(version, name) else "no") for version in (old, new)]
        assert f"| `{name}` | {words[0]} | {words[1]} |" in document("reference/limits")


@pytest.mark.parametrize("name", OWN)
def test_settings_that_are_named_exist(name: str) -> None:
    keys = {row.key for row in describe()} | {row.key.partition(".")[0] for row in describe()}
    groups = {key.partition(".")[0] for key in keys if "." in key}
    keys |= {key.rpartition(".")[0] for key in keys}
    for found in re.findall(r"`(\w+(?:\.\w+)+)`", document(name)):
        if found.partition(".")[0] in groups:
            assert found in keys, found


def test_the_changelog_knows_this_version() -> None:
    assert f"## {__version__}" in (TOP / "CHANGELOG.md").read_text("utf-8")
