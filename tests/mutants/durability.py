"""`python -m tests.mutants.durability`: what keeps photos over a power cut is taken out, one thing at a time.

    wait      an fsync or a syncfs, and what a batch notes down to wait for
    journal   an intent, its end, a commit of the ledger, and what makes a commit wait for the disk
    claim     a hard link, exclusive rename or exclusive creation: it frees the name first

Each time the tests about it have to fail. The code is changed in memory, in one forked process each. What was
noticed is remembered in `.pytest_cache/` until the mutated file or its tests change. `--fresh` forgets it.
The test that noticed it last time is the first to try it again.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import io
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import click
import pytest

ROOT = Path(__file__).parents[2]
CODE = Path("sidecar/smartsort")
ARGUMENTS = ("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-n", "0", "-p", "no:cacheprovider")
CACHE = ROOT / ".pytest_cache" / "durability.json"

FILES = "tests/integration/test_power_cut_files.py"
LEDGER = ("tests/integration/test_ledger_power_cut.py", "tests/integration/test_ledger_photos.py")
JOURNAL = "tests/integration/test_journal.py"
ACTIONS = (JOURNAL, "tests/integration/test_actions_recovery.py")
TESTS = {
    "actions": ACTIONS,
    "api/security.py": (FILES,),
    "audit/follow.py": ("tests/integration/test_audit_follow.py",),
    "storage_test/checks.py": ("tests/faults/test_storage_test.py::test_a_storage_that_cannot_wait_is_bad",),
    "downloads": (FILES,),
    "files": (FILES, "tests/integration/placement"),
    "ledger": (FILES, *LEDGER),
    "ledger/photos.py": (*LEDGER, JOURNAL),
    "pipeline": (
        JOURNAL,
        "tests/integration/test_recheck_late.py",
        "tests/integration/test_recheck_review.py",
    ),
    "pipeline/recovery": ACTIONS,
    "rescue": (JOURNAL,),
    "setup": (FILES,),
}
"""The tests that have to notice a change in a file or folder: the longest entry that fits counts."""

WAITS = {"fsync", "fdatasync", "syncfs", "fsync_path", "sync_file_system", "_to_the_disk"}
NOTED = {("folders", "setdefault"), ("files", "append"), ("pending", "add")}
CLAIMS = {"link", "rename_exclusive", "_renameat2"}
FULL = "PRAGMA synchronous = FULL"
STATEMENTS = ("DELETE FROM intents", "INTO intents", "intents")
TIMEOUT = "Timeout (>"
OWN_FOLDERS = ("storage_test/checks.py", "files/capabilities.py")
"""They claim names in an empty folder that they have just made, where nothing can be replaced."""
FREE_FIRST = """

def _free_first(claim, source, target, **more):
    import os
    os.path.lexists(target) and os.unlink(target)
    return claim(source, target, **more)
"""


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the bytes from `start` to `end` become `new`."""

    path: str
    line: int
    kind: str
    start: int
    end: int
    new: str
    what: str
    more: str = ""

    @property
    def place(self) -> str:
        return f"{self.path.removeprefix(f'{CODE}/')}:{self.line}"

    @property
    def name(self) -> str:
        """What it is, on whatever line it stands."""
        return f"{self.path} {self.kind} {self.what}"

    def applied(self, code: bytes) -> bytes:
        return code[: self.start] + self.new.encode() + code[self.end :] + self.more.encode()

    def tests(self) -> tuple[str, ...]:
        inside = self.path.removeprefix(f"{CODE}/")
        fitting = [known for known in TESTS if inside == known or inside.startswith(f"{known}/")]
        if not fitting:
            raise click.ClickException(f"no tests are named for {self.path} (TESTS in {__file__})")
        return TESTS[max(fitting, key=len)]


