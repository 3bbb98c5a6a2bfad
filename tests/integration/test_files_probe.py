"""What files are by their content, and whether they are whole."""

import io
import os
import random
import struct
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import av
import pillow_heif
import pytest
from PIL import Image
from tests.footage import FORMATS, footage, with_cover
from tests.shots import grain

from smartsort.files.frames import frames
from smartsort.files.media import Kind
from smartsort.files.metadata import of_picture
from smartsort.files.probe import probe
from smartsort.files.problems import FileUnreadable, FileVanished, NotAFile
from smartsort.files.structure import Reader


@pytest.fixture
def probed(tmp_path):
    def of(data, name="file", **more):
        path = tmp_path / name
        path.write_bytes(data)
        return probe(str(path), **more)

    return of


def noise(size=(120, 80), mode="RGB"):
    return grain(size, 60).convert(mode)


def picture(form, image=None, **more):
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    (image or noise()).save(buffer, form, **more)
    return buffer.getvalue()


PICTURES = {
    "jpg": ("JPEG", {}),
    "progressive.jpg": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {}),
    "lossless.webp": ("WEBP", {"lossless": True}),
    "gif": ("GIF", {}),
    "tif": ("TIFF", {}),
    "lzw.tif": ("TIFF", {"compression": "tiff_lzw"}),
    "bmp": ("BMP", {}),
    "heic": ("HEIF", {}),
    "avif": ("AVIF", {}),
    "jp2": ("JPEG2000", {}),
}


@pytest.fixture(params=PICTURES, scope="module")
def sample(request):
    form, more = PICTURES[request.param]
    return request.param.rpartition(".")[2], picture(form, **more)


def test_a_picture_is_recognised_by_its_content_and_decoded(sample, probed):
    extension, data = sample
    for name in ("file", "file.jpg", "file.mov", "file.txt"):
        found = probed(data, name)
        assert found.problem is None
        assert (found.kind, found.extension) == (Kind.IMAGE, extension)
        assert (found.width, found.height) == (120, 80)
        assert extension in found.acceptable


def test_a_picture_that_is_cut_anywhere_is_noticed(sample, probed):
    """But for the mark behind all picture data, which Immich and browsers do without."""
    extension, data = sample
    step = max(1, len(data) // 60)
    end = len(data) - {"png": 12, "gif": 1}.get(extension, 0)
    assert probed(data[:end]).problem is None
    for cut in sorted({*range(0, end, step), end - 1, end - 2, 1, 12, 30}):
        assert probed(data[:cut]).problem, f"cut at {cut} of {len(data)}"


def test_a_picture_whose_end_was_never_written_is_noticed(sample, probed):
    extension, data = sample
    if extension in ("tif", "bmp"):
        pytest.skip("black pixels look the same")
    for written in range(400, len(data) - 400, max(1, len(data) // 10)):
        assert probed(data[:written] + bytes(len(data) - written)).problem, (
            f"written {written} of {len(data)}"
        )


def test_data_after_the_picture_does_no_harm(sample, probed):
    _, data = sample
    assert probed(data + b"a maker's trailer " * 40).problem is None


def test_a_motion_photo_is_a_jpeg(probed):
    found = probed(picture("JPEG") + footage("mp4"))
    assert (found.kind, found.extension, found.problem) == (Kind.IMAGE, "jpg", None)


def test_junk_inside_a_picture_is_a_problem_and_never_an_error(sample, probed):
    _, data = sample
    for at in range(0, len(data), max(1, len(data) // 25)):
        found = probed(data[:at] + b"\x99" * 60 + data[at + 60 :])
        assert found.problem is None or len(found.problem) < 250


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "F"])
def test_all_kinds_of_tiff_are_fine(mode, probed):
    image = (
        noise(mode="L").convert("I").convert("I;16") if mode == "I;16" else noise(mode="RGB").convert(mode)
    )
    assert probed(picture("TIFF", image)).problem is None


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_without_colour_or_with_four_are_fine(mode, probed):
    assert probed(picture("JPEG", noise(mode="RGB").convert(mode))).problem is None


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (8, 8)])
def test_the_smallest_jpegs_are_pictures(size, probed):
    """An eighth of seven pixels is none, which a decoder must not be asked for."""
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, "JPEG")
    seen = probed(written.getvalue())
    assert seen.problem is None
    assert (seen.width, seen.height) == size


