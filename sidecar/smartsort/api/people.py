"""The people of Immich, for pickers."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from smartsort.actions.person_resolver import people_to_come
from smartsort.api.guard import BASE
from smartsort.api.pictures import answer
from smartsort.api.problems import GUARDED, Answers, answers
from smartsort.api.schemas.people import OnePerson, PersonView
from smartsort.api.security import Reviewer
from smartsort.api.serving import Ctx
from smartsort.api.views import person_view
from smartsort.core.model import Person, name_to_come
from smartsort.core.templates import PERSON
from smartsort.ledger import embeddings, statistics

router = APIRouter(prefix=f"{BASE}/people", tags=["people"], responses=GUARDED)

_AGE_SECONDS = 10.0

IMAGE: Answers = {
    200: {
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        "description": "The picture, with an ETag.",
    },
    304: {"description": "The client's picture is still the right one."},
}


@router.get("")
async def people(
    ctx: Ctx,
    _: Reviewer,
    search: Annotated[
        str, Query(max_length=300, description="Part of a name, without regard to accents and case.")
    ] = "",
    named: Annotated[bool, Query(description="False: unnamed people, too.")] = True,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[PersonView]:
    """List Immich's people, and those who were named here and whom Immich does not list yet.

    Those with the most filed photos come first.
    """
    sidecar = ctx.sidecar
    # Asked first: whom Immich hears of in between is listed twice otherwise, or not at all.
    counts = await sidecar.context.ledger.aread(statistics.filed_by_person)
    known = await sidecar.people.refresh(_AGE_SECONDS)
    found = [*known, *people_to_come(filter(None, map(name_to_come, counts)), known)]
    policy, wanted = sidecar.runtime_settings.policy(), _plain(search)
    matching = [p for p in found if (p.name or not named) and wanted in _plain(p.name)]
    matching.sort(key=lambda p: (-counts.get(p.id, 0), not p.name, _plain(p.name), p.id))
    # As the template has it, such as `john_doe/{year}`.
    template = sidecar.context.policy().template

    def folder_of(person: Person) -> str:
        return template.replace(PERSON, sidecar.context.person_folder(person))

    rows = await sidecar.context.ledger.aread(embeddings.mixed_people)
    mixed = {row.person_id: [len(group) for group in row.groups or ()] for row in rows}
    views = [person_view(p, policy, counts.get(p.id, 0), folder_of(p)) for p in matching[:limit]]
    return [view.model_copy(update={"mixed": mixed.get(view.id, [])}) for view in views]


def _plain(text: str) -> str:
    """For comparing: without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip()


PersonId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["1846d424-c17c-4279-a3c6-612f48268673"])
]


@router.get("/{id}/thumbnail", response_class=Response, responses={**IMAGE, **answers(404)})
async def thumbnail(ctx: Ctx, _: Reviewer, request: Request, id: PersonId) -> Response:  # noqa: A002
    """Get a person's portrait."""
    return answer(await ctx.pictures.of_person(id), request)


@router.get("/{id}/mixed", response_class=Response, responses={**IMAGE, **answers(404)})
async def mixed_picture(ctx: Ctx, _: Reviewer, request: Request, id: PersonId) -> Response:  # noqa: A002
    """Faces that look like two people's although they have one name. Those of the second are framed."""
    return answer(await ctx.pictures.of_mixed(id), request)


@router.post("/{id}/one-person", responses=answers(404))
async def one_person(ctx: Ctx, caller: Reviewer, id: PersonId) -> OnePerson:  # noqa: A002
    """Say that a person who seems to be two people is one. Photos that wait for this are judged again.

    smartsort asks again when Immich adds faces that are like none of those it has seen. `undo` takes it back.
    """
    return OnePerson(event=await ctx.sidecar.actions.one_person(id, caller.name))
