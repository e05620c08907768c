"""The one interpreter of tables. It builds payloads and it proves tables, by the same steps.

What differs is the `Algebra` that it runs on: values, when a payload is built (`engine.tables.concrete`), or sets
of values, when a table is proven (`engine.tables.symbolic`). An algebra that cannot decide a condition raises, and
whoever drives it walks again with that condition decided. So the walker itself is straight-line code that knows
neither forks nor contracts: it takes the sections in order, tests their conditions, and writes down what each row
gives. New forms of the language are new cases here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NoReturn, Protocol, TypeVar

from engine.errors import Position
from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Constant,
    Convert,
    Each,
    Expression,
    First,
    Guarded,
    Late,
    ListOf,
    Lookup,
    LookupTable,
    Not,
    ObjectOf,
    Open,
    Row,
    Section,
    Take,
    Test,
)
from engine.values import Json

__all__ = ["Algebra", "Walker", "Written"]

V = TypeVar("V")
S = TypeVar("S")


class Algebra(Protocol[V, S]):
    """What the walker needs of values (V) and of the scope (S) in which names stand for them."""

    def read(self, scope: S, name: str) -> V:
        """What a field or a bound variable is."""

    def holds(self, scope: S, test: Test) -> bool:
        """Whether a single test holds."""

    def branch(self, scope: S, evaluate: Callable[[S], V]) -> V:
        """Evaluate a part on its own: what is undecided in it is decided in it, and nowhere else."""

    def constant(self, value: Json) -> V:
        """A literal."""

    def lookup(self, value: V, table: LookupTable, step: Lookup) -> V:
        """A value sent through a lookup table."""

    def convert(self, values: Sequence[V], step: Convert, lookups: Mapping[str, LookupTable], take: Take) -> V:
        """Values sent through a conversion."""

    def first(self, options: Iterable[tuple[Expression, Callable[[], V]]]) -> V:
        """The first option that is there."""

    def guarded(self, expression: Guarded, holds: bool, evaluate: Callable[[], V]) -> V:
        """The body of a condition that holds, absent where it does not."""

    def listed(self, items: Iterable[tuple[V, bool]]) -> V:
        """A list of items; those marked True are lists themselves and are spliced in."""

    def joined(self, value: V, form: ListOf) -> V:
        """A list as one text."""

    def each(self, scope: S, form: Each, body: Callable[[S], V]) -> V:
        """The list of what the body gives for every item of a list field."""

    def record(self, scope: S, entries: Sequence[tuple[str, Callable[[S], V]]]) -> V:
        """An object with these entries, less those that are absent."""

    def opened(self, value: V, form: Open) -> V:
        """An opaque object, less its reserved keys."""

    def late(self, form: Late) -> V:
        """A value that is known only when the payload is sent."""

    def items(self, scope: S, variable: str, source: str, at: Position) -> Iterable[S]:
        """One scope for every item of a list field, with the item bound."""

    def entered(self, section: Section, *, holds: bool) -> None:
        """A section's condition was decided."""

    def refused(self, section: Section) -> NoReturn:
        """A section that refuses applies: raise."""


@dataclass(frozen=True, slots=True)
class Written(Generic[V, S]):
    """What one row gave, and the scope that it gave it in."""

    row: Row
    value: V
    scope: S


class Walker(Generic[V, S]):
    """Walks the flow of one table over one algebra."""

    def __init__(self, algebra: Algebra[V, S], lookups: Mapping[str, LookupTable]) -> None:
        self._algebra = algebra
        self._lookups = lookups

    def walk(self, flow: Sequence[Section], scope: S) -> Iterator[Written[V, S]]:
        """Yield what every row that applies gives, in the order of the table."""
        for section in flow:
            if section.each is None:
                yield from self._section(section, scope)
            else:
                for inner in self._algebra.items(scope, *section.each, section.at):
                    yield from self._section(section, inner)

    def _section(self, section: Section, scope: S) -> Iterator[Written[V, S]]:
        holds = section.when is None or self.holds(section.when, scope)
        self._algebra.entered(section, holds=holds)
        if not holds:
            yield from self.walk(section.otherwise, scope)
            return
        if section.refuse is not None:
            self._algebra.refused(section)
        for row in section.rows:
            yield Written(row, self.row(row, scope), scope)
        yield from self.walk(section.then, scope)

    def row(self, row: Row, scope: S) -> V:
        """What a row gives, decided on its own."""
        return self._algebra.branch(scope, lambda inner: self.evaluate(row.expression, inner))

    def holds(self, condition: Condition, scope: S) -> bool:
        """Whether a condition holds."""
        match condition:
            case All(conditions=parts):
                return all(self.holds(part, scope) for part in parts)
            case AnyOf(conditions=parts):
                return any(self.holds(part, scope) for part in parts)
            case Not(condition=part):
                return not self.holds(part, scope)
            case _:
                return self._algebra.holds(scope, condition)

    def evaluate(self, expression: Expression, scope: S) -> V:
        """What an expression gives."""
        algebra = self._algebra
        match expression:
            case Take():
                return self._take(expression, scope)
            case Constant(value=value):
                return algebra.constant(value)
            case First(options=options):
                return algebra.first((option, self._later(option, scope)) for option in options)
            case Guarded(when=when, body=body):
                return algebra.guarded(expression, self.holds(when, scope), self._later(body, scope))
            case ListOf(items=items, join=join):
                made = algebra.listed((algebra.branch(scope, self._within(item)), _is_spliced(item)) for item in items)
                return made if join is None else algebra.joined(made, expression)
            case Each(body=body):
                return algebra.each(scope, expression, self._within(body))
            case ObjectOf(entries=entries):
                return algebra.record(scope, [(key, self._within(entry)) for key, entry in entries])
            case Open(source=source):
                return algebra.opened(algebra.read(scope, source), expression)
            case Late():
                return algebra.late(expression)

    def _take(self, take: Take, scope: S) -> V:
        values = [self._algebra.read(scope, name) for name in take.sources]
        for step in take.steps:
            match step:
                case Lookup(table=name):
                    values = [self._algebra.lookup(values[0], self._lookups[name], step)]
                case Convert():
                    values = [self._algebra.convert(values, step, self._lookups, take)]
        return values[0]

    def _later(self, expression: Expression, scope: S) -> Callable[[], V]:
        return lambda: self.evaluate(expression, scope)

    def _within(self, expression: Expression) -> Callable[[S], V]:
        return lambda scope: self.evaluate(expression, scope)


def _is_spliced(item: Expression) -> bool:
    return isinstance(item.body if isinstance(item, Guarded) else item, Each)
