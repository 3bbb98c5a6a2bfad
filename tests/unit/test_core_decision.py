"""The decision: every rule by example."""

import dataclasses

import pytest
from tests.household import (
    ELSEWHERE,
    HOUSEHOLD,
    JOHN,
    LUKAS,
    SARAH,
    UNNAMED,
    VICTOR,
    face,
    photo,
    refs,
    sure,
)

from smartsort.core.decision import decide, rules_of
from smartsort.core.model import (
    Category,
    Confidence,
    CopyPlace,
    Evidence,
    Film,
    Hint,
    OtherCopy,
    Outcome,
    Person,
    Reason,
    Suggestion,
)
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import (
    MultipleFaces,
    OnDuplicate,
    Policy,
    Thresholds,
    WhenUnknown,
)
from smartsort.core.rules import RULES
from smartsort.core.rules.faces import BLURRED
from smartsort.core.suggestion import assigned, likeliest, nearest, suggestions
from smartsort.core.wording import sentence, short
from smartsort.ledger.records import evidence_from_json, evidence_to_json

REVIEWED = [
    # evidence, policy, category, prefix, what the first reason says
    (Evidence(unreadable="empty"), HOUSEHOLD, "unidentified", "unreadable_", "unreadable: empty"),
    (photo(JOHN, other_copy=ELSEWHERE), HOUSEHOLD, "duplicates", "duplicate_", "duplicate"),
    (
        photo(JOHN, other_copy=OtherCopy(CopyPlace.DOWNLOADS, "/old/a.jpg")),
        HOUSEHOLD,
        "duplicates",
        "duplicate_",
        "duplicate",
    ),
    (
        photo(JOHN, other_copy=OtherCopy(CopyPlace.IMMICH, asset_id="a")),
        HOUSEHOLD,
        "duplicates",
        "duplicate_",
        "duplicate",
    ),
    (
        photo(JOHN, other_copy=OtherCopy(CopyPlace.TRASH, "trash/a.jpg", 3)),
        HOUSEHOLD,
        "duplicates",
        "duplicate_",
        "rejected_before",
    ),
    (
        photo(JOHN, other_copy=OtherCopy(CopyPlace.IMMICH_TRASH, asset_id="a")),
        HOUSEHOLD,
        "duplicates",
        "duplicate_",
        "duplicate_in_immich_trash",
    ),
    (
        photo(JOHN, other_copy=OtherCopy(CopyPlace.MISSING, "faces/john_doe/a.jpg", 3)),
        HOUSEHOLD,
        "duplicates",
        "duplicate_",
        "duplicate_of_missing",
    ),
    (
        photo(JOHN, other_copy=OtherCopy(CopyPlace.DAMAGED, "faces/john_doe/a.jpg", 3, problem="is empty")),
        HOUSEHOLD,
        "duplicates",
        "duplicate_",
        "duplicate_of_damaged",
    ),
    (photo(JOHN, near_copy=ELSEWHERE), HOUSEHOLD, "duplicates", "duplicate_", "near_duplicate"),
    (photo(VICTOR), HOUSEHOLD, "unwanted_person", "unwanted_", "blacklisted_person: Victor Grey"),
    (photo(JOHN, VICTOR), HOUSEHOLD, "unwanted_person", "unwanted_", "blacklisted_person: Victor Grey"),
    (Evidence(gave_up="it failed twice"), HOUSEHOLD, "unidentified", "unknown_", "recognition_failed"),
    (
        Evidence(film=Film(broken="took longer than 40 s to decode")),
        HOUSEHOLD,
        "unidentified",
        "unknown_",
        "frames_unreadable: took longer than 40 s to decode",
    ),
    (photo(), HOUSEHOLD, "unidentified", "noface_", "no_faces_detected"),
    (
        photo(face(JOHN, share=0.01)),
        dataclasses.replace(HOUSEHOLD, min_face_area=0.05),
        "unidentified",
        "noface_",
        "only_background_faces",
    ),
    (photo(JOHN, SARAH), HOUSEHOLD, "multiple_faces", "multi_", "multiple_faces (2 people)"),
    # A stranger counts.
    (photo(JOHN, None), HOUSEHOLD, "multiple_faces", "multi_", "multiple_faces (2 people)"),
    (
        photo(JOHN, None, SARAH),
        dataclasses.replace(HOUSEHOLD, multiple_faces=MultipleFaces.EACH_PERSON),
        "multiple_faces",
        "multi_",
        "multiple_faces (3 people)",
    ),
    (
        photo(JOHN, LUKAS),
        dataclasses.replace(HOUSEHOLD, multiple_faces=MultipleFaces.EACH_PERSON),
        "multiple_faces",
        "multi_",
        "multiple_faces (2 people)",
    ),
    (
        photo(face(JOHN, name="left"), face(JOHN, name="right")),
        dataclasses.replace(HOUSEHOLD, max_faces=2),
        "multiple_faces",
        "multi_",
        "same_person_twice: John Doe",
    ),
    (photo(None), HOUSEHOLD, "unidentified", "unknown_", "unknown_face"),
    (photo(UNNAMED), HOUSEHOLD, "unidentified", "unknown_", "unnamed_person"),
    (photo(LUKAS), HOUSEHOLD, "unidentified", "notwhitelisted_", "not_in_whitelist: Lukas"),
    (sure(photo(JOHN), 0.42), HOUSEHOLD, "low_confidence", "lowconf_", "low_confidence: 0.42"),
    (
        sure(photo(JOHN), 0.9, 0.01, SARAH),
        dataclasses.replace(HOUSEHOLD, thresholds=Thresholds(0.6, 0.05)),
        "low_confidence",
        "lowconf_",
        "low_margin: 0.01",
    ),
    (
        photo(JOHN),
        dataclasses.replace(HOUSEHOLD, when_confidence_unknown=WhenUnknown.REVIEW),
        "low_confidence",
        "lowconf_",
        "confidence_unknown",
    ),
    (
        sure(photo(JOHN), 0.7),
        dataclasses.replace(HOUSEHOLD, person_thresholds={"john doe": Thresholds(0.8)}),
        "low_confidence",
        "lowconf_",
        "low_confidence: 0.70",
    ),
]


