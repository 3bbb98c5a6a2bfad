"""The limit of wrong filings and Immich's model for faces, as the ledger knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from smartsort.api.schemas.state import Check
from smartsort.config import Settings
from smartsort.core.wrong_limit import LimitInForce, Observed, in_words
from smartsort.doctor.findings import passed, warned
from smartsort.ledger import key_value, spot_checks
from smartsort.runtime_settings import limit_in_force


def judging_checks(settings: Settings, db: Database | None = None) -> list[Check]:
    """Return both checks, without a ledger only what the settings lead to."""
    if db is None:
        return [_limit_check(limit_in_force(settings, {}, Observed()), {})]
    limit = limit_in_force(settings, key_value.get(db, "policy") or {}, spot_checks.observed(db))
    household = key_value.get(db, key_value.HOUSEHOLD, {})
    return [_model_check(db), _limit_check(limit, household)]


def _limit_check(limit: LimitInForce, household: Mapping[str, Any]) -> Check:
    text = in_words(limit)
    if household:
        text += (
            f" Of {household['faces']} faces in your galleries, {household['alike']} look like another"
            f" person. Faces of one person agree to {household['agreement']:.2f}, faces of strangers to "
            f"{household['level']:.2f}."
        )
    if limit.kept:
        return passed("wrong filings", text)
    remedy = "Look at the wrong filings: often one person in Immich is two. Otherwise raise the limit."
    return warned("wrong filings", text, remedy)


def _model_check(db: Database) -> Check:
    """Return whether the model has changed, and how many galleries are measured again."""
    change = key_value.get(db, key_value.MODEL_CHANGE)
    if change is None:
        return passed("face model", "no change was noticed")
    text = (
        f"{change['model']} since {change['at'][:16]}, {change['faces']} faces of the model before forgotten"
    )
    galleries, stale = db.conn.execute("SELECT count(*), coalesce(sum(stale), 0) FROM galleries").fetchone()
    if not stale:
        return passed("face model", f"{text}. All galleries are measured again")
    return warned(
        "face model",
        f"{text}. Galleries measured again: {galleries - stale} of {galleries}",
        "Wait. smartsort measures them while no photo is in progress.",
    )
