"""`python -m tests.mutants core`: mutation testing of packages by mutmut, and their scores.

The fastest of the tests that reach a mutant's function try it. `--sample 200 --seed 1` tries so many mutants
of each package. Packages that are named together run their tests once to find out what reaches what. What was
noticed stays in `.mutmut/` until the function changes, survivors are tried again. `--fresh` forgets all.
Survivors are shown as diffs. `equivalent.toml` explains those that no test can tell from the code.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutmut"
MUTMUT = Path(sys.executable).with_name("mutmut")
CODE = Path("src/smartsort")
"""mutmut mutates what lies in `src/`."""

INTEGRATION = "tests/integration"
ACTIONS = (
    *(f"{INTEGRATION}/test_actions_{name}.py" for name in ("faces", "queue", "review", "undo", "unreadable")),
    f"{INTEGRATION}/test_give_back.py",
    f"{INTEGRATION}/test_rule_out.py",
)
"""Without those that kill at each step, which take long. `tests.mutants.durability` runs them."""

PACKAGES = {
    "core": ["tests/unit/test_core_*.py", "tests/unit/test_confidence_similarity.py"],
    "files": [
        f"{INTEGRATION}/placement",
        f"{INTEGRATION}/test_power_cut_files.py",
        f"{INTEGRATION}/test_files_*.py",
        f"{INTEGRATION}/test_foreign_disks.py",
        f"{INTEGRATION}/test_folders_apart.py",
        f"{INTEGRATION}/test_picture_hashes.py",
        f"{INTEGRATION}/test_private_files.py",
        "tests/faults/test_power_cut.py",
        "tests/unit/test_files_*.py",
    ],
    "ledger": [
        f"{INTEGRATION}/test_ledger_*.py",
        f"{INTEGRATION}/backfill",
        f"{INTEGRATION}/test_backup_rescue.py",
        f"{INTEGRATION}/test_power_cut_files.py",
        *ACTIONS,
        f"{INTEGRATION}/test_api_totals.py",
        f"{INTEGRATION}/test_confidence_near.py",
        f"{INTEGRATION}/test_evaluation_spot_checks.py",
        f"{INTEGRATION}/test_intake_recovery.py",
        f"{INTEGRATION}/test_picture_hashes.py",
        f"{INTEGRATION}/test_pipeline_routes.py",
        f"{INTEGRATION}/test_recheck_*.py",
        f"{INTEGRATION}/test_rescue_shots.py",
        "tests/faults/test_damaged_ledger.py",
        "tests/unit/test_older_downloads.py",
    ],
    "actions": [
        *ACTIONS,
        f"{INTEGRATION}/backfill",
        f"{INTEGRATION}/test_copies_shown.py",
        f"{INTEGRATION}/test_evaluation_what_if.py",
        f"{INTEGRATION}/test_filing_rules.py",
        f"{INTEGRATION}/test_recheck_late.py",
        f"{INTEGRATION}/test_retention_clock.py",
        f"{INTEGRATION}/test_templates.py",
        "tests/faults/test_damaged_copies.py",
    ],
    "pipeline/routing": [
        *ACTIONS,
        f"{INTEGRATION}/test_confidence_near.py",
        f"{INTEGRATION}/test_filing_rules.py",
        f"{INTEGRATION}/test_pipeline_routes.py",
        f"{INTEGRATION}/test_recheck_*.py",
        f"{INTEGRATION}/test_routing_*.py",
        "tests/unit/test_face_assignment.py",
    ],
}
"""Package -> the tests that are about it."""

DECODING = tuple(
    f"{INTEGRATION}/test_files_{name}.py"
    for name in ("blur", "contact_sheet", "damages", "decoders", "frames")
)
"""Tests of what runs in decoder processes."""

DESELECTED = (
    "--deselect=tests/integration/test_ledger_upgrades.py::test_migrations_name_nothing_that_can_change",
)
"""They read the code as text, which mutmut has written again."""

FEWER = "--hypothesis-profile=mutants"
"""Fewer examples of each property: what they notice, all of them notice."""

FEWER_KILLS = {"SMARTSORT_TEST_KILL_EVERY": "20"}
"""The same for tests that kill at each step."""

NO_TIME = 10.0
"""Seconds that the tests of a function take together."""

NOT_REACHED = 33
SURVIVED = (0, NOT_REACHED)
"""How mutmut says that the tests passed, or that there are none."""

TIMED_OUT = (24, 36, -24, 152, 255)
"""How it says that they were stopped."""


class Packages:
    """Packages with their mutants in a folder that mutmut likes."""

    def __init__(self, names: Sequence[str], module: str, tests: Sequence[str]) -> None:
        self.names, self.module = names, module
        self.tests = tests or {test for name in names for test in PACKAGES[name]}
        self.place = WORK / "-".join((*(n.replace("/", "-") for n in names), *filter(None, [module])))
        self.mutated = self.place / "mutants"

    def prepare(self) -> None:
        """Lay the folder out as links to the checkout, with settings of its own."""
        (self.place / "src").mkdir(parents=True, exist_ok=True)
        links = {"src/smartsort": "sidecar/smartsort", "tests": "tests", "sidecar": "sidecar", "tui": "tui"}
        for link, target in links.items():
            if not (self.place / link).is_symlink():
                (self.place / link).symlink_to(ROOT / target)
        # mutmut keeps its own copy of the tests, and only adds to it.
        shutil.rmtree(self.mutated / "tests", ignore_errors=True)
        text = (ROOT / "pyproject.toml").read_text()
        pytest_table = re.search(
            r"^\[tool\.pytest\.ini_options\]\n.*?(?=^\[)", text, re.DOTALL | re.MULTILINE
        )
        tests = sorted({str(p.relative_to(ROOT)) for pattern in self.tests for p in ROOT.glob(pattern)})
        settings = {
            "source_paths": [str(CODE)],
            "only_mutate": [f"{CODE}/{n}/{f'{self.module}.py' if self.module else '*'}" for n in self.names],
            "also_copy": ["sidecar", "tui"],
            "do_not_mutate_patterns": [r"^\s*log\.\w+\("],
            "pytest_add_cli_args": ["-n0", "-p", "no:cacheprovider", "--timeout=0", FEWER, *DESELECTED],
            "pytest_add_cli_args_test_selection": tests,
            "timeout_multiplier": 10.0,
            "use_git_change_detection": False,
            "on_dependency_change": "ignore",
            # Its tests fork what has started no decoder yet.
            "process_isolation": "forkserver" if "files" in self.names else "fork",
        }
        table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
        assert pytest_table is not None
        (self.place / "pyproject.toml").write_text(f"{pytest_table[0]}\n[tool.mutmut]\n{table}\n")

    def mutmut(self, *names: str, processes: int = 2, follow: bool = False) -> int:
        """Run it. `follow`: processes that the tests start have the mutants as well."""
        command = [MUTMUT, "run", "--max-children", str(processes), *names]
        env = os.environ | FEWER_KILLS | ({"PYTHONPATH": str(self.mutated / "src")} if follow else {})
        with (self.place / "mutmut.log").open("w") as log:
            return subprocess.run(
                command, cwd=self.place, stdout=log, stderr=log, env=env, check=False
            ).returncode

    def generate(self) -> None:
        """Make the mutants and find out which tests reach them, without trying one."""
        self.mutmut("nothing")  # it says that nothing matches, after it has done both
        if not (self.mutated / "mutmut-stats.json").exists():
            raise click.ClickException(f"mutmut did not get so far; see {self.place / 'mutmut.log'}")

    def keep_fastest(self, most: int) -> None:
        """Leave each function so many of the tests that reach it, and more where these take no time."""
        path = self.mutated / "mutmut-stats.json"
        stats = json.loads(path.read_text())
        took = stats["duration_by_test"]
        reaching = stats["tests_by_mangled_function_name"]
        for function in {mutant.partition("__mutmut_")[0] for mutant in self.results()} - reaching.keys():
            # It may run in a decoder process, where mutmut does not see it.
            if function.startswith("smartsort.files."):
                reaching[function] = [test for test in took if test.startswith(DECODING)]
        for function, tests in reaching.items():
            ranked = sorted(tests, key=lambda test: took.get(test, 0))
            passed = itertools.accumulate(took.get(test, 0) for test in ranked)
            kept = [
                t for n, (t, sec) in enumerate(zip(ranked, passed, strict=True)) if n < most or sec < NO_TIME
            ]
            reaching[function] = kept
        path.write_text(json.dumps(stats))

    def results(self, name: str | None = None) -> dict[str, int | None]:
        """Mutant -> how its tests ended, None where they did not run yet."""
        found: dict[str, int | None] = {}
        for each in [name] if name else self.names:
            for path in (self.mutated / CODE / each).rglob("*.meta"):
                found |= json.loads(path.read_text())["exit_code_by_key"]
        return found

    def change(self, mutant: str) -> str:
        """The lines a mutant takes out and puts in."""
        command = [MUTMUT, "show", mutant]
        shown = subprocess.run(command, cwd=self.place, capture_output=True, text=True, check=True).stdout
        lines = [line for line in shown.splitlines() if re.match(r"[-+](?![-+])", line)]
        return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def equivalent() -> Iterator[tuple[str, str]]:
    """(the mutant's function, its change) of those that no test can tell from the code."""
    for entry in tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text())["mutant"]:
        yield entry["where"], f"- {entry['code']}\n+ {entry['mutant']}"


