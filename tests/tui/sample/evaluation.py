"""What the made-up sidecar says about judging: explanations, people ruled out and spot checks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tests.tui.sample import data
from tests.tui.sample.pictures import SIZE, face_boxes

from smartsort.api.schemas.evaluation import ChangeView, Explained, RuleView, SpotCheck, SpotCheckPage
from smartsort.api.schemas.near_misses import NearMisses, NearMissFace
from smartsort.api.schemas.people import FaceView
from smartsort.api.schemas.review import ReviewItem
from smartsort.api.schemas.statistics import SpotCheckResult

CHECKS = 5
"""Filings that were drawn; their photos have the numbers from `FIRST` on."""
FIRST = 80_000


def explained(item: int, now: datetime, newest: int) -> Explained:
    whole = data.whole(item, now, newest)
    changes = []
    if whole.category == "low_confidence":
        who = whole.suggestions[0].person.name
        text = f"With min_confidence at 0.44 it would be filed under {who}."
        changes.append(ChangeView(text=text, to="faces", changes=["min_confidence"]))
    elif whole.suggestions:
        who = whole.suggestions[0].person.name
        text = f"If you confirmed in Immich that it is {who}, it would be filed."
        changes.append(ChangeView(text=text, to="faces", changes=["confirmed"]))
    return Explained(
        photo_id=whole.id,
        filename=whole.filename,
        state="review",
        places=whole.places,
        summary=f"It was put into review/{whole.category}: {whole.text}",
        seen=[f"Face {face.number}: {_known(face)}." for face in whole.faces],
        rules=[
            RuleView(rule="duplicate", verdict="passed", text="The file was not here before."),
            RuleView(rule="blacklist", verdict="passed", text="No person on it is on the blacklist."),
            RuleView(rule=whole.reasons[0].code, verdict="decided", text=whole.text),
        ],
        changes=changes,
    )


def _known(face: FaceView) -> str:
    return f"Immich says it is {face.person.name}" if face.person else "Immich knows nobody like it"


def without(item: ReviewItem, ruled_out: set[str]) -> ReviewItem:
    """The item without the people who were ruled out."""
    kept = [one for one in item.suggestions if one.person.id not in ruled_out]
    faces = [
        face.model_copy(
            update={"suggestions": [one for one in face.suggestions if one.person.id not in ruled_out]}
        )
        for face in item.faces
    ]
    first = kept[0].person if kept else None
    return item.model_copy(
        update={
            "suggestions": kept,
            "faces": faces,
            "suggested_person": first.name if first else None,
            "suggested_person_id": first.id if first else None,
        }
    )


def check(photo: int, now: datetime) -> SpotCheck:
    who = data.person((photo - FIRST) % 5)
    name = f"IMG_{photo}.jpg"
    confidence = 0.93 - 0.07 * (photo - FIRST)
    box = face_boxes(1)[0]
    return SpotCheck(
        photo_id=photo,
        event=photo,
        filename=name,
        path=f"/data/faces/{who.folder}/{name}",
        people=[who.name],
        confidence=confidence,
        text=f"This is {who.name} (confidence {confidence:.2f}).",
        filed_at=(now - timedelta(hours=1 + photo - FIRST)).isoformat(),
        faces=[
            FaceView(id=f"f{photo}", number=1, box=box, image_width=SIZE[0], image_height=SIZE[1], person=who)
        ],
        thumbnail=f"{data.BASE}/photos/{photo}/thumbnail",
        preview=f"{data.BASE}/photos/{photo}/preview",
    )


def page(waiting: list[int], answers: dict[int, bool], now: datetime) -> SpotCheckPage:
    """What waits, and the share of wrong ones among 40 old answers and those given here."""
    checked, wrong = 40 + len(answers), 1 + sum(not right for right in answers.values())
    result = SpotCheckResult(
        checked=checked,
        wrong=wrong,
        pending=len(waiting),
        error_rate=round(100 * wrong / checked, 1),
        low=0.4,
        high=12.9,
        met=None,
    )
    return SpotCheckPage(items=[check(photo, now) for photo in waiting], result=result)


def near_misses(pending: Iterable[int]) -> list[NearMisses]:
    """John and Sarah are close to some unknown faces of the photos that wait."""
    found = []
    waiting = sorted(item for item in pending if data.category(item) == "unidentified")
    for person, ids in zip(data.people()[:2], (waiting[:4], waiting[4:6]), strict=True):
        faces = [_near(number, item) for number, item in enumerate(ids, 1)]
        if faces:
            low, high = faces[-1].similarity, faces[0].similarity
            text = f"{len(faces)} faces might be {person.name} ({low:.2f} to {high:.2f})"
            sheet = f"/api/smart-download/review/near-misses/{person.id}/sheet"
            found.append(NearMisses(person=person, text=text, low=low, high=high, sheet=sheet, faces=faces))
    return found


def _near(number: int, item: int) -> NearMissFace:
    picture = f"/api/smart-download/review/items/{item}"
    return NearMissFace(
        photo_id=item,
        number=number,
        face=f"face-{item}-0",
        box=(500, 200, 800, 600),
        image_width=1440,
        image_height=1080,
        similarity=0.53 - 0.02 * number,
        filename=data.filename(item),
        source="whatsapp",
        taken_at="2025-05-17T12:00:00",
        thumbnail=f"{picture}/thumbnail",
        preview=f"{picture}/preview",
    )
