"""The kill test: SIGKILL at every named step and at random moments; nothing is lost, doubled, split or stuck.

    python -m tests.faults.kill --kills 500 --photos 2000

Each sixth kill hits `restore`, `rebuild` or `audit --repair`, and the command is run again. After each kill
the audit must find no loss in what lies there, and after each restart it must be clean.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.faults.deliveries import Delivery, Stock, Verdict, judge
from tests.faults.running import ForkServer, Immich, Run, settings_for

from smartsort.audit import Audit, Code, Report, Weight
from smartsort.files.layout import Layout
from smartsort.ledger.backup import backup

IN_PROGRESS = ("arrived", "claimed", "hashed", "unique", "placed", "known")
_AFTER_A_KILL = {Code.INTENT_OPEN, Code.LEFTOVER}
COMMANDS = ("restore", "repair", "rebuild", "repair")


@dataclass
class Outcome:
    kills: int = 0
    kills_at: Counter = field(default_factory=Counter)
    audits: int = 0
    unclean: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    final: Report | None = None
    drain_seconds: float = 0.0
    assets: int = 0
    in_library: int = 0
    seconds: float = 0.0
    steps: Counter = field(default_factory=Counter)


class KillTest:
    def __init__(self, base: str, photos: int, seed: int = 0, other_disk: str | None = None) -> None:
        self.base, self.photos = base, photos
        self.rng = random.Random(seed)
        self.root = os.path.join(base, "root")
        self.layout = Layout(self.root)
        self.stock = Stock(os.path.join(base, "stock"))
        self.stock.make(photos, seed)
        self.stock.make_shots(max(8, photos // 8))
        self.stock.make_videos(max(6, photos // 40))
        self.rng.shuffle(self.stock.deliveries)
        self.outcome = Outcome()
        self.backups: list[str] = []
        self.known: set[str | None] = set()
        """What was found once is reported once."""
        os.makedirs(self.root)
        for name in ("inbox", "review") if other_disk else ():
            # Between two disks there are no hard links: every step of a copy can be died at too.
            os.makedirs(os.path.join(other_disk or "", os.path.basename(base), name))
            os.symlink(
                os.path.join(other_disk or "", os.path.basename(base), name), os.path.join(self.root, name)
            )

    def run(self, kills: int, steps: Counter | None = None) -> Outcome:
        """All deliveries in portions, a kill in each; `steps`: how often a run without kills reaches each."""
        began = time.monotonic()
        os.makedirs(self.layout.inbox, exist_ok=True)
        immich = Immich(self.layout.library)
        forkserver = ForkServer(os.path.join(self.base, "sidecar.log"))
        self.settings = settings_for(self.root, immich.url)
        self.forkserver = forkserver
        try:
            self._portions(kills, list((steps or {}).items()))
            self._finish(immich)
        finally:
            forkserver.close()
            immich.close()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    # --- killing -----------------------------------------------------------------------------

    def _portions(self, kills: int, steps: list[tuple[str, int]]) -> None:
        rest = list(self.stock.deliveries)
        queue: list[str] = []
        for number in range(kills):
            share = len(rest) // (kills - number)
            portion, rest = rest[:share], rest[share:]
            if number % 6 == 5 and os.path.exists(self.layout.ledger):
                self.stock.deliver(portion, self.layout.inbox)
                self._command(COMMANDS[number // 6 % len(COMMANDS)])
            elif steps and number % 2 == 0:
                if not queue:
                    queue = [name for name, _ in steps]
                    self.rng.shuffle(queue)
                step = queue.pop()
                occurrence = self.rng.choice((1, 1, 1, 2, 3, self.rng.randint(1, 8)))
                self._one(portion, step=step, occurrence=occurrence)
            else:
                self._one(portion, after=self.rng.choice((0.05, 0.3, 1.0, 2.0)) * self.rng.random())
            if number % 50 == 49:
                print(f"  {number + 1} kills", flush=True)
        self._left = rest

    def _one(
        self, portion: list[Delivery], step: str | None = None, occurrence: int = 0, after: float = 0.0
    ) -> None:
        ready = os.path.join(self.base, "ready")
        kill = {"step": step, "occurrence": occurrence} if step else {}
        run = Run(self.forkserver, self.settings, ready, **kill)
        if run.until(run.is_ready, 120):
            self._audit("after the restart", allowed=set())
            self.stock.deliver(portion, self.layout.inbox)
            run.until((lambda: False) if after else self._idle, after or 2.5)
            if os.path.exists(self.layout.ledger):
                self._keep_a_backup()
        else:
            self.stock.deliver(portion, self.layout.inbox)
        at = "a random moment" if run.alive() else str(step)
        if run.status not in (None, -9):
            self.outcome.unclean.append(f"the sidecar ended by itself with status {run.status}, see its log")
        run.kill()
        self.outcome.kills += 1
        self.outcome.kills_at[at] += 1
        if os.path.exists(self.layout.ledger):
            self._audit(f"killed at {at} ({occurrence})", allowed=_AFTER_A_KILL)

    def _command(self, command: str) -> None:
        """Kill a command in its middle, run it again, and look at what it made."""
        kill = {"command": command, "file": self.rng.choice(self.backups) if self.backups else None}
        if command == "restore" and not self.backups:
            command = kill["command"] = "rebuild"
        if command == "repair":
            self._by_hand()
        ready = os.path.join(self.base, "ready")
        run = Run(self.forkserver, self.settings, ready, **kill, nth=self.rng.choice((1, 2, 5, 12, 30)))
        run.until(lambda: False, self.rng.choice((0.1, 0.5, 30.0)))
        died = run.status != 0
        run.kill()
        self.outcome.kills += 1
        self.outcome.kills_at[f"{command}{'' if died else ' (over before)'}"] += 1
        if not died and command != "repair":
            self._audit(f"after {command}", allowed=set())
            return
        for _ in range(3 if command == "repair" else 1):
            run = Run(self.forkserver, self.settings, ready, **kill)
            run.until(lambda: False, 120)
            if run.status != 0:
                self.outcome.unclean.append(f"{command} after a kill ended with {run.status}, see the log")
            run.kill()
        # What the sidecar had begun when it was killed is finished by its next start.
        self._audit(f"after {command}", allowed=_AFTER_A_KILL if command == "repair" else set())

    def _by_hand(self) -> None:
        """What people do to files that changes nothing about where they belong."""
        with closing(sqlite3.connect(self.layout.ledger)) as db:
            rows = db.execute(
                "SELECT n.area, n.path, n.member FROM names AS n JOIN photos AS p ON p.id = n.photo_id"
                " WHERE n.area IN ('faces', 'review') AND p.state IN ('filed', 'review')"
                " AND p.id NOT IN (SELECT photo_id FROM intents) ORDER BY n.id"
            ).fetchall()
        for area, path, member in self.rng.sample(rows, min(6, len(rows))):
            place = os.path.join(self.root, area, path)
            folder, name = os.path.split(place)
            if not os.path.exists(place):
                continue
            if member == "photo":
                # A name of its own: a rename onto an earlier one would be the user's own overwriting.
                stem, ending = os.path.splitext(name)
                os.rename(place, os.path.join(folder, f"{stem}_renamed_{self.outcome.kills}{ending}"))
            else:
                elsewhere = os.path.join(self.root, "faces", "by_hand")
                os.makedirs(elsewhere, exist_ok=True)
                os.rename(place, os.path.join(elsewhere, f"{self.outcome.kills}_{name}"))

    def _keep_a_backup(self) -> None:
        if self.outcome.kills % 4 == 0:
            folder = os.path.join(self.base, "kept")
            at = datetime.now(UTC) + timedelta(seconds=self.outcome.kills)
            self.backups = [*self.backups, backup(self.layout.ledger, folder, at)][-5:]

    def _audit(self, when: str, allowed: set[Code]) -> None:
        try:
            report = Audit(self.layout, quick=True).run()
        except Exception as problem:
            if "submissions" in str(problem) or "no such table" in str(problem):
                return  # killed before the first ledger was made
            self.outcome.unclean.append(f"kill {self.outcome.kills}, {when}: {problem!r}")
            return
        self.outcome.audits += 1
        for finding in report.findings:
            if finding.code not in allowed and finding.path not in self.known:
                self.known.add(finding.path)
                self.outcome.unclean.append(
                    f"kill {self.outcome.kills}, {when}: {finding.code} {finding.what}"
                )
                print(self.outcome.unclean[-1], flush=True)

    # --- the end -----------------------------------------------------------------------------

    def _finish(self, immich: Immich) -> None:
        steps = os.path.join(self.base, "steps.json")
        ready = os.path.join(self.base, "ready")
        run = Run(self.forkserver, self.settings, ready, steps=steps)
        self.stock.deliver(self._left, self.layout.inbox)
        run.until(run.is_ready, 120)
        run.until(self._idle, 240 + len(self.stock.deliveries) / 5)
        self.outcome.drain_seconds = run.stop()
        self.outcome.final = Audit(self.layout).run()
        self.outcome.verdict = judge(self.root, self.stock.deliveries)
        self.outcome.in_library = sum(
            not name.endswith((".xmp", ".smartsort-root"))
            for _, _, names in os.walk(self.layout.library)
            for name in names
        )
        self.outcome.assets = immich.ask("/demo/status")["assets"]
        if os.path.exists(steps):
            with open(steps) as file:
                self.outcome.steps = Counter(json.load(file))

    def _idle(self) -> bool:
        if any(names for _, _, names in os.walk(self.layout.inbox)):
            return False
        marks = ",".join("?" * len(IN_PROGRESS))
        with closing(sqlite3.connect(self.layout.ledger, timeout=10)) as db:
            waiting = db.execute(f"SELECT count(*) FROM photos WHERE state IN ({marks})", IN_PROGRESS)
            return not waiting.fetchone()[0]


def play(photos: int, kills: int, seed: int = 0, other_disk: str | None = None) -> tuple[Outcome, Outcome]:
    """(without kills, with kills) over the same photos."""
    with (
        tempfile.TemporaryDirectory(prefix="smartsort-kill-") as base,
        tempfile.TemporaryDirectory(prefix="smartsort-kill-", dir=other_disk) as other,
    ):
        elsewhere = other if other_disk else None
        control = KillTest(os.path.join(base, "control"), photos, seed, elsewhere).run(0)
        shutil.rmtree(os.path.join(base, "control", "root"))
        outcome = KillTest(os.path.join(base, "killed"), photos, seed, elsewhere).run(kills, control.steps)
        with open(os.path.join(base, "killed", "sidecar.log")) as log:
            lines = [line for line in log if "Error" in line or "Traceback" in line]
            if lines:
                print("".join(lines[:20]))
        return control, outcome


def problems(control: Outcome, outcome: Outcome) -> list[str]:
    found = list(outcome.unclean)
    for which in (control, outcome):
        if which.verdict is None or which.final is None:
            found.append("a run did not come to its end")
            continue
        if not which.verdict.good:
            found.append(str(which.verdict))
        if which.final.weight is not Weight.CLEAN:
            found += [f"{f.code}: {f.what}" for f in which.final.findings]
        if which.assets != which.in_library:
            found.append(f"{which.in_library} files in the library, {which.assets} assets in Immich")
    if control.verdict and outcome.verdict and control.verdict.destinations != outcome.verdict.destinations:
        found.append("the destinations differ from those without kills")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--other-disk", metavar="DIR", help="inbox and review there: copies instead of hard links"
    )
    options = parser.parse_args()
    control, outcome = play(options.photos, options.kills, options.seed, options.other_disk)
    print(f"without kills: {control.seconds:.0f} s, {control.verdict}")
    print(f"{len(control.steps)} named steps reached without kills")
    print(f"{outcome.kills} kills over {outcome.final.photos if outcome.final else 0} photos:")
    for step, count in sorted(outcome.kills_at.items(), key=lambda item: -item[1]):
        print(f"  {count:4} at {step}")
    print(f"{outcome.audits} quick audits, {len(outcome.unclean)} of them not clean")
    if outcome.final:
        print(
            f"full audit at the end: {len(outcome.final.findings)} findings, {outcome.final.photos} photos, "
            f"{outcome.final.names} names, {outcome.final.seconds:.1f} s"
        )
    print(f"library: {outcome.in_library} files, {outcome.assets} assets in Immich")
    print(f"drained after SIGTERM in {outcome.drain_seconds:.2f} s; {outcome.seconds:.0f} s in all")
    print(f"result: {outcome.verdict}")
    found = problems(control, outcome)
    for each in found[:50]:
        print(f"PROBLEM {each}")
    print("FAILED" if found else "PASSED")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
