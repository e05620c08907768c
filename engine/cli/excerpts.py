"""The line of a file that a finding speaks of, with a mark below the word.

This module knows how to find a shown file name on disk again and how to cut a line to a width. Where the file
cannot be read or has changed, there is simply no excerpt: the finding says what is wrong without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.cells import cell_len

from engine.backends.folders import builtin_folder
from engine.cli.output import visible
from engine.documents import MAX_BYTES
from engine.errors import Position

__all__ = ["Excerpt", "excerpt"]

_WORD: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[\w.@/-]+|.")
_BREAK: Final = re.compile(r"\r\n|[\r\n]")  # as engine.documents counts lines
_TAB: Final = 4


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One line as it is shown. The mark stands below `length` cells from cell `start`, counted from 0."""

    number: int
    line: str
    start: int
    length: int


def excerpt(at: Position, width: int) -> Excerpt | None:
    """The line at a position, at most `width` cells of it (width >= 20); None where there is none to show."""
    line = _line(at)
    if line is None or not line.strip() or at.column > len(line):
        return None
    before, word = line[: at.column - 1], _WORD.match(line, at.column - 1)
    start = cell_len(visible(before.expandtabs(_TAB)))
    length = max(1, cell_len(visible(word.group() if word else "")))
    text = visible(line.expandtabs(_TAB).rstrip())
    if start > width // 2 and cell_len(text) > width:
        cut = start - width // 3
        text, start = "…" + _from_cell(text, cut + 1), start - cut
    if cell_len(text) > width:
        text = _to_cell(text, width - 1) + "…"
    return Excerpt(at.line, text, start, max(1, min(length, cell_len(text) - start)))


def _line(at: Position) -> str | None:
    if not at.line:  # an option of the command line
        return None
    for file in (Path(at.file), builtin_folder().path / at.file):
        try:
            if not file.is_file() or file.stat().st_size > MAX_BYTES:
                continue
            lines = _BREAK.split(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):  # unreadable, or no text: then the finding is about just that
            continue
        if at.line <= len(lines):
            return lines[at.line - 1]
    return None


def _from_cell(text: str, cell: int) -> str:
    while text and cell > 0:
        cell -= cell_len(text[0])
        text = text[1:]
    return text


def _to_cell(text: str, cells: int) -> str:
    while cell_len(text) > cells:
        text = text[:-1]
    return text
