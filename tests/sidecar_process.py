"""A whole sidecar beside a demo Immich in a process of its own: for programs that speak to it from outside.

Nothing of it runs in the test's process. Where several threads of one process parse Python (pytest rewrites
modules, hypothesis reads constants), Python 3.11 may fail with "AST constructor recursion depth mismatch".
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from smartsort.cli.common import configure_logging


@contextmanager
def sidecar_in_a_process(
    root: Path,
    samples: int = 0,
    settings: Mapping[str, Any] | None = None,
    *,
    files: int | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[str]:
    """The address of a sidecar as `live_sidecar` makes it, which looks no name up.

    It may have so many files open (`files`), and writes its log to `log`.
    """
    wanted = json.dumps(
        {"root": str(root), "samples": samples, "settings": dict(settings or {}), "files": files}
    )
    command = [sys.executable, "-m", "tests.sidecar_process", wanted]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://"), "the sidecar did not start; what it wrote stands above"
            yield url
        finally:
            process.stdin.close()  # its end ends the process
    assert process.returncode == 0


async def nowhere(host: str, port: int) -> Sequence[str]:
    """A name server that knows no name."""
    raise OSError(f"tests look nothing up, not even {host}:{port}")


def main(wanted: Mapping[str, Any]) -> None:
    """Run until standard input ends."""
    from tests.live_sidecar import live_sidecar

    if wanted["files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted["files"], wanted["files"]))
        configure_logging("info", "text")
    with live_sidecar(
        Path(wanted["root"]), wanted["samples"], settings=wanted["settings"], resolver=nowhere
    ) as live:
        print(live.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