@pytest.mark.parametrize("case", REVIEWED, ids=[f"{n}-{c[4]}" for n, c in enumerate(REVIEWED)])
def test_what_a_human_is_asked_about(case):
    evidence, policy, category, prefix, reason = case
    decision = decide(evidence, policy)
    assert decision.outcome is Outcome.REVIEWED
    assert (decision.category, decision.prefix) == (category, prefix)
    assert short(decision.reason) == reason
    assert decision.people == ()
    assert decision.faces_detected == len(evidence.faces)
    assert decision.policy_version == policy.version


SORTED = [
    (photo(JOHN), HOUSEHOLD, ["John Doe"]),
    (photo(LUKAS), Policy(blacklist=refs("Victor Grey")), ["Lukas"]),  # no whitelist: every named person
    (photo(JOHN, SARAH), dataclasses.replace(HOUSEHOLD, max_faces=2), ["John Doe", "Sarah Smith"]),
    (
        photo(SARAH, JOHN),
        dataclasses.replace(HOUSEHOLD, multiple_faces=MultipleFaces.EACH_PERSON),
        ["Sarah Smith", "John Doe"],
    ),
    (
        photo(face(JOHN, 0.3), face(None, 0.1)),
        dataclasses.replace(HOUSEHOLD, multiple_faces=MultipleFaces.MAIN_FACE),
        ["John Doe"],
    ),
    (
        photo(face(JOHN, 0.3), face(None, 0.01)),
        dataclasses.replace(HOUSEHOLD, min_face_area=0.05),
        ["John Doe"],
    ),
    (sure(photo(JOHN), 0.6), HOUSEHOLD, ["John Doe"]),  # the threshold itself is enough
    (
        sure(photo(JOHN), 0.5),
        dataclasses.replace(HOUSEHOLD, person_thresholds={"john_doe": Thresholds(0.4)}),
        ["John Doe"],
    ),
    # A known id decides alone, whatever the names say now.
    (photo(Person("p-john", "Johnny")), Policy(whitelist=(PersonRef("John Doe", "p-john"),)), ["Johnny"]),
]


