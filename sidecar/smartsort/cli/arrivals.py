"""`smartsort add --wait`: what became of files that were put into the inbox."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import click

from smartsort.cli.output import counting, print_json, print_table
from smartsort.cli.sidecar import Sidecar, with_companions
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import AT_REST
from smartsort.files.inbox import scan_inbox
from smartsort.files.shown import shown

_POLL_SECONDS = 0.5
_ASKED_AT_ONCE = 20
"""Photos whose state is asked for in one round. They come to rest about in this order."""


class Arrivals:
    """Follows files of the inbox. Made before they are put there: what arrived earlier is somebody else's."""

    def __init__(self, sidecar: Sidecar, inbox: str) -> None:
        self._sidecar, self._inbox = sidecar, inbox
        page = sidecar.ask("GET", "/events", limit=1)["events"]
        self._seen = page[0]["id"] if page else 0
        self._photos: dict[str, int] = {}

    def wait_for(self, paths: Sequence[str], *, as_json: bool) -> list[tuple[str, str]]:
        """Wait until each of the files is at rest, print where. Those that smartsort leaves alone, and why.

        A file that is gone without being a photo of its own went along with one.
        """
        waiting = {shown(os.path.relpath(path, self._inbox)): path for path in paths}
        found: dict[str, dict[str, Any]] = {}
        left: list[tuple[str, str]] = []
        if waiting and not self._sidecar.ask("GET", "/status")["enabled"]:
            click.echo("sorting is off. The photos wait until you run `smartsort enable`", err=True)
        with counting(f"of {len(waiting):,} files sorted") as count:
            while waiting:
                gone = [name for name, path in waiting.items() if not os.path.lexists(path)]
                self._look()
                for name in [n for n in waiting if n in self._photos][:_ASKED_AT_ONCE]:
                    answer = self._sidecar.ask("GET", f"/photos/{self._photos[name]}/explain")
                    if answer["state"] in AT_REST:
                        found[name] = answer
                        del waiting[name]
                for name in gone:
                    if name not in self._photos:
                        del waiting[name]
                if waiting.keys() - self._photos.keys():
                    ignored = {one.path: one.why for one in scan_inbox(self._inbox).left}
                    left += [(path, ignored[path]) for path in waiting.values() if path in ignored]
                    waiting = {name: path for name, path in waiting.items() if path not in ignored}
                count(len(paths) - len(waiting))
                if waiting:
                    time.sleep(_POLL_SECONDS)
        _tell(found, as_json=as_json)
        return left

    def _look(self) -> None:
        """Learn which photos the files have become since the last look."""
        newest = self._seen
        for page in self._sidecar.pages("/events", kind=EventKind.ACCEPTED.value, limit=500):
            news = [event for event in page["events"] if event["id"] > self._seen]
            for event in news:
                newest = max(newest, event["id"])
                if "path" in event["data"]:
                    self._photos[event["data"]["path"]] = event["photo_id"]
            if len(news) < len(page["events"]):
                break
        self._seen = newest


def _tell(found: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json([{"file": name} | answer for name, answer in found.items()])
        return
    print_table(
        ("file", "photo", "where", "why"),
        (
            (name, one["photo_id"], with_companions(", ".join(one["places"]), one), one["summary"])
            for name, one in found.items()
        ),
    )