class Finder(ast.NodeVisitor):
    """Every place of a file where something can be taken out."""

    def __init__(self, path: str, code: bytes) -> None:
        self.path, self.code, self.found = path, code, []
        self.own = path.endswith(OWN_FOLDERS)
        starts = [0]
        for line in code.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts = starts

    def _add(self, kind: str, node: ast.AST, new: str, more: str = "") -> None:
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        what = " ".join(self.code[start:end].decode().split())
        self.found.append(Mutant(self.path, node.lineno, kind, start, end, new, what, more))

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(node.func, "value", None)
        owner = getattr(owner, "attr", getattr(owner, "id", ""))
        if name in WAITS:
            self._add("wait", node, "0")
        elif (owner, name) == ("pending", "wait"):
            self._add("wait", node, "Failed()")
        elif (owner, name) in NOTED and "/files/" in self.path:
            self._add("wait", node, "None")
        elif name in CLAIMS and len(node.args) > 1 and not self.own:
            claim = ast.unparse(node.func)
            given = ", ".join(map(ast.unparse, [*node.args, *node.keywords]))
            self._add("claim", node, f"_free_first({claim}, {given})", FREE_FIRST)
        elif any(
            isinstance(a, ast.Constant)
            and (str(a.value).startswith(STATEMENTS) or (a.value == "COMMIT" and "/ledger/" in self.path))
            for a in node.args
        ):
            self._add("journal", node, "None")
        elif node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == FULL:
            # Without it SQLite does what it was built for, which may be the same.
            self._add("journal", node.args[0], repr(FULL.replace("FULL", "NORMAL")))

    def visit_keyword(self, node: ast.keyword) -> None:
        self.generic_visit(node)
        if node.arg == "intent" and not _is(node.value, None):
            self._add("journal", node.value, "None")
        elif node.arg == "intents_done":
            self._add("journal", node.value, "()")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        if node.attr == "O_EXCL" and not self.own:
            self._add("claim", node, "0")

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "_RENAME_NOREPLACE" and isinstance(node.ctx, ast.Load):
            self._add("claim", node, "0")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and getattr(target.value, "attr", "") == "folders":
            self._add("wait", node, "pass")


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def mutants(root: Path = ROOT) -> Iterator[Mutant]:
    """All of them, in the order of files and lines."""
    for path in sorted((root / CODE).rglob("*.py")):
        code = path.read_bytes()
        finder = Finder(str(path.relative_to(root)), code)
        finder.visit(ast.parse(code))
        yield from sorted(finder.found, key=lambda m: m.start)


NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def swap(mutant: Mutant) -> None:
    """Give the function that the mutant changes its new code, wherever it has been imported already."""
    source = (ROOT / mutant.path).read_bytes()
    around: list[str] = []
    node: ast.AST = ast.parse(source)
    while not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, NAMED)]
        node = next(n for n in inner if n.lineno <= mutant.line <= n.end_lineno)
        around.append(node.name)
    code = compile(mutant.applied(source), ROOT / mutant.path, "exec", dont_inherit=True)
    module = importlib.import_module(
        ".".join(Path(mutant.path).relative_to(CODE.parent).with_suffix("").parts)
    )
    found: Any = module
    for name in around:
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)
        found = inspect.getattr_static(found, name)
    if isinstance(found, property):
        found = found.fget
    function = inspect.unwrap(getattr(found, "__func__", found))
    function.__code__ = code
    if mutant.line <= node.body[0].lineno:
        _swap_defaults(mutant, around, function)
    exec(mutant.more, module.__dict__)


def _swap_defaults(mutant: Mutant, around: Sequence[str], function: FunctionType) -> None:
    node: ast.AST = ast.parse(mutant.applied((ROOT / mutant.path).read_bytes()))
    for name in around:
        node = next(n for n in ast.iter_child_nodes(node) if isinstance(n, NAMED) and n.name == name)

    def value(of: ast.expr) -> Any:
        return eval(compile(ast.Expression(of), mutant.path, "eval"), function.__globals__)

    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    function.__defaults__ = tuple(map(value, node.args.defaults))
    function.__kwdefaults__ = {each.arg: value(default) for each, default in named if default}


def show_children(mutant: Mutant, place: Path) -> None:
    """Let processes that the tests start import the mutant, too, and the rest as links to the checkout."""
    *folders, name = Path(mutant.path).parts[1:]
    inside, source = place, ROOT / CODE.parent
    for folder, next_one in zip(folders, (*folders[1:], name), strict=True):
        inside, source = inside / folder, source / folder
        inside.mkdir()
        for each in source.iterdir():
            if each.name not in (next_one, "__pycache__"):
                (inside / each.name).symlink_to(each)
    (inside / name).write_bytes(mutant.applied((source / name).read_bytes()))
    os.environ["PYTHONPATH"] = str(place)


