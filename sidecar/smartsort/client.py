"""A small client for programs: the methods that programs need, against a running sidecar."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from smartsort.errors import SmartsortError
from smartsort.files.shown import well_formed

BASE = "/api/smart-download"
DEFAULT_URL = "http://127.0.0.1:8484"

_WAIT_SECONDS = 30.0
"""One request waits so long. A longer wait is several requests."""
_TRANSPORT_TRIES = 3
_BULK_SECONDS = 600.0
"""Ten thousand photos take minutes."""
_RESULT_KEYS = ("status", "action", "destination", "reason", "person")
_RESULT_KEYS_WHERE_THEY_APPLY = ("hash", "category")


class SidecarError(SmartsortError):
    """The sidecar refused a request or cannot be reached. `status` is the HTTP status, 0 for no answer."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class SmartDownloader:
    """Hands URLs to a running sidecar, and reviews what it could not decide.

    `base_url` and `token` default to the environment variables SMARTSORT_URL and SMARTSORT_TOKEN. Use as a
    context manager, or `close` it. One object may be used by several threads.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        timeout_seconds: float = 300.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        address = base_url or os.environ.get("SMARTSORT_URL") or DEFAULT_URL
        secret = token or os.environ.get("SMARTSORT_TOKEN") or ""
        self._timeout = timeout_seconds
        self._http = httpx.Client(
            base_url=address.rstrip("/"),
            headers={"Authorization": f"Bearer {secret}"} if secret else {},
            timeout=httpx.Timeout(30.0, read=_WAIT_SECONDS + 30.0),
            trust_env=False,
            transport=transport,
        )
        self._address = address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A script that just ends need not close it. __init__ may have failed before there was anything.
        http = getattr(self, "_http", None)
        if http is not None:
            http.close()

    def __repr__(self) -> str:
        return f"SmartDownloader({self._address!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def smart_download(self, url: str, source: str = "url") -> dict[str, Any]:
        """Return what became of the photo at `url`: status, action, destination, reason, person.

        `hash` and `category` are added where they apply.

        Waits until it is filed or in review, at most `timeout_seconds`. A download that fails is a result
        with `status` `error`, not an exception. Raises SidecarError when the sidecar cannot be asked.
        """
        end = time.monotonic() + self._timeout
        answer = self._call(
            "POST", "", json={"url": url, "source": source}, params={"wait": self._wait(end)},
            # A broken connection is tried again. The key keeps that from being a second download.
            headers={"Idempotency-Key": secrets.token_hex(16)}, again=True,
        )  # fmt: skip
        while "id" in answer:
            if answer.get("result"):
                return _result(answer["result"])
            if time.monotonic() >= end:
                return {
                    "status": "error",
                    "action": None,
                    "destination": None,
                    "reason": f"not_finished: {answer['state']}, ask again for item {answer['id']}",
                    "person": None,
                }
            answer = self._call(
                "GET", f"/submissions/{answer['id']}", params={"wait": self._wait(end)}, again=True
            )
        return _result(answer)

    def get_review_queue(self, category: str | None = None) -> list[dict[str, Any]]:
        """Return all photos that wait for a human, newest first: category, filename, path, size, modified.

        Each also has its `id`, `reason` and `suggested_person`, whose similarity was measured.
        """
        keys = ("category", "filename", "path", "size", "modified", "id", "reason", "suggested_person")
        return [{key: row.get(key) for key in keys} for row in self._queue(category)]

    def approve_review_item(self, path: str, person: str) -> dict[str, Any]:
        """File a waiting photo under a person. Somebody Immich does not know yet is made.

        `path` is that of the review queue. Raises SidecarError when nothing waits under that path, or when
        somebody else was faster.
        """
        row = self._find(path)
        answer = self._call(
            "POST", f"/review/{row['id']}/approve", json={"person": {"name": person, "create": True}}
        )
        return {
            "status": "success",
            "action": "sorted",
            "destination": answer.get("path") or answer.get("destination"),
            "reason": "approved",
            "person": answer.get("person") or person,
        }

    def reject_review_item(self, path: str) -> dict[str, Any]:
        """Reject a waiting photo. It is kept in the trash for a while, where an undo finds it."""
        row = self._find(path)
        self._call("POST", f"/review/{row['id']}/reject")
        return {"status": "success", "action": "deleted", "path": path}

    def preview_review(
        self,
        action: Literal["approve", "reject", "skip"],
        *,
        ids: Sequence[int] = (),
        category: str | None = None,
        search: str | None = None,
        everything: bool = False,
        people: Sequence[str] = (),
        include: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return what an action would do to waiting photos: `decided`, `counts`, `excluded`.

        Nothing is changed.

        `people` and `include` are for approvals. Give the answer to `carry_out` to do exactly this.
        """
        asked: dict[str, Any] = {
            "ids": list(ids), "category": category, "search": search, "everything": everything,
        }  # fmt: skip
        if action == "approve":
            asked |= {"approve": {"people": list(people)}, "include": list(include)}
        answer = self._call("POST", f"/review/bulk/{action}", json=asked | {"dry_run": True}, again=True)
        return answer | {"of": action}

    def carry_out(self, preview: Mapping[str, Any]) -> dict[str, Any]:
        """Do what `preview_review` has shown. Photos that changed or came since are in `changed`, untouched.

        A preview can be carried out once, within an hour. Raises SidecarError (409) after that.
        """
        # A second request after a lost answer gets the answer of the first one.
        route = f"/review/bulk/{preview['of']}"
        return self._call(
            "POST", route, json={"preview": preview["preview"]}, again=True, timeout=_BULK_SECONDS
        )

    def get_smart_download_stats(self, days: int = 30) -> dict[str, Any]:
        """auto_sorted, in_review, by_person, by_category and success_rate over some days."""
        answer = self._call("GET", "/stats/summary", params={"days": days}, again=True)
        keys = ("auto_sorted", "in_review", "by_person", "by_category", "success_rate")
        return {key: answer[key] for key in keys}

    # --- requests ----------------------------------------------------------------------------

    def _wait(self, end: float) -> float:
        return round(max(0.0, min(_WAIT_SECONDS, end - time.monotonic())), 1)

    def _queue(self, category: str | None) -> Iterator[dict[str, Any]]:
        route = "/review/queue" + (f"/{quote(category, safe='')}" if category else "")
        cursor: str | None = None
        while True:
            params: dict[str, Any] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = self._call("GET", route, params=params, again=True)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _find(self, path: str) -> dict[str, Any]:
        for row in self._queue(None):
            if row["path"] == path:
                return row
        raise SidecarError(
            f"nothing waits for review under {path}. Was it decided already?", 404, "not_found"
        )

    def _call(self, method: str, route: str, *, again: bool = False, **options: Any) -> dict[str, Any]:
        for tries_left in reversed(range(_TRANSPORT_TRIES if again else 1)):
            try:
                answer = self._http.request(method, f"{BASE}{route}", **well_formed(options))
            except httpx.HTTPError as problem:
                if tries_left:
                    time.sleep(0.2)
                    continue
                raise SidecarError(
                    f"no answer from the sidecar at {self._address} ({type(problem).__name__}). "
                    "Does it run (smartsort serve), and is SMARTSORT_URL right?"
                ) from problem
            if answer.is_success:
                body: dict[str, Any] = answer.json()
                return body
            raise _refused(answer)
        raise AssertionError("unreachable")


def _refused(answer: httpx.Response) -> SidecarError:
    try:
        body: Mapping[str, Any] = answer.json()
    except ValueError:
        body = {}
    detail = body.get("detail") if isinstance(body, dict) else None
    hint = ". Set SMARTSORT_TOKEN" if answer.status_code == 401 else ""
    words = f"the sidecar answered {answer.status_code}: {detail or 'no reason given'}{hint}"
    return SidecarError(
        words, answer.status_code, str(body.get("code", "")) if isinstance(body, dict) else ""
    )


def _result(answer: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: answer.get(key) for key in _RESULT_KEYS}
    return result | {key: answer[key] for key in _RESULT_KEYS_WHERE_THEY_APPLY if answer.get(key) is not None}