def test_several_pictures_in_one_file_are_checked_to_the_end(probed):
    frames = [grain((120, 80), 60, seed).convert("RGB") for seed in range(4)]
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        data = picture(form, frames[0], save_all=True, append_images=frames[1:])
        assert probed(data).problem is None, form
        assert probed(data[: len(data) * 3 // 4]).problem, form


def test_a_picture_of_too_many_pixels_is_not_decoded(probed):
    found = probed(picture("PNG", Image.new("1", (3000, 2000))), max_pixels=5_999_999)
    assert found.problem == "too many pixels (3,000 x 2,000)"
    assert (found.width, found.height) == (3000, 2000)
    assert probed(picture("PNG", Image.new("1", (3000, 2000))), max_pixels=6_000_000).problem is None


def test_a_phone_with_two_hundred_megapixels_is_fine(probed):
    """More than Pillow's own limit."""
    found = probed(picture("JPEG", Image.new("L", (16000, 12500)), quality=1))
    assert (found.problem, found.width, found.height) == (None, 16000, 12500)


def test_a_bomb_is_refused_by_its_head(probed):
    png = picture("PNG", Image.new("1", (8, 8)))
    huge = png[:16] + struct.pack(">II", 100_000, 100_000) + png[24:]
    assert probed(huge).problem


def test_what_a_camera_wrote_is_read(probed):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0132] = "2024:06:01 10:00:00"
    details = exif.get_ifd(0x8769)
    details[0x9003] = "2024:05:17 12:30:05"
    details[0x9011] = "+05:30"
    found = probed(picture("JPEG", exif=exif))
    assert (found.width, found.height) == (80, 120)
    assert found.metadata.taken == datetime(
        2024, 5, 17, 12, 30, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))
    )
    del details[0x9003], details[0x9011]
    assert probed(picture("JPEG", exif=exif)).metadata.taken == datetime(2024, 6, 1, 10, tzinfo=UTC)
    exif[0x0132] = "0000:00:00 00:00:00"
    assert probed(picture("JPEG", exif=exif)).metadata.taken is None
    assert probed(picture("JPEG")).metadata.taken is None


# What is no picture.


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty file"),
        (bytes(5000), "nothing but zeros, the file was never written"),
        (b"hello, this is a text\n", "not a picture or video (text)"),
        ("größe".encode() * 2000, "not a picture or video (text)"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "not a picture or video (web page)"),
        (b"\n <HTML><svg></svg></HTML>", "not a picture or video (web page)"),
        (b"%PDF-1.7\n", "not a picture or video (PDF)"),
        (b"PK\x03\x04rest", "not a picture or video (ZIP archive or office document)"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "not a picture or video (RIFF, probably sound)"),
        (b"\x01\x02\x03\x80\xff", "not a picture or video (unknown content)"),
        (b"\xff\xd8\xff", "JPEG ends in the middle"),
    ],
)
def test_what_is_no_medium_is_told_in_words(data, problem, probed):
    found = probed(data, "photo.jpg")
    assert found.problem == problem
    if "picture" in problem:
        assert found.kind is Kind.OTHER
        assert found.extension == ""


def test_what_is_no_file_raises(tmp_path):
    with pytest.raises(FileVanished):
        probe(str(tmp_path / "missing"))
    with pytest.raises(NotAFile):
        probe(str(tmp_path))
    (tmp_path / "a.jpg").write_bytes(picture("JPEG"))
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(NotAFile):
        probe(str(tmp_path / "link.jpg"))
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(NotAFile):
        probe(str(tmp_path / "pipe.jpg"))


