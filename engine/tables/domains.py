"""Sets of values: what a field may be, before anybody has said what it is.

The proof of a table runs the interpreter on these sets instead of on values. A set is a union of parts (literals,
a range of numbers, texts, pictures, lists, records), and says whether the value may also be absent. Sets
over-approximate: a value that can occur is always in the set, so what is proven of the set holds of the value.
This module knows the JSON Schema keywords by which fields are declared, and nothing about tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from engine.values import Json, canonical, is_integer, is_number, same

__all__ = [
    "NOWHERE",
    "Anything",
    "Domain",
    "Lists",
    "Literal",
    "Numbers",
    "Opaque",
    "Part",
    "Picture",
    "Record",
    "Segment",
    "Texts",
    "Wired",
    "described",
    "fingerprint",
    "is_joinable",
    "joined_texts",
    "literal",
    "of_schema",
    "runs_of",
    "split_literals",
    "split_presence",
    "union",
]


#: The most characters that a floating-point number is written with: -1.2345678901234567e-100.
_LONGEST_FLOAT = 24


@dataclass(frozen=True, slots=True)
class Literal:
    """One value."""

    value: Json


@dataclass(frozen=True, slots=True)
class Numbers:
    """All numbers of a range; `integer`: whole ones only; `step`: multiples of this; an open end is not in it.

    Those in `without` are not in it either.

    `at_run`: the author of the row says that its bounds hold for a reason that no proof sees.
    """

    low: float
    high: float
    integer: bool
    step: float | None = None
    low_open: bool = False
    high_open: bool = False
    at_run: bool = False
    without: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of a length (in characters), of a pattern if there is one, but for those in `without`."""

    shortest: int = 0
    longest: int | None = None
    pattern: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """Any image handle."""


