"""A release: one version, one owner, workflows that may do little, and pins that name exactly one thing."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import tomllib
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

import smartsort

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
RELEASE = yaml.safe_load((GITHUB / "workflows" / "release.yml").read_text())

_spec = importlib.util.spec_from_file_location("smartsort_tools_release", ROOT / "tools" / "release.py")
release = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(release)


@pytest.fixture
def checkout(tmp_path):
    """The files that a release consists of, to be changed, with an owner and without fragments."""
    for name in ("pyproject.toml", "compose.override.yml", "CHANGELOG.md", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("sidecar/docs", "changelog.d", ".github"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for fragment in (tmp_path / "changelog.d").glob("*.*.md"):
        fragment.unlink()
    (tmp_path / "sidecar" / "smartsort").mkdir()
    shutil.copy(smartsort.__file__, tmp_path / "sidecar" / "smartsort" / "__init__.py")
    assert release.main(["--owner", "Jane-Doe", "--root", str(tmp_path)]) == 0
    return tmp_path


def change(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def steps(workflow):
    for job in workflow["jobs"].values():
        yield from job.get("steps", ())
        if "uses" in job:
            yield job


# The files of the forge


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        *((f"workflows/{path.name}", "github-workflows") for path in WORKFLOWS),
        ("dependabot.yml", "dependabot"),
        ("ISSUE_TEMPLATE/bug.yml", "github-issue-forms"),
        ("ISSUE_TEMPLATE/idea.yml", "github-issue-forms"),
        ("ISSUE_TEMPLATE/config.yml", "github-issue-config"),
    ],
)
def test_the_forge_understands_the_files(name, schema):
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{schema}.json"
    schema = json.loads(vendored.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    # "on" is a switch to YAML 1.1 and a key to the forge.
    file = yaml.load((GITHUB / name).read_text(), Loader=_NoBooleanKeys)
    validator.validate(file)
    file["stepz"] = []
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(file)


class _NoBooleanKeys(yaml.SafeLoader):
    """Reads `on`, `yes` and `no` as words."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:bool"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    } | {first: [("tag:yaml.org,2002:bool", re.compile("true|false"))] for first in "tf"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(path):
    uses = re.findall(r"^ *-? ?uses: (.*)$", path.read_text(), re.MULTILINE)
    assert uses
    for line in uses:
        if not line.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_one_action_has_one_pin():
    pins = {}
    for path in WORKFLOWS:
        for action, commit in re.findall(r"uses: (\S+)@(\S+)", path.read_text()):
            assert pins.setdefault(action, commit) == commit, action


def test_the_workflows_may_do_what_they_need_and_no_more():
    rights = {
        "ci.yml": ({"contents": "read"}, {}),
        "release.yml": (
            {},
            {
                "ci": {"contents": "read"},
                "build": {"contents": "read"},
                "image": {
                    "contents": "read",
                    "packages": "write",
                    "id-token": "write",
                    "attestations": "write",
                },
                "package": {"id-token": "write", "attestations": "write"},
                "announce": {"contents": "write"},
            },
        ),
    }
    assert {path.name for path in WORKFLOWS} == set(rights)
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        given = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
        assert (workflow["permissions"], given) == rights[path.name]
        for step in steps(workflow):
            assert "secrets." not in json.dumps(step), "the token of the run is enough"
            # A script that is built from such text runs what the text says.
            assert "${{" not in step.get("run", ""), step
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}


