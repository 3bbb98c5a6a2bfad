"""Finds and reads the recordings of real servers, and answers from them as those servers did.

They lie beside the checkout (`../shared/immich`), or where SMARTSORT_TEST_SHARED says, and are no part of
it: whatever needs them carries `*SHARED` as markers and is skipped without them.

In the recordings the folder of the library was renamed to /mnt/smartsort, but the checksums are those of its
real name. So a path is looked up here by the asset that has it, never by the recorded checksum.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared"
ROOT = Path(os.environ.get("SMARTSORT_TEST_SHARED") or _BESIDE) / "immich"
VERSIONS = ("2.5.6", "3.1.0")
SHARED = (
    pytest.mark.shared,
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"no recordings at {ROOT}"),
)

MAIN_KEY = "main"
"""The recorded client's key with all permissions; `OTHER_KEY` is a wrong or limited one, as recorded."""
OTHER_KEY = "other"

_LOOSE_QUERY = frozenset({"page"})
_LOOSE_SEARCH = frozenset({"page", "size", "createdAfter", "withDeleted", "withPeople"})


@dataclass(frozen=True)
class Exchange:
    """One request and what the server said."""

    step: str
    method: str
    path: str
    query: dict[str, Any]
    body: Any
    key: str
    status: int
    response: Any


@cache
def recorded(version: str) -> tuple[Exchange, ...]:
    """All exchanges of one version, in the order of the run."""
    found = []
    for file in sorted((ROOT / "recordings" / version).glob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        found += [
            Exchange(
                step=document["step"][:2],
                method=each["method"],
                path=each["path"],
                query=each["query"] or {},
                body=each["body"],
                key=each["key"],
                status=each["status"],
                response=each["response"],
            )
            for each in document["exchanges"]
        ]
    return tuple(found)


@cache
def description(version: str) -> dict[str, Any]:
    """The full OpenAPI description of one version."""
    loaded: dict[str, Any] = json.loads((ROOT / version / "openapi.json").read_text("utf-8"))
    return loaded


@cache
def assets_by_path(version: str) -> dict[str, dict[str, Any]]:
    """The last recorded state of every photo that was ever shown, by path."""
    found = {}
    for each in recorded(version):
        if isinstance(each.response, dict) and "originalPath" in each.response:
            found[each.response["originalPath"]] = each.response
        if each.path == "/search/metadata":
            found.update({item["originalPath"]: item for item in each.response["assets"]["items"]})
    return found


def recorded_id(version: str, name: str) -> str:
    """The id of the photo with this name below the library."""
    return str(assets_by_path(version)[f"/mnt/smartsort/{name}"]["id"])


class Replay:
    """Answers requests like the recorded server: a handler for `httpx.MockTransport`.

    Several answers to one request are given in the order of the run, and the last one for ever. A request
    that was never recorded, or with another body, is an AssertionError. `steps` limits which part of the run
    is replayed ("04"). `asked` collects method and path of every request.
    """

    def __init__(self, version: str, *steps: str) -> None:
        self.version = version
        self.asked: list[tuple[str, str]] = []
        self._exchanges = [each for each in recorded(version) if not steps or each.step in steps]
        self._given: dict[tuple[int, ...], int] = defaultdict(int)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        self.asked.append((request.method, path))
        key = request.headers.get("x-api-key", "none")
        body = json.loads(request.content) if request.content else None
        if path == "/assets/bulk-upload-check":
            return httpx.Response(200, json={"results": [self._verdict(each) for each in body["assets"]]})
        matches = [
            index
            for index, each in enumerate(self._exchanges)
            if (each.method, each.path) == (request.method, path)
            and each.key in (key, "none")
            and (each.key == key or each.status == httpx.codes.OK)
            and _same_query(each.query, dict(request.url.params))
            and _same_body(path, each.body, body)
        ]
        assert matches, f"never recorded: {request.method} {request.url} {body}"
        place = tuple(matches)
        found = self._exchanges[matches[min(self._given[place], len(matches) - 1)]]
        self._given[place] += 1
        return _response(found, body)

    def _verdict(self, asked: dict[str, str]) -> dict[str, Any]:
        for exchange in self._exchanges:
            if exchange.path != "/assets/bulk-upload-check":
                continue
            names = {each["checksum"]: each["id"] for each in exchange.body["assets"]}
            verdicts = {each["id"]: each for each in exchange.response["results"]}
            if asked["checksum"] in names:
                return {**verdicts[names[asked["checksum"]]], "id": asked["id"]}
        for path, asset in assets_by_path(self.version).items():
            digest = hashlib.sha1(b"path:" + os.fsencode(path), usedforsecurity=False).digest()
            if asked["checksum"] == base64.b64encode(digest).decode():
                return {
                    "id": asked["id"],
                    "action": "reject",
                    "reason": "duplicate",
                    "assetId": asset["id"],
                    "isTrashed": asset["isTrashed"],
                }
        return {"id": asked["id"], "action": "accept"}


class ScanReplay(Replay):
    """Replays a watched scan round by round, a round beginning with `GET /queues`.

    A failed listing moves on to the next round: what is read after it was read later on the real server, too.
    """

    def __init__(self, version: str, step: str) -> None:
        super().__init__(version, step)
        self._rounds: list[dict[str, Exchange]] = []
        for each in self._exchanges:
            if each.path == "/queues":
                self._rounds.append({})
            if self._rounds and each.path.startswith("/queues"):
                self._rounds[-1][each.path] = each
        self._round = -1

    @property
    def ended(self) -> bool:
        """True when the last round was played."""
        return self._round >= len(self._rounds) - 1

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api")
        if not path.startswith("/queues"):
            return super().__call__(request)
        if path == "/queues" and not self.ended:
            self._round += 1
        found = self._rounds[self._round][path]
        if found.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            self._round += 1
        return _response(found, None)


def _same_query(wanted: dict[str, Any], given: dict[str, str]) -> bool:
    loose = _LOOSE_QUERY if "closestAssetId" not in wanted else _LOOSE_QUERY | {"size"}
    if "withHidden" in wanted:
        loose |= {"size"}
    return {name: str(value) for name, value in wanted.items() if name not in loose} == {
        name: value for name, value in given.items() if name not in loose
    }


def _same_body(path: str, wanted: Any, given: Any) -> bool:
    if path == "/search/metadata":
        return {k: v for k, v in wanted.items() if k not in _LOOSE_SEARCH} == {
            k: v for k, v in given.items() if k not in _LOOSE_SEARCH
        }
    return bool(wanted == given)


def _response(found: Exchange, body: Any) -> httpx.Response:
    if isinstance(found.response, dict) and set(found.response) == {"content-type", "bytes"}:
        headers = {"content-type": found.response["content-type"]}
        return httpx.Response(found.status, content=bytes(found.response["bytes"]), headers=headers)
    if found.response is None:
        return httpx.Response(found.status)
    return httpx.Response(found.status, json=found.response)