@pytest.mark.parametrize("case", SORTED, ids=[f"{n}-{'+'.join(c[2])}" for n, c in enumerate(SORTED)])
def test_what_is_filed(case):
    evidence, policy, people = case
    decision = decide(evidence, policy)
    assert decision.outcome is Outcome.SORTED
    assert [p.name for p in decision.people] == people
    assert (decision.category, decision.prefix) == (None, "")
    assert decision.reason.code == "face_match_verified"
    assert decision.reason.names == tuple(people)


def test_a_list_entry_with_an_id_is_not_whoever_has_the_name_now():
    policy = Policy(whitelist=(PersonRef("John Doe", "p-somebody-else"),))
    assert decide(photo(JOHN), policy).reason.code == "not_in_whitelist"


def test_an_unwanted_person_stays_unwanted_when_somebody_takes_their_name_away():
    policy = Policy(blacklist=(PersonRef("Victor Grey", "p-victor"),), multiple_faces=MultipleFaces.MAIN_FACE)
    nameless = Person("p-victor", "")
    decision = decide(photo(face(JOHN, 0.3), face(nameless, 0.1)), policy)
    assert decision.category is Category.UNWANTED_PERSON
    assert short(decision.reason) == "blacklisted_person: Victor Grey"


def test_two_people_of_one_name_are_never_guessed_at():
    other = Person("p-other", "john doe")
    decision = decide(photo(JOHN), HOUSEHOLD, ambiguous={JOHN.id, other.id})
    assert decision.outcome is Outcome.REVIEWED
    assert short(decision.reason) == "ambiguous_name: John Doe"


# --- names of waiting files ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "category", "prefix", "rules"),
    [
        ("noface_IMG.jpg", "unidentified", "noface_", ("no_faces_detected",)),
        (
            "unknown_IMG.jpg",
            "unidentified",
            "unknown_",
            (
                "recognition_failed",
                "frames_unreadable",
                "unknown_face",
                "ambiguous_name",
                "ruled_out_person",
                "not_born_yet",
                "mixed_person",
            ),
        ),
        ("duplicate_IMG.jpg", "duplicates", "duplicate_", ("duplicate", "near_duplicate")),
        # A folder that is switched off.
        ("multi_IMG.jpg", "unidentified", "multi_", ("multiple_faces", "same_person_twice")),
        ("undone_IMG.jpg", "unidentified", "undone_", ("undone_filing",)),
        # No rule of this folder gives this prefix: it is the file's own name.
        ("unknown_IMG.jpg", "duplicates", "", ()),
        ("failed_IMG.jpg", "unidentified", "", ()),
    ],
)
def test_the_name_of_a_waiting_file_tells_its_rules(name, category, prefix, rules):
    assert rules_of(name, Category(category)) == (prefix, rules)


def test_every_rule_is_found_by_the_names_it_gives():
    for rule in RULES:
        prefix, names = rules_of(f"{rule.prefix}a.jpg", rule.category)
        assert (prefix, rule.name in names) == (rule.prefix, True)


# --- duplicates ------------------------------------------------------------------------------

SKIPPING = dataclasses.replace(HOUSEHOLD, on_duplicate=OnDuplicate.SKIP)


@pytest.mark.parametrize(
    ("place", "outcome"),
    [
        (CopyPlace.LEDGER, Outcome.SKIPPED),
        (CopyPlace.DOWNLOADS, Outcome.SKIPPED),
        (CopyPlace.IMMICH, Outcome.SKIPPED),
        # The only other copy lies in a trash, so this one may be the last.
        (CopyPlace.TRASH, Outcome.REVIEWED),
        (CopyPlace.IMMICH_TRASH, Outcome.REVIEWED),
        (CopyPlace.MISSING, Outcome.REVIEWED),
        (CopyPlace.DAMAGED, Outcome.REVIEWED),
    ],
)
def test_only_a_copy_of_something_alive_is_skipped(place, outcome):
    decision = decide(photo(JOHN, other_copy=OtherCopy(place, "x", 1)), SKIPPING)
    assert decision.outcome is outcome
    assert decision.category is Category.DUPLICATES


