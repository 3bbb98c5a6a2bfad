"""From events to one message. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from smartsort.core.event_kinds import EventKind
from smartsort.core.wording_events import event_sentence
from smartsort.core.words import quantity
from smartsort.ledger.records import Event

EXAMPLES = 5
"""Photos that a digest names. The others are counted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message for people, with `data` for programs. Its fields are what a webhook and the ledger hold.

    `kind` is `digest`, `health_issue`, `health_restored` or `test`.
    """

    kind: str
    title: str
    body: str
    at: str
    data: Mapping[str, Any] = field(default_factory=dict)


class _Told(NamedTuple):
    """How a digest tells of a kind of event."""

    wanted: str
    """The one of `notify.events` that asks for it."""
    key: str
    """In the data of the message."""
    done: str
    noun: str = ""
    heading: str = ""
    """Of the line that counts by name. Without one there is no such line."""
    names: Callable[[Mapping[str, Any]], Sequence[Any]] = lambda _: ()


TOLD: dict[str, _Told] = {
    EventKind.SORTED: _Told(
        "sorted", "sorted", "sorted", heading="Sorted", names=lambda data: data.get("people", ())
    ),
    EventKind.REVIEWED: _Told(
        "needs_review",
        "needs_review",
        "to review",
        heading="Waiting for you",
        names=lambda data: [data.get("category")],
    ),
    EventKind.DOWNLOAD_FAILED: _Told("needs_review", "failed", "failed", noun="download"),
}


@dataclass(slots=True)
class Digest:
    """Counts events. `message` says it in a few lines however many there were."""

    wanted: Collection[str]
    """Of `sorted`, `needs_review`, `health`."""
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in TOLD})
    """By kind of event, then by name."""
    examples: list[str] = field(default_factory=list)
    first_at: str = ""

    def add(self, events: Iterable[Event]) -> None:
        """Take events in. Those nobody wants to hear of, and those of a human's own hand, are passed over."""
        for event in events:
            told = TOLD.get(event.kind)
            if told is None or told.wanted not in self.wanted:
                continue
            self.counts[event.kind].update([str(name or "?") for name in told.names(event.data)] or ["?"])
            self.first_at = self.first_at or event.at
            if len(self.examples) < EXAMPLES:
                self.examples.append(event_sentence(event.kind, event.data, _name(event.data)))

    @property
    def empty(self) -> bool:
        """True when there is nothing to tell."""
        return not any(self.counts.values())

    def message(self, at: str, address: str | None = None) -> Message:
        """What happened, as one message, with a link to the page at `address` where photos wait."""
        lines, parts, data = [], [], dict[str, Any]()
        for kind, told in TOLD.items():
            counted = self.counts[kind]
            total = counted.total()
            data[told.key] = dict(counted) if told.heading else total
            if total:
                parts.append(f"{quantity(total, told.noun) if told.noun else total} {told.done}")
            if total and told.heading:
                lines.append(f"{told.heading}: {_counts(counted)}")
        lines += [f"- {line}" for line in self.examples]
        more = sum(counted.total() for counted in self.counts.values()) - len(self.examples)
        if more > 0:
            lines.append(f"and {more} more")
        if address and self.counts[EventKind.REVIEWED]:
            lines.append(f"Review: {address.rstrip('/')}/#review")
        return Message("digest", f"smartsort: {', '.join(parts)}", "\n".join(lines), at, data)


def _counts(counter: Counter[str]) -> str:
    most = counter.most_common(10)
    text = ", ".join(f"{name} {count}" for name, count in most)
    return text + (f" and {len(counter) - len(most)} others" if len(counter) > len(most) else "")


def _name(data: Mapping[str, Any]) -> str:
    names = data.get("names") or [["?", "a photo"]]
    return str(names[0][1]).rsplit("/", 1)[-1]


def health_message(kind: str, text: str, at: str, *, began: bool) -> Message:
    """Something keeps the work from going on, or does no longer."""
    data = {"health_issue": kind}
    if began:
        return Message("health_issue", f"smartsort: health issue ({kind})", text, at, data)
    return Message(
        "health_restored", f"smartsort: health restored ({kind})", f"Work goes on. It was: {text}", at, data
    )


def is_quiet(now: datetime, between: tuple[time, time] | None) -> bool:
    """Return True within the quiet hours.

    `now` in the zone they are meant in. The end may be on the next day.
    """
    if between is None:
        return False
    start, end = between
    moment = now.time()
    return start <= moment < end if start < end else moment >= start or moment < end


def seconds_until_loud(now: datetime, between: tuple[time, time] | None) -> float:
    """Return seconds until the quiet hours end, 0 outside of them."""
    if between is None or not is_quiet(now, between):
        return 0.0
    end = now.replace(hour=between[1].hour, minute=between[1].minute, second=0, microsecond=0)
    if end <= now:
        end += timedelta(days=1)
    return (end - now).total_seconds()


def canonical(message: Message) -> bytes:
    """Return the bytes a webhook posts and signs."""
    return json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":")).encode()
