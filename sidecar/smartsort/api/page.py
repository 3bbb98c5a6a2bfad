"""The page for a browser: its files, signing in and out, and the buttons of phones.

The page itself is static and knows the HTTP API alone. It comes with headers that let it load nothing from
elsewhere and that let nothing else frame it.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import Field
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartsort.api.guard import ANSWERS, SESSION
from smartsort.api.problems import Refused
from smartsort.api.schemas.base import RequestModel, ResponseModel
from smartsort.api.security import PAGE_FOLDER, Intaker, unauthorised
from smartsort.api.serving import Ctx
from smartsort.api.sessions import COOKIE, LASTS, LINK_LASTS, Session

FOLDER = Path(__file__).parent.parent / "web"
"""The page's files."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; manifest-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


class SignIn(RequestModel):
    """A token, or the word of a link that opens one session."""

    token: str = Field(default="", max_length=1000)
    link: str = Field(default="", max_length=100)


class SessionView(ResponseModel):
    """Who is signed in. `word` goes into the header of every request that changes something."""

    name: str
    scopes: list[str]
    word: str


class Button(RequestModel):
    """The token of a button on a phone."""

    token: str = Field(min_length=1, max_length=100)


class Said(ResponseModel):
    """What a button did, or why nothing was done."""

    text: str
    done: bool


class Link(ResponseModel):
    """A path that signs in once."""

    path: str
    seconds: int


def install(app: FastAPI) -> None:
    """Serve the page at `/`."""
    app.include_router(router)
    app.mount(PAGE_FOLDER.rstrip("/"), _Hardened(GZipMiddleware(StaticFiles(directory=FOLDER))))


class _Hardened:
    """Adds the headers of the page to what an application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, hardened)


@router.get("/")
async def page() -> Response:
    """The page. It asks for a token before it shows anything."""
    return FileResponse(FOLDER / "index.html", headers=HEADERS)


@router.post(SESSION)
async def sign_in(ctx: Ctx, request: Request, given: SignIn) -> Response:
    """Open a session for a token or a link. The cookie is always new, so no one can prepare it."""
    sessions, address = ctx.sessions, request.client.host if request.client else ""
    if wait := sessions.wait_seconds(address):
        raise Refused(
            429,
            "too_many",
            f"too many wrong tokens from this address. Try again in {wait} s",
            headers={"Retry-After": str(wait)},
        )
    known = sessions.redeem(given.link) if given.link else sessions.tokens.find(given.token)
    if known is None:
        sessions.failed(address)
        raise _refused(bool(given.link))
    cookie = sessions.open(known)
    session = cast("Session", sessions.of_cookie(cookie))
    answer = Response(_view(session).model_dump_json(), media_type="application/json")
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(LASTS.total_seconds()),
        path=_home(ctx),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


def _refused(link: bool) -> Refused:
    if link:
        return Refused(401, "unauthorised", "this link was used already or is over. Sign in with a token")
    return Refused(401, "unauthorised", "smartsort does not know this token")


@router.get(SESSION)
async def session(request: Request, _: Intaker) -> SessionView:
    """Who is signed in here."""
    return _view(_own(request))


@router.delete(SESSION)
async def sign_out(ctx: Ctx, request: Request, _: Intaker) -> Response:
    """End the session. Its cookie opens nothing any more."""
    ctx.sessions.end(_own(request))
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path=_home(ctx), httponly=True, samesite="strict")
    return answer


@router.post(f"{SESSION}/link")
async def link(ctx: Ctx, caller: Intaker) -> Link:
    """A link that signs another browser in with the rights of whoever asks: once, within ten minutes.

    The word stands behind `#`, which no server log and no preview of a link sees.
    """
    known = next(one for one in ctx.sessions.tokens.known if one.caller == caller)
    return Link(path=f"{_home(ctx)}#link={ctx.sessions.link(known)}", seconds=int(LINK_LASTS.total_seconds()))


@router.post(ANSWERS)
async def answer(ctx: Ctx, button: Button) -> Said:
    """Do what a button on a phone says: once, and only to the photo as it was asked about.

    There is no GET: a messenger that looks at links changes nothing.
    """
    answered = await ctx.sidecar.questions.use(button.token, "ntfy")
    return Said(text=answered.text, done=answered.done)


def _own(request: Request) -> Session:
    found: Session | None = getattr(request.state, "session", None)
    if found is None:
        raise unauthorised()
    return found


def _view(session: Session) -> SessionView:
    return SessionView(name=session.caller.name, scopes=sorted(session.caller.scopes), word=session.word)


def _home(ctx: Ctx) -> str:
    return f"{ctx.sidecar.settings.api.base_path or ''}/"
