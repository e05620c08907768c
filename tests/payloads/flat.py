"""A table in its flat form, for reviewers: every row with its target, a short form, its place, and who inherited it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Constant,
    Convert,
    Drop,
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
    NodeForm,
    Not,
    ObjectOf,
    Open,
    Row,
    Section,
    Setting,
    Step,
    Table,
    Take,
    target_text,
)
from engine.values import ABSENT

__all__ = ["flat"]


def flat(table: Table) -> Iterator[str]:
    """The lines of a table: its contract, its lookups, its sections as they nest."""
    yield f"payload: {table.payload}" if table.graph is None else f"graph: {table.graph}"
    for lookup in table.lookups.values():
        yield f"lookup {lookup.name}: {', '.join(f'{json.dumps(k)} -> {json.dumps(v)}' for k, v in lookup.entries)}"
    for section in table.flow:
        yield ""
        yield from _section(section, "")


def _section(section: Section, indent: str) -> Iterator[str]:
    if section.when is not None:
        yield f"{indent}when {spelled(section.when)}"
        indent += "  "
    if section.refuse is not None:
        yield f"{indent}refuse: {section.refuse}    [{section.at}]"
    if section.each is not None:
        yield f"{indent}each {section.each[0]} of {section.each[1]}"
        indent += "  "
    for node in section.nodes:
        kind = node.class_name if node.like is None else f"like {node.like}"
        yield f"{indent}node {node.name}: {kind}{_place(node)}"
        for row in node.rows:
            yield f"{indent}  {row.target[1]} <- {spelled(row.expression, indent)}{_place(row)}"
    for row in section.rows:
        yield f"{indent}{target_text(row.target)} <- {spelled(row.expression, indent)}{_place(row)}"
    for row in section.replaced:
        yield f"{indent}replace {target_text(row.target)} <- {spelled(row.expression, indent)}{_place(row)}"
    for setting in section.sets:
        yield f"{indent}wire {setting.wire} = {setting.source.name}{_place(setting)}"
    for drop in section.drops:
        yield f"{indent}drop {drop.name}: {drop.reason}{_place(drop)}"
    for part in section.then:
        yield from _section(part, indent)
    if section.otherwise:
        yield f"{indent[2:]}else"
        for part in section.otherwise:
            yield from _section(part, indent)


def _place(part: Row | Drop | NodeForm | Setting) -> str:
    """Where it is written, and where the table that inherited it says so."""
    return f"    [{part.at}{'' if part.inherited_by is None else f', inherited by {part.inherited_by}'}]"


def spelled(part: Expression | Condition | Step, indent: str = "") -> str:
    match part:
        case Take(sources=sources, steps=steps, at_run=at_run):
            return " | ".join((", ".join(sources), *map(spelled, steps))) + (" (bounds at run)" if at_run else "")
        case Lookup(table=table, partial=partial):
            return f"{'replace' if partial else 'lookup'} {table}"
        case Convert(conversion=name, argument=argument):
            return name if argument is ABSENT else f"{name}({argument})"
        case Constant(value=value):
            return json.dumps(value)
        case First(options=options):
            return f"first of ({'; '.join(map(spelled, options))})"
        case Guarded(when=when, body=body):
            return f"{spelled(body)} when {spelled(when)}"
        case ListOf(items=items, join=join):
            found = f"[{', '.join(spelled(item, indent) for item in items)}]"
            return found if join is None else f"{found} joined with {join!r}"
        case ObjectOf(entries=entries):
            lines = [f"{indent}    {key}: {spelled(value)}" for key, value in entries]
            return "\n".join(("{", *lines, f"{indent}  }}"))
        case Each(variable=variable, source=source, body=body):
            return f"for each {variable} of {source} {spelled(body, indent)}"
        case Open(source=source, reserved=reserved):
            return f"all of {source} but {', '.join(reserved)}"
        case Late(name=name):
            return f"late {name}"
        case Link(name=name):
            return f"link {name}"
        case IsPresent(name=name):
            return f"{name} is there"
        case IsOneOf(name=name, values=values):
            return f"{name} in {json.dumps(values)}"
        case IsLonger(name=name, count=count):
            return f"{name} has more than {count}"
        case GroupOn(group=group):
            return f"group {group} is on"
        case Not(condition=inner):
            return f"not ({spelled(inner)})"
        case All(conditions=parts):
            return " and ".join(map(spelled, parts))
        case AnyOf(conditions=parts):
            return " or ".join(map(spelled, parts))
    raise AssertionError(f"no short form for {part}")
