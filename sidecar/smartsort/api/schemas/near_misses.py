"""Faces that might be a known person's, by person."""

from __future__ import annotations

from smartsort.api.schemas.base import ResponseModel, example
from smartsort.api.schemas.people import PersonView


class NearMissFace(ResponseModel):
    """A face in review that might be the person's. `number` is its place on the contact sheets."""

    photo_id: int
    number: int
    face: str
    box: tuple[int, int, int, int]
    """In pixels of the upright preview, which is `image_width` by `image_height`."""
    image_width: int
    image_height: int
    similarity: float
    filename: str
    source: str
    taken_at: str | None = None
    thumbnail: str
    """Path of the photo's small picture below this API."""
    preview: str


class NearMisses(ResponseModel):
    """All faces that might be one person's, the closest first, from `low` to `high`."""

    model_config = example(
        person={"id": "1846d424-c17c-4279-a3c6-612f48268673", "name": "John Doe"},
        text="9 faces might be John Doe (0.42 to 0.52)",
        low=0.42,
        high=0.52,
        sheet="/api/smart-download/review/near-misses/1846d424-c17c-4279-a3c6-612f48268673/sheet",
    )

    person: PersonView
    text: str
    """The same as a sentence."""
    low: float
    high: float
    sheet: str
    """Path of a picture of all these faces. `page` counts from 1, 24 faces a page."""
    faces: list[NearMissFace] = []
