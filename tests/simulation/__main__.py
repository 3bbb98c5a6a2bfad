"""Plays histories of the whole system and says which of them went wrong.

    python -m tests.simulation --histories 2000 --seed 1
    python -m tests.simulation --replay 1234 --verbose

A history is told by its seed alone: replayed, it gives the same trace, whose digest is printed.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time


def main() -> int:
    """Exit status 1 when a history had findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1); the others follow it")
    parser.add_argument("--replay", type=int, help="play this seed alone and print its trace's digest")
    parser.add_argument("--verbose", action="store_true", help="print the trace as it grows")
    asked = parser.parse_args()
    from tests.simulation.history import play

    seeds = [asked.replay] if asked.replay is not None else range(asked.seed, asked.seed + asked.histories)
    gc.set_threshold(50_000)
    began, wrong, virtual, files, lives = time.perf_counter(), 0, 0.0, 0, 0
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    for seed in seeds:
        found = play(seed, os.path.join(memory, f"smartsort-simulation-{seed}"), verbose=asked.verbose)
        gc.freeze()  # what a process keeps is not looked through again and again
        virtual, files, lives = virtual + found.seconds, files + found.deliveries, lives + found.lives
        if found.findings:
            wrong += 1
            print(f"seed {seed}: {len(found.findings)} findings; replay with --replay {seed}", flush=True)
            for text in found.findings[:5]:
                print(f"    {text}", flush=True)
        if asked.replay is not None:
            print(f"seed {seed}: {len(found.lines)} lines, digest {found.digest}")
    spent, computed = time.perf_counter() - began, time.process_time()
    print(
        f"{len(seeds)} histories, {wrong} with findings; {files} files handed in, {lives} starts, "
        f"{virtual / 3600:.1f} simulated hours in {spent:.0f} s ({computed:.0f} s of processor time)"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a history
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main())
