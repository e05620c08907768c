"""The caption at a picture's foot: that this is a preview, the prompts, and one line for each stage so far.

This module knows how text is wrapped and set so that it can be read at 512 x 512, and that every stage redraws
the whole caption over the earlier one, so that nothing is ever printed over. On a picture that is too small for
text there is none. It knows nothing about how the lines came about.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import replace
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from engine.preview.dice import Colour
from engine.preview.notes import Note

__all__ = ["TITLE", "draw_caption", "font_for", "line_height", "plain", "tag_font"]

TITLE: Final = "PREVIEW - not a real model"

_GROUND: Final[Colour] = (16, 18, 27)
_TITLE_INK: Final[Colour] = (255, 205, 96)
_TEXT_INK: Final[Colour] = (240, 240, 244)
_DIM_INK: Final[Colour] = (164, 168, 182)

#: Below these sides, in pixels, there is no room for lines, or for a word.
_ROOM_FOR_LINES: Final = 192
_ROOM_FOR_A_WORD: Final = 96

#: The part of the height that a caption may take.
_SHARE: Final = 0.42

#: The character beyond ASCII that lines use and the font has, and how some that it lacks are spelled.
_DOT: Final = "·"
_SPELLED: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "\N{EN DASH}": "-", "\N{EM DASH}": "-"}
    | {"\N{RIGHT SINGLE QUOTATION MARK}": "'", "…": "..."}
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=32)
def font_for(pixels: int) -> Font:
    """Pillow's own font at a size in pixels."""
    return ImageFont.load_default(size=pixels)


def tag_font(size: tuple[int, int]) -> Font:
    """The font of small tags on a picture of this size."""
    return font_for(_font_pixels(size))


def line_height(size: tuple[int, int]) -> int:
    """How many pixels a line of text takes on a picture of this size."""
    return round(_font_pixels(size) * 1.32)


def plain(text: str) -> str:
    """The text on one line, in characters that Pillow's own font has: "ü" becomes "u", "猫" becomes "?"."""
    letters = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    kept = (c if c.isprintable() else " " for c in letters if not unicodedata.combining(c))
    return " ".join("".join(c if c.isascii() or c == _DOT else "?" for c in kept).split())


def draw_caption(image: Image.Image, note: Note, accent: Colour) -> Note:
    """Draw the caption onto the picture; returns the note with the part of the height that is now covered."""
    width, height = image.size
    if min(image.size) < _ROOM_FOR_A_WORD:
        return note
    draw = ImageDraw.Draw(image)
    rows = _rows(note, image.size) if min(image.size) >= _ROOM_FOR_LINES else [("PREVIEW", _TITLE_INK)]
    step, margin = line_height(image.size), round(_font_pixels(image.size) * 0.6)
    needed = len(rows) * step + margin * 2
    top = max(0, height - max(needed, math.ceil(note.covered * height)))
    draw.rectangle((0, top, width, height), fill=_GROUND)
    draw.rectangle((0, top, width, top + max(1, step // 8) - 1), fill=accent)
    font = tag_font(image.size)
    for number, (text, ink) in enumerate(rows):
        draw.text((margin, height - needed + margin + number * step), text, fill=ink, font=font)
    return replace(note, covered=(height - top) / height)


def _font_pixels(size: tuple[int, int]) -> int:
    return max(11, round(min(size) / 40))


def _rows(note: Note, size: tuple[int, int]) -> list[tuple[str, Colour]]:
    font = tag_font(size)
    room = size[0] - round(_font_pixels(size) * 1.2)
    most = max(3, int(size[1] * _SHARE / line_height(size)) - 1)
    rows = [(TITLE, _TITLE_INK)]
    rows += [(text, _TEXT_INK) for text in _wrap(note.prompt, font, room, 2)]
    if note.negative and len(rows) + 2 < most:
        rows += [(text, _DIM_INK) for text in _wrap(f"without: {note.negative}", font, room, 1)]
    left = most - len(rows)
    stages: list[list[tuple[str, Colour]]] = []
    numbered = [f"{number}  {line}" for number, line in enumerate(note.log, start=1)]
    for age, line in enumerate(reversed(numbered)):
        if left <= 0:
            break
        # The latest stage may speak at length; of earlier ones two lines tell enough.
        wrapped = _wrap(line, font, room, min(left, 4 if age == 0 else 2))
        left -= len(wrapped)
        ink = _TEXT_INK if age == 0 else _DIM_INK
        stages.append([(text, ink) for text in wrapped])
    return rows + [row for stage in reversed(stages) for row in stage]


def _wrap(text: str, font: Font, room: int, most: int) -> list[str]:
    """The text in at most so many lines that fit into `room` pixels; an ellipsis stands for what is left out."""
    words = plain(text).split(" ")
    lines: list[str] = []
    line = ""
    for index, word in enumerate(words):
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= room:
            line = longer
            continue
        if len(lines) + 1 >= most:
            lines.append(_cut(" ".join((line, *words[index:])).strip(), font, room))
            return lines[:most]
        if line:
            lines.append(line)
        line = _cut(word, font, room)
    return [*lines, line][:most] if line else lines[:most]


def _cut(text: str, font: Font, room: int) -> str:
    if font.getlength(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle].rstrip() + "…") <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"
