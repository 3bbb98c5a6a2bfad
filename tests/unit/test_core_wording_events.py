"""Every kind of event has a sentence with names and without ids, and no kind is written as a bare string."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from smartsort.core.event_kinds import EventKind
from smartsort.core.wording_events import EVENT_KINDS, event_sentence

REPOSITORY = Path(__file__).parents[2]
ANNA, BELLA = "23a7711a-7d0f-4f0e-a1b5-6f1a4a4a0001", "23a7711a-7d0f-4f0e-a1b5-6f1a4a4a0002"
FACES = {"names": [["library", "shard-0001/ab/a.jpg"], ["faces", "anna/a.jpg"]]}
ASSIGNED = {"act": "x1", "person": ANNA, "name": "Anna", "face": "f-1", "was": BELLA, "was_name": "Bella"}
STRANGER = ASSIGNED | {"was": None, "was_name": None}

EXAMPLES = [
    # kind, data as it is written, the sentence about a.jpg
    ("accepted", {"name": "a.jpg", "source": "phone", "origin": "inbox"}, "a.jpg arrived from phone"),
    (
        "late",
        {"name": "a.mov", "together_by": "name", "companions": []},
        "a.jpg is joined by a.mov, which came later: name",
    ),
    ("joined", {"joined": ["a.mov"], "members": ["video"]}, "a.jpg has a.mov with it now"),
    ("folded", {"name": "a.heic", "into": 9}, "a.jpg is part of a.heic now, which came later"),
    (
        "split",
        {"name": "a.mov", "reason": "it says it belongs to another photo", "photo": 8},
        "a.jpg lost a.mov, which goes on by itself: it says it belongs to another photo",
    ),
    ("placed", {"library": "shard/a.jpg"}, "a.jpg was put into the library for Immich to look at"),
    ("sorted", FACES | {"people": ["Anna"]}, "a.jpg was filed under Anna: faces/anna/a.jpg"),
    (
        "folder_adopted",
        {"path": "/old/anna/a.jpg", "people": ["Anna"]},
        "a.jpg was adopted from /old/anna/a.jpg, a folder of Anna",
    ),
    ("folder_adopted", {"path": "/old/a.jpg", "people": []}, "a.jpg was adopted from /old/a.jpg"),
    (
        "filed_as_adopted",
        FACES | {"people": ["Anna"]},
        "a.jpg was filed under Anna: faces/anna/a.jpg, as in your folder",
    ),
    (
        "reviewed",
        {"category": "low_confidence", "reason": "low_confidence: 0.44", "people": []},
        "a.jpg waits in review/low_confidence: low confidence: 0.44",
    ),
    (
        "reviewed",
        {"category": "unidentified", "reason": "not_in_whitelist: jan_van_eyck"},
        "a.jpg waits in review/unidentified: not in whitelist: jan_van_eyck",
    ),
    ("skipped", {"reason": "duplicate"}, "a.jpg was put into the trash: duplicate"),
    (
        "auto_resolved",
        FACES | {"people": ["Anna"], "was": "unidentified"},
        "a.jpg left review by itself and was filed under Anna: faces/anna/a.jpg",
    ),
    ("approved", FACES | {"person": "Anna"}, "a.jpg was approved as Anna: faces/anna/a.jpg"),
    ("refiled", FACES | {"people": ["Anna"]}, "a.jpg was filed under Anna: faces/anna/a.jpg instead"),
    ("rejected", {"person": None}, "a.jpg was rejected and is in the trash"),
    ("removed_in_immich", {"from": "filed"}, "a.jpg was deleted in Immich and is rejected"),
    ("put_away", {"from": "rejected"}, "a.jpg is in the trash, after its deletion in Immich"),
    (
        "rejected",
        {"companions": ["a.mov", "a.xmp"]},
        "a.jpg was rejected and is in the trash (with a.mov, a.xmp)",
    ),
    ("deferred", {}, "a.jpg was skipped and is listed after the others"),
    ("confirmed", {"person": "Anna"}, "a.jpg was confirmed to show Anna"),
    ("faces_named", {"people": ["Anna"]}, "a.jpg shows Anna, a user said, and goes on waiting"),
    ("faces_marked", {"mark": None}, "a.jpg has no verdict on a face any more"),
    ("faces_marked", {"mark": "ignored"}, "a.jpg has a stranger who does not matter, a user said"),
    (
        "faces_marked",
        {"mark": "locked", "people": ["Anna"], "names": [["faces", "anna/a.jpg"]]},
        "a.jpg has a face whose person is certain, a user said, and was filed under Anna: faces/anna/a.jpg",
    ),
    (
        "ruled_out",
        {"person_id": ANNA, "people": ["Anna"], "faces": ["f-1"]},
        "a.jpg does not show Anna, a user said",
    ),
    (
        "reevaluated",
        FACES | {"outcome": "sorted", "people": ["Anna"], "way": "low_confidence -> faces"},
        "a.jpg was re-evaluated with other settings and was filed under Anna: faces/anna/a.jpg",
    ),
    (
        "reevaluated",
        {"outcome": "reviewed", "category": "low_confidence", "reason": "low_confidence: 0.44"},
        "a.jpg was re-evaluated with other settings and waits in review/low_confidence: low confidence: 0.44",
    ),
    (
        "relinked",
        {"names": [["faces", "anna/2024/a.jpg"]]},
        "a.jpg moved within faces: faces/anna/2024/a.jpg",
    ),
    ("renamed", {"was": "Ana", "people": ["Anna"]}, "a.jpg follows Ana, who is called Anna now"),
    (
        "undone",
        {"of": "approved", "names": [["review", "unidentified/unknown_a.jpg"]]},
        "a.jpg had its approval undone: review/unidentified/unknown_a.jpg",
    ),
    ("bulk_action", {"what": "approved", "photos": 3}, "Approved: 3 photos"),
    ("bulk_action", {"what": "undone", "photos": 1}, "Undone: 1 photo"),
    ("bulk_action", {"what": "folder_adopted", "folder": "/old"}, "The folder /old is adopted"),
    (
        "bulk_action",
        {"what": "renamed", "was": "Ana", "person": "Anna"},
        "Ana is called Anna now, and their photos follow",
    ),
    (
        "one_person",
        {"one_person": {"name": "Anna", "said": True}},
        "All faces of Anna are one person's, a user said",
    ),
    (
        "bulk_action",
        {"what": "undone", "photos": 0, "one_person": {"name": "Anna", "said": False}},
        "Undone: that all faces of Anna are one person's",
    ),
    ("purged", FACES, "a.jpg was deleted for good from the trash"),
    ("face_assigned", ASSIGNED, "a.jpg was reported to Immich as Anna instead of Bella"),
    ("face_assigned", STRANGER, "a.jpg was reported to Immich as Anna"),
    (
        "face_unassigned",
        {"act": "x1", "face": "f-1", "from": ANNA, "to": BELLA, "name": "Anna", "was_name": "Bella"},
        "a.jpg is no longer Anna in Immich, but Bella again",
    ),
    (
        "face_unassigned",
        {"from": ANNA, "to": None, "stranger": BELLA},
        "a.jpg is no longer that person in Immich",
    ),
    (
        "immich_update_failed",
        {"act": "x1", "name": "Anna", "why": "Immich has no person called Anna"},
        "a.jpg could not be reported to Immich as Anna: Immich has no person called Anna",
    ),
    ("asset_relinked", {"asset": ANNA, "was": BELLA}, "a.jpg is in Immich again"),
    ("enabled", {}, "Sorting was switched on"),
    ("disabled", {}, "Sorting was switched off, and new photos wait"),
    ("list_changed", {"list": "whitelist", "names": ["Anna", "Bella"]}, "The whitelist is now: Anna, Bella"),
    ("list_changed", {"list": "blacklist", "names": []}, "The blacklist is now: empty"),
    ("settings_changed", {"values": {"min_confidence": 0.7}}, "Settings were changed: min_confidence = 0.7"),
    (
        "settings_changed",
        {"values": {"min_confidence": 0.63}, "adjusted": "3 of 212 checked were wrong, so 0.60 became 0.63"},
        "The least confidence was adjusted: 3 of 212 checked were wrong, so 0.60 became 0.63",
    ),
    ("settings_changed", {"values": ["whitelist"]}, "Settings were changed: whitelist"),
    ("settings_changed", {"forgotten": ["whitelist"]}, "Settings were reset: whitelist"),
    (
        "download_failed",
        {"item": ANNA, "host": "photos.example", "reason": "404 Not Found"},
        "The download from photos.example failed: 404 Not Found",
    ),
    (
        "download_retried",
        {"item": ANNA, "host": "photos.example"},
        "The download from photos.example is tried again",
    ),
    (
        "backfilled",
        {"outcome": "sorted", "people": ["Anna"], "names": [["faces", "anna/a.jpg"]]},
        "a.jpg was in Immich before and is linked under Anna: faces/anna/a.jpg",
    ),
    ("bulk_action", {"what": "backfilled", "photos": 3}, "Linked from Immich: 3 photos"),
    (
        "adopted",
        {"state": "filed", "was": None, "names": [["faces", "anna/a.jpg"]]},
        "a.jpg was found on the disk and taken in: faces/anna/a.jpg",
    ),
    ("adopted", {"from": 7}, "a.jpg was found on the disk and taken in"),
    (
        "moved_by_hand",
        {"from": ["faces", "bella/a.jpg"], "names": [["faces", "anna/a.jpg"]]},
        "a.jpg was moved by hand from faces/bella/a.jpg to faces/anna/a.jpg",
    ),
    (
        "linked_by_hand",
        {"names": [["faces", "anna/a.jpg"]]},
        "a.jpg was filed by hand as well: faces/anna/a.jpg",
    ),
    ("edited_by_hand", {"member": "photo", "was": "0" * 64}, "a.jpg was edited by hand"),
    ("edited_by_hand", {"member": "xmp", "was": "0" * 64}, "a.jpg has another xmp file now"),
    ("replaced_by_hand", {"became": 8}, "a.jpg was replaced by hand, and both files are kept"),
    (
        "linked_again",
        {"names": [["faces", "anna/a.jpg"]]},
        "a.jpg was missing and is there again: faces/anna/a.jpg",
    ),
    ("lost", {"names": [["trash", "2026-05/a.jpg"]]}, "a.jpg is lost: trash/2026-05/a.jpg"),
]


def test_every_kind_has_a_sentence_and_an_example():
    assert set(EventKind) == EVENT_KINDS == {kind for kind, *_ in EXAMPLES}


@pytest.mark.parametrize(("kind", "data", "expected"), EXAMPLES, ids=[kind for kind, *_ in EXAMPLES])
def test_the_sentence_of_an_event(kind, data, expected):
    assert event_sentence(kind, data, "a.jpg") == expected
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|None|[{}]", expected)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("approved", {}, "A photo was approved as an unknown person"),
        (
            "sorted",
            {"people": ["Anna", "Bella"], "names": [["faces", "anna/a.jpg"], ["faces", "bella/a.jpg"]]},
            "A photo was filed under Anna, Bella: faces/anna/a.jpg, faces/bella/a.jpg",
        ),
        ("skipped", {}, "A photo was put into the trash: "),
        ("undone", {}, "A photo had its last action undone"),
        ("undone", {"of": "sun_burnt"}, "A photo had its sun burnt undone"),
        ("bulk_action", {}, "Changed: 0 photos"),
        ("bulk_action", {"what": "sun_burnt", "photos": 2}, "Changed: 2 photos"),
        (
            "settings_changed",
            {"values": ["whitelist", "blacklist"]},
            "Settings were changed: whitelist, blacklist",
        ),
        ("settings_changed", {}, "Settings were reset: none"),
        ("download_retried", {}, "The download is tried again"),
        ("sun_burnt", {}, "sun burnt"),
    ],
)
def test_what_is_said_where_something_is_missing_or_several(kind, data, expected):
    assert event_sentence(kind, data) == expected


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_that_says_little_still_has_a_sentence(kind):
    """Events of older versions lack what was added to them since."""
    words = event_sentence(kind, {})
    assert words[0].isupper()
    assert "{" not in words


def test_the_kind_of_a_newer_version_is_named():
    assert event_sentence("sun_burnt", {"person": ANNA}, "a.jpg") == "a.jpg sun burnt"


def written_kinds():
    """Where a kind is given to an event: (file, line, the expression)."""
    for path in sorted((REPOSITORY / "sidecar" / "smartsort").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"NewEvent": 0, "Plan": 2}.get(node.func.id)
                if place is not None and len(node.args) > place:
                    yield path.name, node.lineno, node.args[place]


def test_no_kind_is_a_bare_string():
    """A new kind has to be put into `EventKind`, and from there into the table of sentences."""
    found = list(written_kinds())
    assert len(found) > 30
    bare = [place for *place, kind in found for part in ast.walk(kind) if isinstance(part, ast.Constant)]
    assert bare == []
    named = {part.attr for *_, kind in found for part in ast.walk(kind) if isinstance(part, ast.Attribute)}
    chosen = {"SORTED", "REVIEWED", "SKIPPED", "APPROVED", "REFILED"}
    chosen |= {"REEVALUATED", "BACKFILLED"}
    chosen |= {"REJECTED", "REMOVED_IN_IMMICH", "PUT_AWAY"}
    chosen |= {"LOST", "LINKED_AGAIN", "LINKED_BY_HAND", "EDITED_BY_HAND"}  # by the repair of the audit
    assert {kind.name for kind in EventKind} - named <= chosen, "the others are written by their names"
