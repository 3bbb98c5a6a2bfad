"""The parts of the reference that are made from the code are what the code has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tools.reference import DOCS, PARTS, keys, pages, reasons, renewed, routes
from tools.reference.__main__ import main

from smartsort.audit.findings import Code
from smartsort.core.event_kinds import EventKind
from smartsort.core.rules import RULES
from smartsort.core.wording import REASON_CODES
from smartsort.pipeline.engine.health import HealthIssueKind
from smartsort_tui.keys import key_bindings

PAGES = list(pages())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_up_to_date(page):
    assert main([str(page)]) == 0, "run: python -m tools.reference --write"


def test_every_part_stands_on_one_page():
    text = "".join(page.read_text("utf-8") for page in DOCS.rglob("*.md"))
    assert {name: text.count(f"<!-- made by tools.reference: {name} -->") for name in PARTS} == dict.fromkeys(
        PARTS, 1
    )


def test_checking_finds_an_old_part_and_writing_repairs_it_and_nothing_else(tmp_path, capsys):
    page = DOCS / "reference" / "settings.md"
    copy = Path(shutil.copy(page, tmp_path))
    copy.write_text(copy.read_text("utf-8").replace("| `8484` |", "| `80` |").replace("# Settings", "# Own"))
    assert main([str(copy)]) == 1
    assert "out of date" in capsys.readouterr().err
    assert main(["--write", str(copy)]) == 0
    assert copy.read_text("utf-8") == page.read_text("utf-8").replace("# Settings", "# Own")


def test_an_unknown_part_is_an_error():
    with pytest.raises(KeyError, match="nothing"):
        renewed("<!-- made by tools.reference: nothing -->\n<!-- end -->")


def test_it_has_everything_that_has_a_name():
    made = (reasons.rules, reasons.reasons, reasons.events, reasons.health, reasons.findings, keys.table)
    text = "".join(f"{part()}\n" for part in made)
    names = (rule.name for rule in RULES)
    for name in (*names, *REASON_CODES, *EventKind, *HealthIssueKind, *Code, *key_bindings()):
        assert f"| `{name}` | " in text, name
    assert "|  |" not in text, "something has no words"
    assert "None" not in text


def test_a_route_has_its_scope_parameters_body_and_answers():
    section = routes.sections().split("#### POST /api/smart-download/review/{id}/approve")[1].split("####")[0]
    assert "Scope: `review`. Body: [Approve](#approve). Answers: 200 [ActionResultView]" in section
    assert "| `id` | path | whole number from 1 |" in section
    assert '"person": "john_doe"' in section


def test_a_shape_has_its_fields_with_their_meaning_and_an_example():
    section = routes.shapes().split("### KnownContent")[1].split("###")[0]
    assert "| `available` | true or false | False if the only copy is in a trash. |" in section
    assert '"known": true' in section
