"""The decoder processes of the sidecar: files are decoded where a limit of memory and of time applies.

A decoder starts when it is needed and ends when nothing is on its way. One that dies of a file takes nothing
else along: the file is read once more, alone and with all the memory there is for decoding, and if that fails
too it is a problem of the file.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from smartsort.errors import SmartsortError
from smartsort.files.blur import Turned
from smartsort.files.contact_sheet import ACROSS, Mark
from smartsort.files.decoder import OUT_OF_MEMORY, time_limit
from smartsort.files.frames import Frames
from smartsort.files.metadata import Metadata
from smartsort.files.perceptual_hash import Look
from smartsort.files.probe import MAX_PIXELS, Probe, recognise
from smartsort.files.resources import Budget, budget

SECONDS = 60
"""For one file, beside the time it takes to read it: the largest takes a tenth."""


class _Died(Exception):
    """A decoder died of a file. The text says why, for people."""


class _Decoder:
    """One process and the socket to it."""

    def __init__(self, most_bytes: int, seconds: int, *, is_background: bool = False) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        self.used = 0.0
        """When it had something to do, by the monotonic clock."""
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            arguments = map(str, (number, most_bytes, seconds, int(is_background)))
            try:
                self._process = subprocess.Popen(
                    (sys.executable, "-P", "-m", "smartsort.files.decoder", *arguments),
                    pass_fds=(number,),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "VIPS_CONCURRENCY": "1", "MALLOC_ARENA_MAX": "1"},
                )
            except OSError as error:
                ours.close()
                raise SmartsortError(f"no process can be started to decode photos: {error}") from error
        self._connection = Connection(ours.detach())
        self.close = weakref.finalize(self, _end, self._connection, self._process)
        """End it, whatever it does."""

    def answers(self, task: str, paths: Sequence[str], arguments: tuple[Any, ...]) -> Iterator[Any]:
        """Yield the answers to a batch, one after the other. Raises _Died at the file it died of."""
        for number, path in enumerate(paths):
            try:
                if number == 0:
                    self._connection.send((task, list(paths), arguments))
                yield self._connection.recv()
            except (EOFError, OSError) as error:
                raise _Died(self._why(path, task)) from error

    def kill(self) -> None:
        """End it in the middle of its work."""
        self._process.kill()

    def _why(self, path: str, task: str) -> str:
        self.close()
        code = self._process.returncode
        if code in (-signal.SIGALRM, -signal.SIGPROF):
            return f"took longer than {time_limit(path, self._seconds, task):,} s to decode"
        if code in _MEMORY:
            return f"too large to decode here: needs more than {self._most_bytes >> 20:,} MiB of memory"
        if code >= 0:  # it did not come as far as to the file
            raise SmartsortError(
                f"pictures and videos cannot be decoded: the process for it ended with exit code {code}. "
                f"`{sys.executable} -m smartsort.files.decoder` says what is missing"
            )
        return f"ended the process that decoded it ({signal.Signals(-code).name})"


def _end(connection: Connection, process: subprocess.Popen[bytes]) -> None:
    connection.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_ENDING = "smartsort is ending. The photo is read at the next start"
_END_SECONDS = 5.0
_MEMORY = frozenset({OUT_OF_MEMORY, -signal.SIGKILL, -signal.SIGABRT, -signal.SIGTRAP})
"""How a decoder ends that gets no more memory: by itself, by the kernel, or by its C libraries."""


class Decoders:
    """Hands out files to decoder processes, for any number of threads. Nothing runs until it is needed.

    `is_background`: they make way for all other processes, and a file that one dies of is not read again. So
    it is processor time that is limited, and the time on the clock to ten times as much.
    """

    def __init__(
        self, limits: Budget | None = None, seconds: int = SECONDS, *, is_background: bool = False
    ) -> None:
        self._limits, self._seconds, self._is_background = limits, seconds, is_background
        self._idle: list[_Decoder] = []
        self._busy = 0
        self._exclusive = False
        self._closed = False
        self._at_work: weakref.WeakSet[_Decoder] = weakref.WeakSet()
        self._changed = threading.Condition()

    @property
    def limits(self) -> Budget:
        """What they may take."""
        if self._limits is None:
            self._limits = budget()
        return self._limits

    def probe(
        self, paths: Sequence[str], max_pixels: int = 0, *, alone: bool = False
    ) -> list[Probe | SmartsortError]:
        """Return what files are and whether they are whole, in order. One file's error stands in its place.

        `alone`: one after the other, each with all memory, and nothing else meanwhile.
        """
        answers = self._ask("probe", paths, (max_pixels or MAX_PIXELS,), alone=alone)
        return [
            _unread(path, answer) if isinstance(answer, str) else answer
            for path, answer in zip(paths, answers, strict=True)
        ]

    def metadata(self, paths: Sequence[str]) -> list[Metadata]:
        """What cameras wrote into files, in order, without decoding them, nothing for what cannot be read."""
        return [found or Metadata() for found in self.metadata_if_read(paths)]

    def metadata_if_read(self, paths: Sequence[str]) -> list[Metadata | None]:
        """As `metadata`, None for what cannot be read."""
        answers = self._ask("metadata", paths, ())
        return [answer if isinstance(answer, Metadata) else None for answer in answers]

    def draw(self, path: str, short_side: int, max_pixels: int) -> bytes | str:
        """Return an upright picture of the file as JPEG, or a short text saying why there is none."""
        drawn = self._ask("draw", [path], (short_side, max_pixels or MAX_PIXELS))[0]
        return drawn if isinstance(drawn, bytes) else str(drawn)

    def shows(self, path: str, picture: bytes) -> bool | None:
        """Return whether a file shows what an encoded picture shows, None where that cannot be told."""
        answer = self._ask("shows", [path], (picture,))[0]
        return answer if isinstance(answer, bool) else None

    def frames(self, path: str, *, copies: bool = False) -> Frames | SmartsortError:
        """Frames of a video. One that cannot be decoded, or that a decoder dies of, tells its `problem`.

        `copies`: with the looks by which copies are found that begin elsewhere.
        """
        answer = self._ask("frames", [path], (copies,))[0]
        return Frames(problem=answer) if isinstance(answer, str) else answer

    def same_video(self, one: Sequence[Look], other: Sequence[Look]) -> bool:
        """As `smartsort.files.perceptual_hash.same_video`, False where comparing them takes too long."""
        return self._ask("same_video", [""], (list(one), list(other)))[0] is True

    def frames_sheet(
        self, path: str, times: Sequence[float], labels: Sequence[str], marks: Sequence[Sequence[Mark]]
    ) -> bytes | str:
        """The frames of a video at some times in seconds on one sheet as JPEG, or why there is none."""
        drawn = self._ask("frames_sheet", [path], (list(times), list(labels), list(marks)))[0]
        return drawn if isinstance(drawn, bytes) else str(drawn)

    def contact_sheet(
        self, pictures: Sequence[bytes], labels: Sequence[str], marks: Sequence[Sequence[Mark]] = ()
    ) -> bytes | str:
        """Encoded pictures on one sheet as JPEG (`smartsort.files.contact_sheet`), or why there is none."""
        drawn = self._ask("sheet", [""], (list(pictures), list(labels), list(marks)))[0]
        return drawn if isinstance(drawn, bytes) else str(drawn)

    def face_sheet(self, groups: Sequence[Sequence[tuple[bytes, Mark]]], across: int = ACROSS) -> bytes | str:
        """Return the faces at places of encoded pictures on one sheet as JPEG, group by group, or why not."""
        drawn = self._ask("face_sheet", [""], (list(groups), across))[0]
        return drawn if isinstance(drawn, bytes) else str(drawn)

    def turned(self, picture: bytes) -> Turned | str:
        """Turn an encoded picture three ways and measure its blur. A text says why it cannot be read."""
        answer = self._ask("turned", [""], (picture,))[0]
        return answer if isinstance(answer, Turned) else str(answer)

    def release(self, idle_seconds: float = 0.0) -> None:
        """End the decoders that have had nothing to do for so long."""
        latest = time.monotonic() - idle_seconds
        with self._changed:
            idle = [decoder for decoder in self._idle if decoder.used <= latest]
            self._idle = [decoder for decoder in self._idle if decoder.used > latest]
        for decoder in idle:
            decoder.close()

    def close(self) -> None:
        """End all decoders, those at work too: whoever waits for them gets a SmartsortError."""
        with self._changed:
            self._closed = True
            at_work = list(self._at_work)
        for decoder in at_work:
            decoder.kill()
        self.release()

    def _ask(
        self, task: str, paths: Sequence[str], arguments: tuple[Any, ...], *, alone: bool = False
    ) -> list[Any]:
        """Return the answers in order, with a text for what a decoder died of twice."""
        answers: list[Any] = []
        while len(answers) < len(paths):
            rest = paths[len(answers) :]
            try:
                with self._decoder(alone=alone) as decoder:
                    for answer in decoder.answers(task, rest, arguments):
                        answers.append(answer)  # noqa: PERF402 - those before a death count
            except _Died as died:
                if self._closed:
                    raise SmartsortError(_ENDING) from died
                fatal = paths[len(answers)]
                answers += (
                    [str(died)]
                    if alone or self._is_background
                    else self._ask(task, [fatal], arguments, alone=True)
                )
        return answers

    @contextmanager
    def _decoder(self, *, alone: bool) -> Iterator[_Decoder]:
        """A decoder for one batch. Waits until there is room. `alone`, until no other is at work."""
        with self._changed:
            if alone:
                self._changed.wait_for(lambda: not self._exclusive)
                self._exclusive = True
                self._changed.wait_for(lambda: not self._busy)
            else:
                self._changed.wait_for(lambda: not self._exclusive and self._busy < self.limits.decoders)
            if self._closed:
                self._exclusive &= not alone
                self._changed.notify_all()
                raise SmartsortError(_ENDING)
            self._busy += 1
            decoder = self._idle.pop() if self._idle and not alone else None
        try:
            if alone:
                self.release()
            most_bytes = self.limits.bytes_alone if alone else self.limits.bytes_each
            decoder = decoder or _Decoder(most_bytes, self._seconds, is_background=self._is_background)
            self._begin_work(decoder)
            yield decoder
        except BaseException:
            if decoder is not None:
                decoder.close()
            raise
        else:
            decoder.used = time.monotonic()
            with self._changed:
                self._idle.append(decoder)
        finally:
            with self._changed:
                if decoder is not None:
                    self._at_work.discard(decoder)
                self._busy -= 1
                self._exclusive &= not alone
                self._changed.notify_all()
            if alone:
                self.release()

    def _begin_work(self, decoder: _Decoder) -> None:
        """Note it as one to end. Raises SmartsortError where all were ended while it started."""
        with self._changed:
            if self._closed:
                raise SmartsortError(_ENDING)
            self._at_work.add(decoder)


def _unread(path: str, why: str) -> Probe | SmartsortError:
    """Return what is known of a file that no decoder comes to the end of."""
    try:
        return replace(recognise(path), problem=why)
    except SmartsortError as problem:
        return problem
