"""Saving the list of what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO


async def export_file(pieces: AsyncIterator[bytes], folder: str | None, at: datetime) -> Path:
    """The path of a new file with the pieces; a file of that name is never replaced. Raises OSError."""
    place = Path(folder).expanduser() if folder else Path.cwd()  # noqa: ASYNC240  (no I/O that blocks)
    stem = f"smartsort-review-{at:%Y%m%d-%H%M%S}"
    path, file = await asyncio.to_thread(_new_file, place, stem)
    try:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
    except BaseException:
        file.close()
        path.unlink(missing_ok=True)
        raise
    await asyncio.to_thread(file.close)
    return path


def _new_file(place: Path, stem: str) -> tuple[Path, BinaryIO]:
    place.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = place / (f"{stem}.csv" if number == 1 else f"{stem}-{number}.csv")
        try:
            return path, path.open("xb")
        except FileExistsError:
            number += 1
