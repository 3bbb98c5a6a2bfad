"""From events to one message. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from smartsort.core.event_kinds import EventKind
from smartsort.core.wording_events import event_sentence
from smartsort.ledger.records import Event

EXAMPLES = 5
"""Photos that a digest names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `kind` is `digest`, `trouble`, `trouble_over` or `test`; `data` is for programs."""

    kind: str
    title: str
    body: str
    at: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The message as a webhook carries it and as the ledger keeps it."""
        return {
            "kind": self.kind,
            "title": self.title,
            "body": self.body,
            "at": self.at,
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Message:
        """The inverse of `as_json`."""
        return cls(
            str(value["kind"]), str(value["title"]), str(value["body"]), str(value["at"]), value["data"]
        )


@dataclass(slots=True)
class Digest:
    """Counts events; `message` says it in a few lines however many there were."""

    wanted: Collection[str]
    """Of `sorted`, `needs_review`, `trouble`."""
    sorted: Counter[str] = field(default_factory=Counter)
    reviewed: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    examples: list[str] = field(default_factory=list)
    first_at: str = ""

    def add(self, events: Iterable[Event]) -> None:
        """Take events in; those nobody wants to hear of, and those of a human's own hand, are passed over."""
        for event in events:
            line = self._count(event)
            if line is None:
                continue
            self.first_at = self.first_at or event.at
            if len(self.examples) < EXAMPLES:
                self.examples.append(line)

    def _count(self, event: Event) -> str | None:
        data = event.data
        if event.kind == EventKind.SORTED and "sorted" in self.wanted:
            self.sorted.update([str(name) for name in data.get("people", ())] or ["?"])
        elif event.kind == EventKind.REVIEWED and "needs_review" in self.wanted:
            self.reviewed[str(data.get("category") or "?")] += 1
        elif event.kind == EventKind.DOWNLOAD_FAILED and "needs_review" in self.wanted:
            self.failed += 1
        else:
            return None
        return event_sentence(event.kind, data, _name(data))

    @property
    def empty(self) -> bool:
        """True when there is nothing to tell."""
        return not (self.sorted or self.reviewed or self.failed)

    def message(self, at: str) -> Message:
        """What happened, as one message."""
        lines, parts = [], []
        if self.sorted:
            total = sum(self.sorted.values())
            parts.append(f"{total} sorted")
            lines.append(f"Sorted: {_counts(self.sorted)}")
        if self.reviewed:
            total = sum(self.reviewed.values())
            parts.append(f"{total} to review")
            lines.append(f"Waiting for you: {_counts(self.reviewed)}")
        if self.failed:
            parts.append(f"{self.failed} download{'' if self.failed == 1 else 's'} failed")
        lines += [f"- {line}" for line in self.examples]
        more = sum(self.sorted.values()) + sum(self.reviewed.values()) + self.failed - len(self.examples)
        if more > 0:
            lines.append(f"and {more} more")
        data = {"sorted": dict(self.sorted), "needs_review": dict(self.reviewed), "failed": self.failed}
        return Message("digest", f"smartsort: {', '.join(parts)}", "\n".join(lines), at, data)


def _counts(counter: Counter[str]) -> str:
    most = counter.most_common(10)
    text = ", ".join(f"{name} {count}" for name, count in most)
    return text + (f" and {len(counter) - len(most)} others" if len(counter) > len(most) else "")


def _name(data: Mapping[str, Any]) -> str:
    names = data.get("names") or [["?", "a photo"]]
    return str(names[0][1]).rsplit("/", 1)[-1]


def trouble_message(kind: str, text: str, at: str, *, began: bool) -> Message:
    """Something keeps the work from going on, or does no longer."""
    data = {"trouble": kind}
    if began:
        return Message("trouble", f"smartsort: trouble ({kind})", text, at, data)
    return Message(
        "trouble_over", f"smartsort: trouble over ({kind})", f"Work goes on. It was: {text}", at, data
    )


def is_quiet(now: datetime, between: tuple[time, time] | None) -> bool:
    """True within the quiet hours; `now` in the zone they are meant in. The end may be on the next day."""
    if between is None:
        return False
    start, end = between
    moment = now.time()
    return start <= moment < end if start < end else moment >= start or moment < end


def seconds_until_loud(now: datetime, between: tuple[time, time] | None) -> float:
    """Seconds until the quiet hours end, 0 outside of them."""
    if between is None or not is_quiet(now, between):
        return 0.0
    end = now.replace(hour=between[1].hour, minute=between[1].minute, second=0, microsecond=0)
    if end <= now:
        end += timedelta(days=1)
    return (end - now).total_seconds()


def canonical(message: Message) -> bytes:
    """The bytes a webhook posts and signs."""
    return json.dumps(message.as_json(), ensure_ascii=False, separators=(",", ":")).encode()
