"""The values of the whole program: photos, faces, people, reasons and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Category(StrEnum):
    """The folders of `review/`."""

    DUPLICATES = "duplicates"
    UNIDENTIFIED = "unidentified"
    LOW_CONFIDENCE = "low_confidence"
    MULTIPLE_FACES = "multiple_faces"
    UNWANTED_PERSON = "unwanted_person"


class BulkKind(StrEnum):
    """Photos that a bulk approval leaves out unless you include them."""

    STRANGERS = "strangers"
    GROUPS = "groups"
    BLACKLISTED = "blacklisted"
    NOT_WHITELISTED = "not_whitelisted"
    NOT_PICTURES = "not_pictures"


class State(StrEnum):
    """The state of a photo.

    A restart resumes the states from `arrived` to `known`. In the others, a photo is at rest.
    """

    ARRIVED = "arrived"
    """A row and a claim target exist. The file may still be in the inbox."""
    CLAIMED = "claimed"
    """smartsort has claimed the file into `temp_downloads/`, and has not read it yet."""
    HASHED = "hashed"
    """The file is readable, and both digests are known. smartsort has not asked Immich about its content yet.
    """
    UNIQUE = "unique"
    """The content is new to the ledger and to Immich. The photo waits for room in the library."""
    PLACED = "placed"
    """The photo is in `library/`. Immich has not shown an asset for it yet."""
    KNOWN = "known"
    """Immich has an asset. Its faces are not final yet. Then smartsort decides and routes in one step."""
    FILED = "filed"
    """Rest: linked under `faces/<person>/`."""
    REVIEW = "review"
    """Rest: linked under `review/<category>/`, waiting for a human."""
    SKIPPED = "skipped"
    """Rest: an exact duplicate that the configuration skips. Its bytes are in `trash/`."""
    REJECTED = "rejected"
    """Rest: a human rejected it. Its bytes are in `trash/` until the retention time ends."""
    PURGED = "purged"
    """Rest: the retention time has ended. The bytes are gone, and smartsort remembers the digest."""
    OBSERVED = "observed"
    """Rest: the photo was in Immich before. smartsort knows it, and has not acted on it."""


IN_FLIGHT = (State.PLACED, State.KNOWN)
IN_PROGRESS = (State.ARRIVED, State.CLAIMED, State.HASHED, State.UNIQUE, *IN_FLIGHT)
AT_REST = (State.FILED, State.REVIEW, State.SKIPPED, State.REJECTED, State.PURGED, State.OBSERVED)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright preview, origin at the top left."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def area(self) -> int:
        """Pixels covered, 0 for a box turned inside out."""
        return max(0, self.x2 - self.x1) * max(0, self.y2 - self.y1)

    def shares(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return its corners as shares of the sides of a picture of this size, which may be unknown (0)."""
        across, down = width or 1, height or 1
        return self.x1 / across, self.y1 / down, self.x2 / across, self.y2 / down


@dataclass(frozen=True, slots=True)
class Person:
    """A person as Immich knows them. `name` is "" while nobody has named them."""

    id: str
    name: str
    hidden: bool = False
    favourite: bool = False
    born: str = ""
    """Date of birth, such as `2019-05-01`, "" while Immich knows none."""
    shared_by: str = field(default="", compare=False)
    """Another user, who owns the person and shares them, "" for an own person."""

    @classmethod
    def to_come(cls, name: str) -> Person:
        """Return somebody whom Immich does not know yet. Until it does, the id stands for the name."""
        return cls(f"{_TO_COME}{name}", name)


_TO_COME = "new "


def name_to_come(person_id: str) -> str:
    """Return the name that an id of `Person.to_come` stands for, "" for an id of Immich."""
    return person_id.removeprefix(_TO_COME) if person_id.startswith(_TO_COME) else ""


@dataclass(frozen=True, slots=True)
class Face:
    """One face of one asset. `person` is None while Immich has assigned nobody."""

    id: str
    box: Box
    image_width: int
    image_height: int
    person: Person | None
    source: str = "machine-learning"

    @property
    def area_fraction(self) -> float:
        """How much of the picture the face covers, 0 to 1."""
        whole = self.image_width * self.image_height
        return self.box.area / whole if whole > 0 else 0.0

    @property
    def place(self) -> tuple[float, float, float, float]:
        """Where it lies, as shares of the picture's sides: left, top, right, bottom."""
        return self.box.shares(self.image_width, self.image_height)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A person the face might be. `similarity` is a cosine, None where nobody measured it."""

    person: Person
    similarity: float | None = None
    margin: float | None = None
    """To the best other person. Known to `smartsort.core.suggestion`, not stored."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The faces that a face was compared with: how many, and from which years."""

    faces: int
    first_year: int
    last_year: int


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the match of one face is.

    `similarity` is the cosine to the assigned person as their nearest confirmed faces tell it
    (`smartsort.core.similarity`), `margin` the distance to the best other person. Both None when nothing
    could be measured, and then `why_unknown` says why. Nothing is ever made up.
    """

    similarity: float | None = None
    margin: float | None = None
    runner_up: Person | None = None
    why_unknown: str | None = None
    compared: Compared | None = None
    """None where the photo or those faces have no date."""
    mistaken: Suggestion | None = None
    """The closest of those for whom the person was taken wrongly before, more than once."""

    @property
    def known(self) -> bool:
        """True when a number was measured."""
        return self.similarity is not None


class CopyPlace(StrEnum):
    """Where the other copy of a duplicate is."""

    LEDGER = "ledger"
    """A photo smartsort holds, alive in `library/`, `faces/` or `review/`."""
    TRASH = "trash"
    """Only in smartsort's own trash, or already purged from it: a human rejected it."""
    DOWNLOADS = "downloads"
    """A row of a `downloads` table that was there before smartsort."""
    IMMICH = "immich"
    """An upload in Immich."""
    IMMICH_TRASH = "immich_trash"
    """An upload that lies in Immich's trash and will vanish with it."""
    MISSING = "missing"
    """Where it should be nothing is: somebody removed it by hand."""
    DAMAGED = "damaged"
    """Its file does not hold these bytes any more, or lacks what travels with this photo."""


