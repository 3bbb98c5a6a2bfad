"""What becomes of a photo that was in Immich before smartsort, and where its file lies on this machine."""

from __future__ import annotations

import dataclasses

import pytest
from tests.household import ELSEWHERE, HOUSEHOLD, JOHN, LUKAS, SARAH, VICTOR, photo, sure

from smartsort.core.backfill import Fate, fate, mapped
from smartsort.core.decision import decide
from smartsort.core.model import Evidence


@pytest.mark.parametrize(
    ("evidence", "what"),
    [
        (sure(photo(JOHN)), "link"),
        (sure(photo(JOHN), similarity=0.3), "ask"),
        (photo(JOHN, None), "ask"),
        (photo(JOHN, SARAH), "ask"),
        (photo(), "ask"),
        (photo(VICTOR), "leave"),
        (photo(LUKAS), "leave"),
        (Evidence(unreadable="empty"), "leave"),
        (photo(JOHN, other_copy=ELSEWHERE), "leave"),
    ],
)
def test_it_is_linked_asked_about_or_left(evidence, what):
    policy = dataclasses.replace(HOUSEHOLD, when_confidence_unknown="review")
    assert fate(decide(evidence, policy)) is Fate(what)


def test_a_path_is_mapped_by_whole_folders():
    mapping = (("/data/a", "/mnt/a"), ("/data/a/b", "/mnt/b"), ("/x/", "/y/"))
    assert mapped("/data/a/1.jpg", mapping) == "/mnt/a/1.jpg"
    assert mapped("/data/a/b/1.jpg", mapping) == "/mnt/b/1.jpg"
    assert mapped("/data/ab/1.jpg", mapping) is None
    assert mapped("/data/a/../../etc/passwd", mapping) is None
    assert mapped("/x/1.jpg", mapping) == "/y/1.jpg"
    assert mapped("/data/a/1..jpg", mapping) == "/mnt/a/1..jpg"


def test_the_longest_prefix_is_the_one_with_the_most_letters_whatever_slash_it_ends_with():
    assert mapped("/a/b/1.jpg", (("/a/b", "/long"), ("/a/", "/short"))) == "/long/1.jpg"
    assert mapped("/a/1.jpg", (("/a/", "/first"), ("/a", "/second"))) == "/first/1.jpg"
