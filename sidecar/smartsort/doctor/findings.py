"""The doctor's lines, and what they come to as a whole.

`broken`: photos are not sorted until it is repaired. `warning`: they are, but something is missing or in
danger. `skipped`: not looked at, because something else is in the way or because nobody asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from smartsort.api.schemas.state import Check, DoctorReport

EXIT_STATUS = {"ok": 0, "degraded": 1, "broken": 2}


def passed(name: str, detail: str) -> Check:
    """Return a line that is fine."""
    return Check(name=name, verdict="ok", detail=detail)


def warned(name: str, detail: str, remedy: str) -> Check:
    """Return a line about something that works, but not as it should."""
    return Check(name=name, verdict="warning", detail=detail, remedy=remedy)


def broken(name: str, detail: str, remedy: str) -> Check:
    """Return a line about something that keeps photos from being sorted."""
    return Check(name=name, verdict="broken", detail=detail, remedy=remedy)


def skipped(name: str, detail: str, remedy: str = "") -> Check:
    """Return a line that was not looked at, and why."""
    return Check(name=name, verdict="skipped", detail=detail, remedy=remedy)


def report(checks: Sequence[Check]) -> DoctorReport:
    """Return all lines and the worst of them."""
    verdicts = {check.verdict for check in checks}
    if "broken" in verdicts:
        return DoctorReport(checks=list(checks), status="broken")
    return DoctorReport(checks=list(checks), status="degraded" if "warning" in verdicts else "ok")


def told(error: Exception) -> tuple[str, str]:
    """Return an error's message as what is wrong and what to do, split after its first sentence."""
    cause, _, remedy = str(error).partition(". ")
    remedy = remedy.removeprefix("Photos wait. ")
    if not remedy.startswith("smartsort"):
        remedy = remedy[:1].upper() + remedy[1:]
    return cause.removesuffix("."), remedy
