"""The algebra of values: what the walker runs on when a payload is built.

It knows values, and that a value which a table cannot take is an error that names the row. It decides everything
at once, so it knows neither forks nor sets, and it never changes what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from engine.errors import Position, did_you_mean
from engine.images import Image
from engine.tables.conversions import CONVERSIONS, ConversionError
from engine.tables.forms import (
    Convert,
    Each,
    Expression,
    GroupOn,
    Guarded,
    IsLonger,
    IsPresent,
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
from engine.tables.traverse import all_tests
from engine.values import ABSENT, Absent, Json, Later, canonical, is_number, kind_of, same

__all__ = ["ConcreteAlgebra", "EvaluationError", "Scope", "Value", "parameter_of"]

#: A value on its way into a payload: JSON data with handles in the place of images and of what is not known yet.
Value: TypeAlias = "Json | Image | Later | Absent | list[Value] | dict[str, Value]"


class EvaluationError(ValueError):
    """A table met a value that it cannot take. `code`, `at`, `hint` and `field` are those of the finding it becomes."""

    def __init__(
        self, code: str, message: str, at: Position, hint: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.at, self.hint, self.field = code, at, hint, field


@dataclass(frozen=True, slots=True)
class Scope:
    """Names and what they stand for: the request's fields, the groups that are on, the variables of `each`."""

    fields: Mapping[str, Value]
    groups: frozenset[str]
    bound: Mapping[str, Value] = field(default_factory=dict)

    def bind(self, variable: str, value: Value) -> Scope:
        """The scope with one more variable."""
        return Scope(self.fields, self.groups, {**self.bound, variable: value})


