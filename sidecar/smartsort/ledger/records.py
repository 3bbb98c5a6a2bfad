"""The ledger's rows as values, and how they are turned into JSON and back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import (
    Box,
    Category,
    Compared,
    Comparison,
    Confidence,
    CopyPlace,
    Evidence,
    Face,
    FaceMark,
    Film,
    FilmFace,
    Hint,
    MarkKind,
    Origin,
    OtherCopy,
    Person,
    Quality,
    Reason,
    Sighting,
    SortedBefore,
    State,
    Suggestion,
)
from smartsort.core.reasons import current
from smartsort.files.requests import Placed


class Area(StrEnum):
    """The folder a name lies in. Paths of names are relative to it."""

    TEMP = "temp"
    LIBRARY = "library"
    FACES = "faces"
    REVIEW = "review"
    TRASH = "trash"
    ORIGINAL = "original"
    """A file that was in Immich before smartsort. Its path is Immich's. Nothing ever moves or removes it."""


STAYS = (Area.LIBRARY, Area.ORIGINAL)
"""Where a photo keeps its first name, which Immich knows. The others tell people where it is."""


class Member(StrEnum):
    """What a file is to its photo. A photo has one of each at most.

    The halves of a shot come first. The others are the side files of `smartsort.files.sides`.
    """

    PHOTO = "photo"
    RAW = "raw"
    VIDEO = "video"
    XMP = "xmp"
    TAKEOUT = "json"
    INFO = "info"
    PP3 = "pp3"
    DOP = "dop"
    ZONE = "zone"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    SFV = "sfv"
    CRC32 = "crc32"
    TXT = "txt"
    AAE = "aae"
    ON1 = "on1"
    SRT = "srt"
    VTT = "vtt"
    DESCRIPTION = "description"
    NFO = "nfo"
    URL = "url"
    WEBLOC = "webloc"
    THM = "thm"


class Name(NamedTuple):
    """One name on disk that belongs to a photo. `path` is relative to the folder of `area`."""

    photo_id: int
    area: Area
    path: str
    member: Member = Member.PHOTO
    method: str = "hardlink"
    person_id: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    id: int = 0

    def placed_in(
        self, area: Area, folder: str, made: Placed, person_id: str | None = None, sha256: str | None = None
    ) -> Name:
        """Return the name that was made from this one in a folder of an area."""
        path, method = os.path.join(folder, os.path.basename(made.path)), made.method.value
        size, mtime_ns = made.stamp.size, made.stamp.mtime_ns
        return Name(self.photo_id, area, path, self.member, method, person_id, size, mtime_ns, sha256)


class Photo(NamedTuple):
    """One row of `photos`. Times are ISO 8601 texts with a zone, sizes bytes."""

    id: int
    state: State
    source: str
    origin: str
    original_name: str
    size: int
    mtime_ns: int
    arrived_at: str
    origin_path: str | None = None
    origin_url: str | None = None
    media_kind: str | None = None
    media_type: str | None = None
    extension: str | None = None
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    sha256: str | None = None
    sha1: str | None = None
    shard: int | None = None
    asset_id: str | None = None
    category: Category | None = None
    person_id: str | None = None
    person_name: str | None = None
    auto_sorted: bool = False
    faces_detected: int = 0
    duplicate_of: int | None = None
    retries: int = 0
    detection_asked_at: str | None = None
    problem: str | None = None
    placed_at: str | None = None
    known_at: str | None = None
    recognised_at: str | None = None
    routed_at: str | None = None
    camera: str | None = None


def origin_of(photo: Photo, names: Iterable[Name]) -> Origin:
    """Return where a photo comes from, as templates and filing rules ask."""
    kind = "video" if photo.media_kind == "video" else "photo"
    if kind == "photo" and any(name.member is Member.VIDEO for name in names):
        kind = "live"
    # The folders of the inbox: the first is the source, the last one below it the album.
    folders = os.path.dirname(photo.origin_path or "").split("/") if photo.origin == "inbox" else []
    below = folders[folders.index(photo.source) + 1 :] if photo.source in folders and photo.source else []
    return Origin(photo.source, below[-1] if below else "", photo.camera or "", kind)


