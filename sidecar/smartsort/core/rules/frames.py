"""What the frames of a video say: who is in how many of them, and where Immich says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from smartsort.core.model import Face, Film, FilmFace, Reason
from smartsort.core.reasons import ReasonKind
from smartsort.core.rules.base import Case
from smartsort.core.words import listed, quantity

SEEN_IN_FRAMES = ReasonKind("seen_in_frames", "{detail}.", ": {detail}")
POSTER_DIFFERS = ReasonKind("poster_differs", "Immich's poster frame says otherwise: {detail}.", ": {detail}")
ONLY_POSTER = ReasonKind("only_poster", "Only Immich's poster frame was looked at: {detail}.", ": {detail}")
KINDS = (SEEN_IN_FRAMES, POSTER_DIFFERS, ONLY_POSTER)


def of_frames(case: Case) -> Iterator[Reason]:
    """Yield what is told beside the reason, of a video."""
    film = case.evidence.film
    if film is None or film.broken:
        return
    if film.unknown:
        yield ONLY_POSTER.reason(detail=film.unknown)
        return
    yield SEEN_IN_FRAMES.reason(numbers={"frames": len(film.times)}, detail=counted(film))
    differing = _differing(case, film)
    if differing:
        yield POSTER_DIFFERS.reason(detail="; ".join(differing))


def counted(film: Film) -> str:
    """`Anna in 11 of 14 frames, a stranger in 1`."""
    if not film.faces:
        return f"No face in {quantity(len(film.times), 'frame')}"
    often = sorted(film.faces, key=lambda f: -len(f.seen))
    parts = [f"{name_of(f)} in {len(f.seen)}" for f in often]
    first = f"{parts[0]} of {quantity(len(film.times), 'frame')}"
    return ", ".join([first[:1].upper() + first[1:], *parts[1:]])


def name_of(one: FilmFace) -> str:
    """Return who it is, for people."""
    person = one.face.person
    if person is None:
        return "a stranger"
    return person.name or "an unnamed person"


def _differing(case: Case, film: Film) -> list[str]:
    """Return what Immich says of the frame that it shows, and the frames do not."""
    people = {f.id: f.person.name for f in case.counted if f.person is not None and f.person.name}
    by_poster = {f.poster: f for f in film.faces if f.poster is not None}
    told: list[str] = []
    shown: set[str] = set()
    for face in case.evidence.faces:
        one = by_poster.get(face.id)
        if _named(face):
            shown.add(_named(face))
        if one is None and _named(face) and _named(face) not in people.values():
            told.append(f"it shows {_named(face)}")
        elif one is not None and one.face.id not in people:
            told.append(f"{name_of(one)} on it only passes")
        if one is not None and (closest := _rival(case, one, face)):
            told.append(f"it says {_named(face)}, and the frames are more like {closest}")
    missing = sorted(set(people.values()) - shown)
    if missing:
        told.append(f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} not named on it")
    return list(dict.fromkeys(told))


def _rival(case: Case, one: FilmFace, face: Face) -> str:
    """Return who is more like a face than the person that Immich has given it to."""
    measured = case.evidence.confidence.get(one.face.id)
    if not _named(face) or measured is None or measured.runner_up is None or (measured.margin or 0.0) >= 0:
        return ""
    return measured.runner_up.name


def _named(face: Face) -> str:
    return face.person.name if face.person is not None else ""
