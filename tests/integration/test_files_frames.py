"""Frames of videos: from all over them, upright, and in bounded time and memory."""

import gc
import io
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from PIL import Image
from tests.bench.copies import Take
from tests.bench.copies import made as made_take
from tests.films import Cast, Film, make, recognise
from tests.footage import FORMATS, footage

from smartsort.files import decoders as module
from smartsort.files import player as player_module
from smartsort.files.decoders import Decoders
from smartsort.files.frames import _CURVES, FEWEST, MOST, Frames, frames, grid, pictures_at
from smartsort.files.perceptual_hash import Look, same_video
from smartsort.files.player import Player
from smartsort.files.resources import Budget
from smartsort.files.videos import NothingToSee, _video_of

SOMEBODY = (Cast(3, 0, 100),)


@pytest.fixture
def made(tmp_path):
    return lambda film, name="video.mp4": make(film, str(tmp_path / name))


def people(frame):
    return [one.who for one in recognise(frame.picture)[1]]


@pytest.mark.parametrize("seconds", [0.04, 0.3, 1, 2.9, 8, 59.9, 600, 7200, 90_000])
def test_moments_are_eight_to_sixteen_and_shared_by_shorter_copies(seconds):
    moments = grid(seconds)
    assert FEWEST <= len(moments) <= MOST
    assert all(moment < seconds for moment in moments)
    assert {moment for moment in moments if moment < 0.6 * seconds} & set(grid(0.6 * seconds))


@pytest.mark.parametrize("name", FORMATS)
def test_a_short_video_of_every_kind_shows_its_beginning(name, tmp_path):
    path = tmp_path / "video"
    path.write_bytes(footage(name))
    found = frames(str(path))
    assert found.frames[0].at < 0.1
    assert len(found.frames) >= FEWEST


def test_a_decoder_keeps_nothing_of_a_video_it_has_looked_through(made):
    """A video makes too few objects for Python to look for cycles: twenty would fill a decoder's memory."""
    players = []
    play = Player._play

    def noted(player):
        players.append(weakref.ref(player))
        return play(player)

    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Player, "_play", noted)
            frames(made(Film(20, SOMEBODY)))
            pictures_at(made(Film(20, SOMEBODY)), [1.0, 2.0], 100)
        alive = [player() for player in players if player() is not None]
    finally:
        gc.enable()
    assert players
    assert alive == []


@pytest.mark.parametrize("name", FORMATS)
def test_every_kind_of_video_has_frames_from_all_over_it(name, tmp_path):
    path = tmp_path / "video"
    path.write_bytes(footage(name, frames=100))
    found = frames(str(path))
    assert found.problem == ""
    assert FEWEST <= len(found.frames) <= MOST
    times = [frame.at for frame in found.frames]
    assert times == sorted(set(times))
    assert times[0] < 0.9
    assert times[-1] > 2.9
    assert {(frame.width, frame.height) for frame in found.frames} == {(96, 64)}


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1"])
def test_somebody_who_comes_late_is_in_the_later_frames(codec, made):
    found = frames(made(Film(6, (Cast(3, 4, 6),), codec=codec), "v.webm" if "vp9" in codec else "v.mp4"))
    assert [people(f) for f in found.frames if f.at >= 4.3] == [[3]] * sum(f.at >= 4.3 for f in found.frames)
    assert not any(people(f) for f in found.frames if f.at < 3.9)
    assert sum(f.at >= 4 for f in found.frames) >= 2


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_frames_are_upright(rotation, made):
    found = frames(made(Film(2, SOMEBODY, rotation=rotation)))
    assert {(f.width, f.height) for f in found.frames} == {(640, 360)}
    assert all(people(f) == [3] for f in found.frames)


def test_frames_of_unequal_length_and_of_a_stream_without_an_index_do_no_harm(made):
    assert len(frames(made(Film(5, SOMEBODY, jitter=True))).frames) >= FEWEST
    found = frames(made(Film(9, SOMEBODY, container="ts"), "v.ts"))
    assert len(found.frames) >= FEWEST
    assert found.frames[-1].at > 7


@pytest.mark.parametrize("trc", [16, 18])
def test_hdr_is_as_bright_as_an_ordinary_screen_shows_it(trc, made):
    """White paper is at 58 or 75 % of the signal there."""
    hdr = frames(made(Film(1, (), codec="libx265", trc=trc)))
    plain = frames(made(Film(1, (), codec="libx265"), "plain.mp4"))
    level = [Image.open(io.BytesIO(f.frames[0].picture)).convert("L") for f in (hdr, plain)]
    brightest = [max(one.resize((8, 8)).tobytes()) for one in level]
    assert brightest[0] != brightest[1]
    assert brightest[0] > 100


def test_hlg_has_no_step_and_grows():
    """Its two curves meet in the middle."""
    shown = [_CURVES[18](n / 1000) for n in range(1001)]
    assert all(0 <= after - before <= 3 for before, after in itertools.pairwise(shown[10:]))
    assert (shown[0], shown[-1]) == (0, 255)


