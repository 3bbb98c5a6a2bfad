"""What people do to the files by hand, and what the audit makes of it."""

# ruff: noqa: ASYNC230, ASYNC240 - small files of the test's own

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner
from tests.faults.deliveries import XMP
from tests.faults.world import world

from smartsort.audit import Audit, Code, Weight
from smartsort.audit.repair import Repair
from smartsort.cli.main import cli
from smartsort.demo.samples import make_samples
from smartsort.files.layout import Layout
from smartsort.lock import RootLock, holder_of
from smartsort.rescue.offline import offline_context

COUNT = 40


@pytest.fixture(scope="module")
def sorted_root(tmp_path_factory):
    """A root with sorted photos; every third has an XMP sidecar."""
    import asyncio

    root = str(tmp_path_factory.mktemp("audit") / "root")

    async def fill() -> None:
        async with world(root) as here:
            samples = make_samples(here.inbox, COUNT, size=(120, 90), reuse_drawings=True)
            for number, sample in enumerate(samples):
                path = os.path.join(here.inbox, f"{sample.path}.xmp")
                if number % 3 == 0 and not os.path.exists(path):
                    with open(path, "w") as file:
                        file.write(XMP.format(number))
            await here.start()
            await here.sorted(COUNT)

    asyncio.run(fill())
    return root


@pytest.fixture
def root(sorted_root, tmp_path):
    """A copy, hard links and times kept."""
    copy = str(tmp_path / "root")
    inodes: dict[int, str] = {}
    for place, _, names in os.walk(sorted_root):
        target = os.path.join(copy, os.path.relpath(place, sorted_root))
        os.makedirs(target, exist_ok=True)
        for name in names:
            source, made = os.path.join(place, name), os.path.join(target, name)
            first = inodes.setdefault(os.lstat(source).st_ino, made)
            shutil.copy2(source, made) if first == made else os.link(first, made)
    return copy


def audit(root, *, quick=False):
    return Audit(Layout(root), quick=quick).run()


def codes(report):
    return sorted({f.code for f in report.findings})


def repair(root, report, **arguments):
    from smartsort.config import load_settings

    settings = load_settings(None, env={}, overrides={"root": root})
    with offline_context(settings) as context:
        return Repair(context, **arguments).run(report)


def ask(root, sql, *values):
    with closing(sqlite3.connect(os.path.join(root, "smartsort.db"))) as db:
        rows = db.execute(sql, values).fetchall()
        db.commit()
        return rows


def filed(root, number=0, xmp=False):
    """(photo id, path below the root) of a photo filed under a person."""
    rows = ask(
        root,
        "SELECT photo_id, path FROM names WHERE area = 'faces' AND member = 'photo' AND photo_id"
        f" {'' if xmp else 'NOT'} IN (SELECT photo_id FROM names WHERE member = 'xmp') ORDER BY photo_id",
    )
    return rows[number][0], os.path.join(root, "faces", rows[number][1])


def mended(root, expected: set[Code]):
    for quick in (True, False):
        report = audit(root, quick=quick)
        assert set(codes(report)) == expected
        assert report.weight is Weight.DRIFT
    assert repair(root, report) == len(report.findings)
    after = audit(root)
    assert after.weight is Weight.CLEAN, [f.what for f in after.findings]
    return after


def test_clean(root):
    for quick in (True, False):
        report = audit(root, quick=quick)
        assert report.weight is Weight.CLEAN, [(f.code, f.what) for f in report.findings]
        assert report.photos == COUNT
        assert report.running is None


def test_deleted_link_is_made_again(root):
    _, path = filed(root)
    os.unlink(path)
    mended(root, {Code.MISSING})
    assert os.path.exists(path)


def test_deleted_library_file_is_made_again_as_the_same_file(root):
    photo, path = filed(root)
    [(library,)] = ask(root, "SELECT path FROM names WHERE photo_id = ? AND area = 'library'", photo)
    os.unlink(os.path.join(root, "library", library))
    mended(root, {Code.MISSING})
    assert os.path.samefile(path, os.path.join(root, "library", library))
    assert ask(root, "SELECT kind FROM outbox WHERE kind = 'scan'")


