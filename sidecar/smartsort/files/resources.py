"""How much memory and how many processors there are for decoding, in this container or on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_MIB = 1 << 20
OWN_BYTES = 160 * _MIB
"""What the sidecar itself takes at work, with some room."""

_LEAST_BYTES, _MOST_BYTES = 256 * _MIB, 2048 * _MIB
"""For one decoder: a picture of a phone takes a tenth of the first, the largest a HEIC of 200 megapixels."""

_CGROUPS, _OWN_CGROUPS = "/sys/fs/cgroup", "/proc/self/cgroup"


@dataclass(frozen=True, slots=True)
class Budget:
    """How many decoders may run side by side, with how much memory each, and with how much one alone."""

    decoders: int
    bytes_each: int
    bytes_alone: int


def budget(memory: int | None = None, processors: int | None = None) -> Budget:
    """Return what decoding may take of `memory` bytes (the container's limit, or half of the machine's)."""
    limit = memory if memory is not None else memory_limit()
    alone = max(limit - OWN_BYTES, _LEAST_BYTES // 2)
    count = max(1, min(processors or processor_count(), alone // _LEAST_BYTES))
    return Budget(count, min(alone // count, _MOST_BYTES), alone)


def memory_limit() -> int:
    """Bytes this process may use, with its children: the least of its cgroups', or half of the machine's."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    files = _cgroup_files("memory", "memory.max", "memory.limit_in_bytes")
    return min([half, *(int(text) for text in files if text.isdigit())])


def processor_count() -> int:
    """Processors this process may use, rounded up, by its affinity and its cgroups' quota."""
    counts = [len(os.sched_getaffinity(0))]
    for text in _cgroup_files("cpu", "cpu.max", "cpu.cfs_quota_us"):
        quota, _, period = text.partition(" ")
        if quota.isdigit():
            counts.append(-(-int(quota) // int(period or _PERIOD)))
    return max(1, min(counts))


_PERIOD = 100_000
"""Microseconds. The kernel's own choice, which nobody changes."""


def _cgroup_files(controller: str, name: str, name_v1: str) -> Iterator[str]:
    """Yield the text of a file in each cgroup from this process's up to the root, of version 2 and 1.

    A container mostly sees its own cgroup as the root, although its path is told as the host sees it.
    """
    with suppress(OSError), open(_OWN_CGROUPS, encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            root = f"{_CGROUPS}/{controllers}" if controllers else _CGROUPS
            parts = [part for part in path.split("/") if part not in ("", "..")]
            for depth in range(len(parts), -1, -1):
                place = os.path.join(root, *parts[:depth], name_v1 if controllers else name)
                with suppress(OSError), open(place, encoding="ascii") as limit:
                    yield limit.read().strip()
