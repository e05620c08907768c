"""JSON values and the few things that Python and JSON disagree about.

This module knows that absent, null, "", 0 and false are five different things; that true is not 1; that NaN is
no JSON; and how a value is written down so that the same value always gives the same bytes. It knows nothing
about fields, tables or servers.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

__all__ = [
    "ABSENT",
    "Absent",
    "Json",
    "Later",
    "canonical",
    "canonical_text",
    "is_integer",
    "is_number",
    "kind_of",
    "non_json",
    "same",
]

#: What `json.loads` gives. Mappings keep their order; keys are strings.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Absent(enum.Enum):
    """The type of `ABSENT`. An enum, so that type checkers can narrow on identity and pickling keeps it."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        raise TypeError("ABSENT is neither true nor false: compare with `is ABSENT`")


#: Not there. Different from None, which is JSON's null and is there.
ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Later:
    """Text that is known only when a body is sent, by its name (`job_id`). It stands in the text's place until then."""

    name: str

    def __str__(self) -> str:
        return f"<{self.name}, known when it is sent>"


def is_integer(value: object) -> TypeGuard[int | float]:
    """Whether this is an integer in JSON's sense: 20 and 20.0 are, true is not."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether this is a JSON number: finite, and not a boolean."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def kind_of(value: object) -> str:
    """The JSON name of a value's type, for messages: "boolean", "null", "text", …"""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number" if is_number(value) else f"{value} (not a finite number)"
    if isinstance(value, (str, Later)):
        return "text"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return "a list"
    return f"a Python {type(value).__name__}"


def same(a: object, b: object) -> bool:
    """Equality as JSON means it: 1 and 1.0 are the same, 1 and true are not, at any depth."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def canonical(value: object) -> str:
    """The one text of a JSON value: keys sorted, no blanks, non-ASCII as it is. NaN and infinity are refused.

    Raises ValueError for NaN or infinity, TypeError for what is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_text(value: object) -> str:
    """The same for people to read and compare: keys sorted, one value a line, a line's end at the end.

    Raises likewise.
    """
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def non_json(value: object, *, depth: int = 32) -> str | None:
    """Why a Python value is not plain JSON data, or None where it is.

    Names the first offender with its place: NaN, infinity, a key that is not text, a lone surrogate, an object
    of some class, or more than `depth` levels.
    """
    return _non_json(value, "", depth)


def _non_json(value: object, at: str, depth: int) -> str | None:
    place = at or "the value"
    if depth < 0:
        return f"{place} is nested too deeply"
    if value is None or isinstance(value, (bool, int)):
        return None
    if isinstance(value, str):
        return None if _encodable(value) else f"{place} holds a lone surrogate, which is no character"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{place} is {value}, which is not a finite number"
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not _encodable(key):
                return f"{place} has the key {key!r}, which is not text"
            if problem := _non_json(item, f"{at}/{key}" if at else key, depth - 1):
                return problem
        return None
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if problem := _non_json(item, f"{at}/{index}" if at else str(index), depth - 1):
                return problem
        return None
    return f"{place} is a Python {type(value).__name__}, which is no JSON value"


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
