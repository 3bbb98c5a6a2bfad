"""Measure the sentences of the documentation and of the code: `python tools/prose.py [--code] [FILES]`.

Prints a line for each page: sentences, the share with a semicolon, the share of more than 25 words. Code,
headings and pictures are left out. Each cell of a table and each entry of a list is text of its own.
`--code` prints two lines for each package: the texts that users see, then its docstrings and comments.
`--list` prints the sentences that count.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LONGEST = 25
# What ends with a full stop and ends no sentence.
SHORT = re.compile(r"\b(?:e\.g|i\.e|etc|vs|approx)\.")


class Prose(NamedTuple):
    """The sentences of a page."""

    sentences: tuple[str, ...]

    @property
    def joined(self) -> tuple[str, ...]:
        """The sentences with a semicolon."""
        return tuple(sentence for sentence in self.sentences if ";" in sentence)

    @property
    def long(self) -> tuple[str, ...]:
        """The sentences of more than 25 words."""
        return tuple(sentence for sentence in self.sentences if len(sentence.split()) > LONGEST)

    def share(self, some: Sequence[str]) -> float:
        """Return how much of all sentences these are, in percent."""
        return 100 * len(some) / max(len(self.sentences), 1)


def pages() -> list[Path]:
    """Return the pages that are measured: the site and the pages at the top, without the changelog."""
    top = [path for path in sorted(ROOT.glob("*.md")) if path.name != "CHANGELOG.md"]
    return [*top, *sorted((ROOT / "sidecar" / "docs").rglob("*.md"))]


def read(text: str) -> Prose:
    """Return the sentences of a page of Markdown."""
    text = re.sub(r"^( *)(```|~~~).*?^\1\2", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^(?: {4,}\S.*|#.*|\|[-| :]+\|)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`\n]+`", "CODE", text)  # a name is one word, whatever is in it
    blocks = re.split(r"\n\s*\n|^\s*(?:[-*]|\d+\.) |\||<br>", text, flags=re.MULTILINE)
    sentences = []
    for block in blocks:
        plain = SHORT.sub("short", " ".join(block.split()))
        sentences += [
            s
            for s in re.split(r"(?<=[.!?:])[\"”)*]*\s+(?=(?:[\"“(*A-Z0-9]|smartsort\b))", plain)
            if re.search(r"[a-z]{2}", s)
        ]
    return Prose(tuple(s for s in sentences if len(s.split()) > 2))


def packages() -> dict[str, list[Path]]:
    """Return the modules of each package of smartsort and of the terminal UI."""
    found: dict[str, list[Path]] = {}
    for top in (ROOT / "sidecar" / "smartsort", ROOT / "tui" / "smartsort_tui"):
        for path in sorted(top.rglob("*.py")):
            package = path.relative_to(top).parts[0] if path.parent != top else top.name
            found.setdefault("smartsort_tui" if top.name == "smartsort_tui" else package, []).append(path)
    return found


def shown_texts(code: str) -> Iterator[str]:
    """Yield the texts of a module that users see: strings of several words that are no docstring.

    Such strings are help, errors, log messages and the texts of the terminal UI. SQL and styles are not.
    """
    tree = ast.parse(code)
    left = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left |= {id(part) for part in ast.walk(node)} - {id(node)}
    for node in ast.walk(tree):
        text = ""
        if id(node) in left:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "NAME" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if " " in text.strip() and not _FOR_MACHINES.search(text):
            yield text


_FOR_MACHINES = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA)\b|\{[^{}]*: [^{}]*;|'none'|;q=|;base64|; filename"
)


def remarks(code: str) -> Iterator[str]:
    """Yield the docstrings of a module, those of its constants and fields included, and its comments."""
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value
    comments = [
        token
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type == tokenize.COMMENT
    ]
    for _, block in groupby(enumerate(comments), lambda one: one[1].start[0] - one[0]):
        yield " ".join(comment.string.lstrip("# ") for _, comment in block)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tools/prose.py", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--list", action="store_true", help="print the sentences too")
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--code", action="store_true", help="measure the code")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{'sentences':>9} {'with ;':>7} {'> 25':>6}  where\n")
    if options.code:
        for package, paths in packages().items():
            code = [path.read_text(encoding="utf-8") for path in paths]
            for what, texts in (("texts", shown_texts), ("remarks", remarks)):
                _print(
                    f"{package}: {what}", measured(text for one in code for text in texts(one)), options.list
                )
        return 0
    for path in options.pages or pages():
        _print(str(path.resolve().relative_to(ROOT)), read(path.read_text(encoding="utf-8")), options.list)
    return 0


def measured(texts: Iterable[str]) -> Prose:
    """Return the sentences of several texts."""
    return Prose(tuple(sentence for text in texts for sentence in read(text).sentences))


def _print(where: str, found: Prose, every: bool) -> None:
    joined, long = found.share(found.joined), found.share(found.long)
    sys.stdout.write(f"{len(found.sentences):9} {joined:6.1f}% {long:5.1f}%  {where}\n")
    if every:
        sys.stdout.writelines(f"    {sentence}\n" for sentence in dict.fromkeys((*found.joined, *found.long)))


if __name__ == "__main__":
    raise SystemExit(main())
