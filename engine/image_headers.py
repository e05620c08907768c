"""What the first and the last bytes of a picture say: its kind, its size, and whether it is all there.

This module knows how PNG, JPEG, WebP and GIF files begin and end. It decodes no pixel and keeps no bytes. EXIF
orientation is not applied: width and height are those of the stored pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from engine.errors import ImageError

__all__ = ["MAX_SIDE", "Header", "is_whole", "read_header"]

#: The longest side that is accepted, in pixels. JPEG has no room for more, and no server makes as many.
MAX_SIDE: Final = 65_535

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82"
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
# ITU T.81, B.1.1.2: any number of 0xFF may stand before a marker. Like libjpeg, pass over stray bytes, and over
# stuffed bytes (00) and the markers without a segment (TEM, RST, SOI).
_JPEG_MARKER: Final = re.compile(rb"\xff([^\xff\x00\x01\xd0-\xd8])", re.DOTALL)
_GIFS: Final = (b"GIF87a", b"GIF89a")


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a picture say: its media type ("image/png"), width and height in pixels."""

    media_type: str
    width: int
    height: int

    def __post_init__(self) -> None:
        if not (0 < self.width <= MAX_SIDE and 0 < self.height <= MAX_SIDE):
            raise ImageError(
                f"The image is {self.width}x{self.height} pixels: each side must be from 1 to {MAX_SIDE}.",
                code="image-size",
            )


def read_header(data: bytes) -> Header:
    """The media type and size of a PNG, JPEG, WebP or GIF picture, from its header alone.

    An animated PNG is a PNG. Raises ImageError: `image-unknown-format` where it is none of the four or its
    header makes no sense, `image-truncated` where the header is not all there, `image-size` where a side is
    zero or longer than `MAX_SIDE`.
    """
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(_JPEG):
        return _jpeg(data)[0]
    if data.startswith(_GIFS):
        return Header("image/gif", _number(data, 6, 2, "little"), _number(data, 8, 2, "little"))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if any(start.startswith(data) for start in (_PNG, _JPEG, *_GIFS)) or (
        b"RIFF".startswith(data[:4]) and b"WEBP".startswith(data[8:12])
    ):
        raise _truncated()
    raise _unknown("This is no picture of a known kind.")


def _png(data: bytes) -> Header:
    # PNG 1.2, section 4.1.1: IHDR comes first and has 13 bytes.
    if len(data) < 33:
        raise _truncated()
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise _unknown("This PNG picture does not start with its header (IHDR).")
    return Header("image/png", _number(data, 16, 4, "big"), _number(data, 20, 4, "big"))


def _jpeg(data: bytes) -> tuple[Header, int]:
    """The header, and where the search for the end may start: behind the frame header."""
    at = 2
    while True:
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            raise _truncated()
        marker, at = found[1][0], found.end()
        if marker in (0xD9, 0xDA):
            raise _unknown("This JPEG picture has no frame header (SOF) before its scan.")
        length = _number(data, at, 2, "big")
        if length < 2:
            raise _unknown("This JPEG picture has a segment of an impossible length.")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # DHT, JPG and DAC are no frames
            header = Header("image/jpeg", _number(data, at + 5, 2, "big"), _number(data, at + 3, 2, "big"))
            return header, at + length
        at += length


def _webp(data: bytes) -> Header:
    # RFC 9649, section 2.5 to 2.7: the first chunk says which of the three kinds it is.
    kind = data[12:16]
    if kind == b"VP8X":
        return Header("image/webp", 1 + _number(data, 24, 3, "little"), 1 + _number(data, 27, 3, "little"))
    if kind == b"VP8L":
        bits = _number(data, 21, 4, "little")
        if data[20] != 0x2F:
            raise _unknown("This lossless WebP picture lacks its signature byte.")
        return Header("image/webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        # RFC 6386, section 9.1: the upper two bits of each side are a scale for display.
        width, height = _number(data, 26, 2, "little"), _number(data, 28, 2, "little")
        if data[23:26] != b"\x9d\x01\x2a":
            raise _unknown("This lossy WebP picture does not start with a key frame.")
        return Header("image/webp", width & 0x3FFF, height & 0x3FFF)
    if len(kind) < 4:
        raise _truncated()
    raise _unknown("This WebP picture starts with a chunk of no known kind.")


def is_whole(data: bytes, media_type: str) -> bool:
    """Whether the end that the format has is there. `engine.images.Image` tells the rules."""
    match media_type:
        case "image/png":
            return data.rfind(_PNG_END) != -1
        case "image/jpeg":
            # Searched behind the frame header, because a thumbnail in the metadata has an end of its own.
            return data.find(_JPEG_END, _jpeg(data)[1]) != -1
        case "image/gif":
            return data.rstrip(b"\x00").endswith(b"\x3b")
        case _:
            return len(data) >= 8 + _number(data, 4, 4, "little")


def _number(data: bytes, at: int, size: int, order: Literal["big", "little"]) -> int:
    if at + size > len(data):
        raise _truncated()
    return int.from_bytes(data[at : at + size], order)


def _truncated() -> ImageError:
    return ImageError("The image is cut off in its header. Get or save it anew.", code="image-truncated")


def _unknown(why: str) -> ImageError:
    return ImageError(f"{why} PNG, JPEG, WebP and GIF are accepted.", code="image-unknown-format")
