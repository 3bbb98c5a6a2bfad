"""Made-up photos to try smartsort with, and where each of them should end up."""

import io
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from PIL import ExifTags, Image

from smartsort.demo import jpeg
from smartsort.demo.embeddings import TWINS
from smartsort.demo.regions import Region, packet_of, region_xmp
from smartsort.demo.scenes import FAR, HEAD, PORTRAIT, Drawing, Heads, draw_people, encoded

FAMILY = ("John Doe", "Sarah Smith", "Zoë", "李雷", "Amara Okafor")
WHITELIST = (*FAMILY, *TWINS)
NOT_WHITELISTED = "Lukas Müller"
BLACKLIST = ("Victor Grey",)
# Named in the demo Immich beforehand.
PEOPLE = (*WHITELIST, NOT_WHITELISTED, *BLACKLIST)
NEWCOMER = "Nadia"
SOURCES = ("instagram", "phone", "whatsapp")
SIZE = (800, 600)
_ALBUM_SIZE = (400, 300)

Kind = Literal[
    "single",
    "far",
    "twin",
    "sidecar",
    "not_whitelisted",
    "blacklisted",
    "blacklisted_group",
    "stranger",
    "newcomer",
    "group",
    "stranger_group",
    "nobody",
    "exact_copy",
    "near_copy",
    "empty",
    "truncated",
    "text",
    "video",
]
Category = Literal[
    "faces", "duplicates", "unwanted_person", "unidentified", "low_confidence", "multiple_faces"
]

# One round of sixty. Copies are of photos earlier in the same round.
_SINGLE: tuple[Kind, ...] = ("single",)
PATTERN: tuple[Kind, ...] = (
    *_SINGLE * 5,
    "group",
    *_SINGLE * 5,
    "stranger",
    "not_whitelisted",
    "nobody",
    "exact_copy",
    *_SINGLE * 5,
    "blacklisted",
    "newcomer",
    "near_copy",
    "group",
    *_SINGLE * 3,
    "far",
    "twin",
    "sidecar",
    "stranger",
    "empty",
    "nobody",
    "stranger_group",
    *_SINGLE * 4,
    "twin",
    "not_whitelisted",
    "newcomer",
    "truncated",
    "blacklisted_group",
    *_SINGLE * 3,
    "far",
    "twin",
    "stranger",
    "exact_copy",
    "near_copy",
    "nobody",
    "group",
    "text",
    "newcomer",
    "blacklisted",
    "not_whitelisted",
    "stranger",
    "nobody",
    "group",
)


