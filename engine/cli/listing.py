"""Lines that say one thing each: whole in a pipe, folded with a hanging indent on a terminal.

This module knows widths and indents, and nothing about what the lines say.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from engine.cli.output import Output, on_terminal, visible

__all__ = ["part", "show_line"]

#: The least that a folded line is given, however narrow the terminal.
_LEAST = 20


def part(text: str, style: str = "") -> Text:
    """A piece of a line, with nothing in it that could steer a terminal."""
    return Text(visible(text), style=style)


def show_line(output: Output, pieces: Iterable[Text], indent: int = 0, hang: int = 4, label: str = "") -> None:
    """One line, its pieces two blanks apart. Where it is folded, what follows stands `hang` further in.

    A label stands in the room that `hang` leaves on the first line.
    """
    line = Text("  ").join([piece for piece in pieces if piece.plain])
    head = part(label.ljust(hang), "bold") if label else Text()
    room = output.data.width - indent
    if not on_terminal(output.data) or head.cell_len + line.cell_len <= room:
        output.shown(Text(" " * indent) + head + line)
        return
    for number, folded in enumerate(line.wrap(output.data, max(_LEAST, room - hang))):
        folded.rstrip()
        before = Text(" " * indent) + (head if number == 0 else Text(" " * hang))
        output.shown(before + folded)
