"""Where the command writes: data to stdout, everything else to stderr, both fit for a person or for a pipe.

This module knows colours and widths, and nothing about what is written. Colour follows the terminal, NO_COLOR and
FORCE_COLOR. Text that came from files and servers is shown with its control characters replaced: nobody's prompt or
error message may steer a terminal. JSON is written in ASCII, which every pipe in every locale carries unharmed.
"""

from __future__ import annotations

import json
import os
import unicodedata
from typing import Final

from rich.console import Console, RenderableType
from rich.syntax import Syntax
from rich.text import Text

__all__ = ["Output", "is_screen", "mend_width", "on_terminal", "visible"]

#: Where no terminal says how wide it is, tables get the room that they need.
_WIDTH_OF_A_PIPE: Final = 200
#: Nothing readable fits into less.
_NARROWEST: Final = 20


class Output:
    """The two streams of one command. `quiet`: nothing but data and errors is written."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
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
            # Highlighted and not drawn: a drawn one is filled up with blanks to the terminal's width.
            drawn = Syntax("", "json", theme="ansi_dark", background_color="default").highlight(text)
            drawn.rstrip()
            self.shown(drawn)
        else:
            self.line(text)

    def note(self, content: RenderableType, style: str = "") -> None:
        """Something for the person who waits. Text is shown in one style; what is drawn, as it is."""
        if not self.quiet:
            text = Text(visible(content), style=style) if isinstance(content, str) else content
            self.notes.print(text, soft_wrap=not on_terminal(self.notes) and isinstance(text, Text))

    def error(self, content: str) -> None:
        """What is wrong, in one sentence that has no place and no code."""
        self.notes.print(Text(visible(content), style="bold red"), soft_wrap=not on_terminal(self.notes))


def visible(text: str, keep: str = "") -> str:
    """The text on one line, with a replacement mark for each character that could steer a terminal.

    Those are control characters and the marks that turn the direction of writing; `keep` are let through.
    """
    return "".join(
        c if c in keep or not _steers(c) else " " if c in "\n\r\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def mend_width() -> None:
    """Let COLUMNS not say that there is no room at all (some terminals start with 0): nothing would be shown."""
    width = os.environ.get("COLUMNS", "")
    if width.isdecimal() and int(width) < _NARROWEST:
        os.environ["COLUMNS"] = str(_NARROWEST)


def is_screen(console: Console) -> bool:
    """Whether a person looks at this console and it can move its cursor: FORCE_COLOR does not make a pipe one."""
    return on_terminal(console) and console.is_terminal and not console.is_dumb_terminal


def on_terminal(console: Console) -> bool:
    """Whether the console writes to a terminal, whatever the environment says of colour."""
    return console.file.isatty()


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not on_terminal(console) and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_A_PIPE
    return console


def _steers(character: str) -> bool:
    # Cc: control characters; Cs: halves of a pair; the rest: embeddings, overrides and isolates of direction.
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
