"""Saving the list of what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO


async def export_file(pieces: AsyncIterator[bytes], places: Sequence[Path], at: datetime) -> Path:
    """Return the path of a new file with the pieces, in the first place that takes it. Raises OSError.

    A file of that name is never replaced.
    """
    stem = f"smartsort-review-{at:%Y%m%d-%H%M%S}"
    path, file = await asyncio.to_thread(_new_file, places, stem)
    try:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
    except BaseException:
        file.close()
        path.unlink(missing_ok=True)
        raise
    await asyncio.to_thread(file.close)
    return path


def _new_file(places: Sequence[Path], stem: str) -> tuple[Path, BinaryIO]:
    refused: list[OSError] = []
    for place in places:
        try:
            return _new_file_in(place, stem)
        except OSError as problem:
            refused.append(problem)
    raise refused[0]


def _new_file_in(place: Path, stem: str) -> tuple[Path, BinaryIO]:
    place.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = place / (f"{stem}.csv" if number == 1 else f"{stem}-{number}.csv")
        try:
            return path, path.open("xb")
        except FileExistsError:
            number += 1
