"""Wires the sidecar together: the one place that knows adapters, settings and stages alike."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from smartsort.actions import Actions
from smartsort.actions.backfill import BackfillStage
from smartsort.actions.late import JoinLate
from smartsort.actions.purge import Retention
from smartsort.config import Settings
from smartsort.core.model import State
from smartsort.downloads.guard import Resolver, system_resolver
from smartsort.downloads.queue import Downloads
from smartsort.errors import ConfigurationError, LedgerError, SmartsortError, StorageError
from smartsort.files.decoders import Decoders
from smartsort.files.layout import Layout
from smartsort.files.placement import Placer
from smartsort.files.private import keep_private
from smartsort.files.resources import Budget
from smartsort.files.shown import one_line, shown
from smartsort.ledger import films, key_value, photos, spot_checks, statistics
from smartsort.ledger.backup import damaged, files_kept
from smartsort.ledger.database import Ledger
from smartsort.ledger.integrity import is_empty, quick_problem
from smartsort.ledger.key_value import CATCHING_UP
from smartsort.lock import RootLock
from smartsort.notify.notifier import Notifier
from smartsort.notify.phones import Listener, phones_of
from smartsort.notify.questions import Questions
from smartsort.pipeline.arrival import suspects
from smartsort.pipeline.arrival.adopt import AdoptionStage
from smartsort.pipeline.arrival.adopted_uploads import AdoptedUploads
from smartsort.pipeline.arrival.claim import Claimer
from smartsort.pipeline.arrival.examine import DeduplicateStage, ExamineStage
from smartsort.pipeline.arrival.films import VideoStage
from smartsort.pipeline.arrival.inbox import InboxStage
from smartsort.pipeline.engine.context import Clock, Context, Tuning
from smartsort.pipeline.engine.health import HealthIssue, HealthIssueKind, HealthIssues
from smartsort.pipeline.engine.runner import NothingProved, Runner, Stage
from smartsort.pipeline.engine.upkeep import Backups, Integrity, Memory
from smartsort.pipeline.recheck.deleted import Deleted, Following
from smartsort.pipeline.recheck.observing import Observing
from smartsort.pipeline.recheck.recheck import RecheckStage
from smartsort.pipeline.recheck.renames import RenamesStage
from smartsort.pipeline.recognition.detection_proof import DetectionCheck
from smartsort.pipeline.recognition.executor import CommandExecutor
from smartsort.pipeline.recognition.place import PlaceStage
from smartsort.pipeline.recognition.recognise import RecogniseStage
from smartsort.pipeline.recognition.unassigned import Unassigned
from smartsort.pipeline.recovery.reconcile import ReconcileStage
from smartsort.pipeline.recovery.recover import Recovered, Recovery, TidyStage
from smartsort.pipeline.routing.evidence import EvidenceBuilder
from smartsort.pipeline.routing.near import NearDuplicates
from smartsort.pipeline.routing.outbox import OutboxStage
from smartsort.pipeline.routing.people import PEOPLE_SECONDS, People
from smartsort.pipeline.routing.route import Router
from smartsort.pipeline.watchdog import Watchdog
from smartsort.ports import PhotoServer
from smartsort.runtime_settings import RuntimeSettings
from smartsort.runtime_settings.adjusting import Adjusting

if TYPE_CHECKING:
    from sqlite_utils import Database

    from smartsort.confidence import Measure

log = logging.getLogger(__name__)

HEALTH_SECONDS = 60.0
"""How long Immich may be silent before it is asked whether it is there. Any good answer counts, so an idle
sidecar makes one call a minute: this one, or the one about photos in review."""

GRACE_SECONDS = 5.0
"""How much later than that, so that whoever asks every minute anyway comes first."""

MISFITS_SHOWN = 3

STOCK = 64
"""Photos read ahead that are enough for the batch after a delivery's first."""

MAKE_WAY_SECONDS = 0.1
"""Between two looks at whether that first batch is through."""

