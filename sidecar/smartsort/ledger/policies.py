"""The settings that decisions rest on, as JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import Category
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import (
    HiddenPeople,
    MultipleFaces,
    OnDuplicate,
    Policy,
    Thresholds,
    WhenUnknown,
)
from smartsort.core.templates import PERSON
from smartsort.ledger.records import dumps


def policy_to_json(policy: Policy) -> str:
    """Return the settings a decision rests on, as JSON text."""

    def limits(value: Thresholds) -> list[float]:
        return [value.min_confidence, value.min_margin]

    return dumps(
        {
            "whitelist": [[entry.name, entry.id] for entry in policy.whitelist],
            "blacklist": [[entry.name, entry.id] for entry in policy.blacklist],
            "thresholds": limits(policy.thresholds),
            "person_thresholds": {name: limits(own) for name, own in policy.person_thresholds.items()},
            "max_faces": policy.max_faces,
            "min_face_area": policy.min_face_area,
            "when_confidence_unknown": policy.when_confidence_unknown.value,
            "multiple_faces": policy.multiple_faces.value,
            "on_duplicate": policy.on_duplicate.value,
            "hidden_people": policy.hidden_people.value,
            "categories": sorted(policy.categories),
            "template": policy.template,
            **({"rules": [_rule(rule) for rule in policy.rules]} if policy.rules else {}),
        }
    )


def policy_from_json(text: str) -> Policy:
    """Return the settings of `policy_to_json`."""
    value = json.loads(text)
    return Policy(
        whitelist=tuple(PersonRef(name, person_id) for name, person_id in value["whitelist"]),
        blacklist=tuple(PersonRef(name, person_id) for name, person_id in value["blacklist"]),
        thresholds=Thresholds(*value["thresholds"]),
        person_thresholds={name: Thresholds(*own) for name, own in value["person_thresholds"].items()},
        max_faces=value["max_faces"],
        min_face_area=value["min_face_area"],
        when_confidence_unknown=WhenUnknown(value["when_confidence_unknown"]),
        multiple_faces=MultipleFaces(value["multiple_faces"]),
        on_duplicate=OnDuplicate(value["on_duplicate"]),
        # Before there was this setting, everybody counted.
        hidden_people=HiddenPeople(value.get("hidden_people", HiddenPeople.COUNT)),
        categories=frozenset(Category(name) for name in value["categories"]),
        template=value.get("template", PERSON),
        rules=tuple(map(_rule_from, value.get("rules", ()))),
    )


_OF_PEOPLE = ("all", "any", "none", "only")
_OF_DAYS = ("date_from", "date_to")


def _rule(rule: FilingRule) -> dict[str, Any]:
    plain = {key: value for key, value in asdict(rule).items() if value}
    plain |= {key: [[e.name, e.id] for e in getattr(rule, key)] for key in _OF_PEOPLE}
    return plain | {key: day.isoformat() for key in _OF_DAYS if (day := getattr(rule, key)) is not None}


def _rule_from(plain: Mapping[str, Any]) -> FilingRule:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
    given |= {key: tuple(PersonRef(*entry) for entry in plain[key]) for key in _OF_PEOPLE}
    given |= {key: date.fromisoformat(plain[key]) for key in _OF_DAYS if key in plain}
    return FilingRule(**given)
