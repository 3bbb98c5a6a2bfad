"""`python -m tests.bench`: measures and prints a table; nothing of it is a test."""

from __future__ import annotations

import importlib
import shutil
import tempfile

import click
from rich.console import Console
from tests.bench.report import Figure, machine, show, write

BENCHES = (
    "intake",
    "videos",
    "throughput",
    "pace",
    "scale",
    "audit",
    "startup",
    "strangers",
    "library",
    "page",
    "phones",
)


@click.command()
@click.option("--only", type=click.Choice(BENCHES), multiple=True, help="Only these.")
@click.option("--row", "rows", multiple=True, help="Only these rows of `videos`, as its ROWS lists them.")
@click.option("--quick", is_flag=True, help="Smaller sizes, for trying it out; its figures prove nothing.")
@click.option("--json", "json_path", metavar="FILE", help="Write the figures as JSON too.")
@click.option("--scratch", metavar="DIR", help="A folder on the file system to measure.")
def main(
    only: tuple[str, ...], rows: tuple[str, ...], quick: bool, json_path: str | None, scratch: str | None
) -> None:
    """Measure smartsort beside its yardsticks."""
    console = Console()
    console.print(machine())
    figures: list[Figure] = []
    for name in only or BENCHES:
        folder = tempfile.mkdtemp(prefix="smartsort-bench-", dir=scratch)
        try:
            own = {"rows": rows} if rows and name == "videos" else {}
            for figure in importlib.import_module(f"tests.bench.{name}").run(folder, quick=quick, **own):
                ratio = f", {figure.judged:.2f} of the yardstick" if figure.yardstick else ""
                console.print(f"{figure.bench}: {figure.what}: {figure.ours:.3g} {figure.unit}{ratio}")
                figures.append(figure)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    show(figures, console)
    if json_path:
        write(figures, json_path)


if __name__ == "__main__":
    main()
