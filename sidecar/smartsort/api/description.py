"""What the OpenAPI description says beyond what FastAPI finds by itself."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

from smartsort.api import schemas
from smartsort.api.examples import EXAMPLES


def complete(description: dict[str, Any]) -> dict[str, Any]:
    """Add summaries, examples, and what the fields mean to an OpenAPI description. Return it."""
    for methods in description["paths"].values():
        for operation in methods.values():
            operation["summary"] = re.split(r"\.(?:\s|$)", operation["description"], maxsplit=1)[0]
    shapes = description["components"]["schemas"]
    for name, example in EXAMPLES.items():
        if name in shapes:
            shapes[name]["examples"] = [example]
    for shape, field, text in _fields():
        if field in shapes.get(shape, {}).get("properties", ()):
            shapes[shape]["properties"][field].setdefault("description", text)
    return description


def _fields() -> Iterator[tuple[str, str, str]]:
    """Yield shape, field and text for each field with a docstring below it.

    They are read from the source when a client asks for the description: reading them when the shapes are
    made would slow every start.
    """
    for module in pkgutil.iter_modules(schemas.__path__):
        source = inspect.getsource(importlib.import_module(f"{schemas.__name__}.{module.name}"))
        for shape in ast.parse(source).body:
            if not isinstance(shape, ast.ClassDef):
                continue
            for field, text in zip(shape.body, shape.body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                ):
                    yield shape.name, field.target.id, inspect.cleandoc(str(text.value.value))
