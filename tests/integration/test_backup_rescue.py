"""The ledger damaged, old or gone: backups, restore, rebuild."""

# ruff: noqa: ASYNC230, ASYNC240 - small files of the test's own

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from tests.faults.deliveries import Stock, judge
from tests.faults.world import world

from smartsort import bootstrap
from smartsort.actions import PersonSelector
from smartsort.audit import Audit, Weight
from smartsort.cli.main import cli
from smartsort.config import load_settings
from smartsort.errors import LedgerError
from smartsort.files.layout import Layout
from smartsort.immich import ImmichServer
from smartsort.ledger import backup as ledger_backup
from smartsort.ledger.backup import GivenUp, backup, backups, made_at, thin_out
from smartsort.ledger.database import Ledger
from smartsort.ledger.integrity import full_problem
from smartsort.pipeline.engine.upkeep import Backups
from smartsort.rescue.rebuild import rebuild, restore

COUNT = 30
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    made = Stock(str(tmp_path_factory.mktemp("stock")))
    made.make(COUNT)
    return made


def clean(root):
    report = Audit(Layout(root)).run()
    assert report.weight is Weight.CLEAN, [(f.code, f.what) for f in report.findings]


def settings(root, url="http://127.0.0.1:9"):
    from tests.faults.running import settings_for

    return load_settings(None, env={}, overrides=settings_for(root, url))


def rows(root, sql):
    with closing(sqlite3.connect(os.path.join(root, "smartsort.db"))) as db:
        return db.execute(sql).fetchall()


STATES = "SELECT state, category, person_name, sha256 FROM photos ORDER BY 4, 1, 2"


def server(here):
    return ImmichServer(here.url, here.demo.key)


def test_a_backup_is_whole_beside_a_writer_and_old_ones_go(tmp_path):
    with Ledger(str(tmp_path / "l.db")) as ledger:
        for number in range(30):
            ledger.write(lambda db, n=number: db.conn.execute("INSERT INTO facts VALUES (?, '1')", (str(n),)))
            if number % 5 == 4:
                path = backup(ledger.path, str(tmp_path / "backup"), NOW + timedelta(hours=number))
                with closing(sqlite3.connect(path)) as db:
                    assert db.execute("SELECT count(*) FROM facts").fetchone()[0] == number + 1
    kept = backups(str(tmp_path / "backup"))
    assert len(kept) == 6
    assert made_at(kept[0]) == NOW + timedelta(hours=29)
    thin_out(str(tmp_path / "backup"), 2)
    assert backups(str(tmp_path / "backup")) == kept[:2]
    assert os.listdir(tmp_path / "backup") != []


def test_a_backup_is_of_one_instant_although_writes_come_in_its_middle(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_backup, "_PAGES", 1)
    with Ledger(str(tmp_path / "l.db")) as ledger:

        def write_on():
            ledger.write(lambda db: db.conn.execute("INSERT INTO facts VALUES (hex(randomblob(8)), '1')"))
            return False

        write_on()
        path = backup(ledger.path, str(tmp_path / "backup"), NOW, give_up=write_on)
        assert ledger.read(lambda db: db.conn.execute("SELECT count(*) FROM facts").fetchone()[0]) > 20
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM facts").fetchone()[0] == 1


@pytest.mark.parametrize("asked", [1, 10, "in the check"])
def test_a_backup_that_is_given_up_leaves_nothing(tmp_path, monkeypatch, asked):
    monkeypatch.setattr(ledger_backup, "_PAGES", 1)
    checking = []
    checked = full_problem
    monkeypatch.setattr(
        ledger_backup, "full_problem", lambda *a, **more: checking.append(1) or checked(*a, **more)
    )
    times = []

    def give_up():
        times.append(1)
        return bool(checking) if asked == "in the check" else len(times) >= asked

    with Ledger(str(tmp_path / "l.db")) as ledger:
        rows = [(f"f{n}", '"x"') for n in range(50_000)]
        ledger.write(lambda db: db.conn.executemany("INSERT INTO facts VALUES (?, ?)", rows))
        with pytest.raises(GivenUp):
            backup(ledger.path, str(tmp_path / "backup"), NOW, give_up=give_up)
    assert os.listdir(tmp_path / "backup") == []


