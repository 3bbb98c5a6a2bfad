"""What keeps the work from going on, told once when it begins and once when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: `kind` is stable ("immich", "permission", "storage", "root", "ledger")."""

    kind: str
    message: str
    since: str


class Troubles:
    """The troubles of this moment, by kind. `announce(trouble, began)` is called when one begins or ends."""

    def __init__(self, now: Callable[[], str], announce: Callable[[Trouble, bool], None]) -> None:
        self._now, self._announce = now, announce
        self._open: dict[str, Trouble] = {}

    def begin(self, kind: str, message: str) -> None:
        """Note a trouble; announced when it is new."""
        known = self._open.get(kind)
        self._open[kind] = Trouble(kind, message, known.since if known else self._now())
        if known is None:
            self._announce(self._open[kind], True)

    def end(self, *kinds: str) -> bool:
        """Note that these are over; True when one of them had been open."""
        ended = [trouble for kind in kinds if (trouble := self._open.pop(kind, None)) is not None]
        for trouble in ended:
            self._announce(trouble, False)
        return bool(ended)

    @property
    def open(self) -> tuple[Trouble, ...]:
        """Troubles that go on, oldest first."""
        return tuple(sorted(self._open.values(), key=lambda t: t.since))
