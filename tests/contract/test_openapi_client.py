"""The description of Immich that smartsort wrote, and what is generated from it."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from smartsort.immich.operations import operations

TOP = Path(__file__).resolve().parents[2]
# By libyaml: each process of a run reads it before its first test, and Python takes fifteen times as long.
SUBSET: dict[str, Any] = yaml.load(
    (TOP / "openapi" / "immich-subset.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader
)
EACH = [
    pytest.param(method, path, operation, id=operation["operationId"])
    for path, methods in SUBSET["paths"].items()
    for method, operation in methods.items()
]


def regenerate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("regenerate", TOP / "openapi" / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_committed_is_what_would_be_generated() -> None:
    assert regenerate().out_of_date() == [], "run: python openapi/regenerate.py"


def test_nothing_deletes() -> None:
    deleting = [path for path, methods in SUBSET["paths"].items() if "delete" in methods]
    assert deleting == ["/albums/{id}/assets"]
    granted = {each.permission for each in operations().values()}
    assert {name for name in granted if name.endswith(".delete")} == {"albumAsset.delete"}
    assert operations()["remove_assets_from_album"].optional


@pytest.mark.parametrize(("method", "path", "operation"), EACH)
def test_every_operation_says_what_it_needs(method: str, path: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"|[a-zA-Z]+\.[a-z]+", operation["x-smartsort-permission"])
    assert operation["summary"]
    assert len(operation["responses"]) == 1
    known = operations()[operation["operationId"]]
    assert (known.method, known.path) == (method.upper(), path)


def test_words_are_open() -> None:
    """No closed list and no format: a new word or another form of id must not make an answer unreadable."""

    def walk(node: Any) -> set[str]:
        if isinstance(node, dict):
            inner = set().union(*(walk(value) for value in node.values()))
            return inner | ({"enum", "pattern"} & node.keys()) | {str(node.get("format", "binary"))}
        return set().union(*(walk(each) for each in node)) if isinstance(node, list) else set()

    assert walk(SUBSET) == {"binary"}


def test_only_harmless_calls_are_repeated() -> None:
    repeated = {each.name for each in operations().values() if each.repeatable and each.method == "POST"}
    assert repeated == {"check_uploads", "search_assets"}


def test_only_the_adapter_imports_the_client() -> None:
    offenders = []
    for file in (TOP / "sidecar").rglob("*.py"):
        if "immich" in file.relative_to(TOP / "sidecar" / "smartsort").parts[:1]:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            offenders += [str(file) for name in names if name.split(".")[0] == "immich_client"]
    assert offenders == []