async def test_a_stop_does_not_wait_for_a_backup(tmp_path):
    async with world(str(tmp_path / "root")) as here:
        sidecar = await here.start()
        folder = str(tmp_path / "backup")
        await Backups(sidecar.context, folder, 1.0, 2, stopping=lambda: True).step()
        assert os.listdir(folder) == []


async def test_the_schedule(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "LATER_SECONDS", 0.1)
    async with world(str(tmp_path / "root")) as here:
        sidecar = await here.start()
        folder = os.path.join(here.root, "backup")
        assert await here.until(lambda: backups(folder))
        stage = Backups(sidecar.context, folder, 1.0, 2)
        seconds = await stage.step()
        assert 3000 < seconds <= 3600
        assert len(backups(folder)) == 1
        now = datetime.now(UTC)
        sidecar.context.clock.now = lambda: now + timedelta(hours=2)
        await stage.step()
        assert len(backups(folder)) == 2


def test_a_migration_is_preceded_by_a_copy(tmp_path):
    path = str(tmp_path / "old.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE downloads (id INTEGER PRIMARY KEY, file_hash TEXT)")
        db.execute("INSERT INTO downloads (file_hash) VALUES ('abc')")
        db.commit()
    Ledger(path).close()
    [copy] = backups(str(tmp_path / "backup"))
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT file_hash FROM downloads").fetchall() == [("abc",)]
        assert len(db.execute("PRAGMA table_info(downloads)").fetchall()) == 2
    Ledger(path).close()
    assert len(backups(str(tmp_path / "backup"))) == 1


async def test_a_lost_ledger_is_rebuilt_from_the_folders(tmp_path, stock):
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        stock.deliver(stock.deliveries, here.inbox)
        await here.sorted(len(stock.deliveries))
        sidecar = here.sidecar
        [rejected] = rows(here.root, "SELECT id FROM photos WHERE state = 'filed' LIMIT 1")[0]
        await sidecar.actions.reject([rejected], "me", expect=("filed",))
        await here.stop()
        before = rows(here.root, STATES)
        assets = rows(
            here.root, "SELECT sha256, asset_id FROM photos WHERE state IN ('filed', 'review') ORDER BY 1, 2"
        )
        for name in os.listdir(here.root):
            if name.startswith("smartsort.db"):
                os.unlink(os.path.join(here.root, name))
        kept, adopted = await asyncio.to_thread(rebuild, here.settings, server(here), lambda _: None)
        assert kept is None
        assert adopted.adopted == len(before)
        assert rows(here.root, STATES) == before
        assert (
            rows(
                here.root,
                "SELECT sha256, asset_id FROM photos WHERE state IN ('filed', 'review') ORDER BY 1, 2",
            )
            == assets
        )
        clean(here.root)
        assert rows(here.root, "SELECT DISTINCT source, origin FROM photos") == [("rebuild", "rebuild")]
        # It goes on: what is known is known as a duplicate, and nothing that lies there is taken again.
        scans = len(before)
        await here.start()
        stock.deliver(stock.deliveries[:3], here.inbox)
        await here.sorted(scans + 3)
        await here.stop()
        clean(here.root)


async def test_rebuild_without_immich_is_completed_by_the_next_start(tmp_path, stock, monkeypatch):
    monkeypatch.setattr(bootstrap, "LATER_SECONDS", 0.1)
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        stock.deliver(stock.deliveries, here.inbox)
        await here.sorted(len(stock.deliveries))
        await here.stop()
        before = rows(here.root, STATES)
        await asyncio.to_thread(rebuild, here.settings, None, lambda _: None)
        clean(here.root)
        missing = "SELECT count(*) FROM photos WHERE shard IS NOT NULL AND asset_id IS NULL"
        assert rows(here.root, missing)[0][0] > 0
        await here.start()
        assert await here.until(lambda: rows(here.root, missing) == [(0,)])
        await here.stop()
        assert [r[0] for r in rows(here.root, STATES)] == [r[0] for r in before]
        clean(here.root)