COUNT_SECONDS = 30.0
"""Between two looks at what is new for the statistics."""

LATER_SECONDS = 10.0
"""Until work begins that nobody waits for: copying or counting a large ledger would hold up the start."""


def layout_of(settings: Settings) -> Layout:
    """Return the folders of the settings."""
    places = settings.directories
    return Layout(
        root=os.fspath(settings.root),
        inbox=os.fspath(places.inbox_dir),
        temp_downloads=os.fspath(places.temp_dir),
        library=os.fspath(places.library_dir),
        faces=os.fspath(places.final_base),
        review=os.fspath(places.review_base),
        trash=os.fspath(places.trash_dir),
        ledger=os.fspath(places.ledger_file),
        path_mapping=tuple(
            (str(theirs), os.path.abspath(ours)) for theirs, ours in settings.backfill.path_mapping.items()
        ),
    )


def tuning_of(settings: Settings) -> Tuning:
    """Return what the stages need of the settings."""
    inbox, immich, backfill = settings.inbox, settings.immich, settings.backfill
    return Tuning(
        settle_seconds=inbox.settle_seconds,
        scan_interval_seconds=inbox.scan_interval_seconds,
        companion_wait_seconds=inbox.companion_wait_seconds,
        polling={"on": True, "off": False}.get(str(inbox.polling)),
        ignore=tuple(inbox.ignore),
        max_file_bytes=inbox.max_file_bytes or 0,
        max_pixels=inbox.max_pixels or 0,
        wait_time_seconds=immich.wait_time_seconds,
        trigger_scan=immich.trigger_scan,
        retry_if_no_faces=immich.retry_if_no_faces,
        max_retries=immich.max_retries,
        recheck_interval_seconds=immich.recheck_interval_seconds,
        max_in_flight=immich.max_in_flight,
        shard_size=immich.shard_size,
        check_hash=settings.deduplication.check_hash,
        archive_unwanted=immich.archive_unwanted,
        album_per_person=immich.album_per_person,
        different_people=immich.different_people,
        library_path=str(settings.library_path_in_immich),
        follow=backfill.follow,
        questions_per_day=backfill.questions_per_day,
        requests_per_minute=backfill.requests_per_minute,
        link_by_copy=backfill.link == "copy",
    )


def following_of(settings: Settings) -> Following:
    """How deletions in Immich are taken over."""
    immich = settings.immich
    return Following(
        at_most=immich.max_unconfirmed_deletions,
        grace=timedelta(hours=immich.deletion_grace_hours),
        switched_on=immich.follow_deletions,
    )


def connect(settings: Settings) -> PhotoServer:
    """Return the Immich of the settings.

    Raises ConfigurationError for what is missing. Does not connect yet.
    """
    from smartsort.immich import ImmichServer  # noqa: PLC0415 - httpx and the client only where needed

    missing = settings.missing_for_immich()
    if missing:
        names = ", ".join(f"{key} (SMARTSORT_{key.upper().replace('.', '__')})" for key in missing)
        raise ConfigurationError(
            f"smartsort does not know its Immich: set {names}, or run `smartsort setup`."
        )
    return ImmichServer.of(settings.immich, timeout_seconds=settings.immich.request_timeout_seconds)


def measure_with(settings: Settings, context: Context, people: People) -> Measure | None:
    """Return what tells how sure a match is, None without a machine learning service."""
    immich = settings.immich
    if immich.ml_url is None:
        return None
    from smartsort.confidence import FaceService, Measure  # noqa: PLC0415 - httpx only where needed

    service = FaceService(str(immich.ml_url), immich.ml_timeout_seconds)
    return Measure(
        context, people, service, model=immich.ml_model or "", patience_seconds=3 * immich.ml_timeout_seconds
    )


