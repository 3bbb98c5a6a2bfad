"""The faces in the frames of a video: which are one person's, who that is, and how sure that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from smartsort.confidence.faces import Faces
from smartsort.confidence.service import Seen
from smartsort.core.model import Confidence, Evidence, Face, Film, FilmFace, Person, Sighting, Suggestion
from smartsort.core.similarity import SAME_PERSON, Likeness, Vector, closest, confidence, cosine
from smartsort.core.tracks import ALIKE, Track, View, tracks
from smartsort.files.frames import Frame

SUGGESTED = 5
"""People remembered for a face."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The faces of a video before anybody knows whose they are, as this model sees them, by face id."""

    film: Film
    model: str
    vectors: Mapping[str, Vector]


async def watched(faces: Faces, photo_id: int, frames: Sequence[Frame]) -> Watched:
    """Look for faces in frames, one call at a time, so that photos have the most of the service.

    Raises FaceServiceUnavailable.
    """
    model = await faces.model()
    seen = [await faces.service.faces(frame.picture, model) for frame in frames]
    views = [
        View(number, face.box, face.vector, face.score)
        for number, one in enumerate(seen)
        for face in one.faces
    ]
    found = await asyncio.to_thread(tracks, views)
    ids = [f"film-{photo_id}-{number}" for number in range(1, len(found) + 1)]
    made = tuple(_film_face(face_id, one, seen, frames) for face_id, one in zip(ids, found, strict=True))
    film = Film(tuple(round(frame.at, 3) for frame in frames), made)
    return Watched(film, model.name, dict(zip(ids, (one.vector for one in found), strict=True)))


def _film_face(face_id: str, track: Track, seen: Sequence[Seen], frames: Sequence[Frame]) -> FilmFace:
    best = track.best[0]
    size = seen[best.frame]
    face = Face(face_id, best.box, size.width, size.height, None, source="frames")
    return FilmFace(face, tuple(Sighting(round(frames[v.frame].at, 3), v.box) for v in track.views))


def with_poster(film: Film, vectors: Mapping[str, Vector], shown: Mapping[str, Vector]) -> Film:
    """Return the film with Immich's faces (`shown`, by id) at those they are of.

    Return the most alike pairs first.
    """
    pairs = sorted(
        (
            (cosine(vectors[one.face.id], vector), one.face.id, face_id)
            for one in film.faces
            for face_id, vector in shown.items()
        ),
        reverse=True,
    )
    chosen: dict[str, str] = {}
    for likeness, film_id, face_id in pairs:
        if likeness >= ALIKE and film_id not in chosen and face_id not in chosen.values():
            chosen[film_id] = face_id
    return replace(film, faces=tuple(replace(f, poster=chosen.get(f.face.id)) for f in film.faces))


def compared(
    evidence: Evidence,
    film: Film,
    vectors: Mapping[str, Vector],
    everybody: Sequence[Likeness],
    *,
    own: Iterable[Likeness],
    mistaken: Callable[[Person], Collection[str]],
) -> tuple[Film, dict[str, tuple[Suggestion, ...]], dict[str, Confidence]]:
    """Return the film, whom its other faces might be, and how sure each person is. `own`: all it may show."""
    galleries = {one.person.id: one for one in own}
    near = {face_id: closest(vector, everybody, SUGGESTED) for face_id, vector in vectors.items()}
    film, suggestions = _identified(evidence, film, near)
    found = {
        one.face.id: confidence(
            vectors[one.face.id], galleries.get(person.id, Likeness(person, ())), everybody, mistaken(person)
        )
        for one in film.faces
        if (person := one.face.person) is not None and person.name
    }
    return film, suggestions, found


def _identified(
    evidence: Evidence, film: Film, closest: Mapping[str, Sequence[Suggestion]]
) -> tuple[Film, dict[str, tuple[Suggestion, ...]]]:
    """Return the film with everybody's person, and the suggestions for those who have none.

    Whom Immich has given a face on the poster frame to counts. Of the others the closest person does, when
    the face is as alike as Immich itself wants it. Two faces of one person that share no frame are one.
    """
    assigned = {face.id: face.person for face in evidence.faces}
    suggestions: dict[str, tuple[Suggestion, ...]] = {}
    found: list[FilmFace] = []
    for one in film.faces:
        person = assigned.get(one.poster or "")
        near = tuple(closest.get(one.face.id, ()))
        if person is None or not person.name:
            likeliest = near[0] if near and (near[0].similarity or 0.0) >= SAME_PERSON else None
            if likeliest is not None:
                person = likeliest.person
            elif near:
                suggestions[one.face.id] = near
        found.append(replace(one, face=replace(one.face, person=person)))
    return replace(film, faces=tuple(_united(found))), suggestions


def _united(found: Sequence[FilmFace]) -> list[FilmFace]:
    kept: list[FilmFace] = []
    for one in sorted(found, key=lambda f: (-len(f.seen), f.face.id)):
        person = one.face.person
        times = {s.at for s in one.seen}
        for number, other in enumerate(kept):
            if _same(person, other.face.person) and times.isdisjoint(s.at for s in other.seen):
                seen = tuple(sorted((*other.seen, *one.seen), key=lambda s: s.at))
                kept[number] = replace(other, seen=seen, poster=other.poster or one.poster)
                break
        else:
            kept.append(one)
    return kept


def _same(one: Person | None, other: Person | None) -> bool:
    return one is not None and other is not None and bool(one.name) and one.id == other.id
