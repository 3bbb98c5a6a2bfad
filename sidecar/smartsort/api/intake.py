"""Handing in photos by URL and by upload, and learning what became of them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError
from sqlite_utils import Database

from smartsort.actions.undo import put_away
from smartsort.api.examples import EXAMPLES
from smartsort.api.guard import BASE, BODY_BYTES
from smartsort.api.intake_results import accepted, views
from smartsort.api.intake_upload import Form, UploadLimits, paced, receive
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.intake import (
    SOURCE_PATTERN,
    KnownContent,
    Result,
    Submission,
    SubmissionAccepted,
    SubmissionPage,
    UrlIntake,
)
from smartsort.api.schemas.problems import Problem
from smartsort.api.security import Intaker, scope
from smartsort.bootstrap import Sidecar
from smartsort.core.event_kinds import REJECTIONS
from smartsort.core.model import OtherCopy
from smartsort.downloads.addresses import UrlRefused
from smartsort.downloads.queue import NotRetried
from smartsort.files.sides import refusal
from smartsort.files.signatures import HEAD_BYTES
from smartsort.ledger import submissions
from smartsort.ledger.records import Area
from smartsort.ledger.submissions import Key, KeyReused, NewSubmission, SubmissionState, Taken
from smartsort.pipeline.engine.intact import Intact

MOST_URLS = 1000
"""URLs in one request."""

_INTAKE: TypeAdapter[list[UrlIntake]] = TypeAdapter(list[UrlIntake])
_NO_PHOTO = 2**62
"""A photo id above all others: a look for copies then sees every photo."""

_EXAMPLE = {"url": "https://example.org/photos/IMG_1.jpg", "source": "example"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One URL, a list of URLs, or files as multipart/form-data.",
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        UrlIntake.model_json_schema(),
                        {
                            "type": "array",
                            "items": UrlIntake.model_json_schema(),
                            "minItems": 1,
                            "maxItems": MOST_URLS,
                        },
                    ]
                },
                "examples": {"one": {"value": _EXAMPLE}, "several": {"value": [_EXAMPLE]}},
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "source": {
                            "type": "string",
                            "default": "upload",
                            "maxLength": 100,
                            "pattern": SOURCE_PATTERN,
                        },
                        "url": {
                            "type": "string",
                            "description": "The origin of the file. smartsort only notes it.",
                        },
                    },
                },
            },
        },
    }
}

_SubmissionId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", examples=[EXAMPLES["Submission"]["id"]])]
_Sha256 = Annotated[
    str, Path(pattern=r"^[0-9a-fA-F]{64}$", examples=[EXAMPLES["Submission"]["result"]["hash"]])
]
_CURSOR = r"^[0-9]{1,18}$"


def _one_or_several(example: Any) -> dict[str, Any]:
    examples = {"one": {"value": example}, "several": {"value": [example]}}
    return {"content": {"application/json": {"examples": examples}}}


_NO_FORM: dict[int | str, dict[str, Any]] = {
    415: {"model": Problem, "description": "The body is neither JSON nor multipart/form-data (`invalid`)."},
}

Wait = Annotated[
    float | None,
    Query(ge=0, le=86_400, description="Seconds to wait for the result, up to `api.max_wait_seconds`."),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A request with the same key is carried out once.",
    ),
]


class _Intake:
    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar, self._context = sidecar, sidecar.context
        api = sidecar.settings.api
        self._limits = UploadLimits(api.max_upload_bytes, api.upload_stall_timeout_seconds)
        self._longest_wait = api.max_wait_seconds

    async def urls(self, request: Request, actor: str, key: str | None) -> tuple[Taken, bool]:
        """Items of the URLs in a JSON body, and whether it was a list."""
        body = b""
        async for chunk in paced(request.stream(), self._limits.stall_seconds):
            body += chunk
            if len(body) > BODY_BYTES:
                raise Refused(
                    413, "too_large", f"the body is longer than {BODY_BYTES} bytes",
                    headers={"Connection": "close"},
                )  # fmt: skip
        several = body.lstrip().startswith(b"[")
        try:
            wanted = _INTAKE.validate_json(body if several else b"[" + body + b"]")
        except ValidationError as problem:
            raise Refused(422, "invalid", _what_is_wrong(problem, several=several)) from problem
        if not wanted or (not several and len(wanted) != 1):
            raise Refused(422, "invalid", "hand in at least one URL: {url, source}, or a list of them")
        if len(wanted) > MOST_URLS:
            raise Refused(422, "invalid", f"more than {MOST_URLS} URLs in one request. Send several")
        pairs = [(one.url, _source(one.source, "url")) for one in wanted]
        digest = hashlib.sha256(repr(pairs).encode()).hexdigest()
        try:
            taken = await self._sidecar.downloads.submit(pairs, _key(actor, key, digest))
        except KeyReused as problem:
            raise _reused() from problem
        return taken, several

    async def upload(self, request: Request, actor: str, key: str | None) -> tuple[Taken, bool]:
        """Items of the files in a multipart body, claimed by the pipeline, and whether they are several."""
        length = request.headers.get("content-length", "")
        form = await receive(
            request.stream(),
            request.headers.get("content-type", ""),
            int(length) if length.isascii() and length.isdigit() else None,
            self._context.folder(Area.TEMP),
            self._limits,
            digest=key is not None,
        )
        try:
            await asyncio.to_thread(self._refuse_side_files, form)
            taken = await self._write(form, actor, key)
        except Exception:
            # Not when cancelled: the row may be written all the same. What nobody owns is swept at a start.
            self._sidecar.downloads.discard([file.part for file in form.files])
            raise
        if taken.before:
            self._sidecar.downloads.discard([file.part for file in form.files])
        else:
            await self._sidecar.downloads.hand_over(taken.items)
        return taken, len(taken.items) > 1

    def _refuse_side_files(self, form: Form) -> None:
        for file in form.files:
            with open(os.path.join(self._context.folder(Area.TEMP), file.part), "rb") as stream:
                problem = refusal(file.name, stream.read(HEAD_BYTES))
            if problem is not None:
                raise Refused(422, "invalid", problem)

    async def _write(self, form: Form, actor: str, key: str | None) -> Taken:
        source = _source(form.fields.get("source", ""), "upload")
        url = form.fields.get("url") or None
        new = [
            NewSubmission(f.id, source, url, name=f.name, part=f.part, state=SubmissionState.RECEIVED)
            for f in form.files
        ]
        at = self._context.clock.text()
        try:
            return await self._context.ledger.awrite(
                lambda db: submissions.add(db, new, at, _key(actor, key, form.digest))
            )
        except KeyReused as problem:
            raise _reused() from problem

    async def answer(
        self, taken: Sequence[submissions.Submission], several: bool, wait: float | None
    ) -> Response:
        """202 and where to ask, or with `wait` 200 and the results."""
        found = await self.look_or_wait([item.id for item in taken], wait)
        results = [view.result for view in found]
        headers = {"Location": f"{BASE}/submissions/{found[0].id}"} if found else {}
        if wait is not None and all(result is not None for result in results):
            shapes: Sequence[Result | SubmissionAccepted] = [r for r in results if r is not None]
            status = 200
        else:
            shapes, status = [accepted(view, BASE) for view in found], 202
        content = [shape.model_dump(mode="json") for shape in shapes]
        return JSONResponse(content if several else content[0], status_code=status, headers=headers)

    async def look_or_wait(self, ids: Sequence[str], wait: float | None) -> list[Submission]:
        """Return the items as they are now or, with `wait`, as soon as all are at rest."""

        def read(db: Database) -> list[Submission]:
            return views(db, self._context, submissions.by_ids(db, ids))

        async def at_rest() -> list[Submission] | None:
            found = await self._context.ledger.aread(read)
            return found if all(view.result is not None for view in found) else None

        if wait:
            seconds = min(wait, self._longest_wait)
            done = await self._sidecar.downloads.arrivals.until(at_rest, seconds)
            if done is not None:
                return done
        return await self._context.ledger.aread(read)

    async def retry(self, submission_id: str, actor: str) -> submissions.Submission:
        """Return the item, under way again. Raises Refused (404, 409)."""
        try:
            item = await self._sidecar.downloads.retry(submission_id, actor)
        except (NotRetried, UrlRefused) as problem:
            raise Refused(409, "conflict", str(problem)) from problem
        if item is None:
            raise _unknown(submission_id)
        return item

    async def page(self, cursor: str | None, limit: int, state: str | None) -> SubmissionPage:
        """Return a page of items, newest first."""
        wanted = SubmissionState(state) if state else None

        def read(db: Database) -> tuple[list[Submission], int | None]:
            found = submissions.page(db, limit + 1, int(cursor) if cursor else None, wanted)
            shown_rows = found[:limit]
            following = shown_rows[-1].number if len(found) > limit else None
            return views(db, self._context, shown_rows), following

        found, following = await self._context.ledger.aread(read)
        return SubmissionPage(items=found, next_cursor=None if following is None else str(following))

    async def have(self, sha256: str) -> KnownContent:
        """Return whether content is known."""
        copy = await asyncio.to_thread(Intact(self._context).copy_of, _NO_PHOTO, sha256)
        if copy is None:
            return KnownContent(known=False)
        return KnownContent(
            known=True,
            available=copy.alive,
            place=copy.place.value,
            photo_id=copy.photo_id,
            rejected_by=await self._context.ledger.aread(lambda db: _rejected_by(db, copy)),
        )


def _rejected_by(db: Database, copy: OtherCopy) -> str | None:
    if copy.alive or copy.photo_id is None:
        return None
    thrown = [e for e in put_away(db, [copy.photo_id]) if e.kind in REJECTIONS]
    return thrown[0].actor if thrown else None


def _of(request: Request) -> _Intake:
    return _Intake(request.app.state.sidecar)


Intake = Annotated[_Intake, Depends(_of)]

router = APIRouter(prefix=BASE, tags=["intake"], dependencies=[Depends(scope("intake"))], responses=GUARDED)
"""The routes of the intake. The application's `state.sidecar` is their sidecar."""


