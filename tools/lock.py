"""Pin every dependency: `python tools/lock.py` writes the locks, `--check` tells whether they agree.

requirements.lock   what smartsort needs to run, with its extras
tools/dev.lock      what its tests, checks and site need beside that
tools/build.lock    what building its wheel needs

All have exact versions with hashes for every Python that is supported and no index address. `uv run`
reads none of them, so the same versions stand as constraints between two marks in pyproject.toml.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
RUNTIME = "requirements.lock"
DEV = "tools/dev.lock"
BUILD = "tools/build.lock"
LOCKS = (RUNTIME, DEV, BUILD)
BEGIN = "# pins: made by tools/lock.py"
END = "# pins end"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns 1 when a check found something."""
    parser = argparse.ArgumentParser(prog="tools/lock.py", description=(__doc__ or "").split(":")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="offline: compare the locks with pyproject.toml")
    what.add_argument(
        "--pins", action="store_true", help="offline: write the locks' versions into pyproject.toml"
    )
    what.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.check:
        found = list(disagreements(options.root))
        print("\n".join(found), file=sys.stderr)  # noqa: T201  (what a command is for)
        return 1 if found else 0
    if not options.pins:
        write_locks(options.root, upgrade=options.upgrade)
    project = options.root / "pyproject.toml"
    project.write_text(with_pins(project.read_text(encoding="utf-8"), options.root), encoding="utf-8")
    return 0


# Writing


def write_locks(root: Path, *, upgrade: bool) -> None:
    """Resolve with uv and write the three locks; versions that still fit stay unless `upgrade`."""
    project = _project(root)
    runtime = [*project["project"]["dependencies"], *_extras(project)]
    everything = [*runtime, *_groups(project)]
    old = "" if upgrade else "".join(_text_of(root / name) for name in (RUNTIME, DEV))
    whole = _resolve(everything, project, keep=old)
    # The run-time packages are resolved with the versions the tests ran with.
    running = _resolve(runtime, project, keep="", constraints=_without_hashes(whole))
    needed = {name for name, _ in _blocks(running)}
    (root / RUNTIME).write_text(running, encoding="utf-8")
    (root / DEV).write_text(
        "".join(block for name, block in _blocks(whole) if name not in needed), encoding="utf-8"
    )
    building = project["build-system"]["requires"]
    kept = "" if upgrade else _text_of(root / BUILD)
    (root / BUILD).write_text(
        _resolve(building, project, keep=kept, constraints=_without_hashes(whole)), encoding="utf-8"
    )


def _resolve(
    requirements: Sequence[str], project: Mapping[str, Any], *, keep: str, constraints: str = ""
) -> str:
    oldest = project["project"]["requires-python"].removeprefix(">=")
    # A folder of its own: the constraints in our pyproject.toml would forbid every change.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in.txt").write_text("\n".join(requirements), encoding="utf-8")
        (Path(folder) / "constraints.txt").write_text(constraints, encoding="utf-8")
        out = Path(folder) / "out.txt"
        out.write_text(keep, encoding="utf-8")
        command = ["uv", "pip", "compile", "in.txt", "-o", "out.txt", "-c", "constraints.txt", "--quiet"]
        command += ["--universal", "--python-version", oldest, "--generate-hashes"]
        command += ["--no-header", "--no-annotate", "--no-emit-package", project["project"]["name"]]
        subprocess.run(command, cwd=folder, check=True)
        return out.read_text(encoding="utf-8")


def _without_hashes(lock: str) -> str:
    return "\n".join(pins(lock))


def with_pins(text: str, root: Path) -> str:
    """pyproject.toml with its block of constraints made from the locks; appended if there is none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and not end:
        raise ValueError(f"pyproject.toml has {BEGIN!r} without {END!r}")
    return (before if begin else text.rstrip() + "\n\n") + constraints(root) + (after if begin else "\n")


def constraints(root: Path) -> str:
    """The block for pyproject.toml, marks included."""
    running = sorted({*pins(_text_of(root / RUNTIME)), *pins(_text_of(root / DEV))})
    building = pins(_text_of(root / BUILD))
    return "\n".join(
        [
            f"{BEGIN}; uv.lock would hold index addresses, so it is not committed",
            "[tool.uv]",
            *_array("constraint-dependencies", running),
            *_array("build-constraint-dependencies", building),
            END,
        ]
    )


def _array(name: str, values: Sequence[str]) -> list[str]:
    return [f"{name} = [", *(f'    "{value}",' for value in values), "]"]


# Reading


def pins(lock: str) -> list[str]:
    """The requirement of every block, `name==version ; marker`, without hashes."""
    return [
        block.partition("\n")[0].removesuffix("\\").strip().replace('"', "'") for _, block in _blocks(lock)
    ]


def _blocks(lock: str) -> Iterator[tuple[str, str]]:
    """Canonical name and text of every pin, the text with its hash lines."""
    block = ""
    for line in lock.splitlines(keepends=True):
        if line.startswith((" ", "\t")):
            block += line
            continue
        if block:
            yield _name(block), block
        block = "" if not line.strip() or line.startswith("#") else line
    if block:
        yield _name(block), block


def _name(block: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", block)
    return canonicalize_name(found.group()) if found else block


def _project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _extras(project: Mapping[str, Any]) -> list[str]:
    return [line for lines in project["project"].get("optional-dependencies", {}).values() for line in lines]


def _groups(project: Mapping[str, Any]) -> list[str]:
    return [line for lines in project["dependency-groups"].values() for line in lines]


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


# Checking


def disagreements(root: Path) -> Iterator[str]:
    """What does not fit together, one line each. Needs no network."""
    again = "; run python tools/lock.py"
    project = _project(root)
    texts = {name: _text_of(root / name) for name in LOCKS}
    broken = [f"{name} is missing{again}" for name, text in texts.items() if not text]
    broken += [f"{name}: {line}" for name, text in texts.items() for line in _flaws(text)]
    yield from broken
    if broken:
        return
    locked = {
        RUNTIME: [*project["project"]["dependencies"], *_extras(project)],
        DEV: _groups(project),
        BUILD: project["build-system"]["requires"],
    }
    for name, wanted in locked.items():
        available = texts[name] + (texts[RUNTIME] if name == DEV else "")
        found: dict[str, list[Requirement]] = {name: [] for name, _ in _blocks(available)}
        for pin in map(Requirement, pins(available)):
            found[canonicalize_name(pin.name)].append(pin)
        for line in wanted:
            requirement = Requirement(line)
            versions = found.get(canonicalize_name(requirement.name), [])
            if not versions:
                yield f"{name}: {requirement.name} is not pinned{again}"
            for pin in versions:
                version = next(iter(pin.specifier)).version
                if not requirement.specifier.contains(Version(version), prereleases=True):
                    yield f"{name}: {pin.name} {version} is not {line}{again}"
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    if text != with_pins(text, root):
        yield "pyproject.toml: its constraints are not those of the locks; run python tools/lock.py --pins"


def _flaws(lock: str) -> Iterator[str]:
    if "://" in lock or "--index" in lock or "--find-links" in lock:
        yield "holds an address"
    for name, block in _blocks(lock):
        if "--hash=sha256:" not in block:
            yield f"{name} has no hash"
        if "==" not in block.partition("\n")[0]:
            yield f"{name} has no exact version"


if __name__ == "__main__":
    raise SystemExit(main())
