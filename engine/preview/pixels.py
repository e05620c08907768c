"""Pictures in and out: bytes or base64 text to Pillow pictures with their texts, and back to PNG or JPEG.

This module knows how a picture is bounded (sides and total, before any pixel is decoded), how a transparent one is
flattened, and which texts a PNG (text chunks) and a JPEG (Exif, comment) carry. It knows nothing about what is drawn
or why, and not in which words a server refuses what is no picture.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from PIL import Image, PngImagePlugin

import engine.images
from engine.errors import ImageError
from engine.preview.notes import Note, read_note, write_note

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "NotAPicture",
    "Picture",
    "TooLarge",
    "as_base64",
    "check_size",
    "decode",
    "decode_mask",
    "read_picture",
    "write_jpeg",
    "write_png",
]

#: The longest side that is drawn or read, in pixels.
MAX_SIDE: Final = 16_384

#: The most pixels that one picture may have.
MAX_PIXELS: Final = 64 * 1024 * 1024

#: The key of the preview's own text chunk.
_NOTE_KEY: Final = "stage-engine-preview"

_MAX_TEXTS: Final = 1024 * 1024

#: What one segment of a JPEG can hold, in bytes, with some room for its frame.
_MAX_SEGMENT: Final = 65_000

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_UNICODE: Final = b"UNICODE\0"


class NotAPicture(Exception):  # noqa: N818 - what came in, not a fault of the program
    """What was sent is no picture that can be read. `address`: it is an address, and those are never fetched."""

    def __init__(self, *, address: bool = False) -> None:
        super().__init__("an address" if address else "no picture")
        self.address = address


class TooLarge(Exception):  # noqa: N818 - what was asked for, not a fault of the program
    """A picture is larger than a preview draws. The text says so, with the bounds."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture (mode RGB), its texts without the preview's own, its note and its opacity (mode L), if any."""

    image: Image.Image
    texts: Mapping[str, str]
    note: Note | None
    alpha: Image.Image | None = None


def check_size(width: int, height: int) -> None:
    """Raise TooLarge for a picture that would be too large."""
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise TooLarge(
            f"{width}x{height} is too large for a preview: at most {MAX_SIDE} pixels a side and "
            f"{MAX_PIXELS // (1024 * 1024)} megapixels (of 1024 x 1024).",
        )


def decode(text: str) -> Picture:
    """The picture in this base64 text or data URL. Raises NotAPicture, TooLarge. Addresses are never fetched."""
    return _picture(*_open(_from_base64(text)))


def decode_mask(text: str) -> Image.Image:
    """A mask (mode L, white is what may change). In a partly transparent picture, what is opaque counts."""
    opened, _ = _open(_from_base64(text))
    if opened.mode in ("RGBA", "LA"):
        alpha = opened.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha
    return opened.convert("L")


def read_picture(data: bytes) -> Picture:
    """The picture in these bytes. Raises NotAPicture, TooLarge."""
    try:
        return _picture(*_open(engine.images.Image.from_bytes(data)))
    except ImageError as error:
        raise NotAPicture from error


def write_png(image: Image.Image, texts: Mapping[str, str], note: Note | None) -> bytes:
    """The picture as a PNG that carries these texts and the note."""
    chunks = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        chunks.add_text(key, value)
    if note is not None:
        chunks.add_text(_NOTE_KEY, write_note(note))
    file = io.BytesIO()
    image.save(file, format="PNG", pnginfo=chunks, compress_level=4)
    return file.getvalue()


def write_jpeg(image: Image.Image, parameters: str, note: Note | None, quality: int = 90) -> bytes:
    """The picture as a JPEG with `parameters` as its Exif user comment. What is longer than Exif can be is cut."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif.endian = ">"
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + parameters.encode("utf-16-be")[:_MAX_SEGMENT]
    comment = b"" if note is None else f"{_NOTE_KEY}:{write_note(note, _MAX_SEGMENT)}".encode("ascii")
    image.save(file, format="JPEG", quality=quality, exif=exif, comment=comment)
    return file.getvalue()


def as_base64(data: bytes) -> str:
    """The bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> engine.images.Image:
    if text.startswith(("http://", "https://")):
        raise NotAPicture(address=True)
    try:
        return engine.images.Image.from_base64(text)
    except ImageError as error:
        raise NotAPicture from error


def _open(source: engine.images.Image) -> tuple[Image.Image, dict[str, str]]:
    check_size(source.width, source.height)
    try:
        with Image.open(io.BytesIO(source.data), formats=("PNG", "JPEG", "WEBP", "GIF")) as opened:
            opened.load()
            texts = {k: v for k, v in opened.info.items() if isinstance(k, str) and isinstance(v, str)}
            if opened.format == "JPEG":
                texts.update(_texts_of_jpeg(opened))
            image = opened.copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow tells broken files by any of these, depending on the format and on where it noticed.
        raise NotAPicture from error
    if sum(len(value) for value in texts.values()) > _MAX_TEXTS:
        raise NotAPicture
    return image, texts


def _texts_of_jpeg(opened: Image.Image) -> dict[str, str]:
    texts = {}
    comment = opened.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if isinstance(comment, bytes) and comment.startswith(_UNICODE):
        texts["parameters"] = comment.removeprefix(_UNICODE).decode("utf-16-be", "replace")
    key, _, own = opened.info.get("comment", b"").partition(b":")
    if key == _NOTE_KEY.encode("ascii"):
        texts[_NOTE_KEY] = own.decode("ascii", "replace")
    return texts


def _picture(opened: Image.Image, texts: dict[str, str]) -> Picture:
    own = texts.pop(_NOTE_KEY, None)
    note = None if own is None else read_note(own)
    if opened.mode not in ("RGBA", "LA", "PA") and "transparency" not in opened.info:
        return Picture(opened.convert("RGB"), texts, note)
    # White behind what is transparent: the servers' default background.
    layer = opened.convert("RGBA")
    ground = Image.new("RGBA", opened.size, "white")
    return Picture(Image.alpha_composite(ground, layer).convert("RGB"), texts, note, layer.getchannel("A"))
