"""Files that could not be taken in: each is tried again by itself, ever more rarely."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
"""Between two tries of one file, doubled from the first to the longest."""


@dataclass(slots=True)
class _Refusal:
    problem: str
    since: float
    until: float
    pause: float


class Refusals:
    """What was refused, by path. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._by_path: dict[str, _Refusal] = {}

    def __len__(self) -> int:
        return len(self._by_path)

    def waits(self, path: str, now: float) -> bool:
        """Return True until the file is worth another try."""
        refusal = self._by_path.get(path)
        return refusal is not None and now < refusal.until

    def note(self, path: str, problem: str, now: float) -> bool:
        """Note a try in vain. True when the problem is news, and should be logged."""
        known = self._by_path.get(path)
        pause = FIRST_PAUSE_SECONDS if known is None else min(LONGEST_PAUSE_SECONDS, 2 * known.pause)
        since = now if known is None else known.since
        self._by_path[path] = _Refusal(problem, since, now + pause, pause)
        return known is None or known.problem != problem

    def keep(self, paths: Collection[str]) -> None:
        """Forget the files that are not among these: they were taken, or are gone."""
        self._by_path = {path: refusal for path, refusal in self._by_path.items() if path in paths}

    def pause(self, now: float) -> float:
        """Return seconds until the next file is worth another try. Infinite when there is none."""
        return max(0.0, min((each.until for each in self._by_path.values()), default=inf) - now)

    def problem(self, path: str) -> str:
        """Return why a file was refused last, "" when it was not."""
        refusal = self._by_path.get(path)
        return refusal.problem if refusal is not None else ""