@router.post(
    "",
    status_code=202,
    response_model=SubmissionAccepted | list[SubmissionAccepted],
    responses={
        200: {
            "model": Result | list[Result],
            "description": "With `wait`: what became of it, in the order handed in.",
            **_one_or_several(EXAMPLES["Submission"]["result"]),
        },
        202: _one_or_several(EXAMPLES["SubmissionAccepted"]),
        **_NO_FORM,
        **answers(413, 422, 503),
    },
    openapi_extra=_BODY,
)
async def hand_in(
    request: Request, intake: Intake, caller: Intaker, wait: Wait = None, key: IdempotencyKey = None
) -> Response:
    """Hand in photos.

    Send a URL as JSON, a list of URLs, or files as `multipart/form-data` with a `source`. smartsort answers
    as soon as a crash cannot lose the submission. With `wait` it answers with the result. A list gets a list,
    in the same order. `Location` leads to the first submission.

    With an `Idempotency-Key` you can send the same request twice without harm. smartsort refuses a key that
    came with another body. A URL that smartsort may not fetch becomes a failed submission with the reason.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        taken, several = await intake.upload(request, caller.name, key)
    elif kind == "application/json" or kind.endswith("+json"):
        taken, several = await intake.urls(request, caller.name, key)
    else:
        raise Refused(
            415,
            "invalid",
            "send JSON {url, source} as application/json, or files as multipart/form-data",
            headers={"Connection": "close"},
        )
    return await intake.answer(taken.items, several, wait)


@router.get("/submissions", responses=answers(422))
async def item_page(
    intake: Intake,
    cursor: Annotated[str | None, Query(pattern=_CURSOR, description="`next_cursor` of a page.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    state: Annotated[
        Literal["downloading", "failed"] | None, Query(description="Only these. Default: all.")
    ] = None,
) -> SubmissionPage:
    """List the submissions, newest first.

    `state` is `downloading`, `failed` or the state of the photo.
    """
    return await intake.page(cursor, limit, state)


@router.get("/submissions/{submission_id}", responses=answers(404, 422))
async def item(intake: Intake, submission_id: _SubmissionId, wait: Wait = None) -> Submission:
    """Show one submission.

    Its `result` is set when the photo is filed, in review or skipped, or when the download has failed.
    """
    found = await intake.look_or_wait([submission_id], wait)
    if not found:
        raise _unknown(submission_id)
    return found[0]


@router.post(
    "/submissions/{submission_id}/retry",
    status_code=202,
    response_model=SubmissionAccepted,
    responses={200: {"model": Result, "description": "With `wait`: what became of it."}, **answers(404, 409)},
)
async def retry(intake: Intake, caller: Intaker, submission_id: _SubmissionId, wait: Wait = None) -> Response:
    """Retry a failed download.

    The number of tries starts from zero, and the id stays. The answer is 409 if the download has not failed,
    if smartsort may not fetch the URL, or if the file of an upload is gone.
    """
    return await intake.answer([await intake.retry(submission_id, caller.name)], False, wait)


@router.get("/known/{sha256}", responses=answers(422))
async def have(intake: Intake, sha256: _Sha256) -> KnownContent:
    """Check whether content is known.

    Downloaders ask before a download. A photo that smartsort is just taking in may not be known yet.
    smartsort recognises an upload that only Immich holds when the photo arrives.
    """
    return await intake.have(sha256.lower())


def _unknown(submission_id: str) -> Refused:
    return Refused(404, "not_found", f"there is no submission {submission_id}")


def _key(actor: str, key: str | None, digest: str) -> Key | None:
    return None if key is None else Key(actor, key, digest)


def _reused() -> Refused:
    return Refused(
        422, "invalid", "this Idempotency-Key was used with another body. Use a new key for a new request"
    )


def _source(text: str, default: str) -> str:
    source = text.strip()
    if len(source) > 100 or any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in source):
        raise Refused(
            422, "invalid", "the source must be at most 100 characters, none of them control characters"
        )
    return source or default


def _what_is_wrong(problem: ValidationError, *, several: bool) -> str:
    """Return where and what, never the value: URLs may hold secrets."""
    parts = []
    for error in problem.errors(include_input=False, include_url=False, include_context=False)[:10]:
        place = error["loc"] if several else error["loc"][1:]
        where = ".".join(str(p) for p in place) or "body"
        parts.append(f"{where}: {re.sub(r' at line .*', '', error['msg'])}")
    return "; ".join(parts)
