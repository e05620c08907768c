"""The algebra of values that know where they come from: what the walker runs on when a payload is explained.

It gives the values that `ConcreteAlgebra` gives, by asking it, and keeps beside each the fields that it was made of,
part by part of a list or a mapping. It knows fields by name; what gave a field its value is the request's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from engine.errors import Position
from engine.tables.concrete import ConcreteAlgebra, Scope, Value
from engine.tables.forms import (
    Convert,
    Each,
    Expression,
    Guarded,
    Late,
    Link,
    ListOf,
    Lookup,
    LookupTable,
    Open,
    Row,
    Section,
    Take,
    Test,
)
from engine.tables.graphs import Output
from engine.values import ABSENT, Json

__all__ = ["TracedAlgebra", "TracedScope", "TracedValue", "leaves"]


@dataclass(frozen=True, slots=True)
class TracedValue:
    """A value, the fields that it was made of (none: it stands in the table), and its parts where it has some."""

    value: Value
    sources: tuple[str, ...] = ()
    parts: Mapping[str, TracedValue] | Sequence[TracedValue] | None = None


@dataclass(frozen=True, slots=True)
class TracedScope:
    """A scope, and what the names that an `each` has bound stand for: `unit` -> `adetailer_units.0`."""

    plain: Scope
    bound: Mapping[str, str] = field(default_factory=dict)


Traced: TypeAlias = TracedValue


def leaves(traced: TracedValue, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TracedValue]]:
    """Every part of a value that has no parts itself, with the steps that lead to it."""
    match traced.parts:
        case Mapping() as parts if parts:
            for key, part in parts.items():
                yield from leaves(part, (*path, key))
        case [_, *_] as parts:
            for index, part in enumerate(parts):
                yield from leaves(part, (*path, str(index)))
        case _:
            yield path, traced


class TracedAlgebra:
    """Values with their sources."""

    def __init__(self) -> None:
        self._plain = ConcreteAlgebra()

    def read(self, scope: TracedScope, name: str) -> Traced:
        """What a name stands for, and the field that it is."""
        value = self._plain.read(scope.plain, name)
        variable, dot, member = name.partition(".")
        source = f"{scope.bound[variable]}{dot}{member}" if variable in scope.bound else name
        return TracedValue(value, (source,))

    def holds(self, scope: TracedScope, test: Test) -> bool:
        """Whether a test holds. What is asked for is no source of what is then written."""
        return self._plain.holds(scope.plain, test)

    def branch(self, scope: TracedScope, evaluate: Callable[[TracedScope], Traced]) -> Traced:
        """Everything is decided: there is one branch."""
        return evaluate(scope)

    def row(self, scope: TracedScope, row: Row, evaluate: Callable[[TracedScope], Traced]) -> Traced:  # noqa: ARG002
        """A row is evaluated where it stands."""
        return evaluate(scope)

    def constant(self, value: Json) -> Traced:
        """A literal has no source."""
        return TracedValue(value)

    def lookup(self, value: Traced, table: LookupTable, step: Lookup, take: Take) -> Traced:
        """A looked-up value comes from what was looked up."""
        return TracedValue(self._plain.lookup(value.value, table, step, take), value.sources)

    def convert(
        self, values: Sequence[Traced], step: Convert, lookups: Mapping[str, LookupTable], take: Take
    ) -> Traced:
        """A converted value comes from all that went into it."""
        sources = tuple(dict.fromkeys(source for value in values for source in value.sources))
        return TracedValue(self._plain.convert([v.value for v in values], step, lookups, take), sources)

    def taken(self, value: Traced, take: Take) -> Traced:  # noqa: ARG002
        """It is what it has become."""
        return value

    def first(self, options: Iterable[tuple[Expression, Callable[[], Traced]]]) -> Traced:
        """The first that is there, with its sources alone."""
        found = (option() for _, option in options)
        return next((traced for traced in found if traced.value is not ABSENT), TracedValue(ABSENT))

    def guarded(self, expression: Guarded, holds: bool, evaluate: Callable[[], Traced]) -> Traced:  # noqa: ARG002
        """The body where the condition holds."""
        return evaluate() if holds else TracedValue(ABSENT)

    def listed(self, items: Iterable[tuple[Traced, bool]]) -> Traced:
        """A list of parts; spliced ones give theirs."""
        parts: list[Traced] = []
        for traced, spliced in items:
            if spliced and isinstance(traced.parts, Sequence):
                parts += traced.parts
            elif traced.value is not ABSENT:
                parts.append(traced)
        return TracedValue([part.value for part in parts], _sources(parts), tuple(parts))

    def joined(self, value: Traced, form: ListOf) -> Traced:
        """One text comes from all of its parts."""
        return TracedValue(self._plain.joined(value.value, form), value.sources)

    def each(self, scope: TracedScope, form: Each, body: Callable[[TracedScope], Traced]) -> Traced:
        """A list of what the body gives for every item."""
        made = (body(inner) for inner in self.items(scope, form.variable, form.source, form.at))
        parts = tuple(traced for traced in made if traced.value is not ABSENT)
        return TracedValue([part.value for part in parts], self.read(scope, form.source).sources, parts)

    def record(self, scope: TracedScope, entries: Sequence[tuple[str, Callable[[TracedScope], Traced]]]) -> Traced:
        """A mapping of parts."""
        made = {key: entry(scope) for key, entry in entries}
        parts = {key: traced for key, traced in made.items() if traced.value is not ABSENT}
        return TracedValue({key: part.value for key, part in parts.items()}, _sources(parts.values()), parts)

    def opened(self, value: Traced, form: Open) -> Traced:
        """The field's own keys come from the field."""
        return TracedValue(self._plain.opened(value.value, form), value.sources)

    def late(self, form: Late) -> Traced:
        """What is known only when the payload is sent has no field for a source."""
        return TracedValue(self._plain.late(form))

    def linked(self, form: Link, output: Output | None) -> Traced:
        """A link comes from the table alone."""
        return TracedValue(self._plain.linked(form, output))

    def fault(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        """What cannot be in a graph is refused as `ConcreteAlgebra` refuses it."""
        self._plain.fault(code, message, at, hint)

    def items(self, scope: TracedScope, variable: str, source: str, at: Position) -> Iterable[TracedScope]:
        """One scope for every item, which is known by its place in the list."""
        (name,) = self.read(scope, source).sources
        for index, inner in enumerate(self._plain.items(scope.plain, variable, source, at)):
            yield TracedScope(inner, {**scope.bound, variable: f"{name}.{index}"})

    def refused(self, section: Section) -> NoReturn:
        """Refused as `ConcreteAlgebra` refuses."""
        self._plain.refused(section)

    def entered(self, section: Section, *, holds: bool) -> None:
        """There is nothing to remember."""


def _sources(parts: Iterable[TracedValue]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for part in parts for source in part.sources))
