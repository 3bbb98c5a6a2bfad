"""When a file is at rest, and what travels with it."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartsort.files.inbox import Entry
from smartsort.files.metadata import Metadata
from smartsort.files.settling import SettleTracker
from smartsort.files.stamps import FileStamp

WALL = 1_700_000_000.0


def entry(name, *, size=100, mtime=WALL, inode=1, changed=None, folder="/inbox"):
    mtime_ns = int(mtime * 1e9)
    changed_ns = mtime_ns if changed is None else int(changed * 1e9)
    return Entry(f"{folder}/{name}", "", FileStamp(1, inode, size, mtime_ns), changed_ns)


@dataclass
class Clock:
    now: float = 0.0

    def tracker(self, quiet=10.0, companion=60.0):
        return SettleTracker(quiet, companion, clock=lambda: self.now, wall_clock=lambda: WALL + self.now)


def sides(arrival):
    return [entry.name for entry, *_ in arrival.sides]


def names(look):
    return [arrival.photo.name for arrival in look.settled]


def test_a_file_settles_after_the_quiet_time_and_not_before():
    clock = Clock()
    tracker = clock.tracker()
    tracker.look([])
    for now, settled in ((1, []), (5, []), (10.9, []), (11, ["a.jpg"]), (12, ["a.jpg"])):
        clock.now = now
        look = tracker.look([entry("a.jpg")])
        assert names(look) == settled
        assert look.waiting == 1 - len(settled)


@pytest.mark.parametrize(
    "change", [{"size": 101}, {"mtime": WALL + 1}, {"inode": 2}, {"changed": WALL + 1}], ids=str
)
def test_any_change_starts_the_quiet_time_again(change):
    clock = Clock()
    tracker = clock.tracker()
    tracker.look([])
    clock.now = 1
    tracker.look([entry("a.jpg")])
    clock.now = 10.5
    assert names(tracker.look([entry("a.jpg", **change)])) == []
    clock.now = 20
    assert names(tracker.look([entry("a.jpg", **change)])) == []
    clock.now = 20.5
    assert names(tracker.look([entry("a.jpg", **change)])) == ["a.jpg"]


def test_the_backlog_settles_at_the_second_look():
    clock = Clock()
    tracker = clock.tracker()
    old = entry("old.jpg", mtime=WALL - 3600)
    fresh = entry("fresh.jpg", mtime=WALL - 2)
    copied_just_now = entry("copied.jpg", mtime=WALL - 3600, changed=WALL - 1)
    everything = [old, fresh, copied_just_now]
    assert names(tracker.look(everything)) == []
    clock.now = 0.5
    assert names(tracker.look(everything)) == []
    clock.now = 1.0
    assert names(tracker.look(everything)) == ["old.jpg"]
    clock.now = 10
    assert names(tracker.look(everything)) == ["old.jpg", "fresh.jpg", "copied.jpg"]


def test_only_what_lay_there_at_the_first_look_is_backlog():
    clock = Clock()
    tracker = clock.tracker()
    tracker.look([])
    clock.now = 5
    tracker.look([entry("a.jpg", mtime=WALL - 3600)])
    clock.now = 8
    assert names(tracker.look([entry("a.jpg", mtime=WALL - 3600)])) == []


def test_a_backlog_file_with_a_time_in_the_future_settles_too():
    clock = Clock()
    tracker = clock.tracker()
    tracker.look([entry("a.jpg", mtime=WALL + 1e6)])
    clock.now = 10
    assert names(tracker.look([entry("a.jpg", mtime=WALL + 1e6)])) == ["a.jpg"]


def test_a_file_that_went_and_came_back_waits_again():
    clock = Clock()
    tracker = clock.tracker()
    tracker.look([])
    tracker.look([entry("a.jpg")])
    clock.now = 9
    tracker.look([])
    clock.now = 12
    assert names(tracker.look([entry("a.jpg")])) == []


def test_an_xmp_travels_with_its_photo():
    clock = Clock()
    tracker = clock.tracker()
    files = [entry("a.jpg"), entry("a.jpg.xmp"), entry("b.dng"), entry("b.xmp")]
    tracker.look(files)
    clock.now = 10
    look = tracker.look(files)
    assert [(each.photo.name, sides(each)) for each in look.settled] == [
        ("a.jpg", ["a.jpg.xmp"]),
        ("b.dng", ["b.xmp"]),
    ]
    assert look.waiting == 0
    assert look.orphans == ()


def test_a_photo_waits_for_its_unfinished_xmp_but_not_for_ever():
    clock = Clock()
    tracker = clock.tracker(quiet=10, companion=20)
    tracker.look([])
    for now in range(0, 30, 5):
        clock.now = float(now)
        assert names(tracker.look([entry("a.jpg"), entry("a.jpg.xmp", size=now + 1)])) == []
    clock.now = 30
    look = tracker.look([entry("a.jpg"), entry("a.jpg.xmp", size=99)])
    assert names(look) == ["a.jpg"]
    assert look.settled[0].sides == ()
    assert look.waiting == 1


def test_an_orphaned_xmp_waits_for_its_photo_then_is_told_once():
    clock = Clock()
    tracker = clock.tracker(quiet=10, companion=60)
    xmp = entry("a.jpg.xmp")
    told = []
    for now in range(0, 200, 10):
        clock.now = float(now)
        look = tracker.look([xmp])
        assert look.settled == ()
        told += [(now, orphan.name) for orphan in look.news]
        assert [orphan.name for orphan in look.orphans] == (["a.jpg.xmp"] if now >= 60 else [])
    assert told == [(60, "a.jpg.xmp")]
    clock.now = 210
    tracker.look([xmp, entry("a.jpg")])
    clock.now = 220
    assert sides(tracker.look([xmp, entry("a.jpg")]).settled[0]) == ["a.jpg.xmp"]


sizes = st.lists(st.integers(0, 3), min_size=1, max_size=30)


@given(sizes, st.lists(st.floats(0.1, 30), min_size=30, max_size=30), st.booleans())
def test_settled_means_unchanged_for_the_quiet_time(history, pauses, starts_empty):
    clock = Clock()
    tracker = clock.tracker(quiet=10)
    if starts_empty:
        tracker.look([])
    since, last = 0.0, None
    for size, pause in zip(history, pauses, strict=False):
        if size != last:
            since, last = clock.now, size
        # A writer at work leaves its traces in the ctime.
        look = tracker.look([entry("a.jpg", size=size, mtime=0, changed=WALL + since)])
        if look.settled:
            assert clock.now - since >= 10
        clock.now += pause
    clock.now += 10
    assert names(tracker.look([entry("a.jpg", size=last, mtime=0, changed=WALL + since)])) == ["a.jpg"]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), min_size=1, max_size=8))
def test_every_stable_file_settles(plan):
    """Each file appears at one time and stops changing at another; then it always comes to rest."""
    clock = Clock()
    tracker = clock.tracker(quiet=10)
    for now in range(80):
        clock.now = float(now)
        look = tracker.look(
            [
                entry(f"{index}.jpg", size=min(now, appears + writes))
                for index, (appears, writes) in enumerate(plan)
                if now >= appears
            ]
        )
    assert len(look.settled) == len(plan)
    assert look.waiting == 0


ONE = Metadata(content_id="1")
CLIP = Metadata(content_id="1", duration_seconds=2)


def test_the_halves_of_a_shot_wait_for_each_other_and_are_read_once():
    clock = Clock()
    tracker = clock.tracker()
    read = []
    tracker.read_metadata = lambda path: read.append(path) or (CLIP if path.endswith("MOV") else ONE)
    tracker.look([])
    for now in (1, 2, 11):
        clock.now = now
        files = [entry("a.HEIC"), entry("a.MOV", size=now)]
        assert tracker.look(files).settled == ()
    assert read == []
    for now in (21, 22):
        clock.now = now
        [arrival] = tracker.look(files).settled
        assert (arrival.photo.name, arrival.video.name, arrival.why) == (
            "a.HEIC",
            "a.MOV",
            "content identifier",
        )
    assert sorted(read) == ["/inbox/a.HEIC", "/inbox/a.MOV"]


def test_single_files_are_never_read():
    tracker = Clock().tracker(quiet=0)
    tracker.read_metadata = pytest.fail
    files = [
        entry(name) for name in ("a.jpg", "b.mov", "c.jpg", "c.png", "d.cr2", "d.mov", "e.jpg", "e.json")
    ]
    tracker.look(files)
    tracker.look(files)


def test_files_of_two_folders_are_never_a_shot():
    clock = Clock()
    tracker = clock.tracker()
    tracker.read_metadata = lambda path: CLIP
    files = [entry("a.jpg"), entry("a.mov", folder="/inbox/b"), entry("a.xmp", folder="/inbox/c")]
    tracker.look(files)
    clock.now = 100
    look = tracker.look(files)
    assert [arrival.video for arrival in look.settled] == [None, None]
    assert [each.path for each in look.orphans] == ["/inbox/c/a.xmp"]


def test_two_side_files_of_a_kind_for_one_photo_do_not_both_travel():
    tracker = Clock().tracker(quiet=0, companion=0)
    files = [entry("a.jpg"), entry("a.jpg.xmp"), entry("a.xmp")]
    tracker.look(files)
    look = tracker.look(files)
    assert [sides(arrival) for arrival in look.settled] == [["a.jpg.xmp"]]
    assert [each.name for each in look.orphans] == ["a.xmp"]


def test_a_changed_entry_is_another_entry():
    assert entry("a.jpg") != replace(entry("a.jpg"), changed_ns=5)


# Files that are seen to be finished.


class Writers:
    """What the kernel says about each file's writers."""

    def __init__(self, clock, says=True, quiet=10.0):
        self.says = says
        self.tracker = clock.tracker(quiet=quiet)
        self.tracker.is_finished = lambda _path: self.says
        self.tracker.look([])


