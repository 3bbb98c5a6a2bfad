"""What the demo says at its end, and what it refuses to begin with."""

import pytest
from click.testing import CliRunner

from smartsort.cli.main import cli
from smartsort.demo.run import Delivery, own_photos_in_words, unmet


def test_a_photo_in_another_folder_is_wrong_and_a_copy_belongs_with_the_duplicates():
    pair = [Delivery("a.jpg", "faces/Anna"), Delivery("b.jpg", "faces/Anna", "a.jpg")]
    right = {"a.jpg": ["review/duplicates"], "b.jpg": ["faces/Anna"]}
    assert unmet(pair, right) == []
    [wrong] = unmet(pair, {**right, "a.jpg": ["faces/Anna"]})
    assert wrong.endswith("expected faces/Anna, review/duplicates")


def test_the_ending_says_what_the_demo_could_read_of_own_photos():
    plain, tagged = Delivery("a.jpg", None), Delivery("b.jpg", "faces/Anna", None, 1)
    nothing, some = own_photos_in_words([plain], 1), own_photos_in_words([plain, tagged], 2)
    assert "None of them has face regions" in nothing
    assert "With face regions: 1. With one named face alone, and in that person's folder: 1." in some
    for said in (nothing, some):
        assert "It does not recognise faces" in said
        assert "where they were expected" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--photos", "."), "there are no photos in ."),
        (("--port", "99999"), "99999 is not in the range"),
        (("--count", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line_before_anything_is_made(
    tmp_path, monkeypatch, arguments, said
):
    (tmp_path / "only" / "@eaDir").mkdir(parents=True)
    (tmp_path / "only" / "IMG_1.jpg.xmp").write_text("<x/>")
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(cli, ["demo", "--once", *arguments])
    assert ran.exit_code == 2
    assert said in ran.output.splitlines()[-1]
    assert [p.name for p in tmp_path.iterdir()] == ["only"]