@dataclass(frozen=True, slots=True)
class Wired:
    """A link to a node of a graph, to an output of this type."""

    node: str
    type: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of `least` to `most` list items that all lie in one set. `most` None: any number."""

    item: Domain
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists that are these runs, one after the other."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Objects with these entries and no others; `needs`: an entry that is there wants those others there too.

    `together` looks closer at some entries: the combinations of present (True) and absent (False) that can occur,
    None where that stays unknown. It knows that two entries made from one field come and go together.
    """

    entries: Mapping[str, Domain]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    together: Callable[[tuple[str, ...]], Iterable[tuple[bool | None, ...]]] | None = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """Objects of which nothing is known but which keys they cannot have (`reserved`, case-folded)."""

    reserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value at all: what a schema without a type allows."""


Part: TypeAlias = Literal | Numbers | Texts | Picture | Wired | Lists | Record | Opaque | Anything


@dataclass(frozen=True, slots=True)
class Domain:
    """A union of parts; `maybe_absent` if the value need not be there. No part and maybe absent: never there."""

    parts: tuple[Part, ...]
    maybe_absent: bool = False

    @property
    def never(self) -> bool:
        """Whether the value is never there."""
        return not self.parts

    @property
    def always(self) -> bool:
        """Whether the value is always there."""
        return bool(self.parts) and not self.maybe_absent


#: The set of a value that is not there.
NOWHERE = Domain((), maybe_absent=True)


def literal(value: Json) -> Domain:
    """The set of this one value."""
    return Domain((Literal(value),))


def union(domains: Iterable[Domain]) -> Domain:
    """All that is in any of these sets. Of no sets at all: never there."""
    parts: list[Part] = []
    scalars: set[tuple[type, Json]] = set()  # of the literals so far: a lookup may give many
    maybe_absent, some = False, False
    for domain in domains:
        some, maybe_absent = True, maybe_absent or domain.maybe_absent
        for part in domain.parts:
            if isinstance(part, Literal) and not isinstance(part.value, (list, dict)):
                key = type(part.value), part.value
                if key not in scalars:
                    scalars.add(key)
                    parts.append(part)
            elif not any(part == known for known in parts):
                parts.append(part)
    return Domain(tuple(parts), maybe_absent=maybe_absent) if some else NOWHERE


def fingerprint(domain: Domain) -> tuple[object, ...]:
    """What tells this set from every other, for remembering what was made of it; empty where nothing can."""
    marks = tuple((type(part.value), part.value) if isinstance(part, Literal) else part for part in domain.parts)
    try:
        hash(marks)
    except TypeError:  # a list or a mapping in it
        return ()
    return (domain.maybe_absent, *marks)


def split_presence(domain: Domain) -> tuple[Domain, ...]:
    """The set where the value is there, and the set where it is not; those of the two that can occur."""
    there = (Domain(domain.parts),) if domain.parts else ()
    return (*there, NOWHERE) if domain.maybe_absent else there


def runs_of(domain: Domain) -> tuple[Segment, ...] | None:
    """All lists of the set as one list of runs that covers each of them. None where it holds what is no list."""
    lists = [_as_lists(part) for part in domain.parts]
    segments = tuple(segment for part in lists if part is not None for segment in part.segments)
    if None in lists:
        return None
    if domain.maybe_absent or len(lists) > 1:  # any of them may be the one that is not there
        segments = tuple(replace(segment, least=0) for segment in segments)
    return segments


def is_joinable(part: Part) -> bool:
    """Whether all of it are texts or numbers."""
    if isinstance(part, Literal):
        return isinstance(part.value, str) or is_number(part.value)
    return isinstance(part, (Texts, Numbers))


def joined_texts(runs: Sequence[Segment], between: int) -> Texts:
    """The texts that joinable items make with so many characters between two; empty ones are left out."""
    shortest, longest = 0, 0.0
    for run in runs:
        lengths = [_written(part) for part in run.item.parts]
        shortest += run.least * min((low for low, _ in lengths), default=0)
        each = max((high for _, high in lengths), default=0) + between
        longest += each * (math.inf if run.most is None else run.most) if each else 0
    return Texts(shortest, None if math.isinf(longest) else max(0, int(longest) - between))


def _written(part: Part) -> tuple[int, float]:
    """The fewest and the most characters that a joinable part is written with."""
    match part:
        case Texts():
            return part.shortest, math.inf if part.longest is None else part.longest
        case Literal():
            length = len(part.value if isinstance(part.value, str) else canonical(part.value))
            return length, length
        case Numbers() if math.isfinite(part.low) and math.isfinite(part.high):
            whole = max(len(str(int(part.low))), len(str(int(part.high))))
            return 1, whole if part.integer else max(whole, _LONGEST_FLOAT)
        case _:
            return 1, math.inf


def _as_lists(part: Part) -> Lists | None:
    if isinstance(part, Literal) and isinstance(part.value, list):
        return Lists(tuple(Segment(literal(item), 1, 1) for item in part.value))
    return part if isinstance(part, Lists) else None


def split_literals(domain: Domain, values: Sequence[Json]) -> tuple[Domain, Domain]:
    """The set of those of these literals that can occur, and the set of all the rest (absent included)."""
    inside = tuple(Literal(value) for value in values if any(_holds(part, value) for part in domain.parts))
    outside: list[Part] = []
    for part in domain.parts:
        if isinstance(part, Literal):
            if not any(same(part.value, value) for value in values):
                outside.append(part)
        elif isinstance(part, Texts):
            gone = tuple(v for v in values if isinstance(v, str))
            outside.append(Texts(part.shortest, part.longest, part.pattern, (*part.without, *gone)))
        elif isinstance(part, Numbers):
            numbers = tuple(v for v in values if isinstance(v, (int, float)) and is_number(v))
            outside += _tightened(replace(part, without=(*part.without, *numbers)))
        else:
            outside.append(part)
    return Domain(inside), Domain(tuple(outside), maybe_absent=domain.maybe_absent)


def _tightened(numbers: Numbers) -> tuple[Numbers, ...]:
    """The same numbers between ends that are among them; none where none is left."""
    gone, low, high = numbers.without, numbers.low, numbers.high
    if not numbers.integer:
        return (
            replace(numbers, low_open=numbers.low_open or low in gone, high_open=numbers.high_open or high in gone),
        )
    apart = 1 if numbers.step is None else numbers.step
    while low in gone and not numbers.low_open:
        low += apart
    while high in gone and not numbers.high_open:
        high -= apart
    return (replace(numbers, low=low, high=high),) if low <= high else ()


def _holds(part: Part, value: Json) -> bool:
    """Whether a literal lies in this part."""
    match part:
        case Literal(value=known):
            return same(known, value)
        case Numbers():
            return isinstance(value, (int, float)) and is_number(value) and _in_range(part, value)
        case Texts():
            return (
                isinstance(value, str)
                and part.shortest <= len(value)
                and (part.longest is None or len(value) <= part.longest)
                and (part.pattern is None or re.search(part.pattern, value) is not None)
                and value not in part.without
            )
        case Lists() | Record() | Opaque():
            # Conditions compare with scalars; over a container the answer would be a guess, so it is "perhaps".
            return isinstance(value, (list, dict))
        case Picture() | Wired():
            return False
        case Anything():
            return True


def _in_range(numbers: Numbers, value: float) -> bool:
    low = value > numbers.low if numbers.low_open else value >= numbers.low
    high = value < numbers.high if numbers.high_open else value <= numbers.high
    whole = not numbers.integer or float(value).is_integer()
    stepped = numbers.step is None or value % numbers.step == 0
    return low and high and whole and stepped and not any(same(value, gone) for gone in numbers.without)


def of_schema(schema: Mapping[str, Json]) -> Domain:
    """The set that a field's declaration (without `$ref`) describes.

    A keyword that narrows the set and is not understood here widens it: sets over-approximate.
    """
    if "const" in schema:
        return literal(schema["const"])
    if isinstance(choices := schema.get("enum"), list):
        return Domain(tuple(Literal(choice) for choice in choices))
    kinds = schema.get("type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return Domain(tuple(part for kind in names for part in _of_type(kind, schema)))


def _of_type(kind: Json, schema: Mapping[str, Json]) -> tuple[Part, ...]:
    match kind:
        case "boolean":
            return Literal(True), Literal(False)
        case "null":
            return (Literal(None),)
        case "integer" | "number":
            return (_numbers(schema, integer=kind == "integer"),)
        case "string":
            if "contentMediaType" in schema:
                return (Picture(),)
            pattern, longest = schema.get("pattern"), schema.get("maxLength")
            return (
                Texts(
                    _whole(schema.get("minLength"), 0),
                    longest if isinstance(longest, int) else None,
                    pattern if isinstance(pattern, str) else None,
                ),
            )
        case "array":
            return (_lists(schema),)
        case "object":
            return (_record(schema),)
        case _:
            return (Anything(),)


def _numbers(schema: Mapping[str, Json], *, integer: bool) -> Numbers:
    def bound(inclusive: str, exclusive: str, unbounded: float) -> tuple[float, bool]:
        for word in (exclusive, inclusive):
            value = schema.get(word)
            if isinstance(value, (int, float)):
                return value, word == exclusive
        return unbounded, False

    low, low_open = bound("minimum", "exclusiveMinimum", float("-inf"))
    high, high_open = bound("maximum", "exclusiveMaximum", float("inf"))
    step = schema.get("multipleOf")
    return Numbers(low, high, integer, step if isinstance(step, (int, float)) else None, low_open, high_open)


def _lists(schema: Mapping[str, Json]) -> Lists:
    prefix = schema.get("prefixItems")
    fixed = prefix if isinstance(prefix, list) else []
    least = _whole(schema.get("minItems"), 0)
    most = schema.get("maxItems")
    segments = [Segment(of_schema(_subschema(item)), int(index < least), 1) for index, item in enumerate(fixed)]
    if schema.get("items") is not False:
        rest = None if not isinstance(most, int) else max(0, most - len(fixed))
        item = of_schema(_subschema(schema.get("items")))
        segments.append(Segment(item, max(0, least - len(fixed)), rest))
    return Lists(tuple(segments))


def _record(schema: Mapping[str, Json]) -> Record | Opaque:
    properties = schema.get("properties")
    if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
        return Opaque()
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    entries = {}
    for name, value in properties.items():
        if value is not False:
            domain = of_schema(_subschema(value))
            entries[name] = Domain(domain.parts, maybe_absent=name not in needed)
    depends = schema.get("dependentRequired")
    return Record(
        entries,
        {
            name: tuple(other for other in others if isinstance(other, str))
            for name, others in (depends if isinstance(depends, dict) else {}).items()
            if isinstance(others, list)
        },
    )


def _subschema(node: Json) -> Mapping[str, Json]:
    return node if isinstance(node, dict) else {}


def _whole(value: Json, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def described(domain: Domain) -> str:
    """The set in words, for messages: "a whole number from 1 to 150", "'a' or 'b'", …"""
    words = [_part_described(part) for part in domain.parts[:6]]
    if len(domain.parts) > len(words):
        words.append("…")
    if domain.maybe_absent:
        words.append("absent")
    return " or ".join(words)


def _part_described(part: Part) -> str:
    match part:
        case Literal(value=value):
            return (
                {True: "true", False: "false", None: "null"}[value]
                if value is None or isinstance(value, bool)
                else repr(value)
            )
        case Numbers():
            kind = "a whole number" if part.integer else "a number"
            low, high = ("above " if part.low_open else ""), ("below " if part.high_open else "")
            text = f"{kind} from {low}{_decimal(part.low)} to {high}{_decimal(part.high)}"
            return text + (f" in steps of {_decimal(part.step)}" if part.step else "")
        case Texts():
            if part.longest is not None:
                return f"text of {part.shortest} to {part.longest} characters"
            return f"text of at least {part.shortest} characters" if part.shortest else "text"
        case Picture():
            return "an image"
        case Wired(type=kind):
            return f"a link of type {kind}"
        case Lists():
            return "a list"
        case Record() | Opaque():
            return "a mapping"
        case Anything():
            return "anything"


def _decimal(number: float) -> str:
    return str(int(number)) if is_integer(number) else f"{number:g}"
