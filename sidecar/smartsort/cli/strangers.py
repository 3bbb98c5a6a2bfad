"""`smartsort strangers`: faces that nobody has named, and what is said of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from smartsort.cli.output import examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, preview_and_do, tell_decided, with_sidecar
from smartsort.errors import SmartsortError

_QUESTION = "Do this to {} photos?"
_GROUPS = click.argument("groups", nargs=-1, required=True, metavar="GROUP...")


@click.group(
    "strangers",
    epilog=examples(
        "smartsort strangers list", 'smartsort strangers name 3f1c9a0be2d45c77 "Mia Berg" --create'
    ),
)
def command() -> None:
    """Name groups of unknown faces at once, or say for good that they do not matter.

    A group is called by its id. The first digits are enough.
    """


@command.command("list", epilog=examples("smartsort strangers list"))
@with_sidecar
@json_option
def list_groups(sidecar: Sidecar, *, as_json: bool) -> None:
    """List the groups of faces, the largest first."""
    found = sidecar.ask("GET", "/strangers")
    if as_json:
        print_json(found)
        return
    print_table(("group", "photos", "taken", "sources"), (_row(group) for group in found["groups"]))
    click.echo(
        f"{len(found['groups']):,} groups of {found['faces']:,} faces. Measured: {found['measured']:,} of"
        f" {found['waiting']:,} photos"
    )


@command.command("sheet", epilog=examples("smartsort strangers sheet 3f1c --output mia.jpg"))
@with_sidecar
@click.argument("group")
@click.option("--output", type=click.Path(dir_okay=False), required=True, help="The picture to write.")
def sheet(sidecar: Sidecar, *, group: str, output: str) -> None:
    """Write the faces of GROUP as one picture."""
    [chosen] = _chosen(sidecar, [group])
    content = sidecar.picture(chosen["sheet"])
    with open(output, "xb") as file:
        file.write(content)
    click.echo(f"{len(chosen['faces'])} faces: {output}")


@command.command("name", epilog=examples('smartsort strangers name 3f1c "Mia Berg" --create --without 3'))
@with_sidecar
@_GROUPS
@click.argument("person")
@click.option("--create", is_flag=True, help="Make a new person in Immich.")
@click.option("--without", multiple=True, type=int, metavar="NUMBER", help="Leave out a face of the sheet.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def name(
    sidecar: Sidecar,
    *,
    groups: Sequence[str],
    person: str,
    create: bool,
    without: Sequence[int],
    **how: bool,
) -> None:
    """Say that the faces of GROUPs are PERSON's. Several groups become one person's."""
    asked = {"faces": _faces(_chosen(sidecar, groups), without), "person": {"name": person, "create": create}}
    sys.exit(preview_and_do(sidecar, "/strangers/name", asked, _QUESTION, **how))


@command.command(
    "mark", epilog=examples("smartsort strangers mark ignored 3f1c", "smartsort strangers mark not_a_face 7a")
)
@with_sidecar
@click.argument("kind", type=click.Choice(("ignored", "not_a_face")))
@_GROUPS
@click.option("--without", multiple=True, type=int, metavar="NUMBER", help="Leave out a face of the sheet.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def mark(
    sidecar: Sidecar,
    *,
    kind: str,
    groups: Sequence[str],
    without: Sequence[int],
    **how: bool,
) -> None:
    """Say for good that the faces of GROUPs, and faces like them, do not matter or are no faces."""
    asked = {"faces": _faces(_chosen(sidecar, groups), without), "kind": kind}
    sys.exit(preview_and_do(sidecar, "/strangers/mark", asked, _QUESTION, **how))


@command.command("join", epilog=examples("smartsort strangers join 3f1c 7a20"))
@with_sidecar
@_GROUPS
@json_option
def join(sidecar: Sidecar, *, groups: Sequence[str], as_json: bool) -> None:
    """Say for good that the faces of GROUPs are one person's."""
    asked = {"faces": _faces(_chosen(sidecar, groups), ()), "kind": "same"}
    sys.exit(tell_decided(sidecar.ask("POST", "/strangers/mark", asked), as_json=as_json))


@command.command("split", epilog=examples("smartsort strangers split 3f1c 3 7"))
@with_sidecar
@click.argument("group")
@click.argument("numbers", nargs=-1, required=True, type=int, metavar="NUMBER...")
@json_option
def split(sidecar: Sidecar, *, group: str, numbers: Sequence[int], as_json: bool) -> None:
    """Say for good that the faces with NUMBERs on the sheet are not the person of GROUP."""
    [chosen] = _chosen(sidecar, [group])
    everybody = range(1, len(chosen["faces"]) + 1)
    asked = {
        "faces": _faces([chosen], [number for number in everybody if number not in numbers]),
        "others": _faces([chosen], numbers),
        "kind": "apart",
    }
    sys.exit(tell_decided(sidecar.ask("POST", "/strangers/mark", asked), as_json=as_json))


@command.command("verdicts", epilog=examples("smartsort strangers verdicts"))
@with_sidecar
@json_option
def verdicts(sidecar: Sidecar, *, as_json: bool) -> None:
    """List what was said of faces for good."""
    found = sidecar.ask("GET", "/strangers/verdicts")
    if as_json:
        print_json(found)
        return
    rows = ((one["key"], one["kind"], one["person"], len(one["photos"]), one["at"][:10]) for one in found)
    print_table(("verdict", "what", "person", "photos", "said"), rows)


@command.command("revoke", epilog=examples("smartsort strangers revoke 9a3c51d20be7f846"))
@with_sidecar
@click.argument("verdict")
@json_option
def revoke(sidecar: Sidecar, *, verdict: str, as_json: bool) -> None:
    """Take back VERDICT. Photos in review are judged again."""
    sys.exit(tell_decided(sidecar.ask("POST", f"/strangers/verdicts/{verdict}/revoke"), as_json=as_json))


def _row(group: dict[str, Any]) -> tuple[object, ...]:
    days = [(group[end] or "")[:10] for end in ("first", "last")]
    taken = " to ".join(dict.fromkeys(day for day in days if day))
    return group["id"], len(group["faces"]), taken, ", ".join(f"{n} {s}" for s, n in group["sources"].items())


def _chosen(sidecar: Sidecar, groups: Sequence[str]) -> list[dict[str, Any]]:
    known = sidecar.ask("GET", "/strangers")["groups"]
    chosen = []
    for prefix in groups:
        found = [group for group in known if group["id"].startswith(prefix)]
        if len(found) != 1:
            how_many = "more than one group begins" if found else "no group begins"
            raise SmartsortError(f"{how_many} with {prefix}. `smartsort strangers list` shows the groups")
        chosen += found
    return chosen


def _faces(groups: Sequence[dict[str, Any]], without: Sequence[int]) -> dict[str, list[str]]:
    if without and len(groups) > 1:
        raise click.UsageError("--without is about the faces of one group.")
    faces: dict[str, list[str]] = {}
    for group in groups:
        for number, face in enumerate(group["faces"], 1):
            if number not in without:
                faces.setdefault(str(face["photo_id"]), []).append(face["id"])
    return faces
