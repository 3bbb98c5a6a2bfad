"""Write everything that follows from `immich-subset.yaml`: the client, and `needs.json` for the sidecar.

    python openapi/regenerate.py            write both
    python openapi/regenerate.py --check    write nothing; exit 1 and name the files that are out of date

Neither is ever edited by hand. The client is generated into an empty folder, so that nothing of an older
description survives, and formatted by the pinned ruff with fixed options, so that it is the same everywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SUBSET = HERE / "immich-subset.yaml"
CLIENT = HERE / "immich_client"
NEEDS = HERE.parent / "sidecar" / "smartsort" / "immich" / "needs.json"
LIMITS = ("since", "before")
NO_LIMITS: Mapping[str, str] = {}


def generate_client(target: Path) -> None:
    """Generate the client into `target`, which must not exist; any warning of the generator is an error."""
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [
        str(tools / "openapi-python-client"),
        "generate",
        *("--path", str(SUBSET)),
        *("--config", str(HERE / "generator.yaml")),
        *("--output-path", str(target)),
        *("--meta", "none"),
        "--fail-on-warning",
    ]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{run.stdout}{run.stderr}The description was refused; correct {SUBSET.name}.")


def derive_needs() -> str:
    """What the subset asks of a server, flattened: the text of `needs.json`."""
    document = yaml.safe_load(SUBSET.read_text("utf-8"))
    operations = [
        _operation(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    needs = {"derived_from": f"openapi/{SUBSET.name} by openapi/regenerate.py", "operations": operations}
    return json.dumps(needs, indent=1, ensure_ascii=False) + "\n"


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    (status, response), *more = operation["responses"].items()
    if more:
        raise SystemExit(f"{method} {path}: describe the one good answer only, errors are mapped by hand")
    answer = response.get("content", {})
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    json_answer = answer.get("application/json", {}).get("schema")
    return {
        "name": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "permission": operation["x-smartsort-permission"],
        "admin": operation.get("x-smartsort-admin", False),
        "reads": operation.get("x-smartsort-reads", False),
        "optional": operation.get("x-smartsort-optional", False),
        "status": int(status),
        "answer": _resolve(document, json_answer)["type"] if json_answer else "file" if answer else "nothing",
        "parameters": [
            {
                "name": parameter["name"],
                "in": parameter["in"],
                "type": parameter["schema"]["type"],
                "always": parameter.get("required", False),
            }
            for parameter in (_resolve(document, each) for each in operation.get("parameters", ()))
        ],
        "sends": list(_fields(document, body, "")) if body else [],
        "reads_fields": list(_fields(document, json_answer, "")) if json_answer else [],
    }


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    if "allOf" in schema:
        (single,) = schema["allOf"]
        return {**_resolve(document, single), **{k: v for k, v in schema.items() if k != "allOf"}}
    return schema


def _fields(
    document: dict[str, Any], schema: dict[str, Any], path: str, limits: Mapping[str, str] = NO_LIMITS
) -> Iterator[dict[str, Any]]:
    """Every field below `schema`; "[]" in a path steps into a list. It has its parent's `limits`, too."""
    schema = _resolve(document, schema)
    if schema["type"] == "array":
        items = _resolve(document, schema["items"])
        if items["type"] not in ("array", "object"):
            yield {"path": f"{path}[]", "type": items["type"], "always": True, **limits}
        yield from _fields(document, items, f"{path}[]", limits)
    for name, raw in schema.get("properties", {}).items():
        field = _resolve(document, raw)
        here = f"{path}.{name}" if path else name
        entry = {"path": here, "type": field["type"], "always": name in schema.get("required", ())}
        if field.get("nullable"):
            entry["nullable"] = True
        own = {name: field[f"x-smartsort-{name}"] for name in LIMITS if f"x-smartsort-{name}" in field}
        below = {**limits, **own}
        yield entry | below
        yield from _fields(document, field, here, below)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def out_of_date() -> list[str]:
    """The files that differ from what would be written now, as paths from the top of the checkout."""
    top = HERE.parent
    with tempfile.TemporaryDirectory() as temporary:
        fresh_folder = Path(temporary) / CLIENT.name
        generate_client(fresh_folder)
        fresh, committed = _files(fresh_folder), _files(CLIENT)
    differing = {name for name in fresh | committed if fresh.get(name) != committed.get(name)}
    stale = [str((CLIENT / name).relative_to(top)) for name in sorted(differing)]
    if not NEEDS.exists() or NEEDS.read_text("utf-8") != derive_needs():
        stale.append(str(NEEDS.relative_to(top)))
    return stale


def write() -> None:
    """Replace the client and `needs.json`; the old client stays if the description is refused."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".new-") as temporary:
        fresh = Path(temporary) / CLIENT.name
        generate_client(fresh)
        shutil.rmtree(CLIENT, ignore_errors=True)
        fresh.rename(CLIENT)
    NEEDS.write_text(derive_needs(), "utf-8")


def main() -> int:
    """Exit status: 0 when everything is up to date now."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    if parser.parse_args().check:
        stale = out_of_date()
        for name in stale:
            sys.stderr.write(f"out of date: {name}\n")
        if stale:
            sys.stderr.write("Run: python openapi/regenerate.py\n")
        return 1 if stale else 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
