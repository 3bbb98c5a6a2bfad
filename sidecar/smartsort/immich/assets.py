"""Photos: from a path or a digest to an asset, its details, its pictures."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from immich_client.api.assets import (
    check_uploads,
    get_asset,
    get_thumbnail,
    list_duplicates,
    search_assets,
    update_assets,
)
from immich_client.models.asset import Asset
from immich_client.models.asset_search import AssetSearch
from immich_client.models.assets_update import AssetsUpdate
from immich_client.models.checksum_to_check import ChecksumToCheck
from immich_client.models.checksum_verdict import ChecksumVerdict
from immich_client.models.checksums_to_check import ChecksumsToCheck
from immich_client.models.search_branch import SearchBranch
from immich_client.models.search_branch_checksum import SearchBranchChecksum
from immich_client.models.search_branch_is_offline import SearchBranchIsOffline
from immich_client.models.search_branch_original_path import SearchBranchOriginalPath
from immich_client.models.search_branch_trashed_at import SearchBranchTrashedAt
from immich_client.models.search_filter import SearchFilter
from smartsort.core.model import AssetRef
from smartsort.errors import ImmichRejected
from smartsort.immich.answers import UnknownId
from smartsort.immich.connection import Connection, chunks, known
from smartsort.ports import AssetDetails, Listed, Owned, Shown, ThumbnailSize, UploadCopy

PATHS_PER_CALL = 1000
DIGESTS_PER_CALL = 5000
ASSETS_PER_CALL = 1000
_EVER = "2000-01-01T00:00:00.000Z"


def path_checksum(path: str | bytes) -> str:
    """What Immich keeps as checksum of a file in an external library: of its path, never of its content."""
    return base64.b64encode(
        hashlib.sha1(b"path:" + os.fsencode(path), usedforsecurity=False).digest()
    ).decode()


class AssetCalls(Connection):
    """Calls that are about photos."""

    async def resolve(self, paths: Sequence[str | bytes]) -> Mapping[str | bytes, AssetRef]:
        """Assets of these paths (as Immich sees them), by path. Unknown ones are missing.

        A hit is the path: Immich compares digests of the whole path, and an upload could only be mistaken for
        it if its content were the very text that is digested. So no second call verifies it here. `asset`
        tells the path for those who fetch the details anyway.
        """
        found: dict[str | bytes, AssetRef] = {}
        for part in chunks(paths, PATHS_PER_CALL):
            for index, verdict in await self._verdicts([path_checksum(path) for path in part]):
                path, asset_id = part[index], known(verdict.asset_id, "")
                found[path] = AssetRef(asset_id, os.fsdecode(path), trashed=known(verdict.is_trashed, False))
        return found

    async def uploads_with_content(self, sha1s: Sequence[str]) -> Mapping[str, UploadCopy]:
        """Uploads that have one of these SHA-1 digests (hex), by digest. One call per 5,000.

        Photos of external libraries are never found this way, whatever they hold.
        """
        found: dict[str, UploadCopy] = {}
        for part in chunks(sha1s, DIGESTS_PER_CALL):
            for index, verdict in await self._verdicts([digest.lower() for digest in part]):
                found[part[index]] = UploadCopy(
                    known(verdict.asset_id, ""), trashed=known(verdict.is_trashed, False)
                )
        return found

    async def _verdicts(self, checksums: Sequence[str]) -> list[tuple[int, ChecksumVerdict]]:
        """Return the known ones of these checksums, with their place in the list.

        The list must not be empty.
        """
        asked = [ChecksumToCheck(id=str(index), checksum=each) for index, each in enumerate(checksums)]
        call = check_uploads.asyncio_detailed(client=self._client, body=ChecksumsToCheck(assets=asked))
        answer = await self._read("check_uploads", call)
        places = {each.id: index for index, each in enumerate(asked)}
        return [
            (places[verdict.id], verdict)
            for verdict in answer.results
            if verdict.id in places and known(verdict.asset_id, "")
        ]

    async def asset(self, asset_id: str) -> AssetDetails | None:
        """Return one asset, None when Immich does not know the id (it says 400)."""
        try:
            found = await self._read("get_asset", get_asset.asyncio_detailed(asset_id, client=self._client))
        except UnknownId:
            return None
        return _details(found)

    async def listed(self, library_id: str, placed_after: datetime) -> Mapping[str, Listed]:
        """Return what a search shows of a library's assets placed since then, by asset. One call per 1,000.

        `placed_after` is by our own clock and carries a zone. A photo is taken in after it was placed, by
        Immich's clock, whose answers tell how far the two are apart.
        """
        since = _zulu(self._in_its_time(placed_after))
        body = AssetSearch(library_id=library_id, created_after=since, with_people=True)
        return {
            each.id: Listed(
                frozenset(p.id for p in known(each.people, [])), has_preview=each.thumbhash is not None
            )
            async for each in self._search(body)
        }

    async def people_on(
        self, library_id: str, created_after: datetime, page: int
    ) -> tuple[Mapping[str, Mapping[str, str]], frozenset[str], bool]:
        """One page of a library's assets new since then, those the user threw away, and whether more follow.

        `created_after` is by Immich's clock and carries a zone.
        """
        body = AssetSearch(
            library_id=library_id,
            created_after=_zulu(created_after),
            with_deleted=True,
            with_people=True,
            size=ASSETS_PER_CALL,
            page=page,
        )
        call = search_assets.asyncio_detailed(client=self._client, body=body)
        answer = (await self._read("search_assets", call)).assets
        shows = [_shown(each) for each in answer.items]
        there = {one.id: one.people for one in shows if not one.trashed}
        thrown = frozenset(one.id for one in shows if one.trashed and not one.offline)
        return there, thrown, int(answer.next_page or 0) > page

    async def owned(
        self, taken_after: str | None, page: int, created_after: str | None = None, *, clips: bool = False
    ) -> tuple[Sequence[Owned], bool]:
        """Return a thousand photos from `taken_after` on, the oldest first, and whether more follow.

        One call. A search shows photos of partners, too. `clips`: those of Live Photos instead.
        """
        body = AssetSearch(
            with_people=True,
            with_exif=True,
            order="asc",
            visibility="hidden" if clips else "timeline",
            size=ASSETS_PER_CALL,
            page=page,
        )
        if taken_after is not None:
            body.taken_after = taken_after
        if created_after is not None:
            body.created_after = _zulu(self._in_its_time(datetime.fromisoformat(created_after)))
        call = search_assets.asyncio_detailed(client=self._client, body=body)
        answer = (await self._read("search_assets", call)).assets
        return [_owned(each) for each in answer.items], int(answer.next_page or 0) > page

    async def owned_asset(self, asset_id: str) -> Owned | None:
        """Return one asset as `owned` lists it, None when Immich does not know the id (it says 400)."""
        try:
            return _owned(
                await self._read("get_asset", get_asset.asyncio_detailed(asset_id, client=self._client))
            )
        except UnknownId:
            return None

    async def assets_of_person(self, person_id: str, limit: int) -> Mapping[str, str | None]:
        """Return when each of `limit` assets of a person at most was taken, newest first.

        One call per 1,000.
        """
        found: dict[str, str | None] = {}
        async for each in self._search(AssetSearch(person_ids=[person_id]), min(limit, ASSETS_PER_CALL)):
            found[each.id] = known(each.local_date_time, None)
            if len(found) >= limit:
                break
        return found

    async def in_trash(self, below: str) -> Mapping[str, str]:
        """Paths by id of the photos below a folder that the user has put into Immich's trash.

        Immich compares the folder loosely, so its answers are compared again here. A photo that is offline
        lies there by Immich's own doing, and is left out. One call per 1,000.
        """
        body = AssetSearch(
            original_path=f"{below}/", with_deleted=True, trashed_after=_EVER, is_offline=False
        )
        return {
            each.id: each.original_path
            async for each in self._search(body)
            if each.is_trashed and not each.is_offline and each.original_path.startswith(f"{below}/")
        }

    async def shown(self, paths: Sequence[str], below: str) -> Sequence[Shown] | None:
        """Return the photos at these paths, and those that `in_trash` tells, by one search.

        With `below` "" only the paths. None when Immich refuses the search: then `finds_together` is False
        from now on. A photo that is missing may be in the locked folder. One call per 1,000.
        """
        branches = []
        if paths:
            branches.append(SearchBranch(checksum=SearchBranchChecksum([path_checksum(p) for p in paths])))
        if below:
            thrown = SearchBranch(
                original_path=SearchBranchOriginalPath(f"{below}/"),
                trashed_at=SearchBranchTrashedAt(_EVER),
                is_offline=SearchBranchIsOffline(eq=False),
            )
            branches.append(thrown)
        if not branches:
            return ()
        body = AssetSearch(filter_=SearchFilter(branches), with_people=True, size=ASSETS_PER_CALL)
        try:
            return [_shown(each) async for each in self._search_on(body)]
        except ImmichRejected:
            self.finds_together = False
            return None

    async def _search_on(self, body: AssetSearch) -> AsyncIterator[Asset]:
        """Search by `filter`, whose pages follow one another by a cursor."""
        while True:
            call = search_assets.asyncio_detailed(client=self._client, body=body)
            page = (await self._read("search_assets", call)).assets
            for each in page.items:
                yield each
            following = known(page.next_cursor, None)
            if not following or following == known(body.cursor, None):
                return
            body.cursor = following

    async def duplicate_ids(self, library_id: str, created_after: datetime) -> Mapping[str, str]:
        """Return ids of the groups of look-alikes, by asset, of a library's assets new since then."""
        body = AssetSearch(library_id=library_id, created_after=_zulu(created_after))
        return {
            each.id: group async for each in self._search(body) if (group := known(each.duplicate_id, None))
        }

    async def _search(self, body: AssetSearch, size: int = ASSETS_PER_CALL) -> AsyncIterator[Asset]:
        body.size, body.page = size, 1
        while True:
            call = search_assets.asyncio_detailed(client=self._client, body=body)
            page = (await self._read("search_assets", call)).assets
            for each in page.items:
                yield each
            following = int(page.next_page or 0)
            if following <= body.page:
                return
            body.page = following

    async def set_visibility(self, asset_ids: Sequence[str], visibility: str) -> None:
        """`archive` or `timeline`. One unknown id among them and Immich changes none of its thousand."""
        for part in chunks(asset_ids, ASSETS_PER_CALL):
            body = AssetsUpdate(ids=list(part), visibility=visibility)
            await self._ask("update_assets", update_assets.asyncio_detailed(client=self._client, body=body))

    async def duplicate_groups(self) -> Mapping[str, Sequence[str]]:
        """Return ids of photos that look alike, by group."""
        found = await self._read("list_duplicates", list_duplicates.asyncio_detailed(client=self._client))
        return {group.duplicate_id: [each.id for each in group.assets] for group in found}

    async def thumbnail(self, asset_id: str, size: ThumbnailSize) -> tuple[bytes, str] | None:
        """The picture's bytes and media type, None when Immich has none (yet) or does not know the photo."""
        call = get_thumbnail.asyncio_detailed(asset_id, client=self._client, size=size.value)
        return await self._picture("get_thumbnail", call)