def test_renamed_link_is_followed_with_its_sidecar(root):
    photo, path = filed(root, xmp=True)
    new = os.path.join(os.path.dirname(path), "holiday.jpg")
    os.rename(path, new)
    os.rename(f"{path}.xmp", f"{new}.xmp")
    report = audit(root)
    assert Code.MOVED in codes(report)
    repair(root, report)
    assert audit(root).weight is Weight.CLEAN
    assert os.path.exists(new)
    assert not os.path.exists(path)
    assert ask(root, "SELECT count(*) FROM names WHERE photo_id = ? AND path LIKE '%holiday%'", photo) == [
        (2,)
    ]


def test_moved_to_another_person_is_the_users_word(root):
    photo, path = filed(root)
    os.makedirs(os.path.join(root, "faces", "somebody_new"))
    os.rename(path, os.path.join(root, "faces", "somebody_new", os.path.basename(path)))
    report = audit(root)
    repair(root, report)
    assert audit(root).weight is Weight.CLEAN
    assert ask(root, "SELECT person_name, auto_sorted FROM photos WHERE id = ?", photo) == [
        ("somebody_new", 0)
    ]


def test_dragged_from_review_to_a_person_is_approved(root):
    [(photo, relative)] = ask(
        root,
        "SELECT photo_id, path FROM names WHERE area = 'review' AND member = 'photo' AND photo_id NOT IN"
        " (SELECT photo_id FROM names WHERE member = 'xmp') LIMIT 1",
    )
    os.rename(os.path.join(root, "review", relative), os.path.join(root, "faces", "john_doe", "mine.jpg"))
    repair(root, audit(root))
    assert audit(root).weight is Weight.CLEAN
    assert ask(root, "SELECT state, person_name FROM photos WHERE id = ?", photo) == [("filed", "John Doe")]
    assert ask(root, "SELECT action FROM review_queue WHERE photo_id = ?", photo) == [("approved",)]


def test_edited_in_place_is_known_as_it_is_now(root):
    photo, path = filed(root)
    with open(path, "ab") as file:
        file.write(b"more")
    mended(root, {Code.EDITED})
    assert ask(root, "SELECT size FROM photos WHERE id = ?", photo) == [(os.stat(path).st_size,)]


def test_touched_is_only_a_time(root):
    _, path = filed(root)
    os.utime(path, (1, 1))
    report = audit(root)
    assert codes(report) == [Code.TOUCHED]
    repair(root, report)
    assert audit(root).weight is Weight.CLEAN


def test_an_editor_that_replaces_the_file_loses_neither(root):
    photo, path = filed(root)
    with open(path, "rb") as file:
        old = file.read()
    os.unlink(path)
    with open(path, "wb") as file:
        file.write(old + b"edited")
    mended(root, {Code.REPLACED})
    with open(path, "rb") as file:
        assert file.read() == old + b"edited"
    names = ask(root, "SELECT path FROM names WHERE photo_id = ? AND area = 'faces'", photo)
    with open(os.path.join(root, "faces", names[0][0]), "rb") as file:
        assert file.read() == old


def test_a_backup_put_back_without_hard_links(root):
    _, path = filed(root)
    shutil.copy2(path, f"{path}.new")
    os.replace(f"{path}.new", path)
    mended(root, {Code.UNLINKED})


def test_bit_rot_is_a_loss_and_only_the_full_audit_sees_it(root):
    _, path = filed(root)
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert audit(root, quick=True).weight is Weight.CLEAN
    report = audit(root)
    assert codes(report) == [Code.CORRUPT]
    assert report.weight is Weight.LOSS


def test_gone_everywhere_is_a_loss_until_accepted(root):
    photo, path = filed(root)
    [(library,)] = ask(root, "SELECT path FROM names WHERE photo_id = ? AND area = 'library'", photo)
    kept = f"{root}/../kept"
    os.link(path, kept)
    os.unlink(path)
    os.unlink(os.path.join(root, "library", library))
    report = audit(root)
    assert (codes(report), report.weight) == ([Code.LOST], Weight.LOSS)
    assert repair(root, report) == 0
    os.link(kept, os.path.join(root, "faces", "john_doe", "found again.jpg"))
    report = audit(root)
    repair(root, report)
    repair(root, audit(root))
    assert audit(root).weight is Weight.CLEAN
    for place in (
        os.path.join(root, "faces", "john_doe", "found again.jpg"),
        os.path.join(root, "library", library),
    ):
        os.unlink(place)
    report = audit(root)
    assert repair(root, report, accept_loss=True) == 1
    assert audit(root).weight is Weight.CLEAN
    assert ask(root, "SELECT state FROM photos WHERE id = ?", photo) == [("purged",)]


