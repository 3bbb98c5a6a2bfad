"""Health issues: what stops or hinders the work. Each is reported when it begins and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class HealthIssueKind(StrEnum):
    """What can be wrong. The values are stable: metrics, messages and clients go by them."""

    IMMICH = "immich"
    """Immich does not answer, or answers with an error."""
    PERMISSION = "permission"
    """Immich refuses the key."""
    STORAGE = "storage"
    """smartsort cannot write to a folder or disk."""
    ROOT = "root"
    """The root is missing."""
    CLOCK = "clock"
    """The time of day jumped."""
    DELETIONS = "deletions"
    """Many photos were deleted in Immich, and wait for a confirmation."""
    VERSION = "version"
    """Immich is newer than this smartsort, and lacks something that smartsort needs."""
    SHARED_PEOPLE = "shared_people"
    """A person stands twice in Immich's list: once as yours and once shared by another user."""
    LEDGER = "ledger"
    """The ledger is damaged. smartsort begins nothing new."""
    PROGRESS = "progress"
    """A photo makes no progress, without an error. The message names it."""
    WATCH = "watch"
    """smartsort cannot watch the inbox, so it looks there regularly."""
    INODES = "inodes"
    """Inode numbers do not identify a file, as on some FUSE mounts. smartsort copies photos."""
    MIXED_PERSON = "mixed_person"
    """The faces that Immich keeps under one name look like two people's."""
    SMARTSORT = "smartsort"
    """smartsort met an error that it knows. The message names it."""
    BUG = "bug"
    """smartsort met an unknown error. Please report it, with the log."""


@dataclass(frozen=True, slots=True)
class HealthIssue:
    """One thing that is wrong.

    A `notice` keeps no photo from being sorted: something works, but not as it should. `about` tells issues
    of one kind apart, such as the id of a person. Messages are sent about those that are `sent`.
    """

    kind: HealthIssueKind
    message: str
    since: str
    notice: bool = False
    about: str = ""
    sent: bool = True


_Key = tuple[HealthIssueKind, str]


@dataclass(slots=True)
class _Share:
    """One stage's part in a health issue."""

    doubtful: bool = False
    """Another stage got through since. If this one has nothing to do now, the issue is over for it."""
    retried: bool = False
    """It was woken once because another stage got through."""


class HealthIssues:
    """The health issues of this moment, by kind. `announce(issue, began)` is called when one begins or ends.

    A health issue belongs to the stages that met it, and is over when it is over for each of them: an inbox
    that can be read says nothing about a library that is full.
    """

    def __init__(self, now: Callable[[], str], announce: Callable[[HealthIssue, bool], None]) -> None:
        self._now, self._announce = now, announce
        self._open: dict[_Key, HealthIssue] = {}
        self._shares: dict[_Key, dict[str, _Share]] = {}
        self._idle: set[str] = set()

    def begin(
        self,
        kind: HealthIssueKind,
        message: str,
        stage: str = "",
        *,
        notice: bool = False,
        about: str = "",
        sent: bool | None = None,
    ) -> None:
        """Note that a stage met a health issue. Announced when it is new.

        Unless `sent` says otherwise, messages are sent about all but notices.
        """
        key = kind, about
        known = self._open.get(key)
        since = known.since if known else self._now()
        if known is not None:
            sent = known.sent
        elif sent is None:
            sent = not notice
        self._open[key] = HealthIssue(kind, message, since, notice, about, sent)
        self._shares.setdefault(key, {}).setdefault(stage, _Share()).doubtful = False
        if known is None:
            self._announce(self._open[key], True)

    def well(self, stage: str, *uses: HealthIssueKind) -> bool:
        """Note that a stage got through, using what these kinds are about: its own health issues are over.

        True when stages that wait because of these kinds had better try again at once.
        """
        ended = self._end(stage)
        news = False
        for kind in uses:
            for share in self._shares.get((kind, ""), {}).values():
                news |= not share.retried
                share.doubtful = share.retried = True
        for other in self._idle:
            self._end(other, doubtful_only=True)
        return ended or news

    def idle(self, stage: str) -> None:
        """A stage has nothing to do: that ends its health issues once others got through, before or after."""
        self._idle.add(stage)
        self._end(stage, doubtful_only=True)

    def busy(self, stage: str) -> None:
        """A stage looks for work again. Others that get through say nothing about what it will meet."""
        self._idle.discard(stage)

    def _end(self, stage: str, *, doubtful_only: bool = False) -> bool:
        ended = False
        for key, shares in list(self._shares.items()):
            if stage in shares and (shares[stage].doubtful or not doubtful_only):
                del shares[stage]
                ended = True
            if not shares:
                del self._shares[key]
                self._announce(self._open.pop(key), False)
        return ended

    def met_by(self, *stages: str) -> bool:
        """Return True while one of these stages waits because of a health issue."""
        return any(stage in shares for shares in self._shares.values() for stage in stages)

    def over(self, kind: HealthIssueKind, about: str = "") -> None:
        """Note that a health issue is over for all who met it."""
        if self._shares.pop((kind, about), None) is not None:
            self._announce(self._open.pop((kind, about)), False)

    @property
    def blocked(self) -> bool:
        """True while something keeps photos from being sorted."""
        return not all(issue.notice for issue in self._open.values())

    @property
    def open(self) -> tuple[HealthIssue, ...]:
        """Health issues that go on, oldest first."""
        return tuple(sorted(self._open.values(), key=lambda t: t.since))
