"""Photos that Immich shows nobody on: is there really no face? Asked about together, and only then said.

Most of them have no face, some have a stranger's; nothing short of reading the faces of each tells which. The
proof that detection is over has to come before that reading, so photos that are known to show nobody are
read once, after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from smartsort.ledger.photos import Change
from smartsort.ledger.records import Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.recognition.detection import Detection, Detections
from smartsort.pipeline.recognition.face_readings import FaceReadings
from smartsort.pipeline.routing.route import Verdict

FACELESS_SECONDS = 60.0
"""How long they are gathered, while others follow, before it is asked about all of them: the proof costs some
ten calls, and detection has to be idle for it."""

REFUSED_SECONDS = 1.0
"""Until the question is put again that Immich refused because its detection is at work."""


@dataclass(slots=True)
class Found:
    """What became of the photos that were asked about; those left out wait for another question."""

    faceless: list[Photo] = field(default_factory=list)
    """Detection is over and they have no face."""
    in_vain: list[Verdict] = field(default_factory=list)
    """Asked about too often."""
    strangers: list[Photo] = field(default_factory=list)
    """They have faces, read just now."""
    again: list[Photo] = field(default_factory=list)
    """They have to go through the whole proof once more."""
    lost: list[Photo] = field(default_factory=list)
    """Their assets are gone; they are placed photos again."""


class Faceless:
    """Gathers photos that show nobody and finds out which of them have no face."""

    def __init__(self, context: Context, detections: Detections, readings: FaceReadings) -> None:
        self._context, self._detections, self._readings = context, detections, readings
        self._photos: dict[int, Photo] = {}
        self._since = 0.0
        self._asked: dict[str, int] = {}
        """How often it was asked in vain whether detection is over, by asset."""
        self._doubt: dict[str, str] = {}
        """Of those, why it could not be found out; "" where it is known that detection had failed."""
        self._rest_until: dict[str, float] = {}
        self._refused_until = 0.0

    def __len__(self) -> int:
        return len(self._photos)

    def __contains__(self, photo: Photo) -> bool:
        return photo.id in self._photos

    def gather(self, photos: Iterable[Photo]) -> None:
        """Keep these until it is asked about them."""
        for photo in photos:
            if not self._photos:
                self._since = self._context.clock.monotonic()
            self._photos[photo.id] = photo

    @property
    def gathered(self) -> list[Photo]:
        """The photos that it will be asked about."""
        return list(self._photos.values())

    @property
    def worth_asking(self) -> bool:
        """True when there are some and Immich has not just refused."""
        return bool(self._photos) and self._context.clock.monotonic() >= self._refused_until

    @property
    def overdue(self) -> bool:
        """True when the oldest has waited long enough for the others to be held back."""
        return bool(self._photos) and self._context.clock.monotonic() - self._since >= FACELESS_SECONDS

    def resting_until(self, photo: Photo) -> float:
        """When a photo may be looked at again (monotonic); 0 for one that need not rest."""
        return self._rest_until.get(photo.asset_id or "", 0.0)

    async def ask(self, reached: Collection[str]) -> Found:
        """Put the question and read the faces.

        `reached` are assets just seen with a preview and not in the trash. Strangers are told apart even when
        Immich would not be asked. Raises ImmichError; then all of them wait for the next time.
        """
        photos = self.gathered
        answer = await self._detections.ask({p.asset_id for p in photos if p.asset_id}, reached)
        seen_empty = {p.id for p in photos if self._readings.of(p.asset_id or "") == ()}
        if answer.asked:
            self._readings.forget(p.asset_id or "" for p in photos)
        last = await self._context.server.recognition_jobs()
        # Recognition was through with them; a queue-all that is there now belongs to later photos.
        left = None if last.full else last.ids
        found = Found(lost=await self._readings.read(photos, lambda _: left))
        without = []
        for photo in photos:
            faces = self._readings.of(photo.asset_id or "")
            if faces == ():
                without.append(photo)
            elif faces and photo.id in seen_empty:
                found.again.append(photo)  # detected meanwhile; recognition may not have begun with it
            elif faces:
                found.strangers.append(photo)
        if answer.asked:
            unproved = [p for p in without if p.asset_id not in answer.finished]
            found.faceless = [p for p in without if p.asset_id in answer.finished]
            found.in_vain = await self._in_vain(unproved, answer)
            found.again += unproved
            self._photos.clear()
        else:
            patience = min(REFUSED_SECONDS, self._context.tuning.wait_time_seconds)
            self._refused_until = self._context.clock.monotonic() + patience
            for photo in (*found.strangers, *found.again, *found.lost):
                self._photos.pop(photo.id, None)
        return found

    async def _in_vain(self, unproved: Sequence[Photo], answer: Detection) -> list[Verdict]:
        """Leave them alone for a while; verdicts of those that this has happened to too often."""
        context = self._context
        until = context.clock.monotonic() + context.tuning.wait_time_seconds
        for photo in unproved:
            asset_id = photo.asset_id or ""
            self._asked[asset_id] = self._asked.get(asset_id, 0) + 1
            self._rest_until[asset_id] = until
            self._doubt[asset_id] = "" if asset_id in answer.unfinished else answer.doubt
        now = context.clock.text()
        await context.commit(
            [
                Change(p.id, values={"detection_asked_at": now, "retries": self._asked[p.asset_id or ""]})
                for p in unproved
            ]
        )
        most = context.tuning.max_retries
        return [
            Verdict.given_up(p, self._why(p.asset_id or ""))
            for p in unproved
            if self._asked[p.asset_id or ""] > most
        ]

    def _why(self, asset_id: str) -> str:
        times, doubt = self._asked.get(asset_id, 0), self._doubt.get(asset_id, "")
        if doubt:
            return f"asked {times} times, it could not be proved that it was looked at: {doubt}"
        return f"face detection failed {times} times"

    def forget(self, photo: Photo) -> None:
        """Remember nothing of a photo that is somewhere else now."""
        self._photos.pop(photo.id, None)
        for memory in (self._asked, self._rest_until, self._doubt):
            memory.pop(photo.asset_id or "", None)
