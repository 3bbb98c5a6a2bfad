"""What actions did, as answers: one photo or many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi.openapi.models import Example
from sqlite_utils import Database

from smartsort.actions import ANY_VERSION, ActionResult, Agreed, Batch, PersonSelector
from smartsort.api.problems import Refused
from smartsort.api.schemas.decisions import (
    ActionResultView,
    Approve,
    BulkActionResult,
    BulkApprove,
    LeftAlone,
    Relink,
    Selection,
)
from smartsort.api.schemas.history import EventView, Undo
from smartsort.api.schemas.people import PersonChoice
from smartsort.api.schemas.strangers import MarkFaces, NameFaces
from smartsort.api.security import Caller
from smartsort.api.serving import ApiContext
from smartsort.api.views import event_views
from smartsort.core.event_kinds import REJECTIONS, EventKind
from smartsort.ledger import events, review, statistics
from smartsort.ledger.records import Event

Previewable = TypeVar("Previewable", Selection, BulkApprove, Undo, NameFaces, MarkFaces, Relink)
Act = Callable[[Previewable, Agreed | None], Awaitable[Batch]]

REDEEM: Example = {"summary": "What a dry run has shown", "value": {"preview": "vX3kT0yGm6Zk2mE0xqPz1w"}}
"""How `carry_out` is asked to do what it has previewed."""

_STATUSES = {
    "not_found": (404, "not_found"),
    "no_suggestion": (422, "no_suggestion"),
    "not_a_photo": (422, "not_a_photo"),
    "storage": (503, "storage"),
    "file": (503, "storage"),
}
"""Of what failed, by its code. Everything else means that somebody or something was faster (409)."""


def selectors_of(wanted: Approve | NameFaces) -> list[PersonSelector]:
    """The people that are meant, none for each photo's suggested one."""
    given: list[str | PersonChoice] = [
        *([wanted.person] if wanted.person is not None else []),
        *(wanted.people if isinstance(wanted, Approve) else ()),
    ]
    return [
        PersonSelector(name=one)
        if isinstance(one, str)
        else PersonSelector(name=one.name, id=one.id, create=one.create)
        for one in given
    ]


def action_result_view(one: ActionResult) -> ActionResultView:
    """Return what became of one photo."""
    action: Any = one.action
    return ActionResultView(
        id=one.photo_id,
        action=action,
        destination=", ".join(one.names) or None,
        path=one.path,
        person=one.person,
        event=one.event,
        problem=one.problem,
        stays=one.stays or None,
        companions=list(one.companions),
    )


async def only(ctx: ApiContext, batch: Batch, caller: Caller | None = None) -> ActionResultView:
    """Return the answer for an action on one photo. Raises Refused when it failed.

    The keys that the caller has pressed for it are remembered.
    """
    one = batch.results[0]
    if one.ok:
        await _count_keys(ctx, caller, one.event)
        return action_result_view(one)
    status, code = _STATUSES.get(one.code, (409, "conflict"))
    happened = await _view(ctx, one.happened)
    raise Refused(status, code, one.problem or "it could not be done", happened=happened)


def bulk_result(batch: Batch) -> BulkActionResult:
    """Return the answer for an action on many photos."""
    # What is done to one photo alone is a group of nobody: its own event takes it back.
    event = batch.results[0].event if len(batch) == 1 and batch.event is None else batch.event
    return BulkActionResult(
        decided=[action_result_view(one) for one in batch if one.action != "changed"],
        done=batch.done,
        failed=batch.failed,
        event=event,
        excluded=sum(one.action == "excluded" for one in batch),
        counts=dict(Counter(kind for one in batch for kind in sorted(one.kinds))),
        changed=[
            LeftAlone(id=one.photo_id, reason=one.problem or "it has changed")
            for one in batch
            if one.action == "changed"
        ],
    )


async def _count_keys(ctx: ApiContext, caller: Caller | None, event: int | None) -> None:
    if caller is not None and caller.keys and event is not None:
        await ctx.sidecar.context.ledger.awrite(lambda db: statistics.count_keys(db, event, caller.keys))


async def carry_out(
    ctx: ApiContext, caller: Caller, action: str, asked: Previewable, act: Act[Previewable]
) -> BulkActionResult:
    """Do a bulk action, preview it, or redeem a preview. `act` does it, or tells what it would do.

    Raises Refused.
    """

    async def redeemed(again: Previewable, agreed: Agreed) -> BulkActionResult:
        return bulk_result(await act(again.model_copy(update={"dry_run": False}), agreed))

    if asked.preview is not None:
        fields = type(asked).model_fields
        if {name for name, value in asked if value and value != fields[name].default} != {"preview"}:
            raise Refused(422, "invalid", "`preview` stands for the whole action: give nothing else with it")
        answer = await ctx.previews.redeem(asked.preview, action, caller, redeemed)
        await _count_keys(ctx, caller, answer.event)
        return answer
    batch = await act(asked, _seen(asked))
    answer = bulk_result(batch)
    if asked.dry_run:
        # What is undone by name stays that event, whatever is done until then.
        meant = {"event": batch.undoes, "last": False, "photo": None} if batch.undoes else {}
        asked = asked.model_copy(update=meant)
        answer.preview = ctx.previews.keep(action, caller, asked, batch.versions)
    else:
        await _count_keys(ctx, caller, answer.event)
    return answer


def _seen(asked: Selection | Undo | NameFaces | Relink) -> Agreed | None:
    """The versions of photos that are named, None where none is given."""
    if not isinstance(asked, Selection) or not asked.versions:
        return None
    return {photo_id: asked.versions.get(photo_id, ANY_VERSION) for photo_id in asked.ids}


async def check_pending(ctx: ApiContext, photo_id: int) -> None:
    """Check that a photo waits.

    Raises Refused: 404 for one that was never in review, 409 with what happened for one that was decided.
    """
    found = await ctx.sidecar.context.ledger.aread(lambda db: review.conditions(db, [photo_id]))
    action = found.get(photo_id)
    if action is None:
        raise Refused(404, "not_found", f"photo {photo_id} is not in the review queue")
    if action != "pending":
        event = await ctx.sidecar.context.ledger.aread(lambda db: _decision(db, photo_id))
        raise Refused(
            409,
            "conflict",
            f"photo {photo_id} was {action} already"
            + (f" by {event.actor} at {event.at}" if event is not None else ""),
            happened=await _view(ctx, event),
        )


async def _view(ctx: ApiContext, event: Event | None) -> EventView | None:
    """Return one event for an answer, None of none."""
    if event is None:
        return None
    return (await ctx.sidecar.context.ledger.aread(lambda db: event_views(db, [event])))[0]


def _decision(db: Database, photo_id: int) -> Event | None:
    """Return what took the photo out of the queue last."""
    history = events.before(db, None, 100, photo_id=photo_id)
    closing = (EventKind.APPROVED, *REJECTIONS, EventKind.SORTED, EventKind.FILED_AS_ADOPTED)
    return next((event for event in history if event.kind in closing), None)
