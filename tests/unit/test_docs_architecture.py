"""ARCHITECTURE.md says what is there: packages, states, layers and arrows are compared with the code."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

import pytest

from smartsort.core.model import AT_REST, State

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), ROOT / "changelog.d" / "README.md"]
FILE = r"(?:python )?((?:openapi|tests|tools|sidecar|tui)/[\w./-]*)(?: .*)?"
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
SMARTSORT = ROOT / "sidecar" / "smartsort"
SOURCES = {"smartsort": SMARTSORT, "smartsort_tui": ROOT / "tui" / "smartsort_tui"}
CONTRACTS = configparser.ConfigParser()
CONTRACTS.read(ROOT / ".importlinter")


def block(kind):
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return found


def layers(contract):
    """The lines of a contract. Parentheses only say that a package may be missing."""
    lines = CONTRACTS[f"importlinter:contract:{contract}"]["layers"].strip().splitlines()
    return [re.sub(r"[()]", "", line) for line in lines]


def exists(path):
    return path.is_dir() or path.with_suffix(".py").is_file()


def packages(folder):
    """Names of the packages and modules in a folder."""
    return {
        p.stem for p in folder.iterdir() if not p.name.startswith("_") and (p.suffix == ".py" or p.is_dir())
    }


def test_the_layers_are_those_that_are_enforced():
    assert block("text layers").splitlines() == layers("layers")
    assert block("text pipeline").splitlines() == layers("pipeline")


def test_every_package_has_its_line():
    rows = re.findall(r"^\| (`.+?) \|", TEXT, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(packages(SMARTSORT))
    assert packages(SMARTSORT / "pipeline") == set(re.findall(r"\w+", block("text pipeline")))


def test_everything_that_is_named_is_there():
    for quoted in re.findall(r"`([^`\n]+)`", TEXT):
        top, *rest = quoted.split(".")
        if top in SOURCES:
            assert exists(SOURCES[top].joinpath(*rest)), quoted
        elif re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", quoted):
            assert exists(SMARTSORT.joinpath(top, *rest)), quoted
        elif match := re.fullmatch(FILE, quoted):
            assert (ROOT / match[1]).exists(), quoted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text()
    for target, heading in re.findall(r"\]\((?!https?:|\.\./\.\./)([^)#]*)#?([^)]*)\)", text):
        found = page.parent / target if target else page
        assert found.exists(), target
        headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE) if heading else ()
        assert not heading or heading in {title.lower().replace(" ", "-") for title in headings}


def test_every_part_of_the_program_can_be_found():
    for name in ("a rule", "an intake", "a screen", "an Immich call", "a notification", "a setting"):
        assert f"**{name[0].upper()}{name[1:]}" in TEXT
    (invariants,) = re.findall(r"## Five invariants\n(.*?)\n## ", TEXT, re.DOTALL)
    assert re.findall(r"^(\d)\. \*\*", invariants, re.MULTILINE) == list("12345")


def test_the_diagram_has_every_state():
    arrows = re.findall(r"^ +(\S+) --> (\S+?)(?:: .+)?$", block("mermaid\nstateDiagram-v2"), re.MULTILINE)
    assert {end for arrow in arrows for end in arrow} == {*State, "[*]"}
    assert {end for _, end in arrows} == {*State, "[*]"}, "a state that no photo can get into"
    rest = re.search(r"^(.+) are places of rest", TEXT, re.MULTILINE)[1]
    assert {State(name) for name in re.findall(r"`(\w+)`", rest)} == set(AT_REST)


def test_the_arrows_are_the_imports():
    drawn = set()
    for start, ends in re.findall(r"^ +(\w+) --> (.+)$", block("mermaid\nflowchart TD"), re.MULTILINE):
        drawn |= {(start, end) for end in ends.split(" & ")}
    there = set()
    for path in (SMARTSORT / "pipeline").rglob("*.py"):
        start = path.relative_to(SMARTSORT / "pipeline").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
            else:
                modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            ends = {m.split(".")[2] for m in modules if m.startswith("smartsort.pipeline.")}
            there |= {(start, end) for end in ends - {start}}
    assert drawn == there
