"""The rules, in order of priority for the folder.

Each stands in one module with its reasons, their words, and what would change its mind.
"""

from __future__ import annotations

from smartsort.core.rules import confidence, copies, counting, faces, lists, looking, sorted_before

RULES = (
    looking.unreadable,
    copies.duplicate,
    copies.near_duplicate,
    lists.blacklisted_person,
    sorted_before.contradicted_folder,
    looking.recognition_failed,
    looking.frames_unreadable,
    faces.no_faces_detected,
    counting.multiple_faces,
    faces.same_person_twice,
    faces.unknown_face,
    faces.ambiguous_name,
    faces.ruled_out_person,
    faces.not_born_yet,
    lists.not_in_whitelist,
    faces.mixed_person,
    confidence.low_confidence,
)

ASKED_OF_ADOPTED = (
    looking.unreadable,
    copies.duplicate,
    copies.near_duplicate,
    lists.blacklisted_person,
    sorted_before.contradicted_folder,
)
"""The rules that hold a photo back although the user's own folder says whose it is."""

THEMES = (copies, looking, confidence, counting, faces, lists, sorted_before)
"""The modules of the rules. `tries` of each tells what would change the mind of its rules."""
