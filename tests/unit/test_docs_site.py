"""The documentation is one site: every page can be reached, and every link leads somewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "sidecar" / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md"))}
NAV = tomllib.loads((ROOT / "sidecar" / "zensical.toml").read_text("utf-8"))["project"]["nav"]
# Records are listed by an index of their own.
RECORDS = {name for name in PAGES if name.startswith("contributing/adr/0")}


def leaves(entries: list) -> Iterator[str]:
    for entry in entries:
        (value,) = entry.values()
        if isinstance(value, str):
            yield value
        else:
            yield from leaves(value)


def links(text: str) -> list[tuple[str, str]]:
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", text)


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_in_the_navigation():
    assert sorted(leaves(NAV)) == sorted(PAGES.keys() - RECORDS)


def test_every_page_is_linked_from_the_first_one():
    linked = {target for target, _ in links(PAGES["index.md"])}
    assert PAGES.keys() - RECORDS - linked == {"index.md"}
    listed = {f"contributing/adr/{target}" for target, _ in links(PAGES["contributing/adr/index.md"])}
    assert listed == RECORDS


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_page_and_a_heading(name):
    for target, heading in links(PAGES[name]):
        found = ((DOCS / name).parent / target).resolve() if target else DOCS / name
        assert found.is_relative_to(DOCS), f"{target} is not part of the site"
        assert found.is_file(), target
        assert not heading or heading in anchors(found.read_text("utf-8")), f"{target}#{heading}"


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_the_pages_beside_the_site_link_into_it(name):
    targets = re.findall(r"\]\((sidecar/docs/[^)#]+)", (ROOT / name).read_text("utf-8"))
    assert [target for target in targets if not (ROOT / target).is_file()] == []


def test_every_page_has_one_title():
    for name, text in PAGES.items():
        plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        assert len(re.findall(r"^# ", plain, re.MULTILINE)) == 1, name
