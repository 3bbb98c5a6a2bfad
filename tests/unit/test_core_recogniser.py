"""The recogniser alone: no server, no clock, no ledger, and histories that no test with these would meet."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_immich import HealthIssues, SmallImmich, drive

from smartsort.core import recogniser_messages as message
from smartsort.core.completion import CHAIN, RECOGNITION, Listing, QueueCount, QueueSnapshot
from smartsort.core.filing import FACELESS_SECONDS, FEW, FIRST_PORTION, Limits
from smartsort.core.model import Box, Face, Person
from smartsort.core.pace import FIRST_LOOK, SHORTEST_PAUSE
from smartsort.core.recogniser import BLOCKED_SECONDS, LOOKS_PER_SCAN, Recogniser

PHOTO = st.fixed_dictionaries(
    {},
    optional={
        "faces": st.integers(0, 3),
        "seconds": st.sampled_from([0.0, 0.1, 2.0, 12.0, math.inf]),
        "pace": st.floats(0.01, 1.5),
        "fails": st.sampled_from([0, 0, 0, 1, 2, 5]),
        "known": st.sampled_from([0.0, 0.5, 1.0]),
        "imports": st.sampled_from([True, True, True, False]),
    },
)
WELL = st.fixed_dictionaries({"faces": st.integers(0, 3), "pace": st.floats(0.01, 1.5)})
SHARE = st.sampled_from([0.0, 0.0, 0.1, 0.4])
FAILURES = st.builds(
    HealthIssues,
    until=st.floats(0, 90),
    failing=SHARE,
    inconclusive=SHARE,
    lagging=SHARE,
    busy=SHARE,
    others=st.sampled_from([0, 0, 3, 5000]),
    lost=SHARE,
    unfiled=SHARE,
)
LIMITS = st.builds(Limits, st.sampled_from([0.5, 5.0]), st.integers(0, 3))


def arrivals(photo):
    return st.dictionaries(st.floats(0, 60), st.lists(photo, min_size=1, max_size=14), min_size=1, max_size=5)


# --- any history -----------------------------------------------------------------------------


@given(
    st.integers(0, 2**32),
    arrivals(PHOTO),
    FAILURES,
    LIMITS,
    st.tuples(st.lists(st.floats(0, 60), max_size=2), st.booleans(), st.sampled_from([0.02, 0.02, 0.5])),
)
def test_whatever_happens_every_photo_is_concluded_and_none_too_early(
    seed, coming, health_issues, limits, more
):
    """`SmallImmich` checks each conclusion against what is true, and `drive` each sleep."""
    restarts, worth_trying, face_seconds = more
    immich = SmallImmich(Random(seed), health_issues, face_seconds=face_seconds)
    immich.worth_trying = worth_trying
    drive(immich, coming, limits=limits, restarts=restarts)
    assert not immich.known, "some are never concluded"
    assert immich.now < 600, "some have waited for nothing"


@given(st.integers(0, 2**32), arrivals(WELL), st.sampled_from([0.02, 0.5]))
def test_a_quiet_immich_is_asked_no_more_than_this(seed, coming, face_seconds):
    """Two readings a photo, twenty-two calls a batch, twelve for the question, and the polls of the wait."""
    immich = SmallImmich(Random(seed), HealthIssues(), face_seconds=face_seconds)
    drive(immich, coming, limits=Limits())
    assert not any(c.gave_up for c in immich.concluded.values())
    faces = sum(len(a.faces) for a in immich.assets.values())
    polls = immich.now / 2 + faces * face_seconds / SHORTEST_PAUSE
    assert immich.calls <= 2 * len(immich.assets) + (22 + 12) * len(coming) + polls


@settings(max_examples=50)
@given(st.integers(0, 2**32), arrivals(WELL))
def test_other_users_work_holds_up_nobody_for_ever(seed, coming):
    immich = SmallImmich(Random(seed), HealthIssues(until=math.inf, others=5000))
    drive(immich, coming, limits=Limits(), longest=400)
    assert not immich.known


# --- by hand ---------------------------------------------------------------------------------

ANNA = Person("anna", "Anna")


def face(name, person=None):
    return Face(name, Box(0, 0, 9, 9), 99, 99, person)


def recognition(*faces, collective=False, full=False):
    return Listing(RECOGNITION, frozenset(faces), collective, full)


def look(last=None, **at_work):
    return QueueSnapshot(
        tuple(last if last and q == RECOGNITION else Listing(q, frozenset(at_work.get(q, ()))) for q in CHAIN)
    )


class Hand:
    """A recogniser told by hand what happens; `now` goes on by itself a little."""

    def __init__(self, count=1, *, backlog=False, **limits):
        self.machine, self.now, self.backlog = Recogniser(Limits(**limits)), 100.0, backlog
        self.photos = {n: f"a{n}" for n in range(1, count + 1)}
        self.wake()
        assert self.wants() == message.Sleep(pytest.approx(self.now + FIRST_LOOK))
        self.now += FIRST_LOOK

    def wake(self, seconds=0.0):
        self.now += seconds
        self.machine.receive(message.Waiting(dict(self.photos), self.backlog), self.now)

    def wants(self):
        """The one thing to do next."""
        [command] = self.machine.commands(self.now)
        return command

    def told(self, *events):
        for event in events:
            self.machine.receive(event, self.now)
        return self

    def detected(self, last=None):
        """As far as the proof that detection is over."""
        assert self.wants() == message.TakeCounts()
        self.told(message.Counted({}))
        assert self.wants() == message.TakeLook(tuple(self.photos))
        return self.told(message.Looked(look(last)))

    def gathered(self):
        """Many photos that show nobody, as far as the question."""
        self.detected()
        everyone = frozenset(self.photos)
        assert self.wants() == message.Search(tuple(self.photos))
        self.told(message.Shown(frozenset(), everyone, everyone))
        return self

    def asked(self, **answer):
        assert self.wants() == message.Search(tuple(self.photos))
        self.told(message.Shown(frozenset(), frozenset(), frozenset(self.photos)))
        command = self.wants()
        assert isinstance(command, message.AskDetection)
        assert set(command.reached) == set(command.photos)
        return self.told(message.Answered(answer.pop("last", recognition()), **answer))


def test_a_photo_goes_its_way_in_five_commands():
    hand = Hand().detected()
    assert hand.wants() == message.ReadFaces((1,))
    hand.told(message.FacesRead({1: (face("f", ANNA),)}))
    assert hand.wants() == message.Conclude((message.Conclusion(1, (face("f", ANNA),)),), {})
    hand.told(message.Concluded(frozenset({1})))
    assert hand.wants() == message.Sleep(None)


def test_counts_prove_nothing_and_a_look_that_fails_is_taken_again():
    hand = Hand()
    hand.wants()
    hand.told(message.Counted({"faceDetection": QueueCount(active=1)}))
    assert isinstance(hand.wants(), message.Sleep)
    hand.wake(5)
    hand.wants()
    hand.told(message.Counted({}))
    hand.told(message.Failed(hand.wants()))
    hand.wake()
    assert hand.wants() == message.TakeCounts()
    hand.told(message.Counted({"faceDetection": QueueCount(active=1)}))
    assert not hand.wants().stuck, "it says nothing about filing"


def test_a_face_that_recognition_has_when_it_is_read_is_not_final():
    hand = Hand().detected(recognition("f", collective=True))
    assert isinstance(hand.wants(), message.Sleep)
    assert hand.machine.let_through == frozenset()
    hand.wake(BLOCKED_SECONDS)
    assert hand.wants() == message.ListFaces()
    hand.told(message.Listed(recognition("f")))
    assert hand.wants() == message.Search((1,))
    assert hand.machine.let_through == {1}
    hand.told(message.Shown(frozenset({1}), frozenset(), frozenset()))
    hand.wants()
    hand.told(message.FacesRead({1: (face("e", ANNA), face("f"))}))
    assert isinstance(hand.wants(), message.Sleep)
    hand.wake(BLOCKED_SECONDS)
    hand.wants()
    hand.told(message.Listed(recognition("g")))
    assert hand.wants() == message.ReadFaces((1,)), "its own face has left"


def test_while_filing_fails_nothing_is_let_through_and_it_is_tried_again():
    hand = Hand().detected()
    hand.wants()
    hand.told(message.FacesRead({1: (face("f", ANNA),)}))
    assert hand.machine.let_through == {1}
    hand.told(message.Failed(hand.wants()))
    hand.wake()
    assert hand.wants() == message.ListFaces()
    assert hand.machine._filing.stuck
    assert hand.machine.let_through == frozenset()
    hand.told(message.Listed(recognition()))
    assert hand.wants() == message.ReadFaces(()), "it is final: nothing to read"
    hand.told(message.FacesRead({}))
    assert isinstance(hand.wants(), message.Conclude)
    assert hand.machine._filing.stuck
    hand.told(message.Concluded(frozenset({1})))
    hand.wants()
    assert not hand.machine._filing.stuck


def test_the_next_portion_is_read_while_one_is_filed():
    hand = Hand(FIRST_PORTION + 1, proves_faceless=False).detected()
    assert len(hand.wants().photos) == FIRST_PORTION
    hand.told(message.FacesRead({n: (face(f"f{n}", ANNA),) for n in range(1, FIRST_PORTION + 1)}))
    file, read = hand.machine.commands(hand.now)
    assert len(file.conclusions) == FIRST_PORTION
    assert read == message.ReadFaces((FIRST_PORTION + 1,))


def test_portions_are_doubled_up_to_the_largest_one():
    hand = Hand(1000, proves_faceless=False).detected()
    sizes, command = [], hand.wants()
    while isinstance(command, message.ReadFaces):
        sizes.append(len(command.photos))
        hand.told(message.FacesRead({n: (face(f"f{n}", ANNA),) for n in command.photos}))
        command = hand.machine.commands(hand.now)[-1]
    assert sizes == [32, 64, 128, 256, 256, 256, 8]


def test_many_that_show_nobody_are_asked_about_and_read_once_after_it():
    hand = Hand(FEW + 2).gathered().asked(finished=frozenset(range(1, FEW + 3)))
    assert hand.wants() == message.ReadFaces(tuple(hand.photos))
    hand.told(message.FacesRead({**dict.fromkeys(hand.photos, ()), 1: (face("f"),)}))
    assert {(c.photo, len(c.faces)) for c in hand.wants().conclusions} == {
        (1, 1),
        *((n, 0) for n in range(2, FEW + 3)),
    }


def test_a_detection_that_the_question_started_again_is_proved_anew_and_not_read():
    hand = Hand(FEW + 2).gathered().asked(finished=frozenset(range(2, FEW + 3)), unfinished=frozenset({1}))
    file, read = hand.machine.commands(hand.now)
    assert file == message.Conclude((), {1: 1})
    assert 1 not in read.photos
    hand.told(message.Concluded(frozenset()), message.FacesRead(dict.fromkeys(range(2, FEW + 3), ())))
    assert len(hand.wants().conclusions) == FEW + 1
    hand.told(message.Concluded(frozenset(range(2, FEW + 3))))
    hand.photos = {1: "a1"}
    hand.wake()
    assert hand.wants() == message.Sleep(pytest.approx(hand.now + 5.0)), "it rests"


@pytest.mark.parametrize("queued", [True, False])
def test_after_an_answer_in_doubt_a_face_still_in_recognition_is_proved_anew(queued):
    """Its detection may have been started again unseen."""
    last = recognition("f") if queued else recognition()
    hand = Hand(FEW + 2).gathered().asked(doubt="a number is missing", last=last)
    hand.wants()
    hand.told(message.FacesRead({1: (face("f"),), **dict.fromkeys(range(2, FEW + 3), ())}))
    command = hand.wants()
    assert set(command.in_vain) == set(range(2, FEW + 3))
    assert [c.photo for c in command.conclusions] == ([] if queued else [1])


def test_a_face_on_a_photo_that_was_read_without_one_is_proved_anew():
    hand = Hand().detected()
    hand.wants()
    hand.told(message.FacesRead({1: ()}))
    assert hand.wants() == message.AskDetection((1,), ())
    hand.told(message.Answered(recognition(), frozenset({1})))
    hand.wants()
    hand.told(message.FacesRead({1: (face("f"),)}))
    assert hand.wants() == message.TakeCounts()


def test_a_question_refused_is_put_again_after_a_while_and_costs_nothing_until_then():
    hand = Hand().detected()
    hand.wants()
    hand.told(message.FacesRead({1: ()}))
    hand.wants()
    hand.told(message.Answered(None))
    for _ in range(3):
        assert isinstance(hand.wants(), message.Sleep)
        hand.wake(SHORTEST_PAUSE)
    hand.wake(1.0)
    assert hand.wants() == message.AskDetection((1,), ())


def test_photos_that_show_nobody_do_not_wait_for_the_end_of_a_backlog():
    hand = Hand(backlog=True).detected()
    hand.wants()
    hand.told(message.FacesRead({1: ()}))
    assert isinstance(hand.wants(), message.Sleep)
    assert hand.machine.is_resting(1)
    assert hand.machine.let_through == {1}
    hand.wake(FACELESS_SECONDS)
    assert hand.wants() == message.AskDetection((1,), ())
    assert not hand.machine.is_resting(1)


def test_strangers_wait_for_a_recognition_that_was_started_for_them():
    hand = Hand().detected()
    hand.wants()
    hand.told(message.FacesRead({1: (face("f"),)}, worth_trying=True))
    assert hand.wants() == message.TryAgain()
    hand.told(message.Tried(started=True))
    hand.wake(BLOCKED_SECONDS)
    hand.wants()
    hand.told(message.Listed(recognition(collective=True)))
    assert isinstance(hand.wants(), message.Sleep)
    hand.wake(BLOCKED_SECONDS)
    hand.wants()
    hand.told(message.Listed(recognition()))
    assert hand.wants() == message.ReadFaces((1,))


def test_a_photo_that_lost_its_asset_is_found_again():
    hand = Hand().detected()
    hand.wants()
    hand.told(message.FacesRead({}, gone=frozenset({1})))
    hand.photos = {1: None}
    hand.wake(5)
    assert hand.wants() == message.TakeCounts(), "it is no new photo"
    hand.told(message.Counted({}))
    assert hand.wants() == message.Resolve((1,))


def test_a_photo_that_immich_never_imports_is_given_up_after_scans_that_worked():
    hand = Hand(max_retries=0)
    hand.photos = {1: None}
    hand.wake()
    wanted = []
    for _ in range(LOOKS_PER_SCAN + 3):
        hand.wake(5)
        assert hand.wants() == message.TakeCounts()
        hand.told(message.Counted({}))
        hand.wants()
        hand.told(message.Resolved({}))
        wanted.append(hand.wants())
        if len(wanted) == LOOKS_PER_SCAN:
            hand.told(message.Failed(wanted[-1]))  # its folder cannot be read
    scan = message.Rescan((1,))
    assert [w for w in wanted if not isinstance(w, message.Sleep)][:2] == [scan, scan]
    assert wanted[LOOKS_PER_SCAN - 1] == wanted[LOOKS_PER_SCAN] == scan
    assert wanted[LOOKS_PER_SCAN + 1].in_vain == {}
    assert [c.gave_up for c in wanted[LOOKS_PER_SCAN + 1].conclusions] == [
        "Immich scanned the library and did not import it"
    ]


def test_an_event_it_does_not_know_is_refused():
    with pytest.raises(TypeError, match="no event of the recogniser"):
        Recogniser(Limits()).receive(message.Event(), 0.0)