def test_what_only_looks_alike_is_never_skipped():
    assert decide(photo(JOHN, near_copy=ELSEWHERE), SKIPPING).outcome is Outcome.REVIEWED


# --- confidence ------------------------------------------------------------------------------


def test_the_least_certain_face_decides():
    evidence = photo(JOHN, SARAH)
    evidence = dataclasses.replace(
        evidence, confidence={evidence.faces[0].id: Confidence(0.5), evidence.faces[1].id: Confidence(0.3)}
    )
    decision = decide(evidence, dataclasses.replace(HOUSEHOLD, max_faces=2))
    assert short(decision.reason) == "low_confidence: 0.30"
    assert decision.reason.names == ("Sarah Smith",)


SAID = [
    # of each photo of REVIEWED, all its reasons
    "Not a picture Immich could read: empty.",
    "The same file is here already: faces/john_doe/a.jpg.",
    "The same file is here already: /old/a.jpg.",
    "The same file is here already: asset a in Immich.",
    "This very file was rejected before: trash/a.jpg.",
    "The only other copy lies in Immich's trash and may vanish with it.",
    "The same file was here before as faces/john_doe/a.jpg, but it is gone. This may be the last copy.",
    "The copy faces/john_doe/a.jpg is empty. This may be the last intact one.",
    "It looks like another copy of faces/john_doe/a.jpg.",
    "Victor Grey is on the blacklist.",
    "Victor Grey is on the blacklist. 2 faces on the picture, 1 allowed, among them John Doe, Victor Grey.",
    "Immich could not finish recognising it: it failed twice.",
    (
        "Its frames cannot be looked at: took longer than 40 s to decode. "
        "Immich finished looking and found no face."
    ),
    "Immich finished looking and found no face.",
    "1 face found, all too small to count.",
    "2 faces on the picture, 1 allowed, among them John Doe, Sarah Smith.",
    "2 faces on the picture, 1 allowed, among them John Doe. 1 unknown face.",
    "3 faces on the picture, 1 allowed, among them John Doe, Sarah Smith. 1 unknown face.",
    "2 faces on the picture, 1 allowed, among them John Doe, Lukas. Lukas is not on the whitelist.",
    "John Doe is recognised twice on one picture. One of them is another person.",
    "1 unknown face.",
    "1 face of a person without a name in Immich.",
    "Lukas is not on the whitelist.",
    "Perhaps John Doe: confidence 0.42 is below 0.60.",
    "Torn between John Doe and Sarah Smith: they are 0.01 apart, 0.05 is needed.",
    "Perhaps John Doe, but the confidence is unknown: smartsort does not measure it.",
    "Perhaps John Doe: confidence 0.70 is below 0.80.",
]


@pytest.mark.parametrize(("case", "said"), list(zip(REVIEWED, SAID, strict=True)))
def test_all_reasons_are_told_in_words(case, said):
    assert " ".join(map(sentence, decide(*case[:2]).reasons)) == said


@pytest.mark.parametrize("measured", [None, Confidence(why_unknown="no ML service is configured")])
def test_unknown_confidence_is_accepted_or_asked_about_as_configured(measured):
    evidence = photo(JOHN)
    if measured:
        evidence = dataclasses.replace(evidence, confidence={evidence.faces[0].id: measured})
    accepted = decide(evidence, HOUSEHOLD)
    asking = dataclasses.replace(HOUSEHOLD, when_confidence_unknown=WhenUnknown.REVIEW)
    asked = decide(evidence, asking)
    assert accepted.outcome is Outcome.SORTED
    assert "confidence" not in accepted.reason.numbers  # nothing is made up
    assert asked.category is Category.LOW_CONFIDENCE
    why = measured.why_unknown if measured else "smartsort does not measure it"
    assert sentence(asked.reason) == f"Perhaps John Doe, but the confidence is unknown: {why}."


def test_a_filed_photo_says_how_sure_the_weakest_match_was():
    evidence = sure(photo(JOHN), 0.77)
    assert decide(evidence, HOUSEHOLD).reason.numbers == {"confidence": 0.77}


