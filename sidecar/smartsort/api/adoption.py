"""Folders that a user has sorted before, over HTTP: a preview, doing exactly that, and how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example
from sqlite_utils import Database

from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.adoption import (
    AdoptedFolder,
    Adoption,
    AdoptionPreview,
    AdoptionRequest,
    LeftFile,
)
from smartsort.api.schemas.evaluation import Redeem
from smartsort.api.security import Admin
from smartsort.api.serving import ApiContext, Ctx
from smartsort.core.model import IN_PROGRESS
from smartsort.core.sorted_folders import Certainty
from smartsort.files.requests import Method
from smartsort.files.shown import shown
from smartsort.ledger import adopted, older_downloads
from smartsort.pipeline.arrival.sorted_folders import FolderCount, FolderRefused, Preview, Wanted

router = APIRouter(prefix=f"{BASE}/adopt", tags=["intake"], responses=GUARDED)

_EXAMPLES: dict[str, Example] = {
    "faces": {
        "summary": "A folder for each person",
        "value": {"folder": "/mnt/old/faces", "sorted_as": "faces", "people": {"jon": "John Doe"}},
    },
    "unsorted": {"summary": "Not sorted", "value": {"folder": "/mnt/old/all", "sorted_as": "unsorted"}},
}


@router.post("", responses=answers(409))
async def preview(
    ctx: Ctx, caller: Admin, asked: Annotated[AdoptionRequest, Body(openapi_examples=_EXAMPLES)]
) -> AdoptionPreview:
    """Preview the adoption of a folder that you have sorted before.

    With `faces`, smartsort compares each sub-folder's name with the people of Immich and with your lists. It
    guesses nothing: name the person of an uncertain folder in `people`. The preview changes nothing.
    """
    try:
        database = await asyncio.to_thread(_database, asked)
        wanted = Wanted(
            asked.folder,
            asked.sorted_as == "faces",
            said=asked.people,
            rest=asked.rest == "unsorted",
            move=asked.move,
            downloads=database,
        )
        found = await ctx.sidecar.adoption.preview(wanted)
    except (FolderRefused, older_downloads.DownloadsUnusable) as problem:
        raise Refused(409, "conflict", str(problem)) from problem
    return _report(found, ctx.previews.keep("adopt", caller, found, {}))


@router.post("/apply", responses=answers(409))
async def apply(ctx: Ctx, caller: Admin, asked: Redeem) -> Adoption:
    """Adopt the folder of a preview.

    smartsort takes the files over in portions and treats them as all others. It files a photo under the
    person of its sub-folder, unless the faces contradict. The folder itself stays as it is, without `move`.
    All of it is one event, so `undo` reverses all of it. smartsort adopts one folder at a time.
    """

    async def act(found: Preview, _: Mapping[int, str]) -> int:
        try:
            run = await ctx.sidecar.adoption.begin(found, caller.name)
        except FolderRefused as problem:
            raise Refused(409, "conflict", str(problem)) from problem
        return int(run["event"])

    await ctx.previews.redeem(asked.preview, "adopt", caller, act)
    return await _now(ctx)


@router.get("", responses=answers(404))
async def progress(ctx: Ctx, _: Admin) -> Adoption:
    """Tell how far the last adoption is."""
    return await _now(ctx)


async def _now(ctx: ApiContext) -> Adoption:
    def read(db: Database) -> tuple[dict[str, Any] | None, dict[str, int]]:
        run = adopted.current(db)
        return run, adopted.counts(db, run["event"]) if run is not None else {}

    run, counts = await ctx.sidecar.context.ledger.aread(read)
    if run is None:
        raise Refused(404, "not_found", "no folder was adopted yet")
    taken = sum(counts.values())
    return Adoption(
        event=run["event"],
        state=run["state"],
        folder=shown(run["folder"]),
        by=run["by"],
        photos=run["photos"],
        taken=taken,
        at_rest=taken - sum(counts.get(state.value, 0) for state in IN_PROGRESS),
        known=run["known"],
        left_count=run["left_count"],
        left=[LeftFile(path=path, why=why) for path, why in run["left"]],
    )


def _database(asked: AdoptionRequest) -> str | None:
    """Return the database of an older tool. Raises FolderRefused where there are several."""
    if asked.downloads is not None or not asked.find_downloads:
        return asked.downloads
    found = older_downloads.beside(asked.folder)
    if len(found) > 1:
        names = ", ".join(map(shown, found))
        raise FolderRefused(f"several databases have downloads: {names}. Name one with --downloads")
    return found[0] if found else None


def _report(found: Preview, token: str) -> AdoptionPreview:
    certain = [one.match.certainty for one in found.folders if one.match is not None]
    wanted = found.wanted
    return AdoptionPreview(
        folder=shown(wanted.folder),
        folders=[_folder(one) for one in found.folders],
        matched=certain.count(Certainty.MATCHED),
        new=certain.count(Certainty.NEW),
        uncertain=certain.count(Certainty.UNCERTAIN),
        photos=sum(found.photos.values()),
        adopted_before=found.before,
        linked=found.photos.get(Method.HARDLINK, 0),
        reflinked=found.photos.get(Method.REFLINK, 0),
        copied=found.photos.get(Method.COPY, 0),
        copied_bytes=found.copied_bytes,
        free_bytes=found.free_bytes,
        left_count=found.left_count,
        left=[LeftFile(path=shown(one.path), why=shown(one.why)) for one in found.left],
        downloads=shown(wanted.downloads) if wanted.downloads is not None else None,
        downloads_known=found.downloads,
        downloads_there=found.downloads_there,
        preview=token,
    )


def _folder(one: FolderCount) -> AdoptedFolder:
    match = one.match
    person = match.person if match is not None else None
    return AdoptedFolder(
        folder=shown(one.name),
        photos=one.photos,
        bytes=one.bytes,
        certainty=match.certainty if match is not None else None,
        person=shown(person.name) if person is not None else None,
        person_id=(person.id or None) if person is not None else None,
        why=shown(match.why) if match is not None else "",
    )
