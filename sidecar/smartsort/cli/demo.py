"""`smartsort demo`: everything at once, on nothing but this machine."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from smartsort.cli.common import configure_logging
from smartsort.cli.output import counting, examples, print_json, print_table

if TYPE_CHECKING:
    from smartsort.bootstrap import Sidecar
    from smartsort.demo.immich import DemoImmich
    from smartsort.demo.run import Delivery

DEFAULT_PORT = 8484
_BAR = 30
"""Characters of the longest bar."""


@click.command(
    "demo",
    epilog=examples(
        "smartsort demo", "smartsort demo --once --count 20", "smartsort demo --photos ~/Pictures --review"
    ),
)
@click.option("--once", is_flag=True, help="Sort, show the result, check it and stop.")
@click.option(
    "--photos", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Your own photos."
)
@click.option(
    "--library",
    is_flag=True,
    help="Photos that are in Immich already: plan links to them, make and undo them.",
)
@click.option("--review", is_flag=True, help="Open the terminal UI once the photos are sorted.")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="How many sample photos to make.",
)
@click.option("--dir", "base", default="smartsort-demo", show_default=True, help="Where runs are kept.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port of the HTTP API. 0 takes a free one.",
)
@click.option("--token", help="Token of the HTTP API. Without it, smartsort makes one and prints it.")
@click.option(
    "--profile",
    type=click.Choice(["instant", "demo", "real"]),
    default="demo",
    show_default=True,
    help="How fast the demo Immich is. `real` has the pace of a two-core server.",
)
@click.option(
    "--immich", "version", type=click.Choice(["2.5.6", "3.1.0", "3.2"]), default="3.1.0", show_default=True
)
@click.option("--seed", default=0, show_default=True, help="A number that makes other sample photos.")
@click.option("--verbose", is_flag=True, help="Log what the sidecar does.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print JSON, for programs.")
def command(**options: Any) -> None:
    """Sort sample photos with a built-in demo Immich and leave the folders to look at.

    The demo recognises no faces. It reads the face regions that photo managers write into pictures. So it
    sorts your own face-tagged photos too: --photos DIR copies them and changes nothing in DIR.
    """
    photos, base = options["photos"], options["base"]
    if options.pop("library"):
        from smartsort.cli import demo_library

        given = click.get_current_context().get_parameter_source("count")
        count = demo_library.COUNT if given is ParameterSource.DEFAULT else options["count"]
        configure_logging("info" if options["verbose"] else "error", "text")
        made = (base, count, options["seed"], options["profile"], options["version"])
        sys.exit(asyncio.run(demo_library.run(*made)))
    if options["review"] and options["once"]:
        raise click.UsageError("--once stops when the photos are sorted. Leave it out to review them.")
    if options["as_json"] and not options["once"]:
        raise click.UsageError("--json needs --once.")
    from smartsort.demo.run import holds_photos

    if photos and not holds_photos(photos):
        raise click.UsageError(f"there are no photos in {photos}: give another folder with --photos.")
    if photos and _lies_in(base, photos):
        raise click.UsageError(
            f"the demo would write into {photos}, which it only reads: give another folder with --dir."
        )
    configure_logging("info" if options["verbose"] else "error", "text")
    sys.exit(asyncio.run(_Demo(**options).run()))


def _lies_in(path: str, folder: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath((inner, outer)) == outer


@dataclass(slots=True)
class _Demo:
    once: bool
    photos: str | None
    review: bool
    count: int
    base: str
    port: int
    token: str | None
    profile: Any
    version: str
    seed: int
    verbose: bool
    as_json: bool
    deliveries: list[Delivery] = field(default_factory=list)

    async def run(self) -> int:
        """0 when every photo is accounted for and where it was expected."""
        from datetime import datetime

        from smartsort.api.security import kept_token
        from smartsort.bootstrap import open_sidecar
        from smartsort.config import load_settings
        from smartsort.demo.immich import DemoImmich
        from smartsort.demo.run import demo_settings, fresh_folder, sidecar_settings
        from smartsort.demo.server import exposed, serve
        from smartsort.doctor.permissions import NEEDS
        from smartsort.listening import listen
        from smartsort.service import run

        listening = listen("127.0.0.1", 0 if self.once else self.port)
        self.port = listening.getsockname()[1]
        root = fresh_folder(self.base, datetime.now().astimezone())
        os.makedirs(os.path.join(root, "library"))
        await asyncio.to_thread(self._deliver, os.path.join(root, "inbox"))
        least = [need.permission for need in NEEDS]
        own = self.photos is not None
        # Similarities are measured on drawn faces only: of a real face the demo knows nothing but its name.
        made = demo_settings(root, self.profile, self.version, own, least, machine_learning=not own)
        demo = DemoImmich(made)
        # The machine learning service has a port of its own, as beside a real Immich.
        async with serve(demo) as immich, exposed(demo) as learning:
            ml_url = None if own else learning.url
            values = sidecar_settings(root, immich.url, demo.key, self.port, own, ml_url=ml_url)
            token = self.token
            if token is None:
                token = await asyncio.to_thread(kept_token, root)
            # Folders and Immich are the demo's own. What may be fetched and who is told can be tried out.
            kept = ("SMARTSORT_API__", "SMARTSORT_NOTIFY__")
            environment = {k: v for k, v in os.environ.items() if k.startswith(kept) and "TOKEN" not in k}
            settings = load_settings(None, env=environment, overrides={**values, "api.token": token})
            await asyncio.to_thread(_write_settings, root, {**values, "api.token": token})
            if not self.once:
                port = listening.getsockname()[1]
                click.echo(f"HTTP API  http://127.0.0.1:{port}/docs\nToken     {token}")
            sidecar = await asyncio.to_thread(open_sidecar, settings)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, sidecar.stop)
            task = asyncio.create_task(run(sidecar, listening))
            try:
                complete = await self._sort(sidecar, task)
                status = await self._report(sidecar, demo, complete)
                if not self.once and not task.done():
                    if self.review:
                        await self._open_terminal_ui(token)
                    else:
                        await self._say_where(root, immich.url, token)
                        await task
                if self.once or self.review:
                    self._say_next()
            finally:
                sidecar.stop()
                await task
                await sidecar.close()
        return status

    def _deliver(self, inbox: str) -> None:
        """Fill the inbox, before anybody watches it."""
        from smartsort.demo.run import deliver_own, deliver_samples

        os.makedirs(inbox)
        if self.photos:
            source, what = deliver_own(inbox, self.photos), "photos copied"
        else:
            source, what = deliver_samples(inbox, self.count, self.seed), f"of {self.count:,} photos drawn"
        with counting(what) as count:
            for delivery in source:
                self.deliveries.append(delivery)
                count(len(self.deliveries))

    async def _sort(self, sidecar: Sidecar, task: asyncio.Task[None]) -> bool:
        """Watch the photos go, False when stopped before the end."""
        with counting(f"of {len(self.deliveries):,} photos sorted") as count:
            while not task.done():
                rest = await _at_rest(sidecar)
                count(rest)
                if rest >= len(self.deliveries):
                    if sidecar.measure is not None:
                        await sidecar.measure.measure_review()  # nothing else wants the demo's service
                    return True
                await asyncio.sleep(0.1)
        return False

    async def _report(self, sidecar: Sidecar, demo: DemoImmich, complete: bool) -> int:
        from collections import Counter
        from dataclasses import asdict

        from smartsort.cli.outcome import outcomes
        from smartsort.demo.run import IMMICH_LIBRARY, latency, own_photos_in_words, unmet

        rows = await sidecar.context.ledger.aread(lambda db: outcomes(db, sidecar.context.layout.inbox))
        root = sidecar.context.layout.root
        deliveries = [_in_folder_form(d) for d in self.deliveries]
        problems = [] if complete else ["stopped before every photo was sorted"]
        found = {path: row.folders for row in rows for path in (row.delivered, *row.companions)}
        problems += unmet(deliveries, found)
        totals = sorted(Counter(folder for row in rows for folder in row.folders).items())
        if self.as_json:
            print_json({"photos": list(map(asdict, rows)), "totals": dict(totals), "problems": problems})
            return 1 if problems else 0
        print_table(
            ("photo", "now in", "reason"),
            (
                # A file keeps its name, behind the prefix of its category: the folder is what matters.
                (
                    [row.delivered, *map(os.path.basename, row.companions)],
                    [f"{folder}/" for folder in row.folders],
                    row.reason,
                )
                for row in rows
            ),
        )
        click.echo("\nTotals")
        most = max((count for _, count in totals), default=1)
        print_table(
            ("folder", "photos", ""),
            ((f"{folder}/", count, "━" * -(-_BAR * count // most)) for folder, count in totals),
        )
        requests = demo.requests.total()
        click.echo(f"{requests} calls to Immich, {requests / max(1, len(rows)):.2f} per photo")
        if self.verbose:
            for (method, path), count in demo.requests.most_common():
                click.echo(f"  {count:5} {method} {path}")
        filed = {f"{IMMICH_LIBRARY}/{r.library}": r.routed_at for r in rows if r.library and r.routed_at}
        waits = latency(demo.finished, filed)
        if waits:
            click.echo(f"from Immich finished to filed: median {waits[0]:.2f} s, 95% within {waits[1]:.2f} s")
        click.echo(f"the folders: {root}")
        for problem in problems:
            click.secho(f"wrong: {problem}", fg="red")
        if not problems and self.photos:
            click.echo(own_photos_in_words(deliveries, len(rows)))
        elif not problems:
            click.echo(f"all {len(rows)} photos are accounted for and where they were expected")
        return 1 if problems else 0

    async def _open_terminal_ui(self, token: str) -> None:
        """Run `smartsort-tui` in this terminal until the person leaves it."""
        environment = os.environ | {
            "SMARTSORT_URL": f"http://127.0.0.1:{self.port}",
            "SMARTSORT_TOKEN": token,
        }
        screen = await asyncio.create_subprocess_exec(sys.executable, "-m", "smartsort_tui", env=environment)
        await screen.wait()

    async def _say_where(self, root: str, immich: str, token: str) -> None:
        import httpx

        from smartsort.files.private import TOKEN_FILE

        given = f"--token {shlex.quote(token)}"
        if self.token is None:
            given = f"--token-file {shlex.quote(os.path.join(root, TOKEN_FILE))}"
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            page = f"http://127.0.0.1:{self.port}"
            link = await client.post(f"{page}/api/smart-download/session/link")
        click.echo(
            f"\nThe sidecar goes on: drop photos into {root}/inbox\n"
            f"Page      {page}{link.json()['path']}   (signs in once, within ten minutes)\n"
            f"Review    {_program('smartsort-tui')} --url http://127.0.0.1:{self.port} {given}"
            "   (in another terminal)\n"
            f"Check     {_program('smartsort')} doctor --root {shlex.quote(root)}\n"
            f"Immich    {immich} (the demo)\n"
            f"{_your_own()}\n"
            "Ctrl-C stops all.",
        )

    def _say_next(self) -> None:
        photos = f" --photos {shlex.quote(self.photos)}" if self.photos else ""
        again = f"{_program('smartsort')} demo --review{photos}   (sorts them again, opens the terminal UI)"
        click.echo(f"\n{_your_own()}" if self.review else f"\nReview    {again}\n{_your_own()}")


def _your_own() -> str:
    return f"Your own  {_program('smartsort')} setup   (connects smartsort to your Immich)"


def _program(name: str) -> str:
    """Return how to start a program of this installation: `uv run` in a clone, else its path."""
    import smartsort

    clone = os.path.dirname(os.path.dirname(os.path.dirname(smartsort.__file__)))
    if os.path.exists(os.path.join(clone, "pyproject.toml")):
        return f"uv run {name}"
    return shlex.quote(os.path.join(os.path.dirname(sys.executable), name))


def _write_settings(root: str, values: Mapping[str, object]) -> None:
    """Leave the settings in the root, so that other commands need no more than `--root`."""
    from datetime import datetime

    from smartsort.setup import file

    table = file.with_values({}, {**values, "root": "."})
    file.write(os.path.join(root, file.NAME), file.as_toml(table), datetime.now().astimezone())


async def _at_rest(sidecar: Sidecar) -> int:
    """Return files that came to rest: photos, and the raw photos and clips that travel with them."""
    from smartsort.ledger import shots

    return await sidecar.context.ledger.aread(shots.files_at_rest)


def _in_folder_form(delivery: Delivery) -> Delivery:
    """The expectation with people's folders as the naming rule writes them, and names as they are shown."""
    from dataclasses import replace

    from smartsort.core.naming import folder_name
    from smartsort.files.shown import shown

    copy_of = None if delivery.copy_of is None else shown(delivery.copy_of)
    delivery = replace(delivery, path=shown(delivery.path), copy_of=copy_of)
    area, _, name = (delivery.expected or "").partition("/")
    return replace(delivery, expected=f"faces/{folder_name(name)}") if area == "faces" else delivery
