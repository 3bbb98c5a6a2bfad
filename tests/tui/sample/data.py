"""Items, people and events made from their number alone, so that a hundred thousand cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from tests.tui.sample.pictures import SIZE, face_boxes

from smartsort.api.schemas.base import Category
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.people import FaceView, PersonView, SuggestionView
from smartsort.api.schemas.review import CopyView, QueueItem, ReasonView, ReviewItem
from smartsort.api.schemas.statistics import DayCount, Metric, Summary

BASE = "/api/smart-download"
NAMES = (
    "John Doe",
    "Sarah Smith",
    "Zoë Żak",
    "李雷",
    "Amara Okafor",
    "مريم حداد",
    "Lukas Müller",
    "Victor Grey",
    "Nadia",
    "山田 花子",
)
SOURCES = ("instagram", "phone", "whatsapp")
# One round; the newest item has the last place of a round.
_ROUND = (
    Category.UNIDENTIFIED,
    Category.LOW_CONFIDENCE,
    Category.MULTIPLE_FACES,
    Category.UNIDENTIFIED,
    Category.DUPLICATES,
    Category.UNIDENTIFIED,
    Category.UNWANTED_PERSON,
    Category.LOW_CONFIDENCE,
)


def folder(name: str) -> str:
    """The folder of a person."""
    return name.lower().replace(" ", "_")


def person(number: int) -> PersonView:
    name = NAMES[number % len(NAMES)]
    listed: Literal["whitelist", "blacklist"] | None = "blacklist" if name == "Victor Grey" else None
    if number < 5:
        listed = "whitelist"
    return PersonView(
        id=f"person-{number}",
        name=name,
        folder=folder(name),
        listed=listed,
        photos=max(0, 85 - 9 * number),
    )


def people() -> list[PersonView]:
    return [person(number) for number in range(len(NAMES))]


def category(item: int) -> Category:
    return _ROUND[item % len(_ROUND)]


def filename(item: int) -> str:
    if item % 16 == 9:
        return f"休暇の写真_{item:06}.jpg"
    if item % 32 == 18:
        return f"{'holiday_' * 12}{item:06}.jpg"
    return f"IMG_{item:06}.jpg"


def review_name(item: int) -> str:
    """The name of its file while it waits."""
    prefix = {
        "duplicates": "duplicate",
        "low_confidence": "lowconf",
        "multiple_faces": "multi",
        "unwanted_person": "unwanted",
    }.get(category(item), "unknown" if face_count(item) else "noface")
    return f"{prefix}_{filename(item)}"


def face_count(item: int) -> int:
    return {"unidentified": 1 if item % 3 else 0, "multiple_faces": 3, "duplicates": 1}.get(category(item), 1)


def guesses(item: int) -> list[int]:
    """The numbers of the people suggested, the likeliest first."""
    if category(item) == "duplicates" or not face_count(item):
        return []
    return [(item + place) % len(NAMES) for place in range(3)]


def suggestions(item: int) -> list[SuggestionView]:
    return [
        SuggestionView(person=person(number), similarity=round(0.71 - 0.13 * place, 2))
        for place, number in enumerate(guesses(item))
    ]


def reasons(item: int) -> list[ReasonView]:
    found = guesses(item)
    first = NAMES[found[0]] if found else "somebody"
    if category(item) == "duplicates":
        return [
            ReasonView(
                code="duplicate",
                short="duplicate",
                text="The same file is here already: faces/john_doe/IMG_000001.jpg.",
            )
        ]
    if category(item) == "unidentified" and not face_count(item):
        text = "Immich finished looking and found no face."
        return [ReasonView(code="no_faces_detected", short="no_faces_detected", text=text)]
    if category(item) == "unidentified":
        text = f"1 unknown face, closest: {first}."
        return [ReasonView(code="unknown_face", short="unknown_face", text=text)]
    if category(item) == "multiple_faces":
        text = f"3 faces on the picture, 1 allowed, among them {first}."
        return [
            ReasonView(code="multiple_faces", short="multiple_faces (3 people)", text=text),
            ReasonView(code="unknown_face", short="unknown_face", text="1 unknown face."),
        ]
    if category(item) == "unwanted_person":
        return [
            ReasonView(
                code="blacklisted_person",
                short="blacklisted_person: Victor Grey",
                text="Victor Grey is on the blacklist.",
            )
        ]
    return [
        ReasonView(
            code="low_confidence",
            short="low_confidence: 0.44",
            text=f"Perhaps {first}: confidence 0.44 is below 0.50.",
            numbers={"confidence": 0.44, "min_confidence": 0.5},
        )
    ]


def row(item: int, now: datetime, newest: int) -> QueueItem:
    found = guesses(item)
    reason = reasons(item)[0]
    place = newest - item
    when = now - timedelta(minutes=min(11 + 7 * place + place**2, 1_000_000))
    return QueueItem(
        id=item,
        category=category(item),
        filename=filename(item),
        path=f"/data/review/{category(item)}/{review_name(item)}",
        size=1_240_000 + 7919 * (item % 500),
        modified=when.isoformat(),
        reason=reason.short,
        text=reason.text,
        faces_detected=face_count(item),
        suggested_person=NAMES[found[0]] if found else None,
        suggested_person_id=f"person-{found[0]}" if found else None,
        source=SOURCES[item % len(SOURCES)],
        created_at=when.isoformat(),
        thumbnail=f"{BASE}/review/items/{item}/thumbnail",
    )


def whole(item: int, now: datetime, newest: int, history: Sequence[EventView] = ()) -> ReviewItem:
    base = row(item, now, newest)
    taken = (now - timedelta(days=30 + item % 300)).isoformat()
    faces = []
    for place, box in enumerate(face_boxes(face_count(item))):
        known = place == 0 and category(item) in ("low_confidence", "multiple_faces", "unwanted_person")
        found = suggestions(item)
        who = person(7) if category(item) == "unwanted_person" else found[0].person if found else None
        faces.append(
            FaceView(
                id=f"face-{item}-{place + 1}",
                number=place + 1,
                box=box,
                image_width=SIZE[0],
                image_height=SIZE[1],
                person=who if known else None,
                confidence=0.44 if known else None,
                runner_up=found[1].person if known and len(found) > 1 else None,
                margin=0.05 if known else None,
                suggestions=found if place == 0 else [],
            )
        )
    other = None
    if category(item) == "duplicates":
        other = CopyView(
            place="faces",
            path="faces/john_doe/IMG_000001.jpg",
            photo_id=item,
            size=2_310_000,
            width=4032,
            height=3024,
            taken_at=taken,
            thumbnail=f"{BASE}/photos/{item}/thumbnail",
        )
    return ReviewItem(
        **base.model_dump(),
        reasons=reasons(item),
        faces=faces,
        suggestions=suggestions(item),
        other_copy=other,
        width=2016 if other else 4032,
        height=1512 if other else 3024,
        taken_at=taken,
        media_type="image/jpeg",
        sha256=f"{item:064x}",
        asset_id=f"asset-{item}",
        origin="inbox",
        preview=f"{BASE}/review/items/{item}/preview",
        policy_version="1",
        places=[f"review/{category(item)}/{review_name(item)}"],
        history=[
            EventView(
                id=1,
                at=base.created_at,
                actor="smartsort",
                kind="accepted",
                photo_id=base.id,
                filename=base.filename,
                text=f"{base.filename} arrived from {base.source}",
                data={"name": base.filename, "source": base.source, "origin": "inbox"},
            ),
            *history,
        ],
    )


def summary(days: int, now: datetime, waiting: int, by_category: dict[str, int]) -> Summary:
    shown = min(days, 30)
    by_day = [
        DayCount(
            day=(now - timedelta(days=shown - 1 - day)).date().isoformat(),
            sorted=6 + (day * 37) % 23,
            reviewed=1 + (day * 13) % 6,
            approved=(day * 7) % 5,
            rejected=(day * 5) % 2,
        )
        for day in range(shown)
    ]
    auto = sum(day.sorted for day in by_day)
    rate = round(100 * auto / (auto + waiting), 1) if auto + waiting else 0.0
    return Summary(
        auto_sorted=auto,
        in_review=waiting,
        by_person={who.name: who.photos or 0 for who in people()[:8]},
        by_category=by_category,
        success_rate=rate,
        days=days,
        accepted=auto + waiting,
        approved=61,
        rejected=9,
        skipped=4,
        duplicates=12,
        auto_resolved=7,
        wrong=3,
        by_source={"instagram": 181, "phone": 122, "whatsapp": 64},
        by_day=by_day,
        metrics=[
            Metric(name="auto_sort_rate", value=rate, target="> 80 %", met=rate > 80),
            Metric(name="duplicate_catch_rate", value=100.0, target="100 %", met=True),
            Metric(name="wrongly_sorted_share", value=0.7, target="< 5 %", met=True),
            Metric(name="waiting_in_review", value=float(waiting), target="< 50", met=waiting < 50),
        ],
        queue_total=waiting,
        queue_age={"hour": waiting // 8, "day": waiting // 4, "week": waiting // 2, "older": waiting // 8},
    )