@dataclass(slots=True)
class Sidecar:
    """Everything that runs beside Immich for one root. Made by `open_sidecar`, `close` it."""

    settings: Settings
    context: Context
    runtime_settings: RuntimeSettings
    claimer: Claimer
    inbox: InboxStage
    adoption: AdoptionStage
    place_stage: PlaceStage
    recognise_stage: RecogniseStage
    people: People
    router: Router
    runner: Runner
    recovered: Recovered
    downloads: Downloads
    notifier: Notifier
    actions: Actions
    questions: Questions
    measure: Measure | None = None
    videos: VideoStage | None = None
    connected: bool = False
    immich_version: str | None = None
    """As Immich said it when it was connected."""
    _lock: RootLock | None = None
    _workers: ThreadPoolExecutor | None = None
    _examine: ExamineStage | None = None

    async def run(self) -> None:
        """Watch, sort and route until `stop` is called."""
        listener = asyncio.create_task(self.inbox.listen(self.runner.stop), name="inbox hints")
        try:
            await self.runner.run()
        finally:
            self.runner.stop.set()
            await self.downloads.close()
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    def stop(self) -> None:
        """End `run`: steps under way are finished, nothing new is begun."""
        self.runner.stop.set()
        self.context.wakeups.notify_all()
        self.inbox.wake()
        self.downloads.wake()
        self.notifier.wake()

    def set_enabled(self, enabled: bool) -> None:
        """Switch sorting on or off. What waits goes on at once."""
        self.runtime_settings.set_enabled(enabled)
        self.context.wakeups.notify_all()

    async def close(self) -> None:
        """Close the connections and the ledger and give the root free."""
        await self.downloads.close()
        self.notifier.close()
        await self.context.server.aclose()
        if self.measure is not None:
            await self.measure.aclose()
        if self.videos is not None:
            await asyncio.to_thread(self.videos.close)
        await asyncio.to_thread(self.context.decoders.close)  # a large photo would hold up the end
        if self._workers is not None:
            self._workers.shutdown(wait=True, cancel_futures=True)
        if self._examine is not None:
            await asyncio.to_thread(self._examine.close)
        with suppress(SmartsortError):
            self.context.ledger.write(suspects.clear)
        self.context.ledger.close()
        if self._lock is not None:
            self._lock.close()


def open_sidecar(
    settings: Settings,
    *,
    server: PhotoServer | None = None,
    clock: Clock | None = None,
    placer: Callable[[Callable[[], None]], Placer] = lambda guard: Placer(guard=guard),
    checkpoint: Callable[[str], None] = lambda _: None,
    resolver: Resolver = system_resolver,
) -> Sidecar:
    """Lock the root, open the ledger, recover from a crash and wire the stages. Nothing runs yet.

    Tests pass their own `server`, `clock`, `placer` and `resolver`. Raises ConfigurationError, RootLocked,
    RootUnavailable, StorageError or LedgerError. Then nothing stays open.
    """
    clock = clock or Clock()
    layout = layout_of(settings)
    server = server or connect(settings)
    os.makedirs(layout.root, exist_ok=True)
    lock = RootLock(layout.root, clock.text())
    try:
        _no_ledger_lost(layout)
        os.makedirs(os.path.dirname(layout.ledger), exist_ok=True)
        keep_private(files_kept(layout.ledger, os.path.join(layout.root, "backup")))
        _sound(layout)
        ledger = Ledger(layout.ledger)
    except BaseException:
        lock.close()
        raise
    try:
        root_id = _prepare(layout, ledger)
        runtime_settings = RuntimeSettings(settings, ledger)
        context = Context(
            ledger=ledger,
            server=server,
            layout=layout,
            placer=placer(lambda: layout.check(root_id)),
            policy=runtime_settings.policy,
            enabled=lambda: runtime_settings.enabled,
            tuning=tuning_of(settings),
            clock=clock,
            checkpoint=checkpoint,
        )
        for folder in layout.guarded:
            with suppress(StorageError):  # whoever places there says what is wrong
                context.placer.capabilities(folder)
        recovered = Recovery(context).run()
        return _wire(settings, context, runtime_settings, recovered=recovered, lock=lock, resolver=resolver)
    except BaseException:
        ledger.close()
        lock.close()
        raise