class ConcreteAlgebra:
    """Values as they are."""

    def read(self, scope: Scope, name: str) -> Value:
        if name in scope.fields:
            return scope.fields[name]
        variable, _, member = name.partition(".")
        value = scope.bound.get(variable, ABSENT)
        if not member:
            return value
        return value.get(member, ABSENT) if isinstance(value, dict) else ABSENT

    def holds(self, scope: Scope, test: Test) -> bool:
        if isinstance(test, GroupOn):
            return test.group in scope.groups
        value = self.read(scope, test.name)
        if isinstance(test, IsPresent):
            return value is not ABSENT
        if isinstance(test, IsLonger):
            return isinstance(value, list) and len(value) > test.count
        return any(same(value, known) for known in test.values)

    def branch(self, scope: Scope, evaluate: Callable[[Scope], Value]) -> Value:
        return evaluate(scope)

    def row(self, scope: Scope, row: Row, evaluate: Callable[[Scope], Value]) -> Value:
        return evaluate(scope)

    def constant(self, value: Json) -> Value:
        return value

    def lookup(self, value: Value, table: LookupTable, step: Lookup, take: Take) -> Value:
        if value is ABSENT:
            return ABSENT
        found = table.get(value)
        if found is not ABSENT:
            return found
        if step.partial:
            return value
        keys = [key for key in table.keys if isinstance(key, str)]
        hint = did_you_mean(value, keys) if isinstance(value, str) else None
        known = ", ".join(repr(key) for key in table.keys)
        message = f"{take.sources[0]} is {_shown(value)}, which has no counterpart here"
        raise EvaluationError("value-not-in-lookup", message, step.at, hint or f"there are: {known}", take.sources[0])

    def convert(self, values: Sequence[Value], step: Convert, lookups: Mapping[str, LookupTable], take: Take) -> Value:
        if any(value is ABSENT for value in values):
            return ABSENT
        conversion = CONVERSIONS[step.conversion]
        try:
            return conversion.apply(values, parameter_of(step, lookups))  # type: ignore[arg-type]
        except ConversionError as problem:
            names = ", ".join(take.sources)
            message = f"{step.conversion} of {names}: {problem}"
            raise EvaluationError("value-not-convertible", message, step.at) from problem

    def taken(self, value: Value, take: Take) -> Value:
        return value

    def first(self, options: Iterable[tuple[Expression, Callable[[], Value]]]) -> Value:
        return next((value for _, option in options if (value := option()) is not ABSENT), ABSENT)

    def guarded(self, expression: Guarded, holds: bool, evaluate: Callable[[], Value]) -> Value:
        return evaluate() if holds else ABSENT

    def listed(self, items: Iterable[tuple[Value, bool]]) -> Value:
        result: list[Value] = []
        for value, spliced in items:
            if spliced and isinstance(value, list):
                result += value
            elif value is not ABSENT:
                result.append(value)
        return result

    def joined(self, value: Value, form: ListOf) -> Value:
        texts = []
        for item in value if isinstance(value, list) else ():
            if not (isinstance(item, str) or is_number(item)):
                message = f"only texts and numbers can be joined, not {kind_of(item)}"
                raise EvaluationError("value-not-convertible", message, form.at)
            texts.append(item if isinstance(item, str) else canonical(item))
        return str(form.join).join(text for text in texts if text)

    def each(self, scope: Scope, form: Each, body: Callable[[Scope], Value]) -> Value:
        scopes = self.items(scope, form.variable, form.source, form.at)
        kept: list[Value] = [value for inner in scopes if (value := body(inner)) is not ABSENT]
        return kept

    def record(self, scope: Scope, entries: Sequence[tuple[str, Callable[[Scope], Value]]]) -> Value:
        kept: dict[str, Value] = {key: value for key, entry in entries if (value := entry(scope)) is not ABSENT}
        return kept

    def opened(self, value: Value, form: Open) -> Value:
        if value is ABSENT:
            return ABSENT
        if not isinstance(value, dict):
            raise EvaluationError("value-not-convertible", f"{form.source} must be a mapping", form.at)
        reserved = {name.casefold() for name in form.reserved}
        for key in value:
            if key.casefold() in reserved:
                message = f"{form.source} must not hold {key!r}: that key belongs to other fields"
                raise EvaluationError("value-reserved-key", message, form.at, "set the fields that own it instead")
        return value

    def late(self, form: Late) -> Value:
        return Later(form.name)

    def linked(self, form: Link, output: Output | None) -> Value:
        if output is None:
            raise EvaluationError("wire-unknown", f"{form.name} leads nowhere", form.at)
        link: list[Value] = [output.node, output.index]
        return link

    def fault(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        raise EvaluationError(code, message, at, hint)

    def items(self, scope: Scope, variable: str, source: str, at: Position) -> Iterable[Scope]:
        value = self.read(scope, source)
        if value is ABSENT:
            return []
        if not isinstance(value, list):
            raise EvaluationError("value-not-convertible", f"{source} must be a list, not {kind_of(value)}", at)
        return [scope.bind(variable, item) for item in value]

    def entered(self, section: Section, *, holds: bool) -> None:
        """Every condition is decided the moment it is asked: there is nothing to remember."""

    def refused(self, section: Section) -> NoReturn:
        tests = [] if section.when is None else [*all_tests(section.when)]
        asked = dict.fromkeys(test.group if isinstance(test, GroupOn) else test.name for test in tests)
        first = next((test.name for test in tests if not isinstance(test, GroupOn)), None)
        raise EvaluationError("payload-refused", f"{', '.join(asked)}: {section.refuse}", section.at, field=first)


def parameter_of(step: Convert, lookups: Mapping[str, LookupTable]) -> object:
    """A conversion's parameter, with the name of a lookup resolved."""
    if CONVERSIONS[step.conversion].parameter == "lookup":
        return lookups[str(step.argument)]
    return step.argument


def _shown(value: Value) -> str:
    return (
        repr(value[:80])
        if isinstance(value, str)
        else repr(value)
        if value is None or isinstance(value, (bool, int, float))
        else kind_of(value)
    )
