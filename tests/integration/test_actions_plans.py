"""What each action plans for one photo, whole: the photo's row, its names, the event and what Immich hears.

A field that is set without need would change a photo, one that is forgotten would leave it half moved.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.planned import held, refused, said

from smartsort.actions import feedback, join
from smartsort.actions.decide import assign_faces, defer, file_under, reject
from smartsort.actions.follow import follow
from smartsort.actions.person_resolver import TargetPerson
from smartsort.actions.plan import LibraryFolder, Plan, PlannedName, Waiting
from smartsort.actions.reevaluate import reevaluated
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import Filed
from smartsort.core.model import (
    Box,
    Category,
    Decision,
    Evidence,
    Face,
    Outcome,
    Person,
    Reason,
    State,
    Suggestion,
)
from smartsort.core.templates import parse
from smartsort.core.what_if import Move, Place
from smartsort.ledger.records import Area, Member, Name, Photo
from smartsort.pipeline.recheck.renames import Renamed

AT, NOW = "2024-05-01T12:00:00.000+00:00", datetime(2024, 5, 1, 12, tzinfo=UTC)
ANNA, BEN = Person("p1", "Anna"), Person("p2", "Ben")
WAITS = Photo(
    7, State.REVIEW, "phone", "inbox", "a.jpg", 3, 4, AT, asset_id="asset", category=Category.MULTIPLE_FACES
)
FILED = WAITS._replace(state=State.FILED, category=None, person_id="p1", person_name="Anna", auto_sorted=True)

LIBRARY = Name(7, Area.LIBRARY, "1/ab/a.jpg")
SIDE = Name(7, Area.LIBRARY, "1/ab/a.jpg.xmp", Member.XMP)
QUEUED = Name(7, Area.REVIEW, "multiple_faces/multi_a.jpg")
UNDER_ANNA = Name(7, Area.FACES, "anna/a.jpg", person_id="p1")
THERE = Name(7, Area.ORIGINAL, "data/a.jpg")


def filed_under(photo, before, *people, **given):
    given = {"into": Filed(("{person}",)), "at": AT, "face_id": None, "albums": False} | given
    return file_under(photo, before, people, "eva", **given)


# --- filing ------------------------------------------------------------------------------------


def test_an_approval_files_under_each_person_and_tells_immich_whose_the_face_is():
    before = held(
        LIBRARY, SIDE, QUEUED, told=(("visibility", "archive"),), ruled_out={"p1": "Anna", "p3": "Cleo"}
    )
    people = TargetPerson("Anna", "p1"), TargetPerson("Dora", create=True)
    message = {"instead": [], "people": ["p1", None]}
    first = {**message, "face": "f1", "person": "p1", "name": "Anna", "create": False}
    second = {**message, "face": None, "person": None, "name": "Dora", "create": True}
    plan = filed_under(
        WAITS, before, *people, face_id="f1", albums=True, into=Filed(("{person}",), ("Rome",))
    )
    assert said(plan) == (
        (EventKind.APPROVED, "approved"),
        {
            "planned": [
                PlannedName(Area.FACES, "anna", LIBRARY, "a.jpg", "p1"),
                PlannedName(Area.FACES, "anna", SIDE, None, "p1"),
                PlannedName(Area.FACES, "dora", LIBRARY, "a.jpg"),
                PlannedName(Area.FACES, "dora", SIDE, None),
            ],
            "removes": [QUEUED],
            "values": {
                "state": "filed",
                "category": None,
                "person_id": "p1",
                "person_name": "Anna",
                "auto_sorted": 0,
                "routed_at": AT,
                "problem": None,
            },
            "data": {
                "from": "review",
                "category": "multiple_faces",
                "reason": "two faces",
                "people": ["Anna", "Dora"],
                "was": None,
                "wrong": False,
                "act": "ACT",
                "teach": [first, second],
            },
            "messages": [
                ("album_add", {"asset_id": "asset", "album": "Anna"}),
                ("album_add", {"asset_id": "asset", "album": "Dora"}),
                ("album_add", {"asset_id": "asset", "album": "Rome"}),
                ("visibility", {"asset_id": "asset", "visibility": "timeline"}),
                ("assign_face", {**first, "act": "ACT"}),
                ("assign_face", {**second, "act": "ACT"}),
            ],
            "closed": ("approved", "eva"),
            "person": "Anna",
            "ruled_out": {"p3": "Cleo"},
        },
    )


def test_a_refiling_leaves_the_folders_of_others_and_says_what_was_wrong():
    kept, leaving = Name(7, Area.FACES, "ben/a.jpg", person_id="p2"), UNDER_ANNA
    before = held(LIBRARY, kept, leaving, told=(("album", "Anna"), ("album", "Ben")), state=State.FILED)
    plan = filed_under(FILED, before, TargetPerson("Ben", "p2"), TargetPerson("Cleo", "p3"))
    message = {"face": None, "instead": ["p1"], "people": ["p2", "p3"], "create": False}
    teach = [{**message, "person": "p2", "name": "Ben"}, {**message, "person": "p3", "name": "Cleo"}]
    _, found = said(plan)
    assert plan.kind is EventKind.REFILED
    assert found["planned"] == [PlannedName(Area.FACES, "cleo", LIBRARY, "a.jpg", "p3")]
    assert (found["removes"], found["ruled_out"], plan.closed) == ([leaving], {"p1": "Anna"}, None)
    assert found["data"] == {
        "from": "filed",
        "category": None,
        "reason": None,
        "people": ["Ben", "Cleo"],
        "was": "Anna",
        "wrong": True,
        "act": "ACT",
        "teach": teach,
    }
    # Without albums per person it stays in those of the people it is filed under, and in no others.
    assert found["messages"] == [
        ("album_remove", {"asset_id": "asset", "album": "Anna"}),
        *(("assign_face", {**one, "act": "ACT"}) for one in teach),
    ]


def test_whoever_shares_a_folder_is_ruled_out_by_a_refiling_too():
    shared = Name(7, Area.FACES, "family/a.jpg")
    before, into = held(LIBRARY, shared, state=State.FILED), Filed(("family",))
    plan = filed_under(FILED, before, TargetPerson("Ben", "p2"), into=into)
    assert (plan.ruled_out, plan.planned, plan.removes) == ({"p1": "Anna"}, [], [])
    same = filed_under(FILED, before, TargetPerson("Anna", "p1"), into=into)
    assert refused(same) == ("failed", "nothing_to_do", "photo 7 is filed there already")


def test_a_photo_that_smartsort_could_not_read_gets_its_place_in_the_library_and_immich_is_waited_for():
    temp = Name(7, Area.TEMP, "7-photo_a.bin")
    photo = WAITS._replace(asset_id=None, media_kind="image", media_type="image/jpeg", extension=".jpg")
    at = LibraryFolder(3, "3/ab")
    plan = filed_under(photo, held(temp), TargetPerson("Anna", "p1"), library_folder=at)
    assert plan.planned == [
        PlannedName(Area.LIBRARY, "3/ab", temp, "a.jpg"),
        PlannedName(Area.FACES, "anna", temp, "a.jpg", "p1"),
    ]
    assert (plan.values["shard"], plan.values["placed_at"]) == (3, AT)
    [revive, taught] = plan.messages
    assert revive == ("revive", {})
    assert (taught[0], taught[1]["wait"]) == ("assign_face", True)
    text = photo._replace(media_kind="text")
    why = "photo 7 cannot be filed, for Immich takes pictures and videos only: "
    for before, reason in (
        (held(temp, review="no picture"), "no picture"),
        (held(temp, review=""), "it is neither"),
    ):
        answer = filed_under(text, before, TargetPerson("Anna", "p1"), library_folder=at)
        assert refused(answer) == ("failed", "not_a_photo", why + reason)


def test_of_a_photo_that_immich_does_not_have_it_learns_nothing():
    plan = Plan(WAITS._replace(asset_id=None), held(LIBRARY), EventKind.FACES_NAMED, "named")
    assign_faces(plan, [TargetPerson("Anna", "p1")], [], face_id="f1", albums=True)
    assert (plan.messages, plan.data) == ([], {})


# --- rejecting and putting off -----------------------------------------------------------------


def test_a_rejected_photo_goes_to_the_trash_of_the_month_and_every_other_name_goes():
    plan = reject(WAITS, held(LIBRARY, QUEUED), "eva", now=NOW, at=AT)
    assert said(plan) == (
        (EventKind.REJECTED, "rejected"),
        {
            "planned": [PlannedName(Area.TRASH, "2024-05", LIBRARY, "a.jpg")],
            "removes": [LIBRARY, QUEUED],
            "values": {
                "state": "rejected",
                "category": None,
                "person_id": None,
                "person_name": None,
                "auto_sorted": 0,
                "trashed_at": AT,
                "problem": None,
            },
            "data": {"from": "review", "category": "multiple_faces", "reason": "two faces", "was": None},
            "closed": ("rejected", "eva"),
        },
    )


def test_of_a_photo_from_before_smartsort_only_the_links_go_by_a_rejection():
    plan = reject(FILED, held(THERE, UNDER_ANNA), "eva", now=NOW, at=AT, kind=EventKind.REMOVED_IN_IMMICH)
    assert said(plan) == (
        (EventKind.REMOVED_IN_IMMICH, "rejected"),
        {
            "removes": [UNDER_ANNA],
            "filed": False,
            "values": {
                "state": "observed",
                "category": None,
                "person_id": None,
                "person_name": None,
                "auto_sorted": 0,
                "trashed_at": None,
                "problem": None,
            },
            "data": {"from": "filed", "category": None, "reason": None, "was": "Anna"},
        },
    )


def test_a_photo_that_is_put_off_stays_in_all_its_places():
    assert said(defer(WAITS, held(LIBRARY, QUEUED))) == (
        (EventKind.DEFERRED, "skipped"),
        {"deferred": True, "filed": False},
    )


# --- what humans say of a decision -------------------------------------------------------------


def test_a_confirmed_filing_stays_where_it_is_and_one_of_a_human_needs_no_confirmation():
    assert said(feedback.confirm(FILED, held(UNDER_ANNA))) == (
        (EventKind.CONFIRMED, "confirmed"),
        {"filed": False, "person": "Anna", "data": {"people": ["Anna"]}},
    )
    answer = feedback.confirm(FILED._replace(auto_sorted=False), held(UNDER_ANNA))
    assert refused(answer) == ("failed", "nothing_to_do", "photo 7 was filed by a human already")
    assert feedback.confirm(FILED._replace(person_name=None), held(UNDER_ANNA)).data == {"people": []}


SMALL = Face("small", Box(0, 0, 10, 10), 100, 100, BEN)
LARGE = Face("large", Box(0, 0, 50, 50), 100, 100, None)
STRANGER = Face("stranger", Box(60, 60, 70, 70), 100, 100, Person("p9", ""))
CLOSE = {"large": (Suggestion(ANNA, 0.6), Suggestion(BEN, 0.5))}


def test_who_is_ruled_out_unnamed_is_whoever_is_suggested_for_the_largest_face():
    evidence = Evidence(faces=(SMALL, LARGE, STRANGER), suggestions=CLOSE)
    find = feedback.person_to_rule_out
    assert find(evidence, None, None) == feedback.PersonRuledOut(ANNA, (LARGE,))
    known = dataclasses.replace(evidence, ruled_out=frozenset({"p1"}))
    assert find(known, None, None) == feedback.PersonRuledOut(BEN, (SMALL, LARGE))
    assert find(evidence, None, "small") == feedback.PersonRuledOut(BEN, (SMALL,))
    assert find(evidence, ANNA, "small") == feedback.PersonRuledOut(ANNA, (SMALL,))
    assert find(evidence, Person("p7", "Rose"), None) == feedback.PersonRuledOut(Person("p7", "Rose"), ())
    assert find(Evidence(), ANNA, None) == "it has no face"
    assert find(evidence, ANNA, "f9") == "it has no face f9"
    assert find(Evidence(faces=(STRANGER,)), None, None) == "it has no suggestion. Name the person"


def decided(category=Category.UNIDENTIFIED, prefix="unknown_", **more):
    reason = Reason("unidentified_person")
    return Decision(Outcome.REVIEWED, (reason,), "v1", category, prefix, faces_detected=2, **more)


def test_a_photo_goes_on_waiting_for_the_reason_that_is_left_without_the_person():
    evidence = Evidence(faces=(SMALL, LARGE), suggestions=CLOSE)
    out = feedback.PersonRuledOut(ANNA, (LARGE,))
    after = feedback.without(evidence, out)
    assert (after.ruled_out, after.suggestions) == ({"p1"}, {"large": (Suggestion(BEN, 0.5),)})
    before, decision = held(LIBRARY, QUEUED, ruled_out={"p3": "Cleo"}), decided()
    assert said(feedback.rule_out(WAITS, before, out, after, decision)) == (
        (EventKind.RULED_OUT, "ruled_out"),
        {
            "person": "Anna",
            "ruled_out": {"p3": "Cleo", "p1": "Anna"},
            "data": {"person_id": "p1", "people": ["Anna"], "faces": ["large"]},
            "waiting": Waiting(decision, after),
            "planned": [PlannedName(Area.REVIEW, "unidentified", LIBRARY, "unknown_a.jpg")],
            "removes": [QUEUED],
            "values": {"category": "unidentified"},
        },
    )
    stays = feedback.rule_out(WAITS, before, out, after, decided(Category.MULTIPLE_FACES, "multi_"))
    assert (stays.planned, stays.removes, stays.values, stays.filed) == ([], [], {}, False)
    sure = Decision(Outcome.SORTED, (Reason("all_clear"),), "v1", people=(BEN,))
    assert feedback.rule_out(WAITS, before, out, after, sure).waiting is None
    known = held(QUEUED, ruled_out={"p1": "Anna"})
    assert refused(feedback.rule_out(WAITS, known, out, after, decision)) == (
        "failed",
        "nothing_to_do",
        "that photo 7 does not show Anna is known",
    )


# --- other names, other settings ---------------------------------------------------------------

RENAMED = Renamed("p1", "Anna", "Anna Smith", "anna_smith", ("anna", "anna_old"))


def test_photos_follow_a_person_to_the_folder_of_the_new_name_and_nothing_else_changes():
    other, unowned = (
        Name(7, Area.FACES, "anna/b.jpg", person_id="p2"),
        Name(7, Area.FACES, "2024/anna_old/a.jpg"),
    )
    before = held(LIBRARY, UNDER_ANNA, other, unowned, state=State.FILED)
    assert said(follow(FILED, before, RENAMED, parse("{person}"))) == (
        (EventKind.RENAMED, "renamed"),
        {
            "planned": [
                PlannedName(Area.FACES, "anna_smith", LIBRARY, "a.jpg", "p1"),
                PlannedName(Area.FACES, "2024/anna_smith", LIBRARY, "a.jpg", "p1"),
            ],
            "removes": [UNDER_ANNA, unowned],
            "values": {"person_name": "Anna Smith"},
            "data": {"was": "Anna", "people": ["Anna Smith"]},
            "person": "Anna Smith",
        },
    )
    also = follow(FILED._replace(person_name="Ben"), before, RENAMED, parse("{person}"))
    assert (also.person, also.values) == ("Ben", {"person_name": "Ben"})


def world(**tuning):
    tuning = {"album_per_person": False, "archive_unwanted": False} | tuning
    return SimpleNamespace(tuning=SimpleNamespace(**tuning), person_folder=lambda person: person.name.lower())


def moved(photo, before, decision, place=None, **tuning):
    place = place or Place("multiple_faces")
    after = Place("faces", frozenset({"anna"})) if decision.people else Place("unidentified")
    return reevaluated(photo, before, Move(7, place, after, Evidence(), decision), world(**tuning))


def test_a_photo_that_is_filed_by_other_settings_leaves_the_queue_as_one_that_resolved_itself():
    clear = Reason("all_clear", names=("Anna",))
    decision = Decision(Outcome.SORTED, (clear,), "v1", people=(ANNA,), faces_detected=1, albums=("Rome",))
    before = held(LIBRARY, QUEUED, UNDER_ANNA._replace(path="ben/a.jpg", person_id="p2"))
    kinds, found = said(moved(WAITS, before, decision, album_per_person=True))
    reason = found["data"].pop("reason")
    assert reason
    assert (kinds, found) == (
        (EventKind.REEVALUATED, "reevaluated"),
        {
            "planned": [PlannedName(Area.FACES, "anna", LIBRARY, "a.jpg", "p1")],
            "removes": [before.names[2], QUEUED],
            "values": {
                "state": "filed",
                "category": None,
                "person_id": "p1",
                "person_name": "Anna",
                "auto_sorted": 1,
                "faces_detected": 1,
            },
            "data": {
                "from": "review",
                "outcome": "sorted",
                "category": None,
                "people": ["Anna"],
                "way": "multiple_faces -> faces",
            },
            "messages": [
                ("album_add", {"asset_id": "asset", "album": "Anna"}),
                ("album_add", {"asset_id": "asset", "album": "Rome"}),
            ],
            "waiting": Waiting(decision, Evidence()),
            "person": "Anna",
            "withdrawn": True,
        },
    )


def test_a_photo_that_is_asked_about_by_other_settings_leaves_the_people_it_was_filed_under():
    before = held(LIBRARY, UNDER_ANNA, told=(("album", "Anna"), ("visibility", "archive")), state=State.FILED)
    decision = decided()
    kinds, found = said(moved(FILED, before, decision, Place("faces", frozenset({"anna"}))))
    assert found["data"].pop("reason")
    assert (kinds, found) == (
        (EventKind.REEVALUATED, "reevaluated"),
        {
            "planned": [PlannedName(Area.REVIEW, "unidentified", LIBRARY, "unknown_a.jpg")],
            "removes": [UNDER_ANNA],
            "values": {
                "state": "review",
                "category": "unidentified",
                "person_id": None,
                "person_name": None,
                "auto_sorted": 0,
                "faces_detected": 2,
            },
            "data": {
                "from": "filed",
                "outcome": "reviewed",
                "category": "unidentified",
                "people": [],
                "way": "faces -> unidentified",
            },
            "messages": [
                ("album_remove", {"asset_id": "asset", "album": "Anna"}),
                ("visibility", {"asset_id": "asset", "visibility": "timeline"}),
            ],
            "waiting": Waiting(decision, Evidence()),
        },
    )


def test_unwanted_photos_are_archived_where_that_is_wished_and_the_users_own_stay_as_they_are():
    blacklisted = Reason("blacklisted_person")
    decision = dataclasses.replace(decided(), reasons=(blacklisted,))
    archived = ("visibility", {"asset_id": "asset", "visibility": "archive"})
    assert moved(WAITS, held(LIBRARY, QUEUED), decision, archive_unwanted=True).messages == [archived]
    assert moved(WAITS, held(LIBRARY, QUEUED), decision).messages == []
    assert moved(WAITS, held(LIBRARY, QUEUED), decided(), archive_unwanted=True).messages == []
    assert moved(WAITS, held(THERE, QUEUED), decision, archive_unwanted=True).messages == []
    absent = WAITS._replace(asset_id=None)
    assert moved(absent, held(LIBRARY, QUEUED), decision, archive_unwanted=True).messages == []


def test_a_duplicate_is_not_put_away_by_other_settings():
    decision = Decision(Outcome.SKIPPED, (Reason("duplicate"),), "v1", category=Category.DUPLICATES)
    answer = moved(WAITS, held(LIBRARY, QUEUED), decision)
    assert refused(answer) == ("failed", "nothing_to_do", "photo 7 is a duplicate and stays where it is")


# --- what came later ---------------------------------------------------------------------------

CLIP = Name(7, Area.TEMP, "7-video_a.mov", Member.VIDEO)


def test_what_came_later_gets_a_name_beside_each_name_of_its_photo():
    before = held(LIBRARY, UNDER_ANNA, SIDE, CLIP, state=State.FILED)
    assert join.waiting(before) == [CLIP]
    assert said(join.join(FILED, before)) == (
        (EventKind.JOINED, "joined"),
        {
            "planned": [
                PlannedName(Area.LIBRARY, "1/ab", CLIP, None),
                PlannedName(Area.FACES, "anna", CLIP, None, "p1"),
            ],
            "removes": [CLIP],
            "filed": False,
            "data": {"joined": ["a.mov"], "members": ["video"]},
        },
    )


def test_a_half_that_is_part_of_its_picture_ends_and_its_digest_is_free_for_the_picture():
    picture = WAITS._replace(id=9, original_name="b.jpg")
    heir = Name(9, Area.LIBRARY, "1/cd/b.mov", Member.VIDEO)
    assert said(join.fold(WAITS, held(LIBRARY, QUEUED), picture, heir)) == (
        (EventKind.FOLDED, "folded"),
        {
            "removes": [LIBRARY, QUEUED],
            "values": {"state": "purged", "category": None, "problem": None, "sha256": None},
            "data": {"into": 9, "name": "b.jpg"},
            "filed": False,
            "withdrawn": True,
            "heir": heir,
        },
    )


@pytest.mark.parametrize("members", [["video"], ["raw", "video"]])
def test_a_joining_is_taken_back_by_a_photo_of_its_own_for_each_half_that_is_still_there(members):
    clip, beside = (
        CLIP._replace(area=Area.LIBRARY, path="1/ab/a.mov"),
        CLIP._replace(area=Area.FACES, path="anna/a.mov"),
    )
    event = SimpleNamespace(id=5, kind=EventKind.JOINED, data={"members": members})
    plan = join.apart(FILED, held(LIBRARY, UNDER_ANNA, clip, beside), event)
    [planned] = plan.planned
    assert (planned.area, planned.folder, planned.source) == (Area.TEMP, "", clip)
    assert said(plan) == (
        (EventKind.UNDONE, "undone"),
        {
            "planned": [planned],
            "removes": [clip, beside],
            "filed": False,
            "undoes": 5,
            "splits": True,
            "data": {"of": EventKind.JOINED, "split": ["video"]},
        },
    )
    assert join.apart(FILED, held(LIBRARY), event) is None
