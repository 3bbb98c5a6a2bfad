"""Faces and the people they belong to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from immich_client.api.people import (
    assign_face,
    create_person,
    get_person_thumbnail,
    list_faces,
    list_people,
)
from immich_client.models.face import Face as FaceModel
from immich_client.models.face_to_assign import FaceToAssign
from immich_client.models.new_person import NewPerson
from immich_client.models.person import Person as PersonModel
from smartsort.core.model import Box, Face, Person
from smartsort.immich.answers import unreadable
from smartsort.immich.connection import Connection, known

PEOPLE_PER_PAGE = 1000
"""The most that Immich gives at once."""

_CLOSEST_PER_PAGE = 100
"""More than a few, because unnamed people stand among the closest and are left out."""


class PeopleCalls(Connection):
    """Calls that are about faces and people."""

    async def faces(self, asset_id: str) -> Sequence[Face]:
        """Return all faces of one asset, people and strangers."""
        call = list_faces.asyncio_detailed(client=self._client, id=asset_id)
        return [_face(each) for each in await self._read("list_faces", call)]

    async def people(self) -> Sequence[Person]:
        """Return all named and unnamed people Immich lists, hidden ones included, every page read."""
        found: dict[str, Person] = {}
        async for page in self._pages(PEOPLE_PER_PAGE, None):
            # A person named between two pages moves in the order and may be met twice.
            found.update((person.id, person) for person in page)
        return list(found.values())

    async def closest_people(self, face_id: str, limit: int) -> Sequence[Person]:
        """Named people, closest to this face first. Immich tells no distance.

        Immich puts favourites before all others and hidden people last. Nothing in its answer undoes that.
        """
        found: list[Person] = []
        if limit <= 0:
            return found
        async for page in self._pages(max(_CLOSEST_PER_PAGE, min(limit, PEOPLE_PER_PAGE)), face_id):
            found += [person for person in page if person.name]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _pages(self, size: int, face_id: str | None) -> AsyncIterator[list[Person]]:
        number = 1
        while True:
            call = (
                list_people.asyncio_detailed(client=self._client, with_hidden=True, page=number, size=size)
                if face_id is None
                else list_people.asyncio_detailed(
                    client=self._client,
                    with_hidden=True,
                    closest_asset_id=face_id,
                    page=number,
                    size=size,
                )
            )
            answer = await self._read("list_people", call)
            yield [_person(each) for each in answer.people]
            # An empty page ends it too: a server that always says there is more must not keep us for ever.
            if not known(answer.has_next_page, False) or not answer.people:
                return
            number += 1

    async def create_person(self, name: str) -> Person:
        """Return a new person with this name. Not repeated: there would be two."""
        call = create_person.asyncio_detailed(client=self._client, body=NewPerson(name=name))
        return _person(await self._read("create_person", call))

    async def assign_face(self, face_id: str, person_id: str) -> None:
        """Say that this face is that person."""
        call = assign_face.asyncio_detailed(person_id, client=self._client, body=FaceToAssign(id=face_id))
        await self._read("assign_face", call)

    async def person_thumbnail(self, person_id: str) -> tuple[bytes, str] | None:
        """Return a person's face, None when Immich has not made it (yet) or does not know the person."""
        call = get_person_thumbnail.asyncio_detailed(person_id, client=self._client)
        return await self._picture("get_person_thumbnail", call)


def _person(found: PersonModel) -> Person:
    return Person(
        id=found.id,
        name=found.name or "",
        hidden=bool(found.is_hidden),
        favourite=known(found.is_favorite, False),
        born=known(found.birth_date, None) or "",
        shared_by=next((known(user.name, "") or user.id for user in known(found.shared_by, [])), ""),
    )


def _face(found: FaceModel) -> Face:
    if found.person is not None and not isinstance(found.person, PersonModel):
        # The generated model lets a person through that lacks a field, as what it was. Taking that for
        # "nobody" would make strangers of known people.
        raise unreadable("GET /faces", ValueError("a person without id, name or isHidden"))
    return Face(
        id=found.id,
        box=Box(found.bounding_box_x1, found.bounding_box_y1, found.bounding_box_x2, found.bounding_box_y2),
        image_width=found.image_width,
        image_height=found.image_height,
        person=None if found.person is None else _person(found.person),
        source=known(found.source_type, "machine-learning"),
    )