def test_a_name_that_is_no_utf8_can_be_probed(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.jpg")
    with open(path, "wb") as file:
        file.write(picture("JPEG"))
    assert probe(os.fsdecode(path)).problem is None


def test_an_error_of_the_disk_is_not_a_broken_picture(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(picture("JPEG"))

    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Reader, "at", broken)
    with pytest.raises(FileUnreadable, match="disk"):
        probe(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("read", [probe, frames])
def test_an_error_of_the_disk_is_not_a_broken_video(name, read, tmp_path, monkeypatch):
    """FFmpeg takes it for the end of the file, wherever it comes."""
    (tmp_path / "video").write_bytes(footage(name))
    plain, calls, failing = os.pread, [], []

    def stumbling(*asked):
        calls.append(asked)
        if len(calls) in failing:
            raise OSError(5, "Input/output error")
        return plain(*asked)

    monkeypatch.setattr(os, "pread", stumbling)
    assert not read(str(tmp_path / "video")).problem
    for number in range(1, len(calls) + 1):
        calls.clear()
        failing[:] = [number]
        with pytest.raises(FileUnreadable, match="disk"):
            read(str(tmp_path / "video"))


def test_sidecars_and_drawings(probed):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF></rdf:RDF></x:xmpmeta>'
    found = probed(b"<?xpacket begin='' id='W5M0'?>\n" + xmp + b"\n<?xpacket end='w'?>")
    assert (found.kind, found.extension, found.problem) == (Kind.XMP, "xmp", None)
    assert probed(xmp[:-12]).problem == "XMP ends in the middle"
    assert probed(b"\xef\xbb\xbf" + xmp).kind is Kind.XMP
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><g/></svg>'
    assert (probed(svg).extension, probed(svg).problem) == ("svg", None)
    assert probed(svg[:-7]).problem


# Videos, by FFmpeg and by their structure.


@pytest.mark.parametrize("name", FORMATS)
def test_a_video_is_read_to_its_end_and_a_cut_one_is_noticed(name, probed):
    data = footage(name)
    found = probed(data, "x.jpg")
    assert (found.kind, found.problem) == (Kind.VIDEO, None)
    assert (found.width, found.height) == (96, 64)
    assert found.extension == name.rpartition(".")[2].replace("fragments", "mp4")
    assert 0.4 < found.metadata.duration_seconds < 0.7
    whole = set(CUTS_THAT_HARM_NOTHING.get(name, lambda _: ())(data))
    for cut in sorted({*range(9, len(data), len(data) // 50), len(data) - 1} - whole):
        assert probed(data[:cut]).problem, f"cut at {cut} of {len(data)}"


def _packets(data):
    """Where each picture and each piece of sound begins and ends."""
    with av.open(io.BytesIO(data)) as container:
        return sorted((one.pos, one.pos + one.size) for one in container.demux() if one.size)


def test_a_movie_whose_data_goes_on_to_the_end_lacks_what_its_index_names(probed):
    """The size of its last box is 0: no box is cut, wherever the file ends."""
    data = footage("fast.mp4")
    at = data.index(b"mdat") - 4
    data = data[:at] + bytes(4) + data[at + 4 :]
    assert probed(data).problem is None
    for cut in sorted({end for _, end in _packets(data)} - {len(data)}):
        assert probed(data[:cut]).problem == "MP4 ends in the middle", f"cut at {cut}"


CUTS_THAT_HARM_NOTHING = {
    # A stream or a recording that stopped between two packets is whole.
    "mts": lambda data: range(0, len(data), 188),
    # These do not say how long they are. A cut between two packets is not noticed.
    "flv": lambda data: {
        cut
        for (_, end), (begin, _) in pairwise([*_packets(data), (len(data), 0)])
        for cut in range(end, begin + 16)
    },
    # FFmpeg notices a cut inside a packet of these, and shows what there is.
    "mpg": lambda data: range(100, len(data)),
    "mxf": lambda data: range(len(data) // 3, len(data)),
}


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "mxf"])
def test_sound_in_a_container_for_videos_is_no_video(name, probed):
    found = probed(footage(name, picture=False), "voice.mp4")
    assert (found.kind, found.extension) == (Kind.OTHER, "")
    assert found.problem == "not a picture or video (sound)"


def test_music_with_a_picture_on_its_cover_is_no_video(probed):
    music = with_cover(picture("JPEG", noise((32, 32))))
    assert probed(music).problem == "not a picture or video (sound)"


def test_a_video_without_sound_is_a_video(probed):
    assert probed(footage("mov", sound=False)).problem is None


def test_a_video_of_which_no_picture_can_be_decoded_is_damaged(probed):
    data = footage("avi", sound=False)
    at = data.index(b"movi")
    junk = data[:at] + b"\x55" * (len(data) - at)
    assert "damaged" in probed(junk).problem


def test_when_a_video_was_taken(probed):
    tags = (("creation_time", "2024-05-17T12:30:05Z"),)
    assert probed(footage("mov", tags=tags)).metadata.taken == datetime(2024, 5, 17, 12, 30, 5, tzinfo=UTC)
    tags += (("com.apple.quicktime.creationdate", "2024-05-17T14:30:05+0200"),)
    tags += (("com.apple.quicktime.content.identifier", "F00-1"), ("com.apple.quicktime.make", "Apple"))
    found = probed(footage("mov", tags=tags)).metadata
    assert found.taken == datetime(2024, 5, 17, 14, 30, 5, tzinfo=timezone(timedelta(hours=2)))
    assert (found.zoned, found.content_id, found.camera) == (True, "F00-1", "Apple")
    assert probed(footage("mov")).metadata.taken is None


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def test_old_and_odd_movies(probed):
    movie = footage("mov")
    old = movie[int.from_bytes(movie[:4], "big") :]
    # Without the box that tells its type, sample offsets are wrong; only the format is still known.
    assert probed(old).extension == "mov"
    assert [probed(box(kind, bytes(20)) + old).extension for kind in (b"free", b"skip")] == ["mov", "mov"]
    assert probed(movie + bytes(1000)).problem is None
    assert probed(movie + b"\0\0\x10\0SEFT trailer of a phone").problem is None
    large = box(b"ftyp", b"isom") + b"\0\0\0\1mdat" + struct.pack(">Q", 16 + 100) + bytes(100)
    assert "index" in probed(large).problem
    assert "index" in probed(box(b"ftyp", b"isom") + box(b"mdat", bytes(9))).problem


def test_canon_cr3_and_heif_brands(probed):
    created = int((datetime(2024, 5, 17, tzinfo=UTC) - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())
    track = box(b"tkhd", bytes(76), struct.pack(">II", 640 << 16, 360 << 16))
    index = box(b"moov", box(b"mvhd", bytes(4), struct.pack(">I", created), bytes(92)), box(b"trak", track))
    cr3 = box(b"ftyp", b"crx ", bytes(4), b"isom") + box(b"mdat", bytes(500)) + index
    found = probed(cr3)
    assert (found.kind, found.extension, found.problem) == (Kind.RAW, "cr3", None)
    assert (found.width, found.height) == (640, 360)
    assert found.metadata.taken == datetime(2024, 5, 17, tzinfo=UTC)
    assert probed(cr3[:-1]).problem
    wide = box(b"moov", box(b"mvhd", b"\1\0\0\0", struct.pack(">Q", created), bytes(96)), box(b"trak", track))
    assert probed(cr3.replace(index, wide)).metadata.taken == datetime(2024, 5, 17, tzinfo=UTC)
    for others in ((160, 120), (800, 400)):  # the largest counts, wherever it stands
        more = box(b"trak", box(b"tkhd", bytes(76), struct.pack(">II", *(n << 16 for n in others))))
        two = cr3.replace(index, box(b"moov", index[8:] + more))
        assert (probed(two).width, probed(two).height) == max((640, 360), others)
    avif = picture("AVIF").replace(b"ftypavif", b"ftypmif1", 1)
    assert probed(avif).extension == "avif"
    assert probed(box(b"ftyp", b"mif1", bytes(4), b"mif1", b"heic")).extension == "heic"


def test_a_bare_stream_of_jpeg_xl_tells_no_length(probed):
    assert (probed(b"\xff\x0a" + bytes(200)).extension, probed(b"\xff\x0a" + bytes(200)).problem) == (
        "jxl",
        None,
    )


def test_a_picture_says_in_its_xmp_when_it_was_taken():
    found = of_picture(None, b'<rdf:Description xmp:CreateDate="2020-01-02T03:04:05Z" MotionPhoto="1"/>')
    assert (found.taken, found.motion_photo) == (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), True)
    assert (of_picture(None, None).taken, of_picture(b"damaged", None).taken) == (None, None)


def test_matroska_says_its_length_or_does_not(probed):
    whole = footage("webm")
    assert probed(whole).extension == "webm"
    at = whole.index(b"\x18\x53\x80\x67") + 4
    assert probed(whole[:at] + b"\x01" + b"\xff" * 7 + whole[at + 8 :]).problem is None


# Raw photos, by their structure.


def ifd(entries, after, order="<"):
    """A directory; `entries` are (tag, type, count, value or offset)."""
    table = b"".join(
        struct.pack(order + "HHI", tag, kind, count)
        + (
            struct.pack(order + "HH", value, 0)
            if kind == 3 and count == 1
            else struct.pack(order + "I", value)
        )
        for tag, kind, count, value in entries
    )
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", after)


def raw_photo(
    make=b"NIKON CORPORATION\0", *, dng=False, magic=b"II*\0", order="<", photometric=32803, offset=16
):
    entries = [
        (256, 3, 1, 600),
        (257, 3, 1, 400),
        (262, 3, 1, photometric),
        (271, 2, len(make), 500),
        (273, 4, 1, 1000),
        (279, 4, 1, 2000),
        (306, 2, 20, 540),
    ]
    if dng:
        entries.append((50706, 1, 4, 0x0401))
    head = (magic + struct.pack(order + "I", offset)).ljust(offset, b"\0")
    data = (head + ifd(entries, 0, order)).ljust(500, b"\0")
    data = (data + make).ljust(540, b"\0") + b"2024:05:17 12:30:05\0"
    return data.ljust(1000, b"\0") + random.Random(1).randbytes(2000)


@pytest.mark.parametrize(
    ("data", "extension"),
    [
        (raw_photo(), "nef"),
        (raw_photo(b"SONY\0\0\0\0"), "arw"),
        (raw_photo(b"SAMSUNG\0"), "srw"),
        (raw_photo(b"Nobody\0\0", dng=True), "dng"),
        (raw_photo(b"Nobody\0\0"), "dng"),
        (raw_photo(b"NIKON\0\0\0", magic=b"MM\0*", order=">"), "nef"),
        (raw_photo(magic=b"IIRO"), "orf"),
        (raw_photo(magic=b"IIU\0"), "rw2"),
    ],
    ids=range(8),
)
def test_raw_photos_built_like_a_tiff(data, extension, probed):
    found = probed(data, "x.tif")
    assert (found.kind, found.extension, found.problem) == (Kind.RAW, extension, None)
    assert (found.width, found.height) == (600, 400)
    assert found.metadata.taken == datetime(2024, 5, 17, 12, 30, 5, tzinfo=UTC)
    for cut in (9, 30, 90, 510, 700, 1500, len(data) - 1):
        assert probed(data[:cut]).problem, cut


def test_a_cr2_is_told_by_its_mark(probed):
    data = raw_photo(b"Canon\0\0\0")
    data = data[:8] + b"CR\x02\0" + data[12:]
    assert (probed(data).extension, probed(data).kind) == ("cr2", Kind.RAW)
    assert probed(data[:2000]).problem == "CR2 ends in the middle"


def test_directories_that_lead_in_circles_or_nowhere_end(probed):
    circle = b"II*\0" + struct.pack("<I", 8) + ifd([(330, 4, 1, 8), (34665, 4, 1, 8)], 8)
    assert probed(circle.ljust(3000, b"\0")).kind is Kind.IMAGE
    assert probed(b"II*\0" + bytes(4) + bytes(100)).problem == "TIFF was never finished"
    assert probed(b"II*\0" + struct.pack("<I", 8) + b"\xff\xff" + bytes(100)).problem
    assert probed(b"II*\0" + struct.pack("<I", 4_000_000_000)).problem == "TIFF ends in the middle"


def test_other_raw_photos(probed):
    raf = (b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">6I", 200, 300, 500, 100, 600, 400)).ljust(
        1000, b"\1"
    )
    assert (probed(raf).extension, probed(raf).problem) == ("raf", None)
    assert probed(raf[:-1]).problem == "RAF ends in the middle"
    mrw = b"\0MRM" + struct.pack(">I", 100) + bytes(300)
    assert (probed(mrw).extension, probed(mrw).problem) == ("mrw", None)
    assert probed(mrw[:90]).problem
    x3f = b"FOVb" + bytes(200) + b"SECd" + bytes(20) + struct.pack("<I", 204)
    assert (probed(x3f).extension, probed(x3f).problem) == ("x3f", None)
    assert probed(x3f[:-1]).problem
    crw = b"II\x1a\0\0\0HEAPCCDR" + bytes(100) + struct.pack("<H", 3) + bytes(30) + struct.pack("<I", 88)
    assert (probed(crw).extension, probed(crw).problem) == ("crw", None)
    assert probed(crw[:60]).problem
    many = crw.replace(struct.pack("<H", 3), struct.pack("<H", 0xFF01))
    assert probed(many).problem == "CRW ends in the middle"


def test_an_encrypted_video_is_none_that_can_be_read(tmp_path):
    """FFmpeg decodes what it cannot decrypt, and shows grey."""
    path = str(tmp_path / "encrypted.mp4")
    secret = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    with (
        av.open(io.BytesIO(footage("fast.mp4"))) as source,
        av.open(path, "w", options=secret) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    assert probe(path).problem == "MP4 is encrypted"


def test_a_transport_stream_of_zeros_is_damaged_and_does_not_lack_memory(tmp_path):
    data = footage("mts")
    (tmp_path / "zeros").write_bytes(data[: 188 * 3] + bytes(188 * 2000))
    assert "damaged" in probe(str(tmp_path / "zeros")).problem
