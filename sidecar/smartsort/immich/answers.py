"""Tells a good answer from the bad ones, and says of a bad one what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from smartsort.errors import ImmichError, ImmichRefused, ImmichRejected, ImmichUnreachable
from smartsort.immich.operations import Operation
from smartsort.immich.transport import TEMPORARY

ADMIN = "admin"
"""`ImmichRefused.permission` when no permission is missing, but the key's owner is no administrator."""

_MISSING = re.compile(r"Missing required permission: ([\w.]+)")
_BAD_PATH = "Invalid import path: "
_OPENING = {"array": b"[", "object": b"{"}


class UnknownId(ImmichRejected):
    """Immich does not know an id, or it is somebody else's: it says the same for both."""


class QueueBusy(ImmichRejected):
    """A queue cannot be started because it is at work. Asking again when it is idle helps."""

    retryable = True


class ImportPathRefused(ImmichRejected):
    """Immich cannot use an import path. `reason` says which and why, in its own words."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message, status)
        self.reason = reason


def check(response: httpx.Response, operation: Operation) -> None:
    """Raise what is wrong with an answer that was read to its end. Return when it is the expected one."""
    what = f"{response.request.method} {response.request.url.path}"
    status = response.status_code
    if 300 <= status < 400:
        raise ImmichUnreachable(_redirected(what, response))
    if status >= 400:
        raise _failure(what, response, operation)
    if operation.answer == "file":
        kind = media_type(response.headers)
        if not kind.startswith("image/") or not response.content:
            raise _not_immich(what, f"answered with {kind or 'something'} instead of a picture")
    elif operation.answer in _OPENING:
        if status != operation.status:
            raise _not_immich(what, f"answered with status {status} instead of {operation.status}")
        # A stray object read as a list would pass for an empty one: for "no faces".
        if response.content.lstrip()[:1] != _OPENING[operation.answer]:
            raise _not_immich(what, f"answered with {_shown(response)} instead of a JSON {operation.answer}")


def unreadable(what: str, error: Exception) -> ImmichUnreachable:
    """Return the error for an answer that looked right but lacks something or was cut short."""
    detail = f"{type(error).__name__}: {error}"
    return _not_immich(what, f"answered with something that cannot be read ({detail})")


def unanswered(what: str, host: str, error: httpx.HTTPError) -> ImmichUnreachable:
    """Return the error for a request that got no answer."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        problem = "cannot be reached"
    elif isinstance(error, httpx.TimeoutException):
        problem = f"did not answer {what} in time"
    else:
        problem = f"broke off while answering {what}"
    detail = str(error) or type(error).__name__
    return ImmichUnreachable(
        f"Immich at {host} {problem} ({detail}). Photos wait. Check that it is running and that its address "
        "is right."
    )


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type without its parameters, in lower case, "" when the answer names none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _failure(what: str, response: httpx.Response, operation: Operation) -> ImmichError:
    status = response.status_code
    said = _message(response)
    if status in TEMPORARY or status >= 500:
        return ImmichUnreachable(
            f"Immich answered {what} with status {status} ({said or _shown(response)}). "
            "Photos wait. If it stays like this, look into Immich's own log."
        )
    if said is None:
        return _not_immich(what, f"answered with status {status} and {_shown(response)}")
    if status == httpx.codes.UNAUTHORIZED:
        return ImmichRefused(
            f"Immich does not accept the API key ({said}, {what}). "
            "Make a new key in Immich under Account Settings, API Keys, and put it into smartsort's settings."
        )
    if status == httpx.codes.FORBIDDEN:
        return _refused(what, said, operation)
    message = f"Immich rejected {what} with status {status}: {said}."
    if status == httpx.codes.BAD_REQUEST and said.startswith("Not found or no "):
        return UnknownId(f"{message} It does not know the id, or it belongs to another user.", status)
    if operation.name == "start_queue" and "already running" in said:
        return QueueBusy(f"{message} Ask again when the queue is idle.", status)
    if said.startswith(_BAD_PATH):
        return ImportPathRefused(message, status, said.removeprefix(_BAD_PATH))
    return ImmichRejected(
        f"{message} smartsort may not fit this version of Immich. Run `smartsort doctor`.", status
    )


def _refused(what: str, said: str, operation: Operation) -> ImmichRefused:
    missing = _MISSING.search(said)
    if missing:
        name = missing[1]
        return ImmichRefused(
            f"The API key lacks the permission {name} ({what}). "
            "Add it to the key in Immich under Account Settings, API Keys.",
            name,
        )
    if operation.admin:
        return ImmichRefused(
            f"Immich refused {what} ({said}): the owner of the API key must be an administrator for it. "
            "Use a key of an administrator.",
            ADMIN,
        )
    needed = f". It needs the permission {operation.permission}" if operation.permission else ""
    return ImmichRefused(f"Immich refused {what} ({said}){needed}.", operation.permission)


def _redirected(what: str, response: httpx.Response) -> str:
    # Never followed: the key would go along, to whatever host the answer names.
    target = response.headers.get("location", "")
    place = (
        str(response.request.url.join(target).copy_with(query=None, fragment=None)) if target else "elsewhere"
    )
    return (
        f"The address of Immich sends {what} on to {place}. If that is Immich, put its address into "
        "smartsort's settings. If it is a log-in page, let smartsort past it."
    )


def _message(response: httpx.Response) -> str | None:
    """Immich's own words, None when the body is not one of Immich's errors."""
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return None
    said = body.get("message") if isinstance(body, dict) else None
    if isinstance(said, list):
        said = "; ".join(str(part) for part in said)
    if not isinstance(said, str):
        return None
    details = body.get("errors")
    if isinstance(details, list) and details:
        said = f"{said}: " + "; ".join(_detail(each) for each in details)
    return said


def _detail(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    place = ".".join(str(part) for part in entry.get("path") or ())
    return f"{place} {entry.get('message', '')}".strip()


def _not_immich(what: str, problem: str) -> ImmichUnreachable:
    return ImmichUnreachable(
        f"Whatever is at the address of Immich {problem} ({what}). Photos wait. Check the address, and "
        "whether a proxy or a log-in page answers in Immich's place."
    )


def _shown(response: httpx.Response) -> str:
    kind = media_type(response.headers)
    if kind == "text/html":
        return "an HTML page"
    if not response.content:
        return "an empty answer"
    return f"{len(response.content)} bytes of {kind or 'an unknown type'}"
