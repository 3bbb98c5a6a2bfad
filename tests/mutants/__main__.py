"""`python -m tests.mutants core`: mutation testing of packages with the operators of mutmut, and the scores.

All tests that run a mutant's line try it, the fastest of each file first (`tests.mutants.reach`).
`--sample 200 --seed 1` tries so many mutants of each package. What was noticed stays in `.mutmut/` until the
function changes, survivors are tried again. `--fresh` forgets it. Survivors are shown as diffs, and
`equivalent.toml` explains those that no test can tell from the code.
"""

from __future__ import annotations

import difflib
import hashlib
import heapq
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import libcst
from mutmut.mutation.file_mutation import Mutation, create_mutations
from tests.mutants import reach
from tests.mutants.durability import CODE, ROOT, TIMEOUT, Mutant, Runner

PACKAGES = ("core", "files", "ledger", "actions", "pipeline/routing")
NOTICED = reach.WORK / "noticed.json"

DECODING = tuple(
    f"tests/integration/test_files_{name}.py"
    for name in ("blur", "contact_sheet", "damages", "decoders", "frames", "probe")
)
"""Tests of what runs in decoder processes, where coverage does not see it."""

FAST = 10.0
"""Seconds that the tests take together that try a mutant before the others do."""

UNNOTICED, NOT_REACHED, RAN_OUT = "unnoticed", "no test reaches it", "ran out of time"
SURVIVED = (UNNOTICED, NOT_REACHED)


@dataclass(frozen=True)
class Change(Mutant):
    """A mutant by mutmut. `diff`: the lines it takes out and puts in. `around`: its function's text."""

    function: str = ""
    number: int = 0
    diff: str = ""
    line_known_by: str = ""
    around: str = ""

    @property
    def key(self) -> str:
        """What a result depends on."""
        return hashlib.sha256(f"{self.function}\n{self.around}\n{self.diff}".encode()).hexdigest()


def changes(path: Path) -> Iterator[tuple[str, int, Mutation, libcst.Module]]:
    """Yield all mutants of a module with their function, and their number in it."""
    module, mutations, *_ = create_mutations(str(path), path.read_text())
    names = {id(node): node.name.value for node in module.body if isinstance(node, libcst.FunctionDef)}
    for node in module.body:
        if isinstance(node, libcst.ClassDef):
            names |= {
                id(inner): f"{node.name.value}.{inner.name.value}"
                for inner in node.body.body
                if isinstance(inner, libcst.FunctionDef)
            }
    numbers = Counter[str]()
    for mutation in mutations:
        if name := names.get(id(mutation.contained_by_top_level_function)):
            numbers[name] += 1
            yield name, numbers[name], mutation, module


def applied(path: Path, name: str, number: int, mutation: Mutation, module: libcst.Module) -> Change:
    """Return the mutant as another text of the file."""
    before, after = (
        module.code,
        module.deep_replace(mutation.original_node, mutation.mutated_node).code,
    )
    lines = itertools.zip_longest(before.splitlines(), after.splitlines())
    line = next(number for number, (one, other) in enumerate(lines, 1) if one != other)
    shown = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return Change(
        path=str(path.relative_to(ROOT)),
        line=line,
        kind="change",
        start=0,
        end=len(before.encode()),
        new=after,
        what="",
        function=f"smartsort.{'.'.join(path.relative_to(ROOT / CODE).with_suffix('').parts)}.{name}",
        number=number,
        diff="\n".join(f"{text[0]} {text[1:].strip()}" for text in shown if re.match(r"[-+](?![-+])", text)),
        line_known_by=reach.known_by(path, name, reach.statement(before, line)),
        around=libcst.Module([mutation.contained_by_top_level_function]).code,
    )


def equivalent() -> Iterator[tuple[str, str]]:
    """(the mutant's function, its change) of those that no test can tell from the code."""
    for entry in tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text())["mutant"]:
        yield entry["where"], f"- {entry['code']}\n+ {entry['mutant']}"


