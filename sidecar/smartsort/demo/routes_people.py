"""Routes about faces and people."""

import time
from datetime import UTC, date, datetime
from typing import Any

from starlette.responses import Response

from smartsort.demo import embeddings, shapes
from smartsort.demo.errors import ApiError, invalid
from smartsort.demo.models import Face, Person
from smartsort.demo.operations import Call, JsonResponse, Operations

operations = Operations()
route = operations.add
LARGEST_PAGE = 1000
DEFAULT_PAGE = 500


@route("GET", "/faces", "face.read")
async def faces_of_asset(call: Call) -> Response:
    asset = call.asset(call.uuid(call.request.query_params.get("id"), "id"))
    if not asset.has_metadata:
        # Between the row and its metadata Immich fails on the missing dimensions.
        raise ApiError(500, "Internal server error")
    faces = [call.state.faces[face_id] for face_id in asset.face_ids]
    return JsonResponse([shapes.face(call.state, face) for face in faces])


@route("POST", "/faces", "face.create")
async def create_face(call: Call) -> Response:
    body = await call.body()
    asset = call.asset(call.uuid(body.get("assetId"), "assetId"), "asset.read")
    person = call.person(call.uuid(body.get("personId"), "personId"), "person.read")
    x, y, width, height, image_width, image_height = (
        call.field(body, name, int, required=True)
        for name in ("x", "y", "width", "height", "imageWidth", "imageHeight")
    )
    face_id = call.state.new_id()
    call.state.add_face(
        Face(
            face_id,
            asset.id,
            (x, y, x + width, y + height),
            (image_width, image_height),
            f"manual:{face_id}",
            "manual",
            person.id,
        )
    )
    if person.feature_face_id is None and person.anchor is None:
        call.demo.recognition.choose_feature(person)
    return Response(status_code=201)


@route("PUT", "/faces/{id}", "face.update")
async def assign_face(call: Call) -> Response:
    person = call.person(call.id(), "person.update")
    body = await call.body()
    face = call.face(call.uuid(body.get("id"), "id"), "person.create")
    _assign(call, face, person)
    return JsonResponse(shapes.person(person))


@route("GET", "/people", "person.read")
async def list_people(call: Call) -> Response:
    size, page = call.number("size", DEFAULT_PAGE), call.number("page", 1)
    if not 1 <= size <= LARGEST_PAGE:
        raise invalid(call.state.version, "size", f"between 1 and {LARGEST_PAGE}")
    # Who is asked for by closeness is not ordered by number: then it is enough to know that there are some.
    by_closeness = "closestAssetId" in call.request.query_params
    at_most = max(1, call.state.settings.min_faces) if by_closeness else None
    # Somebody on no photo of the timeline is in no count and on no list.
    counted = [
        (person, count)
        for person in call.state.people.values()
        if call.user.id in (person.owner_id, *person.shared_with)
        and (count := call.state.photo_count(person, at_most))
    ]
    shown = [
        (person, count)
        for person, count in counted
        if (person.name or count >= call.state.settings.min_faces)
        and (call.flag("withHidden") or not person.is_hidden)
    ]
    ordered = [person for person, _ in _in_order(call, shown)]
    start = (page - 1) * size
    return JsonResponse(
        {
            "people": [
                shapes.person(person, state=call.state, seen_by=call.user.id)
                for person in ordered[start : start + size]
            ],
            "hasNextPage": len(ordered) > start + size,
            "total": len(counted),
            "hidden": sum(1 for person, _ in counted if person.is_hidden),
        }
    )


@route("POST", "/people", "person.create")
async def create_person(call: Call) -> Response:
    body = await call.body()
    person = call.state.add_person(call.user.id, call.field(body, "name", str) or "")
    _change(call, person, body)
    return JsonResponse(shapes.person(person), 201)


@route("GET", "/people/{id}", "person.read")
async def get_person(call: Call) -> Response:
    return JsonResponse(shapes.person(call.person(call.id())))


