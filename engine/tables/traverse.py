"""Going over a table: its sections, rows, expressions, conditions and the names in them, in the order of the text.

Nothing is decided here: these walks see both sides of every condition. What a table does is the walker's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from engine.errors import Position
from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Each,
    Expression,
    First,
    GroupOn,
    Guarded,
    Link,
    ListOf,
    Not,
    ObjectOf,
    Open,
    Row,
    Section,
    Take,
    Test,
)

__all__ = [
    "all_tests",
    "conditions_of",
    "graph_parts",
    "names_in",
    "names_tested",
    "of_kind",
    "parts_of",
    "rows_in",
    "rows_of",
    "sections_of",
]

T = TypeVar("T")


def sections_of(flow: Iterable[Section]) -> Iterator[Section]:
    """Every section, the nested ones after the one that holds them."""
    for section in flow:
        yield section
        yield from sections_of(section.then)
        yield from sections_of(section.otherwise)


def rows_of(flow: Iterable[Section]) -> Iterator[Row]:
    """Every row of every section, the inputs of nodes among them."""
    for section in sections_of(flow):
        yield from rows_in(section)


def rows_in(section: Section) -> Iterator[Row]:
    """Every row of one section, without those of the sections inside it."""
    for node in section.nodes:
        yield from node.rows
    yield from section.rows
    yield from section.replaced


def graph_parts(flow: Iterable[Section]) -> Iterator[Position]:
    """Where something stands that only a graph can have: nodes, wires, links."""
    for section in sections_of(flow):
        yield from (node.at for node in section.nodes)
        yield from (setting.at for setting in section.sets)
        yield from (row.at for row in section.replaced)
        yield from (link.at for row in section.rows for link in of_kind(Link, row.expression))


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and every expression inside it."""
    yield expression
    match expression:
        case First(options=parts) | ListOf(items=parts):
            for part in parts:
                yield from parts_of(part)
        case ObjectOf(entries=entries):
            for _, part in entries:
                yield from parts_of(part)
        case Guarded(body=body) | Each(body=body):
            yield from parts_of(body)
        case _:
            return


def of_kind(kind: type[T], expression: Expression) -> Iterator[T]:
    """Every part of the expression that is of this form."""
    yield from (part for part in parts_of(expression) if isinstance(part, kind))


def conditions_of(expression: Expression) -> Iterator[Condition]:
    """Every condition inside an expression."""
    yield from (part.when for part in of_kind(Guarded, expression))


def all_tests(condition: Condition) -> Iterator[Test]:
    """Every single test inside a condition."""
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            for part in parts:
                yield from all_tests(part)
        case Not(condition=part):
            yield from all_tests(part)
        case _:
            yield condition


def names_tested(condition: Condition) -> Iterator[tuple[str, Position]]:
    """Every field or bound variable that a condition looks at, with its place. Groups are not among them."""
    yield from ((test.name, test.at) for test in all_tests(condition) if not isinstance(test, GroupOn))


def names_in(expression: Expression) -> Iterator[tuple[str, Position]]:
    """Every field or bound variable that an expression mentions, conditions included, with its place.

    The variable that an `Each` binds is no name outside of it, so what its body says of it is left out.
    """
    match expression:
        case Take(sources=sources, at=at):
            yield from ((source, at) for source in sources)
        case Open(source=source, at=at):
            yield source, at
        case Each(variable=variable, source=source, body=body, at=at):
            yield source, at
            yield from (found for found in names_in(body) if found[0].split(".")[0] != variable)
        case Guarded(when=when, body=body):
            yield from names_tested(when)
            yield from names_in(body)
        case First(options=parts) | ListOf(items=parts):
            for part in parts:
                yield from names_in(part)
        case ObjectOf(entries=entries):
            for _, part in entries:
                yield from names_in(part)
        case _:
            return
