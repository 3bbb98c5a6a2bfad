"""A photo's arrangement: everything an action changes about it, as one value that can be put back.

Events of actions carry the arrangement before and after. An undo makes one out of the other.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from smartsort.core.model import State
from smartsort.ledger import face_marks, photos, source_tables
from smartsort.ledger.face_marks import PlacedMark
from smartsort.ledger.records import Area, Member, Name
from smartsort.ledger.source_tables import Download

COLUMNS = (
    "state",
    "category",
    "person_id",
    "person_name",
    "auto_sorted",
    "faces_detected",
    "duplicate_of",
    "recognised_at",
    "routed_at",
    "trashed_at",
    "problem",
)


_WHEN_JUDGED = ("recognised_at", "routed_at")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where a photo is and what it counts as. `values` are columns of `photos`, `told` (kind, value)."""

    values: Mapping[str, Any]
    names: tuple[Name, ...]
    review: Mapping[str, Any] | None
    download: Download | None
    decision: int | None
    told: tuple[tuple[str, str], ...]
    ruled_out: Mapping[str, str]
    """Names by id of the people a human said this photo does not show."""
    marks: tuple[PlacedMark, ...] = ()
    """What humans said of its faces for good."""

    @property
    def state(self) -> State:
        """The photo's state."""
        return State(self.values["state"])

    @property
    def albums(self) -> frozenset[str]:
        """Albums smartsort has put the photo into."""
        return frozenset(value for kind, value in self.told if kind == "album")

    @property
    def visibility(self) -> str:
        """What smartsort has set in Immich."""
        return next((value for kind, value in self.told if kind == "visibility"), "timeline")

    def same_as(self, other: Arrangement) -> bool:
        """Return True when both mean the same: state, person and folders.

        A file's own name may differ: one that was taken meanwhile got a time stamp. What joined the photo
        between the two, or became a photo of its own, makes no difference, nor does where Immich keeps it.
        """
        ours = [[n for n in each.names if n.area is not Area.ORIGINAL] for each in (self, other)]
        both = set.intersection(*({n.member for n in names} for names in ours))
        mine, theirs = (Counter(_place(n) for n in names if n.member in both) for names in ours)
        values = ("state", "category", "person_name")
        return mine == theirs and all(self.values[c] == other.values[c] for c in values)


def version(value: Arrangement, *, as_judged: bool = True) -> str:
    """Changes whenever the photo's files, decision, suggestion or state do.

    What Immich was told does not count: messages are delivered later, and change nothing here. Without
    `as_judged` a decision that says the same again does not count either.
    """
    plain = {key: part for key, part in to_json(value).items() if key != "told"}
    if not as_judged:
        del plain["decision"]
        plain["values"] = {key: part for key, part in plain["values"].items() if key not in _WHEN_JUDGED}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _place(name: Name) -> tuple[Area, str, Member]:
    exact = name.area is Area.LIBRARY
    return name.area, name.path if exact else os.path.dirname(name.path), name.member


def read(db: Database, photo_ids: Sequence[int]) -> dict[int, Arrangement]:
    """Return the arrangements of these photos, by id. Unknown ids are missing."""
    names, marks = photos.names_of(db, photo_ids), face_marks.of_photos(db, photo_ids)
    execute = db.conn.execute
    found: dict[int, Arrangement] = {}
    for photo_id in photo_ids:
        row = execute(
            f"SELECT {', '.join(COLUMNS)} FROM photos WHERE id = ?",  # noqa: S608 - our own columns
            (photo_id,),
        ).fetchone()
        if row is None:
            continue
        decision = execute(
            "SELECT id FROM decisions WHERE photo_id = ? ORDER BY id DESC LIMIT 1", (photo_id,)
        ).fetchone()
        found[photo_id] = Arrangement(
            values=dict(zip(COLUMNS, row, strict=True)),
            names=tuple(names[photo_id]),
            review=source_tables.newest_review(db, photo_id),
            download=source_tables.download_of(db, photo_id),
            decision=decision[0] if decision else None,
            told=tuple(
                (str(kind), str(value))
                for kind, value in execute(
                    "SELECT kind, value FROM told WHERE photo_id = ? ORDER BY kind, value", (photo_id,)
                )
            ),
            ruled_out=dict(
                execute(
                    "SELECT person_id, person_name FROM ruled_out WHERE photo_id = ?", (photo_id,)
                ).fetchall()
            ),
            marks=marks.get(photo_id, ()),
        )
    return found


def put_back(db: Database, photo_id: int, wanted: Arrangement, at: str) -> None:
    """Restore the queue, the download, the decision and the people ruled out."""
    source_tables.put_review_back(db, photo_id, wanted.review)
    if wanted.download is not None:
        source_tables.put_download(db, photo_id, wanted.download)
    if wanted.decision is not None:
        # Decisions are never removed. The one that counts is the newest, so it is written once more.
        db.conn.execute(
            "INSERT INTO decisions (photo_id, at, outcome, category, policy_version, reasons, evidence)"
            " SELECT photo_id, ?1, outcome, category, policy_version, reasons, evidence FROM decisions"
            " WHERE id = ?2 AND id <> (SELECT max(id) FROM decisions WHERE photo_id = ?3)",
            (at, wanted.decision, photo_id),
        )
    set_ruled_out(db, photo_id, wanted.ruled_out)
    face_marks.replace(db, photo_id, wanted.marks)


def set_ruled_out(db: Database, photo_id: int, ruled_out: Mapping[str, str]) -> None:
    """Replace the people a photo does not show by a human's word."""
    db.conn.execute("DELETE FROM ruled_out WHERE photo_id = ?", (photo_id,))
    db.conn.executemany(
        "INSERT INTO ruled_out (photo_id, person_id, person_name) VALUES (?,?,?)",
        [(photo_id, person_id, name) for person_id, name in ruled_out.items()],
    )


def to_json(value: Arrangement) -> dict[str, Any]:
    """Return the arrangement as plain values for an event."""
    return {
        "values": dict(value.values),
        "names": [
            [n.area.value, n.path, n.member.value, n.method, n.person_id, n.size, n.mtime_ns, n.sha256]
            for n in value.names
        ],
        "review": dict(value.review) if value.review is not None else None,
        "download": dataclasses.asdict(value.download) if value.download else None,
        "decision": value.decision,
        "told": [list(pair) for pair in value.told],
        "ruled_out": dict(value.ruled_out),
        **({"marks": [list(mark) for mark in value.marks]} if value.marks else {}),
    }


def from_json(photo_id: int, value: Mapping[str, Any]) -> Arrangement:
    """Return the arrangement an event carries."""
    return Arrangement(
        values={column: value["values"].get(column) for column in COLUMNS},
        names=tuple(Name(photo_id, Area(n[0]), n[1], Member(n[2]), *n[3:]) for n in value["names"]),
        review=value["review"],
        download=Download(**value["download"]) if value["download"] else None,
        decision=value["decision"],
        told=tuple((kind, text) for kind, text in value["told"]),
        # An event from before holds it as `denied`.
        ruled_out=value.get("ruled_out", value.get("denied", {})),
        marks=tuple(PlacedMark(*mark) for mark in value.get("marks", ())),
    )
