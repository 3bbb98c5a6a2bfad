"""The doctor against the demo Immich: all green, and with each fault one red line that names the remedy."""

from __future__ import annotations

import errno
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.faulty_demo import DemoImmich, serve

from smartsort.api.schemas.state import DoctorReport
from smartsort.bootstrap import open_sidecar
from smartsort.config import Settings, load_settings
from smartsort.demo.settings import DemoKey, DemoSettings
from smartsort.doctor import examine, folder_checks
from smartsort.doctor.permissions import EXTRAS, NEEDS, Key
from smartsort.files.disk import Disk
from smartsort.files.space import Space
from smartsort.immich import ImmichServer

pytestmark = pytest.mark.usefixtures("unhurried_doctor")

MOUNT = "/mnt/smartsort/library"
SECRET = "k3y-that-nobody-may-see"
ADMIN_SECRET = "adm1n-key-that-nobody-may-see"
OWNER_NEEDS = tuple(need.permission for need in NEEDS if need.key is Key.OWNER)
ADMIN_NEEDS = tuple(need.permission for need in NEEDS if need.key is Key.ADMIN)
EVERY_SWITCH = {
    "immich.archive_unwanted": True,
    "immich.album_per_person": True,
    "deduplication.near_duplicates": True,
}


async def no_wait(_seconds: float) -> None:
    return None


@dataclass
class Ward:
    """A prepared root beside a demo Immich; a fault changes something of it."""

    root: Path
    demo: DemoImmich
    ml: DemoImmich
    values: dict[str, Any]
    disk: Disk | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def settings(self) -> Settings:
        return load_settings(None, env={}, overrides=self.values)

    async def examine(self) -> DoctorReport:
        return await examine(self.settings, disk=self.disk, now=self.now, sleep=no_wait)

    def grant(self, *permissions: str, secret: str = SECRET) -> None:
        self.demo.state.keys[secret].permissions = permissions

    def without(self, permission: str) -> None:
        self.grant(*(each for each in (*OWNER_NEEDS, *ADMIN_NEEDS, *EXTRAS) if each != permission))

    def failing(self, number: int, *steps: str) -> None:
        def checkpoint(step: str) -> None:
            if step in steps:
                raise OSError(number, errno.errorcode[number])

        self.disk = Disk(checkpoint)

    def add_library(self, name: str, path: str, owner: str = "admin") -> None:
        self.demo.state.add_library(self.demo.state.users[owner].id, name, [path], [])


@asynccontextmanager
async def ward(root: Path, **changes: Any) -> AsyncIterator[Ward]:
    """All green: every permission and no more, the library made, the root prepared."""
    (root / "library").mkdir(parents=True)
    settings = DemoSettings(
        profile="instant",
        mounts={MOUNT: root / "library"},
        keys=(DemoKey(SECRET, (*OWNER_NEEDS, *ADMIN_NEEDS, *EXTRAS)),),
    )
    settings = replace(settings, **changes)
    ml = DemoImmich(DemoSettings(profile="instant", machine_learning=True))
    async with serve(DemoImmich(settings)) as server, serve(ml) as service:
        values = {
            "root": str(root),
            "immich.url": server.url,
            "immich.api_key": SECRET,
            "immich.library_path": MOUNT,
            "immich.ml_url": service.url,
            **EVERY_SWITCH,
        }
        if len(settings.keys) > 1:
            values["immich.admin_api_key"] = ADMIN_SECRET
        made = Ward(root, server.demo, ml, values)
        sidecar = open_sidecar(made.settings)
        await sidecar.close()
        immich = made.settings.immich
        admin = immich.admin_api_key.get_secret_value() if immich.admin_api_key else ""
        (root / "library" / "shard-0001").mkdir()
        async with ImmichServer(server.url, SECRET, admin_api_key=admin) as client:
            if server.demo.state.keys[admin or SECRET].user.is_admin:
                await client.create_library("smartsort 1", f"{MOUNT}/shard-0001")
        yield made


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Ward]:
    async with ward(tmp_path / "root") as made:
        yield made


def red(report: DoctorReport) -> dict[str, str]:
    """The lines that are not fine, with what they say to do."""
    return {c.name: c.remedy for c in report.checks if c.verdict in ("warning", "broken")}


@pytest.mark.parametrize("version", ["2.5.6", "3.1.0"])
async def test_all_green(tmp_path: Path, version: str) -> None:
    async with ward(tmp_path / "root", version=version) as patient:
        report = await patient.examine()
        assert {c.name: c.verdict for c in report.checks if c.verdict != "ok"} == {}
        assert report.status == "ok"
        assert {f"permission {name}" for name in (*OWNER_NEEDS, *ADMIN_NEEDS)} < {
            c.name for c in report.checks
        }
        assert list(patient.root.rglob("*.probe")) == []
        assert patient.demo.state.libraries.popitem()[1].import_paths == [f"{MOUNT}/shard-0001"]
        documented = (Path(__file__).parents[2] / "sidecar/docs/reference/doctor.md").read_text()
        for check in report.checks:
            assert check.name.startswith("permission ") or f"`{check.name}`" in documented, check.name


