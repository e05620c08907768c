"""The table language as data: every form that a table may hold, and nothing about how it is read or run.

A table is a list of sections; a section holds rows, drops and further sections; a row says which expression goes
to which target. The forms are closed: there are no expressions inside strings, no templates and no code, which is
what makes a table checkable. Each form remembers where it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.errors import Position
from engine.values import ABSENT, Absent, Json, same

__all__ = [
    "LATE_NAMES",
    "All",
    "AnyOf",
    "Condition",
    "Constant",
    "Convert",
    "Drop",
    "Each",
    "Expression",
    "First",
    "GroupOn",
    "Guarded",
    "IsLonger",
    "IsOneOf",
    "IsPresent",
    "Late",
    "Link",
    "ListOf",
    "Lookup",
    "LookupTable",
    "NodeForm",
    "Not",
    "ObjectOf",
    "Open",
    "Row",
    "Section",
    "Setting",
    "Step",
    "Table",
    "Take",
    "Target",
    "Test",
    "target_text",
]

#: Where a value goes in the payload: the steps of a JSON Pointer. The last step "-" appends to a list.
Target: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A closed table from literals to values. Keys are compared as JSON compares them: true is not 1."""

    name: str
    entries: tuple[tuple[Json, Json], ...]
    at: Position

    def get(self, key: object) -> Json | Absent:
        """The value for a key, or ABSENT where the table lacks it."""
        return next((value for known, value in self.entries if same(known, key)), ABSENT)

    @property
    def keys(self) -> tuple[Json, ...]:
        """The literals that the table knows, in their order."""
        return tuple(key for key, _ in self.entries)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Replace a value through the named table. `partial`: a value that the table lacks passes as it is."""

    table: str
    partial: bool
    at: Position


@dataclass(frozen=True, slots=True)
class Convert:
    """Apply the named conversion; `argument` is its parameter as written, ABSENT where there is none."""

    conversion: str
    argument: Json | Absent
    at: Position


Step: TypeAlias = Lookup | Convert


@dataclass(frozen=True, slots=True)
class Take:
    """A field's value, or several fields' for a conversion that takes several, sent through steps in order.

    Absent if any source is absent. `at_run`: the author says that bounds cannot be proven and hold at run time.
    """

    sources: tuple[str, ...]
    steps: tuple[Step, ...]
    at_run: bool
    at: Position


@dataclass(frozen=True, slots=True)
class Constant:
    """The very value that is written."""

    value: Json
    at: Position


@dataclass(frozen=True, slots=True)
class First:
    """The first of these that is there."""

    options: tuple[Expression, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Guarded:
    """The expression where the condition holds, else absent."""

    when: Condition
    body: Expression
    at: Position


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. An `Each` among the items is spliced in; an item that is absent is left out.

    `join`: what stands between the items where they become one text; numbers are written as JSON writes them, and an
    empty text is left out.
    """

    items: tuple[Expression, ...]
    at: Position
    join: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object. An entry that is absent is left out."""

    entries: tuple[tuple[str, Expression], ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Each:
    """The body once for every item of a list field, with the item bound to `variable`."""

    variable: str
    source: str
    body: Expression
    at: Position


@dataclass(frozen=True, slots=True)
class Open:
    """The one opaque place: the field's keys as they are, but for the reserved ones (compared case-folded)."""

    source: str
    reserved: tuple[str, ...]
    at: Position


#: What can be known only when a payload is sent, and what it is.
LATE_NAMES: Mapping[str, str] = {"job_id": "the name under which the server knows this very call"}


@dataclass(frozen=True, slots=True)
class Late:
    """A text that is known only when the payload is sent, by its name: one of `LATE_NAMES`."""

    name: str
    at: Position


@dataclass(frozen=True, slots=True)
class Link:
    """In a graph: the output of a node, by the name of a wire, or by the node's own and its output's: `load.IMAGE`."""

    name: str
    at: Position


Expression: TypeAlias = Take | Constant | First | Guarded | ListOf | ObjectOf | Each | Open | Late | Link


@dataclass(frozen=True, slots=True)
class IsPresent:
    """The field is there, whatever its value."""

    name: str
    at: Position


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """The field is there and is one of these literals."""

    name: str
    values: tuple[Json, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class IsLonger:
    """The field is there and is a list of more than `count` items."""

    name: str
    count: int
    at: Position


@dataclass(frozen=True, slots=True)
class GroupOn:
    """The group of fields is reachable in this stage and switched on."""

    group: str
    at: Position


#: A single thing that a condition asks.
Test: TypeAlias = IsPresent | IsOneOf | IsLonger | GroupOn


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


Condition: TypeAlias = Test | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Row:
    """One target and what goes there. `inherited_by` is where the most derived table took it over, if it did."""

    target: Target
    expression: Expression
    at: Position
    inherited_by: Position | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """A field that this table leaves out on purpose, and why."""

    name: str
    reason: str
    at: Position
    inherited_by: Position | None = None


@dataclass(frozen=True, slots=True)
class NodeForm:
    """A node that a section adds to a graph: of a class, or like a node that is there. A row is one of its inputs."""

    name: str
    class_name: str | None
    like: str | None
    rows: tuple[Row, ...]
    at: Position
    inherited_by: Position | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A wire that a section of a graph sets, and the output that it is from there on."""

    wire: str
    source: Link
    at: Position
    inherited_by: Position | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a table that applies as a whole: always, when a condition holds, or once for each item of a list.

    What is in it and `then` apply where `when` holds, `otherwise` where it does not. A section with `refuse`, the
    reason why, holds no rows: no payload is built for a request that meets its condition. In a graph a section adds
    `nodes`; its `rows` give inputs to nodes that are there, `replaced` gives them others, and `sets` sets wires, in
    this order.

    `use` names a fragment whose flow stands in it; `before` a node of the parent that it is put before. Both are gone
    in a flat table.
    """

    at: Position
    when: Condition | None = None
    each: tuple[str, str] | None = None
    nodes: tuple[NodeForm, ...] = ()
    rows: tuple[Row, ...] = ()
    replaced: tuple[Row, ...] = ()
    sets: tuple[Setting, ...] = ()
    drops: tuple[Drop, ...] = ()
    then: tuple[Section, ...] = ()
    otherwise: tuple[Section, ...] = ()
    refuse: str | None = None
    use: tuple[str, Position] | None = None
    before: tuple[str, Position] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table: the contract that its payload must meet, its lookups and its flow of sections.

    `graph`: the description of nodes that it must meet instead, where the payload is a graph.
    """

    name: str
    payload: str | None
    flow: tuple[Section, ...]
    at: Position
    lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    graph: str | None = None


def target_text(target: Target) -> str:
    """A target as it is written in a table: `outer/inner`, with ~1 for a slash in a key."""
    return "/".join(step.replace("~", "~0").replace("/", "~1") for step in target)
