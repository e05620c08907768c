"""Where a table uses a field: the rows that send it and as what, the conditions that ask for it, the drops.

It follows the names that an `each` binds, so that `unit.model` is known as `adetailer_units.model`. It looks at the
text of a table alone: nothing is decided or evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.editing.writing import flow_text, written, written_condition
from engine.errors import Position
from engine.tables.forms import (
    Condition,
    Each,
    Expression,
    First,
    GroupOn,
    Guarded,
    ListOf,
    ObjectOf,
    Open,
    Section,
    Table,
    Take,
    Target,
    target_text,
)
from engine.tables.traverse import all_tests, rows_in

__all__ = ["Use", "uses_of"]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a field.

    `kind`: a row that sends it, a condition of a row or section that asks for it, a drop, or what the back end says
    that it cannot do. `target`: where it
    ends, `-` for every item of a list; None for a section's condition. `text`:
    the row or condition as written, or a reason.
    """

    kind: Literal["row", "condition", "drop", "cannot"]
    target: str | None
    text: str
    at: Position
    taken_over: Position | None = None


def uses_of(table: Table) -> dict[str, list[Use]]:
    """Every use of every field (`steps`), of every entry of a list field's items (`units.model`), in the table's order.

    What asks whether a group is on stands under `group <name>`.
    """
    found: dict[str, list[Use]] = {}
    for section in table.flow:
        for name, use in _section(table, section, {}):
            known = found.setdefault(name, [])
            if use not in known:
                known.append(use)
    return found


def _section(table: Table, section: Section, bound: Mapping[str, str]) -> Iterator[tuple[str, Use]]:
    if section.each is not None:
        variable, source = section.each
        bound = {**bound, variable: _resolved(source, bound)}
    if section.when is not None:
        use = Use("condition", None, flow_text(written_condition(section.when)), section.at)
        yield from ((name, use) for name in _tested(section.when, bound))
    for row in rows_in(section):
        text = flow_text(written(row.expression, table.lookups))
        for kind, name, target in _parts(row.expression, row.target, bound):
            yield name, Use(kind, target_text(target), text, row.at, row.inherited_by)
    for drop in section.drops:
        yield drop.name, Use("drop", None, drop.reason, drop.at, drop.inherited_by)
    for part in (*section.then, *section.otherwise):
        yield from _section(table, part, bound)


def _parts(
    expression: Expression, target: Target, bound: Mapping[str, str], *, spliced: bool = False
) -> Iterator[tuple[Literal["row", "condition"], str, Target]]:
    """Every field that a part of the expression sends or asks for, and the place in the payload that it is about."""
    match expression:
        case Take(sources=sources):
            yield from (("row", _resolved(source, bound), target) for source in sources)
        case Open(source=source):
            yield "row", _resolved(source, bound), target
        case Guarded(when=when, body=body):
            yield from (("condition", name, target) for name in _tested(when, bound))
            yield from _parts(body, target, bound, spliced=spliced)
        case First(options=parts):
            for part in parts:
                yield from _parts(part, target, bound)
        case ListOf(items=parts):
            for part in parts:
                yield from _parts(part, (*target, "-"), bound, spliced=True)
        case ObjectOf(entries=entries):
            for key, part in entries:
                yield from _parts(part, (*target, key), bound)
        case Each(variable=variable, source=source, body=body):
            over = _resolved(source, bound)
            yield "row", over, target
            yield from _parts(body, target if spliced else (*target, "-"), {**bound, variable: over})
        case _:
            return


def _tested(condition: Condition, bound: Mapping[str, str]) -> list[str]:
    tests = all_tests(condition)
    return [f"group {test.group}" if isinstance(test, GroupOn) else _resolved(test.name, bound) for test in tests]


def _resolved(name: str, bound: Mapping[str, str]) -> str:
    """The name with the variable of an `each` replaced by the list that it goes over."""
    variable, dot, member = name.partition(".")
    return f"{bound[variable]}{dot}{member}" if variable in bound else name
