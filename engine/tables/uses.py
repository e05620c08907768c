"""Where a table uses a field: the rows that send it and as what, the conditions that ask for it, the drops.

It follows the names that an `each` binds, so that `unit.model` is known as `adetailer_units.model`. It looks at the
text of a table alone: nothing is decided or evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

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
    Row,
    Section,
    Table,
    Take,
    Target,
    target_text,
)
from engine.tables.traverse import all_tests, names_tested
from engine.tables.writing import flow_text, written, written_condition

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


def uses_of(table: Table, name: str, switches: Collection[str] = ()) -> list[Use]:
    """Every use of a field (`steps`) or of an entry of a list field's items (`units.model`), in the table's order.

    `switches`: the groups that the field turns on; a section that asks for one of them asks for the field.
    """
    found: list[Use] = []
    for section in table.flow:
        found += _section(table, section, name, switches, {})
    return list(dict.fromkeys(found))


def _section(
    table: Table, section: Section, wanted: str, switches: Collection[str], bound: Mapping[str, str]
) -> Iterator[Use]:
    if section.each is not None:
        variable, source = section.each
        bound = {**bound, variable: _resolved(source, bound)}
    if section.when is not None:
        groups = {test.group for test in all_tests(section.when) if isinstance(test, GroupOn)}
        if wanted in _tested(section.when, bound) or not groups.isdisjoint(switches):
            yield Use("condition", None, flow_text(written_condition(section.when)), section.at)
    for row in section.rows:
        yield from _row(table, row, wanted, bound)
    for drop in section.drops:
        if drop.name == wanted:
            yield Use("drop", None, drop.reason, drop.at, drop.inherited_by)
    for part in (*section.then, *section.otherwise):
        yield from _section(table, part, wanted, switches, bound)


def _row(table: Table, row: Row, wanted: str, bound: Mapping[str, str]) -> Iterator[Use]:
    text = flow_text(written(row.expression, table.lookups))
    for kind, name, target in _parts(row.expression, row.target, bound):
        if name == wanted:
            yield Use(kind, target_text(target), text, row.at, row.inherited_by)


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
    return [_resolved(name, bound) for name, _ in names_tested(condition)]


def _resolved(name: str, bound: Mapping[str, str]) -> str:
    """The name with the variable of an `each` replaced by the list that it goes over."""
    variable, dot, member = name.partition(".")
    return f"{bound[variable]}{dot}{member}" if variable in bound else name
