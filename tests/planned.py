"""What a plan says of one photo, as plain values that a test compares whole."""

from __future__ import annotations

import dataclasses

from smartsort.actions.plan import Plan
from smartsort.actions.values import ActionResult
from smartsort.core.model import State
from smartsort.ledger.arrangement import Arrangement


def held(*names, review="two faces", told=(), ruled_out=None, state=State.REVIEW):
    values = {"state": state.value, "person_name": None, "category": None}
    row = {"reason": review, "action": "pending"} if review else None
    return Arrangement(values, names, row, None, 1, told, ruled_out or {})


def said(plan):
    """Return what a plan says beyond the photo as it is: all of it that is not as usual."""
    usual = Plan(plan.photo, plan.before, plan.kind, plan.done)
    fields = ((each.name, getattr(plan, each.name)) for each in dataclasses.fields(Plan))
    found = {name: value for name, value in fields if value != getattr(usual, name)}
    act = plan.data.get("act")
    assert act is None or len(act) == 16
    for data in (plan.data, *(data for _, data in plan.messages)):
        if act is not None and data.get("act") == act:
            data["act"] = "ACT"
    return (plan.kind, plan.done), found


def refused(answer):
    assert isinstance(answer, ActionResult)
    return answer.action, answer.code, answer.problem