def is_the_same(change: str) -> bool:
    """Return True for a change that no run can show: of the case of SQL, or of what `strict` only asserts."""
    lines = change.splitlines()
    gone, come = ("".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    quoted = re.search("'[^']*[a-z]", gone)
    sql = re.search(r"SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY", gone) and not quoted
    gone, come = (re.sub(r", (strict=\w+)?\)", ")", text) for text in (gone, come))
    return gone == come or bool(sql and gone.lower() == come.lower())


def drawn(package: str, module: str, sample: int | None, seed: int) -> tuple[list[Change], int]:
    """Return mutants to try, and how many the package has. A sample stays the same where the code does."""
    paths = sorted((ROOT / CODE / package).rglob(f"{module}.py" if module else "*.py"))
    every = [(path, *each) for path in paths for each in changes(path)]

    def lot(each: tuple[Path, str, int, Mutation, libcst.Module]) -> bytes:
        path, name, number, *_ = each
        return hashlib.sha256(f"{seed} {path.relative_to(ROOT)} {name} {number}".encode()).digest()

    return [applied(*each) for each in heapq.nsmallest(sample or len(every), every, key=lot)], len(every)


@click.command()
@click.argument("packages", type=click.Choice(PACKAGES), nargs=-1, required=True)
@click.option("--sample", type=int, help="Try so many mutants of each package.")
@click.option("--seed", default=1, show_default=True)
@click.option("--module", default="", help="Only this module of the package.")
@click.option("--seconds", default=math.inf, help="Stop after tests that take so long together.")
@click.option("--processes", default=2, show_default=True)
@click.option("--fresh", is_flag=True, help="Forget what earlier runs have found.")
@click.option("--least", default=0.0, help="End with 1 below this score, in per cent.")
def main(  # noqa: PLR0917
    packages: tuple[str, ...],
    sample: int | None,
    seed: int,
    module: str,
    seconds: float,
    processes: int,
    fresh: bool,
    least: float,
) -> None:
    """Change PACKAGES in small ways and see whether their tests notice."""
    reach.renew(processes)
    known = {} if fresh or not NOTICED.exists() else json.loads(NOTICED.read_text())
    chosen = {package: drawn(package, module, sample, seed) for package in packages}
    explained = set(equivalent())
    counted = {
        package: [m for m in some if (m.function, m.diff) not in explained and not is_the_same(m.diff)]
        for package, (some, _) in chosen.items()
    }
    try_out([m for some in counted.values() for m in some], known, processes, seconds)
    scores = []
    for package, (some, all_of_them) in chosen.items():
        which = f"{len(some):,} of {all_of_them:,} mutants" + (f", seed {seed}" if sample else "")
        scores.append(report(package, which, len(some) - len(counted[package]), counted[package], known))
    sys.exit(any(score < least for score in scores))


def try_out(chosen: Sequence[Change], known: dict[str, str], processes: int, seconds: float) -> None:
    """Let the tests meet the mutants that no earlier run noticed."""
    waiting = [m for m in chosen if known.get(m.key) in (None, *SURVIVED)]
    reaching = reach.tests_of({m.line_known_by for m in waiting})
    in_decoders, decoding = decoded(), reach.of_files(DECODING)
    trying = {m: reaching[m.line_known_by] | (decoding if m.path in in_decoders else {}) for m in waiting}
    known |= {m.key: NOT_REACHED for m, tests in trying.items() if not tests}
    waiting = sorted((m for m in waiting if trying[m]), key=lambda m: sum(trying[m].values()))
    os.environ |= reach.FEWER_KILLS
    files = sorted({test.partition("::")[0] for m in waiting for test in trying[m]})
    runner = Runner(files, reach.PYTEST) if waiting else ()
    passing: set[str] = set()
    while waiting or runner:
        while waiting and len(runner) < processes:
            mutant = waiting.pop(0)
            tests = trying[mutant]
            runner.start(mutant, in_order(tests, seconds), 60 + 10 * round(sum(tests.values())))
        mutant, code, told = runner.ended()
        if code not in (0, 1, 2, -signal.SIGXCPU, -signal.SIGKILL) and TIMEOUT not in told:
            raise click.ClickException(f"{mutant.function} {mutant.number}: pytest ended with {code}: {told}")
        if code == 1 and TIMEOUT not in told and told not in passing:
            if not runner.passes(told):
                trying[mutant].pop(told, None)
                waiting.insert(0, mutant)
                continue
            passing.add(told)
        ran_out = code < 0 or TIMEOUT in told
        known[mutant.key] = UNNOTICED if code == 0 else RAN_OUT if ran_out else told or "the collection"
        click.echo(f"{len(waiting)} left: {mutant.function} {mutant.number}: {known[mutant.key]}", err=True)
        NOTICED.write_text(json.dumps(known))


def decoded() -> set[str]:
    """Return the modules of `files` that a decoder process imports."""
    code = "import sys, smartsort.files.decoder; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {
        f"{CODE.parent}/{name.replace('.', '/')}.py"
        for name in names.split()
        if name.startswith("smartsort.files.")
    }


def in_order(tests: Mapping[str, float], seconds: float) -> list[list[str]]:
    """Return the fastest tests of each file, and then the others, cheap ones first, up to so many seconds."""
    before = Counter[str]()
    ranked = []
    for test, took in sorted(tests.items(), key=lambda each: each[1]):
        file = test.partition("::")[0]
        ranked.append((before[file], took, test))
        before[file] += 1
    ranked.sort()
    passed = itertools.accumulate(took for _, took, _ in ranked)
    fast = [test for sum_, (*_, test) in zip(passed, ranked, strict=True) if sum_ < min(FAST, seconds)]
    rest = sorted({*tests} - {*fast}, key=tests.__getitem__)
    while rest and sum(tests[test] for test in (*fast, *rest)) >= seconds:
        rest.pop()
    return [some for some in (fast, rest) if some]


def report(package: str, which: str, same: int, counted: Sequence[Change], known: Mapping[str, str]) -> float:
    """Show the survivors of a package. Return its score in per cent, without those that ran out of time."""
    for mutant in sorted(counted, key=lambda m: (m.path, m.line)):
        if (result := known[mutant.key]) in (*SURVIVED, RAN_OUT):
            click.echo(f"{mutant.function} {mutant.number} (line {mutant.line}): {result}\n{mutant.diff}\n")
    results = Counter(known[m.key] for m in counted)
    total = len(counted) - results[RAN_OUT]
    killed = total - sum(results[each] for each in SURVIVED)
    score = 100 * killed / max(1, total)
    click.echo(
        f"{package}: {killed:,} of {total:,} noticed, {score:.1f} % ({which}; {same} equivalent, "
        f"{results[NOT_REACHED]} not reached, {results[RAN_OUT]} ran out of time)"
    )
    return score


if __name__ == "__main__":
    main()