# --- categories and priority -----------------------------------------------------------------


@pytest.mark.parametrize("off", [c for c in Category if c is not Category.UNIDENTIFIED])
def test_a_category_that_is_switched_off_falls_through_to_unidentified(off):
    for evidence, policy, category, prefix, reason in REVIEWED:
        quiet = dataclasses.replace(policy, categories=frozenset(Category) - {off})
        decision = decide(evidence, quiet)
        assert short(decision.reason) == reason
        assert decision.prefix == prefix
        if category == off:
            assert decision.category is Category.UNIDENTIFIED
            assert decision.reasons[-1] == Reason("category_off", names=(off.value,))
        else:
            assert decision.category == category


def test_with_every_category_off_a_photo_still_waits_for_somebody():
    decision = decide(photo(), dataclasses.replace(HOUSEHOLD, categories=frozenset()))
    assert (decision.outcome, decision.category) == (Outcome.REVIEWED, Category.UNIDENTIFIED)


def test_all_rules_speak_and_the_first_of_the_table_chooses_the_folder():
    evidence = photo(VICTOR, None, LUKAS, other_copy=ELSEWHERE, near_copy=ELSEWHERE)
    decision = decide(evidence, HOUSEHOLD)
    assert [r.code for r in decision.reasons] == [
        "duplicate",
        "near_duplicate",
        "blacklisted_person",
        "multiple_faces",
        "unknown_face",
        "not_in_whitelist",
    ]
    assert decision.category is Category.DUPLICATES


def test_the_order_of_the_table_is_the_documented_priority():
    assert [rule.name for rule in RULES] == [
        "unreadable",
        "duplicate",
        "near_duplicate",
        "blacklisted_person",
        "contradicted_folder",
        "recognition_failed",
        "frames_unreadable",
        "no_faces_detected",
        "multiple_faces",
        "same_person_twice",
        "unknown_face",
        "ambiguous_name",
        "ruled_out_person",
        "not_born_yet",
        "not_in_whitelist",
        "mixed_person",
        "low_confidence",
    ]


@pytest.mark.parametrize(
    ("hint", "short_form", "words"),
    [
        (None, "no_faces_detected", "found no face."),
        (Hint(), "no_faces_detected", "found no face."),
        (Hint(90, 0.9), "no_faces_detected: possibly rotated", "turned to the right, it shows a face."),
        (Hint(180), "no_faces_detected: possibly rotated", "turned upside down, it shows a face."),
        (Hint(270), "no_faces_detected: possibly rotated", "turned to the left, it shows a face."),
        (
            Hint(blur=BLURRED),
            "no_faces_detected: possibly too blurred",
            "found no face. Possibly too blurred.",
        ),
        (Hint(blur=BLURRED - 0.01), "no_faces_detected", "found no face."),
    ],
)
def test_a_photo_without_a_face_says_why_it_may_have_none(hint, short_form, words):
    decision = decide(Evidence(hint=hint), HOUSEHOLD)
    assert decision.category is Category.UNIDENTIFIED
    assert short(decision.reason) == short_form
    assert sentence(decision.reason).startswith("Immich finished looking and found no face.")
    assert sentence(decision.reason).endswith(words)
    assert evidence_from_json(evidence_to_json(Evidence(hint=hint))).hint == hint


def test_nothing_is_filed_under_somebody_who_seems_to_be_two_people():
    mixed = dataclasses.replace(photo(JOHN), mixed=frozenset({JOHN.id}))
    decision = decide(mixed, HOUSEHOLD)
    assert (decision.category, decision.reason.code) == (Category.UNIDENTIFIED, "mixed_person")
    assert decision.suggested is None
    assert decide(dataclasses.replace(photo(SARAH), mixed=frozenset({JOHN.id})), HOUSEHOLD).people == (SARAH,)
    assert evidence_from_json(evidence_to_json(mixed)).mixed == {JOHN.id}


def test_the_order_of_the_rules_alone_makes_the_priority():
    turned = decide(photo(VICTOR, other_copy=ELSEWHERE), HOUSEHOLD, rules=RULES[::-1])
    assert turned.category is Category.UNWANTED_PERSON


