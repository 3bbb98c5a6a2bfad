"""What `testing.md` names exists: each test and each setting of a long run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "sidecar/docs/contributing/testing.md").read_text()


def test_every_test_it_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 40
    for path, name in named:
        assert (ROOT / path).is_file(), path
        if name:
            assert re.search(rf"def {name}\(", (ROOT / path).read_text()), f"{path}::{name}"


def test_every_variable_it_names_is_read():
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for variable in set(re.findall(r"SMARTSORT_TEST_[A-Z_]+", TEXT)):
        assert f'"{variable}"' in tests.replace(TEXT, ""), variable