@route("PUT", "/people/{id}", "person.update")
async def update_person(call: Call) -> Response:
    person = call.person(call.id(), "person.update")
    _change(call, person, await call.body())
    return JsonResponse(shapes.person(person))


@route("GET", "/people/{id}/thumbnail", "person.read")
async def thumbnail(call: Call) -> Response:
    person = call.person(call.id())
    content = await call.demo.previews.of_person(person) if person.has_thumbnail else None
    if content is None:
        raise ApiError(404, "Person thumbnail not found")
    return Response(content, media_type="image/jpeg")


@route("POST", "/people/{id}/merge", "person.merge")
async def merge(call: Call) -> Response:
    person = call.person(call.id(), "person.update")
    results: list[dict[str, Any]] = []
    ids = call.ids(await call.body())
    if person.id in ids:
        raise ApiError(400, "Cannot merge a person into themselves")
    for other_id in ids:
        other = call.state.people.get(other_id)
        if other is None or other.owner_id != call.user.id:
            results.append({"id": other_id, "success": False, "error": "no_permission"})
            continue
        person.name = person.name or other.name
        person.birth_date = person.birth_date or other.birth_date
        for face in list(call.state.faces_of_person(other_id)):
            call.state.assign(face, person.id)
        call.state.move_anchor(other, person)
        call.state.remove_person(other_id)
        results.append({"id": other_id, "success": True})
    person.updated_at = time.time()
    return JsonResponse(results)


def _assign(call: Call, face: Face, person: Person) -> None:
    before = call.state.people.get(face.person_id or "")
    call.state.assign(face, person.id)
    person.updated_at = time.time()
    if before is not None and before is not person and before.feature_face_id == face.id:
        call.demo.recognition.choose_feature(before)
    if person.feature_face_id is None and person.anchor is None:
        call.demo.recognition.choose_feature(person)


def _change(call: Call, person: Person, body: dict[str, Any]) -> None:
    if (name := call.field(body, "name", str)) is not None:
        person.name = name
    if (hidden := call.field(body, "isHidden", bool)) is not None:
        person.is_hidden = hidden
    if (favorite := call.field(body, "isFavorite", bool)) is not None:
        person.is_favorite = favorite
    if "birthDate" in body:
        person.birth_date = _birth_date(call, body)
    person.updated_at = time.time()


def _birth_date(call: Call, body: dict[str, Any]) -> str | None:
    """Immich says of what is no date that it lies in the future, too."""
    text: str | None = call.field(body, "birthDate", str)
    try:
        past = text is None or date.fromisoformat(text) <= datetime.now(UTC).date()
    except ValueError:
        past = False
    if not past:
        told = "Birth date cannot be in the future"
        raise invalid(call.state.version, "birthDate", "a past date", message=told, code="custom")
    return text


def _in_order(call: Call, people: list[tuple[Person, int]]) -> list[tuple[Person, int]]:
    """Hidden ones last and favourites first. Then by closeness to a face, or named, often seen, by name."""
    query = call.request.query_params
    if "closestAssetId" in query:
        # Despite its name Immich takes the id of a face. Another id leaves the order to chance.
        face = call.state.faces.get(query["closestAssetId"])
        mine = None if face is None else call.demo.recognition.embedding(face)

        def closeness(item: tuple[Person, int]) -> tuple[bool, bool, float, str]:
            theirs = call.demo.recognition.feature_embedding(item[0])
            far = 2.0 if mine is None or theirs is None else embeddings.distance(mine, theirs)
            return item[0].is_hidden, not item[0].is_favorite, far, item[0].id

        return sorted(people, key=closeness)

    def prominence(item: tuple[Person, int]) -> tuple[bool, bool, bool, int, str, float]:
        person, count = item
        return (
            person.is_hidden,
            not person.is_favorite,
            not person.name,
            -count,
            person.name,
            person.created_at,
        )

    return sorted(people, key=prominence)