class NewEvent(NamedTuple):
    """Something that happened. `data` holds what an undo needs. `undoes` the event it takes back."""

    kind: EventKind
    photo_id: int | None = None
    data: Mapping[str, Any] = MappingProxyType({})
    actor: str = "smartsort"
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `events`."""

    id: int
    at: str
    actor: str
    kind: str
    """An `EventKind`, or what a newer version wrote."""
    photo_id: int | None
    data: Mapping[str, Any]
    undoes: int | None
    digest: str


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
"""Made once: `json.dumps` with such options makes one for every call."""


def dumps(value: object) -> str:
    """Canonical JSON: the same value is always the same text (the event chain depends on it)."""
    return _ENCODER.encode(value)


# --- evidence and reasons --------------------------------------------------------------------


def reasons_to_json(reasons: tuple[Reason, ...]) -> str:
    """Reasons as JSON text, the deciding one first."""
    return dumps(
        [
            {"code": r.code, "names": list(r.names), "numbers": dict(r.numbers), "detail": r.detail}
            for r in reasons
        ]
    )


def reasons_from_json(text: str) -> tuple[Reason, ...]:
    """Return the reasons of a decision. Fields a newer version added are passed over."""
    return tuple(
        Reason(
            code=current(str(r["code"])),
            names=tuple(r.get("names", ())),
            numbers=dict(r.get("numbers", {})),
            detail=str(r.get("detail", "")),
        )
        for r in json.loads(text)
    )


def _person(person: Person | None) -> dict[str, Any] | None:
    if person is None:
        return None
    found = {"id": person.id, "name": person.name, "hidden": person.hidden, "favourite": person.favourite}
    return found | ({"born": person.born} if person.born else {})


def _person_from(value: Mapping[str, Any] | None) -> Person | None:
    if value is None:
        return None
    return Person(
        str(value["id"]),
        str(value["name"]),
        bool(value.get("hidden")),
        bool(value.get("favourite")),
        str(value.get("born", "")),
    )


def _suggestion(found: Suggestion) -> dict[str, Any]:
    return {"person": _person(found.person), "similarity": found.similarity}


def _suggestion_from(value: Mapping[str, Any]) -> Suggestion | None:
    person = _person_from(value["person"])
    return None if person is None else Suggestion(person, value["similarity"])


def _copy(copy: OtherCopy | None) -> dict[str, Any] | None:
    if copy is None:
        return None
    return {
        "place": copy.place.value,
        "path": copy.path,
        "photo_id": copy.photo_id,
        "asset_id": copy.asset_id,
        "problem": copy.problem,
    }


def _copy_from(value: Mapping[str, Any] | None) -> OtherCopy | None:
    if value is None:
        return None
    return OtherCopy(
        CopyPlace(value["place"]),
        path=value.get("path"),
        photo_id=value.get("photo_id"),
        asset_id=value.get("asset_id"),
        problem=value.get("problem"),
    )


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    sides = (comparison.own, comparison.other)
    own, other = (None if q is None else list(astuple(q))[: 5 if q.seconds else 3] for q in sides)
    return {"own": own, "other": other, "distance": comparison.distance}


def _comparison_from(value: Mapping[str, Any] | None) -> Comparison | None:
    if value is None:
        return None
    other = value.get("other")
    return Comparison(Quality(*value["own"]), Quality(*other) if other else None, value.get("distance"))


def _face(face: Face) -> dict[str, Any]:
    return {
        "id": face.id,
        "box": astuple(face.box),
        "size": [face.image_width, face.image_height],
        "person": _person(face.person),
        "source": face.source,
    }


def _face_from(value: Mapping[str, Any]) -> Face:
    return Face(
        id=str(value["id"]),
        box=Box(*value["box"]),
        image_width=int(value["size"][0]),
        image_height=int(value["size"][1]),
        person=_person_from(value["person"]),
        source=str(value.get("source", "")),
    )


def _mark(mark: FaceMark) -> dict[str, Any]:
    return {
        "kind": mark.kind.value,
        "key": mark.key,
        "person": _person(mark.person),
        "similarity": mark.similarity,
    }


def _mark_from(value: Mapping[str, Any]) -> FaceMark:
    person = _person_from(value["person"])
    return FaceMark(MarkKind(value["kind"]), value["key"], person, value["similarity"])


def film_to(film: Film) -> dict[str, Any]:
    """Return what was seen in the frames of a video, as JSON takes it."""
    return {
        "times": list(film.times),
        "faces": [
            {
                "face": _face(f.face),
                "seen": [[s.at, *astuple(s.box)] for s in f.seen],
                "poster": f.poster,
            }
            for f in film.faces
        ],
        "unknown": film.unknown,
        "broken": film.broken,
    }


def film_from(value: Mapping[str, Any]) -> Film:
    """Return the inverse of `film_to`."""
    return Film(
        times=tuple(value["times"]),
        faces=tuple(
            FilmFace(
                _face_from(f["face"]),
                tuple(Sighting(at, Box(*box)) for at, *box in f["seen"]),
                f.get("poster"),
            )
            for f in value["faces"]
        ),
        unknown=value.get("unknown", ""),
        broken=value.get("broken", ""),
    )


def _sorted_before(said: SortedBefore | None) -> dict[str, Any]:
    if said is None:
        return {}
    return {"adopted": {"people": [[p.id, p.name] for p in said.people], "by": said.by}}


def sorted_before_from(value: Mapping[str, Any]) -> SortedBefore:
    """Return whose folders a photo lay in, from a stored decision or adoption."""
    return SortedBefore(tuple(Person(i, name) for i, name in value["people"]), value["by"])


def evidence_to_json(evidence: Evidence) -> str:
    """Everything the decision looked at, as JSON text."""
    return dumps(
        {
            "faces": [_face(f) for f in evidence.faces],
            "other_copy": _copy(evidence.other_copy),
            "near_copy": _copy(evidence.near_copy),
            "confidence": {
                face_id: {
                    "similarity": c.similarity,
                    "margin": c.margin,
                    "runner_up": _person(c.runner_up),
                    "why_unknown": c.why_unknown,
                    "compared": astuple(c.compared) if c.compared else None,
                    "mistaken": _suggestion(c.mistaken) if c.mistaken else None,
                }
                for face_id, c in evidence.confidence.items()
            },
            "suggestions": {
                face_id: [_suggestion(s) for s in found] for face_id, found in evidence.suggestions.items()
            },
            "unreadable": evidence.unreadable,
            "gave_up": evidence.gave_up,
            "comparison": _comparison(evidence.comparison),
            "ruled_out": sorted(evidence.ruled_out),
            "confirmed": sorted(evidence.confirmed),
            "taken": evidence.taken,
            **({"marks": {i: _mark(m) for i, m in evidence.marks.items()}} if evidence.marks else {}),
            **({"film": film_to(evidence.film)} if evidence.film is not None else {}),
            **({"hint": astuple(evidence.hint)} if evidence.hint is not None else {}),
            "mixed": sorted(evidence.mixed),
            **({"origin": astuple(evidence.origin)} if evidence.origin is not None else {}),
            **_sorted_before(evidence.sorted_before),
        }
    )


def evidence_from_json(text: str) -> Evidence:
    """Return the evidence of a stored decision."""
    value = json.loads(text)
    return Evidence(
        faces=tuple(_face_from(f) for f in value.get("faces", ())),
        other_copy=_copy_from(value.get("other_copy")),
        near_copy=_copy_from(value.get("near_copy")),
        confidence={
            face_id: Confidence(
                c["similarity"],
                c["margin"],
                _person_from(c["runner_up"]),
                c["why_unknown"],
                Compared(*compared) if (compared := c.get("compared")) else None,
                _suggestion_from(found) if (found := c.get("mistaken")) else None,
            )
            for face_id, c in value.get("confidence", {}).items()
        },
        suggestions={
            face_id: tuple(one for s in found if (one := _suggestion_from(s)) is not None)
            for face_id, found in value.get("suggestions", {}).items()
        },
        unreadable=value.get("unreadable"),
        gave_up=value.get("gave_up"),
        comparison=_comparison_from(value.get("comparison")),
        ruled_out=frozenset(value.get("ruled_out", value.get("denied", ()))),
        confirmed=frozenset(value.get("confirmed", ())),
        taken=value.get("taken"),
        marks={face_id: _mark_from(mark) for face_id, mark in value.get("marks", {}).items()},
        film=film_from(found) if (found := value.get("film")) else None,
        hint=Hint(*found) if (found := value.get("hint")) else None,
        mixed=frozenset(value.get("mixed", ())),
        origin=Origin(*found) if (found := value.get("origin")) else None,
        sorted_before=sorted_before_from(found) if (found := value.get("adopted")) else None,
    )
