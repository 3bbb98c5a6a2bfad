"""`smartsort audit`: the proof that nothing is lost, and mending what people changed by hand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from smartsort.cli.common import load, settings_options
from smartsort.cli.output import counting, examples, json_option, print_json

if TYPE_CHECKING:
    from smartsort.audit import Report
    from smartsort.config import Settings

COULD_NOT = 3
SHOWN = 200


@click.command(
    "audit", epilog=examples("smartsort audit", "smartsort audit --quick --json", "smartsort audit --repair")
)
@settings_options
@click.option("--quick", is_flag=True, help="Compare sizes, times and inodes only. Do not read the files.")
@click.option("--repair", is_flag=True, help="Follow what you moved, renamed, edited or deleted by hand.")
@click.option("--accept-loss", is_flag=True, help="With --repair: record a missing file as lost.")
@json_option
def command(config_path: str | None, root: str | None, **options: Any) -> None:
    """Check that every accepted photo is where the ledger says, with its bytes intact.

    You can run it beside a running smartsort. Exit status: 0 clean, 1 files were changed by hand (repaired
    or not), 2 bytes are missing or damaged, 3 the audit was not possible.
    """
    from smartsort.errors import SmartsortError

    if options["accept_loss"] and not options["repair"]:
        raise click.UsageError("--accept-loss needs --repair.")
    settings = load(config_path, root)
    try:
        report = _audit(settings, **options)
    except SmartsortError as problem:
        click.echo(f"smartsort: {problem}", err=True)
        sys.exit(COULD_NOT)
    if options["as_json"]:
        print_json(_plain(report))
    else:
        _tell(report)
    sys.exit(int(report.weight))


def _audit(settings: Settings, *, quick: bool, repair: bool, accept_loss: bool, **_: Any) -> Report:
    from smartsort.audit import Audit
    from smartsort.rescue.offline import layout_of, offline_context

    with counting("photos checked") as count:
        report = Audit(layout_of(settings), quick=quick, progress=count).run()
    if repair and report.findings:
        from smartsort.audit.repair import Repair

        with offline_context(settings) as context:
            Repair(context, accept_loss=accept_loss).run(report)
    return report


def _plain(report: Report) -> dict[str, Any]:
    return {
        "status": report.weight.name.lower(),
        "photos": report.photos,
        "names": report.names,
        "bytes_read": report.read_bytes,
        "deep": report.deep,
        "running": report.running,
        "being_moved": report.being_moved,
        "seconds": round(report.seconds, 3),
        "findings": [
            {
                "code": f.code.value,
                "weight": f.weight.name.lower(),
                "photo_id": f.photo_id,
                "path": _safe(f.path),
                "what": f.what,
                "remedy": f.remedy,
                "mended": f.mended,
            }
            for f in report.findings
        ],
        "left_out": report.left_out,
    }


def _safe(path: str | None) -> str | None:
    from smartsort.files.shown import shown

    return None if path is None else shown(path)


def _tell(report: Report) -> None:
    for finding in report.findings[:SHOWN]:
        click.echo(f"{finding.weight.name:5} {finding.code.value:13} {finding.what}")
        click.echo(f"      {'mended: ' + finding.mended if finding.mended else 'remedy: ' + finding.remedy}")
    rest = len(report.findings) - SHOWN + report.left_out
    if rest > 0:
        click.echo(f"... and {rest:,} more (--json lists them)")
    how = "sizes, times and inodes" if not report.deep else f"every byte ({report.read_bytes:,})"
    beside = f", {report.being_moved} in progress in a running smartsort" if report.running else ""
    click.echo(
        f"{report.photos:,} photos under {report.names:,} names, {how}, in {report.seconds:.1f} s{beside}: "
        + {0: "clean", 1: "nothing is lost, but ledger and disk differed", 2: "LOSS"}[int(report.weight)]
    )
