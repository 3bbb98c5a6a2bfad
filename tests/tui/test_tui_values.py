"""Words, names, bars and comparisons: the pure part of the screens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from smartsort.api.schemas import CopyView, Metric, PersonView, ReviewItem
from smartsort_tui import charts, details, fuzzy, wording
from smartsort_tui.decisions import face_for, suggested
from smartsort_tui.differences import differences
from smartsort_tui.live import pause_seconds
from smartsort_tui.sample import data
from smartsort_tui.sample.sidecar import NOON


def item(number: int) -> ReviewItem:
    return data.whole(number, NOON, 1000)


@given(st.text(max_size=80), st.integers(0, 60))
def test_fitted_text_has_exactly_the_width(text: str, width: int) -> None:
    assert cell_len(wording.fit(text, width)) == width
    assert cell_len(wording.fit_name(text, width)) == width


@given(st.text(max_size=400))
def test_shown_text_cannot_move_the_cursor_or_turn_the_line(text: str) -> None:
    shown = wording.shown(text)
    assert not any(char in shown for char in "\x00\x1b\n\r\t\x7f\x9b\u202e\u2066")


def test_long_names_keep_their_end() -> None:
    fitted = wording.fit_name("holiday_" * 40 + "0042.jpg", 24)
    assert fitted.endswith("0042.jpg")
    assert "…" in fitted


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_240_000, "1.2 MB"), (250_000_000, "250 MB")],
)
def test_sizes(size: int, text: str) -> None:
    assert wording.size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "now"), (42, "42s"), (120, "2min"), (7300, "2h"), (86400 * 3, "3d")]
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_a_time_that_is_none_is_shown_as_nothing() -> None:
    assert wording.age("yesterday", NOON) == ""
    assert wording.date(None) == ""


@pytest.mark.parametrize(
    ("query", "first"),
    [("zoe", "Zoë Żak"), ("oka", "Amara Okafor"), ("jd", "John Doe"), ("李", "李雷"), ("مريم", "مريم حداد")],
)
def test_a_few_letters_find_a_person(query: str, first: str) -> None:
    assert fuzzy.ranked(query, data.people())[0].name == first


def test_without_letters_the_suggested_come_first() -> None:
    assert [p.name for p in fuzzy.ranked("", data.people(), ["person-8", "person-2"])][:2] == [
        "Nadia",
        "Zoë Żak",
    ]


def test_letters_that_are_not_there_find_nobody() -> None:
    assert fuzzy.ranked("xyzzy", data.people()) == []


def test_a_folder_name_is_the_same_name() -> None:
    assert [person.name for person in fuzzy.same_name("john_doe", data.people())] == ["John Doe"]


def test_what_differs_between_copies() -> None:
    lines = {line.what: line for line in differences(item(4), item(4).other_copy or CopyView(place="faces"))}
    assert lines["size"].verdict == "smaller"
    assert lines["resolution"].verdict == "smaller"
    assert lines["taken"].verdict == "same"
    assert lines["place"].other == "faces/john_doe/IMG_000001.jpg"


def test_an_unknown_copy_is_said_to_be_unknown() -> None:
    lines = {line.what: line for line in differences(item(4), CopyView(place="trash", alive=False))}
    assert lines["size"].other == "unknown"
    assert lines["place"].verdict == "only in a trash"


@pytest.mark.parametrize("number", range(1, 25))
@pytest.mark.parametrize("width", [20, 44, 110])
def test_details_never_exceed_their_width(number: int, width: int) -> None:
    text = details.details(item(number), width, "refused: " + "because " * 30)
    assert max(cell_len(line) for line in text.plain.splitlines()) <= width + 8


def test_details_say_everything_that_decides() -> None:
    text = details.details(item(10), 60).plain
    for wanted in ("Why", "3 faces on the picture", "[1] John Doe", "Faces", "0.44", "behind"):
        assert wanted in text


def test_markup_in_names_is_only_text() -> None:
    hostile = item(1)
    hostile.filename = "[red]a[/red] [@click=app.quit]x[/].jpg"
    hostile.reasons[0].text = "[bold"
    text = details.details(hostile, 80).plain
    assert "[@click=app.quit]x[/].jpg" in text
    assert "[bold" in text


def test_the_key_of_a_suggestion_names_person_and_face() -> None:
    group = item(2)
    decision = suggested(group, 1, None)
    assert decision is not None
    assert decision.approve is not None
    assert decision.approve.face == "face-2-1"
    assert suggested(group, 9, None) is None
    assert face_for(group, "nobody", 3) == "face-2-3"


def test_bars_show_that_something_is_there() -> None:
    assert charts.bar(0, 100, 10) == ""
    assert charts.bar(1, 1_000_000, 10) == "▏"
    assert charts.bar(100, 100, 10) == "█" * 10


def test_targets_are_told_in_words() -> None:
    metrics = [
        Metric(name="a", value=1, target="> 0", met=True),
        Metric(name="b", value=1, target="> 2", met=False),
        Metric(name="c", value=None, target="> 2", met=None),
    ]
    lines = charts.metrics_text(metrics, 70).plain.splitlines()
    assert [line[0] for line in lines] == ["✓", "✗", "–"]
    assert lines[1].endswith("not met")


def test_many_people_end_in_one_line() -> None:
    text = charts.bars({f"p{number}": number for number in range(1, 40)}, 60).plain.splitlines()
    assert len(text) == charts.MOST_BARS + 1
    assert "others" in text[-1]


def test_pauses_grow_and_stay_bounded() -> None:
    pauses = [pause_seconds(attempt) for attempt in range(30)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15.0


def test_a_person_without_a_name_is_said_so() -> None:
    assert details.name_of(PersonView(id="1", name="")) == "a person without a name"
    assert details.name_of(None) == "nobody Immich knows"
