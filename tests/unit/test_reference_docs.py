"""The page of reasons, events and health issues is what the code has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from smartsort.core.event_kinds import EventKind
from smartsort.core.rules import RULES
from smartsort.core.wording import REASON_CODES
from smartsort.pipeline.engine.health import HealthIssueKind

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location(
    "smartsort_tools_reference_docs", ROOT / "tools" / "reference_docs.py"
)
docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(docs)


def test_the_page_is_up_to_date():
    assert docs.main([]) == 0, "run: python tools/reference_docs.py --write"


def test_it_has_every_rule_reason_event_and_health_issue():
    text = docs.page()
    for name in (*(rule.name for rule in RULES), *REASON_CODES, *EventKind, *HealthIssueKind):
        assert f"| `{name}` | " in text, name
    assert "|  |" not in text, "something has no words"


def test_checking_finds_an_old_page_and_writing_repairs_it(tmp_path, capsys):
    copy = tmp_path / "page.md"
    copy.write_text(docs.page().replace("unreadable_", "old_"))
    assert docs.main([str(copy)]) == 1
    assert "out of date" in capsys.readouterr().err
    assert docs.main(["--write", str(copy)]) == 0
    assert copy.read_text() == docs.page()