def close_to(*people, person=None):
    """A photo of one face, of nobody or of this person, that is so much like these people."""
    one = face(person)
    return Evidence(faces=(one,), suggestions={one.id: tuple(Suggestion(p, much) for p, much in people)})


@pytest.mark.parametrize(
    ("evidence", "wanted"),
    [
        (close_to((JOHN, 0.47), (SARAH, 0.42), (VICTOR, 0.41)), ["John Doe", "Sarah Smith"]),
        (close_to((JOHN, 0.41)), []),
        (close_to((JOHN, None), (SARAH, None)), []),
        (close_to((JOHN, 0.59), person=UNNAMED), []),
        (close_to((JOHN, 0.61), person=UNNAMED), ["John Doe"]),
        (close_to((JOHN, 0.31), (SARAH, 0.44), person=JOHN), ["Sarah Smith"]),
        (photo(JOHN), []),
        (dataclasses.replace(close_to((JOHN, 0.5), (SARAH, 0.42)), ruled_out={JOHN.id}), ["Sarah Smith"]),
    ],
)
def test_only_who_was_measured_as_close_is_suggested(evidence, wanted):
    [one] = evidence.faces
    assert [s.person.name for s in suggestions(evidence, one)] == wanted
    found = likeliest(evidence)
    assert (found.person.name if found else None) == (wanted[0] if wanted else None)


def test_the_reason_says_who_is_close_or_that_nobody_is():
    said = sentence(decide(close_to((JOHN, 0.47), (SARAH, 0.42)), HOUSEHOLD).reason)
    assert said == "1 unknown face, probably John Doe (0.47)."
    said = sentence(decide(close_to((JOHN, 0.27)), HOUSEHOLD).reason)
    assert said == "1 unknown face. No person is close: John Doe is the nearest with 0.27."
    said = sentence(decide(close_to((JOHN, None)), HOUSEHOLD).reason)
    assert said == "1 unknown face."


def test_the_largest_face_that_somebody_is_close_to_tells_who_is_likeliest():
    sizes = {"small": 0.1, "large": 0.3, "largest": 0.5}
    small, large, largest = (dataclasses.replace(face(None, part), id=name) for name, part in sizes.items())
    measured = {
        small.id: (Suggestion(SARAH, 0.7),),
        large.id: (Suggestion(JOHN, 0.45), Suggestion(SARAH, 0.43)),
        largest.id: (Suggestion(VICTOR, 0.3),),
    }
    evidence = Evidence(faces=(small, large, largest), suggestions=measured)
    assert likeliest(evidence) == Suggestion(JOHN, 0.45, pytest.approx(0.02))
    assert likeliest(evidence, {JOHN.id}) == Suggestion(SARAH, 0.43)
    assert nearest(evidence) == Suggestion(VICTOR, 0.3)


@pytest.mark.parametrize(
    ("similarity", "next_one", "min_confidence", "suggested"),
    [
        (None, 0.1, 0.6, None),
        (0.51, 0.1, 0.6, None),
        (0.52, 0.1, 0.6, JOHN),
        (0.52, 0.45, 0.6, None),
        (0.45, 0.1, 0.4, JOHN),
        (0.39, 0.1, 0.3, None),
    ],
)
def test_an_approval_without_a_name_takes_who_is_sure_enough(similarity, next_one, min_confidence, suggested):
    """More than is asked of a suggestion, and never more than files a photo."""
    evidence = close_to((JOHN, similarity), (SARAH, next_one))
    policy = dataclasses.replace(HOUSEHOLD, thresholds=Thresholds(min_confidence))
    assert decide(evidence, policy).suggested == suggested


def test_a_match_that_is_torn_is_not_approved_without_a_name():
    one = face(JOHN)
    for margin, suggested in ((0.2, JOHN), (0.05, None)):
        evidence = Evidence(faces=(one,), confidence={one.id: Confidence(0.55, margin, SARAH)})
        assert decide(evidence, HOUSEHOLD).suggested == suggested
    [found] = assigned(photo(JOHN))
    assert found == Suggestion(JOHN), "what Immich says is told without a number"
