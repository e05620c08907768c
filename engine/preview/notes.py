"""What a preview picture remembers about how it was made.

This module knows the note that the preview server writes into its own pictures beside the usual `parameters`
text: the prompts and one log line for each stage so far, how much of the picture's foot the caption covers, and
where the person in it stands. It lets a later stage redraw the caption over the earlier one, one line longer, and
put a face where a face is. A picture without a note, or with one that makes no sense, is simply a picture that
came from elsewhere. The module knows nothing about pixels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from engine.values import is_number

__all__ = ["CENTRE", "Composition", "Note", "read_note", "write_note"]

_MAX_LINES: Final = 32
_MAX_TEXT: Final = 600


@dataclass(frozen=True, slots=True)
class Composition:
    """Where the face is: its centre as ratios of width and height, its radius as a ratio of the shorter side."""

    x: float
    y: float
    radius: float

    def face(self, size: tuple[int, int]) -> tuple[float, float, float]:
        """Centre and radius in the pixels of a picture of this size."""
        return self.x * size[0], self.y * size[1], self.radius * min(size)


#: Where a face is looked for in a picture that has no note.
CENTRE: Final = Composition(0.5, 0.36, 0.17)


@dataclass(frozen=True, slots=True)
class Note:
    """The prompts that were used last, one line for each stage, and the part of the height that they cover."""

    prompt: str = ""
    negative: str = ""
    log: tuple[str, ...] = ()
    covered: float = 0.0
    composition: Composition = CENTRE

    def with_line(self, line: str) -> Note:
        """The note with one more stage."""
        return replace(self, log=(*self.log, line[:_MAX_TEXT])[-_MAX_LINES:])

    def with_words(self, words: str) -> Note:
        """The note with more about the latest stage; a stage of its own where there was none."""
        return replace(self, log=self.log[:-1]).with_line(f"{self.log[-1]} · {words}" if self.log else words)

    def with_prompts(self, prompt: str, negative: str) -> Note:
        """The note with the prompts of the latest stage that had some."""
        return replace(self, prompt=prompt[:_MAX_TEXT], negative=negative[:_MAX_TEXT])


def write_note(note: Note, most: int | None = None) -> str:
    """The note as ASCII text of at most so many characters: the oldest stages are left out first, then the prompts."""
    text = _written(note)
    while most is not None and len(text) > most and note.log:
        note = replace(note, log=note.log[1:])
        text = _written(note)
    return text if most is None or len(text) <= most else _written(replace(note, prompt="", negative=""))


def _written(note: Note) -> str:
    where = note.composition
    return json.dumps(
        {
            "prompt": note.prompt,
            "negative": note.negative,
            "log": note.log,
            "covered": note.covered,
            "face": [where.x, where.y, where.radius],
        }
    )


def read_note(text: str) -> Note | None:
    """The note that this text is, or None where it is none: anybody may write any text into a PNG."""
    if len(text) > _MAX_TEXT * (_MAX_LINES + 4) * 6:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    prompt, negative, log = data.get("prompt"), data.get("negative"), data.get("log")
    if not isinstance(prompt, str) or not isinstance(negative, str) or not isinstance(log, list):
        return None
    if len(log) > _MAX_LINES or not all(isinstance(line, str) for line in log):
        return None
    face = data.get("face")
    ratios = [data.get("covered"), *face] if isinstance(face, list) else []
    if len(ratios) != 4 or not all(_is_ratio(value) for value in ratios):
        return None
    covered, x, y, radius = (float(value) for value in ratios)
    return Note(prompt, negative, tuple(log), covered, Composition(x, y, radius))


def _is_ratio(value: object) -> bool:
    return isinstance(value, (int, float)) and is_number(value) and 0 <= value <= 1
