"""Text from outside: from a file system, a client, Immich or the environment.

Each kind of text passes one function before it reaches SQLite, JSON, a log or a terminal: `shown` for paths
and names, `well_formed` for values, `one_line` for messages that may hold shown paths already.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from typing import TypeVar

# Both join letters in emoji and in Persian, and neither can turn a line around.
_HARMLESS_FORMAT = frozenset("\u200c\u200d")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}

_Value = TypeVar("_Value")


def shown(path: str | bytes) -> str:
    r"""Return the path as text that is safe on a terminal, in a log line and in JSON.

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


def one_line(message: str) -> str:
    """Return the message with its control and direction characters written out.

    Backslashes stay as they are.
    """
    if message.isascii() and message.isprintable():
        return message
    return "".join(letter if letter == "\\" else _shown(letter) for letter in message)


def well_formed(value: _Value) -> _Value:
    r"""Return the value with each text in it fit for UTF-8: SQLite and JSON take no other.

    Lone surrogates stand for bytes that are no UTF-8, or for half a character of somebody's JSON. They are
    written `\xff` and `\ud800`. Everything else stays, control characters included.
    """
    return each_text(value, _as_utf8)


def each_text(value: _Value, change: Callable[[str], str]) -> _Value:
    """Return the value with `change` made to each text in its lists, tuples and mappings."""
    changed: object = value
    if isinstance(value, str):
        changed = change(value)
    elif isinstance(value, dict):
        changed = {each_text(key, change): each_text(each, change) for key, each in value.items()}
    elif type(value) in (list, tuple):
        changed = type(value)(each_text(each, change) for each in value)  # type: ignore[call-arg, attr-defined]
    return changed  # type: ignore[return-value]


def _as_utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_shown(letter) if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def to_ledger(path: str) -> str | bytes:
    """Return the path as the ledger stores it: text when its bytes are UTF-8, else the bytes."""
    raw = os.fsencode(path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def from_ledger(value: str | bytes) -> str:
    """Return the path of a ledger value, the inverse of `to_ledger`."""
    return os.fsdecode(value if isinstance(value, bytes) else value.encode("utf-8"))