def test_ci_runs_what_a_developer_runs():
    workflow = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())
    assert [step["run"] for step in steps(workflow) if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_nothing_is_published_before_all_checks_have_passed():
    needs = {
        name: {job["needs"]} if isinstance(job.get("needs"), str) else set(job.get("needs", ()))
        for name, job in RELEASE["jobs"].items()
    }

    def before(name):
        return needs[name].union(*map(before, needs[name]))

    assert RELEASE["jobs"]["ci"]["uses"] == "./.github/workflows/ci.yml"
    for name, job in RELEASE["jobs"].items():
        if "write" in job["permissions"].values():
            assert {"ci", "build"} <= before(name), name
    assert {"image", "package"} <= before("announce")


def test_the_image_is_for_two_platforms_with_provenance_and_contents():
    (push,) = [s for s in steps(RELEASE) if s.get("uses", "").startswith("docker/build-push-action@")]
    assert push["with"]["platforms"] == "linux/amd64,linux/arm64"
    assert push["with"]["provenance"] == "mode=max"
    assert push["with"]["sbom"] is True
    arguments = set(re.findall(r"^ARG (\w+)=", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^(\w+)=", push["with"]["build-args"], re.MULTILINE)) <= arguments
    attested = [s["with"] for s in steps(RELEASE) if s.get("uses", "").startswith("actions/attest@")]
    assert [next(iter(each)) for each in attested] == ["subject-name", "subject-path"]


def test_what_the_workflow_reads_is_what_the_check_prints(checkout):
    printed = set(release.outputs(checkout))
    read = set(re.findall(r"steps\.check\.outputs\.(\w+)", json.dumps(RELEASE)))
    assert read == printed == set(RELEASE["jobs"]["build"]["outputs"])
    assert set(re.findall(r"needs\.build\.outputs\.(\w+)", json.dumps(RELEASE))) == printed


# One version, one owner


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert ROOT / project["tool"]["hatch"]["version"]["path"] == Path(smartsort.__file__)
    assert release.version(ROOT) == smartsort.__version__
    for name in ("pyproject.toml", "Dockerfile", "compose.override.yml", "README.md"):
        assert f'"{smartsort.__version__}"' not in (ROOT / name).read_text()
        assert f"={smartsort.__version__}\n" not in (ROOT / name).read_text()


def test_the_image_stands_on_one_base_given_by_its_digest():
    text = (ROOT / "Dockerfile").read_text()
    first, *later = re.findall(r"^FROM (.+)$", text, re.MULTILINE)
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64} AS base", first)
    assert later == ["base AS build", "base"]


def test_every_address_has_the_owner_of_pyproject():
    assert list(release.strangers(ROOT)) == []
    owner = release.owner(ROOT)
    assert release.outputs(ROOT)["image"] == f"ghcr.io/{owner}/smartsort"
    for name in ("README.md", "compose.override.yml", "sidecar/docs/how-to/install-compose.md"):
        assert release.ADDRESS.search((ROOT / name).read_text()), name


def test_the_owner_is_written_everywhere_at_once(checkout):
    assert release.owner(checkout) == "jane-doe"
    assert list(release.strangers(checkout)) == []
    for path in checkout.rglob("*.*"):
        assert not path.is_file() or release.PLACEHOLDER not in path.read_text(), path
    assert release.outputs(checkout) == {
        "version": smartsort.__version__,
        "registry": "ghcr.io",
        "image": "ghcr.io/jane-doe/smartsort",
        "tags": f"ghcr.io/jane-doe/smartsort:{smartsort.__version__},ghcr.io/jane-doe/smartsort:latest",
    }


def test_a_candidate_is_not_what_people_get_who_name_no_version(checkout):
    change(checkout / "sidecar/smartsort/__init__.py", smartsort.__version__, "0.2.0rc1")
    assert release.outputs(checkout)["tags"] == "ghcr.io/jane-doe/smartsort:0.2.0rc1"


# The check of a tag


def check(checkout, monkeypatch, tag, repository="Jane-Doe/smartsort"):
    monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    return release.main([tag, "--root", str(checkout)])


def test_a_release_that_fits_together_tells_its_parts(checkout, monkeypatch, capsys):
    assert check(checkout, monkeypatch, f"v{smartsort.__version__}") == 0
    assert f"version={smartsort.__version__}\nregistry=ghcr.io\n" in capsys.readouterr().out
    assert release.main(["--notes", "--root", str(checkout)]) == 0
    notes = capsys.readouterr().out
    assert notes.strip()
    assert "## " not in notes.replace("### ", "")


@pytest.mark.parametrize("tag", ["v9.9.9", smartsort.__version__, f"v{smartsort.__version__}.1", "latest"])
def test_a_tag_that_is_not_the_version_is_refused(checkout, monkeypatch, capsys, tag):
    assert check(checkout, monkeypatch, tag) == 1
    captured = capsys.readouterr()
    assert f"tag {tag} is not v{smartsort.__version__}" in captured.err
    assert captured.out == ""


def test_another_repository_is_refused(checkout, monkeypatch, capsys):
    assert check(checkout, monkeypatch, f"v{smartsort.__version__}", "someone/smartsort") == 1
    assert "the owner is 'jane-doe'" in capsys.readouterr().err


def test_no_release_goes_out_with_the_placeholder(checkout, monkeypatch, capsys):
    release.set_owner(checkout, release.PLACEHOLDER)
    assert check(checkout, monkeypatch, f"v{smartsort.__version__}", "") == 1
    assert "run python tools/release.py --owner NAME" in capsys.readouterr().err


def test_an_address_of_somebody_else_is_named(checkout, monkeypatch, capsys):
    change(checkout / "README.md", "jane-doe/smartsort", "john/smartsort")
    assert check(checkout, monkeypatch, f"v{smartsort.__version__}") == 1
    assert "README.md: github.com/john/smartsort is not of 'jane-doe'" in capsys.readouterr().err


def test_a_version_that_the_changelog_does_not_know_is_refused(checkout, monkeypatch, capsys):
    change(checkout / "sidecar/smartsort/__init__.py", smartsort.__version__, "7.0.0")
    assert check(checkout, monkeypatch, "v7.0.0") == 1
    assert "CHANGELOG.md has no section 7.0.0" in capsys.readouterr().err


def test_fragments_that_were_left_are_refused(checkout, monkeypatch, capsys):
    (checkout / "changelog.d" / "15.added.md").write_text("Something.\n")
    assert check(checkout, monkeypatch, f"v{smartsort.__version__}") == 1
    assert "changelog.d still holds 15.added.md" in capsys.readouterr().err