def is_the_same(change: str) -> bool:
    """Return True for a change that no run can show: of the case of SQL, or of what `strict` only asserts."""
    lines = change.splitlines()
    gone, come = ("".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    sql = re.search(r"SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY", gone) and "'" not in gone
    gone, come = (re.sub(r", (strict=\w+)?\)", ")", text) for text in (gone, come))
    return gone == come or bool(sql and gone.lower() == come.lower())


@click.command()
@click.argument("packages", type=click.Choice(list(PACKAGES)), nargs=-1, required=True)
@click.option("--sample", type=int, help="Try so many mutants of each package.")
@click.option("--seed", default=1, show_default=True)
@click.option("--module", default="", help="Only this module of the package.")
@click.option("--tests", multiple=True, help="Other tests than those of the package: paths or patterns.")
@click.option("--most", default=60, show_default=True, help="Try each mutant with so many tests.")
@click.option("--processes", default=2, show_default=True)
@click.option("--fresh", is_flag=True, help="Forget what earlier runs have found.")
@click.option("--least", default=0.0, help="End with 1 below this score, in per cent.")
def main(  # noqa: PLR0917
    packages: tuple[str, ...],
    sample: int | None,
    seed: int,
    module: str,
    tests: tuple[str, ...],
    most: int,
    processes: int,
    fresh: bool,
    least: float,
) -> None:
    """Change PACKAGES in small ways and see whether their tests notice."""
    here = Packages(packages, module, tests)
    if fresh:
        shutil.rmtree(here.place, ignore_errors=True)
    here.prepare()
    here.generate()
    here.keep_fastest(most)
    chosen: dict[str, list[str]] = {}
    for name in packages:
        every = sorted(here.results(name))
        drawn = sample is not None and sample < len(every)
        chosen[name] = random.Random(seed).sample(every, sample) if drawn else every
    known = here.results()
    waiting = [m for some in chosen.values() for m in some if known[m] in (None, *SURVIVED)]
    if waiting and here.mutmut(*waiting, processes=processes, follow=True):
        raise click.ClickException(f"mutmut failed; see {here.place / 'mutmut.log'}")
    scores = [report(here, name, some, seed) for name, some in chosen.items()]
    sys.exit(any(100 * killed < least * counted for killed, counted in scores))


def report(here: Packages, name: str, chosen: Sequence[str], seed: int) -> tuple[int, int]:
    """Show the survivors of a package. Return how many were noticed of how many that count."""
    results, explained = here.results(name), set(equivalent())
    survived = same = 0
    for mutant in sorted(chosen):
        if results[mutant] not in SURVIVED:
            continue
        function = re.sub(r"\.x_|\.xǁ|ǁ", ".", mutant.partition("__mutmut_")[0])
        change = here.change(mutant)
        if (function, change) in explained or is_the_same(change):
            same += 1
            continue
        survived += 1
        reached = "" if results[mutant] == 0 else "  (no test reaches it)"
        click.echo(f"{function}{reached}  {mutant.rpartition('_')[2]}\n{change}\n")
    counted = len(chosen) - same
    killed = counted - survived
    ran_out = sum(results[mutant] in TIMED_OUT for mutant in chosen)
    drawn = f"{len(chosen):,} of {len(results):,} mutants" + (
        f", seed {seed}" if len(chosen) < len(results) else ""
    )
    score = f"{killed:,} of {counted:,} noticed, {killed / counted:.1%}"
    click.echo(f"{name}: {score} ({drawn}; {same} equivalent, {ran_out} by running out of time)")
    return killed, counted


if __name__ == "__main__":
    main()
