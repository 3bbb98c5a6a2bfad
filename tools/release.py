"""Tell what a release consists of, and refuse one that does not fit together.

python tools/release.py v0.2.0        check the tag and print what the release workflow needs, `name=value`
python tools/release.py --notes       print the section of CHANGELOG.md about this version
python tools/release.py --owner NAME  write the owner of the repository wherever an address has it

The version stands in `smartsort/__init__.py` and the owner in pyproject.toml. Everything else is derived.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACEHOLDER = "owner_placeholder"
# Where the repository or the image is named. The owner is the only part that differs between forks.
ADDRESS = re.compile(r"(?P<before>github\.com/|ghcr\.io/|--repo )(?P<owner>[\w.-]+)/smartsort\b")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 1 when a check found something."""
    parser = argparse.ArgumentParser(prog="tools/release.py", description=(__doc__ or "").split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("tag", nargs="?", help="the tag to release, such as v0.2.0")
    what.add_argument("--notes", action="store_true", help="print this version's section of CHANGELOG.md")
    what.add_argument("--owner", metavar="NAME", help="write the owner into every address")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.owner:
        set_owner(options.root, options.owner)
        return 0
    if options.notes:
        print(notes(options.root))  # noqa: T201
        return 0
    found = list(problems(options.root, options.tag, os.environ.get("GITHUB_REPOSITORY", "")))
    if found:
        print("\n".join(found), file=sys.stderr)  # noqa: T201
        return 1
    print("\n".join(f"{name}={value}" for name, value in outputs(options.root).items()))  # noqa: T201
    return 0


def version(root: Path) -> str:
    """Return the one version, read without importing anything."""
    text = (root / "sidecar" / "smartsort" / "__init__.py").read_text(encoding="utf-8")
    return re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)[0]


def owner(root: Path) -> str:
    """Return the owner of the repository, from the one place that says it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = ADDRESS.search(project["urls"]["Repository"])
    return found["owner"] if found else ""


def outputs(root: Path) -> dict[str, str]:
    """Return what the release workflow needs: the version, the registry, the image and its tags."""
    image = re.findall(r"image: (\S+/smartsort):", (root / "compose.override.yml").read_text("utf-8"))[0]
    number = version(root)
    # "latest" is what people without a version get, so an alpha, beta or candidate is not given that tag.
    names = [number] if re.search("[a-z]", number) else [number, "latest"]
    tags = ",".join(f"{image}:{name}" for name in names)
    return {"version": number, "registry": image.partition("/")[0], "image": image, "tags": tags}


def problems(root: Path, tag: str, repository: str) -> Iterator[str]:
    """Yield what speaks against a release, one line each. `repository` is "owner/name", or empty."""
    number, who = version(root), owner(root)
    if tag != f"v{number}":
        yield f"tag {tag} is not v{number}: set __version__ in smartsort/__init__.py, or tag again"
    if who == PLACEHOLDER or (repository and repository.lower() != f"{who}/smartsort"):
        yield f"the owner is {who!r}: run python tools/release.py --owner NAME and commit"
    yield from (f"{where}: {text} is not of {who!r}" for where, text in strangers(root))
    if f"\n## {number}\n" not in _changelog(root):
        yield f"CHANGELOG.md has no section {number}: run towncrier build --version {number}"
    left = [path.name for path in sorted((root / "changelog.d").iterdir()) if path.name != "README.md"]
    if left:
        yield f"changelog.d still holds {', '.join(left)}: run towncrier build --version {number}"


def notes(root: Path) -> str:
    """Return what CHANGELOG.md says about this version, without its heading."""
    _, _, rest = _changelog(root).partition(f"\n## {version(root)}\n")
    return rest.partition("\n## ")[0].strip()


def strangers(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and the text of every address of smartsort that has another owner."""
    who = owner(root)
    for path in _files(root):
        for found in ADDRESS.finditer(path.read_text(encoding="utf-8")):
            if found["owner"] != who:
                yield str(path.relative_to(root)), found.group()


def set_owner(root: Path, name: str) -> None:
    """Write the owner into every address. Image names are lower case, so all addresses are."""
    for path in _files(root):
        text = path.read_text(encoding="utf-8")
        changed = ADDRESS.sub(lambda found: f"{found['before']}{name.lower()}/smartsort", text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")


def _changelog(root: Path) -> str:
    return (root / "CHANGELOG.md").read_text(encoding="utf-8")


def _files(root: Path) -> Iterator[Path]:
    """Every file that may hold an address."""
    for pattern in ("*.md", "*.toml", "*.yml", ".github/**/*.*", "changelog.d/*.md", "sidecar/**/*.md"):
        yield from sorted(root.glob(pattern))


if __name__ == "__main__":
    raise SystemExit(main())
