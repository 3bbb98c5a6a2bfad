"""Pages through gallery-dl and yt-dlp, played by scripts; off unless it is switched on."""

import os
import sys

import pytest
from tests.broken_off import broken_off
from tests.misbehaving_site import open_intake, picture, site

from smartsort.config.service import Downloads as Settings
from smartsort.downloads import gallery, queue
from smartsort.ledger.submissions import SubmissionState

PAGE = b"<!doctype html><html><img src=a.jpg></html>"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Puts programs of these names first: a shell script each, with the target folder in $TARGET."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(queue, "_FIRST_BACKOFF", 0.01)
    monkeypatch.setenv("SMARTSORT_API__TOKEN", "secret")

    def program(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\nTARGET=$PWD\nprintf '%s\\n' \"$@\" > {folder}/{name}.args\n{script}\n")
        path.chmod(0o755)
        return folder / f"{name}.args"

    (folder / "photo").write_bytes(picture(3000, 1))
    (folder / "other").write_bytes(picture(3000, 2))
    program.folder = folder
    return program


def open_with(tmp_path, **download):
    settings = {"gallery": True, "max_retries": 0, **download}
    return open_intake(str(tmp_path / "root"), download=settings)


async def test_each_photo_of_a_page_is_an_item_with_its_source_and_url(tmp_path, programs):
    here = programs.folder
    arguments = programs(
        "gallery-dl",
        f"mkdir sub; cp {here}/photo a.jpg; cp {here}/other sub/b.jpg; echo '{{}}' > a.jpg.json;"
        f" cp {here}/photo half.jpg.part; : > empty.jpg; ln -s /etc/passwd link.jpg",
    )
    intake = open_with(tmp_path)
    async with site() as web:
        url = web.file("/post/1", PAGE, headers={"content-type": "text/html"})
        [item] = await intake.fetch(url, source="blog")
    assert item.state is SubmissionState.ACCEPTED
    assert intake.photos() == [("a.jpg", "blog", "url"), ("b.jpg", "blog", "url")]
    rows = intake.context.ledger.read(
        lambda db: db.conn.execute("SELECT url, parent, state FROM submissions ORDER BY number").fetchall()
    )
    assert rows == [(url, None, "accepted"), (url, item.id, "accepted")]
    assert arguments.read_text().splitlines()[-2:] == ["--", url]
    assert intake.leftovers() == []
    await intake.close()


async def test_what_gallery_dl_does_not_know_goes_to_yt_dlp(tmp_path, programs):
    programs("gallery-dl", "echo '[gallery-dl][error] Unsupported URL http://x/?token=secret' >&2; exit 64")
    programs("yt-dlp", f"cp {programs.folder}/photo clip.jpg")
    intake = open_with(tmp_path)
    async with site() as web:
        [item] = await intake.fetch(web.file("/watch", PAGE))
    assert item.state is SubmissionState.ACCEPTED
    assert intake.photos() == [("clip.jpg", "test", "url")]
    await intake.close()


async def test_a_page_without_photos_says_what_both_said(tmp_path, programs):
    programs("gallery-dl", "echo '[error] Unsupported URL http://x/?token=secret' >&2; exit 64")
    programs("yt-dlp", "exit 1")
    intake = open_with(tmp_path)
    async with site() as web:
        [item] = await intake.fetch(web.file("/watch", PAGE))
    assert item.problem == (
        "download_failed: a web page without photos: gallery-dl: [error] Unsupported URL http://x/; "
        "yt-dlp: found nothing"
    )
    assert intake.leftovers() == []
    await intake.close()


async def test_it_is_off_unless_switched_on_and_needs_the_page_to_be_reachable(tmp_path, programs):
    arguments = programs("gallery-dl", "exit 0")
    programs("yt-dlp", "exit 0")
    intake = open_with(tmp_path, gallery=False)
    async with site() as web:
        [off] = await intake.fetch(web.file("/watch", PAGE))
    await intake.close()
    intake = open_with(tmp_path)
    [refused] = await intake.fetch("http://10.0.0.1/watch")
    assert off.problem == "download_failed: the server sent a web page, not a photo"
    assert "private address" in refused.problem
    assert not arguments.exists()
    await intake.close()


async def test_neither_installed(tmp_path, programs, monkeypatch):
    monkeypatch.setenv("PATH", str(programs.folder))
    intake = open_with(tmp_path)
    async with site() as web:
        [item] = await intake.fetch(web.file("/watch", PAGE))
    assert "neither gallery-dl nor yt-dlp is installed" in item.problem
    await intake.close()


async def test_a_program_that_fills_the_disk_or_hangs_is_killed(tmp_path, programs, monkeypatch):
    monkeypatch.setattr(gallery, "_WATCH_SECONDS", 0.05)
    marker = programs.folder / "still-there"
    programs("gallery-dl", f"head -c 300000 /dev/zero > big; sleep 30; touch {marker}")
    intake = open_with(tmp_path, max_bytes=100_000)
    async with site() as web:
        [item] = await intake.fetch(web.file("/watch", PAGE))
        assert "larger than 100,000 bytes" in item.problem
        assert intake.leftovers() == []
        await intake.close()
        programs("gallery-dl", f"sleep 30; touch {marker}")
        intake = open_with(tmp_path, timeout_seconds=0.5)
        [item] = await intake.fetch(web.file("/watch", PAGE))
    assert item.problem == "download_failed: it took longer than 0.5 s"
    assert not marker.exists()
    assert intake.leftovers() == []
    await intake.close()


@pytest.mark.parametrize("step", ["_fresh", "_files"])
async def test_a_page_that_is_broken_off_while_its_folder_is_made_or_read_leaves_nothing(
    tmp_path, programs, monkeypatch, step
):
    programs("gallery-dl", f"cp {programs.folder}/photo a.jpg")
    temp = tmp_path / "temp"
    temp.mkdir()
    collecting = gallery.Gallery(Settings()).collect("http://h/", str(temp), "1")
    await broken_off(collecting, monkeypatch, gallery, step)
    assert os.listdir(temp) == []


async def test_the_programs_see_no_secret_of_ours(tmp_path, programs):
    programs("gallery-dl", f"env > {programs.folder}/env; cp {programs.folder}/photo a.jpg")
    intake = open_with(tmp_path)
    async with site() as web:
        await intake.fetch(web.file("/watch", PAGE))
    assert "SMARTSORT" not in (programs.folder / "env").read_text()
    await intake.close()