def _no_ledger_lost(layout: Layout) -> None:
    """Raises LedgerError when a root that holds photos has no ledger: a new one would forget them all."""
    if os.path.exists(layout.ledger) and not is_empty(layout.ledger):
        return
    found = layout.in_use()
    if found is not None:
        raise LedgerError(
            f"there is no ledger at {shown(layout.ledger)}, but {shown(layout.root)} has been in use: "
            f"{shown(found)} lies there. Is the ledger's disk mounted (directories.ledger_file)? If it is "
            "lost, `smartsort restore` puts a backup in its place and `smartsort rebuild` makes a new one "
            "from the folders."
        )


def _sound(layout: Layout) -> None:
    """Raises LedgerError for a damaged ledger, as far as a quick check finds out."""
    if not os.path.exists(layout.ledger):
        return
    problem = quick_problem(layout.ledger)
    if problem is not None:
        raise damaged(layout.ledger, problem, os.path.join(layout.root, "backup"))


def _prepare(layout: Layout, ledger: Ledger) -> str:
    half_done = ledger.read(lambda db: key_value.get(db, CATCHING_UP))
    if half_done is not None:
        raise LedgerError(
            f"`smartsort {half_done}` was interrupted before the ledger knew all files. Run it again "
            "(`smartsort restore`, or `smartsort rebuild --force`)."
        )
    known: str | None = ledger.read(lambda db: key_value.get(db, "root_id"))
    root_id = layout.prepare(known)
    if known is None:
        ledger.write(lambda db: key_value.put(db, "root_id", root_id))
    return root_id


