"""A typed client of smartsort's HTTP API. It knows nothing of widgets.

Every failure is an `ApiProblem` that says what failed, on what, and what to do:

    ApiProblem
    ├── Unreachable      nothing answers there, or it stopped in the middle of an answer
    ├── NotSmartsort     something answers, but it is not smartsort's API
    ├── TokenRefused     the token is missing or wrong
    ├── NotAllowed       the token is right but may not do this
    ├── NotThere         the item, photo or route does not exist
    ├── DecidedMeanwhile somebody else was faster; `happened` tells what they did
    └── Refused          the sidecar understood and said no (invalid input, Immich or the disk in the way)
"""

# ruff: noqa: PLC0415  (shapes that are not needed for the first picture are built later)
from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from smartsort.api.schemas.base import ResponseModel
from smartsort.api.schemas.control import ConfigPatch, ConfigView, ListChange, ListView
from smartsort.api.schemas.decisions import (
    ActionResultView,
    Approve,
    BulkActionResult,
    DeletionAnswer,
    Deletions,
    Selection,
)
from smartsort.api.schemas.history import EventPage, EventView, Undo
from smartsort.api.schemas.people import PersonView
from smartsort.api.schemas.problems import Problem
from smartsort.api.schemas.review import Offer, ReviewItem, ReviewPage
from smartsort.api.schemas.state import DoctorReport, Status
from smartsort.api.schemas.statistics import Summary

if TYPE_CHECKING:
    from smartsort.api.schemas.evaluation import Explained, RuleOut, SpotCheckPage, WhatIfReport, WrongFiling
    from smartsort.api.schemas.near_misses import NearMisses
    from smartsort.api.schemas.people import OnePerson
    from smartsort.api.schemas.strangers import NameFaces, Strangers, Verdict

BASE = "/api/smart-download"
# Larger than any preview Immich makes. A larger answer is not a picture for a terminal.
MAX_PICTURE_BYTES = 32 * 1024 * 1024
# Bulk actions answer when all of them are done, which takes minutes for thousands.
BULK_TIMEOUT_SECONDS = 3600.0
# What the sidecar takes for one decision.
MOST_KEYS = 10_000

ShapeT = TypeVar("ShapeT", bound=ResponseModel)
ListName = Literal["whitelist", "blacklist"]
Kind = Literal["approve", "reject", "skip"]
"""What can be decided about an item. The API's routes have these names."""


class ApiProblem(Exception):
    """A call that did not work. `title` is a few words, `remedy` what a person can do."""

    title = "That did not work"
    remedy = ""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unreachable(ApiProblem):
    """Nothing answers."""

    title = "No answer from smartsort"
    remedy = "Is the sidecar running, and is this its address? Trying again by itself."


class NotSmartsort(ApiProblem):
    """Something else answers there."""

    title = "This is not smartsort"
    remedy = "Check --url (or SMARTSORT_URL): scheme, host and port of the sidecar, usually :8484."


class TokenRefused(ApiProblem):
    """401."""

    title = "The token was refused"
    remedy = (
        "Give the sidecar's token with --token-file, --token or SMARTSORT_TOKEN. "
        "It lies in api-token below the sidecar's root."
    )


class NotAllowed(ApiProblem):
    """403."""

    title = "This token may not do that"
    remedy = "Use a token with the scope that is named."


class NotThere(ApiProblem):
    """404."""

    title = "Not there any more"


class DecidedMeanwhile(ApiProblem):
    """409."""

    title = "Decided meanwhile"

    def __init__(self, detail: str, happened: EventView | None) -> None:
        super().__init__(detail)
        self.happened = happened


class Refused(ApiProblem):
    """Any other error of the sidecar."""

    title = "smartsort said no"


