"""Words, names, bars and comparisons: the pure part of the screens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.tui.sample import data
from tests.tui.sample.sidecar import NOON

from smartsort.api.schemas.decisions import ActionResultView, BulkActionResult
from smartsort.api.schemas.history import EventView
from smartsort.api.schemas.people import PersonView
from smartsort.api.schemas.review import CopyView, ReviewItem
from smartsort.api.schemas.statistics import DayCount, Metric
from smartsort.core.event_kinds import EventKind
from smartsort_tui import charts, details, event_words, fuzzy, wording
from smartsort_tui.decisions import face_for, suggested
from smartsort_tui.differences import differences
from smartsort_tui.live import pause_seconds
from smartsort_tui.screens import preview, queue_view


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
    lines = {
        line.what: line
        for line in differences(item(4), item(4).other_copy or CopyView(place="faces"), "review")
    }
    assert lines["size"].verdict == "smaller"
    assert lines["resolution"].verdict == "smaller"
    assert lines["taken"].verdict == "same"
    assert lines["place"].other == "faces/john_doe/IMG_000001.jpg"


def test_an_unknown_copy_is_said_to_be_unknown() -> None:
    lines = {line.what: line for line in differences(item(4), CopyView(place="trash", alive=False), "review")}
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
    assert details.name_of(PersonView(id="1", name="")) == "unknown person"
    assert details.name_of(None) == "unknown person"


def days(*numbers: tuple[int, int]) -> list[DayCount]:
    return [
        DayCount(day=f"2025-01-{place:02}", sorted=done, reviewed=waits)
        for place, (done, waits) in enumerate(numbers, start=1)
    ]


@pytest.mark.parametrize(("most", "top"), [(0, 2), (2, 2), (3, 4), (11, 20), (41, 60), (1001, 2000)])
def test_an_axis_ends_at_a_number_that_reads_well(most: int, top: int) -> None:
    assert charts.ceiling(most) == top


def test_the_plot_tells_sorted_from_reviewed_without_colour() -> None:
    lines = charts.plot(days((4, 4), (8, 0), (0, 2)), 40, 11).plain.splitlines()
    columns = [line[4:].ljust(40) for line in lines[1:9]]
    first = "".join(line[0] for line in columns)
    assert first.strip() == "░░░░████"
    assert "".join(line[8] for line in columns).strip() == "████████"
    assert "".join(line[16] for line in columns).strip() == "░░"
    assert lines[1].startswith(" 8 ┤") or lines[1].startswith("8 ┤")
    assert lines[-1].split() == ["01-01", "01-02", "01-03"]


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), max_size=28),
    st.integers(30, 200),
    st.integers(6, 20),
)
def test_a_plot_stays_within_its_room(numbers: list[tuple[int, int]], width: int, height: int) -> None:
    lines = charts.plot(days(*numbers), width, height).plain.splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


@given(st.integers(1, 400), st.integers(1, 120))
def test_columns_hold_every_day_once(number: int, most: int) -> None:
    counted = [DayCount(day=f"2025-{place:05}", sorted=1, reviewed=2) for place in range(number)]
    found = charts.columns_of(counted, most)
    assert len(found) <= most
    assert sum(column.sorted for column in found) == number
    assert sum(column.reviewed for column in found) == 2 * number


def test_a_year_says_what_a_column_is() -> None:
    year = [DayCount(day=f"2025-{1 + n // 28:02}-{1 + n % 28:02}", sorted=1) for n in range(336)]
    assert "a column is" in charts.plot(year, 70, 11).plain.splitlines()[0]


def event(kind: str, text: str, filename: str | None = None, **data: object) -> EventView:
    return EventView(
        id=1, at="2025-06-14T12:00:00+00:00", actor="smartsort", kind=kind, text=text, data=data,
        filename=filename, photo_id=7 if filename is not None else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (event("accepted", "a.jpg arrived from phone", "a.jpg"), "a.jpg arrived from phone"),
        (event("enabled", "Sorting was switched on"), "Sorting was switched on"),
        (event("placed", "A photo was placed", ""), "photo 7: A photo was placed"),
    ],
)
def test_an_event_names_its_photo_and_says_what_became_of_it(seen: EventView, line: str) -> None:
    assert event_words.event_line(seen) == line


def test_the_kinds_the_screens_know_are_kinds() -> None:
    assert {*queue_view.LEFT, *queue_view.CAME, *event_words._KINDS} <= {kind.value for kind in EventKind}


def test_the_name_that_stands_beside_it_is_not_said_twice() -> None:
    seen = event("sorted", "a.jpg was filed under Zoë: faces/zoë/a.jpg", "a.jpg")
    assert event_words.photo_name(seen) == "a.jpg"
    assert event_words.what_happened(seen) == "was filed under Zoë: faces/zoë/a.jpg"


def test_a_bulk_preview_counts_folders_and_reasons_not_files() -> None:
    decided = [
        ActionResultView(id=11, action="would_approve", destination="faces/zoë/a, b.jpg"),
        ActionResultView(id=12, action="would_approve", destination="faces/zoë/c.jpg"),
        ActionResultView(id=13, action="would_approve", destination="faces/zoë/d.jpg, faces/li/d.jpg"),
        ActionResultView(id=14, action="failed", problem="photo 14 has no suggested person"),
        ActionResultView(id=15, action="failed", problem="photo 15 has no suggested person"),
    ]
    foreseen = BulkActionResult(decided=decided, done=3, failed=2)
    for text in (preview.bulk_text("approve", foreseen).plain, preview.undo_text("5 filed", foreseen).plain):
        assert "2  → faces/zoë/\n" in text
        assert "1  → faces/zoë/, faces/li/\n" in text
        assert "2  has no suggested person" in text
        assert "2 will stay where they are" in text


def test_a_preview_names_the_files_that_go_the_same_way() -> None:
    with_clip = ActionResultView(
        id=1, photo_id=11, action="would_reject", destination="trash/a.jpg", companions=["a.MOV"]
    )
    many = ActionResultView(
        id=2,
        photo_id=12,
        action="would_reject",
        destination="trash/b.jpg",
        companions=[f"b{number}.json" for number in range(9)],
    )
    failed = ActionResultView(id=3, photo_id=13, action="failed", problem="no", companions=["c.MOV"])
    foreseen = BulkActionResult(decided=[with_clip, many, failed], done=2, failed=1)
    for text in (
        preview.bulk_text("reject", foreseen).plain,
        preview.undo_text("2 rejected", foreseen).plain,
    ):
        assert "10 files with them: a.MOV, b0.json" in text
        assert text.replace("\n", " ").count("and 2 more") == 1
        assert "c.MOV" not in text


@pytest.mark.parametrize("whole", [True, False])
def test_the_pane_names_the_files_that_go_the_same_way(whole: bool) -> None:
    shot = item(10).model_copy(update={"companions": ["IMG_1.MOV", "IMG_1.AAE"]})
    text = (details.details if whole else details.row_details)(shot, 60).plain
    assert "with IMG_1.MOV, IMG_1.AAE\n" in text


def test_a_preview_says_what_is_special_about_its_action() -> None:
    waits = ActionResultView(id=11, action="would_skip", destination="review/unidentified/noface_a.jpg")
    foreseen = BulkActionResult(decided=[waits], done=1, failed=0)
    assert "1  in review/unidentified/\n" in preview.bulk_text("skip", foreseen).plain
    assert "after all others. No file moves" in preview.bulk_text("skip", foreseen).plain
    assert "go to the trash" in preview.bulk_text("reject", foreseen).plain
    assert "Undo takes all of it back" in preview.bulk_text("skip", foreseen).plain
    assert preview.undo_text("1 photo skipped", foreseen).plain.startswith("1 photo skipped\n")


def test_a_suggestion_names_its_face_when_there_are_several() -> None:
    text = details.details(item(2), 60).plain
    assert "face 1" in text.split("This is")[1].split("Faces")[0]
    assert "face 1" not in details.details(item(1), 60).plain


def test_where_nobody_is_suggested_it_says_what_to_do() -> None:
    assert "P picks" in details.details(item(4), 60, nobody="P picks a person").plain
