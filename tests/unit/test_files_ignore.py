"""Names that are left alone, and names that must not be."""

import pytest

from smartsort.files.ignore import FOLDERS, LITTER, PARTIAL, Ignore, ignored

UNFINISHED_NAMES = """
photo.jpg.crdownload|Unconfirmed 123456.crdownload|photo.jpg.part|movie.mp4.part-Frag12|photo.jpg.download
a.PARTIAL
IMG_1.jpg.3f2a1b.partial|clip.f137.mp4.ytdl|clip.temp.mp4|photo.jpg.aria2|photo.jpg.!qB|photo.jpg.filepart|photo.jpg.TMP
.syncthing.photo.jpg.tmp|~syncthing~photo.jpg.tmp|photo.jpg.!sync|photo.jpg.bts|.photo.jpg.~3c8f|photo.jpg.icloud
.goutputstream-AB12CD|photo.jpg.sb-1a2b3c4d-XyZ|~$report.jpg|.~lock.photo.jpg#|photo.jpg~|.nfs00000000012345678
.smbdeleteAAA1b2c|.fuse_hidden0000001|photo.jpg_exiftool_tmp|.IMG_1.jpg.aB3dE9|.smartsort-0123456789abcdef.part
Thumbs.db|.DS_Store|._IMG_1.jpg|desktop.ini|.nomedia|.pending-1700000000-IMG_1.jpg|.trashed-1700000000-IMG_1.jpg
.in.photo.jpg.|.pureftpd-upload.4d3f|photo.jpg.st
""".replace("\n", "|").strip("|")

PHOTO_NAMES = """
IMG_1.jpg|PXL_20231006_063000139.jpg|a.b.c.heic|.hidden.jpg|part.jpg|temp.png|my.part.two.jpg
photo (1).jpg|~.jpg
download.jpg|lock.jpg|IMG.tmp.jpg|crdownload.jpg|a.jpg.xmp|sb-1.jpg|Thumbs.db.jpg|#1.jpg|@home.jpg|.photo.old.tiff
""".replace("\n", "|").strip("|")


@pytest.mark.parametrize("name", UNFINISHED_NAMES.split("|"))
def test_unfinished_files_and_litter_are_left_alone_with_a_reason(name):
    assert ignored(name)


@pytest.mark.parametrize("name", PHOTO_NAMES.split("|"))
def test_photos_are_not(name):
    assert ignored(name) is None


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", ".stfolder", ".stversions", ".Trash-1000", "$Recycle.Bin", ".rsync-partial"],
)
def test_folders_that_are_not_entered(name):
    assert ignored(name, folder=True)


@pytest.mark.parametrize("name", ["2024", "x.jpg", "Thumbs", "photos.part", ".nice"])
def test_folders_that_are(name):
    assert ignored(name, folder=True) is None


def test_patterns_of_the_configuration_are_added():
    ignore = Ignore(["Screenshot*", "*.PNG"])
    assert ignore.file("screenshot 1.jpg")
    assert ignore.file("a.png")
    assert ignore.folder("Screenshots")
    assert ignore.file("a.jpg") is None
    assert ignore.file("a.part")


def test_the_table_says_where_every_name_comes_from_and_has_no_pattern_twice():
    for table in (PARTIAL, LITTER, FOLDERS):
        assert all(each.origin for each in table)
        patterns = [each.pattern.lower() for each in table]
        assert len(set(patterns)) == len(patterns)


def test_a_name_that_is_no_utf8_can_be_judged():
    assert ignored("caf\udce9.jpg") is None
    assert ignored("caf\udce9.jpg.part")
