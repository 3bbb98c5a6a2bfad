"""Measure the sentences of the documentation: `python tools/prose.py [PAGES]`.

Prints a line for each page: sentences, the share with a semicolon, the share of more than 25 words. Code,
headings and pictures are left out. Each cell of a table and each entry of a list is text of its own.
`--list` prints the sentences that count.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tools/prose.py", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--list", action="store_true", help="print the sentences too")
    parser.add_argument("pages", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    out = sys.stdout
    out.write(f"{'sentences':>9} {'with ;':>7} {'> 25':>6}  page\n")
    for path in options.pages or pages():
        found = read(path.read_text(encoding="utf-8"))
        joined, long = found.share(found.joined), found.share(found.long)
        out.write(
            f"{len(found.sentences):9} {joined:6.1f}% {long:5.1f}%  {path.resolve().relative_to(ROOT)}\n"
        )
        if options.list:
            out.writelines(f"    {sentence}\n" for sentence in dict.fromkeys((*found.joined, *found.long)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
