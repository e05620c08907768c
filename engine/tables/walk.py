"""The one interpreter of tables. It builds payloads and it proves tables, by the same steps.

What differs is the `Algebra` that it runs on: values, when a payload is built (`engine.tables.concrete`), or sets
of values, when a table is proven (`engine.proofs.symbolic`). An algebra that cannot decide a condition raises, and
whoever drives it walks again with that condition decided. So the walker itself is straight-line code that knows
neither forks nor contracts: it takes the sections in order, tests their conditions, and writes down what each row
gives. New forms of the language are new cases here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    Link,
    ListOf,
    Lookup,
    LookupTable,
    NodeForm,
    Not,
    ObjectOf,
    Open,
    Row,
    Section,
    Take,
    Test,
    target_text,
)
from engine.tables.graphs import Graph, Output
from engine.tables.nodes import Nodes
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

    def row(self, scope: S, row: Row, evaluate: Callable[[S], V]) -> V:
        """What a row gives: a part that is evaluated on its own, and on many paths is the same."""

    def constant(self, value: Json) -> V:
        """A literal."""

    def lookup(self, value: V, table: LookupTable, step: Lookup, take: Take) -> V:
        """A value sent through a lookup table."""

    def convert(self, values: Sequence[V], step: Convert, lookups: Mapping[str, LookupTable], take: Take) -> V:
        """Values sent through a conversion."""

    def taken(self, value: V, take: Take) -> V:
        """What a row takes, after its steps."""

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

    def linked(self, form: Link, output: Output | None) -> V:
        """A link to a node's output; None where it leads nowhere."""

    def fault(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        """Something in a graph cannot be."""

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
    """Walks the flow of one table over one algebra.

    With `nodes` the table makes a graph; `graph` is that of the latest walk.
    """

    def __init__(self, algebra: Algebra[V, S], lookups: Mapping[str, LookupTable], nodes: Nodes | None = None) -> None:
        self._algebra = algebra
        self._lookups = lookups
        self._nodes = nodes
        self.graph: Graph[Written[V, S]] | None = None
        self._suffix = ""  # the numbers of the items that the section at hand stands in

    def walk(self, flow: Sequence[Section], scope: S) -> Iterator[Written[V, S]]:
        """Yield what every row that applies gives, in the order of the table; of a graph, node by node."""
        if self._nodes is None:
            yield from self._flow(flow, scope, "")
        else:
            yield from self._graph_rows(self.graph_of(flow, scope, self._nodes), self._nodes, scope)

    def graph_of(self, flow: Sequence[Section], scope: S, nodes: Nodes) -> Graph[Written[V, S]]:
        """The graph that a table of nodes makes."""
        self.graph = Graph(nodes, self._algebra.fault)
        for written in self._flow(flow, scope, ""):
            self._give(written)
        return self.graph

    def decide(self, flow: Sequence[Section], scope: S) -> None:
        """Ask every condition that a walk would ask, and evaluate nothing: what is undecided shows at once."""
        for section in flow:
            if section.each is None:
                self._decide(section, scope)
            else:
                for inner in self._algebra.items(scope, *section.each, section.at):
                    self._decide(section, inner)

    def _decide(self, section: Section, scope: S) -> None:
        if section.when is not None and not self.holds(section.when, scope):
            self.decide(section.otherwise, scope)
        elif section.refuse is not None:
            self._algebra.entered(section, holds=True)
            self._algebra.refused(section)
        else:
            self.decide(section.then, scope)

    def _flow(self, flow: Sequence[Section], scope: S, suffix: str) -> Iterator[Written[V, S]]:
        for section in flow:
            if section.each is None:
                yield from self._section(section, scope, suffix)
            else:
                for number, inner in enumerate(self._algebra.items(scope, *section.each, section.at), start=1):
                    yield from self._section(section, inner, f"{suffix}_{number}")

    def _section(self, section: Section, scope: S, suffix: str) -> Iterator[Written[V, S]]:
        holds = section.when is None or self.holds(section.when, scope)
        self._algebra.entered(section, holds=holds)
        if not holds:
            yield from self._flow(section.otherwise, scope, suffix)
            return
        if section.refuse is not None:
            self._algebra.refused(section)
        self._suffix = suffix
        for node in section.nodes:
            self._add(node, scope)
        for row in section.rows:
            yield Written(row, self.row(row, scope), scope)
        for row in section.replaced:
            self._give(Written(row, self.row(row, scope), scope), anew=True)
        if self.graph is not None:
            for setting in section.sets:
                self.graph.set(setting, suffix)
        yield from self._flow(section.then, scope, suffix)

    # -- graphs ---------------------------------------------------------------------------------------------

    def _add(self, form: NodeForm, scope: S) -> None:
        """A node with its inputs: those of the node that it is like, and its own over them."""

        def copied(name: str, written: Written[V, S]) -> Written[V, S]:
            return replace(written, row=_at(written.row, name))

        node = None if self.graph is None else self.graph.add(form, self._suffix, copied)
        if node is not None:
            for row in form.rows:
                node.inputs[row.target[1]] = Written(_at(row, node.name), self.row(row, scope), scope)

    def _give(self, written: Written[V, S], *, anew: bool = False) -> None:
        """An input for a node that is there: one that it has not yet been given, or, `anew`, another."""
        row, graph = written.row, self.graph
        if graph is None or len(row.target) != 2:
            message = f"{target_text(row.target)} is no input of a node"
            self._algebra.fault("row-unknown-target", message, row.at, "write the node and its input: sampler/steps")
            return
        node = graph.find(row.target[0], self._suffix, row.at)
        if node is None:
            return
        key = row.target[1]
        if anew and key not in node.inputs:
            message = f"{node.name}/{key} is replaced, and nothing has given it yet"
            self._algebra.fault("row-nothing-to-replace", message, row.at, "write it under 'rows'")
        elif not anew and key in node.inputs:
            message = f"{node.name}/{key} is given twice on one path: here and at {node.inputs[key].row.at}"
            self._algebra.fault("row-target-twice", message, row.at, "write it under 'replace' to change it")
        node.inputs[key] = Written(_at(row, node.name), written.value, written.scope)

    def _graph_rows(self, graph: Graph[Written[V, S]], nodes: Nodes, scope: S) -> Iterator[Written[V, S]]:
        """The graph as it is sent: of each node its class and its inputs."""
        for node in graph.nodes.values():
            at = node.form.at
            kind = Row((node.name, nodes.class_key), Constant(node.class_name, at), at, node.form.inherited_by)
            yield Written(kind, self._algebra.constant(node.class_name), scope)
            inputs = Row((node.name, nodes.inputs_key), ObjectOf((), at), at, node.form.inherited_by)
            yield Written(inputs, self._algebra.record(scope, []), scope)
            for key, written in node.inputs.items():
                yield replace(written, row=replace(written.row, target=(node.name, nodes.inputs_key, key)))

    # -- rows -----------------------------------------------------------------------------------------------

    def row(self, row: Row, scope: S) -> V:
        """What a row gives, decided on its own."""
        return self._algebra.row(scope, row, lambda inner: self.evaluate(row.expression, inner))

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
            case Link():
                output = None if self.graph is None else self.graph.output_of(expression, self._suffix)
                return algebra.linked(expression, output)

    def _take(self, take: Take, scope: S) -> V:
        values = [self._algebra.read(scope, name) for name in take.sources]
        for step in take.steps:
            match step:
                case Lookup(table=name):
                    values = [self._algebra.lookup(values[0], self._lookups[name], step, take)]
                case Convert():
                    values = [self._algebra.convert(values, step, self._lookups, take)]
        return self._algebra.taken(values[0], take)

    def _later(self, expression: Expression, scope: S) -> Callable[[], V]:
        return lambda: self.evaluate(expression, scope)

    def _within(self, expression: Expression) -> Callable[[S], V]:
        return lambda scope: self.evaluate(expression, scope)


def _at(row: Row, node: str) -> Row:
    """The row of an input as that of this node."""
    return row if row.target[0] == node else replace(row, target=(node, row.target[1]))


def _is_spliced(item: Expression) -> bool:
    return isinstance(item.body if isinstance(item, Guarded) else item, Each)
