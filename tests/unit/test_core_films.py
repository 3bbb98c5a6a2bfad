"""Who is in the frames of a video, and what the decision makes of it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.films import vector

from smartsort.core.decision import decide
from smartsort.core.explain import explain
from smartsort.core.model import Box, Confidence, Evidence, Face, Film, FilmFace, Outcome, Person, Sighting
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import Policy
from smartsort.core.tracks import View, tracks
from smartsort.core.wording import sentence
from smartsort.core.wording_explained import seen
from smartsort.ledger.records import evidence_from_json, evidence_to_json

ANNA, BEN = Person("a", "Anna"), Person("b", "Ben")
POLICY = Policy(whitelist=(PersonRef("Anna"), PersonRef("Ben")), blacklist=(PersonRef("Victor"),))
VICTOR = Person("v", "Victor")


def film_face(number, person, times, share=0.2, poster=None):
    side = round((share * 1_000_000) ** 0.5)
    face = Face(f"film-1-{number}", Box(0, 0, side, side), 1000, 1000, person, "frames")
    return FilmFace(face, tuple(Sighting(float(at), face.box) for at in times), poster)


def evidence(*faces, frames=14, shown=(), **more):
    film = Film(tuple(map(float, range(frames))), tuple(faces))
    sure = {f.face.id: Confidence(0.9) for f in faces if f.face.person is not None}
    return Evidence(faces=tuple(shown), film=film, confidence=sure, **more)


def shown(person, face_id="poster"):
    return Face(face_id, Box(0, 0, 300, 300), 1000, 1000, person)


def codes(found):
    return [reason.code for reason in found.reasons]


def test_who_passes_does_not_count_and_the_reason_says_how_often_everybody_is_seen():
    found = decide(evidence(film_face(1, ANNA, range(11)), film_face(2, None, [3])), POLICY)
    assert (found.outcome, [p.name for p in found.people]) == (Outcome.SORTED, ["Anna"])
    assert codes(found)[:2] == ["face_match_verified", "seen_in_frames"]
    assert sentence(found.reasons[1]) == "Anna in 11 of 14 frames, a stranger in 1."


def test_a_second_person_who_stays_counts():
    found = decide(evidence(film_face(1, ANNA, range(11)), film_face(2, BEN, range(8, 14))), POLICY)
    assert found.reason.code == "multiple_faces"
    found = decide(evidence(film_face(1, ANNA, range(11)), film_face(2, None, range(5))), POLICY)
    assert found.reason.code == "multiple_faces"
    assert found.faces_detected == 2


@pytest.mark.parametrize("frames", range(8, 17))
def test_two_frames_of_a_short_video_do_not_make_somebody_last(frames):
    found = decide(
        evidence(film_face(1, ANNA, range(frames)), film_face(2, None, range(2)), frames=frames), POLICY
    )
    assert found.outcome is Outcome.SORTED


def test_somebody_who_is_alone_counts_although_they_are_seen_late_and_briefly():
    found = decide(evidence(film_face(1, ANNA, [12, 13])), POLICY)
    assert [p.name for p in found.people] == ["Anna"]
    found = decide(evidence(film_face(1, ANNA, [13])), POLICY)
    assert found.reason.code == "only_passing_faces"
    found = decide(evidence(film_face(1, ANNA, [0]), frames=1), POLICY)
    assert [p.name for p in found.people] == ["Anna"]


def test_a_face_in_the_background_does_not_count_however_long_it_is_there():
    policy = dataclasses.replace(POLICY, min_face_area=0.01)
    found = decide(evidence(film_face(1, ANNA, range(14)), film_face(2, None, range(14), 0.005)), policy)
    assert found.outcome is Outcome.SORTED


def test_an_unwanted_person_is_unwanted_in_a_single_frame_and_on_the_poster_alone():
    found = decide(evidence(film_face(1, ANNA, range(14)), film_face(2, VICTOR, [5])), POLICY)
    assert found.reason.code == "blacklisted_person"
    found = decide(evidence(film_face(1, ANNA, range(14)), shown=[shown(VICTOR)]), POLICY)
    assert found.reason.code == "blacklisted_person"


def test_no_face_in_any_frame_is_no_face():
    found = decide(evidence(shown=[shown(ANNA)]), POLICY)
    assert found.reason.code == "no_faces_detected"
    assert sentence(found.reasons[1]) == "No face in 14 frames."


def test_where_immich_says_otherwise_the_reason_says_so():
    one = film_face(1, ANNA, range(11))
    found = decide(evidence(one, shown=[shown(BEN)]), POLICY)
    assert found.people == (ANNA,)
    assert "it shows Ben" in sentence(found.reasons[2])
    found = decide(evidence(one), POLICY)
    assert sentence(found.reasons[2]).endswith("Anna is not named on it.")
    agreeing = dataclasses.replace(one, poster="poster")
    assert codes(decide(evidence(agreeing, shown=[shown(ANNA)]), POLICY)) == [
        "face_match_verified",
        "seen_in_frames",
    ]


def test_a_face_that_immich_gives_to_somebody_it_is_unlike_waits():
    one = film_face(1, BEN, range(11), poster="poster")
    found = evidence(one, shown=[shown(BEN)])
    found = dataclasses.replace(found, confidence={one.face.id: Confidence(0.1, -0.7, ANNA)})
    decision = decide(found, POLICY)
    assert decision.reason.code == "low_confidence"
    assert "more like Anna" in sentence(decision.reasons[-1])


def test_without_machine_learning_the_poster_decides_and_that_is_told():
    found = decide(Evidence(faces=(shown(ANNA),), film=Film(unknown="nobody measures it")), POLICY)
    assert found.people == (ANNA,)
    assert codes(found) == ["face_match_verified", "only_poster"]


def test_the_explanation_tells_the_times():
    found = explain(evidence(film_face(1, ANNA, [1, 2, 3.5]), shown=[shown(BEN)]), POLICY)
    lines = seen(found)
    assert lines[0].startswith("Anna in 3 of 14 frames")
    assert lines[0].endswith("Seen at 0:01.0, 0:02.0 and 0:03.5.")
    assert "Ben" in lines[1]


def test_what_would_change_it_is_tried_on_the_frames():
    found = explain(evidence(film_face(1, ANNA, range(14)), film_face(2, None, range(14))), POLICY)
    assert any(a.decision.outcome is Outcome.SORTED for a in found.alternatives)


def test_the_ledger_keeps_all_of_it():
    kept = evidence(film_face(1, ANNA, [1, 2.25], poster="x"), film_face(2, None, [3]), shown=[shown(BEN)])
    assert evidence_from_json(evidence_to_json(kept)) == kept
    for film in (Film(unknown="why"), Film(broken="why")):
        assert evidence_from_json(evidence_to_json(Evidence(film=film))).film == film


# --- which faces are one ---------------------------------------------------------------------


def view(frame, who, turn=0, *, left=100, side=200, score=0.9):
    return View(frame, Box(left, 100, left + side, 100 + side), vector(who, turn, frame), score)


def test_one_face_turning_in_all_frames_is_one_face():
    found = tracks([view(n, 3, n % 4, left=100 + 5 * n) for n in range(14)])
    assert [len(one.views) for one in found] == [14]


def test_people_on_the_same_frames_are_never_one():
    found = tracks([view(n, who, left=300 * who) for n in range(10) for who in (1, 2, 3)])
    assert [len(one.views) for one in found] == [10, 10, 10]
    found = tracks([view(n, 1, left=left) for n in range(3) for left in (0, 600)])
    assert [len(one.views) for one in found] == [3, 3]


def test_the_best_views_tell_whose_face_it_is():
    views = [view(n, 5, 2, side=60, score=0.72) for n in range(9)]
    views += [view(9, 5, 0, left=130, side=260), view(10, 5, 0, left=130, side=260)]
    found, *rest = tracks(views)
    assert {view.frame for view in found.best[:2]} == {9, 10}
    assert len(found.views) > 8
    assert all(len(one.views) == 1 for one in rest)


VIEWS = [view(n, who, n % 4, left=400 * who) for n in range(8) for who in (1, 2)]


@given(st.permutations(VIEWS))
def test_the_order_of_the_views_does_not_matter(shuffled):
    assert [t.views for t in tracks(shuffled)] == [t.views for t in tracks(VIEWS)]
