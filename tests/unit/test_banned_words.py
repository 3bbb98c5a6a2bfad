"""One word for one thing: words that were given up come back neither in code nor in help, pages or tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTEAD = {
    "anew": "again",
    "bells?": "wakeup, notification",
    "chaos": "storage test",
    "den(?:y|ied_person|ials?)": "rule out",
    "errands?": "call context, command executor",
    "healed": "auto_resolved",
    "look_again_seconds": "recheck_interval_seconds",
    "moody": "faulty",
    "not_taught|untaught": "immich_update_failed, face_unassigned",
    "rejudged?": "re-evaluate",
    "shel(?:f|ved?|ves|ving)": "place, library, shard",
    "source document": "nothing outside the repository: say what it is",
    "teachings": "feedback",
    "troubles?": "health issue",
    "unsettled": "needs recovery",
    "wish(?:es)?": "request, planned name",
    "zygote": "fork server",
}
"""Expressions, and the words of the glossary that took their place."""

ALLOWED = {
    # Kinds, codes and tables as ledgers from before hold them.
    "sidecar/smartsort/core/event_kinds.py": r"healed|denied|untaught|not_taught|rejudged",
    "sidecar/smartsort/core/reasons.py": r"denied_person",
    # A header has this value.
    "sidecar/smartsort/api/page.py": r"DENY",
    "tests/e2e/test_page_security.py": r"DENY",
    "sidecar/smartsort/ledger/migrations/first.py": r"teachings|denials",
    "sidecar/smartsort/ledger/migrations/later.py": r"teachings|denials",
    "tests/integration/test_ledger_old_kinds.py": r".*",
    "tests/integration/test_ledger_upgrades.py": r"teachings|denials",
    "tests/ledger_schemas.py": r"teachings|denials",
    # What the pipeline was like, and what a term is not called.
    "ARCHITECTURE.md": r"trouble|shelve",
    "sidecar/docs/glossary.md": r"deny",
    "tests/unit/test_banned_words.py": r".*",
}
ELSEWHERE = re.compile(
    r"\b(?:facts?|pitfalls?) \d+\b|\.\./shared/(?!inputs|immich|faces|photos|ml-standin)", re.IGNORECASE
)
"""References to documents that are not in the repository."""


def texts():
    """Every text file of the repository that people read, with its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    found = {}
    for name in listed.stdout.split("\0"):
        folder = name.startswith(("sidecar/", "tui/", "tests/", "tools/", "docker/"))
        read = name.endswith((".py", ".md", ".toml", ".yml", ".tcss", ".yaml"))
        if (folder or "/" not in name) and read and not name.startswith(("tests/data/", "CHANGELOG")):
            found[name] = (ROOT / name).read_text("utf-8")
    return found


def found(expression):
    """Where an expression stands outside what is allowed."""
    word = re.compile(rf"\b(?:{expression})\b", re.IGNORECASE)
    for name, text in texts().items():
        if not word.search(text):
            continue
        allowed = re.compile(ALLOWED.get(name, r"(?!)"), re.IGNORECASE)
        for number, line in enumerate(text.splitlines(), 1):
            if any(not allowed.fullmatch(hit[0]) for hit in word.finditer(line)):
                yield f"{name}:{number}: {line.strip()[:90]}"


@pytest.mark.parametrize("word", INSTEAD)
def test_a_word_that_was_given_up_stays_away(word):
    assert not list(found(word)), INSTEAD[word]


def test_nothing_refers_to_documents_outside_the_repository():
    places = [
        f"{name}:{number}"
        for name, text in texts().items()
        if name != "tests/unit/test_banned_words.py"
        for number, line in enumerate(text.splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert places == []
