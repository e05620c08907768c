"""In which words each server of the /sdapi/v1 family says no (recorded).

This module knows two generations of validation lists (AUTOMATIC1111 1.10.1 has the older; Forge and SD.Next the newer)
and each server's envelope for everything else. It knows nothing about why something is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.preview.received import NotJson
from engine.preview.sdapi.refusals import Problem, Refusal
from engine.values import Json

__all__ = ["Shape", "shape_of_a1111", "shape_of_forge", "shape_of_sdnext"]

#: The body of an answer that says no.
Shape = Callable[[Refusal], Json]

#: Real servers echo whole values, pictures included. As much of a text as this one does, in characters.
_MAX_ECHO: Final = 400

_OLDER: Final = {
    "integer": ("value is not a valid integer", "type_error.integer"),
    "number": ("value is not a valid float", "type_error.float"),
    "boolean": ("value could not be parsed to a boolean", "type_error.bool"),
    "text": ("str type expected", "type_error.str"),
    "list": ("value is not a valid list", "type_error.list"),
    "object": ("value is not a valid dict", "type_error.dict"),
    "any": ("value is not allowed", "type_error"),
    "above": ("ensure this value is greater than {}", "value_error.number.not_gt"),
    "at_least": ("ensure this value is greater than or equal to {}", "value_error.number.not_ge"),
    "at_most": ("ensure this value is less than or equal to {}", "value_error.number.not_le"),
    "missing": ("field required", "value_error.missing"),
}

_TYPES: Final = {
    "integer": ("int", "a valid integer", "parse string as an integer"),
    "number": ("float", "a valid number", "parse string as a number"),
    "boolean": ("bool", "a valid boolean", "interpret input"),
    "text": ("string", "a valid string", None),
    "list": ("list", "a valid list", None),
    "object": ("dict", "a valid dictionary", None),
    "any": ("any", "a value", None),
}

_BOUNDS: Final = {
    "above": ("greater_than", "greater than", "gt"),
    "at_least": ("greater_than_equal", "greater than or equal to", "ge"),
    "at_most": ("less_than_equal", "less than or equal to", "le"),
}

_PYDANTIC: Final = "https://errors.pydantic.dev/2.8/v/"


def shape_of_a1111(refusal: Refusal) -> Json:
    """AUTOMATIC1111's words."""
    if refusal.kind == "invalid":
        return {"detail": _older(refusal)}
    if refusal.kind == "framework":
        return {"detail": refusal.text}
    told = refusal.text if refusal.kind == "refused" else ""
    return {"error": refusal.error, "detail": told, "body": "", "errors": "" if told else refusal.text}


def shape_of_forge(refusal: Refusal) -> Json:
    """Forge's words."""
    if refusal.kind == "invalid":
        return {"detail": _newer(refusal, _PYDANTIC)}
    if refusal.kind == "failed":
        return {"error": refusal.error, "detail": "", "body": "", "message": refusal.text}
    return {"detail": refusal.text}


def shape_of_sdnext(refusal: Refusal) -> Json:
    """SD.Next's words."""
    if refusal.kind == "plain":
        return {"error": refusal.text}
    if refusal.kind == "invalid":
        return {"detail": _newer(refusal, None)}
    if refusal.kind == "framework":
        return {"detail": refusal.text}
    on_purpose = refusal.kind == "refused"
    return {
        "error": refusal.error,
        "code": refusal.status,
        "detail": refusal.text if on_purpose else "",
        "body": "",
        "errors": f"{refusal.status}: {refusal.text}" if on_purpose else refusal.text,
    }


def _older(refusal: Refusal) -> list[Json]:
    return [_older_entry(problem) for problem in refusal.problems] or [_older_not_json(refusal.not_json)]


def _older_entry(problem: Problem) -> Json:
    where: list[Json] = ["body", *problem.at]
    if problem.wrong == "contract":
        return {"loc": where, "msg": problem.text, "type": "value_error.contract"}
    if problem.value is None and problem.wrong in _TYPES and problem.at:
        return {"loc": where, "msg": "none is not an allowed value", "type": "type_error.none.not_allowed"}
    message, kind = _OLDER[problem.wrong]
    entry: dict[str, Json] = {"loc": where, "msg": message.format(f"{problem.limit:g}"), "type": kind}
    return {**entry, "ctx": {"limit_value": problem.limit}} if problem.wrong in _BOUNDS else entry


def _older_not_json(problem: NotJson | None) -> Json:
    if problem is None or problem.why == "absent":
        return {"loc": ["body"], "msg": "field required", "type": "value_error.missing"}
    if problem.why == "undeclared":
        return {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}
    place: Json = {
        "msg": problem.message,
        "doc": problem.excerpt,
        "pos": problem.at,
        "lineno": problem.line,
        "colno": problem.column,
    }
    return {
        "loc": ["body", problem.at],
        "msg": f"{problem.message}: line {problem.line} column {problem.column} (char {problem.at})",
        "type": "value_error.jsondecode",
        "ctx": place,
    }


def _newer(refusal: Refusal, page: str | None) -> list[Json]:
    if not refusal.problems:
        return [_newer_not_json(refusal.not_json, page)]
    return [_with_page(_newer_entry(problem), page) for problem in refusal.problems]


def _newer_entry(problem: Problem) -> dict[str, Json]:
    value = problem.value
    entry: dict[str, Json] = {"type": "", "loc": ["body", *problem.at], "msg": "", "input": _echo(value)}
    if problem.wrong == "contract":
        return {**entry, "type": "contract", "msg": problem.text}
    if problem.wrong == "missing":
        return {**entry, "type": "missing", "msg": "Field required"}
    if problem.wrong in _BOUNDS:
        kind, words, key = _BOUNDS[problem.wrong]
        bound: Json = {key: problem.limit}
        return {**entry, "type": kind, "msg": f"Input should be {words} {problem.limit:g}", "ctx": bound}
    if problem.wrong == "object" and not problem.at:
        words = "a valid dictionary or object to extract fields from"
        return {**entry, "type": "model_attributes_type", "msg": f"Input should be {words}"}
    kind, words, parsing = _TYPES[problem.wrong]
    message = f"Input should be {words}"
    if isinstance(value, str) and parsing is not None:
        return {**entry, "type": f"{kind}_parsing", "msg": f"{message}, unable to {parsing}"}
    if problem.wrong == "integer" and isinstance(value, float):
        return {**entry, "type": "int_from_float", "msg": f"{message}, got a number with a fractional part"}
    return {**entry, "type": f"{kind}_type", "msg": message}


def _newer_not_json(problem: NotJson | None, page: str | None) -> Json:
    if problem is None or problem.why == "absent":
        return _with_page({"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}, page)
    if problem.why == "undeclared":
        return _with_page(_newer_entry(Problem((), "object", problem.excerpt)), page)
    told: Json = {"error": problem.message}
    return {"type": "json_invalid", "loc": ["body", problem.at], "msg": "JSON decode error", "input": {}, "ctx": told}


def _with_page(entry: dict[str, Json], page: str | None) -> Json:
    return entry if page is None else {**entry, "url": f"{page}{entry['type']}"}


def _echo(value: Json) -> Json:
    if isinstance(value, str):
        return value if len(value) <= _MAX_ECHO else f"{value[:_MAX_ECHO]}…"
    if isinstance(value, list):
        return [_echo(item) for item in value[:20]]
    if isinstance(value, dict):
        return {key[:_MAX_ECHO]: _echo(item) for key, item in list(value.items())[:20]}
    return value