def test_frames_that_do_not_say_when_they_are_shown_follow_each_other(made, tmp_path):
    """FFmpeg tells no time of a Matroska file that begins before zero, and goes to no place in it."""
    path = str(tmp_path / "early.mkv")
    with (
        av.open(made(Film(6, (Cast(3, 3, 6),)))) as source,
        av.open(path, "w", options={"avoid_negative_ts": "disabled"}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None and packet.pts is not None:
                earlier = round(4 / source.streams.video[0].time_base)
                packet.dts, packet.pts, packet.stream = packet.dts - earlier, packet.pts - earlier, stream
                output.mux(packet)
    found = frames(path)
    assert found.frames
    assert found.frames[0].at < 0.5


def test_of_several_videos_that_of_the_highest_bit_rate_is_shown(made, tmp_path):
    """A camera may put a small one first, for its own screen."""
    path = str(tmp_path / "two.mp4")
    with av.open(made(Film(4, SOMEBODY))) as source, av.open(path, "w") as output:
        small = output.add_stream("mjpeg", rate=1)
        small.width, small.height, small.pix_fmt = 64, 36, "yuvj420p"
        large = output.add_stream_from_template(source.streams.video[0])
        frame = av.VideoFrame.from_image(Image.new("RGB", (64, 36)))
        output.mux(small.encode(frame.reformat(format="yuvj420p")))
        output.mux(small.encode(None))
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = large
                output.mux(packet)
    found = frames(path)
    assert len(found.frames) >= FEWEST
    assert people(found.frames[0]) == [3]


def test_of_a_large_video_the_last_key_frame_is_shown(made, monkeypatch):
    """It lies before nine tenths of it."""
    monkeypatch.setattr(player_module, "LARGE_PIXELS", 1)
    path = made(Film(5, (), rate=5, options=(("g", "20"), ("sc_threshold", "0"))))
    assert [round(frame.at, 1) for frame in frames(path).frames] == [0.0, 4.0]


def test_every_scene_of_a_short_video_has_a_frame(made):
    """The background changes at 20 s, in the middle between two moments."""
    found = frames(made(Film(6.0, (), start=17.3)))
    assert any(2.7 <= f.at <= 3.2 for f in found.frames)


def test_a_video_that_ends_before_it_says_shows_what_there_is(made, tmp_path):
    path = made(Film(20, SOMEBODY, container="mkv"), "v.mkv")
    data = Path(path).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 3])
    found = frames(str(tmp_path / "cut.mkv"))
    assert len(found.frames) >= 4
    assert found.frames[-1].at < 12


def test_damage_in_the_middle_costs_frames_and_no_video(made, tmp_path):
    path = made(Film(12, SOMEBODY, options=(("g", "12"),)))
    data = bytearray(Path(path).read_bytes())
    third = len(data) // 3
    data[third : third + 3000] = random.Random(1).randbytes(3000)
    (tmp_path / "damaged.mp4").write_bytes(data)
    found = frames(str(tmp_path / "damaged.mp4"))
    assert len(found.frames) >= 4


@pytest.mark.parametrize("data", [b"", b"hello", footage("mp4", picture=False), footage("mp4")[:2000]])
def test_what_shows_nothing_says_why(data, tmp_path):
    (tmp_path / "x").write_bytes(data)
    found = frames(str(tmp_path / "x"))
    assert found.frames == ()
    assert found.problem


@pytest.mark.parametrize(("sound", "why"), [([1], "sound"), ([], "no video in it")])
def test_a_container_without_a_video_says_what_it_is(sound, why):
    container = SimpleNamespace(streams=SimpleNamespace(video=[], audio=sound))
    with pytest.raises(NothingToSee, match=f"^{why}$"):
        _video_of(container)


def test_a_film_of_two_hours_is_not_read_to_its_end(made):
    """Twelve frames a minute do: what counts is that it is not decoded from one end to the other."""
    found = frames(made(Film(7200, (), rate=Fraction(1, 5), size=(64, 48), options=(("g", "6"),))))
    assert FEWEST <= len(found.frames) <= MOST
    assert found.frames[-1].at > 6000


def test_frames_at_given_times_are_drawn_again(made):
    path = made(Film(10, (Cast(3, 5, 10),)))
    before, after = pictures_at(path, [1.0, 7.5], 240)
    assert recognise(after)[1][0].who == 3
    assert recognise(before)[1] == []


def test_a_video_is_drawn_as_its_first_frame(made):
    decoders = Decoders()
    assert recognise(decoders.draw(made(Film(1, SOMEBODY)), 240, 0))[1][0].who == 3
    sheet = decoders.frames_sheet(made(Film(1, SOMEBODY)), [0.0, 0.5], ["0:00", "0:00.5"], [[], []])
    assert Image.open(io.BytesIO(sheet)).width > 320
    decoders.release()


# --- decoders that die -----------------------------------------------------------------------


def background(seconds=40, most=400 << 20):
    return Decoders(Budget(1, most, most), seconds, is_background=True)


