"""The household's own rules: which fits, which decides, and that every photo lands once in each folder."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.household import HOUSEHOLD, photo, sure

from smartsort.core.decision import decide, rules_of
from smartsort.core.explain import explain
from smartsort.core.filing_rules import FilingRule, FilingRules, Seen
from smartsort.core.model import Category, Evidence, Face, Origin, Outcome, Person
from smartsort.core.naming import folder_name
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import MultipleFaces, Policy
from smartsort.core.templates import folders_of
from smartsort.core.what_if import place_of
from smartsort.core.wording_explained import filing_rules
from smartsort.ledger.policies import policy_from_json, policy_to_json

ANNA, BEN, MIA = (Person(f"p-{n}", n, born=b) for n, b in (("Anna", ""), ("Ben", ""), ("Mia", "2019-05-01")))
EVERYBODY = dataclasses.replace(
    HOUSEHOLD, whitelist=(), blacklist=(), max_faces=1, multiple_faces=MultipleFaces.EACH_PERSON
)
ROME = Origin("WhatsApp", "Trip to Rome", "Pixel 8")


def refs(*names: str) -> tuple[PersonRef, ...]:
    return tuple(map(PersonRef, names))


def rule(name: str = "rule", *, folder: str = "own", **more) -> FilingRule:
    return FilingRule(name, folder=folder, **more)


def seen(
    *people: Person, strangers: int = 0, taken: str | None = "2024-07-05T12:00:00", origin: Origin = ROME
):
    return Seen(people, strangers, Evidence(taken=taken, origin=origin))


def fits(one: FilingRule, what: Seen) -> bool:
    return bool(FilingRules([one], "{person}").fitting(what))


CONDITIONS = [
    ({"all": refs("Anna", "Ben")}, seen(ANNA, BEN, MIA), seen(ANNA, MIA)),
    ({"any": refs("Anna", "Ben")}, seen(BEN, MIA), seen(MIA)),
    ({"none": refs("Anna", "Ben")}, seen(MIA), seen(MIA, BEN)),
    ({"only": refs("Anna", "Ben")}, seen(BEN), seen(ANNA, BEN, MIA)),
    ({"any": refs("anna")}, seen(ANNA), seen(BEN)),  # as people read names
    ({"any": (PersonRef("Whoever", "p-Anna"),)}, seen(ANNA), seen(Person("p-x", "Whoever"))),  # the id counts
    ({"strangers": (0, 0)}, seen(ANNA), seen(ANNA, strangers=1)),
    ({"strangers": (1, None)}, seen(ANNA, strangers=1), seen(ANNA)),
    ({"strangers": (0, 2)}, seen(ANNA, strangers=2), seen(ANNA, strangers=3)),
    ({"min_people": 2}, seen(ANNA, BEN), seen(ANNA, strangers=5)),
    (
        {"younger_than": 6},
        seen(ANNA, MIA, taken="2025-04-30T12:00:00"),
        seen(MIA, taken="2025-05-01T00:00:00"),
    ),
    ({"younger_than": 6}, seen(MIA), seen(ANNA)),
    ({"younger_than": 6}, seen(MIA), seen(MIA, taken=None)),
    ({"source": ("whatsapp",)}, seen(ANNA), seen(ANNA, origin=Origin("signal"))),
    ({"source": ("inbox",)}, seen(ANNA, origin=Origin("")), seen(ANNA)),
    ({"date_from": date(2024, 7, 5)}, seen(ANNA), seen(ANNA, taken="2024-07-04T23:59:59")),
    ({"date_to": date(2024, 7, 5)}, seen(ANNA), seen(ANNA, taken="2024-07-06T00:00:00")),
    ({"date_to": date(2024, 7, 5)}, seen(ANNA), seen(ANNA, taken=None)),
    ({"date_from": date(2024, 7, 5)}, seen(ANNA, taken="2024-07-05T00:00:00"), seen(ANNA, taken="summer")),
    ({"younger_than": 6}, seen(MIA), seen(Person("p-x", "X", born="unknown"))),
    ({"younger_than": 6}, seen(Person("p-x", "X", born="2020-07-05T00:00:00Z")), seen(ANNA)),
    ({"younger_than": 6}, seen(MIA, Person("p-x", "X", born="1980-01-01")), seen(ANNA, BEN)),
    ({"source": ("Whats  App", "x")}, seen(ANNA, origin=Origin("whats app")), Seen((ANNA,), 0, Evidence())),
    ({"kind": ("live",)}, seen(ANNA, origin=Origin(kind="live")), Seen((ANNA,), 0, Evidence())),
    ({"strangers": (2, 3)}, seen(ANNA, strangers=3), seen(ANNA, strangers=1)),
    ({"kind": ("video", "live")}, seen(ANNA, origin=Origin(kind="live")), seen(ANNA)),
]


@pytest.mark.parametrize(("conditions", "yes", "no"), CONDITIONS)
def test_a_condition_holds_or_not(conditions, yes, no):
    assert fits(rule(**conditions), yes)
    assert not fits(rule(**conditions), no)


def test_all_conditions_have_to_hold():
    both = rule(any=refs("Anna"), source=("whatsapp",))
    assert fits(both, seen(ANNA))
    assert not fits(both, seen(BEN))
    assert not fits(both, seen(ANNA, origin=Origin("x")))


def test_the_highest_priority_decides_then_the_first_and_all_that_fit_are_told():
    rules = [
        rule("low", folder="low"),
        rule("first", folder="a", priority=5),
        rule("second", folder="b", priority=5),
    ]
    filed = FilingRules(rules, "{person}").filed(seen(ANNA))
    assert filed.folders == ("a",)
    assert [r.name for r in filed.fits] == ["first", "second", "low"]
    assert [(r.code, r.names) for r in filed.reasons] == [
        ("filing_rule", ("first",)),
        ("filing_rule_fits", ("second",)),
        ("filing_rule_fits", ("low",)),
    ]


def test_a_rule_without_a_folder_leaves_the_template_and_also_adds_one_folder_once():
    filed = FilingRules([FilingRule("x", also="family/{year}", album="Us")], "{person}/{year}").filed(
        seen(ANNA)
    )
    assert (filed.folders, filed.albums) == (("{person}/2024", "family/2024"), ("Us",))
    same = FilingRules([FilingRule("x", folder="us", also="us")], "{person}").filed(seen(ANNA, BEN))
    assert same.folders == ("us",)


def test_a_rule_that_asks_does_not_ask_again_after_a_human_and_the_next_one_decides():
    rules = FilingRules([rule("asks", review=True, priority=1), rule("files", folder="x")], "{person}")
    assert rules.filed(seen(ANNA)).asks
    by_hand = rules.filed(Seen.by_hand([ANNA], Evidence()))
    assert (by_hand.asks, [r.name for r in by_hand.fits]) == (False, ["files"])
    assert not rules.filed(Seen.by_hand([], Evidence())).asks
    assert FilingRules([], "{person}").filed(seen(ANNA)).asks is False


@pytest.mark.parametrize(
    ("rules", "template", "camera", "metadata"),
    [
        ((), "{person}", False, False),
        ((), "{person}/{source}", False, False),
        ((), "{person}/{month}", False, True),
        ((), "{person}/{year}", False, True),
        ((), "{camera}/{person}", True, True),
        ((rule(folder="us/{camera}"),), "{person}", True, True),
        ((rule(also="us/{year}"),), "{person}", False, True),
        ((rule(date_from=date(2024, 1, 1)),), "{person}", False, True),
        ((rule(date_to=date(2024, 1, 1)),), "{person}", False, True),
        ((rule(younger_than=6),), "{person}", False, True),
        ((rule(source=("x",)), rule(kind=("video",))), "{person}", False, False),
    ],
)
def test_files_are_read_only_where_something_rests_on_them(rules, template, camera, metadata):
    made = FilingRules(rules, template)
    assert (made.names_camera, made.needs_metadata) == (camera, metadata)


def test_a_folder_that_a_rule_gives_to_several_people_is_known_as_shared():
    made = FilingRules([rule(folder="us/{year}"), rule(also="Fun"), rule(folder="x/{person}")], "{person}")
    assert made.is_shared("us/2024")
    assert made.is_shared("fun")
    assert not made.is_shared("anna")
    assert not made.is_shared("x/anna")
    assert not FilingRules([FilingRule("own")], "{person}").is_shared("")


def test_a_rule_names_everybody_whom_it_mentions():
    one = rule(all=refs("a"), any=refs("b"), none=refs("c"), only=refs("d"))
    assert one.people == refs("a", "b", "c", "d")


# --- properties ------------------------------------------------------------------------------

NAMES = ("Anna", "Ben", "Mia", "Tom")
people = st.lists(st.sampled_from(NAMES), unique=True, max_size=4)
named = people.map(lambda names: refs(*names))
templates = st.sampled_from(
    ["", "{person}", "{person}/{year}", "us", "us/{year}", "{year}/{person}", "{source}"]
)
some_rules = st.lists(
    st.builds(
        FilingRule,
        st.text("abc", min_size=1, max_size=3),
        st.integers(-2, 2),
        all=named,
        any=named,
        none=named,
        only=named,
        strangers=st.sampled_from([(0, None), (0, 0), (1, None), (0, 1)]),
        min_people=st.integers(0, 3),
        source=st.sampled_from([(), ("whatsapp",)]),
        kind=st.sampled_from([(), ("photo",), ("video",)]),
        folder=templates,
        also=templates,
        review=st.just(value=False),
    ),
    max_size=6,
)
photos = st.tuples(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), st.integers(0, 2))


def plainly(one: FilingRule, there: set[str], strangers: int) -> bool:
    """The conditions as they are documented, one by one."""

    def names(entries):
        return {entry.name for entry in entries}

    least, most = one.strangers
    return (
        names(one.all) <= there
        and (not one.any or bool(names(one.any) & there))
        and not names(one.none) & there
        and (not one.only or there <= names(one.only))
        and least <= strangers
        and (most is None or strangers <= most)
        and one.min_people <= len(there)
        and (not one.source or "whatsapp" in one.source)
        and (not one.kind or "photo" in one.kind)
    )


@given(some_rules, photos, templates.filter(lambda text: "{person}" in text))
def test_every_photo_lands_once_in_each_folder_and_one_rule_decides(rules, shown, template):
    names, strangers = shown
    on_it = [Person(f"p-{name}", name) for name in names]
    made = FilingRules(rules, template)
    filed = made.filed(seen(*on_it, strangers=strangers))
    expected = sorted(
        (r for r in rules if plainly(r, set(names), strangers)), key=lambda r: (-r.priority, rules.index(r))
    )
    assert [id(r) for r in filed.fits] == [id(r) for r in expected] or list(filed.fits) == expected
    assert made.filed(seen(*reversed(on_it), strangers=strangers)).folders == filed.folders
    decision = dataclasses.replace(
        decide(Evidence(), Policy()), outcome=Outcome.SORTED, people=tuple(on_it), folders=filed.folders
    )
    folders = folders_of(filed.folders, on_it, lambda p: folder_name(p.name))
    assert folders
    assert place_of(decision).folders == frozenset(folders)
    assert len({folder.casefold() for folder in folders}) == len(folders)
    if any("{person}" in pattern for pattern in filed.folders):
        assert {p.name for p in folders.values() if p} == set(names)


@given(some_rules)
def test_rules_are_stored_with_the_policy_and_are_part_of_its_version(rules):
    policy = Policy(rules=tuple(rules))
    again = policy_from_json(policy_to_json(policy))
    assert (again.rules, again.version) == (policy.rules, policy.version)
    assert (policy.version == Policy().version) == (not rules)


# --- within the decision ---------------------------------------------------------------------


def of(*on_it: Person, rules: tuple[FilingRule, ...], **more) -> tuple[Evidence, Policy]:
    evidence = dataclasses.replace(sure(photo(*on_it)), taken="2024-07-05T12:00:00", origin=ROME, **more)
    return evidence, dataclasses.replace(EVERYBODY, rules=rules)


def test_a_rule_files_nothing_that_is_held_back():
    asked = rule("everything", folder="everything")
    for evidence in (photo(), photo(None), photo(ANNA, None), Evidence(unreadable="no picture")):
        decision = decide(evidence, dataclasses.replace(EVERYBODY, rules=(asked,)))
        assert decision.outcome is Outcome.REVIEWED
        assert decision == dataclasses.replace(
            decide(evidence, EVERYBODY), policy_version=decision.policy_version
        )


def test_the_two_of_us_share_a_folder_and_the_reasons_say_why():
    us = rule("us", all=refs("Anna", "Ben"), only=refs("Anna", "Ben"), folder="us/{year}")
    decision = decide(*of(ANNA, BEN, rules=(us,)))
    assert place_of(decision).folders == {"us/2024"}
    assert [r.code for r in decision.reasons] == ["face_match_verified", "filing_rule"]
    assert decision.people == (ANNA, BEN)
    assert place_of(decide(*of(ANNA, rules=(us,)))).folders == {"anna"}


def test_a_rule_that_asks_sends_the_photo_to_review_and_its_name_tells_why():
    asks = FilingRule("not family", none=refs("Anna"), review=True)
    decision = decide(*of(BEN, rules=(asks,)))
    assert (decision.outcome, decision.category, decision.prefix) == (
        Outcome.REVIEWED,
        Category.UNIDENTIFIED,
        "rule_",
    )
    assert decision.reason.code == "asked_by_rule"
    assert rules_of("rule_a.jpg", Category.UNIDENTIFIED) == ("rule_", ("asked_by_rule",))
    assert decide(*of(ANNA, rules=(asks,))).outcome is Outcome.SORTED


def test_every_rule_is_explained():
    rules = (rule("us", any=refs("Anna")), rule("later", folder="x"), rule("not", any=refs("Mia")))
    told = filing_rules(explain(*of(ANNA, rules=rules)))
    assert [(name, verdict) for name, verdict, _ in told] == [
        ("us", "decided"),
        ("later", "matched"),
        ("not", "passed"),
    ]
    assert all(name in text for name, _, text in told)
    assert filing_rules(explain(photo(None), dataclasses.replace(EVERYBODY, rules=rules))) == []


def test_who_is_ignored_or_in_the_background_is_a_stranger_to_a_rule():
    alone = rule("alone", strangers=(0, 0), folder="alone")
    evidence, policy = of(ANNA, rules=(alone,))
    assert place_of(decide(evidence, policy)).folders == {"alone"}
    small = Face("f-small", dataclasses.replace(evidence.faces[0].box, x2=1, y2=1), 1000, 1000, None)
    crowded = dataclasses.replace(evidence, faces=(*evidence.faces, small))
    decision = decide(crowded, dataclasses.replace(policy, min_face_area=0.001))
    assert place_of(decision).folders == {"anna"}


def test_by_hand_the_people_that_were_named_are_on_it_and_every_further_face_is_a_stranger():
    evidence = photo(BEN, None, None)
    assert (Seen.by_hand([ANNA], evidence).people, Seen.by_hand([ANNA], evidence).strangers) == ((ANNA,), 2)
    assert Seen.by_hand([ANNA, BEN], Evidence()).strangers == 0
