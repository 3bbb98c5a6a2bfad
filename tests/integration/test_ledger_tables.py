"""Rows of the ledger as they are read again: the queue, galleries, deletions, decisions, arrangements."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from smartsort.core.model import (
    Box,
    Category,
    Decision,
    Evidence,
    Face,
    Origin,
    Outcome,
    Person,
    Reason,
    State,
)
from smartsort.core.policy import Policy
from smartsort.core.what_if import Place
from smartsort.ledger import (
    arrangement,
    decisions,
    deletions,
    embeddings,
    events,
    face_marks,
    key_value,
    outbox,
    photos,
    review,
    source_tables,
)
from smartsort.ledger.database import Ledger
from smartsort.ledger.deletions import Deletion, Found
from smartsort.ledger.embeddings import Embedding, GalleryRow
from smartsort.ledger.face_marks import PlacedMark
from smartsort.ledger.photos import Change, NewPhoto
from smartsort.ledger.records import Area, Member, Name, NewEvent
from smartsort.ledger.source_tables import Download, ReviewRow

AT, LATER, LAST = (f"2024-05-01T12:00:0{n}.000+00:00" for n in (0, 5, 9))
ANNA = Person("p1", "Anna")
STRANGE = os.fsdecode(b"caf\xe9.jpg")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        yield opened


def add(ledger, state=State.REVIEW, name="a.jpg", *, names=(), **more):
    """Add a photo with names (area, path, ...); what else is given is of its `Change`, or of its row."""
    change = {key: more.pop(key) for key in ("decision", "download", "review", "events") if key in more}

    def write(db):
        [photo] = photos.add(db, [NewPhoto("phone", "inbox", name, 3, 4)], AT)
        given = tuple(Name(photo.id, *each) for each in names)
        photos.apply(db, [Change(photo.id, state=state, values=more, names_added=given, **change)], AT)
        return photo.id

    return ledger.write(write)


def ask(ledger, function, *asked, **more):
    return ledger.read(lambda db: function(db, *asked, **more))


def decided(outcome=Outcome.REVIEWED, category=Category.UNIDENTIFIED, evidence=None, code="other"):
    return Decision(outcome, (Reason(code, ("Anna",)),), "v1", category), evidence or Evidence()


# --- the review queue --------------------------------------------------------------------------


def test_a_row_of_the_queue_says_everything_of_its_photo(ledger):
    face = Face("f1", Box(1, 2, 3, 4), 40, 30, ANNA)
    seen = Evidence(faces=(face,), origin=Origin("phone"), ruled_out=frozenset({"p9"}))
    photo = add(
        ledger,
        name=STRANGE,
        names=[(Area.REVIEW, "unidentified/a.jpg"), (Area.REVIEW, "unidentified/a.xmp", Member.XMP)],
        decision=decided(evidence=seen),
        review=ReviewRow("/r/a.jpg", Category.UNIDENTIFIED, "abc", "unknown_face", 2, "Anna"),
        asset_id="asset",
    )
    ledger.write(lambda db: arrangement.set_ruled_out(db, photo, {"p2": "Ben"}))
    expected = review.QueueRow(
        id=1,
        photo_id=photo,
        category=Category.UNIDENTIFIED,
        filename=STRANGE,
        path="/r/a.jpg",
        size=3,
        mtime_ns=4,
        reason="unknown_face",
        reasons=(Reason("other", ("Anna",)),),
        faces_detected=2,
        evidence=seen,
        ruled_out=frozenset({"p2"}),
        source="phone",
        created_at=AT,
        deferred_at=None,
        asset_id="asset",
        companions=("caf\\xe9.jpg.xmp",),
    )
    [row] = ask(ledger, review.page).rows
    assert row == replace(expected, companions=row.companions)
    assert len(row.companions) == 1
    assert ask(ledger, review.row, photo) == row
    ledger.write(lambda db: source_tables.defer_review(db, photo, LATER))
    assert ask(ledger, review.row, photo) == replace(row, deferred_at=LATER)
    assert (ask(ledger, review.row, 9), ask(ledger, review.item, 9)) == (None, None)
    entry = ask(ledger, review.item, photo)
    assert (entry.photo.id, len(entry.names), entry.policy_version, entry.other) == (photo, 2, "v1", None)
    assert entry.version == arrangement.version(ask(ledger, arrangement.read, [photo])[photo])


def test_the_queue_is_counted_searched_and_listed_by_category(ledger):
    rows = (
        ("a.jpg", "duplicates", "x", None),
        ("b%_.jpg", "duplicates", "y", "Anna"),
        ("c.jpg", "unidentified", "x", None),
    )
    for name, category, reason, suggested in rows:
        add(ledger, name=name, review=ReviewRow("/r", Category(category), None, reason, 0, suggested))
    closed = add(ledger, review=ReviewRow("/r", Category.DUPLICATES, None, "x", 0, None))
    ledger.write(lambda db: source_tables.close_review(db, closed, "approved", "eva", LATER))
    assert ask(ledger, review.counts) == {"duplicates": 2, "unidentified": 1}
    total = lambda *asked: ask(ledger, review.total, *asked)  # noqa: E731
    assert (total(), total("duplicates"), total(None, "x"), total("duplicates", "ANNA")) == (3, 2, 2, 1)
    matching = lambda *asked: ask(ledger, review.matching, *asked)  # noqa: E731
    assert (matching(), matching("duplicates"), matching(None, "phone", 2)) == ([3, 2, 1], [2, 1], [3, 2])
    assert (matching(None, "%_"), matching(None, "b_"), matching(None, "nobody")) == ([2], [], [])
    assert ask(ledger, review.conditions, [1, closed, 99]) == {1: "pending", closed: "approved"}
    first = ask(ledger, review.page, limit=2)
    assert ([row.photo_id for row in first.rows], first.next_cursor) == ([3, 2], "new:2")
    rest = ask(ledger, review.page, cursor=first.next_cursor, limit=2)
    assert ([row.photo_id for row in rest.rows], rest.next_cursor) == ([1], None)
    ledger.write(lambda db: source_tables.defer_review(db, 3, LATER))
    ledger.write(lambda db: source_tables.defer_review(db, 2, AT))
    pages, cursor = [], None
    while page := ask(ledger, review.page, cursor=cursor, limit=1):
        pages.append(([row.photo_id for row in page.rows], cursor := page.next_cursor))
        if cursor is None:
            break
    assert pages == [([1], "new:1"), ([2], f"later:{AT}:2"), ([3], None)]


# --- other tables ------------------------------------------------------------------------------


def test_other_programs_read_what_a_photo_is_and_why_it_waits(ledger):
    photo = ask(ledger, photos.get, add(ledger, name=STRANGE, sha256="abc"))
    found = Download.of(photo, "/f/a.jpg", "Anna", auto_sorted=True)
    assert found == Download("/f/a.jpg", "caf\\xe9.jpg", "abc", "phone", AT, "Anna", True)
    reason = Reason("other")
    decision = Decision(Outcome.REVIEWED, (reason,), "v1", suggested=ANNA, faces_detected=3)
    row = ReviewRow.of(photo, "/r/a.jpg", decision, Category.MULTIPLE_FACES)
    assert row == ReviewRow("/r/a.jpg", Category.MULTIPLE_FACES, "abc", "other", 3, "Anna")
    nobody = ReviewRow.of(photo, "/r", replace(decision, suggested=None), Category.MULTIPLE_FACES)
    assert nobody.suggested_person is None


def test_rows_that_other_programs_read_are_written_once_for_each_photo(ledger):
    download = Download("/f/a.jpg", "a.jpg", "abc", "phone", AT, "Anna", True)
    photo = add(ledger, download=download)
    assert ask(ledger, source_tables.download_of, photo) == download
    other = replace(download, file_path="/f/b.jpg", person_name=None, auto_sorted=False)
    ledger.write(lambda db: source_tables.put_download(db, photo, other))
    assert ask(ledger, source_tables.download_of, photo) == other
    ledger.write(lambda db: source_tables.forget_download(db, photo))
    assert ask(ledger, source_tables.download_of, photo) is None
    assert ask(ledger, source_tables.newest_review, photo) is None
    row = ReviewRow("/r", Category.DUPLICATES, "abc", "x", 1, "Anna")
    ledger.write(lambda db: source_tables.open_review(db, photo, row, AT))
    first = ask(ledger, source_tables.newest_review, photo)
    assert first == {
        "id": 1,
        "file_path": "/r",
        "category": "duplicates",
        "file_hash": "abc",
        "reason": "x",
        "faces_detected": 1,
        "suggested_person": "Anna",
        "created_at": AT,
        "reviewed_at": None,
        "reviewed_by": None,
        "action": "pending",
        "deferred_at": None,
    }
    ledger.write(lambda db: source_tables.open_review(db, photo, replace(row, reason="y"), LATER))
    assert ask(ledger, source_tables.newest_review, photo) == first | {"reason": "y"}
    ledger.write(lambda db: source_tables.close_review(db, photo, "rejected", "eva", LATER))
    closed = first | {"reason": "y", "action": "rejected", "reviewed_by": "eva", "reviewed_at": LATER}
    assert ask(ledger, source_tables.newest_review, photo) == closed
    ledger.write(lambda db: source_tables.open_review(db, photo, row, LAST))
    assert ask(ledger, source_tables.newest_review, photo)["id"] == 2
    ledger.write(lambda db: source_tables.put_review_back(db, photo, closed | {"reason": "z"}))
    assert ask(ledger, source_tables.newest_review, photo) == closed | {"reason": "z"}
    ledger.write(lambda db: source_tables.put_review_back(db, photo, None))
    assert ask(ledger, source_tables.newest_review, photo) is None


# --- arrangements ------------------------------------------------------------------------------


def test_an_arrangement_is_all_that_an_undo_needs_and_comes_back_from_an_event(ledger):
    mark = PlacedMark("k", "ignored", 0.1, 0.2, 0.3, 0.4, None, None, AT)
    given = (Area.FACES, "anna/a.jpg", Member.PHOTO, "copy", "p1", 3, 4, "abc")
    photo = add(
        ledger,
        State.FILED,
        names=[given],
        decision=decided(),
        download=Download("/f/a.jpg", "a.jpg", "abc", "phone", AT),
        review=ReviewRow("/r", Category.DUPLICATES, None, "x", 0, None),
        person_name="Anna",
    )

    def more(db):
        outbox.post(db, "album_add", photo, {"album": "Anna"}, AT)
        outbox.post(db, "visibility", photo, {"visibility": "archive"}, AT)
        arrangement.set_ruled_out(db, photo, {"p2": "Ben"})
        face_marks.replace(db, photo, [mark])

    ledger.write(more)
    found = ask(ledger, arrangement.read, [photo, 99])
    assert found.keys() == {photo}
    one = found[photo]
    assert (one.state, one.albums, one.visibility) == (State.FILED, {"Anna"}, "archive")
    assert one.names == (Name(photo, *given, id=1),)
    assert (one.values["person_name"], one.decision, one.ruled_out) == ("Anna", 1, {"p2": "Ben"})
    assert (one.told, one.marks) == ((("album", "Anna"), ("visibility", "archive")), (mark,))
    assert (one.review["id"], one.download.file_path) == (1, "/f/a.jpg")
    back = arrangement.from_json(photo, arrangement.to_json(one))
    assert back == replace(one, names=(Name(photo, *given),))
    older = {**arrangement.to_json(one), "denied": {"p3": "Cleo"}, "download": None}
    del older["ruled_out"], older["marks"]
    back = arrangement.from_json(photo, older)
    assert (back.ruled_out, back.marks, back.download) == ({"p3": "Cleo"}, (), None)
    plain = replace(one, told=(), ruled_out={}, marks=())
    assert (plain.albums, plain.visibility) == (frozenset(), "timeline")


def test_a_version_changes_with_what_a_person_sees_and_with_nothing_that_immich_is_told(ledger):
    photo = add(ledger, State.FILED, names=[(Area.FACES, "anna/a.jpg")])
    [one] = ask(ledger, arrangement.read, [photo]).values()
    version = arrangement.version
    assert len(version(one)) == 16
    assert version(one) == version(replace(one, told=(("album", "Anna"),)))
    same = {"p1": "Anna", "p2": "Ben"}
    reverse = dict(reversed(same.items()))
    assert version(replace(one, ruled_out=same)) == version(replace(one, ruled_out=reverse))
    judged = replace(one, decision=7, values={**one.values, "recognised_at": LAST, "routed_at": LAST})
    assert version(one) != version(judged)
    assert version(one, as_judged=False) == version(judged, as_judged=False)
    for other in ({"ruled_out": same}, {"names": ()}, {"values": {**one.values, "person_name": "Ben"}}):
        assert version(one, as_judged=False) != version(replace(one, **other), as_judged=False)


# --- deletions in Immich -----------------------------------------------------------------------


def test_deletions_are_kept_until_they_are_answered_or_restored(ledger):
    library = [(Area.LIBRARY, f"{n}/{STRANGE}") for n in range(4)]
    first, second = (
        add(ledger, State.FILED, names=[name], asset_id=f"a{n}") for n, name in enumerate(library[:2])
    )
    third = add(ledger, State.OBSERVED, names=[(Area.ORIGINAL, STRANGE)], asset_id="a2", placed_at=LATER)
    assert (ask(ledger, deletions.rows), ask(ledger, deletions.newest_held)) == ([], 0)
    seen = [(third, "a2", STRANGE), (first, "a0", library[0][1])]
    ledger.write(lambda db: deletions.note(db, seen, deletions.HELD, AT))
    ledger.write(lambda db: deletions.note(db, [(second, "b1", "x")], deletions.NEW, AT))
    rows = [
        Deletion(1, first, "a0", library[0][1], "held", State.FILED, False),
        Deletion(2, third, "a2", STRANGE, "held", State.OBSERVED, True),
        Deletion(3, second, "b1", "x", "new", State.FILED, False),
    ]
    assert ask(ledger, deletions.rows) == rows
    assert (ask(ledger, deletions.held), ask(ledger, deletions.held, 1)) == ([first, third], [first])
    assert ask(ledger, deletions.newest_held) == 2
    assert ask(ledger, deletions.of_originals) == [rows[1]]
    assert ask(ledger, deletions.under_another_id, rows) == [second]
    found = ask(ledger, deletions.at_paths, [library[0][1], "none.jpg"])
    assert found == {library[0][1]: Found(first, State.FILED, None, "a0")}
    assert ask(ledger, deletions.new_originals, ["a0", "a2"]) == []
    ledger.write(lambda db: deletions.gone(db, [third]))
    assert ask(ledger, deletions.rows)[1] == rows[1]._replace(asset_id="")
    assert ask(ledger, deletions.new_originals, ["a0", "a2"]) == [(third, "a2", STRANGE, State.OBSERVED)]
    ledger.write(lambda db: deletions.answered(db, first, restored=False))
    ledger.write(lambda db: deletions.answered(db, third, restored=True))
    assert [(row.photo_id, row.answer) for row in ask(ledger, deletions.rows)] == [
        (first, "done"),
        (second, "new"),
    ]
    assert ask(ledger, deletions.placed_at, [first, third]) == {first: "", third: LATER}


def test_what_was_deleted_waits_in_the_library_and_is_known_by_the_path_it_had(ledger):
    assert ask(ledger, deletions.anything) is False
    trash = {"asset_id": "a", "trashed_at": AT}
    stays = [add(ledger, State.REJECTED, names=[(Area.LIBRARY, f"{n}.jpg")], **trash) for n in range(2)]
    add(ledger, State.REJECTED, names=[(Area.LIBRARY, "late.jpg")], trashed_at=LAST)
    add(ledger, State.REJECTED, names=[(Area.LIBRARY, "told.jpg")], trashed_at=AT, problem="told")
    add(ledger, State.FILED, names=[(Area.LIBRARY, "filed.jpg")], trashed_at=AT)
    put_away = lambda *asked: ask(ledger, deletions.to_put_away, *asked)  # noqa: E731
    assert (put_away(LATER, 9), put_away(LATER, 1), put_away(AT, 9)) == (stays, stays[:1], [])
    assert ask(ledger, deletions.anything) is True
    names = {
        "before": {
            "names": [
                ["faces", "f.jpg", "photo"],
                ["library", "was.mov", "video"],
                ["library", "was.jpg", "photo"],
            ]
        }
    }
    away = [add(ledger, State.REJECTED, names=[(Area.TRASH, f"t{n}.jpg")], **trash) for n in range(2)]
    for photo in (*away, stays[0]):
        event = NewEvent("rejected", photo, names)
        ledger.write(lambda db, e=event: events.append(db, [e], AT))
    thrown = lambda *asked: ask(ledger, deletions.thrown, *asked)  # noqa: E731
    rows = [Deletion(0, photo, "a", "was.jpg", "done", State.REJECTED, True) for photo in away]
    assert (thrown(0, 9), thrown(0, 1), thrown(away[0], 9)) == (rows, rows[:1], rows[1:])
    ledger.write(lambda db: events.append(db, [NewEvent("removed_in_immich", away[0])], LATER))
    assert (ask(ledger, deletions.since, LATER), ask(ledger, deletions.since, LAST)) == (1, 0)


# --- galleries ---------------------------------------------------------------------------------


def test_a_gallery_has_its_faces_the_word_of_a_human_first(ledger):
    faces = [Embedding(f"f{n}", f"a{n}", (1.0, float(n))) for n in range(4)]
    for one, at in zip(faces, (AT, LATER, LAST, AT), strict=True):
        ledger.write(lambda db, one=one, at=at: embeddings.put(db, "m", [one], at))
    ledger.write(lambda db: embeddings.put(db, "m", [Embedding("f9", "a9", ())], AT))
    assert ask(ledger, embeddings.known, "m", ["f0", "f9", "f8"]) == {"f0": (1.0, 0.0)}
    assert ask(ledger, embeddings.looked_for, "m", ["f9", "f8"]) == {"f9": ()}
    members = {"f0": (2, "2019"), "f1": (2, None), "f2": (0, "2020")}
    given = {"person_id": "p1", "name": "Anna", "at": AT}
    ledger.write(lambda db: embeddings.set_gallery(db, "m", **given, members=members, examined=True))
    other = {"person_id": "p2", "name": "Ben", "members": {"f3": (1, None)}, "at": LATER}
    ledger.write(lambda db: embeddings.set_gallery(db, "m", **other))
    anna = [
        replace(faces[2], person_id="p1", said_by=0, taken="2020"),
        replace(faces[1], person_id="p1", said_by=2),
        replace(faces[0], person_id="p1", said_by=2, taken="2019"),
    ]
    ben = [replace(faces[3], person_id="p2", said_by=1)]
    assert ask(ledger, embeddings.gallery_faces, "m") == {"p1": anna, "p2": ben}
    assert ask(ledger, embeddings.gallery_faces, "m", "p2") == {"p2": ben}
    assert ask(ledger, embeddings.gallery_faces, "other") == {}
    rows = {"p1": GalleryRow("p1", "Anna", AT, False, True), "p2": GalleryRow("p2", "Ben", LATER, False)}
    assert ask(ledger, embeddings.galleries, "m") == rows
    assert (ask(ledger, embeddings.mixed_people), ask(ledger, embeddings.mixed_ids)) == ([], frozenset())
    groups = ((("f0", "a0"), ("f1", "a1")), (("f2", "a2"),))
    ledger.write(lambda db: embeddings.set_groups(db, "p1", groups))
    ledger.write(lambda db: embeddings.reported(db, "p1", LAST))
    ledger.write(lambda db: embeddings.mark_stale(db, ["p1"]))
    mixed = replace(rows["p1"], groups=groups, reported_at=LAST, stale=True)
    assert ask(ledger, embeddings.mixed_people) == [mixed]
    assert ask(ledger, embeddings.mixed_ids) == {"p1"}
    ledger.write(lambda db: embeddings.set_groups(db, "p1", None))
    assert ask(ledger, embeddings.galleries, "m")["p1"] == replace(mixed, groups=None, reported_at=None)
    ledger.write(lambda db: embeddings.set_gallery(db, "m", **given, members={"f1": (1, None)}))
    assert ask(ledger, embeddings.galleries, "m")["p1"] == replace(rows["p1"], examined=False)
    assert [one.face_id for one in ask(ledger, embeddings.gallery_faces, "m")["p1"]] == ["f1"]

    assert ledger.write(lambda db: embeddings.forget_models(db, "m", LAST)) == 0
    assert ask(ledger, key_value.get, key_value.MODEL_CHANGE) is None
    assert ledger.write(lambda db: embeddings.forget_models(db, "new", LAST)) == 5
    change = {"model": "new", "at": LAST, "faces": 5}
    assert ask(ledger, key_value.get, key_value.MODEL_CHANGE) == change
    assert ask(ledger, embeddings.galleries, "new")["p2"] == replace(rows["p2"], stale=True)


def test_the_oldest_vectors_go_but_for_those_that_somebody_asks_for(ledger):
    review_, film = (add(ledger, asset_id=asset) for asset in ("a-review", None))
    filed = add(ledger, State.FILED, asset_id="a-filed")
    assets = ("a0", "a1", "a2", "a-review", f"film-{film}", f"film-{filed}", "a-filed")
    for n, asset in enumerate(assets):
        one = Embedding(f"f{n}", asset, (1.0,))
        ledger.write(lambda db, one=one, n=n: embeddings.put(db, "m", [one], f"202{n}"))
    given = {"person_id": "p1", "name": "Anna", "at": AT, "members": {"f0": (1, None)}}
    ledger.write(lambda db: embeddings.set_gallery(db, "m", **given))
    ledger.write(
        lambda db: db.conn.execute(
            "INSERT INTO feedback (kind, photo_id, face_id, person_id, at)"
            " VALUES ('not_person', ?, 'f1', 'p1', ?)",
            (review_, AT),
        )
    )
    assert ledger.write(lambda db: embeddings.prune(db, 1)) == 2
    kept = ask(ledger, embeddings.looked_for, "m", [f"f{n}" for n in range(len(assets))])
    assert sorted(kept) == ["f0", "f1", "f3", "f4", "f6"]
    assert ledger.write(embeddings.prune) == 0


# --- decisions ---------------------------------------------------------------------------------


def test_a_decision_is_read_with_what_it_rested_on(ledger):
    policy = Policy()
    seen = Evidence(faces=(Face("f1", Box(1, 2, 3, 4), 40, 30, ANNA),), taken="2024", origin=Origin("phone"))
    made = Decision(Outcome.SORTED, (Reason("ambiguous_name", ("Anna",)),), policy.version)
    photo = add(ledger, State.FILED, decision=(made, seen))
    assert (ask(ledger, decisions.last_decided, 99), ask(ledger, decisions.policy_of, "v9")) == (None, None)
    found = ask(ledger, decisions.last_decided, photo)
    assert (found.policy, found.at, found.outcome, found.category) == (None, AT, Outcome.SORTED, None)
    assert (found.reasons, found.evidence, found.policy_version) == (made.reasons, seen, policy.version)
    ledger.write(lambda db: decisions.remember_policy(db, policy, AT))
    assert ask(ledger, decisions.last_decided, photo).policy == policy
    again = add(ledger, decision=decided())
    assert ask(ledger, decisions.last_decided, again).category is Category.UNIDENTIFIED


def test_the_past_is_where_photos_are_since_when_and_by_whose_word(ledger):
    auto = add(
        ledger,
        State.FILED,
        decision=decided(Outcome.SORTED, None),
        routed_at=LATER,
        auto_sorted=1,
        names=[(Area.FACES, "anna/a.jpg"), (Area.FACES, f"ben/{STRANGE}")],
    )
    hand = add(ledger, State.FILED, decision=decided(), routed_at=LATER)
    waits = add(ledger, decision=decided(), routed_at=LAST, category="unidentified")
    undone = add(ledger, decision=decided(code="undone_filing"), routed_at=LAST, category="unidentified")
    skipped = add(ledger, State.SKIPPED, decision=decided(), routed_at=LATER)
    gone = add(ledger, State.REJECTED, decision=decided(), routed_at=LATER, category="duplicates")
    add(ledger, State.FILED, routed_at=LATER)
    add(ledger, State.FILED, decision=decided(), routed_at=AT)
    add(ledger, State.KNOWN, decision=decided(), routed_at=LATER)
    ledger.write(lambda db: arrangement.set_ruled_out(db, waits, {"p2": "Ben"}))
    past = list(ask(ledger, lambda db: list(decisions.since(db, LATER, {}))))
    assert [(one.photo_id, one.place, one.by_human) for one in past] == [
        (auto, Place("faces", frozenset({"anna", "ben"})), False),
        (hand, Place("faces", frozenset()), True),
        (waits, Place("unidentified"), False),
        (undone, Place("unidentified"), True),
        (skipped, Place("skipped"), False),
        (gone, Place("duplicates"), True),
    ]
    assert [one.evidence.ruled_out for one in past][2:4] == [{"p2"}, frozenset()]
