"""Whether a set of values lies wholly inside a contract.

One small function for each kind of part and keyword, in the manner of a JSON Schema validator, yielding problems
as data. What is not certain is a problem: a set fits only if every value in it does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from engine.errors import did_you_mean
from engine.tables.contracts import ANNOTATIONS
from engine.tables.domains import (
    Anything,
    Domain,
    Lists,
    Literal,
    Numbers,
    Opaque,
    Part,
    Picture,
    Record,
    Texts,
    Wired,
    described,
    literal,
)
from engine.tables.validation import Problem, problems_of, validator
from engine.values import Json

__all__ = ["misfits"]


def misfits(domain: Domain, schema: Json, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Yield every way in which some value of the set breaks the schema."""
    if schema is True:
        return
    if not isinstance(schema, dict):
        yield Problem(path, "may never be sent: the contract forbids it")
        return
    if not schema.keys() - ANNOTATIONS:
        return
    for part in domain.parts:
        yield from _part_misfits(part, schema, path)


def _part_misfits(part: Part, schema: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Problem]:
    match part:
        case Literal(value=value):
            for problem in problems_of(validator(schema, handles=True), value):
                yield Problem((*path, *problem.path), problem.message, problem.hint)
        case Numbers():
            yield from _number_misfits(part, schema, path)
        case Texts():
            yield from _text_misfits(part, schema, path)
        case Picture():
            if "contentMediaType" not in schema:
                yield Problem(path, f"gets an image, and the contract wants {_wanted(schema)} there")
        case Wired():
            yield Problem(path, f"gets a link, and the contract wants {_wanted(schema)} there")
        case Lists():
            yield from _list_misfits(part, schema, path)
        case Record():
            yield from _record_misfits(part, schema, path)
        case Opaque():
            yield from _opaque_misfits(part, schema, path)
        case Anything():
            yield Problem(path, f"can be anything, and the contract wants {_wanted(schema)} there")


def _types(schema: Mapping[str, Json]) -> list[Json]:
    kinds = schema.get("type")
    return kinds if isinstance(kinds, list) else [kinds]


def _wanted(schema: Mapping[str, Json]) -> str:
    if "contentMediaType" in schema:
        return "an image"
    if "const" in schema or "enum" in schema:
        return "one of a few values"
    return " or ".join(_KINDS.get(str(kind), str(kind)) for kind in _types(schema))


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def _number_misfits(part: Numbers, schema: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Problem]:
    shown = described(Domain((part,)))
    kinds = _types(schema)
    if "enum" in schema or "const" in schema or not {"integer", "number"} & {str(k) for k in kinds}:
        yield Problem(path, f"gets {shown}, and the contract wants {_wanted(schema)} there")
        return
    if part.at_run:
        return
    if "number" not in kinds and not part.integer:
        yield Problem(path, f"gets {shown}, which need not be whole", "round it, or say 'bounds: at_run'")
    limits: dict[str, Callable[[float], bool]] = {
        "minimum": lambda limit: part.low < limit,
        "exclusiveMinimum": lambda limit: part.low < limit or (part.low == limit and not part.low_open),
        "maximum": lambda limit: part.high > limit,
        "exclusiveMaximum": lambda limit: part.high > limit or (part.high == limit and not part.high_open),
        "multipleOf": lambda step: part.step is None or part.step % step != 0,
    }
    for word, breaks in limits.items():
        limit = schema.get(word)
        if isinstance(limit, (int, float)) and breaks(limit):
            hint = "narrow the field, widen the contract, or say 'bounds: at_run' if it holds for another reason"
            yield Problem(path, f"gets {shown}, and the contract says {word} {limit:g}", hint)


def _text_misfits(part: Texts, schema: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Problem]:
    if "contentMediaType" in schema or "enum" in schema or "const" in schema or "string" not in _types(schema):
        yield Problem(path, f"gets any {described(Domain((part,)))}, and the contract wants {_wanted(schema)} there")
        return
    least, most, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    blank_is_out = least == 1 and part.shortest == 0 and "" in part.without
    if isinstance(least, int) and part.shortest < least and not blank_is_out:
        yield Problem(path, f"can be a text of {part.shortest} characters, and the contract says minLength {least}")
    if isinstance(most, int) and (part.longest is None or part.longest > most):
        longest = "any number of" if part.longest is None else str(part.longest)
        yield Problem(path, f"can be a text of {longest} characters, and the contract says maxLength {most}")
    if pattern is not None and pattern != part.pattern:
        yield Problem(path, f"can be text that does not match the contract's pattern {pattern!r}")


