"""What a JSON Schema asks of a value, in plain words: for hover texts, field references and the terminal.

This module knows the keywords that contracts keep to, and nothing about fields or tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from engine.values import Json

__all__ = ["schema_words"]

_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "null": "null",
}
_MOST_CHOICES = 24


def schema_words(schema: Mapping[str, Json]) -> str:
    """`whole number, 1 to 150`: the kind of value and its bounds, on one line."""
    return ", ".join([_kind(schema), *_bounds(schema)])


def _kind(schema: Mapping[str, Json]) -> str:
    if "contentMediaType" in schema:
        return "picture"
    if "const" in schema:
        return f"always {_literal(schema['const'])}"
    choices, kind = schema.get("enum"), schema.get("type")
    if isinstance(choices, list):
        shown = ", ".join(_literal(choice) for choice in choices[:_MOST_CHOICES])
        return f"one of {shown}{', …' if len(choices) > _MOST_CHOICES else ''}"
    if isinstance(kind, list):
        return " or ".join(_KINDS.get(str(one), str(one)) for one in kind)
    if isinstance(kind, str):
        return _list(schema) if kind == "array" else _KINDS.get(kind, kind)
    return "anything"


def _list(schema: Mapping[str, Json]) -> str:
    items = schema.get("items")
    return f"list of ({schema_words(items)})" if isinstance(items, dict) and items else "list"


def _bounds(schema: Mapping[str, Json]) -> Iterator[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        yield f"{_literal(low)} to {_literal(high)}"
    elif low is not None:
        yield f"at least {_literal(low)}"
    elif high is not None:
        yield f"at most {_literal(high)}"
    for word, text in _LIMITS.items():
        if word in schema:
            counted = text.format(_literal(schema[word]))
            yield counted.removesuffix("s") if schema[word] == 1 and counted.endswith("s") else counted


_LIMITS = {
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matching {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def _literal(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
