"""Lines that say one thing each: whole in a pipe, folded with a hanging indent on a terminal.

This module knows widths and indents, and nothing about what the lines say.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from engine.cli.output import Output, visible

__all__ = ["part", "show_line"]

#: The least that a folded line is given, however narrow the terminal.
_LEAST = 20


def part(text: str, style: str = "") -> Text:
    """A piece of a line, with nothing in it that could steer a terminal."""
    return Text(visible(text), style=style)


def show_line(output: Output, pieces: Iterable[Text], indent: int = 0, hang: int = 4) -> None:
    """One line, its pieces two blanks apart. Where it is folded, what follows stands `hang` further in."""
    line = Text("  ").join([piece for piece in pieces if piece.plain])
    if not output.data.is_terminal:
        output.shown(Text(" " * indent) + line)
        return
    width = max(_LEAST, output.data.width - indent - hang)
    first, *rest = line.wrap(output.data, width) if line.cell_len > output.data.width - indent else [line]
    for number, folded in enumerate((first, *rest)):
        folded.rstrip()
        output.shown(Text(" " * (indent + hang if number else indent)) + folded)