async def test_two_keys_are_green_too(tmp_path: Path) -> None:
    keys = (
        DemoKey(SECRET, OWNER_NEEDS, "owner"),
        DemoKey(ADMIN_SECRET, (*ADMIN_NEEDS, "user.read", *EXTRAS), "admin"),
    )
    async with ward(tmp_path / "root", keys=keys) as patient:
        report = await patient.examine()
        assert red(report) == {}
        patient.grant(*ADMIN_NEEDS, "user.read", "asset.read", "user.delete", secret=ADMIN_SECRET)
        report = await patient.examine()
        assert set(red(report)) == {"admin key rights"}
        (line,) = (c for c in report.checks if c.name == "admin key rights")
        assert line.detail == "this key can do more than smartsort needs: user.delete, asset.read"
        patient.demo.state.keys[ADMIN_SECRET].revoked = True
        assert set(red(await patient.examine())) == {"admin key"}


Fault = Callable[[Ward], object]


def set_(key: str, value: Any) -> Fault:
    return lambda patient: patient.values.update({key: value})


def fault(name: str, value: Any) -> Fault:
    return lambda patient: setattr(patient.demo.faults, name, value)


def lose_sentinel(patient: Ward) -> None:
    (patient.root / "library" / ".smartsort-root").unlink()


def spoil_ledger(patient: Ward) -> None:
    ledger = patient.root / "smartsort.db"
    content = bytearray(ledger.read_bytes())
    content[4096 : 4096 * 6] = b"\xff" * 4096 * 5
    ledger.write_bytes(content)


FAULTS: list[tuple[str, Fault, str, str]] = [
    ("bad key", set_("immich.api_key", "wrong"), "key", "Make a new key"),
    ("no answer", fault("down", True), "server", "Check that it is running"),
    (
        "a page",
        lambda p: p.demo.faults.add("/api/server/*", "html"),
        "server",
        "whether a proxy or a log-in page answers",
    ),
    (
        "wrong library path",
        set_("immich.library_path", "/mnt/nowhere"),
        "library path",
        "immich.library_path",
    ),
    ("read-only root", lambda p: p.failing(errno.EROFS, "create", "mkdir"), "root", "read-write"),
    ("root not ours to write", lambda p: p.failing(errno.EACCES, "create"), "root", "access"),
    ("root gone", lambda p: shutil.rmtree(p.root), "root", "Mount its disk"),
    ("another disk", lose_sentinel, "root", "Is its disk mounted?"),
    ("no hard links", lambda p: p.failing(errno.EPERM, "link"), "hard links", "one file system"),
    ("old version", fault("version", "2.3.1"), "version", "Update Immich to 2.5"),
    ("new version", fault("version", "4.0.0"), "version", "update of smartsort"),
    (
        "ML down",
        lambda p: setattr(p.ml.faults, "down", True),
        "machine learning",
        "machine learning container",
    ),
    ("recognition off", fault("face_recognition_off", True), "face recognition", "Switch it on"),
    ("paused", lambda p: p.demo.engine.pause("faceDetection", paused=True), "queues", "Resume"),
    (
        "clock",
        lambda p: setattr(p, "now", lambda: datetime.now(UTC) + timedelta(minutes=5)),
        "clock",
        "NTP",
    ),
    ("may delete", lambda p: p.grant(*OWNER_NEEDS, *ADMIN_NEEDS, "asset.delete"), "key rights", "only"),
    ("may do all", lambda p: p.grant("all"), "key rights", "only"),
    (
        "two libraries",
        lambda p: p.add_library("again", f"{MOUNT}/shard-0001/"),
        "library",
        "Delete all but one",
    ),
    ("no library", lambda p: p.demo.state.libraries.clear(), "library", "at its next start"),
    ("faces covered", lambda p: p.add_library("x", str(p.root / "faces")), "other libraries", "import path"),
    ("root covered", lambda p: p.add_library("x", str(p.root)), "other libraries", "import path"),
    ("library covered", lambda p: p.add_library("x", MOUNT), "other libraries", "import path"),
    ("inside", lambda p: p.add_library("x", f"{MOUNT}/shard-0001/aa"), "other libraries", "import path"),
    ("import path gone", lambda p: (p.root / "library/shard-0001").rename(p.root / "x"), "", ""),
    ("ledger damaged", spoil_ledger, "ledger", "restore"),
    ("no settings", lambda p: p.values.pop("immich.url"), "server", "smartsort setup"),
]


