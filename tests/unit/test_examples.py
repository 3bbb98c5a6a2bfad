"""What a test finds depends on nothing else that its process did: on no import, and on no garbage."""

import ast
import gc
import inspect
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


class Parsing:
    """Garbage that parses when it is collected."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        ast.parse("one = (1 + (2 * 3))")


def test_garbage_that_parses_breaks_no_parsing():
    source = inspect.getsource(inspect)
    before = gc.get_threshold()
    gc.set_threshold(500, 5, 5)
    try:
        for _ in range(20):
            for _ in range(50):
                Parsing()
            assert ast.parse(source).body
    finally:
        gc.set_threshold(*before)
