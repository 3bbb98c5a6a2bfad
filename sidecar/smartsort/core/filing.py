"""Whose faces are read when, and which photos are done? The second half of `smartsort.core.recogniser`.

It begins with photos that recognition is through with. Reading costs a call for each, so a search comes first
where it spares readings. Photos that show nobody are read after it is proved that Immich has looked at them:
most have no face, some have a stranger's, and nothing short of reading tells which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod

from smartsort.core import recogniser_messages as message
from smartsort.core.flight import Flight, InFlight, ids

FACELESS_SECONDS = 60.0
"""How long photos that show nobody are gathered while others follow. The probe costs some ten calls, and
detection has to be idle for it."""

REFUSED_SECONDS = 1.0
"""Until the probe is sent again that Immich refused because its detection is at work."""

FEW = 8
"""So many photos are read one by one. Of more, one search tells first who shows nobody."""

FIRST_PORTION = 32
LARGEST_PORTION = 256
"""Photos read and filed together. Doubled from the first to the largest, so that the first photos are filed
soon and the many are cheap: each portion costs two commits and two flushes whatever its size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings the recogniser needs."""

    wait_seconds: float = 5.0
    """The longest pause between two looks."""
    max_retries: int = 2
    proves_faceless: bool = True
    """False: a photo without a face is concluded without the probe."""
    scans: bool = True
    """False: Immich scans when it likes, so no photo is given up because it is not imported."""


class Filing:
    """What is to be searched, read, asked and concluded."""

    def __init__(self, flight: Flight, limits: Limits) -> None:
        self._flight, self._limits = flight, limits
        self.backlog = False
        """Others are to follow the photos in flight."""
        self.stuck = False
        """The last attempt to file photos failed. Until one succeeds, no more photos are let through."""
        self._refused_until = 0.0
        self._left_after_probe: frozenset[str] | None = None
        self.forget_plans()

    def forget_plans(self) -> None:
        """Begin again at the next listing: a command has failed."""
        self._search: message.Command | None = None
        self._through: Sequence[InFlight] = ()
        self._begun: Sequence[InFlight] = ()
        self._to_read: Sequence[InFlight] = ()
        self._reading: Sequence[InFlight] = ()
        self._portion = FIRST_PORTION
        self._to_retry: list[InFlight] = []
        self._retried: Sequence[InFlight] = ()
        self._in_vain: dict[int, int] = {}
        self._ready: list[message.Conclusion] = []
        self._asking = self._attempted = False
        self._reached: frozenset[int] | None = None
        for photo in self._flight.photos.values():
            photo.proved = None

    def plan(self, through: Sequence[InFlight], begun: Sequence[InFlight]) -> None:
        """Recognition is through with some photos. Of those it has begun with, others may be done as well."""
        self._attempted = bool(through)
        self._through, self._begun = through, [p for p in begun if p.faces is None]
        wanted = [*self._unread_of_many(), *self._begun]
        if wanted:
            self._search = message.Search(ids(wanted))
        else:
            self._read(through)

    def commands(self) -> tuple[message.Command, ...]:
        """Return what is to be done for photos that are read or about to be.

        The next portion is read meanwhile.
        """
        commands: list[message.Command] = []
        if self._search is not None:
            commands, self._search = [self._search], None
            return tuple(commands)
        if self._to_retry:
            commands.append(message.TryAgain())
            self._retried, self._to_retry = self._to_retry, []
        if self._ready or self._in_vain:
            commands.append(message.Conclude(tuple(self._ready), self._in_vain))
            self._ready, self._in_vain = [], {}
        if self._to_read:
            size, self._portion = self._portion, min(2 * self._portion, LARGEST_PORTION)
            self._reading, self._to_read = self._to_read[:size], self._to_read[size:]
            commands.append(message.ReadFaces(ids(p for p in self._reading if not p.final)))
        if not commands and self._attempted:
            self._attempted = self.stuck = False
        return tuple(commands)

    # --- the probe for photos that show no face ------------------------------------------------

    def probe(self) -> message.Command | None:
        """Ask about them when nothing else is on its way, or when they have waited for long."""
        flight, gathered = self._flight, self._flight.gathered
        others = not all(p.through for p in flight.detected)
        if not self.may_ask or (others and not self.overdue):
            return None
        if len(gathered) > FEW and self._reached is None:
            self._asking = True
            return message.Search(ids(gathered))
        return message.AskDetection(ids(gathered), tuple(self._reached or ()))

    @property
    def may_ask(self) -> bool:
        """True when Immich has no photo of ours to detect. The next batch is held back for that moment."""
        flight = self._flight
        if not flight.gathered or flight.now < self._refused_until or flight.undetected:
            return False
        return self.overdue or not self.backlog

    @property
    def overdue(self) -> bool:
        """True when the oldest has waited long enough for others to be held back."""
        flight = self._flight
        return any(flight.now - (p.gathered or 0.0) >= FACELESS_SECONDS for p in flight.gathered)

    # --- events ------------------------------------------------------------------------------------

    @singledispatchmethod
    def receive(self, event: message.Event) -> None:
        """Take in what became of a command."""
        raise TypeError(f"no event of the recogniser: {event!r}")

    @receive.register
    def _shown(self, event: message.Shown) -> None:
        """A search tells who is worth reading, or which photos the probe will reach."""
        if self._asking:
            self._reached = frozenset(event.reached)
            return
        for photo in self._unread_of_many():
            if photo.id in event.nobody:
                self._gather(photo)
        somebody = [p for p in self._begun if p.id in event.somebody]
        self._read([*(p for p in self._through if p.gathered is None), *somebody])

    @receive.register
    def _faces_read(self, event: message.FacesRead) -> None:
        """Conclude the photos whose faces are final. A photo that lost its asset begins again."""
        reading, self._reading = self._reading, ()
        for photo in reading:
            if photo.id in event.gone:
                self._flight.photos[photo.id] = InFlight(photo.id)
                continue
            if photo.id in event.faces:
                photo.faces = event.faces[photo.id]
                nobody = frozenset(f.id for f in photo.faces if f.person is None)
                left = photo.left if photo.proved is None else self._left_after_probe
                photo.open = nobody if left is None else nobody & left
            self._judge(photo, worth_trying=event.worth_trying)

    def _judge(self, photo: InFlight, *, worth_trying: bool) -> None:
        proved, photo.proved = photo.proved, None
        if photo.faces is None:
            return
        photo.gathered = None if photo.faces else photo.gathered
        if proved is not None and photo.faces and (photo.suspect or photo.open):
            photo.prove_again(detection=True)
        elif proved is False and not photo.faces:
            self._asked_in_vain(photo, photo.doubt)
        elif not photo.final:
            return
        elif not photo.faces and self._limits.proves_faceless and not proved:
            self._gather(photo)
        elif worth_trying and any(f.person is None for f in photo.faces):
            self._to_retry.append(photo)
        else:
            self._ready.append(message.Conclusion(photo.id, photo.faces))

    @receive.register
    def _tried(self, event: message.Tried) -> None:
        """Recognition was started once more: these wait for it as if it had not begun."""
        for photo in self._retried if event.started else ():
            photo.prove_again(detection=False)
        self._retried = ()

    @receive.register
    def _answered(self, event: message.Answered) -> None:
        """Read the faces after the probe. While Immich refused it, read those not read before."""
        gathered = self._flight.gathered
        self._asking, self._reached = False, None
        if event.last is None:
            self._refused_until = self._flight.now + min(REFUSED_SECONDS, self._limits.wait_seconds)
            self._read(p for p in gathered if p.faces is None)
            return
        self._left_after_probe = None if event.last.full else event.last.ids
        for photo in gathered:
            if photo.id in event.unfinished:
                self._asked_in_vain(photo, "")
            else:
                photo.suspect |= photo.faces is not None
                photo.proved = photo.id in event.finished
                photo.doubt = event.doubt
                photo.faces = photo.gathered = None
        self._read(p for p in gathered if p.id not in event.unfinished)

    @receive.register
    def _concluded(self, event: message.Concluded) -> None:
        """These are filed."""
        for photo_id in event.photos:
            self._flight.photos.pop(photo_id, None)

    # --- the photos --------------------------------------------------------------------------------

    def _unread_of_many(self) -> list[InFlight]:
        unread = [p for p in self._through if p.faces is None]
        return unread if self._limits.proves_faceless and len(unread) > FEW else []

    def _read(self, photos: Iterable[InFlight]) -> None:
        self._to_read, self._portion = list(photos), FIRST_PORTION

    def _gather(self, photo: InFlight) -> None:
        photo.gathered = self._flight.now if photo.gathered is None else photo.gathered

    def _asked_in_vain(self, photo: InFlight, doubt: str) -> None:
        """Leave it alone for a while, and give it up when this has happened too often."""
        photo.asked += 1
        photo.rests_until = self._flight.now + self._limits.wait_seconds
        self._in_vain[photo.id] = photo.asked
        photo.prove_again(detection=True)
        if photo.asked > self._limits.max_retries:
            why = f"face detection failed {photo.asked} times"
            if doubt:
                why = f"asked {photo.asked} times, it could not be proved that it was looked at: {doubt}"
            self._ready.append(message.Conclusion(photo.id, gave_up=why))
