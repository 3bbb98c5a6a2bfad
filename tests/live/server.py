"""The Immich that the tests of this folder run against: one that you name, or a demo Immich.

CONTRIBUTING.md, "Try it on a real Immich", describes the variables.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.demo_server import serve_in_thread

from smartsort.demo.run import IMMICH_LIBRARY
from smartsort.demo.samples import PEOPLE
from smartsort.demo.settings import DEFAULT_KEY, DemoSettings

VARIABLE = "SMARTSORT_LIVE_"
# Read once: httpx would read them for every call.
_CERTIFICATES = ssl.create_default_context()


class Refused(Exception):
    """The tests must not run against this server. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Immich:
    """A server, a key to it, and the folder that it shares with the tests."""

    url: str
    key: str
    root: Path
    """smartsort's root, as the tests see it. The server sees its `library/` only."""
    library_path: str
    """That `library/`, as the server sees it."""
    is_demo: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of smartsort that lead to this server."""
        return {
            "immich.url": self.url,
            "immich.api_key": self.key,
            "immich.library_path": self.library_path,
        }

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the server directly, past smartsort's adapter, and return its JSON."""
        answer = httpx.request(
            method,
            f"{self.url}/api{path}",
            json=body,
            headers={"x-api-key": self.key},
            timeout=60,
            verify=_CERTIFICATES,
        )
        answer.raise_for_status()
        return answer.json()


@contextmanager
def chosen(environment: Mapping[str, str], folder: Path) -> Iterator[Immich]:
    """Yield the server that the environment names, or a demo Immich on `folder`. Raises Refused."""
    if VARIABLE + "URL" in environment:
        yield named(environment)
        return
    (folder / "library").mkdir()
    settings = DemoSettings(mounts={IMMICH_LIBRARY: folder / "library"}, people=PEOPLE)
    with serve_in_thread(settings) as server:
        yield Immich(server.url, DEFAULT_KEY, folder, IMMICH_LIBRARY, is_demo=True)


def named(environment: Mapping[str, str]) -> Immich:
    """Return the server that the environment names, once it is sure that nothing of yours is at stake."""
    missing = [v for v in ("API_KEY", "ROOT") if not environment.get(VARIABLE + v)]
    if missing:
        names = " and ".join(VARIABLE + name for name in missing)
        raise Refused(f"{names}: set it beside {VARIABLE}URL (CONTRIBUTING.md, Try it on a real Immich)")
    immich = Immich(
        environment[VARIABLE + "URL"].rstrip("/"),
        environment[VARIABLE + "API_KEY"],
        Path(environment[VARIABLE + "ROOT"]).absolute(),
        environment.get(VARIABLE + "LIBRARY_PATH") or IMMICH_LIBRARY,
    )
    check_folder(immich.root)
    check_user(immich)
    return immich


def check_folder(root: Path) -> None:
    """Raise Refused unless the folder holds an empty `library/` and nothing else."""
    found = sorted(os.listdir(root)) if root.is_dir() else None
    if found is None or found != ["library"] or os.listdir(root / "library"):
        raise Refused(f"{root}: give an empty folder with an empty library/ in it, which Immich sees too")


def check_user(immich: Immich) -> None:
    """Raise Refused for a user who has a photo, wherever in Immich it is."""
    for visibility in ("timeline", "archive", "hidden"):
        search = {"size": 1, "withDeleted": True, "visibility": visibility}
        if immich.ask("POST", "/search/metadata", search)["assets"]["items"]:
            whose = immich.ask("GET", "/users/me")["email"]
            raise Refused(f"{whose} has photos in Immich ({visibility}): give the key of a throw-away user")
