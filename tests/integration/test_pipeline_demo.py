"""The whole way over HTTP against the demo Immich: bad days of a server, and what a photo costs it."""

import asyncio
import shutil
import threading

import pytest
from tests.live_sidecar import live_sidecar

from smartsort.core.model import State
from smartsort.demo.samples import make_samples
from smartsort.ledger import photos


def quick(live):
    """Back-off in hundredths of a second; what is tested is that it happens."""
    live.sidecar.runner.first_backoff, live.sidecar.runner.longest_backoff = 0.02, 0.1
    return live


def in_loop(live, work):
    """Run a plain function in the demo's own loop."""
    done = threading.Event()
    live.loop.call_soon_threadsafe(lambda: (work(), done.set()))
    assert done.wait(60)


def drop(live, tmp_path, kinds, seed=0):
    """One sample of each kind into the inbox, in one go; by kind, what it should become."""
    made = make_samples(tmp_path / "samples", 60, seed, size=(240, 180))
    chosen = {kind: next(s for s in made if s.kind == kind) for kind in kinds}
    for sample in chosen.values():
        for path in (f"{sample.path}.xmp", sample.path):
            source = tmp_path / "samples" / path
            if source.exists():
                target = live.root / "inbox" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, f"{target}.part")
                shutil.move(f"{target}.part", target)
    return chosen


def places(live):
    def read(db):
        ids = [row[0] for row in db.conn.execute("SELECT id FROM photos")]
        return {
            f"{n.area.value}/{n.path}"
            for names in photos.names_of(db, ids).values()
            for n in names
            if n.area.value != "library"
        }

    return live.sidecar.context.ledger.read(read)


def states(live):
    return live.sidecar.context.ledger.read(photos.count_by_state)


KINDS = (
    "single",
    "sidecar",
    "not_whitelisted",
    "blacklisted",
    "stranger",
    "newcomer",
    "group",
    "nobody",
    "text",
)


def check(live, chosen):
    found = places(live)
    for kind, sample in chosen.items():
        name = sample.path.rpartition("/")[2]
        folder = (
            f"faces/{'john_doe' if sample.person == 'John Doe' else sample.person}"
            if sample.category == "faces"
            else f"review/{sample.category}"
        )
        prefix = "unreadable_" if kind == "text" else sample.prefix
        assert any(
            p.startswith(folder.lower().replace(" ", "_")) and p.endswith(f"/{prefix}{name}") for p in found
        ), f"{kind} {sample.path} should be in {folder}: {sorted(found)}"
    if "sidecar" in chosen:
        assert any(p.endswith(".xmp") and p.startswith("faces/") for p in found)


def test_every_kind_of_photo_finds_its_folder(live, tmp_path):
    chosen = drop(live, tmp_path, KINDS)
    live.wait_for(lambda: live.all_sorted(len(KINDS)), "all kinds")
    check(live, chosen)


def test_immich_gone_in_the_middle_and_back(live, tmp_path):
    quick(live)
    in_loop(live, lambda: live.demo.engine.pause("faceDetection", paused=True))
    chosen = drop(live, tmp_path, KINDS)
    live.wait_for(lambda: states(live).get(State.PLACED, 0) + states(live).get(State.KNOWN, 0) >= 7, "photos")
    live.demo.faults.down = True
    live.wait_for(lambda: live.sidecar.runner.health_issues.open, "the health issue to be noticed")
    assert [t.kind for t in live.sidecar.runner.health_issues.open] == ["immich"]
    assert State.FILED not in states(live)
    live.demo.faults.down = False
    in_loop(live, lambda: live.demo.engine.pause("faceDetection", paused=False))
    live.wait_for(lambda: live.all_sorted(len(KINDS)), "all kinds")
    live.wait_for(lambda: not live.sidecar.runner.health_issues.open, "the health issue to be over")
    check(live, chosen)


