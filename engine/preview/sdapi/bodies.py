"""A request's body read as a server of the /sdapi/v1 family reads it: a complete set of values, or a refusal.

The preview is stricter than the servers, which turn "2" into 2 and 1 into true: here a text is no number, and true is
not 1. What the values mean is not this module's business, nor is the contract, which somebody else has checked before.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from engine.preview.sdapi.refusals import Bound, Kind, Problem, invalid
from engine.values import Json, is_integer, is_number

__all__ = ["Bounds", "Fields", "read_body"]

T = TypeVar("T")

#: Beyond this the servers' own seed arithmetic (signed 64 bits) ends.
_INTEGER_LIMIT: Final = 2**63

_BOUNDS: Final[Mapping[Bound, Callable[[float, float], bool]]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "at_most": operator.le,
}

#: Bounds that a server declares itself: the kind of bound and the number, for each field.
Bounds = Mapping[str, tuple[tuple[Bound, float], ...]]


@dataclass(frozen=True, slots=True)
class Fields:
    """All fields of one request, in the server's order, each of its declared type."""

    values: Mapping[str, Json]

    def _get(self, name: str, kind: type[T]) -> T:
        value = self.values[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} holds a {type(value).__name__} where the code reads a {kind.__name__}")
        return value

    def has(self, name: str) -> bool:
        """Whether the field is something other than null."""
        return self.values[name] is not None

    def integer(self, name: str) -> int:
        """An integer that is not null."""
        return self._get(name, int)

    def number(self, name: str) -> float:
        """A number that is not null."""
        value = self.values[name]
        return float(value) if isinstance(value, int) else self._get(name, float)

    def flag(self, name: str) -> bool:
        """A boolean; null is false, as the server takes it."""
        return self.has(name) and self._get(name, bool)

    def text(self, name: str) -> str:
        """A text that is not null."""
        return self._get(name, str)

    def items(self, name: str) -> list[Json]:
        """A list that is not null."""
        return self._get(name, list)

    def mapping(self, name: str) -> dict[str, Json]:
        """An object; null is an empty one, as the server takes it."""
        return self._get(name, dict) if self.has(name) else {}


def read_body(
    declared: Mapping[str, tuple[Kind, Json]],
    body: Mapping[str, Json],
    bounds: Bounds | None = None,
    never_null: Container[str] | None = None,
) -> Fields:
    """All fields of a request with their values. Keys that are not declared are left out, as the servers do.

    Null may be sent for fields whose default is null; where `never_null` is given, for all others than those in it.
    Raises Refusal (422) that names every field with a value of the wrong type, or outside a declared bound.
    """
    values: dict[str, Json] = {}
    problems: list[Problem] = []
    for name, (kind, default) in declared.items():
        value = body.get(name, default)
        must_be = default is not None if never_null is None else name in never_null
        if (value is None and name in body and must_be) or (value is not None and not _fits(kind, value)):
            problems.append(Problem((name,), kind, value))
        else:
            values[name] = _as_kind(kind, value) if name in body else value
            problems += _beyond(name, value, () if bounds is None else bounds.get(name, ()))
    if problems:
        raise invalid(problems)
    return Fields(values)


def _beyond(name: str, value: Json, bounds: tuple[tuple[Bound, float], ...]) -> list[Problem]:
    if not isinstance(value, (int, float)):
        return []
    return [Problem((name,), bound, value, limit) for bound, limit in bounds if not _BOUNDS[bound](value, limit)]


def _fits(kind: str, value: Json) -> bool:
    match kind:
        case "integer":
            return is_integer(value) and isinstance(value, (int, float)) and abs(value) < _INTEGER_LIMIT
        case "number":
            return is_number(value) and isinstance(value, (int, float)) and abs(value) < _INTEGER_LIMIT
        case "boolean":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case "list":
            return isinstance(value, list)
        case "any":
            return True
        case _:
            return isinstance(value, dict)


def _as_kind(kind: str, value: Json) -> Json:
    if kind == "integer" and isinstance(value, float):
        return int(value)
    if kind == "number" and isinstance(value, int):
        return float(value)
    return value
