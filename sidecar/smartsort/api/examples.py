"""An example of each answer, for the description at `/docs`."""

from __future__ import annotations

from typing import Any

_AT = "2026-05-01T12:00:09.470+00:00"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_FACE = "eae2025e-8233-4e23-9ff3-334b91b15f5d"
_BASE = "/api/smart-download"

_JOHN = {
    "id": "1846d424-c17c-4279-a3c6-612f48268673",
    "name": "John Doe",
    "folder": "john_doe",
    "hidden": False,
    "favourite": False,
    "to_come": False,
    "listed": "whitelist",
    "photos": 85,
    "mixed": [],
}
_SUGGESTED = {"person": _JOHN, "similarity": 0.55, "measured": True, "accepted": True, "assigned": True}
_LIKELIEST = {
    "person": "John Doe",
    "person_id": _JOHN["id"],
    "similarity": 0.55,
    "measured": True,
    "accepted": True,
}
_REASON = {
    "code": "low_confidence",
    "short": "low_confidence: 0.55",
    "text": "Perhaps John Doe: confidence 0.55 is below 0.60.",
    "names": ["John Doe"],
    "numbers": {"confidence": 0.55, "min_confidence": 0.6},
    "detail": "",
}
_FACE_VIEW = {
    "id": _FACE,
    "number": 1,
    "box": [412, 96, 731, 505],
    "image_width": 1920,
    "image_height": 1440,
    "person": _JOHN,
    "confidence": 0.55,
    "margin": 0.12,
    "runner_up": None,
    "why_unknown": None,
    "suggestions": [_SUGGESTED],
    "nearest": _SUGGESTED,
}
_EVENT = {
    "id": 4711,
    "at": _AT,
    "actor": "admin",
    "kind": "approved",
    "photo_id": 23,
    "filename": "IMG_1.jpg",
    "text": "IMG_1.jpg was approved as John Doe: faces/john_doe/IMG_1.jpg",
    "data": {"people": ["John Doe"], "names": [["faces", "john_doe/IMG_1.jpg"]]},
    "undoes": None,
    "undone_by": None,
    "undoable": True,
}
_RESULT = {
    "status": "success",
    "action": "sorted",
    "destination": "/data/faces/john_doe/IMG_1.jpg",
    "reason": "face_match_verified",
    "person": "John Doe",
    "hash": _SHA256,
    "category": None,
}
_SUBMISSION = {
    "id": "80bfd63848fe8e09592d",
    "photo_id": 23,
    "url": "https://example.org/photos/IMG_1.jpg",
    "source": "example",
    "state": "filed",
    "problem": None,
    "created_at": _AT,
    "result": _RESULT,
}
_QUEUE_ITEM = {
    "id": 23,
    "category": "low_confidence",
    "filename": "IMG_1.jpg",
    "path": "/data/review/low_confidence/lowconf_IMG_1.jpg",
    "size": 2481153,
    "modified": "2026-05-01T12:00:00+00:00",
    "reason": "low_confidence: 0.55",
    "text": "Perhaps John Doe: confidence 0.55 is below 0.60.",
    "faces_detected": 1,
    "suggestion": _LIKELIEST,
    "nearest": _LIKELIEST,
    "suggested_person": "John Doe",
    "suggested_person_id": _JOHN["id"],
    "source": "instagram",
    "created_at": _AT,
    "thumbnail": f"{_BASE}/review/items/23/thumbnail",
    "companions": ["IMG_1.MOV"],
}
_DECIDED = {
    "id": 23,
    "action": "approved",
    "destination": "faces/john_doe/IMG_1.jpg",
    "path": "/data/faces/john_doe/IMG_1.jpg",
    "person": "John Doe",
    "event": 4711,
    "problem": None,
    "stays": None,
    "companions": ["IMG_1.MOV"],
}
_HEALTH_ISSUE = {
    "kind": "immich",
    "message": "Immich at http://immich:2283 does not answer.",
    "since": _AT,
    "severity": "problem",
}
_LISTS = {"whitelist": ["john_doe", "Sarah Smith"], "blacklist": ["stranger"]}

