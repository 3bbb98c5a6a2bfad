"""The optional album per person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from immich_client.api.albums import (
    add_assets_to_album,
    create_album,
    list_albums,
    remove_assets_from_album,
)
from immich_client.models.album import Album
from immich_client.models.id_outcome import IdOutcome
from immich_client.models.ids import Ids
from immich_client.models.new_album import NewAlbum
from smartsort.errors import ImmichRejected
from smartsort.immich.connection import chunks, known
from smartsort.immich.server import ServerCalls

ASSETS_PER_CALL = 1000
_OK = 200


class AlbumCalls(ServerCalls):
    """Calls that are about albums."""

    async def albums(self) -> Mapping[str, str]:
        """Return ids of the owner's own albums by name. Of two with one name, the older one counts."""
        owner = await self._owner()
        found = await self._read("list_albums", list_albums.asyncio_detailed(client=self._client))
        own = [album for album in found if _owned_by(album, owner.id)]
        own.sort(key=lambda album: (album.created_at, album.id), reverse=True)
        return {album.album_name: album.id for album in own}

    async def create_album(self, name: str, asset_ids: Sequence[str]) -> str:
        """Return a new album with these assets. Return its id. Not repeated: there would be two."""
        body = NewAlbum(album_name=name, asset_ids=list(asset_ids))
        call = create_album.asyncio_detailed(client=self._client, body=body)
        return (await self._read("create_album", call)).id

    async def add_to_album(self, album_id: str, asset_ids: Sequence[str]) -> None:
        """Assets that are in it already are left alone. Raises ImmichRejected for those it cannot take."""
        for part in chunks(asset_ids, ASSETS_PER_CALL):
            call = add_assets_to_album.asyncio_detailed(
                album_id, client=self._client, body=Ids(ids=list(part))
            )
            outcomes = await self._read("add_assets_to_album", call)
            _expect(outcomes, "duplicate", "put into")

    async def remove_from_album(self, album_id: str, asset_ids: Sequence[str]) -> None:
        """Takes photos out of an album. Deletes nothing, and those that are not in it are left alone."""
        for part in chunks(asset_ids, ASSETS_PER_CALL):
            call = remove_assets_from_album.asyncio_detailed(
                album_id, client=self._client, body=Ids(ids=list(part))
            )
            outcomes = await self._read("remove_assets_from_album", call)
            _expect(outcomes, "not_found", "taken out of")


def _owned_by(album: Album, user_id: str) -> bool:
    owner = known(album.owner_id, "")
    if owner:
        return owner == user_id
    return any(
        member.role == "owner" and member.user.id == user_id for member in known(album.album_users, [])
    )


def _expect(outcomes: Sequence[IdOutcome], harmless: str, act: str) -> None:
    failed = {
        outcome.id: known(outcome.error, "no reason given")
        for outcome in outcomes
        if not outcome.success and known(outcome.error, "") != harmless
    }
    if failed:
        first, reason = next(iter(failed.items()))
        raise ImmichRejected(
            f"{len(failed)} photos could not be {act} the album, the first {first}: {reason}. "
            "Resolve their paths again, their ids may have changed.",
            _OK,
        )