def _wire(
    settings: Settings,
    context: Context,
    runtime_settings: RuntimeSettings,
    *,
    recovered: Recovered,
    lock: RootLock,
    resolver: Resolver,
) -> Sidecar:
    workers = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="examine")
    people = People(context)
    people.noticed.append(runtime_settings.bind)
    router = Router(context, people)
    claimer = Claimer(context, recovered)
    inbox = InboxStage(context, claimer)
    place_stage = PlaceStage(context)
    measure = measure_with(settings, context, people)
    near = NearDuplicates(context) if settings.deduplication.near_duplicates else None
    evidence_builder = EvidenceBuilder(context, people, near, measure)
    videos = VideoStage(context, measure, _background_decoders(), look=near is not None)
    evidence_builder.watch_again = videos.again
    detection_check = DetectionCheck(context, evidence_builder)
    unassigned = Unassigned(context, people)
    executor = CommandExecutor(
        context,
        router,
        people,
        place_stage,
        evidence_builder,
        detection_check=detection_check,
        unassigned=unassigned,
    )
    recognise_stage = RecogniseStage(context, place_stage, executor)
    actions = Actions(context, people, runtime_settings, measure)
    adoption = AdoptionStage(context, people, claimer, actions, AdoptedUploads(context, evidence_builder))
    deleted = Deleted(context, actions, following_of(settings))
    earlier = EvidenceBuilder(context, people, None, measure)
    observing = Observing(context, people, earlier, actions.link_clips)
    backfill = BackfillStage(context, actions, observing, deleted)
    recheck = RecheckStage(
        context,
        router,
        people,
        evidence_builder,
        detection_check=detection_check,
        unassigned=unassigned,
        deleted=deleted,
    )
    downloads = Downloads(context, claimer, settings.api, resolver=resolver)
    downloads.recover()
    notifier = Notifier(context, settings.notify)
    health_issues = HealthIssues(context.clock.text, _announcer(notifier))

    async def wanted(hashed: int) -> int:
        waiting = await context.ledger.aread(lambda db: films.count_ready(db, State.UNIQUE))
        room = await place_stage.room(waiting + hashed)
        if room > waiting:
            return room
        # Of a backlog enough is compared ahead, or the next batch would be what is left of the last thousand.
        return max(0, place_stage.batches.next_at_most - waiting) if hashed >= STOCK else 0

    examine, deduplicate, outbox = (
        ExamineStage(context, router, workers, look=near is not None),
        DeduplicateStage(context, router, wanted),
        OutboxStage(context, people),
    )
    phones = phones_of(settings.notify)
    questions = Questions(context, actions, settings.notify, phones)
    renames = RenamesStage(context, people, actions.follow if settings.follow_renames else None)
    retention = Retention(context, actions.purge_expired, settings.trash.retention_days)
    storage = (HealthIssueKind.STORAGE, HealthIssueKind.ROOT)
    immich = (HealthIssueKind.IMMICH, HealthIssueKind.PERMISSION)

    def ahead(db: Database) -> int:
        return films.count_ready(db, State.HASHED, State.UNIQUE)

    async def examine_step() -> bool | float:
        """Reading the next thousands makes way for the first photos: it would keep all cores busy."""
        under_way = place_stage.batches.first_under_way(context.clock.monotonic())
        if under_way and await context.ledger.aread(ahead) >= STOCK:
            return NothingProved(MAKE_WAY_SECONDS)
        return await examine.step()

    async def place_step() -> bool:
        placed = await place_stage.step()
        if placed:
            context.wakeups.notify(State.PLACED)
        return placed

    adjusting = Adjusting(
        context, runtime_settings, lambda: sidecar.measure.everybody() if sidecar.measure else ()
    )

    async def count_step() -> bool | float:
        """Keeps the daily totals near, so that nobody who asks for statistics waits for them."""
        if await context.ledger.aread(spot_checks.behind):
            share = settings.spot_check_rate
            await context.ledger.awrite(lambda db: spot_checks.draw_chunk(db, share))
            return True
        await adjusting.step()
        if await context.ledger.aread(statistics.uncounted) == 0:
            return COUNT_SECONDS
        return await context.ledger.awrite(statistics.count_chunk) == statistics.CHUNK or COUNT_SECONDS

    stages = [
        Stage("inbox", (), inbox.step, storage),
        Stage("adopt", (), adoption.step, storage),
        Stage("examine", examine.takes, examine_step, storage),
        Stage("examine large files", examine.takes, examine.large_step, storage),
        Stage("videos", videos.takes, videos.step, storage),
        Stage("deduplicate", deduplicate.takes, deduplicate.step, (*storage, *immich)),
        Stage("place", place_stage.takes, place_step, ()),
        Stage("recognise", recognise_stage.takes, recognise_stage.step, immich),
        Stage("join", (State.FILED, State.REVIEW), JoinLate(context, claimer).step, storage),
        Stage("recheck", (), recheck.step, immich),
        Stage("renames", (), renames.step, immich),
        Stage("backfill", backfill.takes, backfill.step, immich),
        Stage("outbox", (State.FILED, State.REVIEW), outbox.step, ()),
        Stage("downloads", (), downloads.step, ()),
        Stage("notify", (), notifier.step, ()),
        Stage("ask", (), questions.step, ()),
        Stage("listen", (), Listener(phones, questions.use).step, ()),
        Stage("reconcile", (), ReconcileStage(context, deleted.forgotten).step, immich, LATER_SECONDS),
        Stage("tidy", (), TidyStage(context).step, ()),
        Stage("memory", (), Memory(context).step, ()),
        *([Stage("galleries", (), measure.step, immich, LATER_SECONDS)] if measure is not None else []),
        Stage("retention", (), retention.step, ()),
        Stage("statistics", (), count_step, (), LATER_SECONDS),
        Stage("watchdog", (), Watchdog(context, inbox, recognise_stage, recheck, health_issues).step, ()),
    ]
    sidecar = Sidecar(
        settings,
        context,
        runtime_settings,
        claimer,
        inbox,
        adoption,
        place_stage,
        recognise_stage,
        people,
        router,
        Runner(context, stages, health_issues),
        recovered,
        downloads,
        notifier,
        actions,
        questions,
        measure=measure,
        videos=videos,
        _lock=lock,
        _workers=workers,
        _examine=examine,
    )
    stages.insert(0, Stage("connection", (), _connection(sidecar), immich))
    checked = Integrity(context, os.path.join(context.layout.root, "backup"), sidecar.runner.stop.is_set)
    stages.append(Stage("integrity", (), checked.step, (), LATER_SECONDS))
    stages.append(Stage("backup", (), _backups(settings, context, sidecar.runner).step, (), LATER_SECONDS))
    return sidecar