@dataclass(frozen=True, slots=True)
class OtherCopy:
    """The photo a duplicate duplicates.

    `path` is where the copy is. One that smartsort holds is known by `photo_id`: its path is looked up when
    it is shown (`ledger.copies.located`), because the photo may have moved since.
    """

    place: CopyPlace
    path: str | None = None
    photo_id: int | None = None
    asset_id: str | None = None
    problem: str | None = None
    """What is wrong with a damaged copy, as the rest of a sentence: "is empty"."""
    name: str = ""
    """What to call a photo that has no path of its own now, such as `IMG_1.jpg (photo 3), in the trash`."""

    @property
    def called(self) -> str:
        """Its path for people, or else its name."""
        if self.path is not None or self.name:
            return self.path or self.name
        return f"photo {self.photo_id}" if self.photo_id is not None else f"asset {self.asset_id} in Immich"

    @property
    def alive(self) -> bool:
        """False when the other copy is gone, damaged or only in a trash: then this may be the last one."""
        return self.place in (CopyPlace.LEDGER, CopyPlace.DOWNLOADS, CopyPlace.IMMICH)


@dataclass(frozen=True, slots=True)
class Quality:
    """What makes one copy of a picture or video better than another."""

    pixels: int = 0
    bytes: int = 0
    has_date: bool = False
    """It still says when it was taken. Copies from messengers and web sites have lost that."""
    seconds: float = 0.0
    """How long a video is, 0 for a picture."""
    has_sound: bool = False

    @property
    def data(self) -> float:
        """Bytes, of a video for each second: those of a longer one say nothing."""
        return self.bytes / self.seconds if self.seconds else float(self.bytes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A photo beside the near copy of it. `other` is None where only Immich has that copy."""

    own: Quality
    other: Quality | None = None
    distance: int | None = None
    """Differing bits of the two pictures' own hashes, None when Immich found the likeness."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face in one frame of a video: when the frame is shown, in seconds, and where the face is on it."""

    at: float
    box: Box


@dataclass(frozen=True, slots=True)
class FilmFace:
    """One face in several frames of a video. `face` is its best view.

    `poster` is the id of Immich's face of the same person, on the frame that Immich shows.
    """

    face: Face
    seen: tuple[Sighting, ...]
    poster: str | None = None


@dataclass(frozen=True, slots=True)
class Film:
    """Who was seen in the frames of a video, of which these were looked at, by their times in seconds.

    `unknown` says why nobody looked for faces: then the frame that Immich shows decides alone. `broken` says
    why there are no frames.
    """

    times: tuple[float, ...] = ()
    faces: tuple[FilmFace, ...] = ()
    unknown: str = ""
    broken: str = ""

    @property
    def is_judged(self) -> bool:
        """True when its frames decide."""
        return not (self.unknown or self.broken)

    @property
    def lasting(self) -> frozenset[str]:
        """Ids of the faces that last: those in enough of the frames, or where none is, those seen most.

        Who only passes does not count, and who is in one frame alone passes.
        """
        seen = {one.face.id: len(one.seen) for one in self.faces}
        most = max(seen.values(), default=0)
        needed = LASTING * len(self.times)
        if most < needed:
            needed = most / 2
        return frozenset(
            i for i, count in seen.items() if count >= needed and (count > 1 or len(self.times) == 1)
        )


LASTING = 0.3
"""Of a video's frames, measured by `tests.bench.videos`."""


class MarkKind(StrEnum):
    """What a human said of a face for good."""

    IGNORED = "ignored"
    """A person who does not matter."""
    NOT_A_FACE = "not_a_face"
    """A statue, a poster, a printed shirt."""
    LOCKED = "locked"
    """It is this person, whatever later evidence says."""
    SAME = "same"
    """It is the same person as the others with this key."""
    APART = "apart"
    """It is not the person of the rest with this key, who are one."""
    REST = "rest"
    """It is one of those from whom others are apart."""

    @property
    def is_grouping(self) -> bool:
        """True for what concerns the groups of strangers alone, and no decision."""
        return self in (MarkKind.SAME, MarkKind.APART, MarkKind.REST)


@dataclass(frozen=True, slots=True)
class FaceMark:
    """A human's word about a face. `key` is shared by the faces that were marked together.

    `person` is that of a locked face. `similarity` is set where the face is only like one that was marked.
    """

    kind: MarkKind
    key: str
    person: Person | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """Why no face may have been found on a photo."""

    turned: int = 0
    """Degrees by which the picture has to be turned clockwise for a face to be seen, 0 where none is."""
    blur: float | None = None
    """How blurred the picture is: 0 not at all, 1 all of it. None where there is too little to see."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a photo comes from. "" stands for what is not known."""

    source: str = ""
    album: str = ""
    """The folder it lay in below that of its source: an album of Google Takeout, for instance."""
    camera: str = ""
    kind: str = "photo"
    """`photo`, `video` or `live`."""


@dataclass(frozen=True, slots=True)
class SortedBefore:
    """The folders of people that a photo lay in when a user had smartsort adopt them.

    A person whom Immich does not know has the id "".
    """

    people: tuple[Person, ...]
    by: str
    """Who had them adopted."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the decision looks at. Stored with it so that it can be explained later.

    `unreadable` is what the probe said of a file that is no picture. `gave_up` is set when Immich could
    not recognise the photo within `max_retries`. `comparison` belongs to `near_copy`.
    """

    faces: tuple[Face, ...] = ()
    other_copy: OtherCopy | None = None
    near_copy: OtherCopy | None = None
    confidence: Mapping[str, Confidence] = field(default_factory=dict)
    """By face id."""
    suggestions: Mapping[str, tuple[Suggestion, ...]] = field(default_factory=dict)
    """By face id: the people a measured face is most like, close or not, the closest first.

    `smartsort.core.suggestion` says who of them is suggested.
    """
    unreadable: str | None = None
    gave_up: str | None = None
    comparison: Comparison | None = None
    ruled_out: frozenset[str] = frozenset()
    """Ids of people this photo does not show, by a human's word."""
    confirmed: frozenset[str] = frozenset()
    """Ids of faces a human has given to their person in Immich: how alike they are does not matter."""
    taken: str | None = None
    """When it was taken, as the file tells it."""
    marks: Mapping[str, FaceMark] = field(default_factory=dict)
    """By face id: what humans said of it, or of faces like it."""
    film: Film | None = None
    """Of a video."""
    hint: Hint | None = None
    """Of a photo without a face, once it was looked at again."""
    mixed: frozenset[str] = frozenset()
    """Ids of the people on it whose faces look like two people's (`core.mixed`)."""
    origin: Origin | None = None
    """None for a file that was not looked through."""
    sorted_before: SortedBefore | None = None
    """Of a photo from a folder that the user had sorted."""

    @property
    def judged(self) -> tuple[Face, ...]:
        """The faces that decide: those in the frames of a video, else those that Immich shows."""
        if self.film is not None and self.film.is_judged:
            return tuple(one.face for one in self.film.faces)
        return self.faces

    def judging(self, faces: Iterable[Face]) -> Evidence:
        """Return the same evidence with other faces to decide by. Those of a video stay in their frames."""
        if self.film is None or not self.film.is_judged:
            return replace(self, faces=tuple(faces))
        given = {face.id: face for face in faces}
        kept = (replace(f, face=given[f.face.id]) for f in self.film.faces if f.face.id in given)
        return replace(self, film=replace(self.film, faces=tuple(kept)))


class Outcome(StrEnum):
    """The three ways out of the pipeline, as the API's `action` names them."""

    SORTED = "sorted"
    REVIEWED = "reviewed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. `code` is stable and machine-readable, `numbers` and `names` are what the rule saw.

    Prose is made where it is shown: `smartsort.core.wording`.
    """

    code: str
    names: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a photo.

    `suggested` is set when a measurement backs it (`smartsort.core.suggestion`).
    `people` are those it is filed under (one, or several with `multiple_faces = each_person`), empty
    unless `outcome` is SORTED. `category` and `prefix` are set unless it is SORTED. `reasons` holds
    every rule that had something to say, the deciding one first. `folders` are those below `faces/`, with
    `{person}` where each person's own stands (`smartsort.core.templates`).
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy_version: str
    category: Category | None = None
    prefix: str = ""
    people: tuple[Person, ...] = ()
    suggested: Person | None = None
    faces_detected: int = 0
    folders: tuple[str, ...] = ("{person}",)
    albums: tuple[str, ...] = ()
    """Of Immich, beside that of the person."""

    @property
    def reason(self) -> Reason:
        """The reason that decided."""
        return self.reasons[0]


@dataclass(frozen=True, slots=True)
class Digests:
    """Both digests of one file's bytes, lower-case hexadecimal."""

    sha256: str
    sha1: str


@dataclass(frozen=True, slots=True)
class AssetRef:
    """Immich's row for a path. `trashed` is true for offline assets as well as for the user's own trash."""

    id: str
    path: str
    trashed: bool = False