@pytest.mark.parametrize(("switch", "line", "remedy"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_one_fault_turns_one_line_red(patient: Ward, switch: Fault, line: str, remedy: str) -> None:
    switch(patient)
    report = await patient.examine()
    found = red(report)
    assert set(found) == ({line} if line else set()), report
    assert remedy in found.get(line, "")
    assert report.status != "ok" or not line
    assert SECRET not in report.model_dump_json()


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.permission)
async def test_each_missing_permission_is_named(patient: Ward, need: Any) -> None:
    patient.without(need.permission)
    report = await patient.examine()
    found = red(report)
    assert set(found) == {f"permission {need.permission}"}
    assert f"Add {need.permission} to the key" in found[f"permission {need.permission}"]
    (line,) = (c for c in report.checks if c.name == f"permission {need.permission}")
    assert need.without in line.detail
    assert report.status == ("broken" if need.stops else "degraded")


async def test_permissions_of_what_is_off_are_not_asked_for(patient: Ward) -> None:
    for key in EVERY_SWITCH:
        del patient.values[key]
    patient.values["immich.trigger_scan"] = False
    always = {need.permission for need in NEEDS if not need.settings}
    patient.grant(*always)
    assert red(await patient.examine()) == {}
    patient.values["immich.archive_unwanted"] = True
    assert set(red(await patient.examine())) == {"permission asset.update"}


async def test_the_wrong_folder_is_told_from_no_folder(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with ward(tmp_path / "root", mounts={MOUNT: other}) as patient:
        report = await patient.examine()
    (line,) = (c for c in report.checks if c.name == "library path")
    assert line.verdict == "broken"
    assert "another folder" in line.detail


async def test_an_owner_without_an_administrator(tmp_path: Path) -> None:
    keys = (DemoKey(SECRET, (*OWNER_NEEDS, *ADMIN_NEEDS), "owner"),)
    async with ward(tmp_path / "root", keys=keys) as patient:
        report = await patient.examine()
    assert set(red(report)) == {"administrator"}
    (line,) = (c for c in report.checks if c.name == "administrator")
    assert "Review, approving and undo work" in line.detail
    skipped = {c.name for c in report.checks if c.verdict == "skipped"}
    assert {"library", "library path", "queues", "permission queue.read"} <= skipped


async def test_a_library_of_somebody_else(patient: Ward) -> None:
    patient.demo.state.libraries.clear()
    patient.add_library("smartsort 1", f"{MOUNT}/shard-0001", "owner")
    report = await patient.examine()
    assert set(red(report)) == {"library"}
    assert "Use a key of its owner" in red(report)["library"]


async def test_immichs_own_watcher_is_told_about(tmp_path: Path) -> None:
    async with ward(tmp_path / "root", watch_libraries=True) as patient:
        found = red(await patient.examine())
        assert set(found) == {"library watcher"}
        assert "Switch it off" in found["library watcher"]
        patient.without("systemConfig.read")
        report = await patient.examine()
    assert red(report) == {}
    (line,) = (c for c in report.checks if c.name == "library watcher")
    assert (line.verdict, "Look yourself" in line.remedy) == ("skipped", True)


async def test_faces_from_files_are_told_about(tmp_path: Path) -> None:
    async with ward(tmp_path / "root", people_from_regions=True) as patient:
        assert set(red(await patient.examine())) == {"face recognition"}


async def test_an_operation_that_has_changed(patient: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    description = await _description(patient)
    faces = description["paths"]["/faces"]["get"]["responses"]["200"]
    del faces["content"]["application/json"]["schema"]["items"]["properties"]["boundingBoxX1"]

    async def changed(_server: ImmichServer) -> Any:
        return description

    monkeypatch.setattr(ImmichServer, "description", changed)
    report = await patient.examine()
    assert set(red(report)) == {"API"}
    (line,) = (c for c in report.checks if c.name == "API")
    assert line.verdict == "broken"
    assert "list_faces, [].boundingBoxX1: field missing" in line.detail
    del description["paths"]["/albums"]
    del description["paths"]["/faces"]
    (line,) = (c for c in (await patient.examine()).checks if c.name == "API")
    assert "list_albums" in line.detail


async def _description(patient: Ward) -> Any:
    async with ImmichServer(patient.values["immich.url"], SECRET) as server:
        return await server.description()


async def test_little_space(patient: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_checks, "space", lambda _: Space(500 << 20, 1 << 40, None))
    assert set(red(await patient.examine())) == {"free space"}
    monkeypatch.setattr(folder_checks, "space", lambda _: Space(1 << 20, 1 << 40, 5))
    report = await patient.examine()
    assert report.status == "broken"
    assert "only 5 more files fit" in next(c.detail for c in report.checks if c.name == "free space")


async def test_runs_beside_a_sidecar_and_does_not_take_its_lock(patient: Ward) -> None:
    sidecar = open_sidecar(patient.settings)
    try:
        report = await patient.examine()
        assert red(report) == {}
        (line,) = (c for c in report.checks if c.name == "sidecar")
        assert line.detail.startswith("at work: process")
    finally:
        await sidecar.close()
    (line,) = (c for c in (await patient.examine()).checks if c.name == "sidecar")
    assert line.detail.startswith("none seen at work")
