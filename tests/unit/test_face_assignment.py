"""Which face a human meant, and what times on the command line mean."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.actions.values import ActionResult, Batch
from smartsort.cli.sidecar import tell_decided
from smartsort.cli.undo import moment
from smartsort.core.model import Box, Face, Film, FilmFace, Person, Reason, Sighting
from smartsort.core.wording import REASON_CODES, sentence, short
from smartsort.pipeline.routing.face_assignment import face_to_assign, on_poster

ANNA, BELLA = Person("a", "Anna"), Person("b", "Bella")
NOBODY = Person("n", "")


def face(name, person=None, size=100):
    return Face(name, Box(0, 0, size, size), 1000, 1000, person)


def message(person="b", people=None, given=None, instead=()):
    return {
        "person": person,
        "people": people or [person],
        "face": given,
        "instead": list(instead),
        "name": "Bella",
    }


def film_face(number, person=None, frames=10, poster=None):
    seen = tuple(Sighting(float(at), Box(0, 0, 9, 9)) for at in range(frames))
    return FilmFace(face(f"film-7-{number}", person), seen, poster)


@pytest.mark.parametrize(
    ("faces", "asked", "chosen"),
    [
        ([], message(), None),
        ([film_face(1, BELLA, poster="p")], message(), "p"),
        ([film_face(1, BELLA)], message(), None),  # Immich shows another moment
        ([film_face(1, BELLA), film_face(2, poster="p")], message(), None),  # never the stranger on it
        ([film_face(1, poster="p")], message(), "p"),
        ([film_face(1, poster="p"), film_face(2)], message(), None),  # nobody knows which
        ([film_face(1, poster="p"), film_face(2, frames=1)], message(), "p"),  # who passes is not meant
        ([film_face(1, frames=1, poster="p"), film_face(2)], message(), None),
        ([film_face(1, ANNA, poster="p")], message(), None),
        ([film_face(1, ANNA, poster="p")], message(instead=["a"]), "p"),  # the one filed wrongly
        ([film_face(1, poster="p"), film_face(2)], message(given="film-7-1"), "p"),
        ([film_face(1, poster="p"), film_face(2)], message(given="film-7-2"), None),
        ([film_face(1, poster="p")], message(given="p"), "p"),
        ([film_face(1)], message(given="q"), "q"),  # chosen on the poster frame, and in no other
        ([film_face(1, poster="p")], message(people=["a", "b"]), None),
    ],
)
def test_of_a_video_only_the_face_is_assigned_that_was_meant(faces, asked, chosen):
    film = Film(tuple(map(float, range(12))), tuple(faces))
    assert on_poster(film, asked) == chosen


@pytest.mark.parametrize(
    ("faces", "asked", "chosen"),
    [
        ([], message(), None),
        ([face("1", BELLA)], message(), None),  # nothing to assign
        ([face("1")], message(), "1"),
        ([face("1", NOBODY)], message(), "1"),
        ([face("1", ANNA)], message(), "1"),  # the only one: Immich was wrong
        ([face("1", ANNA), face("2")], message(), "2"),
        ([face("1", ANNA), face("2", NOBODY)], message(), "2"),
        ([face("1", size=10), face("2", size=90), face("3", size=50)], message(), "2"),  # the largest
        ([face("1", ANNA), face("2", ANNA)], message(), None),  # nobody knows which
        ([face("1", ANNA), face("2")], message(instead=["a"]), "1"),  # the one filed wrongly
        ([face("1", ANNA), face("2", ANNA)], message(instead=["a"]), None),
        ([face("1"), face("2")], message(given="2"), "2"),
        ([face("1"), face("2", BELLA)], message(given="1"), "1"),
        ([face("1", BELLA)], message(given="1"), None),
        ([face("1")], message(given="7"), None),  # Immich detected again: the face is gone
        # Of several people only what is certain.
        ([face("1", ANNA), face("2")], message(people=["a", "b"]), "2"),
        ([face("1"), face("2")], message(people=["a", "b"]), None),
        ([face("1")], message(people=["a", "b"]), None),
        ([face("1")], message(person=None, people=[None]), "1"),  # a person about to be made
    ],
)
def test_the_face_that_is_meant(faces, asked, chosen):
    found = face_to_assign(faces, asked)
    assert (found.id if found else None) == chosen


@given(
    st.lists(st.tuples(st.sampled_from([None, ANNA, BELLA, NOBODY]), st.integers(1, 900)), max_size=6),
    st.booleans(),
)
def test_a_face_is_never_taken_from_somebody_else_while_there_is_a_stranger(shown, several):
    faces = [face(str(i), person, size) for i, (person, size) in enumerate(shown)]
    found = face_to_assign(faces, message(people=["a", "b"] if several else None))
    strangers = [f for f in faces if f.person is None or not f.person.name]
    if found is not None:
        assert found.person is None or found.person.id != "b"
        assert not strangers or found in strangers


NOW = datetime(2024, 5, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", datetime(2024, 5, 2, 10, tzinfo=UTC)),
        ("30 m", datetime(2024, 5, 2, 11, 30, tzinfo=UTC)),
        ("1D", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ("2024-05-01T18:00:00+00:00", datetime(2024, 5, 1, 18, tzinfo=UTC)),
    ],
)
def test_since(text, meant):
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["yesterday", "", "5 parsecs", "2024-13-01"])
def test_since_that_means_nothing(text):
    with pytest.raises(click.UsageError, match="neither a span"):
        moment(text, NOW)


def test_a_name_that_looks_like_markup_is_shown_as_it_is(capsys):
    one = {"id": 2, "action": "approved", "destination": "faces/a/[bold]x[/].jpg"}
    assert tell_decided({"decided": [one], "done": 1, "failed": 0, "event": 7}) == 0
    shown = capsys.readouterr().out
    assert "[bold]x[/].jpg" in shown
    assert "smartsort undo --event 7" in shown


def test_a_batch_counts():
    batch = Batch((ActionResult(1, "approved"), ActionResult(2, "failed"), ActionResult(3, "would_reject")))
    assert (len(batch), batch.done, batch.failed, [a.photo_id for a in batch]) == (3, 2, 1, [1, 2, 3])


def test_an_undone_filing_is_put_into_words():
    reason = Reason("undone_filing", names=("Anna", "Bella"))
    assert short(reason) == "undone_filing: Anna, Bella"
    assert "filed under Anna, Bella" in sentence(reason)
    assert reason.code in REASON_CODES
