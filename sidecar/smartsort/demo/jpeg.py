"""Metadata put into a JPEG beside its pixels: every other byte stays as it is."""

import struct

XMP_MARK = b"http://ns.adobe.com/xap/1.0/\x00"
# A segment's length field counts itself and has 16 bits.
LARGEST_PAYLOAD = 65_533


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """Return the JPEG with this XMP packet before the one it may have. Raises ValueError for no JPEG."""
    return with_segment(data, XMP_MARK + packet)


def with_segment(data: bytes, payload: bytes) -> bytes:
    """Return the JPEG with this APP1 segment behind its JFIF header. Raises ValueError."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("does not begin like a JPEG")
    if len(payload) > LARGEST_PAYLOAD:
        raise ValueError(f"the metadata has {len(payload)} bytes, a JPEG segment holds {LARGEST_PAYLOAD}")
    at = 4 + struct.unpack_from(">H", data, 4)[0] if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[at:]