_HEADS_OF: dict[Kind, Heads] = {"far": FAR, "twin": PORTRAIT}


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample photo and its way.

    `path` is relative to the folder. With `WHITELIST`, `BLACKLIST`, one face allowed, and `PEOPLE` known to
    Immich it belongs into `category` (`faces` means `faces/<person>/`), there with `prefix` before its name,
    for `reason`. `people` are the names on it, "" for somebody without one. `copy_of` is the path of the
    photo this one repeats: whichever of the two comes second is the duplicate. Without machine learning to
    measure them, photos of low confidence are filed under `person`.
    """

    path: str
    kind: Kind
    category: Category
    reason: str
    prefix: str = ""
    person: str | None = None
    people: tuple[str, ...] = ()
    copy_of: str | None = None

    @property
    def source(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def is_readable(self) -> bool:
        return self.kind not in ("empty", "truncated", "text")


def make_samples(
    folder: str | os.PathLike[str],
    count: int = 60,
    seed: int = 0,
    *,
    size: tuple[int, int] = SIZE,
    reuse_drawings: bool = False,
) -> list[Sample]:
    """Write `count` sample photos into sub-folders of `folder` and return what should become of them.

    The same arguments write the same bytes. With `reuse_drawings` every round of sixty shows the first
    round's pictures with other dates: different files, made much faster, but near copies of each other.
    """
    return [
        sample for sample, _ in iter_samples(folder, count, seed, size=size, reuse_drawings=reuse_drawings)
    ]


def iter_samples(
    folder: str | os.PathLike[str],
    count: int = 60,
    seed: int = 0,
    *,
    size: tuple[int, int] = SIZE,
    reuse_drawings: bool = False,
) -> Iterator[tuple[Sample, str]]:
    """As make_samples, one at a time: each sample and where its file now is."""
    studio = _Studio(os.fspath(folder), seed, size, reuse_drawings=reuse_drawings)
    for index in range(count):
        sample = studio.make(index)
        yield sample, os.path.join(folder, sample.path)


STRANGERS = (7, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 3)
"""Photos of each stranger who is on several."""


def iter_strangers(folder: str | os.PathLike[str], seed: int = 0) -> Iterator[Sample]:
    """Write photos of a dozen people whom nobody has named, and tell what should become of each.

    On the last photo of each they stand beside somebody of the family.
    """
    for stranger, photos in enumerate(STRANGERS):
        for number in range(photos):
            beside = [FAMILY[stranger % len(FAMILY)]] if number == photos - 1 else []
            people = [*beside, f"passer-by {seed} {stranger}"]
            drawing = draw_people(people, _ALBUM_SIZE, random.Random(f"strangers:{people}:{number}"))
            taken = datetime(2024, 3 + stranger % 6, 1 + number, 11, stranger, tzinfo=UTC)
            path = (
                f"{SOURCES[(stranger + number) % len(SOURCES)]}/holiday {stranger + 1:02d}-{number + 1}.jpg"
            )
            real = os.path.join(folder, path)
            os.makedirs(os.path.dirname(real), exist_ok=True)
            with open(real, "wb") as file:
                file.write(tagged(drawing, people, _ALBUM_SIZE, taken))
            yield _verdict(path, "stranger_group" if beside else "stranger", people, people)


def make_album(folder: str | os.PathLike[str], people: Iterable[str]) -> list[str]:
    """Write close portraits of each of these people alone, and return their paths.

    Of twins there are so many that smartsort adds none of its own: it has to know both equally well.
    """
    made = []
    for name in people:
        for number in range(5 if name in TWINS else 3):
            rng = random.Random(f"album:{name}:{number}")
            drawing = draw_people([name], _ALBUM_SIZE, rng, PORTRAIT)
            taken = datetime(2018 + number, rng.randint(1, 12), rng.randint(1, 28), 15, tzinfo=UTC)
            path = os.path.join(folder, f"{name} {number + 1}.jpg")
            with open(path, "wb") as file:
                file.write(tagged(drawing, [name], _ALBUM_SIZE, taken))
            made.append(path)
    return made


class _Studio:
    """Draws, encodes and writes the samples of one folder."""

    def __init__(self, folder: str, seed: int, size: tuple[int, int], *, reuse_drawings: bool) -> None:
        self._folder = folder
        self._seed = seed
        self._size = size
        self._reuse = reuse_drawings
        self._drawings: dict[int, Drawing] = {}
        self._originals: list[Sample] = []
        self._copies = 0

    def make(self, index: int) -> Sample:
        place = index % len(PATTERN)
        kind = PATTERN[place]
        if place == 0:
            self._originals.clear()
            self._copies = 0
        rng = random.Random(f"{self._seed}:{index}")
        path = f"{SOURCES[index % len(SOURCES)]}/{_file_name(index, rng)}"
        if kind in ("empty", "truncated", "text"):
            sample = self._broken(index, kind, path)
        elif kind in ("exact_copy", "near_copy"):
            sample = self._copy(kind, path)
        else:
            sample = self._photo(index, kind, path)
            if kind == "single":
                self._originals.append(sample)
        return sample

    def _photo(self, index: int, kind: Kind, path: str) -> Sample:
        people, names = _cast(index, kind, random.Random(f"cast:{self._seed}:{self._drawn_as(index)}"))
        drawing = self._draw(index, people, _HEADS_OF.get(kind, HEAD))
        taken = datetime(2024, 1, 1, 9, tzinfo=UTC) + timedelta(hours=7 * index, seconds=self._seed % 3600)
        if kind == "sidecar":
            self._write(f"{path}.xmp", _packet(drawing, names, self._size), taken)
            self._write(path, with_exif(drawing.content, taken), taken)
        else:
            self._write(path, tagged(drawing, names, self._size, taken), taken)
        return _verdict(path, kind, people, names)

    def _copy(self, kind: Kind, path: str) -> Sample:
        """Repeat a photo of the same round: byte for byte, or smaller and encoded again."""
        original = self._originals[(self._copies * 3) % len(self._originals)]
        self._copies += 1
        real = os.path.join(self._folder, original.path)
        with open(real, "rb") as file:
            content = file.read()
        taken = datetime.fromtimestamp(os.stat(real).st_mtime + 3600, UTC)
        if kind == "near_copy":
            with Image.open(io.BytesIO(content)) as image:
                smaller = image.resize((self._size[0] * 3 // 4, self._size[1] * 3 // 4), Image.Resampling.BOX)
                smaller.info.clear()
                content = jpeg.with_xmp(with_exif(encoded(smaller, 72), taken), packet_of(content))
        self._write(path, content, taken)
        return Sample(
            path, kind, "duplicates", "duplicate", "duplicate_", None, original.people, original.path
        )

    def _broken(self, index: int, kind: Kind, path: str) -> Sample:
        taken = datetime(2024, 6, 1, 12, tzinfo=UTC) + timedelta(minutes=index)
        # Later rounds have zeros for nothing: two empty files would be copies of each other.
        content = bytes(index // len(PATTERN))
        if kind == "truncated":
            whole = with_exif(self._draw(index, [WHITELIST[0]]).content, taken)
            content = whole[: len(whole) * 2 // 5]
        elif kind == "text":
            content = f"<html>photo {index} was not found</html>\n".encode()
        self._write(path, content, taken)
        return Sample(path, kind, "unidentified", "unreadable")

    def _draw(self, index: int, people: Sequence[str], head: Heads = HEAD) -> Drawing:
        key = self._drawn_as(index)
        if key not in self._drawings:
            drawing = draw_people(people, self._size, random.Random(f"drawing:{self._seed}:{key}"), head)
            if not self._reuse:
                return drawing
            self._drawings[key] = drawing
        return self._drawings[key]

    def _drawn_as(self, index: int) -> int:
        return index % len(PATTERN) if self._reuse else index

    def _write(self, path: str, content: bytes, taken: datetime) -> None:
        real = os.path.join(self._folder, path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "wb") as file:
            file.write(content)
        seconds = taken.timestamp()
        os.utime(real, (seconds, seconds))


def _cast(index: int, kind: Kind, rng: random.Random) -> tuple[list[str], list[str]]:
    """Return who is drawn, and what their regions are called."""
    turn = index // len(PATTERN)
    stranger = f"stranger {index}"
    people: list[str]
    if kind in ("single", "far"):
        people = [FAMILY[index % len(FAMILY)]]
    elif kind == "twin":
        people = [TWINS[index % len(TWINS)]]
    elif kind == "sidecar":
        people = [WHITELIST[0]]
    elif kind == "not_whitelisted":
        people = [NOT_WHITELISTED]
    elif kind == "blacklisted":
        people = [BLACKLIST[0]]
    elif kind == "blacklisted_group":
        people = [WHITELIST[1], BLACKLIST[0]]
    elif kind == "newcomer":
        people = [f"{NEWCOMER} {turn}" if turn else NEWCOMER]
    elif kind == "stranger":
        # Every other stranger has a face region without a name.
        return [stranger], [stranger if index % 2 else ""]
    elif kind == "stranger_group":
        people = [WHITELIST[2], stranger]
    elif kind == "group":
        people = rng.sample(FAMILY, rng.randint(2, 4))
    else:
        people = []
    return people, list(people)


def _verdict(path: str, kind: Kind, people: list[str], names: list[str]) -> Sample:
    shown = tuple(names)
    if not people:
        return Sample(path, kind, "unidentified", "no_faces_detected", "noface_")
    if any(name in BLACKLIST for name in people):
        return Sample(path, kind, "unwanted_person", "blacklisted_person", "unwanted_", BLACKLIST[0], shown)
    if len(people) > 1:
        return Sample(path, kind, "multiple_faces", "multiple_faces", "multi_", None, shown)
    if people[0] == NOT_WHITELISTED:
        return Sample(path, kind, "unidentified", "not_in_whitelist", "notwhitelisted_", people[0], shown)
    if kind in ("far", "twin"):
        reason = "low_confidence" if kind == "far" else "low_margin"
        return Sample(path, kind, "low_confidence", reason, "lowconf_", people[0], shown)
    if people[0] in WHITELIST:
        return Sample(path, kind, "faces", "face_match_verified", "", people[0], shown)
    return Sample(path, kind, "unidentified", "unknown_person", "unknown_", None, shown)


def tagged(drawing: Drawing, names: Sequence[str], size: tuple[int, int], taken: datetime) -> bytes:
    """Return the JPEG with camera, date and the regions of its faces, if it has some."""
    content = with_exif(drawing.content, taken)
    return jpeg.with_xmp(content, _packet(drawing, names, size)) if names else content


def _packet(drawing: Drawing, names: Sequence[str], size: tuple[int, int]) -> bytes:
    return region_xmp([Region(name, *box) for name, box in zip(names, drawing.boxes, strict=True)], *size)


def with_exif(content: bytes, taken: datetime) -> bytes:
    """Return the JPEG with camera and date in an Exif segment."""
    exif = Image.Exif()
    text = taken.strftime("%Y:%m:%d %H:%M:%S")
    exif[ExifTags.Base.Make] = "smartsort"
    exif[ExifTags.Base.Model] = "Drawn camera"
    exif[ExifTags.Base.DateTime] = text
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = text
    return jpeg.with_segment(content, exif.tobytes())


def _file_name(index: int, rng: random.Random) -> str:
    number = f"{index:04d}"
    return rng.choice(
        (f"IMG_{number}.jpg", f"PXL_2024{number}.jpg", f"photo {number}.jpeg", f"{number}_été.JPG")
    )
