"""The limit of wrong filings and Immich's model for faces, as the ledger knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from smartsort.api.schemas.state import Check
from smartsort.config import Settings
from smartsort.core.model import Person
from smartsort.core.person_ref import PersonRef
from smartsort.core.words import quantity
from smartsort.core.wrong_limit import LimitInForce, Observed, in_words
from smartsort.doctor.findings import passed, warned
from smartsort.ledger import key_value, spot_checks
from smartsort.ledger.person_folders import PEOPLE_NAMES
from smartsort.runtime_settings import limit_in_force


def judging_checks(settings: Settings, db: Database | None = None) -> list[Check]:
    """Return both checks, without a ledger only what the settings lead to."""
    if db is None:
        return [_limit_check(limit_in_force(settings, {}, Observed()), {})]
    limit = limit_in_force(settings, key_value.get(db, "policy") or {}, spot_checks.observed(db))
    household = key_value.get(db, key_value.HOUSEHOLD, {})
    return [_model_check(db), _limit_check(limit, household), *_rules_check(settings, db)]


def _rules_check(settings: Settings, db: Database) -> list[Check]:
    """Return whether Immich knows whom the filing rules name, nothing before it was asked."""
    known: Mapping[str, str] = key_value.get(db, PEOPLE_NAMES, {})
    if not settings.rules or not known:
        return []
    bound: Mapping[str, str] = key_value.get(db, "bound", {}).get("rules", {})
    people = [Person(person_id, name) for person_id, name in known.items()]
    named = {name: rule for rule in settings.rules for name in (*rule.all, *rule.any, *rule.none, *rule.only)}
    unknown = [n for n in named if not any(PersonRef(n, bound.get(n)).means(person) for person in people)]
    if not unknown:
        return [passed("rules", f"{quantity(len(settings.rules), 'rule')}, and Immich knows whom they name")]
    told = ", ".join(f"{name} (in {named[name].name})" for name in unknown)
    return [warned("rules", f"Immich has no person called {told}", "Check the spelling in `[[rules]]`.")]


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
