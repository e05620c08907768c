"""Where each value of a body came from, for a person and for a program: `payloads --explain`.

This module prints what `engine.reference.explained` says; it follows no value itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from rich.text import Text

from engine.cli.listing import part, show_line
from engine.cli.output import Output
from engine.errors import Position
from engine.reference.explained import Explained, Source
from engine.tables.forms import target_text
from engine.wire import described

__all__ = ["explanation_json", "show_explanation"]

_LONGEST = 60


def show_explanation(values: Iterable[Explained], output: Output) -> None:
    """One line for each value: it, what it was made of, the row that wrote it."""
    for value in values:
        shown = json.dumps(described(value.value), ensure_ascii=False)
        if len(shown) > _LONGEST:
            shown = f"{shown[:_LONGEST]}…"
        head = part(f"{target_text(value.path)}: ", "green") + part(shown)
        sources = Text(", ").join([part(text, "cyan") for text in _told(value)])
        show_line(output, [head, part("<- ") + sources, part(f"[row {_place(value.row.at)}]", "dim")], 5)


def explanation_json(values: Iterable[Explained]) -> list[dict[str, object]]:
    """The same as JSON data: the steps to the value, the value, its row, its sources with their origins."""
    return [
        {
            "path": [*value.path],
            "value": described(value.value),
            "row": _json(value.row.at),
            "sources": [_source_json(source) for source in value.sources],
        }
        for value in values
    ]


def _told(value: Explained) -> Iterator[str]:
    if not value.sources:
        yield "the row says it"
    for source in value.sources:
        added = f" + {source.added} for the picture's place" if source.added else ""
        yield f"{source.name}{added} ({_origin(source)})"


def _origin(source: Source) -> str:
    origin = source.origin
    if origin is None:
        return "the picture that comes in"
    at = "" if origin.at is None else f", {_place(origin.at)}"
    match origin.kind:
        case "base" | "stage":
            config = "base_config" if origin.kind == "base" else "the stage's config"
            said = "" if origin.key == source.name.split(".")[0] else f" says {origin.key}"
            return f"{config}{said}{at}"
        case "default":
            return f"default{at}"
        case "derived":
            return f"made from {origin.key}{at}"
        case "drawn":
            return f"drawn{at}"
        case "constant":
            return "as every request of this stage type says"


def _place(at: Position) -> str:
    return f"{at.file}:{at.line}" if at.line else at.file


def _source_json(source: Source) -> dict[str, object]:
    data: dict[str, object] = {"field": source.name}
    if source.added:
        data["added"] = source.added
    if source.origin is None:
        return {**data, "kind": "picture"}
    data["kind"] = source.origin.kind
    if source.origin.key is not None:
        data["key"] = source.origin.key
    if source.origin.at is not None:
        data["at"] = _json(source.origin.at)
    return data


def _json(at: Position) -> dict[str, object]:
    return at.to_json()
