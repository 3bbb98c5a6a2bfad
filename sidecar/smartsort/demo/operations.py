"""What a route is: its path, the right it asks for, and the call its handler is given."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from smartsort.demo.errors import UUID_PATTERN, ApiError, invalid, invalid_uuid, no_access
from smartsort.demo.immich import DemoImmich
from smartsort.demo.models import ApiKey, Asset, Face, Library, Person, User
from smartsort.demo.state import DemoState

_UUID = re.compile(UUID_PATTERN)

_JSON_TYPES = {str: "string", int: "number", bool: "boolean", list: "array", dict: "object"}


class JsonResponse(Response):
    """JSON as Immich sends it."""

    media_type = "application/json; charset=utf-8"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), status_code)


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request. `key` is None only on routes that need none."""

    demo: DemoImmich
    request: Request
    key: ApiKey | None

    @property
    def state(self) -> DemoState:
        return self.demo.state

    @property
    def user(self) -> User:
        if self.key is None:
            raise ApiError(401, "Authentication required")
        return self.key.user

    def id(self, name: str = "id") -> str:
        """Return the UUID in the path."""
        return self.uuid(self.request.path_params[name], name)

    def uuid(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or not _UUID.match(value):
            raise invalid_uuid(self.state.version, name)
        return value

    async def body(self) -> dict[str, Any]:
        """Return the JSON object that was sent. Nothing sent is an empty one."""
        raw = await self.request.body()
        if not raw:
            return {}
        try:
            value = json.loads(raw)
        except ValueError as error:
            raise ApiError(400, f"Unexpected token in JSON: {error}") from error
        if not isinstance(value, dict):
            raise invalid(self.state.version, "body", "an object")
        return value

    def field(self, body: dict[str, Any], name: str, kind: type, *, required: bool = False) -> Any:
        """Return a field of a body, checked as strictly as the version does, None where it is missing."""
        value = body.get(name)
        if value is None:
            if required:
                raise invalid(self.state.version, name, f"a {_JSON_TYPES[kind]}")
            return None
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        if self.state.version.is_third or kind in (list, dict):
            raise invalid(self.state.version, name, f"a {_JSON_TYPES[kind]}")
        try:
            return str(value).casefold() in {"true", "1"} if kind is bool else kind(value)
        except (TypeError, ValueError) as error:
            raise invalid(self.state.version, name, f"a {_JSON_TYPES[kind]}") from error

    def ids(self, body: dict[str, Any], name: str = "ids") -> list[str]:
        return [self.uuid(value, name) for value in self.field(body, name, list, required=True)]

    def flag(self, name: str) -> bool:
        return self.request.query_params.get(name, "").casefold() in {"true", "1"}

    def number(self, name: str, default: int) -> int:
        text = self.request.query_params.get(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise invalid(self.state.version, name, "a number")
        return int(text)

    def asset(self, asset_id: str, permission: str = "asset.read") -> Asset:
        """Return an asset of the key's owner."""
        found = self.state.assets.get(asset_id)
        if found is None or found.owner_id != self.user.id:
            raise no_access(permission)
        return found

    def person(self, person_id: str, permission: str = "person.read") -> Person:
        found = self.state.people.get(person_id)
        shared = found is not None and permission == "person.read" and self.user.id in found.shared_with
        if found is None or (found.owner_id != self.user.id and not shared):
            raise no_access(permission)
        return found

    def face(self, face_id: str, permission: str) -> Face:
        found = self.state.faces.get(face_id)
        if found is None or self.state.assets[found.asset_id].owner_id != self.user.id:
            raise no_access(permission)
        return found

    def library(self, library_id: str) -> Library:
        found = self.state.libraries.get(library_id)
        if found is None or self.demo.faults.library_gone:
            raise ApiError(400, "Library not found")
        return found


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One route under `/api`. `permission` None on a route that is not `public` means: any valid key."""

    method: str
    path: str
    handler: Handler
    permission: str | None = None
    admin: bool = False
    public: bool = False


class Operations:
    """Collects the routes of one module."""

    def __init__(self) -> None:
        self.all: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        permission: str | None = None,
        *,
        admin: bool = False,
        public: bool = False,
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.all.append(Operation(method, path, handler, permission, admin, public))
            return handler

        return register


def no_content() -> Response:
    return Response(status_code=204)
