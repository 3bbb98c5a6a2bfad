"""External libraries: each shard of `library/` is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from immich_client.api.libraries import (
    create_library,
    get_library_statistics,
    list_libraries,
    scan_library,
    validate_library,
)
from immich_client.models.library import Library as LibraryModel
from immich_client.models.new_library import NewLibrary
from immich_client.models.paths_to_validate import PathsToValidate
from smartsort.immich.connection import known
from smartsort.immich.server import ServerCalls
from smartsort.ports import Library

_NO_LIBRARY = "00000000-0000-4000-8000-000000000000"
"""Seen with 2.5.6 and 3.1.0: the library of the call is never looked at, only the paths are."""


class LibraryCalls(ServerCalls):
    """Calls that are about external libraries; the key's owner must be an administrator for all of them."""

    async def libraries(self) -> Sequence[Library]:
        """All external libraries, those of other owners included."""
        found = await self._read("list_libraries", list_libraries.asyncio_detailed(client=self._client))
        return [_library(each) for each in found]

    async def create_library(self, name: str, import_path: str) -> Library:
        """A new external library of the key's owner. `import_path` as Immich sees it. Not repeated."""
        owner = await self._owner()
        body = NewLibrary(owner_id=owner.id, name=name, import_paths=[import_path])
        call = create_library.asyncio_detailed(client=self._client, body=body)
        return _library(await self._read("create_library", call))

    async def validate_import_path(self, library_id: str, import_path: str) -> str | None:
        """None when Immich can read the path, else its message."""
        return (await self.validate_import_paths([import_path], library_id))[import_path]

    async def validate_import_paths(
        self, import_paths: Sequence[str], library_id: str = _NO_LIBRARY
    ) -> Mapping[str, str | None]:
        """As `validate_import_path`, for many at once, by path; Immich does not mind which library it is."""
        body = PathsToValidate(import_paths=list(import_paths))
        call = validate_library.asyncio_detailed(library_id, client=self._client, body=body)
        verdicts = known((await self._read("validate_library", call)).import_paths, [])
        said = {
            verdict.import_path: None
            if verdict.is_valid
            else known(verdict.message, "") or "Immich cannot read the path"
            for verdict in verdicts
        }
        return {path: said.get(path, "Immich said nothing about the path") for path in import_paths}

    async def scan(self, library_id: str) -> None:
        """Start a scan of one library; returns at once, there is no handle. Not repeated."""
        await self._ask("scan_library", scan_library.asyncio_detailed(library_id, client=self._client))

    async def library_size(self, library_id: str) -> int:
        """How many photos and videos a library holds, offline ones included."""
        call = get_library_statistics.asyncio_detailed(library_id, client=self._client)
        return int((await self._read("get_library_statistics", call)).total)


def _library(found: LibraryModel) -> Library:
    return Library(found.id, found.name, tuple(found.import_paths), owner_id=found.owner_id)