def test_a_server_in_a_bad_mood_never_misplaces_a_photo(live, tmp_path):
    """Listings that fail, answers cut short, web pages and 500s, all at random."""
    faults = quick(live).demo.faults
    faults.listing_error_rate = 0.2
    faults.extra_fields = True
    for kind in ("status", "truncate", "html", "drop"):
        faults.add("/api/*", kind, probability=0.05)
    chosen = drop(live, tmp_path, KINDS)
    live.wait_for(lambda: live.all_sorted(len(KINDS)), "all kinds")
    faults.clear()
    check(live, chosen)


@pytest.fixture
def unhurried(tmp_path):
    """Beside a demo Immich whose jobs take their time."""
    with live_sidecar(
        tmp_path / "root", profile="demo", settings={"immich.wait_time_seconds": 0.3}
    ) as running:
        yield running


def test_failing_machine_learning_is_never_taken_for_no_face(unhurried, tmp_path):
    live = unhurried
    live.demo.faults.ml_failing = True
    drop(live, tmp_path, ("single", "nobody"))
    live.wait_for(lambda: live.all_sorted(2), "both")
    found = places(live)
    assert len(found) == 2
    assert all(p.startswith("review/unidentified/unknown_") for p in found), found


def test_machine_learning_that_comes_back_finds_the_faces(unhurried, tmp_path):
    live = unhurried

    class Failures(list):
        """Machine learning comes back when each photo was looked for in vain, and before it is again."""

        def append(self, failure):
            super().append(failure)
            live.demo.faults.ml_failing = len({data["id"] for _, data, _ in self}) < 2

    live.demo.engine.failures = Failures()
    live.demo.faults.ml_failing = True
    chosen = drop(live, tmp_path, ("single", "nobody"))
    live.wait_for(lambda: not live.demo.faults.ml_failing, "detection to fail")
    live.wait_for(lambda: live.all_sorted(2), "both")
    check(live, chosen)


def test_asset_ids_that_change_are_followed(live, tmp_path):
    """Deleted for good in Immich, the file stays and comes back under a new id."""
    quick(live)
    in_loop(live, lambda: live.demo.engine.pause("faceDetection", paused=True))
    chosen = drop(live, tmp_path, ("single", "nobody", "group"))
    live.wait_for(lambda: len(live.demo.state.assets) == 3, "the assets")
    before = set(live.demo.state.assets)

    def delete_all():
        for asset_id in before:
            live.demo.state.remove_asset(asset_id)
        live.demo.engine.pause("faceDetection", paused=False)

    in_loop(live, delete_all)
    live.wait_for(lambda: live.all_sorted(3), "all three")
    assert not before & set(live.demo.state.assets)
    check(live, chosen)


def test_switched_off_and_on_again(live, tmp_path):
    live.loop.call_soon_threadsafe(live.sidecar.set_enabled, False)
    live.wait_for(lambda: not live.sidecar.runtime_settings.enabled, "the switch")
    chosen = drop(live, tmp_path, KINDS)
    live.wait_for(lambda: sum(states(live).values()) == len(KINDS), "the photos to be accepted")
    assert not set(states(live)) & {State.FILED, State.REVIEW, State.SKIPPED}
    live.loop.call_soon_threadsafe(live.sidecar.set_enabled, True)
    live.wait_for(lambda: live.all_sorted(len(KINDS)), "all kinds")
    check(live, chosen)


def test_a_restart_finds_the_library_again(tmp_path):
    root = tmp_path / "root"
    with live_sidecar(root) as first:
        [library] = first.demo.state.libraries.values()
        paths = list(library.import_paths)
    with live_sidecar(root) as second:
        # A new Immich that has lost everything: the same folder, another id.
        [again] = second.demo.state.libraries.values()
        assert list(again.import_paths) == paths


async def test_an_idle_sidecar_asks_immich_nothing(live):
    def asked():
        return sum(n for (_, path), n in live.demo.requests.items() if not path.startswith("/demo"))

    live.wait_for(lambda: live.run(live.rests()), "the start to be over")
    before = asked()
    await asyncio.sleep(0.5)  # whatever asked in this time would ask for ever
    assert asked() == before