def _list_misfits(part: Lists, schema: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Problem]:
    if "array" not in _types(schema):
        yield Problem(path, f"gets a list, and the contract wants {_wanted(schema)} there")
        return
    least = sum(segment.least for segment in part.segments)
    ends = [segment.most for segment in part.segments]
    most = math.inf if None in ends else sum(end for end in ends if end is not None)
    low, high = schema.get("minItems"), schema.get("maxItems")
    if isinstance(low, int) and least < low:
        yield Problem(path, f"can be a list of {least}, and the contract says minItems {low}")
    if isinstance(high, int) and most > high:
        longest = "any number" if math.isinf(most) else f"{most:g}"
        yield Problem(path, f"can be a list of {longest}, and the contract says maxItems {high}")
    prefix = schema.get("prefixItems")
    fixed = prefix if isinstance(prefix, list) else []
    earliest, latest = 0, 0.0
    for segment in part.segments:
        # The run's items can stand at any place from `earliest` to `last`; each must meet every schema there.
        last = latest + (math.inf if segment.most is None else segment.most) - 1
        for index, item in enumerate(fixed):
            if earliest <= index <= last:
                yield from misfits(segment.item, item, (*path, str(index)))
        if last >= len(fixed):
            rest = schema.get("items", True)
            place = (*path, str(max(earliest, len(fixed))))
            yield from misfits(segment.item, rest, place)
        earliest, latest = earliest + segment.least, last + 1


def _record_misfits(part: Record, schema: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Problem]:
    if "object" not in _types(schema):
        yield Problem(path, f"gets a mapping, and the contract wants {_wanted(schema)} there")
        return
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    others = schema.get("additionalProperties", True)
    for name, domain in part.entries.items():
        if name not in known and others is False:
            yield Problem((*path, name), "is not known there", did_you_mean(name, known))
        else:
            yield from misfits(domain, known.get(name, others), (*path, name))
    names = schema.get("propertyNames")
    for name in part.entries if isinstance(names, dict) else ():
        yield from misfits(literal(name), names, (*path, name))
    for name in _names(schema.get("required")):
        if name not in part.entries:
            yield Problem((*path, name), "is required by the contract and never written")
        elif not part.entries[name].always:
            yield Problem((*path, name), "is required by the contract and not always written")
    needs = schema.get("dependentRequired")
    for name, others in (needs if isinstance(needs, dict) else {}).items():
        for other in _names(others):
            if name in part.entries and _can_stand_alone(part, name, other):
                yield Problem((*path, name), f"can be written without {other}, which the contract wants beside it")


def _can_stand_alone(part: Record, name: str, other: str) -> bool:
    absent = Domain((), maybe_absent=True)
    first, second = part.entries[name], part.entries.get(other, absent)
    if first.never or second.always or other in part.needs.get(name, ()):
        return False
    if part.together is None:
        return True
    return any(one is not False and two is not True for one, two in part.together((name, other)))


def _opaque_misfits(part: Opaque, schema: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[Problem]:
    if "object" not in _types(schema):
        yield Problem(path, f"gets a mapping, and the contract wants {_wanted(schema)} there")
        return
    if schema.get("additionalProperties") is False:
        yield Problem(path, "is open, and the contract is closed there")
    properties = schema.get("properties")
    for name in properties if isinstance(properties, dict) else ():
        if name.casefold() not in part.reserved:
            message = f"lets the key {name!r} through, which the contract gives a meaning of its own"
            yield Problem(path, message, f"add {name} to 'reserved'")
    for name in _names(schema.get("required")):
        yield Problem((*path, name), "is required by the contract and not always written")


def _names(node: Json) -> list[str]:
    return [name for name in node if isinstance(name, str)] if isinstance(node, list) else []
