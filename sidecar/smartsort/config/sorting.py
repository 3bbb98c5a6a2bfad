"""Settings that say where photos lie and how they are sorted."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from smartsort.config.values import Names, PathInImmich, Section, UserPath, setting
from smartsort.core.templates import PERSON, parse

Preset = Literal["cautious", "balanced", "eager"]
WhenUnknown = Literal["accept", "review"]
MultipleFaces = Literal["review", "each_person", "main_face"]
HiddenPeople = Literal["ignore", "count"]

# What a preset sets unless the key itself is set. Each is a name for a limit of wrong filings, from which the
# least confidence follows (smartsort.core.wrong_limit). `balanced` is also what counts without a preset.
PRESETS: dict[str, dict[str, Any]] = {
    "cautious": {
        "thresholds.max_wrong_per_1000": 0.5,
        "when_confidence_unknown": "review",
        "multiple_faces": "review",
    },
    "balanced": {
        "thresholds.max_wrong_per_1000": 2.0,
        "when_confidence_unknown": "accept",
        "multiple_faces": "review",
    },
    "eager": {
        "thresholds.max_wrong_per_1000": 5.0,
        "thresholds.min_face_area": 0.005,
        "when_confidence_unknown": "accept",
        "multiple_faces": "each_person",
    },
}


class Directories(Section):
    """The folders. Relative ones lie below `root`. A loaded configuration holds absolute ones."""

    temp_dir: UserPath = setting(
        Path("temp_downloads"), "Downloads in flight and files just claimed from the inbox."
    )
    final_base: UserPath = setting(Path("faces"), "Filed photos, one folder per person.")
    review_base: UserPath = setting(
        Path("review"), "Photos that wait for a human, one folder per review category."
    )
    inbox_dir: UserPath = setting(
        Path("inbox"), "The watched folder. A sub-folder names the source of its photos."
    )
    library_dir: UserPath = setting(
        Path("library"), "What Immich sees as external library. Nothing else may lie in it."
    )
    trash_dir: UserPath = setting(Path("trash"), "Rejected photos, until `trash.retention_days` have passed.")
    ledger_file: UserPath = setting(
        Path("smartsort.db"),
        "The ledger, a SQLite database. Keep it on a local disk, not on a network share.",
    )


class PersonThresholds(Section):
    """Thresholds of one person. What is not set is as for everyone."""

    min_confidence: float | None = setting(
        None, "As `thresholds.min_confidence`, for this person.", ge=0, le=1
    )
    min_margin: float | None = setting(None, "As `thresholds.min_margin`, for this person.", ge=0, le=1)


class Thresholds(Section):
    """The numbers a photo has to reach."""

    max_wrong_per_1000: float = setting(
        2.0,
        "At most this many of 1,000 filings may be wrong. smartsort finds the least confidence for it, and "
        "adjusts it when you answer spot checks.",
        ge=0.1,
        le=100,
    )
    min_confidence: float | None = setting(
        None,
        "Least cosine similarity between a face and the person's confirmed faces. Photos below it go to "
        "`low_confidence`. If you set it, it takes precedence over `max_wrong_per_1000`.",
        ge=0,
        le=1,
    )
    min_margin: float = setting(
        0.05, "How much closer the person has to be than the next best one (cosine).", ge=0, le=1
    )
    max_faces_per_image: int = setting(
        1, "More counted faces than this, strangers included, go to `multiple_faces`.", ge=1
    )
    min_face_area: float = setting(
        0.0,
        "Faces that cover a smaller share of the picture than this do not count. 0 counts every face, "
        "0.005 leaves out passers-by in the background.",
        ge=0,
        le=1,
    )
    per_person: dict[str, PersonThresholds] = setting(
        {},
        "Exceptions by person, with the keys `min_confidence` and `min_margin`.",
        allowed="a table of person names (in the environment as JSON)",
    )


def _template(text: str) -> str:
    parse(text)
    return text


class Filing(Section):
    """Where below `faces/` a filed photo goes."""

    template: Annotated[str, AfterValidator(_template)] = setting(
        PERSON,
        "The folders, outermost first. Fields: `{person}`, `{year}`, `{month}`, `{source}`, `{album}`, "
        "`{camera}`. `{person}` is a folder of its own. Photos that are filed already move with "
        "`smartsort refile`.",
        allowed="folders with / between them, such as {person}/{year}",
    )


def _strangers(value: Any) -> tuple[int, int | None] | None:
    """Return the least and the most strangers that a rule allows."""
    if value is None or isinstance(value, tuple):
        return value
    if isinstance(value, bool):
        return (1, None) if value else (0, 0)
    if isinstance(value, int) and value >= 0:
        return 0, value
    raise ValueError("must be true, false, or the most there may be")


def _folders(text: str) -> str:
    parse(text, for_person=False)
    return text


_ONE_LINE = r"^[^\x00-\x1f\x7f]{1,200}\Z"
_Folders = Annotated[str, AfterValidator(_folders)]


class Rule(Section):
    """One of your own rules: conditions, all of which have to hold, and what becomes of the photo."""

    name: str = setting(..., "What it is called where its decisions are explained.", pattern=_ONE_LINE)
    priority: int = setting(0, "Of the rules that fit, the highest decides, then the first in the file.")
    all: Names = setting((), "All of these people are on it.")
    any: Names = setting((), "At least one of them is.")
    none: Names = setting((), "None of them is.")
    only: Names = setting((), "Every person on it is one of them.")
    min_people: int = setting(0, "At least so many people with a name are on it.", ge=0)
    strangers: Annotated[Any, AfterValidator(_strangers)] = setting(
        None, "`false`: every face has a name. `true`: one has not. A number: at most so many have not."
    )
    younger_than: int = setting(0, "A person on it was younger, in years.", ge=0)
    source: Names = setting((), "It came from one of these sources.")
    date_from: date | None = setting(None, "It was taken on this day or later.")
    date_to: date | None = setting(None, "It was taken on this day or earlier.")
    type: tuple[Literal["photo", "video", "live"], ...] = setting((), "It is one of these.")
    folder: _Folders | None = setting(None, "The folders, as in `filing.template`.")
    also: _Folders | None = setting(None, "One folder more.")
    album: str | None = setting(None, "An album in Immich.", pattern=_ONE_LINE)
    review: bool = setting(False, "A human decides.")

    @model_validator(mode="after")
    def _means_something(self) -> Rule:
        effects = [name for name in ("folder", "also", "album") if getattr(self, name)]
        if self.review is bool(effects):
            said = f"review and {effects[0]}" if effects else "neither folder, also, album nor review"
            raise ValueError(f"the rule {self.name} has {said}. Give review alone, or any of the others")
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError(f"the rule {self.name} ends before it begins: date_to is before date_from")
        return self


class Deduplication(Section):
    """What happens to a photo that is known already."""

    check_hash: bool = setting(True, "Look for photos with the same content in the ledger and in Immich.")
    action_on_duplicate: Literal["move_to_review", "skip"] = setting(
        "move_to_review",
        "`move_to_review` shows duplicates in `review/duplicates`, `skip` puts their bytes into the trash.",
    )
    near_duplicates: bool = setting(
        False, "Also send photos to `review/duplicates` that Immich finds nearly equal to another one."
    )


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError('must be an absolute path such as "/mnt/immich/upload"')
    return path


class Backfill(Section):
    """Photos that are in Immich without smartsort: links to them, and nothing else."""

    path_mapping: dict[PathInImmich, Annotated[UserPath, AfterValidator(_absolute)]] = setting(
        {},
        "Folders of Immich, and where smartsort sees each of them. Mount them read-only. Empty: smartsort "
        "knows only its own library.",
        allowed='a table such as {"/data/upload" = "/mnt/immich/upload"}',
    )
    follow: bool = setting(
        False, "Go on by itself: link photos that you upload to Immich, after the first `smartsort backfill`."
    )
    questions_per_day: int = setting(
        50, "How many of these photos may enter the review queue each day.", ge=0
    )
    requests_per_minute: int = setting(
        1200, "How many calls a minute smartsort makes to Immich for these photos.", ge=1, le=60_000
    )
    link: Literal["auto", "copy"] = setting(
        "auto",
        "`auto` makes a hard link, else a reflink, else a symbolic link. `copy` makes a file of its own, so "
        "an edit below `faces/` never reaches Immich.",
    )


class ReviewCategories(Section):
    """Which review folders are used. A category that is off falls through to `unidentified`."""

    duplicates: bool = setting(True, "Photos that exist already.")
    unidentified: bool = setting(
        True, "No face, an unknown face, a person not on the whitelist, or an unreadable file."
    )
    low_confidence: bool = setting(True, "A match below the least confidence or `thresholds.min_margin`.")
    multiple_faces: bool = setting(True, "More faces than `thresholds.max_faces_per_image`.")
    unwanted_person: bool = setting(True, "Photos with a person on the blacklist.")


class Inbox(Section):
    """How files from the inbox are picked up."""

    settle_seconds: float = setting(
        2.0,
        "A file is taken when its size and time have not changed for so long. Half a second is enough for "
        "a whole picture or video that no program has open for writing.",
        ge=0,
        le=3600,
    )
    scan_interval_seconds: float = setting(
        30.0, "Seconds between two full looks at the inbox. File system events only make it faster.", ge=0.2
    )
    polling: Literal["auto", "on", "off"] = setting(
        "auto", "Look at the inbox instead of waiting for file system events: `auto` does on network shares."
    )
    ignore: tuple[str, ...] = setting(
        (),
        "File name patterns to leave in the inbox, beside the built-in ones for temporary files.",
        allowed='a list of patterns such as "*.txt"',
    )
    companion_wait_seconds: float = setting(
        2.0,
        "How long a side file waits for its photo, and a lone raw photo, HEIC or MOV for its other half.",
        ge=0,
        le=3600,
    )
    max_file_bytes: int = setting(
        17_179_869_184, "Larger files go to review unread. The default is 16 GiB.", ge=1024
    )
    max_pixels: int = setting(
        250_000_000, "Pictures with more pixels go to review undecoded (decompression bombs).", ge=10_000
    )