def base_url(text: str) -> httpx.URL:
    """Return the sidecar's address as typed. `host:port` means http. Raises NotSmartsort for nonsense."""
    text = text.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise NotSmartsort(f"{text!r} is not an address: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or b"%" in url.raw_host:
        raise NotSmartsort(f"{text!r} is not an http or https address")
    path = url.path.rstrip("/").removesuffix(BASE)
    return url.copy_with(path=path + "/", query=None, fragment=None)


def _transport(*, verify: bool) -> httpx.AsyncHTTPTransport:
    """Return httpx's own, but a request that is cancelled as it closes old connections closes them all.

    There may be any number: the place of a request that is cancelled before it has connected stays taken.
    """
    made = httpx.AsyncHTTPTransport(verify=verify, limits=httpx.Limits(), trust_env=False)
    pool: Any = made._pool  # noqa: SLF001  (httpx has no other way)
    close = pool._close_connections  # noqa: SLF001

    async def close_all(connections: Any) -> None:
        if connections:
            await asyncio.shield(asyncio.ensure_future(close(connections)))

    pool._close_connections = close_all  # noqa: SLF001
    return made


class Client:
    """The calls the terminal UI makes. Close it with `aclose`."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        presses: Callable[[], int] = lambda: 0,
    ) -> None:
        """Raises NotSmartsort or TokenRefused when address or token cannot be sent at all.

        `presses` tells how many keys have taken effect so far.
        """
        self.url = base_url(url)
        self._presses, self._counted = presses, 0
        headers = {"Accept": "application/json"}
        if token:
            if not token.isascii() or not token.isprintable():
                raise TokenRefused("the token has characters no HTTP header can carry")
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(30.0, connect=5.0),
            # Reading certificates takes 25 ms, and no redirect leads from an address without TLS to one with.
            transport=transport or _transport(verify=self.url.scheme == "https"),
            # The sidecar is asked directly. A proxy in the environment is not meant for it.
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # --- review -----------------------------------------------------------------------------

    async def queue(
        self,
        *,
        cursor: str | None = None,
        category: str | None = None,
        search: str | None = None,
        limit: int = 200,
    ) -> ReviewPage:
        """Return one page of the queue, newest first."""
        path = "/review/queue" + (f"/{category}" if category else "")
        return await self._get(ReviewPage, path, cursor=cursor, search=search or None, limit=limit)

    async def item(self, item: int) -> ReviewItem:
        """Return one photo in review, with all that is known of it."""
        return await self._get(ReviewItem, f"/review/items/{item}")

    async def decide(
        self, kind: Kind, item: int, approve: Approve | None = None, keys: int | None = None
    ) -> ActionResultView:
        """Decide about one item. `approve` says under whom it is filed, `keys` what `take_keys` gave."""
        return await self._decide(ActionResultView, f"/review/{item}/{kind}", approve, keys=keys)

    async def rule_out(self, item: int, rule_out: RuleOut) -> ActionResultView:
        """Say whom an item does not show. It goes on waiting."""
        return await self._decide(ActionResultView, f"/review/{item}/rule-out", rule_out)

    async def explain(self, photo: int) -> Explained:
        """Return how a photo was judged. Raises NotThere from a sidecar without that route."""
        from smartsort.api.schemas.evaluation import Explained

        return await self._get(Explained, f"/photos/{photo}/explain")

    async def spot_checks(self, cursor: str | None) -> SpotCheckPage:
        """Automatic filings to check, newest first. Raises NotThere from a sidecar without them."""
        from smartsort.api.schemas.evaluation import SpotCheckPage

        return await self._get(SpotCheckPage, "/spot-checks", cursor=cursor)

    async def strangers(self) -> Strangers:
        """Return the faces that nobody has named, in groups."""
        from smartsort.api.schemas.strangers import Strangers

        return await self._get(Strangers, "/strangers")

    async def decide_faces(self, what: str, asked: NameFaces) -> BulkActionResult:
        """Name faces (`name`) or say something of them for good (`mark`), or show what that would do."""
        return await self._decide(BulkActionResult, f"/strangers/{what}", asked, BULK_TIMEOUT_SECONDS)

    async def verdicts(self) -> list[Verdict]:
        """Return what was said of faces for good, the newest first."""
        from smartsort.api.schemas.strangers import Verdict

        return await self._list(Verdict, "/strangers/verdicts")

    async def revoke_verdict(self, key: str) -> BulkActionResult:
        """Take back what was said of faces for good."""
        return await self._send(
            BulkActionResult, "POST", f"/strangers/verdicts/{key}/revoke", timeout=BULK_TIMEOUT_SECONDS
        )

    async def offers(self) -> list[Offer]:
        """What settles several photos with one decision, the most first."""
        return await self._list(Offer, "/review/offers")

    async def near_misses(self) -> list[NearMisses]:
        """Faces in review that might be a known person's. Raises NotThere from a sidecar without them."""
        from smartsort.api.schemas.near_misses import NearMisses

        return await self._list(NearMisses, "/review/near-misses")

    async def confirm(self, photo: int) -> ActionResultView:
        """Confirm the filing of a photo."""
        return await self._send(ActionResultView, "POST", f"/spot-checks/{photo}/confirm")

    async def call_wrong(self, photo: int, really: WrongFiling) -> ActionResultView:
        """Correct the filing of a photo."""
        return await self._send(ActionResultView, "POST", f"/spot-checks/{photo}/wrong", really)

    async def deletions(self) -> Deletions:
        """Deletions in Immich that wait for an answer. Raises NotThere from a sidecar without them."""
        return await self._get(Deletions, "/deletions")

    async def answer_deletions(self, said: DeletionAnswer) -> BulkActionResult:
        """Say whether they were meant."""
        return await self._send(BulkActionResult, "POST", "/deletions", said, timeout=BULK_TIMEOUT_SECONDS)

    async def bulk(self, kind: Kind, selection: Selection) -> BulkActionResult:
        """Decide about many. An approval takes a BulkApprove."""
        return await self._decide(BulkActionResult, f"/review/bulk/{kind}", selection, BULK_TIMEOUT_SECONDS)

    async def export(self, kind: str, *, category: str | None, search: str | None) -> AsyncIterator[bytes]:
        """Yield the queue as a file, in pieces."""
        params = _given(format=kind, category=category, search=search or None)
        async for piece in self._streamed(self._path("/review/export"), params=params):
            yield piece

    async def picture(self, path: str) -> bytes:
        """Return the bytes of a picture by the path the API gave for it."""
        # Behind a reverse proxy smartsort may live below a prefix its own paths do not name.
        target = path.lstrip("/") if path.startswith("/") else self.url.join(path)
        pieces, size = [], 0
        async with aclosing(self._streamed(target, headers={"Accept": "image/*"})) as stream:
            async for piece in stream:
                size += len(piece)
                if size > MAX_PICTURE_BYTES:
                    raise Refused("the picture is larger than a preview can be")
                pieces.append(piece)
        return b"".join(pieces)

    # --- history ----------------------------------------------------------------------------

    async def undo(self, undo: Undo) -> BulkActionResult:
        """Take actions back, or show what that would do."""
        return await self._send(BulkActionResult, "POST", "/undo", undo, timeout=BULK_TIMEOUT_SECONDS)

    async def events(self, *, cursor: str | None = None, limit: int = 100) -> EventPage:
        """Return what happened, newest first."""
        return await self._get(EventPage, "/events", cursor=cursor, limit=limit)

    async def history(self, photo: int) -> EventPage:
        """Return all that happened to one photo, oldest first."""
        return await self._get(EventPage, f"/photos/{photo}/history")

    # --- people, settings, statistics -------------------------------------------------------

    async def people(self, *, limit: int = 5000) -> list[PersonView]:
        """Return the people Immich knows, at most `limit`."""
        return await self._list(PersonView, "/people", limit=limit)

    def person_thumbnail(self, person: str) -> str:
        """Return where a person's face is, for `picture`."""
        return f"{BASE}/people/{quote(person, safe='')}/thumbnail"

    def mixed_picture(self, person: str) -> str:
        """Return where the faces of two people under one name are, for `picture`."""
        return f"{BASE}/people/{quote(person, safe='')}/mixed"

    async def one_person(self, person: str) -> OnePerson:
        """Say that a person who seems to be two people is one."""
        from smartsort.api.schemas.people import OnePerson

        return await self._send(OnePerson, "POST", f"/people/{quote(person, safe='')}/one-person")

    async def change_list(self, name: ListName, change: ListChange) -> ListView:
        """Put names on the whitelist or the blacklist, or take them off."""
        return await self._send(ListView, "PATCH", f"/config/{name}", change)

    async def config(self) -> ConfigView:
        """Return the settings in force."""
        return await self._get(ConfigView, "/config")

    async def save_config(self, patch: ConfigPatch) -> ConfigView:
        """Change settings. Those left out stay."""
        return await self._send(ConfigView, "PATCH", "/config", patch)

    async def what_if(self, patch: ConfigPatch) -> WhatIfReport:
        """Return what would become of past photos under other settings."""
        from smartsort.api.schemas.evaluation import WhatIfReport

        return await self._send(WhatIfReport, "POST", "/what-if", patch, params={"limit": 1})

    async def status(self) -> Status:
        """Return whether smartsort sorts, and what keeps it from it."""
        return await self._get(Status, "/status")

    async def switch(self, *, on: bool) -> Status:
        """Enable or disable sorting."""
        return await self._send(Status, "POST", "/enable" if on else "/disable")

    async def summary(self, days: int) -> Summary:
        """Return what was sorted in the last so many days."""
        return await self._get(Summary, "/stats/summary", days=days)

    async def doctor(self) -> DoctorReport:
        """Return the doctor's findings. Raises NotThere from a sidecar without that route."""
        return await self._get(DoctorReport, "/doctor")

    # --- transport --------------------------------------------------------------------------

    def stream_request(self, last_event: int | None) -> tuple[httpx.AsyncClient, str, dict[str, str]]:
        """Return what `smartsort_tui.live` needs to open the event stream."""
        headers = {"Last-Event-ID": str(last_event)} if last_event is not None else {}
        return self._http, self._path("/events/stream"), headers

    def _path(self, path: str) -> str:
        return BASE.lstrip("/") + path

    async def _streamed(self, url: httpx.URL | str, **more: Any) -> AsyncGenerator[bytes]:
        try:
            async with self._http.stream("GET", url, **more) as response:
                if response.is_error:
                    await response.aread()
                    raise _problem(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.HTTPError as error:
            raise _unreachable(error, self.url) from error

    async def _get(self, shape: type[ShapeT], path: str, **params: str | int | None) -> ShapeT:
        return _parsed(shape, await self._request("GET", path, params=_given(**params)))

    async def _list(self, shape: type[ShapeT], path: str, **params: int) -> list[ShapeT]:
        response = await self._request("GET", path, params=params)
        try:
            return TypeAdapter(list[shape]).validate_json(response.content)  # type: ignore[valid-type]
        except ValidationError as error:
            raise _not_smartsort(response) from error

    def take_keys(self) -> int:
        """Return the keys since the last decision, for one that is made now and may be sent later."""
        keys = self._presses() - self._counted
        self._counted += keys
        return keys

    async def _decide(
        self,
        shape: type[ShapeT],
        path: str,
        body: Approve | RuleOut | Selection | NameFaces | None,
        timeout: float | None = None,  # noqa: ASYNC109  (handed to httpx, not awaited here)
        keys: int | None = None,
    ) -> ShapeT:
        """Send a decision with the keys pressed since the last one. A dry run decides nothing."""
        if keys is None:
            keys = 0 if getattr(body, "dry_run", False) else self.take_keys()
        try:
            return await self._send(shape, "POST", path, body, timeout=timeout, keys=keys)
        except ApiProblem:
            self._counted -= keys
            raise

    async def _send(
        self,
        shape: type[ShapeT],
        method: str,
        path: str,
        body: ResponseModel | None = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (handed to httpx, not awaited here)
        keys: int = 0,
    ) -> ShapeT:
        content = body.model_dump_json(exclude_none=True) if body is not None else None
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if keys:
            headers["Key-Presses"] = str(min(keys, MOST_KEYS))
        response = await self._request(
            method, path, params=params, content=content, headers=headers, timeout=timeout
        )
        return _parsed(shape, response)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        content: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (handed to httpx, not awaited here)
    ) -> httpx.Response:
        try:
            response = await self._http.request(
                method,
                self._path(path),
                params=params,
                content=content,
                headers=headers,
                timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT,
            )
        except httpx.HTTPError as error:
            raise _unreachable(error, self.url) from error
        if not response.is_success:
            raise _problem(response)
        return response


def _given(**params: str | int | None) -> dict[str, str | int]:
    return {key: value for key, value in params.items() if value is not None}


def _parsed(shape: type[ShapeT], response: httpx.Response) -> ShapeT:
    try:
        return shape.model_validate_json(response.content)
    except ValidationError as error:
        raise _not_smartsort(response) from error


def _unreachable(error: httpx.HTTPError, url: httpx.URL) -> ApiProblem:
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"{url} does not answer in time")
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return Unreachable(f"{url} broke off in the middle of an answer")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.DecodingError | httpx.TooManyRedirects):
        return NotSmartsort(f"{url}: {error}")
    return Unreachable(f"{url}: {_system_reason(error) or str(error) or type(error).__name__}")