def _background_decoders() -> Decoders:
    """Return one process for videos. Photos go first."""
    return Decoders(Budget(1, VIDEO_BYTES, VIDEO_BYTES), VIDEO_SECONDS, is_background=True)


VIDEO_BYTES, VIDEO_SECONDS = 400 << 20, 40


def _backups(settings: Settings, context: Context, runner: Runner) -> Backups:
    folder, when = os.path.join(context.layout.root, "backup"), settings.backup
    return Backups(context, folder, when.interval_hours, when.keep, runner.stop.is_set)


def _connection(sidecar: Sidecar) -> Callable[[], Awaitable[float]]:
    """Find Immich and make sure of the library once. Afterwards one small call a minute.

    Now and then that call is for the people, so that a folder follows a name although no photo comes.
    """

    async def step() -> float:
        server = sidecar.context.server
        if not sidecar.connected:
            info = await server.info()
            library = await sidecar.place_stage.ensure_library()
            _say_misfits(sidecar, info.version, await server.misfits())
            sidecar.immich_version, sidecar.connected = info.version, True
            log.info("connected to Immich %s as user %s, library %s", info.version, info.user_id, library)
            sidecar.context.wakeups.notify_all()
        elif (silent := server.silent_seconds) < HEALTH_SECONDS:
            return HEALTH_SECONDS - silent + GRACE_SECONDS
        elif sidecar.people.age > PEOPLE_SECONDS:
            await sidecar.people.refresh()
        elif not await server.ping():
            sidecar.connected = False
            await server.info()  # raises what is wrong
        return HEALTH_SECONDS

    return step


def _say_misfits(sidecar: Sidecar, version: str, misfits: Sequence[str]) -> None:
    """Say what will not work with an Immich that is too new. The rest goes on."""
    kind, issues = HealthIssueKind.VERSION, sidecar.runner.health_issues
    if not misfits:
        issues.over(kind)
        return
    more = f" and {len(misfits) - MISFITS_SHOWN} more" if len(misfits) > MISFITS_SHOWN else ""
    text = (
        f"Immich {version} is newer than this smartsort, and describes itself otherwise than smartsort "
        f"needs: {', '.join(misfits[:MISFITS_SHOWN])}{more}. What depends on it waits. Update smartsort, "
        "and run `smartsort doctor` for the whole list."
    )
    issues.begin(kind, text, kind, notice=True)


def _announcer(notifier: Notifier) -> Callable[[HealthIssue, bool], None]:
    def announce(issue: HealthIssue, began: bool) -> None:
        what = "notice" if issue.notice else "health issue"
        if began:
            log.warning("%s (%s): %s", what, issue.kind, one_line(issue.message))
        else:
            log.info("%s over (%s), since %s", what, issue.kind, issue.since)
        if issue.sent:
            notifier.health_issue(issue, began=began)

    return announce


async def in_progress(sidecar: Sidecar) -> dict[State, int]:
    """Return how many photos are in progress, by state."""
    return await sidecar.context.ledger.aread(photos.in_progress)
