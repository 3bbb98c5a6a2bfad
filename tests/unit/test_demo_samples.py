"""The sample photos: the same every time, and what their manifest says of them."""

import hashlib
import io
from collections import Counter

import pytest
from PIL import Image

from smartsort.demo.embeddings import TWINS
from smartsort.demo.pictures import are_copies, fingerprint, read_facts
from smartsort.demo.portraits import portrait_jpeg
from smartsort.demo.regions import face_regions
from smartsort.demo.samples import BLACKLIST, FAMILY, PATTERN, SOURCES, make_samples
from smartsort.demo.scenes import draw_people

SIZE = (160, 120)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    return folder, make_samples(folder, 60, size=SIZE)


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_one_round_holds_every_case(made):
    _, samples = made
    kinds = Counter(sample.kind for sample in samples)
    assert len(samples) == len(PATTERN) == 60
    assert len({sample.path for sample in samples}) == 60
    assert {sample.source for sample in samples} == set(SOURCES)
    assert {sample.category for sample in samples} == {
        "faces",
        "duplicates",
        "unwanted_person",
        "unidentified",
        "low_confidence",
        "multiple_faces",
    }
    assert kinds["newcomer"] >= 3
    assert min(kinds.values()) >= 1
    assert {sample.person for sample in samples if sample.category == "faces"} == set(FAMILY)
    assert {sample.person for sample in samples if sample.kind == "twin"} == set(TWINS)


def test_the_same_arguments_write_the_same_bytes(made, tmp_path, monkeypatch):
    folder, samples = made
    monkeypatch.setattr("smartsort.demo.samples.draw_people", draw_people)  # not what `tests.once` keeps
    assert make_samples(tmp_path, 60, size=SIZE) == samples
    assert digests(tmp_path) == digests(folder)
    assert digests(folder) != {}


def test_another_seed_draws_other_pictures(made, tmp_path):
    folder, _ = made
    make_samples(tmp_path, 3, seed=1, size=SIZE)
    assert not set(digests(tmp_path).values()) & set(digests(folder).values())


def test_every_photo_carries_the_faces_its_manifest_tells(made):
    folder, samples = made
    for sample in samples:
        if sample.is_readable:
            assert tuple(r.name for r in face_regions(folder / sample.path)) == sample.people, sample


def test_only_the_broken_ones_are_broken(made):
    folder, samples = made
    for sample in samples:
        facts = read_facts(str(folder / sample.path))
        assert (facts.size is not None) == sample.is_readable, sample
        if sample.is_readable:
            assert facts.taken_at is not None


def test_copies_are_copies_and_nothing_else_is(made):
    folder, samples = made
    prints = {s.path: fingerprint(str(folder / s.path)) for s in samples if s.is_readable}
    expected = {frozenset((s.path, s.copy_of)) for s in samples if s.copy_of}
    found = {
        frozenset((one, other))
        for one in prints
        for other in prints
        if one < other and are_copies(prints[one], prints[other])
    }
    assert found == expected
    for sample in samples:
        if sample.copy_of:
            same = (folder / sample.path).read_bytes() == (folder / sample.copy_of).read_bytes()
            assert same == (sample.kind == "exact_copy")


def test_reasons_and_prefixes_belong_together(made):
    _, samples = made
    prefixes = {
        "duplicate": "duplicate_",
        "blacklisted_person": "unwanted_",
        "no_faces_detected": "noface_",
        "multiple_faces": "multi_",
        "unknown_person": "unknown_",
        "not_in_whitelist": "notwhitelisted_",
        "low_confidence": "lowconf_",
        "low_margin": "lowconf_",
        "face_match_verified": "",
        "unreadable": "",
    }
    assert {s.reason: s.prefix for s in samples} == prefixes
    assert all(set(s.people) & set(BLACKLIST) for s in samples if s.category == "unwanted_person")


def test_reused_drawings_are_still_files_of_their_own(tmp_path):
    samples = make_samples(tmp_path, 180, size=(80, 60), reuse_drawings=True)
    unique = [s.path for s in samples if s.kind != "exact_copy"]
    assert len({hashlib.sha256((tmp_path / path).read_bytes()).digest() for path in unique}) == len(unique)


def test_a_portrait_of_anybody():
    with Image.open(io.BytesIO(portrait_jpeg("Whoever", 120))) as image:
        assert image.size == (120, 120)
    assert portrait_jpeg("Whoever", 60) == portrait_jpeg("Whoever", 60)
    assert portrait_jpeg("Zoë", 60) != portrait_jpeg("李雷", 60)