@pytest.mark.parametrize("moment", ["early", "in the middle"])
async def test_a_backup_that_is_behind_the_disk(tmp_path, stock, moment):
    """What came, was filed, re-filed or rejected since the backup is found again."""
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        half = len(stock.deliveries) // 2
        stock.deliver(stock.deliveries[:half], here.inbox)
        if moment == "early":
            await here.sorted(half)
        else:
            await here.until(lambda: rows(here.root, "SELECT count(*) FROM photos")[0][0] > 2)
        path = backup(os.path.join(here.root, "smartsort.db"), str(tmp_path / "kept"), NOW)
        stock.deliver(stock.deliveries[half:], here.inbox)
        await here.sorted(len(stock.deliveries))
        filed = [r[0] for r in rows(here.root, "SELECT id FROM photos WHERE state = 'filed' ORDER BY id")]
        await here.sidecar.actions.reject(filed[:1], "me", expect=("filed",))
        await here.sidecar.actions.refile(
            filed[1:2], [PersonSelector(name="John Doe"), PersonSelector(name="Zoë")], "me"
        )
        await here.stop()
        before = [(s, c, sha) for s, c, _, sha in rows(here.root, STATES)]
        used, kept, _ = await asyncio.to_thread(restore, here.settings, path, server(here), lambda _: None)
        assert used == path
        assert os.path.exists(kept)
        clean(here.root)
        await here.start()
        await here.sorted(len(stock.deliveries))
        await here.stop()
        assert [(s, c, sha) for s, c, _, sha in rows(here.root, STATES)] == before
        clean(here.root)
        verdict = judge(here.root, stock.deliveries)
        assert not verdict.lost
        assert not verdict.doubled


async def test_restore_refuses_while_smartsort_runs_and_damaged_files(tmp_path):
    async with world(str(tmp_path / "root")) as here:
        await here.start()
        path = backup(os.path.join(here.root, "smartsort.db"), str(tmp_path / "kept"), NOW)
        arguments = ["--root", here.root]
        result = CliRunner().invoke(cli, ["restore", *arguments, path])
        assert "in use by another smartsort" in str(result.exception)
        assert "in use by another smartsort" in str(
            CliRunner().invoke(cli, ["rebuild", *arguments, "--force"]).exception
        )
        await here.stop()
        junk = str(tmp_path / "junk.db")
        with open(path, "rb") as file:
            data = file.read()
        with open(junk, "wb") as file:
            file.write(data[:4096] + os.urandom(len(data) - 4096))
        with pytest.raises(LedgerError):
            await asyncio.to_thread(restore, here.settings, junk, None, lambda _: None)
        clean(here.root)


def test_commands(tmp_path, stock):
    root = str(tmp_path / "root")
    os.makedirs(f"{root}/faces/john_doe")
    shutil.copy(stock.deliveries[0].stock, f"{root}/faces/john_doe/a.jpg")
    run = CliRunner()
    result = run.invoke(cli, ["rebuild", "--root", root])
    assert result.exit_code == 0, result.output
    assert "1 new photos" in result.output
    assert run.invoke(cli, ["rebuild", "--root", root]).exit_code == 2
    assert run.invoke(cli, ["audit", "--root", root]).exit_code == 0
    backup(f"{root}/smartsort.db", f"{root}/backup", NOW)
    assert "smartsort-20260102T030405Z.db" in run.invoke(cli, ["restore", "--list", "--root", root]).output
    result = run.invoke(cli, ["restore", "--root", root])
    assert result.exit_code == 0, result.output
    assert run.invoke(cli, ["audit", "--root", root]).exit_code == 0
