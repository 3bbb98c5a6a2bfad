"""Decoder processes: what kills them kills nothing else, and nothing is imported in the sidecar itself."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
import zlib

import pytest
from PIL import Image
from tests.fakes import World, close_world, picture

from smartsort.core.model import State
from smartsort.errors import SmartsortError
from smartsort.files import decoders as module
from smartsort.files import resources
from smartsort.files.decoders import Decoders
from smartsort.files.media import Kind
from smartsort.files.probe import Probe
from smartsort.files.problems import FileVanished
from smartsort.files.resources import Budget, budget
from smartsort.ledger import key_value, photos
from smartsort.pipeline.arrival import examine, suspects

MIB = 1 << 20
LITTLE = Budget(2, 60 * MIB, 70 * MIB)


@pytest.fixture
def decoders():
    made = []

    def make(limits=None, **more):
        made.append(Decoders(limits, **more))
        return made[-1]

    yield make
    for each in made:
        each.release()


@pytest.fixture
def files(tmp_path):
    def write(*contents):
        paths = []
        for number, content in enumerate(contents):
            path = tmp_path / f"{number}.jpg"
            path.write_bytes(content)
            paths.append(str(path))
        return paths

    return write


def killer():
    """A WebP of 25 megapixels: 75 MB have to be held to read it, and it is small."""
    with io.BytesIO() as out:
        Image.new("RGB", (5000, 5000), (80, 70, 60)).save(out, "WEBP", quality=5, method=0)
        return out.getvalue()


def test_a_batch_is_answered_in_order(decoders, files):
    paths = files(picture(1), b"no picture", picture(2, 640, 480)[:900])
    paths.insert(1, os.path.join(os.path.dirname(paths[0]), "missing.jpg"))
    whole, missing, text, cut = decoders().probe(paths)
    assert (whole.problem, whole.kind) == (None, Kind.IMAGE)
    assert isinstance(missing, FileVanished)
    assert missing.path == paths[1]
    assert text.problem == "not a picture or video (text)"
    assert cut.problem == "JPEG ends in the middle"


def test_a_file_that_needs_too_much_memory_takes_no_other_along(decoders, files):
    pool = decoders(LITTLE)
    before, deadly, after = pool.probe(files(picture(1), killer(), picture(2)))
    assert (before.problem, after.problem) == (None, None)
    assert deadly.problem == "too large to decode here: needs more than 70 MiB of memory"
    assert (deadly.kind, deadly.extension) == (Kind.IMAGE, "webp")


def test_what_is_too_large_beside_others_is_read_alone(decoders, files):
    first, second = decoders(Budget(2, 60 * MIB, 1024 * MIB)).probe(files(killer(), picture(2)))
    assert (first.problem, second.problem) == (None, None)
    assert (first.width, first.height) == (5000, 5000)


def test_a_file_that_takes_too_long_is_given_up(decoders, files):
    # The large one has seconds more, so that a busy machine is no reason to give it up.
    slow, after = decoders(seconds=1).probe(files(endless(), picture(2) + bytes(60_000_000)))
    assert slow.problem == "took longer than 1 s to decode"
    assert (slow.kind, after.problem) == (Kind.IMAGE, None)


def endless():
    """A TIFF of 4,000 pages, 25 megapixels each, which are all the same bytes."""
    strip = zlib.compress(bytes(5000 * 5000))
    at = 8 + len(strip)
    entries = [(256, 4, 5000), (257, 4, 5000), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 8)]
    entries += [(277, 3, 1), (278, 4, 5000), (279, 4, len(strip))]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    page = struct.pack("<H", len(entries)) + table
    size = len(page) + 4
    pages = b"".join(page + struct.pack("<I", at + size * (n + 1) if n < 3999 else 0) for n in range(4000))
    return b"II*\0" + struct.pack("<I", at) + strip + pages


def test_a_decoder_that_dies_of_something_else_says_of_what(decoders, files, monkeypatch):
    pool = decoders()
    paths = files(picture(1), picture(2))
    assert [p.problem for p in pool.probe(paths)] == [None, None]
    with pool._decoder(alone=False) as decoder:
        decoder._process.kill()
    assert [p.problem for p in pool.probe(paths)] == [None, None], "a new one takes its place"


@pytest.mark.parametrize("missing", ["pyvips", "smartsort.files.metadata"])
def test_a_broken_installation_is_no_broken_photo(decoders, files, tmp_path, monkeypatch, missing):
    """Every photo would go to review otherwise."""
    package = tmp_path / "broken"
    package.mkdir()
    (package / "sitecustomize.py").write_text(f"import sys\nsys.modules[{missing!r}] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(package))
    with pytest.raises(SmartsortError, match="cannot be decoded"):
        decoders().probe(files(picture(1)))


def test_no_process_to_be_had_is_no_broken_photo(decoders, files, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SmartsortError, match="no process can be started"):
        decoders().probe(files(picture(1)))


def test_metadata_and_drawings_come_from_there_too(decoders, files):
    pool = decoders()
    paths = files(picture(1), b"text")
    assert [found.camera for found in pool.metadata(paths)] == [None, None]
    drawn = pool.draw(paths[0], 10, 0)
    assert Image.open(io.BytesIO(drawn)).size == (10, 10)
    assert pool.draw(paths[1], 100, 0) == "it is no picture that can be read here"
    assert decoders(LITTLE).draw(files(killer())[0], 100, 0).startswith("too large to decode here")


def test_idle_decoders_end(decoders, files):
    pool = decoders()
    pool.probe(files(picture(1)))
    (decoder,) = pool._idle
    pool.release(60.0)
    assert pool._idle == [decoder], "it was at work a moment ago"
    pool.release()
    assert decoder._process.returncode is not None
    assert pool._idle == []


def reading(pool, paths):
    """A thread that reads files, and the problems it meets."""
    problems = []

    def read():
        try:
            pool.probe(paths)
        except SmartsortError as problem:
            problems.append(problem)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return reader, problems


def test_closing_does_not_wait_for_a_large_file(decoders, files):
    pool = decoders()
    paths = files(endless(), picture(1))
    reader, problems = reading(pool, paths)
    while not pool._at_work:
        time.sleep(0.01)
    pool.close()
    reader.join(60)
    assert [str(problem) for problem in problems] == [
        "smartsort is ending. The photo is read at the next start"
    ]
    with pytest.raises(SmartsortError, match="ending"):
        pool.probe(paths)


def test_a_decoder_that_starts_while_all_are_ended_reads_nothing(decoders, files, monkeypatch):
    pool = decoders()

    class Late(module._Decoder):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            pool.close()

    monkeypatch.setattr(module, "_Decoder", Late)
    with pytest.raises(SmartsortError, match="ending"):
        pool.probe(files(picture(1)))


def test_whoever_waits_for_one_that_is_read_alone_hears_that_all_are_ended(decoders, files):
    pool = decoders()
    paths = files(picture(1))
    pool._exclusive = True
    reader, problems = reading(pool, paths)
    while not pool._changed._waiters:
        time.sleep(0.01)
    pool.close()
    pool._exclusive = False
    with pytest.raises(SmartsortError, match="ending"):
        pool.probe(paths, alone=True)
    reader.join(60)
    assert len(problems) == 1


def test_the_sidecar_itself_loads_no_decoder():
    code = (
        "import sys, smartsort.bootstrap, smartsort.api.app\n"
        "assert not {'pyvips', 'av', 'PIL', 'pillow_heif'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# How much memory there is.


def test_a_small_container_has_one_decoder():
    assert budget(512 * MIB, 4) == Budget(1, 352 * MIB, 352 * MIB)
    assert budget(100 * MIB, 4) == Budget(1, 128 * MIB, 128 * MIB)
    assert budget(2048 * MIB, 2) == Budget(2, 944 * MIB, 1888 * MIB)
    assert budget(64 << 30, 4) == Budget(4, 2048 * MIB, (64 << 30) - 160 * MIB)
    assert budget(2048 * MIB, 16).decoders == 7


@pytest.mark.parametrize(
    ("lines", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": "536870912\n", "cpu.max": "150000 100000\n"}, (512 * MIB, 2)),
        ("0::/a/b\n", {"a/memory.max": "268435456", "a/b/memory.max": "max"}, (256 * MIB, None)),
        # As seen in a container: the path is the host's, the folder its own.
        ("4:memory:/docker/f00\n", {"memory/memory.limit_in_bytes": "536870912"}, (512 * MIB, None)),
        ("4:memory:/m\n2:cpu,cpuacct:/c\n", {"cpu,cpuacct/c/cpu.cfs_quota_us": "50000"}, (None, 1)),
        ("4:memory:/m\n", {"memory/m/memory.limit_in_bytes": "9223372036854771712"}, (None, None)),
        ("", {}, (None, None)),
    ],
    ids=range(6),
)
def test_the_limits_of_a_container(tmp_path, monkeypatch, lines, limits, expected):
    most_bytes, processors = expected
    for name, text in limits.items():
        place = tmp_path / "cgroup" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (tmp_path / "self").write_text(lines)
    monkeypatch.setattr(resources, "_CGROUPS", str(tmp_path / "cgroup"))
    monkeypatch.setattr(resources, "_OWN_CGROUPS", str(tmp_path / "self"))
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    assert resources.memory_limit() == (most_bytes or half)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert resources.processor_count() == (processors or 8)


# What the sidecar itself died of.


@pytest.fixture
def world(tmp_path):
    made = []

    def start():
        made.append(World(os.fspath(tmp_path / "root")))
        return made[-1]

    yield start
    close_world(made[-1])


async def test_a_file_smartsort_died_of_twice_is_not_read_a_third_time(world, monkeypatch):
    place = world()
    good, deadly, other = [await place.deliver(f"anna_{n}.jpg") for n in (1, 2, 3)]
    read = []

    class Dead(BaseException):
        """The process is gone."""

    def probe(_self, paths, _max_pixels=0):
        read.append([os.path.basename(path).partition("-")[0] for path in paths])
        if any("anna_2" in path for path in paths):
            raise Dead
        return [Probe(Kind.IMAGE, "image/jpeg", "jpg", frozenset({"jpg"})) for _ in paths]

    monkeypatch.setattr(Decoders, "probe", probe)
    for _ in range(2):
        with pytest.raises(Dead):
            await until_rest(place)
        close_world(place)
        place = world()
    await until_rest(place)
    assert [place.photo(p).state for p in (good, other)] == [State.HASHED, State.HASHED]
    assert place.photo(deadly).state is State.REVIEW
    reason = place.ledger.read(lambda db: photos.last_decision(db, deadly))[3][0]
    assert reason.code == "unreadable"
    assert reason.detail.startswith("smartsort was ended 2 times while it read the file")
    assert place.photo(deadly).media_kind == "image"
    assert [str(good), str(deadly), str(other)] == read[0]
    assert all(len(batch) == 1 for batch in read[1:] if str(deadly) in batch)


async def until_rest(place):
    while await place.stage("examine"):
        pass


async def test_a_large_file_smartsort_died_of_is_read_by_itself(world, monkeypatch):
    """And by nothing else meanwhile: others would be taken for what it died of."""
    monkeypatch.setattr(examine, "LARGE_BYTES", 1)
    place, deaths = world(), []

    class Dead(BaseException):
        """The process is gone."""

    def probe(_self, paths, _max_pixels=0):
        deaths.extend(paths)
        if paths:
            raise Dead
        return []

    monkeypatch.setattr(Decoders, "probe", probe)
    deadly, other = await place.deliver("anna_1.jpg"), await place.deliver("anna_2.jpg")
    for stage in ("examine large files", "examine"):
        with pytest.raises(Dead):
            await place.stage(stage)
        close_world(place)
        place = world()
        assert await place.stage("examine large files") == examine._LATER
    await place.stage("examine")
    assert len(deaths) == 2
    assert place.photo(deadly).state is State.REVIEW
    assert place.photo(other).state is State.CLAIMED


async def test_a_sidecar_that_ends_as_it_should_suspects_nothing(world):
    place = world()
    await place.deliver("anna_1.jpg")
    await place.stage("examine")
    assert place.ledger.read(lambda db: key_value.get(db, "being_read"))
    place.ledger.write(suspects.clear)
    assert await suspects.Suspects(place.ledger).deaths() == {}
