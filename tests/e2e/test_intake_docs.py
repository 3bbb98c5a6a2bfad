"""What the documentation tells people to run does run: curl, downloaders' hooks, the Python examples."""

# ruff: noqa: ASYNC240 - a look at a small local file does not hold the loop up

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.misbehaving_site import TOKEN, running, site

from smartsort.demo.samples import make_samples

DOCS = Path(__file__).parents[2] / "sidecar" / "docs"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def blocks(name, language):
    """The code of a page in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    found = make_samples(str(folder), count=8, seed=5, size=(320, 240))
    return folder, [s for s in found if s.category == "faces"]


@pytest.fixture
async def sidecar(tmp_path):
    async with running(str(tmp_path / "root")) as found:
        yield found


@pytest.fixture
async def shell(sidecar, tmp_path, samples):
    """Runs a line in a folder with `photo.jpg`; what it wrote."""
    folder, [first, *_] = samples
    shutil.copy(folder / first.path, tmp_path / "photo.jpg")
    environment = {"PATH": os.environ["PATH"], "SMARTSORT_URL": sidecar.url, "SMARTSORT_TOKEN": TOKEN}

    async def run(command, **more):
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-ec", command] if isinstance(command, str) else command,
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


async def results(sidecar, count):
    """Source, name and state of the photos, once so many are at rest."""
    while True:
        rows = await sidecar.sidecar.context.ledger.aread(
            lambda db: db.conn.execute(
                "SELECT source, original_name FROM photos WHERE routed_at IS NOT NULL ORDER BY id"
            ).fetchall()
        )
        if len(rows) >= count:
            return rows
        await asyncio.sleep(0.05)


async def test_the_lines_about_the_intake(sidecar, shell, samples):
    folder, [first, *_] = samples
    _, by_url, listing, by_file, have = blocks("how-to/hand-in.md", "sh")
    async with site() as web:
        url = web.file("/IMG_1.jpg", (folder / first.path).read_bytes())
        answer = json.loads(await shell(by_url.replace("https://photos.example/IMG_1.jpg", url)))
    documented = json.loads(blocks("how-to/hand-in.md", "json")[0])
    assert answer.keys() == documented.keys()
    assert (answer["status"], answer["action"]) == (documented["status"], documented["action"])
    assert len(json.loads(await shell(listing))["items"]) == 1
    assert json.loads(await shell(by_file))["reason"] == "duplicate"
    assert json.loads(await shell(have))["known"] is True


async def test_curl(sidecar, shell):
    _, line, _ = blocks("how-to/hooks.md", "sh")
    assert json.loads(await shell(line))["state"]
    assert await results(sidecar, 1) == [("curl", "photo.jpg")]


async def test_the_hook_of_gallery_dl(sidecar, shell, samples, tmp_path):
    """The command as gallery-dl runs it: each argument formatted by itself, no shell of its own."""
    folder, found = samples
    config = json.loads(blocks("how-to/hooks.md", "json")[0])
    [hook] = config["extractor"]["postprocessors"]
    assert (hook["name"], hook["event"]) == ("exec", "after")
    names = ["plain.jpg", "with space; and, comma.jpg", "$(touch owned) `touch owned`.jpg"]
    for name, sample in zip(names, found, strict=False):
        path = tmp_path / name
        shutil.copy(folder / sample.path, path)
        command = [
            part.replace("{category}", "twitter").replace("{_path}", str(path)) for part in hook["command"]
        ]
        await shell(command)
    assert await results(sidecar, 3) == [("twitter", name) for name in names]
    assert not (tmp_path / "owned").exists()


async def test_the_hook_of_gallery_dl_for_real(sidecar, shell, samples, tmp_path):
    program = os.environ.get("SMARTSORT_TEST_GALLERY_DL") or shutil.which("gallery-dl")
    if program is None:
        pytest.skip("gallery-dl is not installed (SMARTSORT_TEST_GALLERY_DL)")
    folder, [first, *_] = samples
    (tmp_path / "config.json").write_text(blocks("how-to/hooks.md", "json")[0])
    async with site() as web:
        url = web.file("/real.jpg", (folder / first.path).read_bytes())
        command = [program, "--config-ignore", "--config", "config.json", "-D", str(tmp_path / "out"), url]
        await shell(command)
    [(source, name)] = await results(sidecar, 1)
    assert (source, name.endswith("__real.jpg")) == ("directlink", True)


async def test_the_hook_of_yt_dlp(sidecar, shell, tmp_path):
    """yt-dlp puts the quoted path for %(filepath)q and runs the line in a shell."""
    *_, line = blocks("how-to/hooks.md", "sh")
    command = re.search(r"after_move:(.*)' \"\$PAGE\"", line)[1]
    (tmp_path / "photo.jpg").rename(tmp_path / "it's $(touch owned).jpg")
    quoted = "'" + str(tmp_path / "it's $(touch owned).jpg").replace("'", "'\"'\"'") + "'"
    await shell(command.replace("%(filepath)q", quoted))
    assert await results(sidecar, 1) == [("yt-dlp", "it's $(touch owned).jpg")]
    assert not (tmp_path / "owned").exists()


async def test_the_hook_of_yt_dlp_for_real(sidecar, shell, samples, tmp_path):
    program = os.environ.get("SMARTSORT_TEST_YT_DLP") or shutil.which("yt-dlp")
    if program is None:
        pytest.skip("yt-dlp is not installed (SMARTSORT_TEST_YT_DLP)")
    folder, [first, *_] = samples
    *_, line = blocks("how-to/hooks.md", "sh")
    async with site() as web:
        # What it makes of a plain file with a video's type; the bytes decide what it is here.
        body = (folder / first.path).read_bytes()
        page = web.file("/clip.mp4", body, headers={"content-type": "video/mp4"})
        await shell(line.replace("yt-dlp ", f"{program} --ignore-config ", 1), PAGE=page, HOME=str(tmp_path))
    [(source, _)] = await results(sidecar, 1)
    assert source == "yt-dlp"


async def test_the_python_examples(sidecar, samples, monkeypatch, capsys):
    folder, found = samples
    handing_in, reviewing = blocks("reference/python.md", "python")
    monkeypatch.setenv("SMARTSORT_URL", sidecar.url)
    monkeypatch.setenv("SMARTSORT_TOKEN", TOKEN)
    async with site() as web:
        urls = [web.file(f"/{n}.jpg", (folder / s.path).read_bytes()) for n, s in enumerate(found[:3])]
        broken = web.file("/broken.jpg", (folder / found[0].path).read_bytes()[:3000])
        wanted = [*urls, urls[0], broken, f"{web.url}/gone.jpg"]
        await asyncio.to_thread(exec, handing_in, {"urls": wanted})
    written = capsys.readouterr().out.splitlines()
    assert written[-1] == str({"sorted": 3, "reviewed": 2, "errors": 1})

    people = iter([None])
    seen = []
    await asyncio.to_thread(exec, reviewing, {"decide": lambda item: (seen.append(item), next(people))[1]})
    [item] = seen
    assert {"category", "filename", "path", "size", "modified"} <= set(item)
    assert not Path(item["path"]).exists()
    written = capsys.readouterr().out.splitlines()
    assert "'auto_sorted': 3" in written[-1]