def test_a_video_that_hangs_costs_one_process(made, monkeypatch):
    started = []
    plain = module._Decoder
    monkeypatch.setattr(module, "_Decoder", lambda *a, **k: started.append(plain(*a, **k)) or started[-1])
    decoders = background()
    path = made(Film(8, SOMEBODY))
    decoders.frames(path)
    (first,) = started
    os.kill(first._process.pid, signal.SIGSTOP)  # it hangs, whatever it is asked
    threading.Timer(0.5, os.kill, (first._process.pid, signal.SIGKILL)).start()
    found = decoders.frames(path)
    assert isinstance(found, Frames)
    assert "memory" in found.problem
    assert len(started) == 1
    assert len(decoders.frames(path).frames) >= FEWEST
    assert len(started) == 2
    decoders.close()


def test_a_background_decoder_may_use_so_much_of_a_processor():
    """Time on the clock says little of one that makes way for others."""
    busy = (
        "from smartsort.files import decoder\ndecoder._PATIENCE = 100  # on a machine with much to do\n"
        "decoder._limit(1, is_background=True)\nwhile True: pass"
    )
    ended = subprocess.run([sys.executable, "-c", busy], timeout=120, check=False)
    assert ended.returncode == -signal.SIGPROF


def test_too_little_memory_is_told_and_costs_one_process(made):
    decoders = background(most=60 << 20)
    found = decoders.frames(made(Film(1, SOMEBODY, size=(3840, 2160), rate=4)))
    assert "memory" in found.problem
    decoders.close()


# --- copies ----------------------------------------------------------------------------------


STORY = Film(16, (Cast(3, 2, 9, turns=True), Cast(5, 6, 14, middle=0.2)), start=9)


def copies(**changed):
    return replace(STORY, **changed)


@pytest.mark.parametrize(
    "copy",
    [
        copies(size=(320, 180)),
        copies(codec="libx265", options=(("crf", "38"),)),
        copies(seconds=9),
        copies(seconds=8, start=12.4),
        copies(rate=8),
    ],
    ids=["smaller", "encoded again", "end cut off", "both ends cut off", "fewer frames a second"],
)
def test_a_copy_shows_the_same_moments_in_both_directions(copy, made):
    one, other = frames(made(STORY)), frames(made(copy, "copy.mp4"))
    assert same_video(one.looks, other.looks)
    assert same_video(other.looks, one.looks)


def test_another_video_does_not(made):
    one, other = frames(made(STORY)), frames(made(copies(start=200), "other.mp4"))
    assert not same_video(one.looks, other.looks)
    assert not same_video((), one.looks)
    assert not same_video(one.looks, ())


TAKE = Take(3, 24, scene=7, gop=30)
"""Of a camera that moves by hand, with cuts, and a key frame every two seconds."""


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    return frames(made_take(TAKE, str(tmp_path_factory.mktemp("take") / "take.mp4"))).looks


@pytest.mark.parametrize(
    "changed", [{"begins": 6.3}, {"begins": 2.41, "gop": 250}, {"begins": 1.7, "bars": 30}]
)
def test_a_copy_without_its_beginning_is_found_whatever_its_key_frames(changed, take, tmp_path):
    copy = replace(TAKE, seconds=13, crf=30, **{"gop": 15, **changed})
    looks = frames(made_take(copy, str(tmp_path / "copy.mp4"))).looks
    assert same_video(take, looks)
    assert same_video(looks, take)


@pytest.mark.parametrize(
    ("seconds", "apart"), [(30, 1), (288, 3), (600, 6), (1200, 6), (7200, 12)], ids=lambda value: f"{value} s"
)
def test_key_frames_are_close_enough_to_find_a_part_of_a_long_video(seconds, apart, made, monkeypatch):
    """Of half an hour, no part with both ends cut is found where they are 19 s apart."""
    asked = []
    monkeypatch.setattr(Player, "duration", lambda _: float(seconds))
    monkeypatch.setattr(Player, "key_frames", lambda _, length, every: asked.append((length, every)) or ())
    frames(made(Film(1, SOMEBODY)))
    assert asked == [(seconds, apart)]


def test_another_take_of_the_scene_is_no_copy(take, tmp_path):
    other = frames(made_take(replace(TAKE, path=1), str(tmp_path / "other.mp4")))
    assert not same_video(take, other.looks)


def test_on_a_tripod_only_what_moves_tells_a_copy_from_another_take(tmp_path):
    def looks(name, **changed):
        return frames(made_take(replace(TAKE, moves=0, **changed), str(tmp_path / name))).looks

    one = looks("one.mp4")
    assert same_video(one, looks("copy.mp4", begins=3.3, seconds=12, gop=15, crf=30))
    assert not same_video(one, looks("other.mp4", path=1))


def test_one_moment_in_common_is_no_copy():
    def looks(seed):
        rng = random.Random(seed)
        return [Look(float(n), rng.randbytes(32)) for n in range(12)]

    one, other = looks(1), looks(2)
    assert not same_video(one, [*other[:5], one[7], *other[6:]])
