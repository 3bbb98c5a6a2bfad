"""`smartsort people`: whom Immich knows, and the lists that say who gets a folder."""

from __future__ import annotations

from typing import Any

import click

from smartsort.cli.output import examples, json_option, print_json, print_table
from smartsort.cli.sidecar import Sidecar, with_sidecar
from smartsort.core.naming import same_name
from smartsort.errors import SmartsortError


@click.group(
    "people", epilog=examples("smartsort people list", 'smartsort people whitelist add "Anna Smith"')
)
def command() -> None:
    """List Immich's people, and change the whitelist and the blacklist."""


@command.command("list", epilog=examples("smartsort people list --search anna"))
@with_sidecar
@click.option("--search", default="", metavar="TEXT", help="Only people whose name contains TEXT.")
@json_option
def list_people(sidecar: Sidecar, *, search: str, as_json: bool) -> None:
    """List the people with a name, those with most photos first."""
    found: Any = sidecar.ask("GET", "/people", search=search)
    if as_json:
        print_json(found)
        return
    print_table(
        ("name", "photos", "folder", "list"),
        ((one["name"], one["photos"], f"faces/{one['folder']}", one["listed"]) for one in found),
    )
    click.echo(f"{len(found):,} people")
    for one in found:
        if one["mixed"]:
            text = "The faces under the name {} look like two people's: {} like one, {} like the other."
            click.echo(text.format(one["name"], *one["mixed"]))


@command.command("one-person", epilog=examples('smartsort people one-person "Anna Smith"'))
@with_sidecar
@click.argument("name")
@json_option
def one_person(sidecar: Sidecar, *, name: str, as_json: bool) -> None:
    """Say that all faces of NAME are one person's, although they look like those of two people.

    Photos that wait for this are judged again. NAME may be an id of Immich. `smartsort undo` takes it back.
    """
    mixed = [one for one in sidecar.ask("GET", "/people", limit=5000) if one["mixed"]]
    found = [one for one in mixed if one["id"] == name] or [
        one for one in mixed if same_name(one["name"], name)
    ]
    if len(found) != 1:
        names = ", ".join(f"{one['name']} ({one['id']})" for one in found or mixed) or "nobody"
        why = "more than one is called that" if found else "they are not taken for two people"
        raise SmartsortError(f"{name}: {why}. People who may be two: {names}")
    answer = sidecar.ask("POST", f"/people/{found[0]['id']}/one-person")
    if as_json:
        print_json(answer)
        return
    event = answer["event"]
    click.echo(f"{found[0]['name']} is one person. `smartsort undo --event {event}` reverses that")


def _list_commands(name: str, meaning: str) -> None:
    """Both lists have the same three commands."""

    @command.group(name, help=meaning, epilog=examples(f"smartsort people {name} list"))
    def group() -> None: ...

    @group.command("list", help=f"Show the {name}.", epilog=examples(f"smartsort people {name} list"))
    @with_sidecar
    @json_option
    def read(sidecar: Sidecar, *, as_json: bool) -> None:
        _tell(name, sidecar.ask("GET", f"/config/{name}"), as_json=as_json)

    def changes(verb: str, text: str) -> None:
        @group.command(verb, help=text, epilog=examples(f'smartsort people {name} {verb} "Anna Smith" bob'))
        @with_sidecar
        @click.argument("names", nargs=-1, required=True)
        @json_option
        def change(sidecar: Sidecar, *, names: tuple[str, ...], as_json: bool) -> None:
            answer = sidecar.ask("PATCH", f"/config/{name}", {verb: list(names)})
            _tell(name, answer, as_json=as_json)

    changes("add", f"Add NAMES to the {name}. A name that Immich does not know counts when Immich has it.")
    changes("remove", f"Take NAMES off the {name}.")


_list_commands("whitelist", "People who get a folder. An empty list means every named person.")
_list_commands("blacklist", "People whose photos never go into a person's folder.")


def _tell(name: str, answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for each in answer["names"]:
        click.echo(each)
    click.echo(f"{len(answer['names']):,} on the {name}", err=True)
    for warning in answer["warnings"]:
        click.echo(f"note: {warning}", err=True)
