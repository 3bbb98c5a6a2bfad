"""A ledger that its disk has damaged: noticed, told with the remedy, and nothing is concluded from it."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from tests.fakes import World, close_world
from tests.handed_in import KINDS, deliver_shot

from smartsort import bootstrap
from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.audit import audit as audits
from smartsort.bootstrap import open_sidecar
from smartsort.cli.main import cli, main
from smartsort.core.model import State
from smartsort.errors import LedgerError
from smartsort.files.layout import Layout
from smartsort.ledger import integrity
from smartsort.ledger.backup import backup, backups, newest_sound
from smartsort.ledger.database import Ledger
from smartsort.ledger.integrity import full_problem, quick_problem
from smartsort.pipeline.engine.upkeep import Backups, Integrity
from smartsort.rescue.rebuild import restore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FLIPS = int(os.environ.get("SMARTSORT_TEST_FLIPS", "100"))


def clean(root):
    report = Audit(Layout(root)).run()
    assert report.weight is Weight.CLEAN, [(f.code, f.what) for f in report.findings]


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch):
    """Quick checks have all the time they need: one that was broken off has found nothing."""
    monkeypatch.setattr(bootstrap, "quick_problem", lambda path: quick_problem(path, 600.0))
    monkeypatch.setattr(audits, "_QUICK_SECONDS", 600.0)


@pytest.fixture(scope="module")
def sorted_root(tmp_path_factory):
    """A root with photos in every state of rest, and a sound backup."""
    root = os.fspath(tmp_path_factory.mktemp("damage") / "root")

    async def fill():
        world = World(root)
        ids = []
        for number in range(1, 31):
            name = ("anna", "stranger", "bella")[number % 3]
            ids.append(await deliver_shot(world, f"{name}_{number}", KINDS[number % 7 % 3], seed=number % 25))
        await world.settle()
        await world.actions.reject(ids[:4], "eva", expect=(State.FILED, State.REVIEW))
        await world.actions.refile([ids[6]], [PersonSelector("Carl")], "eva")
        backup(world.ledger.path, f"{root}/backup", NOW)
        close_world(world)

    asyncio.run(fill())
    return root


@pytest.fixture
def root(sorted_root, tmp_path):
    copy = os.fspath(tmp_path / "root")
    inodes = {}
    for place, _, names in os.walk(sorted_root):
        target = os.path.join(copy, os.path.relpath(place, sorted_root))
        os.makedirs(target, exist_ok=True)
        for name in names:
            source, made = os.path.join(place, name), os.path.join(target, name)
            first = inodes.setdefault(os.lstat(source).st_ino, made)
            shutil.copy2(source, made) if first == made else os.link(first, made)
    return copy


def settings_of(root):
    from tests.faults.running import settings_for

    from smartsort.config import load_settings

    return load_settings(None, env={}, overrides=settings_for(root, "http://127.0.0.1:9"))


def files_of(root):
    """All files of the folders, by inode."""
    return {
        (place, name, os.lstat(os.path.join(place, name)).st_ino)
        for place, _, names in os.walk(root)
        for name in names
        if not name.startswith((".smartsort-lock", "smartsort.db-"))
    }


def change(path, at, content):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(content)


def page_of(path, table):
    with closing(sqlite3.connect(path)) as db:
        [(page,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchall()
        return page, db.execute("PRAGMA page_size").fetchone()[0]


def malformed_schema(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE names (' WHERE name = 'names'")
        db.commit()


def truncated(path):
    os.truncate(path, os.path.getsize(path) // 2)


def cut_to_nothing(path):
    os.truncate(path, 0)


def zeroed_page(path):
    page, size = page_of(path, "names")
    change(path, (page - 1) * size, bytes(size))


def zeroed_header(path):
    change(path, 0, bytes(100))


def junk_in_the_middle(path):
    page, size = page_of(path, "photos")
    change(path, (page - 1) * size, random.Random(7).randbytes(64))


def index_without_its_table(path):
    """The rows of one index are those of another file."""
    page, size = page_of(path, "idx_names_photo")
    change(path, page * size - 40, bytes([5]) * 8)


DAMAGES = [malformed_schema, truncated, cut_to_nothing, zeroed_page, zeroed_header, junk_in_the_middle]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_does_not_start_and_the_remedy_is_named(root, damage):
    damage(f"{root}/smartsort.db")
    before = files_of(root)
    with pytest.raises(LedgerError, match=r"smartsort restore") as told:
        open_sidecar(settings_of(root))
    if damage is not cut_to_nothing:
        assert "is damaged" in str(told.value)
        assert "smartsort-20260102T030405Z.db" in str(told.value)
    assert files_of(root) == before, "nothing was concluded from it"
    restore(settings_of(root), None, None, lambda _: None)
    clean(root)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("arguments", [[], ["--quick"], ["--repair"], ["--json"]])
def test_an_audit_of_a_damaged_ledger_is_one_clear_line(root, damage, arguments, capsys):
    damage(f"{root}/smartsort.db")
    result = CliRunner().invoke(cli, ["audit", "--root", root, *arguments])
    assert result.exit_code == 3, result.output
    assert len(result.output.strip().splitlines()) == 1
    assert "smartsort restore" in result.output
    assert "Traceback" not in result.output


def test_the_command_line_ends_with_a_word(root, capsys):
    zeroed_page(f"{root}/smartsort.db")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--root", root])
    assert ended.value.code == 2


def test_a_sound_ledger_has_no_problem_and_a_busy_one_neither(root):
    path = f"{root}/smartsort.db"
    assert quick_problem(path) is None
    assert full_problem(path) is None
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        assert quick_problem(path) is None
        assert full_problem(path) is None


def test_a_check_that_is_broken_off_has_found_nothing(root, monkeypatch):
    monkeypatch.setattr(integrity, "_ASK_SECONDS", 0.0)
    path = f"{root}/smartsort.db"
    zeroed_page(path)
    assert quick_problem(path, seconds=-1.0) is None
    assert full_problem(path, give_up=lambda: True) is None
    assert quick_problem(path, seconds=60.0) is not None


def test_a_digest_that_became_another_is_found(root):
    path = f"{root}/smartsort.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE photos SET sha256 = 'f' || substr(sha256, 2) WHERE id = 7")
        db.commit()
    assert "photo 7" in full_problem(path)
    assert quick_problem(path) is None, "only letters differ"


# --- while it runs ---------------------------------------------------------------------------


async def test_damage_found_in_the_background_stops_the_work_and_is_told(root):
    world = World(root)
    stage = Integrity(world.context, f"{root}/backup")
    assert await stage.step() > 3600
    with closing(sqlite3.connect(f"{root}/smartsort.db", isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    junk_in_the_middle(f"{root}/smartsort.db")
    with pytest.raises(LedgerError, match=r"smartsort-20260102T030405Z\.db"):
        await stage.step()
    assert "is damaged" in world.ledger.damaged
    with pytest.raises(LedgerError, match="is damaged"):
        await world.deliver("anna_99.jpg")
    assert os.listdir(f"{root}/inbox/test") == ["anna_99.jpg"]
    running = asyncio.create_task(world.sidecar.runner.run())
    told = asyncio.Event()
    world.sidecar.runner.health_issues._announce = lambda *_: told.set()
    await asyncio.wait_for(told.wait(), 60)
    [issue] = world.sidecar.runner.health_issues.open
    assert (issue.kind, "smartsort restore" in issue.message) == ("ledger", True)
    assert not running.done()
    world.sidecar.stop()
    await running
    assert os.listdir(f"{root}/inbox/test") == ["anna_99.jpg"]
    await world.sidecar.close()
    restore(settings_of(root), None, None, lambda _: None)
    clean(root)


async def test_damage_met_on_the_way_stops_the_work_too(root):
    world = World(root)

    def broken(_db):
        problem = sqlite3.DatabaseError("database disk image is malformed")
        problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise problem

    with pytest.raises(LedgerError):
        world.ledger.write(broken)
    with pytest.raises(LedgerError, match="restore"):
        world.ledger.write(lambda _: None)
    await world.sidecar.close()


# --- backups ---------------------------------------------------------------------------------


async def test_a_damaged_ledger_replaces_no_good_backup(root):
    world = World(root)
    kept = backups(f"{root}/backup")
    world.ledger.write(lambda _: None)
    with closing(sqlite3.connect(f"{root}/smartsort.db", isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    junk_in_the_middle(f"{root}/smartsort.db")
    world.context.clock.now = lambda: NOW + timedelta(days=2)
    for _ in range(3):
        with pytest.raises(LedgerError):
            await Backups(world.context, f"{root}/backup", 1.0, 1).step()
    assert backups(f"{root}/backup") == kept
    world.ledger.damaged = "known"
    close_world(world)


def test_the_newest_sound_backup_is_taken_when_newer_ones_are_damaged(root):
    for hours in (1, 2):
        path = backup(f"{root}/smartsort.db", f"{root}/backup", NOW + timedelta(hours=hours))
        zeroed_page(path)
    assert newest_sound(f"{root}/backup").endswith("smartsort-20260102T030405Z.db")
    used, _, _ = restore(settings_of(root), None, None, lambda _: None)
    assert used.endswith("smartsort-20260102T030405Z.db")
    clean(root)


# --- a hundred flipped bits ------------------------------------------------------------------


def contents(path):
    """Every value of every table, by place."""
    found = {}
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            name = table.decode()
            columns = [r[1].decode() for r in db.execute(f"PRAGMA table_info({name})")]
            for number, row in enumerate(db.execute(f"SELECT * FROM {name}")):
                found |= {(name, number, c): value for c, value in zip(columns, row, strict=True)}
    return found


_SAYS_NOTHING = {
    *("decisions", "policies", "daily_totals", "embeddings", "galleries"),
    *("picture_hashes", "picture_hash_parts"),
    *("spot_checks", "feedback", "told", "submissions", "idempotency", "outbox", "sqlite_sequence", "facts"),
    *("downloads", "review_queue", "_sqlite_migrations", "shards"),
}
"""Tables of explanations, totals and notes: no file goes anywhere because of one letter in them."""

_ABOUT_FILES = {
    ("photos", c) for c in ("id", "state", "sha256", "shard", "duplicate_of", "size", "mtime_ns", "category")
} | {("names", c) for c in ("id", "photo_id", "area", "path", "member", "sha256", "size", "mtime_ns")}
"""Columns that tell where a file is and what it holds."""


def outcome(root, whole):
    """How a flip shows: at the start, in the full check, in the audit, not at all, or as what it changed."""
    path = f"{root}/smartsort.db"
    if quick_problem(path, 60.0) is not None:
        return "start"
    if full_problem(path) is not None:
        return "full check"
    try:
        Ledger(path).close()
        if Audit(Layout(root)).run().weight is not Weight.CLEAN:
            return "audit"
        now = contents(path)
    except (LedgerError, sqlite3.DatabaseError):
        return "error"
    if now == whole:
        return "nothing changed"
    places = {(table, column) for table, row, column in now.keys() | whole.keys()
              if now.get((table, row, column)) != whole.get((table, row, column))}  # fmt: skip
    if places & _ABOUT_FILES:
        return f"UNNOTICED {sorted(places)}"
    return "about no file"


def test_a_hundred_flipped_bits_are_noticed_or_harmless(root, capsys):
    path = f"{root}/smartsort.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = contents(path)
    with open(path, "rb") as file:
        sound = file.read()
    rng = random.Random(int(os.environ.get("SMARTSORT_TEST_SEED", "17")))
    found = Counter()
    for _ in range(FLIPS):
        at, bit = rng.randrange(len(sound)), rng.randrange(8)
        for ending in ("-wal", "-shm"):
            if os.path.exists(f"{path}{ending}"):
                os.unlink(f"{path}{ending}")
        flipped = bytearray(sound)
        flipped[at] ^= 1 << bit
        with open(path, "wb") as file:
            file.write(flipped)
        found[outcome(root, whole)] += 1
    if os.environ.get("SMARTSORT_TEST_REPORT"):
        print(f"{FLIPS} flips in {len(sound):,} bytes: {dict(found)}")
    assert not [what for what in found if what.startswith("UNNOTICED")], found
    assert found.total() == FLIPS
