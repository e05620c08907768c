"""The pictures that tests are made of: valid, small, and the same bytes everywhere."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image as Pillow

from engine.testing import picture
from engine.testing.pictures import _zeros


@pytest.mark.parametrize("count", [1, 2, 258, 259, 260, 517, 65521, 65522, 2_101_248])
def test_zeros_are_compressed_as_everybody_reads_them(count: int) -> None:
    assert zlib.decompress(_zeros(count)) == bytes(count)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (64, 48), (1024, 16), (4096, 4096)])
def test_a_picture_is_a_png_of_one_colour(size: tuple[int, int]) -> None:
    made = picture(*size, "a cat")
    opened = Pillow.open(io.BytesIO(made.data))
    opened.load()
    assert (opened.size, opened.format) == (size, "PNG")
    assert len(opened.convert("RGB").getcolors() or []) == 1
    assert opened.info["parameters"] == "a cat"
    assert len(made.data) < 16_000


def test_its_bytes_depend_on_no_version_of_anything() -> None:
    assert picture(64, 48, "a cat").digest == DIGEST
    assert struct.unpack(">II", picture(64, 48).data[16:24]) == (64, 48)


#: Taken once from a picture that was looked at. It may change only together with every snapshot that there is.
DIGEST = "sha256:447035190685663f0f35ba890ab6b741d56fb39556a63e0e4d0ce5525a51f4ac"