def test_strangers_are_reported_and_left_alone(root):
    for place in ("faces/john_doe", "library", "review", "trash", "temp_downloads"):
        with open(os.path.join(root, place, "what.jpg"), "wb") as file:
            file.write(b"is this")
    os.symlink("/etc", os.path.join(root, "faces", "link"))
    with open(os.path.join(root, "faces", ".DS_Store"), "wb"):
        pass
    report = audit(root)
    assert codes(report) == [Code.UNKNOWN]
    assert len(report.findings) == 6
    assert repair(root, report) == 0
    assert os.path.exists(os.path.join(root, "faces/john_doe/what.jpg"))


def test_a_link_somebody_made_to_another_person_counts(root):
    photo, path = filed(root)
    os.makedirs(os.path.join(root, "faces", "friend"))
    os.link(path, os.path.join(root, "faces", "friend", "both.jpg"))
    mended(root, {Code.EXTRA_LINK})
    assert len(ask(root, "SELECT 1 FROM names WHERE photo_id = ? AND area = 'faces'", photo)) == 2


def test_two_photos_on_one_file_are_noticed(root):
    (_, first), (_, second) = filed(root, 0), filed(root, 1)
    os.unlink(second)
    os.link(first, second)
    assert {Code.REPLACED, Code.SHARED} & set(codes(audit(root)))


def test_rows_of_the_source_documents_tables(root):
    ask(root, "UPDATE review_queue SET file_path = '/elsewhere.jpg' WHERE id = 1")
    ask(root, "UPDATE downloads SET file_hash = 'x' WHERE id = 3")
    mended(root, {Code.REVIEW_ROW, Code.DOWNLOAD_ROW})


@pytest.mark.parametrize("how", ["changed", "dropped", "cut off"])
def test_a_changed_history_is_noticed(root, how):
    ask(root, "DROP TRIGGER events_no_update")
    ask(root, "DROP TRIGGER events_no_delete")
    last = ask(root, "SELECT max(id) FROM events")[0][0]
    ask(
        root,
        {
            "changed": "UPDATE events SET actor = 'nobody' WHERE id = 7",
            "dropped": "DELETE FROM events WHERE id = 7",
            "cut off": f"DELETE FROM events WHERE id = {last}",
        }[how],
    )
    assert codes(audit(root)) == [Code.CHAIN]


def test_the_command_tells_by_its_status(root):
    run = CliRunner()
    assert run.invoke(cli, ["audit", "--quick", "--root", root]).exit_code == 0
    _, path = filed(root)
    os.unlink(path)
    result = run.invoke(cli, ["audit", "--json", "--root", root])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["findings"][0]["code"] == "missing"
    result = run.invoke(cli, ["audit", "--repair", "--root", root])
    assert result.exit_code == 1
    assert "mended: linked again" in result.stdout
    assert run.invoke(cli, ["audit", "--root", root]).exit_code == 0
    assert run.invoke(cli, ["audit", "--root", f"{root}/nowhere"]).exit_code == 3


def test_another_root_is_not_looked_at(root):
    os.rename(os.path.join(root, "library"), os.path.join(root, "away"))
    os.makedirs(os.path.join(root, "library"))
    assert CliRunner().invoke(cli, ["audit", "--root", root]).exit_code == 3


def test_who_asks_for_the_holder_does_not_keep_anybody_out(tmp_path):
    root = str(tmp_path)
    assert holder_of(root) is None
    lock = RootLock(root, "now")
    assert str(os.getpid()) in (holder_of(root) or "")
    lock.close()
    assert holder_of(root) is None


def test_large_ledgers_are_read_in_pages(root, monkeypatch):
    from smartsort.audit import rows

    monkeypatch.setattr(rows, "PAGE", 3)
    report = audit(root)
    assert (report.photos, report.weight) == (COUNT, Weight.CLEAN)


def test_ledger_of_an_old_version_is_no_traceback(root):
    os.unlink(os.path.join(root, "smartsort.db"))
    with closing(sqlite3.connect(os.path.join(root, "smartsort.db"))) as db:
        db.execute("CREATE TABLE downloads (id INTEGER PRIMARY KEY)")
    assert CliRunner().invoke(cli, ["audit", "--root", root]).exit_code == 3
