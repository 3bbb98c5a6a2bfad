"""The sentences of the documentation are short, and the script that says so counts what it should."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("smartsort_tools_prose", ROOT / "tools" / "prose.py")
prose = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(prose)
PACKAGES = prose.packages()


@pytest.mark.parametrize("page", prose.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sentences_are_short_and_not_joined_by_semicolons(page):
    holds(prose.read(page.read_text("utf-8")))


@pytest.mark.parametrize("package", PACKAGES)
def test_texts_that_users_see_are_short_and_not_joined_by_semicolons(package):
    holds(
        prose.measured(
            text for path in PACKAGES[package] for text in prose.shown_texts(path.read_text("utf-8"))
        )
    )


def holds(found):
    # A page of thirty sentences may have one.
    assert len(found.joined) <= max(1, 0.02 * len(found.sentences)), found.joined
    assert len(found.long) <= max(1, 0.05 * len(found.sentences)), found.long


def test_texts_for_users_and_remarks_are_told_apart():
    code = '''"""A module; with a joint."""
LIMIT = 3
"""What it is for; a field."""
# A comment of
# two lines; joined.
raise ValueError(f"{LIMIT} is too large; take less")
db.execute("SELECT a; b FROM c")
say("word")
'''
    assert list(prose.shown_texts(code)) == ["NAME is too large; take less"]
    assert list(prose.remarks(code)) == [
        "A module; with a joint.",
        "What it is for; a field.",
        "A comment of two lines; joined.",
    ]


def test_code_tables_lists_and_headings_are_told_apart():
    text = """# A; title

One sentence. Another one; with a joint. `a;b` is code here.

- an entry of a list
- another entry; with a joint

| the head of it | of a table |
|---|---|
| one cell of it | a cell; with a joint |

```sh
a; b
```

LONG.
""".replace("LONG", " ".join(["word"] * 26))
    found = prose.read(text)
    assert found.joined == (
        "Another one; with a joint.",
        "another entry; with a joint",
        "a cell; with a joint",
    )
    assert [len(sentence.split()) for sentence in found.long] == [26]
    assert len(found.sentences) == 9


def test_a_share_is_in_percent_and_of_nothing_is_nothing():
    found = prose.read("One short sentence. Two; joined together here.")
    assert found.share(found.joined) == 50
    assert prose.read("").share(()) == 0


def test_the_script_prints_a_line_for_each_page(capsys):
    assert prose.main(["--list", str(ROOT / "README.md")]) == 0
    assert "  README.md\n" in capsys.readouterr().out
