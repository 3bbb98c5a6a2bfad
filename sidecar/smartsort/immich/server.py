"""The server itself: is it there, which version, whose key, which switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from immich_client.api.server import (
    get_features,
    get_me,
    get_my_key,
    get_system_config,
    get_version,
    ping,
)
from immich_client.models.user import User
from smartsort.errors import ImmichError, ImmichRefused
from smartsort.immich.capabilities import NEWEST, Capabilities
from smartsort.immich.conformance import compare
from smartsort.immich.connection import Connection
from smartsort.immich.operations import Operation
from smartsort.ports import FaceModel, ServerInfo

_DESCRIPTION = Operation(
    name="get_description",
    method="GET",
    path="/spec.json",
    permission="",
    admin=False,
    optional=True,
    repeatable=True,
    status=200,
    answer="object",
    parameters=(),
    sent=(),
    read=(),
)
"""Not in the subset: a description does not describe itself."""


@dataclass(frozen=True, slots=True)
class Features:
    """Switches of the server that anybody may see."""

    facial_recognition: bool
    imports_faces: bool
    """Faces are also read from the files' own metadata."""
    trash: bool


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """Settings of the administrator that change how photos arrive."""

    watches_libraries: bool
    """A file that leaves the library takes its asset along at once, instead of going offline."""
    imports_faces: bool
    recognition_model: str
    max_distance: float
    min_score: float
    min_faces: int


class ServerCalls(Connection):
    """Calls that are about the server and the key."""

    _me: User | None = None
    _known_version: tuple[int, int, int] | None = None

    async def ping(self) -> bool:
        """Return True when the server answers.

        Never raises for an unreachable server, and never waits to retry.
        """
        try:
            await self._read("ping", ping.asyncio_detailed(client=self._client), retries=0)
        except ImmichError:
            return False
        return True

    async def info(self) -> ServerInfo:
        """Version, user and permissions. Also the proof that the server is reachable and the key valid."""
        return await self._info(await self._owner(), as_admin=False)

    async def admin_info(self) -> ServerInfo:
        """Return the same for the administrator's key. It is the same answer when there is only one key."""
        call = get_me.asyncio_detailed(client=self._client)
        return await self._info(await self._read("get_me", call, as_admin=True), as_admin=True)

    async def _info(self, user: User, *, as_admin: bool) -> ServerInfo:
        version = await self._version()
        return ServerInfo(
            version=".".join(map(str, version)),
            user_id=user.id,
            user_is_admin=bool(user.is_admin),
            permissions=await self.permissions(as_admin=as_admin),
        )

    async def permissions(self, *, as_admin: bool = False) -> frozenset[str]:
        """Return what the key, or the administrator's key, may do.

        Return "all" for everything. Every valid key may ask.
        """
        call = get_my_key.asyncio_detailed(client=self._client)
        key = await self._read("get_my_key", call, as_admin=as_admin)
        return frozenset(map(str, key.permissions))

    async def clock(self) -> datetime | None:
        """Return the server's time, to the second, from the head of an answer, None when it does not say."""
        answer = await self._ask("ping", ping.asyncio_detailed(client=self._client))
        try:
            return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
        except ValueError:
            return None

    async def capabilities(self) -> Capabilities:
        """Return what this version can do. Asks for the version each time, an update may have happened."""
        return Capabilities.of(await self._version())

    async def features(self) -> Features:
        """Return the public switches."""
        found = await self._read("get_features", get_features.asyncio_detailed(client=self._client))
        return Features(
            facial_recognition=found.facial_recognition,
            imports_faces=found.import_faces,
            trash=found.trash,
        )

    async def detects_faces(self) -> bool:
        """Return False while face recognition is switched off in Immich: then no photo gets a face."""
        return (await self.features()).facial_recognition

    async def system_settings(self) -> SystemSettings:
        """Return the administrator's settings.

        Needs a permission that smartsort does not ask for otherwise.
        """
        found = await self._read("get_system_config", get_system_config.asyncio_detailed(client=self._client))
        recognition = found.machine_learning.facial_recognition
        return SystemSettings(
            watches_libraries=found.library.watch.enabled,
            imports_faces=found.metadata.faces.import_,
            recognition_model=recognition.model_name,
            max_distance=recognition.max_distance,
            min_score=recognition.min_score,
            min_faces=recognition.min_faces,
        )

    async def face_model(self) -> FaceModel | None:
        """Return how Immich recognises faces, None when this key may not ask."""
        try:
            found = await self.system_settings()
        except ImmichRefused:
            return None
        return FaceModel(found.recognition_model, found.min_score)

    async def description(self) -> Mapping[str, Any]:
        """Return the server's OpenAPI description, for `smartsort.immich.conformance`. Needs no key."""
        found = await self._get_json(_DESCRIPTION)
        return found if isinstance(found, dict) else {}

    async def misfits(self) -> Sequence[str]:
        """Return what an Immich newer than those that were tried lacks, by its own description.

        It is the version that was asked for last. A server that does not show its description says nothing
        about itself.
        """
        if (self._known_version or await self._version())[:2] <= NEWEST:
            return ()
        try:
            found = compare(await self.description())
        except ImmichError:  # such as a proxy that asks for a log-in
            return ("it does not show its description (/api/spec.json)",)
        return [str(one) for one in found if one.breaks and not one.optional]

    async def _version(self) -> tuple[int, int, int]:
        found = await self._read("get_version", get_version.asyncio_detailed(client=self._client))
        version = int(found.major), int(found.minor), int(found.patch)
        if version != self._known_version:
            self._known_version = version
            self.finds_together = Capabilities.of(version).finds_together
        return version

    async def _owner(self) -> User:
        """Return the owner of the key, asked for once: a key never changes hands."""
        if self._me is None:
            self._me = await self._read("get_me", get_me.asyncio_detailed(client=self._client))
        return self._me
