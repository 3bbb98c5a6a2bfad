"""Ledgers keep the words of the release that wrote them; they are read as today's."""

import pytest

from smartsort.core import event_kinds, reasons
from smartsort.core.event_kinds import EventKind


@pytest.mark.parametrize(
    ("stored", "today"),
    [("healed", EventKind.AUTO_RESOLVED), ("rejudged", EventKind.REEVALUATED), ("sunburnt", "sunburnt")],
)
def test_a_kind_of_event_is_read_as_today_s(stored, today):
    assert event_kinds.current(stored) == today


def test_a_query_by_kind_asks_for_what_earlier_releases_stored_as_well():
    assert sorted(event_kinds.stored([EventKind.SORTED, EventKind.RULED_OUT])) == [
        "denied",
        "ruled_out",
        "sorted",
    ]


@pytest.mark.parametrize(
    ("stored", "today"),
    [
        ("denied_person", "ruled_out_person"),
        ("denied_person: John: Doe", "ruled_out_person: John: Doe"),
        ("unreadable: the file is empty", "unreadable: the file is empty"),
    ],
)
def test_a_reason_is_read_with_today_s_code(stored, today):
    assert reasons.current(stored) == today
