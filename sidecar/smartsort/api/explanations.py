"""Explaining a decision over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlite_utils import Database

from smartsort.api.guard import BASE
from smartsort.api.history import PhotoId
from smartsort.api.problems import GUARDED, Refused, answers
from smartsort.api.schemas.evaluation import ChangeView, Explained, RuleView
from smartsort.api.security import Reviewer
from smartsort.api.serving import Ctx
from smartsort.core.event_kinds import REJECTIONS, EventKind
from smartsort.core.explain import Explanation, explain
from smartsort.core.policy import Policy
from smartsort.core.what_if import place_of
from smartsort.core.wording import sentence
from smartsort.core.wording_events import event_sentence
from smartsort.core.wording_explained import alternative, filing_rules, rules, seen, summary
from smartsort.files.shown import shown
from smartsort.ledger import decisions, events, photo_lookup, photos, takeout
from smartsort.ledger.decisions import Decided
from smartsort.ledger.records import STAYS, Event, Member, Photo

router = APIRouter(prefix=BASE, tags=["review"], responses=GUARDED)

_BY_HUMANS = frozenset(
    {
        *(
            EventKind.APPROVED,
            EventKind.REFILED,
            EventKind.FILED_AS_ADOPTED,
            *REJECTIONS,
            EventKind.CONFIRMED,
            EventKind.RULED_OUT,
        ),
        *(EventKind.UNDONE, EventKind.REEVALUATED),
    }
)


@router.get("/photos/{photo_id}/explain", responses=answers(404))
async def of_photo(ctx: Ctx, _: Reviewer, photo_id: PhotoId) -> Explained:
    """Explain a decision.

    The answer says what smartsort saw, what each rule said, and the nearest changes that would have led
    elsewhere. It uses what smartsort stored with the decision, and the settings of that time.
    """
    policy = ctx.sidecar.runtime_settings.policy()
    found = await ctx.sidecar.context.ledger.aread(lambda db: explained(db, photo_id, policy))
    if found is None:
        raise Refused(404, "not_found", f"there is no photo {photo_id}")
    return found


@router.get("/explain", responses=answers(404, 409))
async def of_file(
    ctx: Ctx,
    _: Reviewer,
    file: Annotated[
        str,
        Query(min_length=1, max_length=4096, description="A path on the sidecar's machine, or a file name."),
    ],
) -> Explained:
    """Explain the decision about a file.

    `file` is a path of the photo on smartsort's machine, a path below the root, or a file name. If several
    photos have the name, the answer is 409 and lists their ids.
    """
    policy, folder = ctx.sidecar.runtime_settings.policy(), ctx.sidecar.context.folder

    def read(db: Database) -> Explained | list[int]:
        ids = photo_lookup.by_path(db, file, folder)
        if len(ids) != 1:
            return ids
        found = explained(db, ids[0], policy)
        return ids if found is None else found

    found = await ctx.sidecar.context.ledger.aread(read)
    if isinstance(found, Explained):
        return found
    if not found:
        raise Refused(404, "not_found", f"no photo has the name {shown(file)}")
    listed = ", ".join(map(str, found))
    raise Refused(409, "conflict", f"several photos are called {shown(file)}: {listed}. Give one of the ids")


def explained(db: Database, photo_id: int, today: Policy) -> Explained | None:
    """Return the explanation of a photo's newest decision, None for an unknown photo."""
    photo = photos.get(db, photo_id)
    if photo is None:
        return None
    own = [n for n in photos.names_of(db, [photo_id])[photo_id] if n.member is Member.PHOTO]
    outside = [n for n in own if n.area not in STAYS] or own
    plain: dict[str, Any] = {
        "photo_id": photo.id,
        "filename": shown(photo.original_name),
        "state": photo.state.value,
        "places": [shown(f"{n.area.value}/{n.path}") for n in outside],
    }
    beside = _said_beside(db, photo_id)
    decided = decisions.last_decided(db, photo_id)
    if decided is None:
        return Explained(**plain, summary=_on_its_way(photo), seen=beside)
    found = explain(decided.evidence, decided.policy or today, decided.ambiguous)
    return Explained(
        **plain,
        summary=_summary(decided, found),
        decided_at=decided.at,
        by_human=_by_human(events.of_photo(db, photo_id), plain["filename"]),
        seen=[*seen(found), *beside],
        rules=[
            RuleView(
                rule=verdict.rule.name,
                verdict="decided" if verdict.decided else "passed" if verdict.reason is None else "matched",
                text=text,
            )
            for verdict, text in rules(found)
        ]
        + [RuleView(rule=name, verdict=verdict, text=text) for name, verdict, text in filing_rules(found)],
        changes=[
            ChangeView(
                text=alternative(one),
                to=place_of(one.decision).kind,
                changes=[each.code for each in one.changes],
            )
            for one in found.alternatives
        ],
        policy_version=decided.policy_version,
        stored_settings_used=decided.policy is not None,
    )


def _summary(decided: Decided, found: Explanation) -> str:
    # A human may have put it there: then no rule tells why.
    reason = decided.reasons[0]
    if reason.code == found.decision.reason.code:
        return summary(found)
    where = f"put into review/{decided.category.value}" if decided.category else "filed"
    return f"It was {where}: {sentence(reason)}"


def _said_beside(db: Database, photo_id: int) -> list[str]:
    """Return what the JSON file of Google Takeout says, which no rule looks at."""
    said = takeout.get(db, photo_id)
    if said is None:
        return []
    people = f"Google Takeout names {', '.join(map(shown, said.people))}." if said.people else ""
    taken = (
        f"Google Takeout says that it was taken at {said.taken:%Y-%m-%d %H:%M:%S} UTC." if said.taken else ""
    )
    return [text for text in (people, taken) if text]


def _on_its_way(photo: Photo) -> str:
    if photo.problem:
        return (
            f"It is not decided yet. It is {photo.state.value}, and something is in the way: {photo.problem}"
        )
    return f"It is not decided yet. It is {photo.state.value}."


def _by_human(history: Sequence[Event], filename: str) -> str | None:
    for event in reversed(history):
        if event.kind in _BY_HUMANS and event.actor != "smartsort":
            said = event_sentence(event.kind, event.data, filename)
            at = datetime.fromisoformat(event.at).astimezone()
            return f"{said} (by {event.actor}, {at:%Y-%m-%d %H:%M:%S}, event {event.id})"
        if event.kind in (EventKind.SORTED, EventKind.REVIEWED):
            return None
    return None
