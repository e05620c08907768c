"""Expressions and conditions written back in the table language, so that people are shown what they would write.

The twin of `expressions`: what is written here reads back as the same form. It knows the words of the language and
nothing of where a table is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Constant,
    Convert,
    Each,
    Expression,
    First,
    GroupOn,
    Guarded,
    IsLonger,
    IsOneOf,
    IsPresent,
    Late,
    Link,
    ListOf,
    Lookup,
    LookupTable,
    Not,
    ObjectOf,
    Open,
    Step,
    Take,
)
from engine.values import ABSENT, Json

__all__ = ["flow_text", "written", "written_condition"]

_PLAIN = re.compile(r"[A-Za-z_](?:[\w./+()-]| (?=[\w./+()-]))*", re.ASCII)
_NOT_TEXT = frozenset({"true", "false", "null"})


def written(expression: Expression, lookups: Mapping[str, LookupTable]) -> Json:
    """The right side of a row. `lookups` are the table's, for those that were written in place."""
    match expression:
        case Take(sources=(source,), steps=(), at_run=False):
            return source
        case Take(sources=sources, steps=steps, at_run=at_run):
            names: Json = sources[0] if len(sources) == 1 else [*sources]
            return {"from": names, **_steps(steps, lookups), **({"bounds": "at_run"} if at_run else {})}
        case Constant(value=value):
            return {"value": value}
        case First(options=options):
            return {"first": [written(option, lookups) for option in options]}
        case Guarded(when=when, body=body):
            inner = written(body, lookups)
            return {**(inner if isinstance(inner, dict) else {"from": inner}), "when": written_condition(when)}
        case ListOf(items=items, join=join):
            parts: Json = [written(item, lookups) for item in items]
            return {"list": parts} if join is None else {"list": parts, "join": join}
        case ObjectOf(entries=entries):
            return {"object": {key: written(entry, lookups) for key, entry in entries}}
        case Each(variable=variable, source=source, body=body):
            binding: Json = source if variable == "item" else {variable: source}
            inner = written(body, lookups)
            if isinstance(body, ObjectOf) and isinstance(inner, dict):
                return {"each": binding, **inner}
            return {"each": binding, "do": inner}
        case Open(source=source, reserved=reserved):
            return {"open": source, **({"reserved": [*reserved]} if reserved else {})}
        case Late(name=name):
            return {"late": name}
        case Link(name=name):
            return {"link": name}


def written_condition(condition: Condition) -> Json:
    """What stands behind `when`."""
    match condition:
        case IsPresent(name=name):
            return {name: "present"}
        case Not(condition=IsPresent(name=name)):
            return {name: "absent"}
        case IsOneOf(name=name, values=(only,)):
            return {name: {"equals": only}}
        case IsOneOf(name=name, values=values):
            return {name: {"in": [*values]}}
        case IsLonger(name=name, count=count):
            return {name: {"longer_than": count}}
        case GroupOn(group=group):
            return {"group": group}
        case Not(condition=inner):
            return {"not": written_condition(inner)}
        case All(conditions=parts):
            return {"all": [written_condition(part) for part in parts]}
        case AnyOf(conditions=parts):
            return {"any": [written_condition(part) for part in parts]}


def _steps(steps: tuple[Step, ...], lookups: Mapping[str, LookupTable]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    chain: list[Json] = []
    for step in steps:
        match step:
            case Lookup(table=name, partial=partial):
                found["replace" if partial else "lookup"] = _lookup(name, lookups)
            case Convert(conversion=name, argument=argument):
                chain.append(name if argument is ABSENT else {name: argument})
    if chain:
        found["as"] = chain[0] if len(chain) == 1 else chain
    return found


def _lookup(name: str, lookups: Mapping[str, LookupTable]) -> Json:
    """A lookup's name, or the table itself where it was written in place: its name holds blanks then."""
    if " " not in name or name not in lookups:
        return name
    return {_key(key): value for key, value in lookups[name].entries}


class _Unquoted(str):
    """A key that was written as a number, true, false or null."""

    __slots__ = ()


def _key(key: Json) -> str:
    return key if isinstance(key, str) else _Unquoted(json.dumps(key))


def flow_text(value: Json) -> str:
    """A value as YAML on one line, text without quotes where it needs none."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow_text(key)}: {flow_text(part)}' for key, part in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow_text, value))}]"
    if isinstance(value, _Unquoted):
        return value
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)
