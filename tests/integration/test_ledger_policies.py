"""The settings that a decision rested on come back as they were, also those of an earlier version."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date

from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import Category
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import HiddenPeople, MultipleFaces, OnDuplicate, Policy, Thresholds, WhenUnknown
from smartsort.ledger.policies import policy_from_json, policy_to_json

ANNA, BEN = PersonRef("Anna", "p1"), PersonRef("Ben")
RULE = FilingRule(
    "us",
    priority=3,
    all=(ANNA,),
    any=(BEN,),
    none=(PersonRef("Cleo"),),
    only=(ANNA, BEN),
    strangers=(1, 4),
    min_people=2,
    younger_than=6,
    source=("whatsapp", "inbox"),
    date_from=date(2020, 1, 2),
    date_to=date(2024, 3, 4),
    kind=("video",),
    folder="us/{year}",
    also="all",
    album="Us",
    review=True,
)
POLICY = Policy(
    whitelist=(ANNA,),
    blacklist=(BEN,),
    thresholds=Thresholds(0.7, 0.1),
    person_thresholds={"Anna": Thresholds(0.5, 0.2)},
    max_faces=3,
    min_face_area=0.02,
    when_confidence_unknown=WhenUnknown.REVIEW,
    multiple_faces=MultipleFaces.MAIN_FACE,
    on_duplicate=OnDuplicate.SKIP,
    hidden_people=HiddenPeople.COUNT,
    categories=frozenset({Category.DUPLICATES, Category.UNIDENTIFIED}),
    template="{person}/{year}",
    rules=(RULE, FilingRule("plain")),
)


def test_every_setting_comes_back():
    usual = Policy()
    assert [f.name for f in fields(Policy) if getattr(POLICY, f.name) == getattr(usual, f.name)] == []
    usual_rule = FilingRule("")
    assert [f.name for f in fields(FilingRule) if getattr(RULE, f.name) == getattr(usual_rule, f.name)] == []
    for policy in (POLICY, usual):
        assert policy_from_json(policy_to_json(policy)) == policy
    assert "rules" not in json.loads(policy_to_json(usual))


def test_settings_of_earlier_versions_mean_what_they_meant():
    plain = json.loads(policy_to_json(Policy()))
    for since in ("hidden_people", "template", "rules"):
        plain.pop(since, None)
    earlier = policy_from_json(json.dumps(plain))
    assert earlier == Policy(hidden_people=HiddenPeople.COUNT)
