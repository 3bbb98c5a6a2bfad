"""Face regions: names and boxes in a photo's XMP, as the Metadata Working Group's `mwg-rs` has them."""

import contextlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
# More than this is no header any more. A longer one is read as far as this.
HEADER_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Region:
    """A face: its name ("" when it has none) and its box as fractions of the stored, unrotated picture."""

    name: str
    left: float
    top: float
    width: float
    height: float

    def upright(self, orientation: int) -> "Region":
        """Return the same region once the picture is turned as its Exif orientation (1 to 8) says."""
        right, bottom = self.left + self.width, self.top + self.height
        boxes = {
            2: (1 - right, self.top, 1 - self.left, bottom),
            3: (1 - right, 1 - bottom, 1 - self.left, 1 - self.top),
            4: (self.left, 1 - bottom, right, 1 - self.top),
            5: (self.top, self.left, bottom, right),
            6: (1 - bottom, self.left, 1 - self.top, right),
            7: (1 - bottom, 1 - right, 1 - self.top, 1 - self.left),
            8: (self.top, 1 - right, bottom, 1 - self.left),
        }
        left, top, right, bottom = boxes.get(orientation, (self.left, self.top, right, bottom))
        return Region(self.name, left, top, right - left, bottom - top)


def face_regions(path: str | os.PathLike[str]) -> list[Region]:
    """Return the face regions of a photo: from the XMP file beside it if that has any, else from inside.

    Looks for `photo.jpg.xmp`, then `photo.xmp`. Empty for a photo without regions, an unreadable one or one
    with broken XML. Raises OSError only if the photo itself cannot be opened.
    """
    beside = sidecar_of(path)
    if beside is not None:
        with contextlib.suppress(OSError), open(beside, "rb") as file:
            found = parse_regions(file.read())
            if found:
                return found
    with open(path, "rb") as file:
        return parse_regions(packet_of(file.read(HEADER_BYTES)))


def packet_of(head: bytes) -> bytes:
    """Return the first XMP packet in the beginning of a photo, b"" without one."""
    # By its marks: a JPEG with junk between its segments still shows, and still has it.
    start, end = head.find(b"<x:xmpmeta"), head.find(b"</x:xmpmeta>")
    return head[start : end + len(b"</x:xmpmeta>")] if 0 <= start < end else b""


def sidecar_of(path: str | os.PathLike[str]) -> str | None:
    """Return the XMP file beside a photo, if there is one."""
    text = os.fspath(path)
    for candidate in (f"{text}.xmp", f"{os.path.splitext(text)[0]}.xmp"):
        if os.path.isfile(candidate):
            return candidate
    return None


def parse_regions(packet: bytes) -> list[Region]:
    """Return the face regions of an XMP packet.

    Broken XML, other kinds of region and absurd boxes give none.
    """
    found = []
    for listing in _elements(packet, "RegionList"):
        for item in listing.iter(f"{_RDF}li"):
            region = _region(_properties(item))
            if region is not None:
                found.append(region)
    return found


def drawn_for(packet: bytes) -> tuple[int, int] | None:
    """The size of the picture that the regions of a packet were drawn for, if it tells."""
    for element in _elements(packet, "AppliedToDimensions"):
        sides = [element.get(f"{_DIMENSIONS}{side}", "") for side in "wh"]
        if all(side.isdecimal() for side in sides):
            return int(sides[0]), int(sides[1])
    return None


def _elements(packet: bytes, name: str) -> list[Element]:
    """Return the elements of that name, none of broken XML."""
    try:
        root: Element = fromstring(packet.strip(b"\x00 \r\n\t"))
    except (ParseError, DefusedXmlException, ValueError):
        return []
    return list(root.iter(f"{_MWG}{name}"))


def region_xmp(regions: Iterable[Region], width: int, height: int) -> bytes:
    """Return an XMP packet holding these regions of a picture of this size in pixels."""
    items = "".join(
        "<rdf:li><rdf:Description mwg-rs:Type='Face'"
        + (f" mwg-rs:Name={quoteattr(r.name)}" if r.name else "")
        + f"><mwg-rs:Area stArea:x='{r.left + r.width / 2:.6f}' stArea:y='{r.top + r.height / 2:.6f}'"
        f" stArea:w='{r.width:.6f}' stArea:h='{r.height:.6f}' stArea:unit='normalized'/>"
        "</rdf:Description></rdf:li>"
        for r in regions
    )
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>"
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        "<rdf:Description rdf:about='' xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/'"
        " xmlns:stArea='http://ns.adobe.com/xmp/sType/Area#'"
        " xmlns:stDim='http://ns.adobe.com/xap/1.0/sType/Dimensions#'>"
        "<mwg-rs:Regions rdf:parseType='Resource'>"
        f"<mwg-rs:AppliedToDimensions stDim:w='{width}' stDim:h='{height}' stDim:unit='pixel'/>"
        f"<mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
        "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def _properties(item: Element) -> dict[str, str]:
    """Return all attributes and simple child elements of a region, however deep its writer nested them."""
    found: dict[str, str] = {}
    for element in item.iter():
        found.update(element.attrib)
        if element.text and element.text.strip():
            found[element.tag] = element.text.strip()
    return found


def _region(properties: Mapping[str, str]) -> Region | None:
    if properties.get(f"{_MWG}Type", "Face").casefold() != "face":
        return None
    try:
        x, y, width, height = (float(properties[f"{_AREA}{key}"]) for key in ("x", "y", "w", "h"))
    except (KeyError, ValueError):
        return None
    if not all(map(math.isfinite, (x, y, width, height))):
        return None
    left, top = max(0.0, x - width / 2), max(0.0, y - height / 2)
    right, bottom = min(1.0, x + width / 2), min(1.0, y + height / 2)
    if right <= left or bottom <= top:
        return None
    return Region(properties.get(f"{_MWG}Name", "").strip(), left, top, right - left, bottom - top)
