"""Pictures as immutable handles: original bytes, size, media type, digest.

This module knows how to tell PNG, JPEG, WebP and GIF apart, where each keeps its width and height, and how
bytes become base64 text and back. It decodes no pixel, changes no byte and knows nothing about requests,
servers or folders. EXIF orientation is not applied: width and height are those of the stored pixels.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from engine.errors import ImageError

__all__ = ["MAX_FILE_BYTES", "MAX_SIDE", "Header", "Image", "read_header"]

#: The longest side that is accepted, in pixels. JPEG has no room for more, and no server makes as many.
MAX_SIDE: Final = 65_535

#: The largest file that `Image.from_file` reads, in bytes.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024

_EXTENSIONS: Final = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82"
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
# ITU T.81, B.1.1.2: any number of 0xFF may stand before a marker. Like libjpeg, pass over stray bytes, and over
# stuffed bytes (00) and the markers without a segment (TEM, RST, SOI).
_JPEG_MARKER: Final = re.compile(rb"\xff([^\xff\x00\x01\xd0-\xd8])", re.DOTALL)
_GIFS: Final = (b"GIF87a", b"GIF89a")

_DATA_URL: Final = re.compile(r"data:image/[a-z0-9.+-]+(?:;[a-z0-9.+-]+=[^;,]*)*;base64,", re.IGNORECASE)


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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image:
    """A picture, exactly as it came: immutable, hashable by its digest, safe between threads, pickle-able.

    Make one with `from_bytes`, `from_base64`, `from_file` or `predict`. A picture must be whole, which is
    checked by the end that its format has: a PNG holds its IEND chunk, a JPEG an end-of-image marker behind
    its frame header, a GIF ends with its trailer (zero bytes may follow), a WebP is as long as its
    RIFF header says. This finds downloads that were cut off; bytes behind the end of a PNG, JPEG or WebP are
    kept and do no harm, since cameras and servers do write some.

    Base64 text and digest are made when first asked for, and kept. Two threads that ask at the same moment may
    both make them: they make the same.
    """

    header: Header
    predicted: bool
    _data: bytes
    _base64: str | None
    _digest: str | None

    @classmethod
    def from_bytes(cls, data: bytes) -> Image:
        """The picture that these bytes are. Raises ImageError as `read_header` does, and where it is cut off."""
        header = read_header(data)
        if not _whole(data, header.media_type):
            raise ImageError(
                f"The {_name(header)} picture is cut off: its end is missing. Get or save it anew.",
                code="image-truncated",
            )
        return cls(header, False, bytes(data), None, None)

    @classmethod
    def from_base64(cls, text: str) -> Image:
        """The picture in this base64 text, which may start with `data:image/…;base64,`.

        The text (without such a start) is kept and handed on by `base64`: it is decoded once and never encoded
        again. Raises ImageError `image-not-base64` for anything that is not strict base64: blanks, line
        breaks, the URL-safe alphabet, missing or surplus padding; and whatever `from_bytes` raises.
        """
        if prefix := _DATA_URL.match(text):
            text = text[prefix.end() :]
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except ValueError as error:
            # `error` speaks of the kind of fault only; neither it nor this message holds any of the text.
            raise ImageError(
                f"The image is not valid base64 text ({error}). Send it on one line, padded, in the standard alphabet.",
                code="image-not-base64",
            ) from error
        image = cls.from_bytes(data)
        object.__setattr__(image, "_base64", text)
        return image

    @classmethod
    def from_file(cls, path: Path) -> Image:
        """The picture in a file of at most `MAX_FILE_BYTES`. Every ImageError names the path."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            reason = error.strerror if error.strerror is not None else type(error).__name__
            raise ImageError(f"{path.as_posix()} cannot be read: {reason}.", code="image-unreadable") from error
        except ValueError as error:
            raise ImageError(f"{path.as_posix()!r} is no file name: {error}.", code="image-unreadable") from error
        if len(data) > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // (1024 * 1024)
            raise ImageError(f"{path.as_posix()} is larger than {limit} MiB.", code="image-size")
        try:
            return cls.from_bytes(data)
        except ImageError as error:
            raise ImageError(f"{path.as_posix()}: {error.message}", code=error.code) from error

    @classmethod
    def predict(cls, width: int, height: int) -> Image:
        """A stand-in for a picture that does not exist yet, of the size in pixels that it should have.

        Dry runs thread these from stage to stage. `predicted` is true, the media type is a guess (PNG), and
        asking for `data` or `base64` raises ImageError `image-predicted`.
        """
        return cls(Header("image/png", width, height), True, b"", None, f"predicted:{width}x{height}")

    @property
    def media_type(self) -> str:
        """The media type, as "image/png"."""
        return self.header.media_type

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.header.width

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.header.height

    @property
    def extension(self) -> str:
        """The end of a file name for this kind of picture, as ".png"."""
        return _EXTENSIONS[self.media_type]

    @property
    def size_bytes(self) -> int:
        """How many bytes the picture has; 0 for a stand-in."""
        return len(self._data)

    @property
    def data(self) -> bytes:
        """The bytes, exactly as they came. Raises ImageError `image-predicted` for a stand-in."""
        self._need_bytes()
        return self._data

    @property
    def base64(self) -> str:
        """The bytes as base64 text: the text they came as, or made once. Raises ImageError `image-predicted`."""
        self._need_bytes()
        text = self._base64
        if text is None:
            text = binascii.b2a_base64(self._data, newline=False).decode("ascii")
            object.__setattr__(self, "_base64", text)
        return text

    @property
    def digest(self) -> str:
        """The name of exactly these bytes: "sha256:<64 hex digits>", or "predicted:512x512" for a stand-in."""
        digest = self._digest
        if digest is None:
            digest = f"sha256:{hashlib.sha256(self._data).hexdigest()}"
            object.__setattr__(self, "_digest", digest)
        return digest

    def describe(self) -> str:
        """What snapshots and logs show: "sha256:12ab34cd56ef… png 64x64", or "predicted:512x512"."""
        if self.predicted:
            return self.digest
        return f"{self.digest[: len('sha256:') + 12]}… {_name(self.header)} {self.width}x{self.height}"

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Image) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Image {self.describe()}>"

    def _need_bytes(self) -> None:
        if self.predicted:
            raise ImageError(
                f"This image ({self.digest}) is a stand-in in a dry run: it has no data. Run the plan to get it.",
                code="image-predicted",
            )


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


def _whole(data: bytes, media_type: str) -> bool:
    """Whether the end that the format has is there. See `Image` for the rules."""
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


def _name(header: Header) -> str:
    return header.media_type.removeprefix("image/")


def _truncated() -> ImageError:
    return ImageError("The image is cut off in its header. Get or save it anew.", code="image-truncated")


def _unknown(why: str) -> ImageError:
    return ImageError(f"{why} PNG, JPEG, WebP and GIF are accepted.", code="image-unknown-format")
