"""The algebra of sets: what the walker runs on when a table is proven.

A field stands for the set of all values that it may have. A condition that the set does not decide raises
`Undecided`, and `engine.proofs.paths` walks again with each of its parts. A part that can be decided on
its own (a row, an entry of an object, the items of a list) is, so that conditions which have nothing to do with
each other do not multiply. What is wrong for some value is noted once, however many paths meet it. This module
knows sets and the table language; what a contract wants of the result is asked in `engine.proofs.prove`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from engine.errors import Finding, Position, did_you_mean
from engine.proofs.paths import Budget, Refused, SymbolicScope, Undecided, explore
from engine.tables.concrete import parameter_of
from engine.tables.conversions import CONVERSIONS, ConversionError
from engine.tables.domains import (
    NOWHERE,
    Domain,
    Lists,
    Literal,
    Numbers,
    Opaque,
    Part,
    Record,
    Segment,
    Texts,
    Wired,
    described,
    fingerprint,
    is_joinable,
    joined_texts,
    literal,
    runs_of,
    split_literals,
    split_presence,
    union,
)
from engine.tables.forms import (
    Convert,
    Each,
    Expression,
    GroupOn,
    Guarded,
    IsLonger,
    IsOneOf,
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
from engine.tables.traverse import all_tests, conditions_of, names_in, parts_of
from engine.values import ABSENT, Json

__all__ = ["SymbolicAlgebra"]


class SymbolicAlgebra:
    """Sets of values. Collects what is wrong (`findings`), and what was read, dropped, reached and used."""

    def __init__(self) -> None:
        self.findings: dict[tuple[object, ...], Finding] = {}
        self.lacking: dict[Position, dict[str, None]] = {}  # place of a lookup -> what it lacks, in the order met
        self.read_names: set[str] = set()
        self.dropped_names: set[str] = set()
        self.reached: set[int] = set()  # ids of options, guarded rows and section sides that some path takes
        self.used_keys: dict[str, list[Json]] = {}  # lookup -> its keys that some literal met
        self.open_lookups: set[str] = set()  # lookups that a set without end was sent through
        self.budget = Budget()
        self._given: dict[Position, Domain] = {}
        self._names: dict[Position, tuple[str, ...] | None] = {}
        self._rows: dict[tuple[object, ...], tuple[Domain, frozenset[str]]] = {}
        self._deciding_presence = False

    def _lacks(self, part: Literal, table: LookupTable, step: Lookup) -> None:
        """Note what a total table lacks: one finding for all that it lacks at this place."""
        lacking = self.lacking.setdefault(step.at, {})
        lacking[described(Domain((part,)))] = None
        keys = [key for key in table.keys if isinstance(key, str)]
        near = did_you_mean(part.value, keys) if isinstance(part.value, str) and len(lacking) == 1 else None
        shown = list(lacking)
        more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
        names = f"{', '.join(shown[:_MOST_SHOWN])}{more}"
        add = "add it" if len(lacking) == 1 else "add them"
        hint = near or f"{add}, or use 'replace' to let others pass"
        message = f"the lookup lacks {names}, which the field can be"
        self.findings[("lacking", step.at)] = Finding("lookup-not-total", message, at=step.at, hint=hint)

    def note(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        """Note a finding, once."""
        self.findings.setdefault((code, message, at), Finding(code, message, at=at, hint=hint))

    # -- names ----------------------------------------------------------------------------------------------

    def read(self, scope: SymbolicScope, name: str) -> Domain:
        self.read_names.add(name)
        group = scope.fields.group_of.get(name)
        if group is not None and not self._is_on(scope, group):
            return NOWHERE
        address, domain = scope.find(name)
        if self._deciding_presence and domain.maybe_absent and domain.parts:
            raise Undecided(address, split_presence(domain))
        return domain

    def _is_on(self, scope: SymbolicScope, group: str) -> bool:
        switch = scope.fields.switches.get(group)
        if switch is None:
            return group in scope.fields.groups
        self.read_names.add(switch)
        address, domain = scope.find(switch)
        if all(isinstance(part, Literal) and isinstance(part.value, bool) for part in domain.parts):
            return self._decide(address, *split_literals(domain, [True]))
        return self._is_there(address, domain)

    @staticmethod
    def _is_there(address: str, domain: Domain) -> bool:
        if domain.never or domain.always:
            return domain.always
        raise Undecided(address, split_presence(domain))

    @staticmethod
    def _decide(address: str, yes: Domain, no: Domain) -> bool:
        if no.never and not no.maybe_absent:
            return True
        if yes.never:
            return False
        raise Undecided(address, (yes, no))

    def holds(self, scope: SymbolicScope, test: Test) -> bool:
        if isinstance(test, GroupOn):
            return self._is_on(scope, test.group)
        domain = self.read(scope, test.name)
        address, _ = scope.find(test.name)
        if isinstance(test, IsOneOf):
            return self._decide(address, *split_literals(domain, test.values))
        if not self._is_there(address, domain):
            return False
        return not isinstance(test, IsLonger) or self._count(scope, test.name, test.at, test.count) > test.count

    # -- deciding -------------------------------------------------------------------------------------------

    def branch(self, scope: SymbolicScope, evaluate: Callable[[SymbolicScope], Domain]) -> Domain:
        return union([domain for _, domain in explore(scope, evaluate, self.budget)])

    def row(self, scope: SymbolicScope, row: Row, evaluate: Callable[[SymbolicScope], Domain]) -> Domain:
        """What a row gives on this path. It is the same where the path has decided the same of what the row asks."""
        key = self._asked(scope, row)
        if key is None:
            return self.branch(scope, evaluate)
        if key not in self._rows:
            before, self.read_names = self.read_names, set()
            self._rows[key] = self.branch(scope, evaluate), frozenset(self.read_names)
            self.read_names = before
        domain, names = self._rows[key]
        self.read_names |= names
        return domain

    def _asked(self, scope: SymbolicScope, row: Row) -> tuple[object, ...] | None:
        """The row, and what the path has decided of all that it asks; None where that is not all that it hangs on."""
        if row.at not in self._names:
            whole = not any(isinstance(part, (Link, Each)) for part in parts_of(row.expression))
            asked = {name for name, _ in names_in(row.expression)}
            tests = (test for condition in conditions_of(row.expression) for test in all_tests(condition))
            groups = {test.group for test in tests if isinstance(test, GroupOn)}
            groups |= {scope.fields.group_of[name] for name in asked if name in scope.fields.group_of}
            asked |= {scope.fields.switches[group] for group in groups if group in scope.fields.switches}
            self._names[row.at] = tuple(sorted(asked)) if whole else None
        names = self._names[row.at]
        if names is None:
            return None
        found = [(scope.find(name)[0], scope.pins.get(scope.find(name)[0])) for name in names]
        pinned = tuple((address, None if pin is None else fingerprint(pin)) for address, pin in found)
        return None if any(mark == () for _, mark in pinned) else (id(row.expression), pinned)

    def entered(self, section: Section, *, holds: bool) -> None:
        self.reached.add(id(section) if holds else -id(section))
        if holds:
            self.dropped_names |= {drop.name for drop in section.drops}

    def refused(self, section: Section) -> NoReturn:
        raise Refused

    def together(
        self, scope: SymbolicScope, evaluate: Callable[[SymbolicScope], tuple[Domain, ...]]
    ) -> set[tuple[bool | None, ...]]:
        """Which of several values can be there at once: True there, False not there, None unknown."""
        self._deciding_presence = True
        try:
            ends = [domains for _, domains in explore(scope, evaluate, self.budget)]
        finally:
            self._deciding_presence = False
        return {tuple(True if d.always else False if d.never else None for d in domains) for domains in ends}

    # -- values ---------------------------------------------------------------------------------------------

    def constant(self, value: Json) -> Domain:
        return literal(value)

    def lookup(self, value: Domain, table: LookupTable, step: Lookup, take: Take) -> Domain:
        results = [NOWHERE] if value.maybe_absent else []
        results += [self._looked_up(part, table, step) for part in value.parts]
        return union(results)

    def _looked_up(self, part: Part, table: LookupTable, step: Lookup) -> Domain:
        if isinstance(part, Literal):
            found = table.get(part.value)
            if found is not ABSENT:
                self.used_keys.setdefault(table.name, []).append(part.value)
                return literal(found)
            if step.partial:
                return Domain((part,))
            self._lacks(part, table, step)
            # Stands in for what the table lacks, so that nothing else is complained of for the same reason.
            return union(literal(entry) for _, entry in table.entries)
        if isinstance(part, (Numbers, Texts)):
            # A set without end: a value that the table lacks is an error when the payload is built.
            self.open_lookups.add(table.name)
            values = self._values_of(table)
            if not step.partial:
                return values
            known = tuple(key for key in table.keys if isinstance(key, str))
            rest = replace(part, without=(*part.without, *known)) if isinstance(part, Texts) else part
            return union([values, Domain((rest,))])
        message = f"a lookup takes text, numbers and booleans, not {described(Domain((part,)))}"
        self.note("row-type", message, step.at)
        return NOWHERE

    def _values_of(self, table: LookupTable) -> Domain:
        """Everything that a lookup gives. Kept: every path asks again."""
        if table.at not in self._given:
            self._given[table.at] = union(literal(entry) for _, entry in table.entries)
        return self._given[table.at]

    def convert(
        self, values: Sequence[Domain], step: Convert, lookups: Mapping[str, LookupTable], take: Take
    ) -> Domain:
        if any(value.never for value in values):
            return NOWHERE
        conversion = CONVERSIONS[step.conversion]
        try:
            image = conversion.image(values, parameter_of(step, lookups))
        except ConversionError as problem:
            names = " and ".join(take.sources)
            self.note("row-type", f"{step.conversion} {problem}, and gets {names}", step.at)
            return NOWHERE
        if image is None:
            image = Domain((_UNBOUNDED,), maybe_absent=any(value.maybe_absent for value in values))
        return image

    def taken(self, value: Domain, take: Take) -> Domain:
        if not take.at_run:
            return value
        parts = (replace(part, at_run=True) if isinstance(part, Numbers) else part for part in value.parts)
        return replace(value, parts=tuple(parts))

    def first(self, options: Iterable[tuple[Expression, Callable[[], Domain]]]) -> Domain:
        found = []
        for expression, option in options:
            domain = option()
            if not domain.never:
                self.reached.add(id(expression))
                found.append(domain)
            if domain.always:
                return Domain(union(found).parts)
        return Domain(union(found).parts, maybe_absent=True)

    def guarded(self, expression: Guarded, holds: bool, evaluate: Callable[[], Domain]) -> Domain:
        if not holds:
            return NOWHERE
        self.reached.add(id(expression))
        return evaluate()

    def listed(self, items: Iterable[tuple[Domain, bool]]) -> Domain:
        segments: list[Segment] = []
        for domain, spliced in items:
            if domain.never:
                continue
            runs = runs_of(domain) if spliced else None
            if runs is not None:
                segments += runs
            else:
                segments.append(Segment(Domain(domain.parts), 0 if domain.maybe_absent else 1, 1))
        return Domain((Lists(tuple(segments)),))

    def joined(self, value: Domain, form: ListOf) -> Domain:
        runs = runs_of(value) or ()
        for run in runs:
            if not all(is_joinable(part) for part in run.item.parts):
                self.note("row-type", f"only texts and numbers can be joined, not {described(run.item)}", form.at)
                return Domain((Texts(),))
        return Domain((joined_texts(runs, len(str(form.join))),))

    def each(self, scope: SymbolicScope, form: Each, body: Callable[[SymbolicScope], Domain]) -> Domain:
        segments = []
        address, _ = scope.find(form.source)
        for index, segment in enumerate(self._segments(scope, form.source, form.at)):
            # A run is all of its items at once: another address than any single item's, of which a path may know more.
            inner = scope.bind(form.variable, f"{address}[run {index}]", segment.item)
            item = self.branch(inner, body)
            if not item.never:
                least = 0 if item.maybe_absent else segment.least
                segments.append(Segment(Domain(item.parts), least, segment.most))
        return Domain((Lists(tuple(segments)),))

    def _segments(self, scope: SymbolicScope, source: str, at: Position) -> tuple[Segment, ...]:
        domain = self.read(scope, source)
        runs = runs_of(domain)
        if runs is None:
            self.note("row-type", f"'each' needs a list, and {source} is {described(domain)}", at)
            return ()
        return runs

    def record(self, scope: SymbolicScope, entries: Sequence[tuple[str, Callable[[SymbolicScope], Domain]]]) -> Domain:
        parts = dict(entries)

        def together(keys: tuple[str, ...]) -> set[tuple[bool | None, ...]]:
            return self.together(scope, lambda s: tuple(parts[k](s) if k in parts else NOWHERE for k in keys))

        evaluated = {key: self.branch(scope, entry) for key, entry in entries}
        return Domain((Record({k: d for k, d in evaluated.items() if not d.never}, together=together),))

    def opened(self, value: Domain, form: Open) -> Domain:
        if value.never:
            return NOWHERE
        if not all(isinstance(part, (Opaque, Record)) for part in value.parts):
            self.note("row-type", f"'open' needs a mapping, and {form.source} is {described(value)}", form.at)
        reserved = tuple(name.casefold() for name in form.reserved)
        return Domain((Opaque(reserved),), maybe_absent=value.maybe_absent)

    def late(self, form: Late) -> Domain:
        return Domain((Texts(1, 256),))

    def linked(self, form: Link, output: Output | None) -> Domain:
        # Where it leads nowhere, that has been said: nothing more is asked of it.
        return Domain((Wired("", "*") if output is None else Wired(output.node, output.type),))

    def fault(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        self.note(code, message, at, hint)

    def items(self, scope: SymbolicScope, variable: str, source: str, at: Position) -> Iterable[SymbolicScope]:
        """One scope for each item, for lists of none, one and as many as can be."""
        segments = self._segments(scope, source, at)
        if any(segment.most is None for segment in segments):
            message = f"a section for each of {source} needs to know how many there can be"
            self.note("row-type", message, at, "give the list a maxItems in fields.json")
            return []
        address, _ = scope.find(source)
        item = union(Domain(segment.item.parts) for segment in segments)
        return [scope.bind(variable, f"{address}[{i}]", item) for i in range(self._count(scope, source, at))]

    def _count(self, scope: SymbolicScope, source: str, at: Position, asked: int = 1) -> int:
        """How many items a list has on this path. `asked`: a number beyond which something else happens."""
        segments = self._segments(scope, source, at)
        least = sum(segment.least for segment in segments)
        bounds = [segment.most for segment in segments if segment.most is not None]
        most = sum(bounds) if len(bounds) == len(segments) else max(least, asked + 1)
        address, _ = scope.find(source)
        chosen = scope.pins.get(f"{address}#")
        if chosen is None:
            counts = {least, 0, 1, asked, asked + 1, most}
            raise Undecided(f"{address}#", [literal(n) for n in sorted(counts) if least <= n <= most])
        part = chosen.parts[0]
        return part.value if isinstance(part, Literal) and isinstance(part.value, int) else 0


#: How many of the values that a lookup lacks are named.
_MOST_SHOWN = 6

#: A number of which nothing is known: only a row that says `bounds: at_run` may write it.
_UNBOUNDED = Numbers(float("-inf"), float("inf"), integer=False)
