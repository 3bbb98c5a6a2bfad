"""An Immich of queues and nothing else, in steps of simulated time: what the recogniser is tried against.

Photos are imported, pass the queues, have their faces detected and then assigned by a recognition that waits
at its queue-all while detection is at work, as Immich's does. Whatever a test wants to go wrong goes wrong.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatchmethod
from random import Random

from smartsort.core import recogniser_messages as message
from smartsort.core.completion import CHAIN, RECOGNITION, Listing, QueueCount, QueueSnapshot
from smartsort.core.filing import Limits
from smartsort.core.model import Box, Face, Person
from smartsort.core.pace import BATCH_SECONDS
from smartsort.core.recogniser import Recogniser

UPSTREAM = CHAIN[1:-1]
DETECTION = UPSTREAM[-1]
QUEUE_ALL, AGAIN = "", "*"
STANDS_FOR_ALL = (QUEUE_ALL, AGAIN)
"""Jobs before the faces of a photo, and for all faces without a person."""

MOST_SECONDS = BATCH_SECONDS
"""No sleep is longer."""

CALLS = {"TakeLook": 7, "AskDetection": 10, "Rescan": 2, "Conclude": 0, "Sleep": 0}


@dataclass
class Asset:
    """A photo in Immich. `queue` is where it is at work, "" where it is nowhere."""

    id: str
    faces: list[Face]
    imported_at: float
    pace: float
    queue: str = UPSTREAM[0]
    moves_at: float = 0.0
    shown: list[Face] = field(default_factory=list)
    detected: bool = False
    fails: int = 0
    """So many detections of it fail."""
    imports: bool = True


@dataclass
class HealthIssues:
    """What goes wrong, each as a share of the times it could, until `until`."""

    until: float = 0.0
    failing: float = 0.0
    inconclusive: float = 0.0
    lagging: float = 0.0
    busy: float = 0.0
    others: int = 0
    """Jobs of other users."""
    lost: float = 0.0
    unfiled: float = 0.0


class SmallImmich:
    """Immich and the ledger of a sidecar beside it. Answers commands and knows what is true."""

    def __init__(self, random: Random, health_issues: HealthIssues, *, face_seconds: float = 0.02) -> None:
        self.random, self.health_issues, self.now = random, health_issues, 0.0
        self.face_seconds = face_seconds
        self.assets: dict[int, Asset] = {}
        self.known: dict[int, str | None] = {}
        """The ledger: photos in flight with their assets."""
        self.queue: list[str] = []
        """Recognition: face ids in order, among jobs that stand for all."""
        self.done: set[str] = set()
        """Faces that recognition has been through with."""
        self.concluded: dict[int, message.Conclusion] = {}
        self.calls = 0
        self.worth_trying = False
        self.retried: frozenset[int] = frozenset()
        """Photos for which the machine has recognition started once more."""
        self._next_face = 0.0
        self._deferred: set[str] = set()
        self._ids = itertools.count(1)

    def place(
        self,
        photo: int,
        *,
        faces: float = 1,
        seconds: float = 0.1,
        pace: float = 0.1,
        fails: float = 0,
        known: float = 1.0,
        imports: bool = True,
    ) -> None:
        """Hand a photo over, imported after `seconds` (infinite: a scan misses it; not `imports`: all do).

        Of its faces a share `known` gets a person; so many detections of it fail.
        """
        people = [
            Person(f"p{n}", f"P{n}") if self.random.random() < known else None for n in range(int(faces))
        ]
        made = [Face(f"f{photo}-{n}", Box(0, 0, 9, 9), 99, 99, who) for n, who in enumerate(people)]
        self.assets[photo] = Asset(
            f"a{next(self._ids)}", made, self.now + seconds, pace, fails=int(fails), imports=imports
        )
        self.known[photo] = None

    # --- time ------------------------------------------------------------------------------------

    def pass_by(self, seconds: float) -> None:
        """Let Immich work."""
        end = self.now + seconds
        while self.now < end:
            at_work = [max(a.moves_at, a.imported_at) for a in self.assets.values() if a.queue]
            moments = [*at_work, *([self._next_face] if self.queue else [])]
            self.now = min([end, *(max(moment, self.now + 0.001) for moment in moments)])
            for asset in self.assets.values():
                self._work(asset)
            self._recognise()

    def _there(self) -> Iterator[Asset]:
        return (a for a in self.assets.values() if a.imported_at <= self.now)

    def _work(self, asset: Asset) -> None:
        if not asset.queue or asset.imported_at > self.now:
            return
        asset.moves_at = asset.moves_at or asset.imported_at + asset.pace
        if self.now < asset.moves_at:
            return
        if asset.queue != DETECTION:
            asset.queue = UPSTREAM[UPSTREAM.index(asset.queue) + 1]
            asset.moves_at = self.now + asset.pace
            return
        asset.queue, asset.moves_at = "", 0.0
        asset.fails -= 1
        if asset.fails < 0:
            asset.detected = True
            asset.shown = [replace(f, person=None) for f in asset.faces]
            if asset.shown and QUEUE_ALL not in self.queue:
                self.queue.append(QUEUE_ALL)
            self.queue += [f.id for f in asset.shown]

    def _recognise(self) -> None:
        """One job at a time. A face without a person is looked at once more, behind the others."""
        while self.queue and self.now >= self._next_face:
            if self.queue[0] in STANDS_FOR_ALL and any(a.queue in UPSTREAM[-2:] for a in self._there()):
                self._next_face = self.now + 1.0  # it looks again once a second
                return
            head = self.queue.pop(0)
            self._next_face = self.now + self.face_seconds
            shown = {f.id: (a, n) for a in self.assets.values() for n, f in enumerate(a.shown)}
            if head == AGAIN:
                self.queue += [f for f, (a, n) in shown.items() if a.shown[n].person is None]
            elif head in shown:
                asset, n = shown[head]
                person = asset.faces[n].person
                if person is None and head not in self._deferred:
                    self._deferred.add(head)
                    self.queue.append(head)
                else:
                    asset.shown[n] = replace(asset.shown[n], person=person)
                    self.done.add(head)

    # --- commands --------------------------------------------------------------------------------

    def _often(self, share: float) -> bool:
        return self.now < self.health_issues.until and self.random.random() < share

    def run(self, command: message.Command) -> message.Event | None:
        """What a command gives."""
        name = type(command).__name__
        photos = getattr(command, "photos", ())
        self.calls += len(photos) if name == "ReadFaces" else CALLS.get(name, 1)
        if self._often(self.health_issues.failing):
            return message.Failed(command)
        return self._answer(command)

    @singledispatchmethod
    def _answer(self, command: message.Command) -> message.Event | None:
        raise TypeError(f"no command: {command!r}")

    def _listing(self, queue: str) -> Listing:
        if queue == RECOGNITION:
            ids = frozenset(self.queue) - {*STANDS_FOR_ALL}
            full = self._often(self.health_issues.inconclusive)
            return Listing(queue, ids, collective=len(ids) < len(set(self.queue)), full=full)
        ids = frozenset(a.id for a in self._there() if a.queue == queue)
        return Listing(queue, ids, collective=self._often(self.health_issues.inconclusive))

    @_answer.register
    def _take_counts(self, _: message.TakeCounts) -> message.Counted:
        counts = {q: QueueCount(waiting=len(self._listing(q).ids)) for q in UPSTREAM}
        others = self.health_issues.others if self.now < self.health_issues.until else 0
        return message.Counted(
            counts | {CHAIN[0]: QueueCount(active=others), RECOGNITION: QueueCount(len(self.queue))}
        )

    @_answer.register
    def _resolve(self, command: message.Resolve) -> message.Resolved:
        there = [i for i in command.photos if self.assets[i].imported_at <= self.now]
        self.known |= {i: self.assets[i].id for i in there}
        return message.Resolved({i: self.assets[i].id for i in there})

    @_answer.register
    def _rescan(self, command: message.Rescan) -> None:
        for photo in command.photos:
            if self.assets[photo].imports:
                self.assets[photo].imported_at = min(self.assets[photo].imported_at, self.now + 0.1)

    @_answer.register
    def _take_look(self, _: message.TakeLook) -> message.Looked:
        return message.Looked(QueueSnapshot(tuple(self._listing(queue) for queue in CHAIN)))

    @_answer.register
    def _list_faces(self, _: message.ListFaces) -> message.Listed:
        return message.Listed(self._listing(RECOGNITION))

    @_answer.register
    def _search(self, command: message.Search) -> message.Shown:
        seen = {i: self.assets[i] for i in command.photos if not self._often(self.health_issues.lagging)}
        somebody = {i for i, a in seen.items() if any(f.person for f in a.shown)}
        return message.Shown(somebody, seen.keys() - somebody, frozenset(seen))

    @_answer.register
    def _read_faces(self, command: message.ReadFaces) -> message.FacesRead:
        gone = {i for i in command.photos if self._often(self.health_issues.lost)}
        for photo in gone:  # deleted in Immich, and imported again by a scan
            asset = self.assets[photo]
            new = f"f{next(self._ids)}-"
            self.queue = [f for f in self.queue if f not in {face.id for face in asset.shown}]
            faces = [replace(f, id=f"{new}{n}") for n, f in enumerate(asset.faces)]
            self.assets[photo] = Asset(f"a{next(self._ids)}", faces, self.now + 0.3, asset.pace)
            self.known[photo] = None
        read = {i: tuple(self.assets[i].shown) for i in command.photos if i not in gone}
        return message.FacesRead(read, gone, self.worth_trying)

    @_answer.register
    def _try_again(self, _: message.TryAgain) -> message.Tried:
        if self._often(self.health_issues.busy):
            return message.Tried(started=False)
        self.worth_trying = False
        self.queue.append(AGAIN)
        again = {f.id for photo in self.retried for f in self.assets[photo].shown}
        self.done -= again
        self._deferred -= again
        return message.Tried(started=True)

    @_answer.register
    def _ask_detection(self, command: message.AskDetection) -> message.Answered:
        if self._often(self.health_issues.busy) or any(a.queue == DETECTION for a in self._there()):
            return message.Answered(None)
        unfinished = {i for i in command.photos if not self.assets[i].detected}
        for photo in unfinished:
            seconds = self.random.choice([0.005, 0.3])
            self.assets[photo].queue, self.assets[photo].moves_at = DETECTION, self.now + seconds
        if self._often(self.health_issues.inconclusive):
            return message.Answered(
                self._listing(RECOGNITION), unfinished=unfinished, doubt="a number is missing"
            )
        return message.Answered(
            self._listing(RECOGNITION), frozenset(command.photos) - unfinished, unfinished
        )

    @_answer.register
    def _conclude(self, command: message.Conclude) -> message.Concluded:
        done = {c.photo: c for c in command.conclusions if not self._often(self.health_issues.unfiled)}
        for photo, conclusion in done.items():
            self._check(self.assets[photo], conclusion)
            del self.known[photo]
        self.concluded |= done
        return message.Concluded(frozenset(done))

    def _check(self, asset: Asset, conclusion: message.Conclusion) -> None:
        """The rule: nothing is concluded before Immich has finished with that asset."""
        if conclusion.gave_up:
            return
        assert asset.detected, "its detection has not finished"
        assert not asset.queue, "it is in detection"
        assert [f.id for f in conclusion.faces] == [f.id for f in asset.shown], "these are not its faces"
        for face in conclusion.faces:
            assert face.person or face.id in self.done, "recognition has not been through with this face"


def drive(
    immich: SmallImmich,
    arrivals: Mapping[float, Sequence[Mapping[str, float]]],
    *,
    limits: Limits,
    restarts: Collection[float] = (),
    longest: float = 2000.0,
) -> Recogniser:
    """Run the loop of a sidecar until all photos of `arrivals` (by time) are concluded.

    At each of `restarts` the machine's memory is lost. Checks every sleep.
    """
    machine, coming, ends = Recogniser(limits), deque(sorted(arrivals.items())), deque(sorted(restarts))
    ids = itertools.count(1)
    while (immich.known or coming) and immich.now < longest:
        while coming and coming[0][0] <= immich.now:
            for photo in coming.popleft()[1]:
                immich.place(next(ids), **photo)
        if ends and ends[0] <= immich.now:
            ends.popleft()
            machine = Recogniser(limits)
        machine.receive(message.Waiting(dict(immich.known), bool(coming)), immich.now)
        sleep = _until_it_sleeps(immich, machine)
        nothing = coming[0][0] if coming else immich.now
        until = sleep.until if sleep.until is not None else max(nothing, immich.now + 0.01)
        assert sleep.until is None or immich.now < until <= immich.now + MOST_SECONDS
        assert immich.known.keys() <= set(machine._flight.photos), "a photo is forgotten"
        immich.pass_by(until - immich.now)
    return machine


def _until_it_sleeps(immich: SmallImmich, machine: Recogniser) -> message.Sleep:
    for _ in range(10_000):
        commands = machine.commands(immich.now)
        if isinstance(commands[0], message.Sleep):
            return commands[0]
        immich.pass_by(0.01)
        immich.retried = frozenset(p.id for p in machine._filing._retried)
        order = immich.random.sample(range(len(commands)), len(commands))  # they run side by side
        answers = {n: immich.run(commands[n]) for n in order}
        for n, _ in enumerate(commands):
            answer = answers[n]
            if answer is not None:
                machine.receive(answer, immich.now)
            if isinstance(answer, message.Failed):
                return message.Sleep(immich.now + 1.0)
    raise AssertionError("it never sleeps")