def test_a_finished_file_rests_for_half_a_second():
    clock = Clock()
    tracker = Writers(clock).tracker
    for now, settled in ((1, []), (1.4, []), (1.5, ["a.jpg"]), (1.6, ["a.jpg"])):
        clock.now = now
        assert names(tracker.look([entry("a.jpg")])) == settled


@pytest.mark.parametrize("says", [None, False])
def test_a_file_nothing_is_known_of_needs_the_whole_quiet_time(says):
    clock = Clock()
    tracker = Writers(clock, says).tracker
    for now, settled in ((1, []), (2, []), (10.9, []), (11, ["a.jpg"])):
        clock.now = now
        assert names(tracker.look([entry("a.jpg")])) == settled


def test_the_half_second_begins_when_the_writer_is_gone():
    clock = Clock()
    writers = Writers(clock, says=False)
    for now, says, settled in ((1, False, []), (2, False, []), (3, True, []), (3.5, True, ["a.jpg"])):
        clock.now, writers.says = now, says
        assert names(writers.tracker.look([entry("a.jpg")])) == settled


@pytest.mark.parametrize("again", [{"size": 200}, {"changed": WALL + 1}, {"inode": 7}], ids=str)
def test_a_writer_that_closes_and_goes_on_needs_the_whole_quiet_time(again):
    clock = Clock()
    tracker = Writers(clock).tracker
    clock.now = 1
    tracker.look([entry("a.jpg")])
    for now, settled in ((1.3, []), (1.8, []), (5, []), (11.2, []), (11.3, ["a.jpg"])):
        clock.now = now
        assert names(tracker.look([entry("a.jpg", **again)])) == settled


def test_a_writer_that_opens_again_without_writing_yet_is_noticed():
    clock = Clock()
    writers = Writers(clock)
    for now, says, settled in ((1, True, []), (1.3, False, []), (2, True, []), (9, True, []), (11, True, 1)):
        clock.now, writers.says = now, says
        assert len(names(writers.tracker.look([entry("a.jpg")]))) == bool(settled)


@given(st.lists(st.tuples(st.sampled_from("wco"), st.floats(0.05, 3)), min_size=1, max_size=25))
def test_whoever_was_seen_to_go_on_is_given_the_whole_quiet_time(steps):
    """A writer writes (w), closes (c) or opens again (o); after each step somebody looks."""
    clock = Clock()
    writers = Writers(clock, quiet=2.0)
    size, is_open, was_closed, went_on, since = 1, True, False, False, 0.0
    for step, pause in steps:
        went_on |= was_closed and step != "c"
        if step == "w":
            size, since, is_open = size + 1, clock.now, True
        else:
            is_open = step == "o"
        was_closed |= not is_open
        writers.says = not is_open
        look = writers.tracker.look([entry("a.jpg", size=size)])
        if look.settled:
            assert clock.now - since >= (2.0 if went_on or is_open else 0.5)
        clock.now += pause
