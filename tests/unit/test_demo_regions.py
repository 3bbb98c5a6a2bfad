"""Face regions: read in every form their writers use, written without touching the picture."""

import io

import pytest
from PIL import ExifTags, Image
from tests.shots import write_regions

from smartsort.demo import jpeg
from smartsort.demo.pictures import read_facts
from smartsort.demo.regions import Region, face_regions, parse_regions, region_xmp

HEAD = (
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'"
    " xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/'"
    " xmlns:stArea='http://ns.adobe.com/xmp/sType/Area#'><rdf:Description>"
)
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"


def packet(item: str) -> bytes:
    listing = f"<mwg-rs:RegionList><rdf:Bag>{item}</rdf:Bag></mwg-rs:RegionList>"
    return f"{HEAD}<mwg-rs:Regions rdf:parseType='Resource'>{listing}</mwg-rs:Regions>{TAIL}".encode()


AREA = "<mwg-rs:Area stArea:x='0.5' stArea:y='0.4' stArea:w='0.2' stArea:h='0.3' stArea:unit='normalized'/>"
FORMS = {
    "nested description with attributes": "<rdf:li><rdf:Description mwg-rs:Name='Zoë' mwg-rs:Type='Face'>"
    f"{AREA}</rdf:Description></rdf:li>",
    "resource with elements": "<rdf:li rdf:parseType='Resource'><mwg-rs:Name>Zoë</mwg-rs:Name>"
    f"<mwg-rs:Type>Face</mwg-rs:Type>{AREA}</rdf:li>",
    "area with elements": "<rdf:li rdf:parseType='Resource'><mwg-rs:Name>Zoë</mwg-rs:Name>"
    "<mwg-rs:Area rdf:parseType='Resource'><stArea:x>0.5</stArea:x><stArea:y>0.4</stArea:y>"
    "<stArea:w>0.2</stArea:w><stArea:h>0.3</stArea:h></mwg-rs:Area></rdf:li>",
}


def picture(width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 40)).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_reads_every_way_of_writing_a_region(form):
    (region,) = parse_regions(packet(FORMS[form]))
    assert region.name == "Zoë"
    assert (region.left, region.top) == pytest.approx((0.4, 0.25))
    assert (region.width, region.height) == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<x:xmpmeta",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        packet(f"<rdf:li rdf:parseType='Resource'><mwg-rs:Type>Pet</mwg-rs:Type>{AREA}</rdf:li>"),
        packet("<rdf:li rdf:parseType='Resource'><mwg-rs:Name>No area</mwg-rs:Name></rdf:li>"),
        packet(FORMS["nested description with attributes"].replace("0.2", "nan")),
        packet(FORMS["nested description with attributes"].replace("'0.5'", "'7'")),
    ],
)
def test_what_is_no_face_region_is_none(content):
    assert parse_regions(content) == []


def test_written_regions_are_read_again_and_the_pixels_stay(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    before = Image.open(path).tobytes()
    wanted = [Region("李雷 & <co>", 0.1, 0.2, 0.3, 0.4), Region("", 0.5, 0.5, 0.25, 0.25)]
    write_regions(path, [Region("first try", 0, 0, 1, 1)])
    write_regions(path, wanted)
    assert [r.name for r in face_regions(path)] == ["李雷 & <co>", ""]
    for read, written in zip(face_regions(path), wanted, strict=True):
        assert (read.left, read.top, read.width, read.height) == pytest.approx(
            (written.left, written.top, written.width, written.height), abs=1e-5
        )
    with Image.open(path) as image:
        assert image.tobytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp"])
def test_the_file_beside_wins(tmp_path, name):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    write_regions(path, [Region("inside", 0.1, 0.1, 0.2, 0.2)])
    (tmp_path / name).write_bytes(region_xmp([Region("beside", 0.1, 0.1, 0.2, 0.2)], 64, 48))
    assert [r.name for r in face_regions(path)] == ["beside"]


def test_junk_between_segments_hides_no_region(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    write_regions(path, [Region("Zoë", 0.2, 0.2, 0.3, 0.4)])
    data = path.read_bytes()
    tables = data.index(b"\xff\xdb")
    path.write_bytes(data[:tables] + b"\n" * 9 + data[tables:])
    assert [region.name for region in face_regions(path)] == ["Zoë"]
    assert [region.name for region in read_facts(str(path)).regions] == ["Zoë"]


def test_a_file_that_is_no_jpeg_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"not a picture")
    assert face_regions(path) == []
    with pytest.raises(ValueError, match="JPEG"):
        jpeg.with_xmp(path.read_bytes(), b"")
    with pytest.raises(ValueError, match="holds 65533"):
        jpeg.with_xmp(picture(), bytes(70_000))


@pytest.mark.parametrize("cut", [2, 3, 20, 200])
def test_a_cut_header_is_told(tmp_path, cut):
    path = tmp_path / "a.jpg"
    path.write_bytes(picture()[:cut] + b"\xff\xd9")
    assert read_facts(str(path)).size is None


def test_metadata_stands_behind_the_jfif_header():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "x"
    content = jpeg.with_segment(jpeg.with_xmp(picture(), b"<x/>"), exif.tobytes())
    places = [content.index(mark) for mark in (b"JFIF", b"Exif", jpeg.XMP_MARK)]
    assert places == sorted(places)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.size, image.info["xmp"]) == ((64, 48), b"<x/>")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_turn_as_pillow_turns_the_picture(orientation, tmp_path):
    from PIL import ImageOps

    width, height = 80, 40
    region = Region("", 0.1, 0.2, 0.2, 0.3)
    image = Image.new("L", (width, height), 0)
    image.paste(255, (8, 8, 24, 20))
    image.getexif()[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=image.getexif())
    with Image.open(tmp_path / "a.png") as stored:
        upright = ImageOps.exif_transpose(stored)
    turned = region.upright(orientation)
    box = (
        turned.left * upright.width,
        turned.top * upright.height,
        (turned.left + turned.width) * upright.width,
        (turned.top + turned.height) * upright.height,
    )
    assert upright.getbbox() == pytest.approx(box)