EXAMPLES: dict[str, Any] = {
    "ActionResultView": _DECIDED,
    "BulkActionResult": {
        "decided": [_DECIDED],
        "done": 1,
        "failed": 0,
        "event": 4712,
        "excluded": 0,
        "counts": {},
        "changed": [{"id": 24, "reason": "photo 24 is not as it was when you saw it"}],
        "text": "",
        "preview": None,
    },
    "ConfigView": {
        "config": {
            "enabled": True,
            **_LISTS,
            "thresholds": {"min_confidence": 0.6, "max_faces_per_image": 1},
        },
        **_LISTS,
        "changed": ["thresholds.min_confidence"],
    },
    "DoctorReport": {
        "checks": [
            {"name": "root", "verdict": "ok", "detail": "/data", "remedy": ""},
            {
                "name": "permissions",
                "verdict": "broken",
                "detail": "the key lacks face.update",
                "remedy": "Give the key this permission in Immich, or run `smartsort setup`.",
            },
        ],
        "status": "broken",
    },
    "EventPage": {"events": [_EVENT], "next_cursor": "4711"},
    "EventView": _EVENT,
    "KnownContent": {
        "known": True,
        "available": True,
        "place": "ledger",
        "photo_id": 23,
        "rejected_by": None,
    },
    "Health": {"status": "ok", "version": "0.1.0"},
    "Submission": _SUBMISSION,
    "SubmissionAccepted": {
        "id": _SUBMISSION["id"],
        "link": f"{_BASE}/submissions/{_SUBMISSION['id']}",
        "state": "downloading",
        "result": None,
    },
    "SubmissionPage": {"items": [_SUBMISSION], "next_cursor": None},
    "MessagesTested": {"addresses": 2, "problems": ["notify.webhook answered 404"]},
    "PersonView": _JOHN,
    "OnePerson": {"event": 4711},
    "QueueItem": _QUEUE_ITEM,
    "Ready": {
        "status": "waiting",
        "enabled": True,
        "immich": _HEALTH_ISSUE["message"],
        "health_issues": [_HEALTH_ISSUE],
        "in_progress_by_state": {"known": 12},
    },
    "Result": _RESULT,
    "ReviewItem": {
        **_QUEUE_ITEM,
        "reasons": [_REASON],
        "faces": [_FACE_VIEW],
        "suggestions": [_SUGGESTED],
        "other_copy": None,
        "width": 4032,
        "height": 3024,
        "taken_at": "2026-05-01T12:00:00+00:00",
        "media_type": "image/jpeg",
        "sha256": _SHA256,
        "asset_id": "c470f0e7-f76f-4fb8-b412-fc12ac322c12",
        "origin": "url",
        "origin_url": _SUBMISSION["url"],
        "preview": f"{_BASE}/review/items/23/preview",
        "policy_version": "2a3aca414b52",
        "version": "6a1f3f1a0c9d2b47",
        "action": "pending",
        "state": "review",
        "places": [
            "library/shard-0001/9f/9f86d081884c7d65/IMG_1.jpg",
            "review/low_confidence/lowconf_IMG_1.jpg",
        ],
        "history": [],
    },
    "ReviewPage": {
        "items": [_QUEUE_ITEM],
        "total": 23,
        "counts": {"unidentified": 15, "low_confidence": 8},
        "next_cursor": "new:7",
    },
    "Status": {
        "enabled": True,
        "ready": True,
        "version": "0.1.0",
        "immich": "connected",
        "immich_version": "3.1.0",
        "immich_url": "http://immich:2283",
        "root": "/data",
        "inbox": "/data/inbox",
        "inbox_waiting": 0,
        "inbox_left": ["/data/inbox/takeout/metadata.json"],
        "in_progress_by_state": {"known": 1},
        "in_review": 23,
        "queues": {"thumbnailGeneration": 0, "faceDetection": 1, "facialRecognition": 0},
        "estimated_wait_seconds": 4.2,
        "health_issues": [],
        "in_progress": [
            {
                "photo_id": 24,
                "filename": "IMG_2.jpg",
                "source": "phone",
                "state": "known",
                "since": _AT,
                "problem": None,
            }
        ],
        "immich_requests": 107,
        "started_at": "2026-05-01T11:00:00.000+00:00",
    },
}
"""By the name of the shape. Those that are not here have theirs beside their fields."""

CSV = """\
id,category,filename,path,size,modified,reason,text,faces_detected,suggested_person,source,created_at
23,duplicates,IMG_1.jpg,/data/review/duplicates/duplicate_IMG_1.jpg,2481153,2026-05-01T12:00:00+00:00,\
duplicate,The same file is here already: faces/john_doe/IMG_1.jpg.,0,,instagram,2026-05-01T12:00:09.470+00:00
"""
METRICS = """\
# HELP smartsort_sorted_photos Photos whose last automatic decision filed them.
# TYPE smartsort_sorted_photos gauge
smartsort_sorted_photos 145.0
"""
MESSAGE = {"id": "4711", "event": "approved", "data": '{"id": 4711, "kind": "approved", "photo_id": 23}'}
