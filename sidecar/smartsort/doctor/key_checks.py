"""The keys: whether they may do what smartsort needs, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field

from smartsort.api.schemas.state import Check
from smartsort.config import Settings
from smartsort.doctor.findings import broken, passed, skipped, told, warned
from smartsort.doctor.permissions import EVERYTHING, Key, Need, excess, holds, needed
from smartsort.errors import ImmichError
from smartsort.immich import ImmichServer

WHERE = "in Immich under Account Settings, API Keys"


@dataclass(slots=True)
class Rights:
    """What was found out about the keys. What is not known counts as not allowed."""

    owner: frozenset[str] | None = None
    """Permissions of the one key, or of the owner's, None for a key that is not accepted."""
    admin: frozenset[str] | None = None
    """Those of the key used for libraries and queues, None when there is none of an administrator."""
    user_id: str | None = None
    checks: list[Check] = field(default_factory=list)

    def may(self, permission: str) -> bool:
        """Return True when an administrator's key with this permission is at hand ("" for any)."""
        return self.admin is not None and (not permission or holds(self.admin, permission))


async def keys(server: ImmichServer, settings: Settings) -> Rights:
    """Return what each key may do, one line for each permission of the least set."""
    rights = Rights()
    two = settings.immich.admin_api_key is not None
    rights.owner = await _accepted(server, rights, "key", as_admin=False)
    own_admin: bool | None = None
    if rights.owner is not None and holds(rights.owner, "user.read"):
        try:
            info = await server.info()
        except ImmichError as error:
            rights.checks.append(broken("key owner", *told(error)))
        else:
            rights.user_id, own_admin = info.user_id, info.user_is_admin
    if two:
        await _second(server, rights)
    elif rights.owner is not None:
        _single(rights, own_admin)
    if rights.owner is not None:
        rights.checks += _lines(
            needed(settings, Key.OWNER), rights.owner, "the key" if not two else "the owner's key"
        )
    rights.checks += _admin_lines(settings, rights, two=two)
    if rights.owner is not None:
        used = {Key.OWNER} if two else {Key.OWNER, Key.ADMIN}
        rights.checks += _rights_line("key rights", rights.owner, used)
    if two and rights.admin is not None:
        rights.checks += _rights_line("admin key rights", rights.admin, {Key.ADMIN})
    return rights


async def _accepted(
    server: ImmichServer, rights: Rights, name: str, *, as_admin: bool
) -> frozenset[str] | None:
    try:
        found = await server.permissions(as_admin=as_admin)
    except ImmichError as error:
        rights.checks.append(broken(name, *told(error)))
    else:
        rights.checks.append(passed(name, "accepted"))
        return found
    return None


async def _second(server: ImmichServer, rights: Rights) -> None:
    found = await _accepted(server, rights, "admin key", as_admin=True)
    if found is None:
        return
    if holds(found, "user.read"):
        try:
            info = await server.admin_info()
        except ImmichError as error:
            rights.checks.append(broken("administrator", *told(error)))
            return
        if not info.user_is_admin:
            rights.checks.append(
                broken(
                    "administrator",
                    "the owner of the admin key is no administrator of Immich",
                    f"Make a key as an administrator, {WHERE}, and put it into immich.admin_api_key.",
                )
            )
            return
        rights.checks.append(passed("administrator", "the admin key is an administrator's"))
    else:
        rights.checks.append(
            warned(
                "permission user.read (admin)",
                "missing on the admin key. Without it smartsort cannot tell if its owner is an administrator",
                f"Add user.read to the admin key {WHERE}.",
            )
        )
    rights.admin = found


def _single(rights: Rights, is_admin: bool | None) -> None:
    if is_admin:
        rights.checks.append(passed("administrator", "the owner of the key is an administrator"))
    if is_admin is False:
        rights.checks.append(
            broken(
                "administrator",
                "the owner of the key is no administrator and there is no admin key: smartsort cannot use "
                "libraries and queues, so new photos are checked for duplicates and then wait. Review, "
                "approving and undo work",
                f"Have an administrator make a second key {WHERE} and put it into immich.admin_api_key.",
            )
        )
    else:
        rights.admin = rights.owner


def _lines(needs: tuple[Need, ...], permissions: frozenset[str], key: str) -> list[Check]:
    checks = []
    for need in needs:
        name = f"permission {need.permission}"
        if holds(permissions, need.permission):
            checks.append(passed(name, need.purpose))
            continue
        line = broken if need.stops else warned
        checks.append(
            line(
                name,
                f"missing. Without it {need.without}",
                f"Add {need.permission} to {key} {WHERE}.",
            )
        )
    return checks


def _admin_lines(settings: Settings, rights: Rights, *, two: bool) -> list[Check]:
    needs = needed(settings, Key.ADMIN)
    if rights.admin is not None:
        return _lines(needs, rights.admin, "the admin key" if two else "the key")
    return [skipped(f"permission {need.permission}", "needs an administrator's key") for need in needs]


def _rights_line(name: str, permissions: frozenset[str], used: set[Key]) -> list[Check]:
    more = excess(permissions, used)
    if not more:
        return [passed(name, "no more than smartsort can use. Nothing can be deleted with it")]
    listed = "everything, deleting photos included" if EVERYTHING in more else ", ".join(more)
    return [
        warned(
            name,
            f"this key can do more than smartsort needs: {listed}",
            f"Make a key with only the permissions above {WHERE}.",
        )
    ]
