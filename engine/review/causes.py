"""Why a payload changed: the row, lookup, rule, condition or case that differs between the two sides.

A difference is traced from the wire backwards, and the first thing on the way that is not the same on both sides is
its cause: the row that writes the place, the lookups that the row goes through, the fields that it reads, and else
the table's conditions. Two rows are the same if they say the same, wherever they stand. This module knows the table
language and two built payloads; how they were built, and how causes are told, is others' business.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.backends.catalog import BackendStage
from engine.cases import BuiltCase
from engine.errors import Position
from engine.review.differences import Difference
from engine.rules.request import RequestRules
from engine.tables.forms import Lookup, LookupTable, Row, Take, target_text
from engine.tables.traverse import names_in, of_kind, rows_of
from engine.values import same

__all__ = ["Cause", "Half", "Kind", "cause_of", "row_at"]

#: `case`: the case itself was edited; `calls`: how many calls a request takes; `refusal`: the case is refused now, or
#: was, or is in other words; `condition`: the row is the same, and applies where it did not, or the other way round.
Kind = Literal["row", "row added", "row removed", "lookup", "field", "condition", "case", "calls", "refusal"]


@dataclass(frozen=True, slots=True)
class Cause:
    """What made payloads change. `at` is where it stands on the new side, or on the old one if it is gone.

    `what`: the target of a row, the name of a lookup, field or case, the table of a condition. `was_at` is where it
    stood on the old side.
    """

    kind: Kind
    what: str
    at: Position | None
    was_at: Position | None = None


@dataclass(frozen=True, slots=True)
class Half:
    """One side of one payload: the payload and all that it was built from."""

    payload: BuiltCase
    stage: BackendStage
    rules: RequestRules


def cause_of(difference: Difference, old: Half, new: Half) -> Cause:
    """The first thing on the way to this place that is not the same on both sides."""
    found = row_at(difference.path, old.payload.rows), row_at(difference.path, new.payload.rows)
    row = found[1] if found[1] is not None else found[0]
    condition = Cause("condition", new.stage.table.name, new.stage.table.at, old.stage.table.at)
    if row is None:
        return condition
    before, after = _counterpart(row, found[0], old), _counterpart(row, found[1], new)
    target = target_text(row.target)
    if before is None or after is None:
        return Cause("row added", target, row.at) if before is None else Cause("row removed", target, None, row.at)
    if _bare(before.expression, old) != _bare(after.expression, new):
        return Cause("row", target, after.at, before.at)
    for name in _named_lookups(after):
        tables = old.stage.lookups.get(name), new.stage.lookups.get(name)
        if tables[0] is not None and tables[1] is not None and not _same_entries(tables[0], tables[1]):
            return Cause("lookup", name, tables[1].at, tables[0].at)
    for name in dict.fromkeys(name.split(".")[0] for name, _ in names_in(after.expression)):
        if _differs(name, old.payload.request, new.payload.request):
            return Cause("field", name, _rule_at(name, new.rules), _rule_at(name, old.rules))
    return condition


def _rule_at(name: str, rules: RequestRules) -> Position | None:
    at = rules.rule(name).at
    return rules.place("fields", name) if at is None else at


def row_at(path: tuple[str, ...], rows: Mapping[str, Row]) -> Row | None:
    """The row that wrote what stands at a path of the payload, or the place nearest above it."""
    for length in range(len(path), 0, -1):
        for text in (target_text(path[:length]), target_text((*path[:length], "-"))):
            if (row := rows.get(text)) is not None:
                return row
    return None


def _counterpart(row: Row, found: Row | None, half: Half) -> Row | None:
    """The row itself where this payload has it, else a row of the whole table for the same target."""
    if found is not None and found.target == row.target:
        return found
    return next((other for other in rows_of(half.stage.table.flow) if other.target == row.target), None)


def _named_lookups(row: Row) -> Iterator[str]:
    for take in of_kind(Take, row.expression):
        yield from (step.table for step in take.steps if isinstance(step, Lookup))


def _same_entries(one: LookupTable, other: LookupTable) -> bool:
    return same([list(entry) for entry in one.entries], [list(entry) for entry in other.entries])


def _differs(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    return (name in old) != (name in new) or not same(old.get(name), new.get(name))


def _bare(part: object, half: Half) -> object:
    """A form without its places, so that forms that say the same are equal.

    A lookup that is written inline is named after its place; it stands for what it holds.
    """
    if isinstance(part, Lookup):
        table = half.stage.lookups.get(part.table)
        inline = table is not None and table.at == part.at
        return ("Lookup", part.partial, repr(table.entries) if inline and table is not None else part.table)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        kept = (field.name for field in dataclasses.fields(part) if field.type != "Position" and field.name != "at")
        return (type(part).__name__, *(_bare(getattr(part, name), half) for name in kept))
    if isinstance(part, tuple):
        return tuple(_bare(item, half) for item in part)
    return repr(part)  # literals: 1, 1.0 and True are three things here