class Runner:
    """Processes that have everything imported, forked for one mutant each."""

    def __init__(self, tests: Iterable[str], more: Iterable[str] = ()) -> None:
        self._running: dict[int, tuple[Mutant | None, int]] = {}
        self._arguments = [*ARGUMENTS, "-x", "-qq", *more]
        with redirect_stdout(io.StringIO()):
            collected = pytest.main([*self._arguments, "--collect-only", *tests], [])
        if collected:
            raise click.ClickException("the tests cannot be collected")

    def start(
        self, mutant: Mutant | None, attempts: Iterable[Sequence[str]], cpu: int = resource.RLIM_INFINITY
    ) -> int:
        """Let tests try a mutant, one list after the other, until one fails. `cpu`: seconds it may take."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.close(reading)
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            status = 0
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
                # One that waits for ever uses no processor time: it has as many seconds on the clock.
                watch = threading.Timer(cpu, os.kill, (os.getpid(), signal.SIGKILL))
                watch.daemon = True
                watch.start()
                with tempfile.TemporaryDirectory(dir=CACHE.parent) as place:
                    if mutant:
                        swap(mutant)
                        show_children(mutant, Path(place))
                    for tests in attempts:
                        if status != 1:
                            status = int(pytest.main([*self._arguments, *tests], [Told(writing)]))
            except BaseException as problem:
                status = 70
                os.write(writing, f"{problem!r}".encode())
            finally:
                os._exit(status)
        os.close(writing)
        self._running[child] = mutant, reading
        return child

    def ended(self, child: int = -1) -> tuple[Any, int, str]:
        """Return a mutant that is through, the exit code of pytest, and the test that noticed it."""
        child, status = os.waitpid(child, 0)
        mutant, reading = self._running.pop(child)
        with open(reading) as answer:
            told = answer.read()
        return mutant, os.waitstatus_to_exitcode(status), told

    def passes(self, test: str) -> bool:
        """Return True if a test passes without a mutant."""
        return self.ended(self.start(None, [[test]]))[1] == 0

    def __len__(self) -> int:
        return len(self._running)


class Told:
    """Sends the name of the test that failed, or what ended it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            ran_out = TIMEOUT in str(report.longrepr)
            os.write(self.handle, (TIMEOUT if ran_out else report.nodeid).encode())


def key_of(mutant: Mutant) -> str:
    """What a result depends on: the mutated file and the tests."""
    digest = hashlib.sha256(mutant.applied((ROOT / mutant.path).read_bytes()))
    for test in mutant.tests():
        place = ROOT / test.partition("::")[0]
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


@click.command()
@click.option("--only", default="", help="Only places that hold this text: a path, `path:line`, or a kind.")
@click.option("--list", "listing", is_flag=True, help="Only say what there is to take out.")
@click.option("--fresh", is_flag=True, help="Forget what earlier runs have found.")
@click.option("--processes", default=2, show_default=True)
def main(only: str, listing: bool, fresh: bool, processes: int) -> None:
    """Take out each wait, journal write and claim. Ends with 1 if no test notices one of them."""
    chosen = [m for m in mutants() if only in f"{m.path}:{m.line} {m.kind}"]
    if listing:
        for m in chosen:
            click.echo(f"{m.kind:8} {m.place:36} {m.what[:100]}")
        return
    known = {} if fresh or not CACHE.exists() else json.loads(CACHE.read_text())
    began = time.monotonic()
    by = {m: known[key_of(m)] for m in chosen if key_of(m) in known}
    waiting = [m for m in chosen if m not in by]
    runner = Runner(sorted({test for m in waiting for test in m.tests()})) if waiting else ()
    while waiting or runner:
        while waiting and len(runner) < processes:
            mutant = waiting.pop(0)
            last = known.get(mutant.name)
            runner.start(mutant, ([last], mutant.tests()) if last else (mutant.tests(),))
        mutant, code, noticed = runner.ended()
        if code not in (0, 1):
            raise click.ClickException(f"{mutant.path}:{mutant.line}: pytest ended with {code}: {noticed}")
        by[mutant] = noticed
        click.echo(f"{len(by):3} of {len(chosen)}: {mutant.place} {noticed or 'UNNOTICED'}", err=True)
        if noticed:
            known[key_of(mutant)] = known[mutant.name] = noticed
            CACHE.write_text(json.dumps(known))
    for m in chosen:
        click.echo(f"{m.kind:8} {m.place:36} {m.what[:56]:56}  {by[m] or 'UNNOTICED'}")
    for kind in ("wait", "journal", "claim"):
        of_kind = [m for m in chosen if m.kind == kind]
        click.echo(f"{kind}: {sum(bool(by[m]) for m in of_kind)} of {len(of_kind)} noticed")
    unnoticed = [m for m in chosen if not by[m]]
    click.echo(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed, {time.monotonic() - began:.0f} s")
    sys.exit(1 if unnoticed else 0)


if __name__ == "__main__":
    main()
