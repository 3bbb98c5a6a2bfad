"""Who may do what: bearer tokens and their scopes.

Nothing but `/healthz`, the empty page and the description of the API is answered without a token or a
session (`smartsort.api.sessions`). There are no CORS headers, so a foreign page can read no answer.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, get_args

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer

from smartsort.api.problems import Refused
from smartsort.api.schemas.control import Scope
from smartsort.config import Settings
from smartsort.errors import ConfigurationError
from smartsort.files.private import TOKEN_FILE, keep_private

log = logging.getLogger(__name__)

DOCS_FOLDER, PAGE_FOLDER = "/docs-static/", "/page/"
"""Below them lie the scripts and styles of `/docs` and of the page."""

_OPEN_PATHS = frozenset({"/", "/healthz", "/docs", "/docs/oauth2-redirect", "/openapi.json"})


def is_open(path: str) -> bool:
    """Return True for what is answered without a token. None of it shows data."""
    return path in _OPEN_PATHS or path.startswith((DOCS_FOLDER, PAGE_FOLDER))


_RANK: dict[str, int] = {name: rank for rank, name in enumerate(get_args(Scope))}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name` is the actor of the events a request causes, `keys` what was pressed for it."""

    name: str
    scopes: frozenset[str]
    keys: int = field(default=0, compare=False)

    def may(self, needed: Scope) -> bool:
        """Return True when one of the scopes is the needed one or a higher one: intake < review < admin."""
        return any(_RANK[scope] >= _RANK[needed] for scope in self.scopes)


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that is accepted, by its digest."""

    caller: Caller
    digest: bytes = field(repr=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class Tokens:
    """The tokens that are accepted, as digests."""

    def __init__(self, known: Sequence[tuple[str, Sequence[str], str]]) -> None:
        self.known = tuple(
            KnownToken(Caller(name, frozenset(scopes)), _digest(token)) for name, scopes, token in known
        )

    @classmethod
    def of(cls, settings: Settings) -> Tokens:
        """The tokens of the settings. Without `api.token` the one in the root's file is used, or made.

        Raises ConfigurationError when that file cannot be read or written.
        """
        api = settings.api
        main = api.token.get_secret_value() if api.token else kept_token(os.fspath(settings.root))
        known: list[tuple[str, Sequence[str], str]] = [("admin", ("admin",), main)]
        known += [(t.name, t.scopes, t.token.get_secret_value()) for t in api.tokens if t.token is not None]
        return cls(known)

    def caller(self, authorization: str | None) -> Caller | None:
        """Return whose token an `Authorization` header carries, None for an unknown one."""
        scheme, _, token = (authorization or "").partition(" ")
        found = self.find(token)
        return found.caller if found is not None and scheme.lower() == "bearer" else None

    def find(self, token: str) -> KnownToken | None:
        """Return the token a browser or a header gives, None for an unknown one.

        Every token is compared, in constant time: how long it takes tells nothing.
        """
        given = _digest(token.strip())
        found: KnownToken | None = None
        for known in self.known:
            if hmac.compare_digest(known.digest, given):
                found = known
        return found if token.strip() else None


def kept_token(root: str) -> str:
    """Return the token in the root's token file. Made, readable for this user only, when there is none."""
    path = os.path.join(root, TOKEN_FILE)
    try:
        try:
            with open(path, encoding="ascii") as file:
                token = file.read().strip()
            if token:
                keep_private([path])
                return token
            os.unlink(path)  # a crash came between making and filling it
        except FileNotFoundError:
            pass
        token = secrets.token_urlsafe(32)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(
            f"the API token in {path} can be neither read nor made: {problem}. "
            "Make the file readable for smartsort, or set SMARTSORT_API__TOKEN."
        ) from problem
    log.info("the API token was made. It is in %s", path)
    return token


_bearer = HTTPBearer(
    auto_error=False,
    description="A token of the settings, or the one in `api-token` below the root.",
)


def scope(needed: Scope) -> Callable[..., Caller]:
    """Return a dependency: the caller, who has this scope. Raises Refused (403) else."""

    def check(request: Request, _: object = Security(_bearer, scopes=[needed])) -> Caller:
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None:
            raise unauthorised()
        if not caller.may(needed):
            raise Refused(
                403,
                "forbidden",
                f"this needs a token with the scope {needed}. {caller.name} has "
                f"{', '.join(sorted(caller.scopes))}",
            )
        return caller

    return check


def unauthorised() -> Refused:
    """Return the answer to a missing or unknown token."""
    return Refused(
        401,
        "unauthorised",
        "this needs a token: send the header `Authorization: Bearer TOKEN` with one of the settings, "
        f"or the one in {TOKEN_FILE} below the root",
        headers={"WWW-Authenticate": "Bearer"},
    )


Intaker = Annotated[Caller, Depends(scope("intake"))]
Reviewer = Annotated[Caller, Depends(scope("review"))]
Admin = Annotated[Caller, Depends(scope("admin"))]

KeyPresses = Annotated[
    int,
    Header(
        alias="Key-Presses",
        ge=0,
        le=10_000,
        description="Keys that a person pressed since their last decision, for the statistics.",
    ),
]


def _with_keys(caller: Reviewer, keys: KeyPresses = 0) -> Caller:
    return replace(caller, keys=keys)


Decider = Annotated[Caller, Depends(_with_keys)]
"""A reviewer who decides."""
