"""Write the reference pages, or without `--write` say by the exit status whether they are up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.reference import pages, renewed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Return 1 when a page was out of date and not written."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write instead of checking")
    parser.add_argument("pages", nargs="*", type=Path, help="default: all pages of the reference")
    options = parser.parse_args(arguments)
    old = 0
    for page in options.pages or pages():
        before = page.read_text(encoding="utf-8")
        after = renewed(before)
        if before == after:
            continue
        if options.write:
            page.write_text(after, encoding="utf-8")
        else:
            sys.stderr.write(f"{page} is out of date. Run `python -m tools.reference --write`.\n")
            old = 1
    return old


if __name__ == "__main__":
    raise SystemExit(main())
