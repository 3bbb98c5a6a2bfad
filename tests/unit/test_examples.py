"""Properties are tried with the same examples in every run, whatever the process has imported before."""

import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn():
    """What hypothesis draws."""
    found = []

    @settings(max_examples=300)
    @given(st.integers())
    def note(number):
        found.append(number)

    note()
    return found


@pytest.mark.skipif(not settings.default.derandomize, reason="new examples are asked for")
def test_another_module_changes_no_example(tmp_path, monkeypatch):
    before = drawn()
    path = tmp_path / "numbers_of_a_module.py"
    path.write_text(f"NUMBERS = {list(range(10_000, 20_000, 90))}\n")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, path.stem, module)
    assert drawn() == before