def _system_reason(error: BaseException) -> str | None:
    """Return what the operating system said, found behind the wrappings of the HTTP libraries."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, OSError) and one.errno and one.errno > 0:
            return os.strerror(one.errno)
        if one is not None:
            waiting += [one.__cause__, one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else []
    return None


def _not_smartsort(response: httpx.Response) -> NotSmartsort:
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    return NotSmartsort(
        f"{response.url} answered {response.status_code} with {kind}, not what smartsort says"
    )


def _problem(response: httpx.Response) -> ApiProblem:
    """Return the error answer as an exception. A body that is no Problem comes from something else."""
    status = response.status_code
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        if status == httpx.codes.UNAUTHORIZED:
            return TokenRefused(f"{response.url.host} wants to know who asks")
        if status in (502, 503, 504):
            return Unreachable(f"{response.url.host} answers {status}: the sidecar behind it is away")
        return _not_smartsort(response)
    if status == httpx.codes.UNAUTHORIZED:
        return TokenRefused(problem.detail)
    if status == httpx.codes.FORBIDDEN:
        return NotAllowed(problem.detail)
    if status == httpx.codes.NOT_FOUND:
        return NotThere(problem.detail)
    if status == httpx.codes.CONFLICT:
        return DecidedMeanwhile(problem.detail, problem.happened)
    return Refused(problem.detail)
