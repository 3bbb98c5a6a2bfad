"""External libraries: each shard of `library/` is one."""

from __future__ import annotations

from collections.abc import Sequence

from immich_client.api.libraries import (
    create_library,
    get_library,
    list_libraries,
    scan_library,
    update_library,
)
from immich_client.models.library import Library as LibraryModel
from immich_client.models.library_update import LibraryUpdate
from immich_client.models.new_library import NewLibrary
from smartsort.errors import ImmichUnreachable
from smartsort.immich.answers import ImportPathRefused
from smartsort.immich.server import ServerCalls
from smartsort.ports import Library

_NEVER_USABLE = "smartsort-only-asks"
"""No absolute path, so refused by Immich before anything else is looked at, with the path in its message."""


class LibraryCalls(ServerCalls):
    """Calls that are about external libraries. The key's owner must be an administrator for all of them."""

    async def libraries(self) -> Sequence[Library]:
        """Return all external libraries, those of other owners included."""
        found = await self._read("list_libraries", list_libraries.asyncio_detailed(client=self._client))
        return [_library(each) for each in found]

    async def create_library(self, name: str, import_path: str) -> Library:
        """Return a new external library of the key's owner. `import_path` as Immich sees it. Not repeated."""
        owner = await self._owner()
        body = NewLibrary(owner_id=owner.id, name=name, import_paths=[import_path])
        call = create_library.asyncio_detailed(client=self._client, body=body)
        return _library(await self._read("create_library", call))

    async def validate_import_path(self, library_id: str, import_path: str) -> str | None:
        """Return None when Immich can read the path, else its message.

        Immich is asked to use the path for the library, and in the same breath one that it has to refuse:
        its refusal tells which of the two it did not like, and nothing is changed. The library has to be one
        of smartsort's own. Its own paths are sent along behind: should an Immich ever agree, they stay, and
        are put back alone at once.
        """
        call = get_library.asyncio_detailed(library_id, client=self._client)
        own = list((await self._read("get_library", call)).import_paths)
        try:
            # Immich refuses a list that names a path twice.
            rest = [path for path in own if path != import_path]
            await self._use_paths(library_id, [import_path, _NEVER_USABLE, *rest])
        except ImportPathRefused as refused:
            return None if _NEVER_USABLE in refused.reason else refused.reason
        await self._use_paths(library_id, own)
        raise ImmichUnreachable(
            f"Immich took {_NEVER_USABLE!r} for an import path of library {library_id}. "
            "smartsort removed it again. Look at the library's import paths in Immich, and update smartsort."
        )

    async def _use_paths(self, library_id: str, import_paths: Sequence[str]) -> None:
        body = LibraryUpdate(import_paths=list(import_paths))
        call = update_library.asyncio_detailed(library_id, client=self._client, body=body)
        await self._read("update_library", call)

    async def scan(self, library_id: str) -> None:
        """Start a scan of one library. Returns at once, there is no handle. Not repeated."""
        await self._ask("scan_library", scan_library.asyncio_detailed(library_id, client=self._client))


def _library(found: LibraryModel) -> Library:
    return Library(found.id, found.name, tuple(found.import_paths), owner_id=found.owner_id)
