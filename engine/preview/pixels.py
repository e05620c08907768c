"""Pictures in and out: base64 text to Pillow pictures with their texts, and back to PNG.

This module knows how a picture is bounded (sides and total, before any pixel is decoded), how a transparent one
is flattened, which text chunks a PNG carries, and in which words the server refuses what is no picture. It knows
nothing about what is drawn or why.
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
from engine.preview.refusals import Refusal, failed, refused

__all__ = ["MAX_PIXELS", "MAX_SIDE", "Picture", "check_size", "decode", "decode_mask", "encode"]

#: The longest side that is drawn or read, in pixels.
MAX_SIDE: Final = 16_384

#: The most pixels that one picture may have.
MAX_PIXELS: Final = 64 * 1024 * 1024

#: The key of the preview's own text chunk.
_NOTE_KEY: Final = "stage-engine-preview"

_MAX_TEXTS: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture (mode RGB), its text chunks without the preview's own, and its note if it has one."""

    image: Image.Image
    texts: Mapping[str, str]
    note: Note | None


def check_size(width: int, height: int) -> None:
    """Raise Refusal (500, as a server without memory) for a picture that would be too large."""
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise failed(
            "OutOfMemoryError",
            f"{width}x{height} is too large for a preview: at most {MAX_SIDE} pixels a side and "
            f"{MAX_PIXELS // (1024 * 1024)} megapixels (of 1024 x 1024).",
        )


def decode(text: str) -> Picture:
    """The picture in this base64 text or data URL. Raises Refusal in the server's words where it is none.

    Addresses are never fetched.
    """
    opened, texts = _open(text)
    own = texts.pop(_NOTE_KEY, None)
    return Picture(_flat(opened), texts, None if own is None else read_note(own))


def decode_mask(text: str) -> Image.Image:
    """A mask (mode L, white is what may change). In a partly transparent picture, what is opaque counts."""
    opened, _ = _open(text)
    if opened.mode in ("RGBA", "LA"):
        alpha = opened.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha
    return opened.convert("L")


def encode(image: Image.Image, texts: Mapping[str, str], note: Note | None) -> str:
    """The picture as base64 text of a PNG that carries these texts and the note."""
    chunks = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        chunks.add_text(key, value)
    if note is not None:
        chunks.add_text(_NOTE_KEY, write_note(note))
    file = io.BytesIO()
    image.save(file, format="PNG", pnginfo=chunks, compress_level=4)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _open(text: str) -> tuple[Image.Image, dict[str, str]]:
    if text.startswith(("http://", "https://")):
        raise refused(500, "Request to local resource not allowed")
    try:
        source = engine.images.Image.from_base64(text)
    except ImageError as error:
        raise _unreadable() from error
    check_size(source.width, source.height)
    try:
        with Image.open(io.BytesIO(source.data), formats=("PNG", "JPEG", "WEBP", "GIF")) as opened:
            opened.load()
            texts = {k: v for k, v in opened.info.items() if isinstance(k, str) and isinstance(v, str)}
            image = opened.copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow tells broken files by any of these, depending on the format and on where it noticed.
        raise _unreadable() from error
    if sum(len(value) for value in texts.values()) > _MAX_TEXTS:
        raise _unreadable()
    return image, texts


def _flat(image: Image.Image) -> Image.Image:
    """RGB, with white behind what is transparent: the server's default background."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _unreadable() -> Refusal:
    return refused(500, "Invalid encoded image")
