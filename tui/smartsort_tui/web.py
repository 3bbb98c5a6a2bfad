"""The same in a browser: textual-serve behind the token.

textual-serve itself lets everybody in. Here every request needs a cookie, which only the token gives; the
cookie is a random word of this process, so the token itself is sent once and stored nowhere.
"""

# ruff: noqa: PLC0415  (aiohttp is an extra)
from __future__ import annotations

import hmac
import os
import secrets
import shlex
import sys
from typing import TYPE_CHECKING, Any

from smartsort_tui.settings import Settings, SettingsProblem

if TYPE_CHECKING:
    from aiohttp import web

COOKIE = "smartsort_tui"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>smartsort</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px system-ui;background:#11161a;color:#e6e9ec}}
body{{display:grid;place-items:center;height:90vh}}form{{display:grid;gap:.8em;width:20em}}input,button{{font:inherit;padding:.5em}}p{{margin:0}}</style>
<form method="post" action="login"><h1>smartsort</h1><p>{note}</p>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus>
<button>Open</button></form></html>"""


class Guard:
    """Who may in: whoever has given the token in this browser."""

    def __init__(self, token: str, host: str, port: int) -> None:
        self._token = token
        self._word = secrets.token_urlsafe(32)
        self._hosts = {f"{name}:{port}" for name in (host, "127.0.0.1", "localhost", "[::1]")}
        self._any_host = host in ("0.0.0.0", "::", "")  # noqa: S104  (compared, not bound)

    def is_known(self, cookie: str | None) -> bool:
        """True for the cookie that `opens` gave."""
        return cookie is not None and hmac.compare_digest(cookie.encode(), self._word.encode())

    def opens(self, token: str) -> str | None:
        """The cookie's value for the right token."""
        fits = hmac.compare_digest(token.strip().encode(), self._token.encode())
        return self._word if fits else None

    def is_expected(self, host: str, origin: str | None) -> bool:
        """False for a page of somebody else that uses this browser (DNS rebinding, foreign web sockets)."""
        if origin is not None and origin.partition("://")[2] != host:
            return False
        return self._any_host or host in self._hosts


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until interrupted. Raises SettingsProblem without token or textual-serve."""
    if not settings.token:
        raise SettingsProblem(
            "--web needs the sidecar's token: give --token-file, --token or SMARTSORT_TOKEN"
        )
    try:
        make = _server_class()
    except ImportError as error:
        raise SettingsProblem("--web needs textual-serve: install smartsort[web]") from error
    make(settings, Guard(settings.token, host, port), host, port).serve()


def child_command() -> str:
    """What runs once per browser window."""
    return shlex.join([sys.executable, "-m", "smartsort_tui"])


def child_environment(settings: Settings) -> dict[str, str]:
    """Address, token and looks for the child, by environment: an argument could be seen by other users."""
    given = {
        "SMARTSORT_URL": settings.url,
        "SMARTSORT_TOKEN": settings.token or "",
        "SMARTSORT_THEME": settings.theme,
        "SMARTSORT_IMAGES": settings.images if settings.images != "auto" else "halfblocks",
    }
    return {key: value for key, value in given.items() if value}


def _server_class() -> Any:
    from aiohttp import web
    from textual_serve.server import Server

    class GuardedServer(Server):
        def __init__(self, settings: Settings, guard: Guard, host: str, port: int) -> None:
            super().__init__(child_command(), host=host, port=port, title="smartsort")
            self._guard = guard
            os.environ.update(child_environment(settings))

        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(guarding(self._guard))
            app.router.add_post("/login", self._login)
            return app

        async def _login(self, request: web.Request) -> web.StreamResponse:
            form = await request.post()
            word = self._guard.opens(str(form.get("token", "")))
            if word is None:
                return _page("That token is not right.", 401)
            answer = web.HTTPSeeOther("./")
            answer.set_cookie(COOKIE, word, httponly=True, samesite="Strict", secure=request.secure)
            return answer

        async def on_startup(self, app: web.Application) -> None:  # noqa: ARG002  (textual-serve calls it)
            sys.stderr.write(f"smartsort-tui: open {self.public_url} in a browser; Ctrl-C stops\n")

    return GuardedServer


def guarding(guard: Guard) -> Any:
    """The middleware that asks for the cookie before anything else is answered."""
    from aiohttp import web

    @web.middleware
    async def ask(request: web.Request, handler: Any) -> web.StreamResponse:
        if not guard.is_expected(request.host, request.headers.get("Origin")):
            return web.Response(status=421, text="smartsort-tui: not served under this name\n")
        known = guard.is_known(request.cookies.get(COOKIE))
        if known or (request.path == "/login" and request.method == "POST"):
            answer: web.StreamResponse = await handler(request)
            return answer
        if request.method == "GET" and request.path == "/":
            return _page("Give the sidecar's token.", 200)
        return web.Response(status=401, text="smartsort-tui: give the token first\n")

    return ask


def _page(note: str, status: int) -> web.Response:
    from aiohttp import web

    return web.Response(status=status, text=PAGE.format(note=note), content_type="text/html")
