"""Ledgers keep the words of the release that wrote them; they are read as today's."""

import pytest

from smartsort.core import event_kinds, reasons
from smartsort.core.event_kinds import EventKind


@pytest.mark.parametrize(
    ("stored", "today"),
    [("revived", EventKind.ASSET_RELINKED), ("listed", EventKind.LIST_CHANGED), ("sunburnt", "sunburnt")],
)
def test_a_kind_of_event_is_read_as_today_s(stored, today):
    assert event_kinds.current(stored) == today


def test_a_query_by_kind_asks_for_what_earlier_releases_stored_as_well():
    found = event_kinds.stored([EventKind.SORTED, EventKind.LIST_CHANGED])
    assert sorted(found) == ["list_changed", "listed", "sorted"]


@pytest.mark.parametrize("rest", ["", ": John: Doe"])
def test_a_reason_is_read_with_today_s_code(rest):
    [(stored, today)] = reasons._OLD_CODES.items()
    assert reasons.current(stored + rest) == today + rest
    assert reasons.current(today + rest) == today + rest
