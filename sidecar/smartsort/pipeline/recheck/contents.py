"""Whether a file is the photo that Immich has, by what is in it.

Immich tells the digest of an upload. Of a photo in an external library it tells the digest of the path alone,
so smartsort compares what the file shows with what Immich shows.
"""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime

from smartsort.errors import SmartsortError, StorageError
from smartsort.files.decoders import Decoders
from smartsort.files.hashing import holds
from smartsort.files.shown import shown
from smartsort.files.stamps import FileStamp, stamp
from smartsort.ports import Owned, Pictures, ThumbnailSize

_EXACT_SECONDS = 2.0
"""To so much some file systems round the time of a file."""


def as_read(one: Owned, found: FileStamp) -> bool:
    """Return whether a file has the size and the time that Immich read. What Immich does not tell fits.

    The time of an upload is what the uploader said, so it says nothing.
    """
    if one.size is not None and one.size != found.size:
        return False
    if one.library_id is None or not one.modified:
        return True
    there = datetime.fromisoformat(one.modified).timestamp()
    return abs(there - found.mtime_ns / 1e9) <= _EXACT_SECONDS


async def problem(pictures: Pictures, decoders: Decoders, one: Owned, path: str) -> str | None:
    """Return why the file at a path is not this photo, None when it is. At most one call.

    Where a picture tells nothing (two even walls of one colour, no picture at all), size and time decide.
    Raises StorageError, ImmichError.
    """
    try:
        if one.library_id is None and one.checksum:
            same = await asyncio.to_thread(holds, path, base64.b64decode(one.checksum))
        else:
            same = await _looks_the_same(pictures, decoders, one, path)
    except StorageError:
        raise
    except SmartsortError as error:
        return str(error).removesuffix(".")
    return None if same else f"{shown(path)} is not the photo that Immich has at {shown(one.path)}"


async def _looks_the_same(pictures: Pictures, decoders: Decoders, one: Owned, path: str) -> bool:
    found = await asyncio.to_thread(stamp, path)
    there = await pictures.thumbnail(one.id, ThumbnailSize.PREVIEW)
    same = await asyncio.to_thread(decoders.shows, path, there[0]) if there is not None else None
    return as_read(one, found) if same is None else same
