"""All checks in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from smartsort.api.schemas.state import Check, DoctorReport
from smartsort.bootstrap import layout_of
from smartsort.config import Settings
from smartsort.doctor import server_checks
from smartsort.doctor.backfill_checks import photos_in_immich
from smartsort.doctor.findings import broken, passed, report, skipped, told, warned
from smartsort.doctor.folder_checks import (
    folders_check,
    links_check,
    names_check,
    root_check,
    space_check,
)
from smartsort.doctor.judging_checks import judging_checks
from smartsort.doctor.key_checks import Rights, keys
from smartsort.doctor.ledger_checks import (
    LedgerView,
    inbox_check,
    privacy_check,
    read_ledger,
    sidecar_check,
)
from smartsort.doctor.library_checks import Ground, Sleep, library_checks
from smartsort.errors import ConfigurationError
from smartsort.files.disk import Disk
from smartsort.immich import ImmichServer

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
"""Together they are how long a host that never answers is waited for."""

NEED_IMMICH = (
    "version",
    "API",
    "key",
    "permissions",
    "face recognition",
    "queues",
    "clock",
    "library path",
    "library",
    "other libraries",
)


def connect_briefly(settings: Settings) -> ImmichServer:
    """Return the Immich of the settings, asked once and with short time-outs. Raises ConfigurationError."""
    return ImmichServer.of(
        settings.immich, timeout_seconds=ANSWER_SECONDS, connect_timeout_seconds=CONNECT_SECONDS, retries=0
    )


async def examine(
    settings: Settings,
    *,
    connect: Callable[[Settings], ImmichServer] = connect_briefly,
    disk: Disk | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
) -> DoctorReport:
    """Look at everything and say what is wrong. Never raises for what it finds.

    Nothing is changed but for empty probe files and folders, which are gone again at the end. A sidecar may
    be running. `connect`, `disk`, `now` and `sleep` are for tests.
    """
    disk = disk or Disk()
    ledger = await asyncio.to_thread(read_ledger, settings)
    folders, writable = await asyncio.to_thread(_folders, settings, ledger, disk)
    checks = [_settings_line(settings)]
    checks += await _immich(settings, ledger, connect, now, sleep, writable=writable)
    checks.append(await machine_learning(settings, ledger.review_faces))
    checks += ledger.judging or judging_checks(settings)
    return report([*checks, *folders])


def _settings_line(settings: Settings) -> Check:
    name, file = "settings", settings.config_file
    if settings.warnings:
        return warned(name, "; ".join(settings.warnings), "`smartsort config` shows where each comes from.")
    secrets = ("immich.api_key", "immich.admin_api_key", "api.token")
    if file is not None and any(settings.origin(key) == str(file) for key in secrets):
        try:
            mode = file.stat().st_mode
        except OSError:
            mode = 0
        if mode & 0o077:
            return warned(name, f"{file} holds a key and others may read it", f"chmod 600 {file}")
    return passed(name, f"from {file}" if file else "from the environment and the command line")


def _folders(settings: Settings, ledger: LedgerView, disk: Disk) -> tuple[list[Check], bool]:
    layout = layout_of(settings)
    root = root_check(layout, ledger, disk)
    found = [root]
    writable = root.verdict != "broken"
    if writable:
        found.append(folders_check(layout, disk))
        writable = found[-1].verdict == "ok"
        why = "needs folders that can be written"
    else:
        why = "the root is not right"
        found.append(skipped("folders", why))
    if writable:
        found += [links_check(layout, disk), names_check(layout, disk)]
    else:
        found += [skipped("hard links", why), skipped("file names", why)]
    return [
        *found,
        space_check(layout),
        ledger.check,
        *((ledger.people,) if ledger.people is not None else ()),
        privacy_check(layout.root, layout.ledger),
        sidecar_check(layout.root),
        inbox_check(settings),
    ], writable


async def _immich(
    settings: Settings,
    ledger: LedgerView,
    connect: Callable[[Settings], ImmichServer],
    now: Callable[[], datetime],
    sleep: Sleep,
    *,
    writable: bool,
) -> list[Check]:
    missing = settings.missing_for_immich()
    if missing:
        variables = ", ".join(f"SMARTSORT_{key.upper().replace('.', '__')}" for key in missing)
        line = broken(
            "server", f"{' and '.join(missing)} not set", f"Run `smartsort setup`, or set {variables}."
        )
        return [line, *_without_immich()]
    try:
        server = connect(settings)
    except ConfigurationError as error:
        return [broken("server", *told(error)), *_without_immich()]
    async with server:
        line, capabilities = await server_checks.contact(server)
        if capabilities is None:
            return [line, *_without_immich()]
        checks = [line, server_checks.version(capabilities), await server_checks.api(server, capabilities)]
        rights = await keys(server, settings)
        checks += rights.checks
        checks += await server_checks.recognition(server)
        checks.append(await _queues(server, rights))
        checks.append(await server_checks.clock(server, now))
        checks += await library_checks(Ground(server, settings, rights, ledger.shards, writable, sleep))
        if settings.backfill.path_mapping:
            checks.append(await photos_in_immich(server, settings, rights.user_id))
        return checks + await server_checks.administration(server, allowed=rights.may("systemConfig.read"))


async def _queues(server: ImmichServer, rights: Rights) -> Check:
    if not rights.may("queue.read"):
        return skipped("queues", "needs an administrator's key with queue.read")
    return await server_checks.queues(server)


def _without_immich() -> list[Check]:
    return [skipped(name, "Immich has to answer first") for name in NEED_IMMICH]


async def machine_learning(settings: Settings, review_faces: tuple[int, int] = (0, 0)) -> Check:
    """Whether Immich's machine learning service answers, and how much of the queue was measured with it."""
    name, url = "machine learning", settings.immich.ml_url
    if url is None:
        return skipped(
            name,
            "immich.ml_url is not set: confidence is unknown, and when_confidence_unknown = "
            f"{settings.when_confidence_unknown} decides",
        )
    try:
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            answer = await client.get(f"{url}/ping")
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
    else:
        if answer.status_code == httpx.codes.OK and answer.text.strip() == "pong":
            measured, photos = review_faces
            of_them = f". Faces of {measured} of {photos} photos in review measured" if photos else ""
            return passed(name, f"{url} answers{of_them}")
        why = f"status {answer.status_code}, and not what Immich's service says"
    return broken(
        name,
        f"{url} does not answer ({why}): Immich may find no faces, and no confidence is measured",
        "Start Immich's machine learning container, or correct immich.ml_url.",
    )
