"""Reasons, categories and kinds are written once; everything else names what defines them."""

import ast
import functools
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

import smartsort
from smartsort.config.service import NotifyEvent
from smartsort.config.sorting import ReviewCategories
from smartsort.core.model import Category
from smartsort.core.rules import RULES
from smartsort.core.wording import REASON_CODES
from smartsort.notify.messages import TOLD

ROOT = Path(smartsort.__file__).parent

APART = ("demo/", "api/schemas/", "api/examples.py")
"""The demo knows nothing of the sidecar, and examples show what clients read."""

OF_OTHERS = {
    ("actions/values.py", "ambiguous_name"),  # why an action is refused
    ("api/decisions.py", "duplicates"),  # examples
    ("api/decisions.py", "low_confidence"),
    ("api/metrics.py", "duplicate"),  # the name of a number
    ("audit/findings.py", "unreadable"),  # what the audit finds
    ("runtime_settings/settings.py", "multiple_faces"),  # the setting
    ("config/sorting.py", "multiple_faces"),
    ("core/event_kinds.py", "download_failed"),  # the event
    ("core/explain.py", "category_off"),  # the change
    ("immich/albums.py", "duplicate"),  # Immich's word
    ("ledger/policies.py", "multiple_faces"),  # a key of stored settings
    ("ledger/records.py", "unreadable"),  # a key of stored evidence
    ("ledger/statistics.py", "duplicates"),  # the name of a total
    ("pipeline/engine/health.py", "mixed_person"),  # the health issue
}
"""Words that mean something else there."""


@functools.cache
def modules():
    """All modules, as syntax trees by their path."""
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


def literals(tree):
    """The strings of a module, without its docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def written_outside(words, *homes):
    """Where such a word is written although it is not its home."""
    return {
        (module, text)
        for module, tree in modules().items()
        if not module.startswith((*homes, *APART))
        for text in set(literals(tree)) & set(words)
    }


def made(name):
    """The first arguments of all calls of this name."""
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield ast.literal_eval(node.args[0])


@pytest.mark.parametrize("kind", ["ReasonKind", "ChangeKind"])
def test_a_code_has_one_definition(kind):
    assert [code for code, times in Counter(made(kind)).items() if times > 1] == []


def test_every_reason_that_is_defined_is_given_by_a_rule_or_named_as_one_that_none_gives():
    assert set(made("ReasonKind")) == REASON_CODES
    of_rules = [kind.code for rule in RULES for kind in rule.reasons]
    assert len(of_rules) == len(set(of_rules))


def test_nobody_else_writes_a_reason_a_prefix_or_a_category():
    words = REASON_CODES | {rule.prefix for rule in RULES} | set(Category)
    assert written_outside(words, "core/reasons.py", "core/rules/", "core/model.py") == OF_OTHERS


def test_a_category_is_a_folder_that_can_be_switched_off():
    assert list(ReviewCategories.model_fields) == list(Category)


def test_what_a_digest_tells_can_be_asked_for():
    assert {told.wanted for told in TOLD.values()} | {"health"} == set(get_args(NotifyEvent))