def _shown(found: Asset) -> Shown:
    return Shown(
        id=found.id,
        path=found.original_path,
        people={p.id: p.name or "" for p in known(found.people, [])},
        trashed=bool(found.is_trashed),
        offline=bool(found.is_offline),
    )


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _owned(found: Asset) -> Owned:
    path, exif = found.original_path, known(found.exif_info, None)
    return Owned(
        id=found.id,
        owner_id=known(found.owner_id, ""),
        path=path,
        name=os.path.basename(known(found.original_file_name, "")) or os.path.basename(path),
        library_id=known(found.library_id, None),
        taken=known(found.file_created_at, ""),
        local_time=known(found.local_date_time, None),
        is_video=known(found.type_, "") == "VIDEO",
        people={p.id: p.name or "" for p in known(found.people, [])},
        checksum=known(found.checksum, ""),
        size=known(exif.file_size_in_byte, None) if exif is not None else None,
        modified=known(found.file_modified_at, ""),
        clip_id=known(found.live_photo_video_id, None),
    )


def _details(found: Asset) -> AssetDetails:
    return AssetDetails(
        id=found.id,
        path=found.original_path,
        offline=bool(found.is_offline),
        trashed=bool(found.is_trashed),
        visibility=found.visibility,
        duplicate_id=known(found.duplicate_id, None),
        has_thumbnail=found.thumbhash is not None,
    )
