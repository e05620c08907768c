"""Places in a server's answer, and tests of what stands there.

A place is a JSON Pointer (`/images/0`), with `*` for every item, or a list of its steps where one is known only when
the job is sent (`[{late: job_id}, status]`). A test says what should stand at places. This module follows places
through data that nobody vouches for; it knows no step of a conversation and no key of any answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.errors import Position
from engine.values import ABSENT, Absent, Json, Later, same

__all__ = ["LateValues", "Place", "Test", "find", "holds", "number_at", "parsed", "text_at"]

#: What is known of the call that is being made, by name: `job_id`, `client_id`.
LateValues: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in an answer: the steps to it (`*`: every item), in the body or in its decoded info."""

    steps: tuple[str | Later, ...]
    in_info: bool
    at: Position

    @property
    def shown(self) -> str:
        """The place as people write it: `/images/0`, and "the top" for the whole."""
        return "".join(f"/{step}" for step in self.steps) if self.steps else "the top"


@dataclass(frozen=True, slots=True)
class Test:
    """Whether one of these values stands at a place; with `*` in the place, at any that it leads to.

    `negated`: whether something stands there that is none of them.
    """

    place: Place
    values: tuple[Json | Later, ...]
    negated: bool = False


def parsed(body: bytes | str) -> Json | Absent:
    """The JSON of a body, or ABSENT. NaN and infinity, which some servers write, become null, as does 1e999."""
    try:
        data: Json = json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return ABSENT
    return data


def find(data: Json, place: Place, late: LateValues | None = None) -> Json | Absent:
    """What stands at a place. With `*` in it: the list of what stands at each."""
    here: list[Json] = [data]
    for step in place.steps:
        name = (late or {}).get(step.name, "") if isinstance(step, Later) else step
        here = [found for node in here for found in _children(node, name, every=step == "*")]
    if "*" in place.steps:
        return here
    return here[0] if here else ABSENT


def holds(tests: Iterable[Test], data: Json, late: LateValues) -> bool:
    """Whether all the tests hold of this data."""
    return all(_holds(test, data, late) for test in tests)


def text_at(data: Json, place: Place, late: LateValues | None = None) -> str | None:
    """The text at a place, or a whole number there as text; None where another thing stands there, or nothing."""
    found = find(data, place, late)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else None


def number_at(data: Json, place: Place | None) -> float | None:
    """The finite number at a place; None where there is none."""
    found = ABSENT if place is None else find(data, place)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        return float(found)
    except OverflowError:
        return None


def _holds(test: Test, data: Json, late: LateValues) -> bool:
    found = find(data, test.place, late)
    if found is ABSENT:
        return False
    values = [late.get(value.name, ABSENT) if isinstance(value, Later) else value for value in test.values]
    candidates = found if "*" in test.place.steps and isinstance(found, list) else [found]
    return any(any(same(one, value) for value in values) is not test.negated for one in candidates)


def _children(node: Json, step: str, *, every: bool) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values() if every else [node[step]] if step in node else []
    if isinstance(node, list):
        if every:
            return node
        return [node[int(step)]] if _is_index(step) and int(step) < len(node) else []
    return []


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdecimal() and len(step) < 10


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
