"""On and off, and what may be changed while smartsort runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example

from smartsort.api.guard import BASE
from smartsort.api.problems import GUARDED, Refused
from smartsort.api.schemas.control import ConfigPatch, ConfigView, ListChange, ListReplace, ListView
from smartsort.api.schemas.state import MessagesTested, Status
from smartsort.api.security import Admin, Intaker, Reviewer
from smartsort.api.serving import ApiContext, Ctx
from smartsort.api.views import wrong_limit
from smartsort.core.model import Person
from smartsort.core.naming import same_name
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import called
from smartsort.errors import ImmichError

router = APIRouter(prefix=BASE, tags=["control"], responses=GUARDED)

ListName = Literal["whitelist", "blacklist"]

_PEOPLE_AGE_SECONDS = 30.0


@router.get("/status")
async def status(ctx: Ctx, _: Intaker) -> Status:
    """Get the status.

    `queues` counts the jobs in Immich that photos wait for. It is empty while no photo waits.
    """
    return await ctx.status.read()


@router.post("/enable")
async def enable(ctx: Ctx, caller: Admin) -> Status:
    """Switch sorting on.

    Photos that waited go on at once.
    """
    return await _switch(ctx, True, caller.name)


@router.post("/disable")
async def disable(ctx: Ctx, caller: Admin) -> Status:
    """Switch sorting off.

    smartsort still accepts photos, and they wait. Sorting stays off after a restart.
    """
    return await _switch(ctx, False, caller.name)


async def _switch(ctx: ApiContext, enabled: bool, actor: str) -> Status:
    async with ctx.changing:
        if ctx.sidecar.runtime_settings.enabled != enabled:
            await asyncio.to_thread(ctx.sidecar.runtime_settings.set_enabled, enabled, actor)
            ctx.sidecar.context.wakeups.notify_all()
    return await ctx.status.read()


@router.post("/notify/test")
async def send_test_message(ctx: Ctx, _: Admin) -> MessagesTested:
    """Send a test message.

    It goes to every address of `notify`. The answer says which of them did not accept it.
    """
    notifier = ctx.sidecar.notifier
    return MessagesTested(addresses=notifier.addresses, problems=await notifier.test())


# --- settings --------------------------------------------------------------------------------


@router.get("/config")
async def config(ctx: Ctx, _: Reviewer) -> ConfigView:
    """Get the settings in force.

    Secrets are masked. `changed` lists the keys whose value was changed at run time.
    """
    return _config_view(ctx)


_PATCH_EXAMPLES: dict[str, Example] = {
    "limit": {"summary": "Fewer wrong filings", "value": {"max_wrong_per_1000": 1}},
    "stricter": {"summary": "Ask more often", "value": {"min_confidence": 0.7}},
    "skip": {"summary": "Put duplicates away", "value": {"action_on_duplicate": "skip"}},
}


@router.patch("/config")
async def change_config(
    ctx: Ctx, caller: Admin, change: Annotated[ConfigPatch, Body(openapi_examples=_PATCH_EXAMPLES)]
) -> ConfigView:
    """Change settings.

    The change survives a restart and takes precedence over the configuration. Photos that smartsort has
    decided about stay where they are. `what-if` lists those that would go elsewhere.
    """
    if values := change.model_dump(mode="json", exclude_none=True):
        async with ctx.changing:
            await asyncio.to_thread(ctx.sidecar.runtime_settings.set_policy, values, caller.name)
    return _config_view(ctx)


@router.delete("/config")
async def forget_changes(ctx: Ctx, caller: Admin) -> ConfigView:
    """Discard all changes of settings.

    That includes the lists and the switch. The configuration then counts again.
    """
    async with ctx.changing:
        await asyncio.to_thread(ctx.sidecar.runtime_settings.forget, caller.name)
        ctx.sidecar.context.wakeups.notify_all()
    return _config_view(ctx)


def _config_view(ctx: ApiContext) -> ConfigView:
    runtime_settings = ctx.sidecar.runtime_settings
    values = runtime_settings.in_force().redacted()
    whitelist = [entry.name for entry in runtime_settings.whitelist]
    blacklist = [entry.name for entry in runtime_settings.blacklist]
    values |= {"enabled": runtime_settings.enabled, "whitelist": whitelist, "blacklist": blacklist}
    return ConfigView(
        config=values,
        whitelist=whitelist,
        blacklist=blacklist,
        changed=list(runtime_settings.changed),
        limit=wrong_limit(runtime_settings.limit()),
    )


# --- lists -----------------------------------------------------------------------------------


_PUT_EXAMPLES: dict[str, Example] = {
    "names": {"summary": "Only these", "value": {"names": ["john_doe", "Sarah Smith"]}}
}
_LIST_EXAMPLES: dict[str, Example] = {
    "add": {"summary": "One more", "value": {"add": ["Sarah Smith"]}},
    "swap": {"summary": "One for another", "value": {"add": ["anna"], "remove": ["stranger"]}},
}


def _routes_of(which: ListName, meaning: str) -> None:
    """Both lists have the same three routes."""

    @router.get(f"/config/{which}", name=f"read_{which}", description=f"Get the {which}.\n\n{meaning}")
    async def read(ctx: Ctx, _: Reviewer) -> ListView:
        return await _list_view(ctx, which)

    @router.put(
        f"/config/{which}",
        name=f"replace_{which}",
        description=f"Replace the {which}.\n\nA name that Immich does not know gets a warning.",
    )
    async def replace(
        ctx: Ctx, caller: Admin, change: Annotated[ListReplace, Body(openapi_examples=_PUT_EXAMPLES)]
    ) -> ListView:
        async with ctx.changing:
            await _store(ctx, which, change.names, caller.name)
        return await _list_view(ctx, which)

    @router.patch(
        f"/config/{which}",
        name=f"change_{which}",
        description=f"Change the {which}.\n\nNames that are on it already, or not on it, are no error.",
    )
    async def change(
        ctx: Ctx, caller: Admin, change: Annotated[ListChange, Body(openapi_examples=_LIST_EXAMPLES)]
    ) -> ListView:
        async with ctx.changing:
            there = _entries(ctx, which)
            removed = [entry for name in change.remove for entry in called(name, there)]
            kept = [entry.name for entry in there if entry not in removed]
            await _store(ctx, which, [*kept, *change.add], caller.name)
        return await _list_view(ctx, which)


_routes_of("whitelist", "People who get a folder. An empty list means every named person.")
_routes_of("blacklist", "Photos of these people never go into a person's folder.")


def _entries(ctx: ApiContext, which: ListName) -> Sequence[PersonRef]:
    runtime_settings = ctx.sidecar.runtime_settings
    return runtime_settings.whitelist if which == "whitelist" else runtime_settings.blacklist


async def _store(ctx: ApiContext, which: ListName, names: Sequence[str], actor: str) -> None:
    """Write the list. People who were on it keep the ids they were bound to."""
    known = {entry.name: entry for entry in _entries(ctx, which)}
    wanted: list[PersonRef] = []
    for name in (" ".join(name.split()) for name in names):
        if not name or not name.isprintable():
            raise Refused(422, "invalid", "a name has to have printable letters")
        if not any(same_name(name, entry.name) for entry in wanted):
            wanted.append(known.get(name, PersonRef(name)))
    runtime_settings, context = ctx.sidecar.runtime_settings, ctx.sidecar.context
    if tuple(wanted) == tuple(_entries(ctx, which)):
        return
    await asyncio.to_thread(runtime_settings.set_list, which, wanted, actor)
    context.wakeups.notify_all()


async def _list_view(ctx: ApiContext, which: ListName) -> ListView:
    runtime_settings = ctx.sidecar.runtime_settings
    warnings: list[str] = []
    unknown: list[str] = []
    ambiguous: list[str] = []
    try:
        people: Sequence[Person] = await ctx.sidecar.people.refresh(_PEOPLE_AGE_SECONDS)
    except ImmichError as problem:
        warnings.append(f"Immich cannot be asked whether it knows these names: {problem}")
    else:
        await asyncio.to_thread(runtime_settings.bind, people)
        for entry in _entries(ctx, which):
            meant = [person for person in people if person.name and entry.means(person)]
            if not meant:
                unknown.append(entry.name)
            elif len(meant) > 1:
                ambiguous.append(entry.name)
        if unknown:
            warnings.append(
                f"Immich has no person called {', '.join(unknown)}. The names count when Immich has them."
            )
        if ambiguous:
            warnings.append(
                f"More than one person is called {', '.join(ambiguous)}. Their photos go to review until "
                "they are merged or renamed in Immich."
            )
        context = ctx.sidecar.context
        warnings += [
            f"Photos of {person.name} go to the folder {context.person_folder(person)}, because another "
            "person's name has the same folder form."
            for person in people
            if person.id in context.apart and any(entry.means(person) for entry in _entries(ctx, which))
        ]
    both = [
        entry.name
        for entry in runtime_settings.whitelist
        if any(same_name(entry.name, other.name) for other in runtime_settings.blacklist)
    ]
    if both:
        warnings.append(f"On both lists, and the blacklist counts: {', '.join(both)}.")
    names = [entry.name for entry in _entries(ctx, which)]
    return ListView(names=names, unknown=unknown, ambiguous=ambiguous, warnings=warnings)
