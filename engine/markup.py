"""Plain text as Markdown that says nothing but the text: no markup, no HTML, no footnotes, nobody called by name."""

from __future__ import annotations

import re

__all__ = ["as_markdown"]

_MARKS = re.compile(r"([\\`*_{}\[\]#|~!])")


def as_markdown(text: str) -> str:
    """The text in one line, for a paragraph or a cell of a table. What would mean something to Markdown is escaped."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
    return _MARKS.sub(r"\\\1", escaped.replace("\n", " "))
