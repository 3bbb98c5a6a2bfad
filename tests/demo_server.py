"""The demo Immich in a thread of a test's process, or as a process of its own."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator

from smartsort.demo.settings import DEFAULT_KEY, DemoKey, DemoSettings
from smartsort.demo.timing import PROFILES
from smartsort.demo.versions import VERSIONS

# As a process of its own it is a script, which looks for modules beside itself.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tests.faulty_demo import DemoImmich, DemoServer, serve

COMMAND = os.path.abspath(__file__)
"""What Python runs for a process of its own; the first line on its stdout is the address."""


@contextlib.contextmanager
def serve_in_thread(settings: DemoSettings, port: int = 0) -> Iterator[DemoServer]:
    """A demo server with an event loop of its own, for callers that have none.

    Its `faults` may be changed from the caller's thread; its state may only be read while nothing goes on.
    """
    ready = threading.Event()
    made: list[DemoServer] = []
    failed: list[BaseException] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with serve(DemoImmich(settings), port=port) as server:
            made.append(server)
            ready.set()
            await stop.wait()

    def main() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:  # handed to the caller's thread
            failed.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            ready.set()

    thread = threading.Thread(target=main, name="demo-immich", daemon=True)
    thread.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends the process; the first line on stdout is the address."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--library-root", metavar="DIR", help="the folder the library is in, on this disk")
    parser.add_argument(
        "--import-path", metavar="PATH", help="that folder as Immich is to see it (default: the same)"
    )
    parser.add_argument("--version", choices=list(VERSIONS), default="3.1.0")
    parser.add_argument("--profile", choices=list(PROFILES), default="demo")
    parser.add_argument("--key", default=DEFAULT_KEY)
    parser.add_argument(
        "--person", action="append", default=[], help="somebody known already; may be repeated"
    )
    parser.add_argument("--people-from-regions", action="store_true")
    parser.add_argument("--watch", action="store_true", help="play Immich's own library watcher")
    parser.add_argument("--machine-learning", action="store_true", help="answer /predict too")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    root = None if options.library_root is None else os.path.abspath(options.library_root)
    seen = options.import_path or root
    settings = DemoSettings(
        version=options.version,
        profile=options.profile,
        seed=options.seed,
        mounts={} if root is None or seen is None else {seen: root},
        import_paths=() if seen is None else (seen,),
        people=tuple(options.person),
        keys=(DemoKey(options.key),),
        people_from_regions=options.people_from_regions,
        watch_libraries=options.watch,
        machine_learning=options.machine_learning,
    )
    logging.basicConfig(level=logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_for_ever(settings, options.host, options.port))


async def _serve_for_ever(settings: DemoSettings, host: str, port: int) -> None:
    async with serve(DemoImmich(settings), host, port) as server:
        print(server.url, flush=True)  # what the caller waits for
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
