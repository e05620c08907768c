"""Where the command writes: data to stdout, everything else to stderr, both fit for a person or for a pipe.

This module knows streams, colours and widths, and nothing about what is written. Colour follows the terminal and
NO_COLOR. Text that came from files and servers is shown with its control characters replaced: nobody's prompt or
error message may steer a terminal. JSON is written in ASCII, which every pipe in every locale carries unharmed.
"""

from __future__ import annotations

import io
import json
import os
import sys
import unicodedata
from typing import Final

from rich.console import Console, RenderableType
from rich.syntax import Syntax
from rich.text import Text

__all__ = ["Output", "prepare_streams", "visible"]

#: Where no terminal says how wide it is, tables get the room that they need.
_WIDTH_OF_A_PIPE: Final = 200


class _PatientConsole(Console):
    """A console whose reader may go away (`stage-engine ... | head -1`): what is left is then written nowhere."""

    def on_broken_pipe(self) -> None:
        """Go on without a reader, so that the command ends as it would have ended."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class Output:
    """The two streams of one command."""

    def __init__(self) -> None:
        self.data = _console(stderr=False)
        self.notes = _console(stderr=True)

    def line(self, text: str) -> None:
        """One line of data, exactly as it is."""
        self.data.out(text, highlight=False)
        self.data.file.flush()

    def json(self, value: object) -> None:
        """Data for a program: one JSON document, keys sorted."""
        self.line(json.dumps(value, indent=2, sort_keys=True, allow_nan=False))

    def shown(self, content: RenderableType) -> None:
        """Data for a person. Lines are not cut; a terminal folds them."""
        self.data.print(content, soft_wrap=True)

    def source(self, value: object) -> None:
        """JSON for a person, in the value's own order, coloured where the terminal can."""
        text = visible(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False), keep="\n")
        if self.data.is_terminal and self.data.color_system is not None:
            self.data.print(Syntax(text, "json", theme="ansi_dark", background_color="default", word_wrap=True))
        else:
            self.line(text)

    def note(self, content: str | Text, style: str = "") -> None:
        """Something for the person who waits."""
        text = Text(visible(content), style=style) if isinstance(content, str) else content
        self.notes.print(text, soft_wrap=not self.notes.is_terminal)


def visible(text: str, keep: str = "") -> str:
    """The text on one line, with a replacement mark for each character that could steer a terminal.

    Those are control characters and the marks that turn the direction of writing; `keep` are let through.
    """
    return "".join(
        c if c in keep or not _steers(c) else " " if c in "\n\r\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def prepare_streams() -> None:
    """Let no character that the locale lacks stop the command: it is written as an escape instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _console(*, stderr: bool) -> Console:
    console = _PatientConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_A_PIPE
    return console


def _steers(character: str) -> bool:
    # Cc: control characters; Cs: halves of a pair; the rest: embeddings, overrides and isolates of direction.
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
