"""Tiny valid PNGs whose bytes are the same everywhere: their digests stand in snapshots.

Not compressed, because what a compressor gives differs from one version of zlib to another.
"""

from __future__ import annotations

import struct
import zlib

from engine.images import Image

__all__ = ["picture"]


def picture(width: int, height: int, label: str = "") -> Image:
    """A black PNG of this size in pixels, with a label in its text."""
    rows = (b"\x00" + bytes((width + 7) // 8)) * height
    blocks = [rows[start : start + 65535] for start in range(0, len(rows), 65535)]
    stored = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block for block in blocks
    )
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return Image.from_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"tEXt", b"label\x00" + label.encode("latin-1"))
        + _chunk(b"IDAT", b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(rows)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
