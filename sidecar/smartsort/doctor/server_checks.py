"""Immich itself: whether it answers, which one it is, and whether it is set up to recognise photos."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from smartsort.api.schemas.state import Check
from smartsort.core.completion import CHAIN
from smartsort.doctor.findings import broken, passed, skipped, told, warned
from smartsort.errors import ImmichError, ImmichRejected
from smartsort.immich import Capabilities, ImmichServer
from smartsort.immich.capabilities import NEWEST, OLDEST
from smartsort.immich.conformance import Finding, compare

CLOCK_SECONDS = 60
"""Much less than what would confuse smartsort (ten minutes), much more than a second's rounding."""

_BUSY = 1000


async def contact(server: ImmichServer) -> tuple[Check, Capabilities | None]:
    """Return whether Immich answers, and what its version can do, None when it does not answer."""
    try:
        found = await server.capabilities()
    except ImmichRejected as error:
        remedy = "Check the address, and the path in it if Immich has one behind a proxy."
        return broken("server", f"no Immich at {server.address}: {told(error)[0]}", remedy), None
    except ImmichError as error:
        return broken("server", *told(error)), None
    return passed("server", f"{server.address} answers"), found


def version(found: Capabilities) -> Check:
    """Return whether smartsort was made for this version."""
    number = ".".join(map(str, found.version))
    if not found.supported:
        oldest = ".".join(map(str, OLDEST))
        return broken(
            "version",
            f"Immich {number} is older than {oldest}: its queues cannot be listed, so smartsort cannot tell "
            "when a photo is finished",
            f"Update Immich to {oldest} or newer.",
        )
    if found.version[:2] > NEWEST:
        return warned(
            "version",
            f"Immich {number} is newer than what smartsort was tried with ({'.'.join(map(str, NEWEST))})",
            "If the line `API` is fine it will probably work. Look for an update of smartsort.",
        )
    return passed("version", f"Immich {number}")


async def api(server: ImmichServer, found: Capabilities) -> Check:
    """Return the server's own description held against what smartsort needs, operation by operation."""
    if not found.supported:
        return skipped("API", "this version is too old")
    try:
        findings = compare(await server.description())
    except ImmichError as error:
        return warned(
            "API",
            f"Immich's description of itself cannot be read: {told(error)[0]}",
            "Let /api/spec.json through if a proxy stands before Immich.",
        )
    serious = [each for each in findings if each.breaks and not each.optional]
    minor = [each for each in findings if each.breaks and each.optional]
    if serious:
        return broken(
            "API",
            f"this Immich differs from what smartsort needs: {_listed(serious + minor)}",
            "Update smartsort, or go back to an Immich that it knows, before photos are sorted.",
        )
    if minor:
        return warned(
            "API",
            f"this Immich differs in what smartsort can do without: {_listed(minor)}",
            "Update smartsort.",
        )
    return passed("API", "offers every operation and field that smartsort uses")


def _listed(findings: list[Finding]) -> str:
    return "; ".join(str(each) for each in findings)


async def recognition(server: ImmichServer) -> list[Check]:
    """Return whether Immich looks for faces at all, and where else it takes them from."""
    try:
        features = await server.features()
    except ImmichError as error:
        return [broken("face recognition", *told(error))]
    if not features.facial_recognition:
        return [
            broken(
                "face recognition",
                "Immich does not recognise faces: every photo would go to review without a face",
                "Switch it on in Immich: Administration, Settings, Machine Learning, Facial Recognition.",
            )
        ]
    if features.imports_faces:
        return [
            warned(
                "face recognition",
                "on. Faces are also read from the files' metadata, and Immich takes back what you correct on "
                "such a face",
                "Switch it off in Immich if you do not need it: Administration, Settings, Metadata, Faces.",
            )
        ]
    return [passed("face recognition", "on")]


async def queues(server: ImmichServer) -> Check:
    """Return whether one of the queues a photo goes through stands still."""
    try:
        counts = await server.queue_counts()
    except ImmichError as error:
        return broken("queues", *told(error))
    paused = [name for name in CHAIN if name in counts and counts[name].is_paused]
    if paused:
        return broken(
            "queues",
            f"paused in Immich: {', '.join(paused)}. Photos wait until they go on",
            "Resume them in Immich: Administration, Job Queues.",
        )
    pending = sum(counts[name].pending for name in CHAIN if name in counts)
    behind = f": new photos wait behind {pending} jobs" if pending > _BUSY else f", {pending} jobs pending"
    return passed("queues", f"running{behind}")


async def clock(server: ImmichServer, now: Callable[[], datetime]) -> Check:
    """Return whether both have the same time. Photos are looked up by when Immich took them in."""
    try:
        theirs = await server.clock()
    except ImmichError as error:
        return warned("clock", *told(error))
    if theirs is None:
        return skipped("clock", "Immich's answers carry no time")
    # Their seconds are cut off, so half a second in the middle is nobody's fault.
    difference = (now() - theirs).total_seconds() - 0.5
    if abs(difference) > CLOCK_SECONDS:
        ahead = "ahead of" if difference > 0 else "behind"
        return warned(
            "clock",
            f"this machine is {abs(difference):.0f} s {ahead} Immich's",
            "Have both set their clocks by NTP.",
        )
    return passed("clock", "agrees with Immich's")


async def administration(server: ImmichServer, *, allowed: bool) -> list[Check]:
    """Settings of Immich that only an administrator's key with one permission more may see."""
    if not allowed:
        return [
            skipped(
                "library watcher",
                "not visible without the permission systemConfig.read, which also shows passwords",
                "Look yourself: in Immich, Administration, Settings, External Library, the watching should "
                "be off. With it an undone rejection becomes a new photo in Immich.",
            )
        ]
    try:
        found = await server.system_settings()
    except ImmichError as error:
        return [warned("library watcher", *told(error))]
    checks = [
        warned(
            "library watcher",
            "Immich watches its libraries: a rejected photo vanishes there at once, and undoing the "
            "rejection makes a new one without its albums",
            "Switch it off: Administration, Settings, External Library. smartsort asks for scans itself.",
        )
        if found.watches_libraries
        else passed("library watcher", "off, as it should be")
    ]
    checks.append(
        passed(
            "recognition settings",
            f"a person needs {found.min_faces} faces, distance {found.max_distance}, "
            f"score {found.min_score}, model {found.recognition_model}",
        )
    )
    return checks
