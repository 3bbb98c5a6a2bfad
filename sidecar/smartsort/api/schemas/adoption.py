"""Folders that a user has sorted before."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smartsort.api.schemas.base import Count, ListedName, RequestModel, ResponseModel, example
from smartsort.core.sorted_folders import Certainty

_PATH = Annotated[str, Field(min_length=1, max_length=4096)]


class AdoptionRequest(RequestModel):
    """A folder, as the machine or container of smartsort sees it, and how it was sorted."""

    folder: _PATH
    sorted_as: Literal["faces", "unsorted"]
    """`faces`: each sub-folder is a person's. `unsorted`: nothing in it is sorted."""
    people: dict[Annotated[str, Field(max_length=255)], ListedName] = Field(default={}, max_length=10_000)
    """Sub-folders by name, each with its person. For those that smartsort is not certain about."""
    rest: Literal["leave", "unsorted"] = "leave"
    """What becomes of files in uncertain sub-folders, and beside the sub-folders."""
    move: bool = False
    """Take the files out of the folder. Without it smartsort links them, and the folder stays as it is."""
    downloads: _PATH | None = None
    """The database of an older tool. Without it smartsort looks for one beside the folder and in it."""
    find_downloads: bool = True
    """False: look for no database."""


class AdoptedFolder(ResponseModel):
    """A sub-folder, or the files beside them (`folder` is empty)."""

    folder: str
    photos: Count
    bytes: Count
    certainty: Certainty | None = None
    """Nothing for a folder that is not sorted by people."""
    person: str | None = None
    person_id: str | None = None
    """Nothing for a person whom Immich does not know."""
    why: str = ""


class LeftFile(ResponseModel):
    """A file that stays where it is."""

    path: str
    why: str


class AdoptionPreview(ResponseModel):
    """What adopting a folder would do. It changes nothing."""

    model_config = example(
        folder="/mnt/old/faces",
        folders=[
            {
                "folder": "john_doe",
                "photos": 812,
                "bytes": 2_904_000_000,
                "certainty": "matched",
                "person": "John Doe",
                "person_id": "8c1f6f5e-5f0b-4a55-9d0e-0d6c2f0c5f11",
                "why": "the folder form of John Doe in Immich",
            }
        ],
        matched=1,
        new=0,
        uncertain=0,
        photos=812,
        adopted_before=0,
        linked=812,
        reflinked=0,
        copied=0,
        copied_bytes=0,
        free_bytes=120_000_000_000,
        left_count=0,
        left=[],
        downloads=None,
        downloads_known=0,
        downloads_there=0,
        preview="vX3kT0yGm6Zk2mE0xqPz1w",
    )

    folder: str
    folders: list[AdoptedFolder]
    matched: Count
    new: Count
    uncertain: Count
    photos: Count
    """Pictures and videos that would come in, as far as neither smartsort nor Immich has them already.

    An upload of Immich with the same bytes gets the person of the folder. The file stays where it is.
    The preview does not read the files, so it does not count these."""
    adopted_before: Count
    """Pictures and videos that are adopted already."""
    linked: Count
    reflinked: Count
    copied: Count
    copied_bytes: Count
    free_bytes: Count
    left_count: Count
    left: list[LeftFile]
    """At most 100 files that stay although their folder is adopted."""
    downloads: str | None
    """The database of an older tool that would be taken over."""
    downloads_known: Count
    """Files that it knows by SHA-256."""
    downloads_there: Count
    """Of these the files that lie where it says. The others count for nothing."""
    preview: str
    """Give it to `/adopt/apply` to do exactly this."""


class Adoption(ResponseModel):
    """How far the adoption of a folder is."""

    model_config = example(
        event=42,
        state="running",
        folder="/mnt/old/faces",
        by="admin",
        photos=812,
        taken=300,
        at_rest=120,
        known=4,
        left_count=1,
        left=[{"path": "/mnt/old/faces/john_doe/notes.pdf", "why": "not a picture or video (PDF)"}],
    )

    event: int
    """`undo` takes all of it back."""
    state: Literal["running", "done", "stopped"]
    """`done`: each file was read. `stopped`: an undo ended it."""
    folder: str
    by: str
    photos: Count
    """Photos that the preview counted."""
    taken: Count
    """Photos that smartsort has taken over."""
    at_rest: Count
    """Photos of these that are filed or in review."""
    known: Count
    """Photos that smartsort knew already. It takes none of them twice."""
    left_count: Count
    left: list[LeftFile]
