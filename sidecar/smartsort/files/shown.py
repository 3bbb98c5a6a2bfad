"""Paths for people and for the ledger."""

from __future__ import annotations

import os
import unicodedata

# Both join letters in emoji and in Persian, and neither can turn a line around.
_HARMLESS_FORMAT = frozenset("\u200c\u200d")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def shown(path: str | bytes) -> str:
    r"""The path as text that is safe on a terminal, in a log line and in JSON.

    Bytes that are no UTF-8 are written `\xff`, control and direction characters by their code, a
    backslash doubled: two different paths never look alike. Other letters stay as they are.
    """
    text = os.fsdecode(path)
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    category = unicodedata.category(letter)
    hidden = category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and letter not in _HARMLESS_FORMAT)
    if not hidden:
        return letter
    # Unlike the bytes above, `\u` with four or `\U` with eight digits is a character.
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def to_ledger(path: str) -> str | bytes:
    """The path as the ledger stores it: text when its bytes are UTF-8, else the bytes."""
    raw = os.fsencode(path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def from_ledger(value: str | bytes) -> str:
    """The path of a ledger value; the inverse of `to_ledger`."""
    return os.fsdecode(value if isinstance(value, bytes) else value.encode("utf-8"))
