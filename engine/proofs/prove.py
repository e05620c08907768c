"""The proof of a table: what is wrong with it for any request that there could be.

First what the text alone tells (`loose_ends`, `ownership`); then every path through the table is walked on sets of
values, and what each path writes is held against the contract: targets exist, required ones are written, types and
bounds fit, no target is written twice; at the end, what no path read or reached (`coverage`). All findings come at
once. A table with too many paths is refused, never half proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.errors import Finding
from engine.proofs.coverage import PICTURES, dead_findings, drop_findings, member_findings, unread_findings
from engine.proofs.fits import misfits
from engine.proofs.graph_proof import GraphProof
from engine.proofs.loose_ends import loose_ends
from engine.proofs.ownership import ownership_findings
from engine.proofs.paths import MAX_PATHS, Fields, SymbolicScope, TooManyPathsError, explore
from engine.proofs.symbolic import SymbolicAlgebra
from engine.rules.request import RequestRules, StageType
from engine.tables.contracts import Contract
from engine.tables.domains import (
    NOWHERE,
    Domain,
    Lists,
    Literal,
    Numbers,
    Part,
    Record,
    Segment,
    described,
    literal,
    of_schema,
    runs_of,
)
from engine.tables.forms import Expression, Row, Section, Table, Take, target_text
from engine.tables.nodes import Nodes
from engine.tables.traverse import of_kind, parts_of, rows_of
from engine.tables.walk import Walker
from engine.tables.walk import Written as AnyWritten
from engine.values import ABSENT, Json

__all__ = ["expression_findings", "prove_table", "visible_fields"]

Written = AnyWritten[Domain, SymbolicScope]


def visible_fields(rules: RequestRules, stage: StageType, widened: Mapping[str, int] | None = None) -> Fields:
    """What the tables of a stage type see. `widened`: fields to which a fan-out adds up to so much."""
    domains: dict[str, Domain] = {name: literal(value) for name, value in rules.constants_of(stage).items()}
    group_of, switches = {}, {}
    for group, visibility in stage.groups.items():
        for name in rules.groups[group]:
            rule = rules.rule(name)
            if rule.input:
                continue
            given = rule.required or (visibility.defaults and rule.default is not ABSENT)
            is_switch = name == visibility.switch
            domain = of_schema(rules.schemas[name])
            domains[name] = Domain(domain.parts, maybe_absent=is_switch or not given)
            if visibility.switch is not None and not is_switch:
                group_of[name] = group
        if visibility.switch is not None:
            switches[group] = visibility.switch
            domains.setdefault(visibility.switch, of_schema(rules.schemas[visibility.switch]))
    if stage.takes_images:
        names = [name for name in rules.schemas if name.startswith("input.")]
        domains |= {name: of_schema(rules.schemas[name]) for name in (*names, PICTURES)}
    for name, most in ({} if widened is None else widened).items():
        if name in domains:
            domains[name] = replace(domains[name], parts=tuple(_plus(part, most) for part in domains[name].parts))
    return Fields(domains, frozenset(stage.groups), switches, group_of)


def _plus(part: Part, most: int) -> Part:
    """The numbers of this part with anything from 0 to `most` added."""
    match part:
        case Numbers():
            return replace(part, high=part.high + most, step=None)
        case Literal(value=int() as value):
            return Numbers(value, value + most, integer=True)
        case _:
            return part


def prove_table(
    table: Table, rules: RequestRules, stage: StageType, contract: Contract | Nodes, fields: Fields
) -> list[Finding]:
    """Everything that is wrong with a table for a stage type. None: whatever it builds meets the contract."""
    findings = [*loose_ends(table), *ownership_findings(table, rules, stage)]
    if not findings:
        findings = _Proof(table, rules, stage, contract, fields).findings()
    return [replace(finding, stage=stage.name) for finding in findings]


def expression_findings(
    expression: Expression, table: Table, rules: RequestRules, stage: StageType, fields: Fields, wanted: Json
) -> Iterator[Finding]:
    """What is wrong with a single expression that is to give a value of this schema for every request.

    It goes into no payload, so a group's fields may be read outside of the group's sections.
    """
    row = Row(("value",), expression, expression.at)
    alone = replace(table, flow=(Section(expression.at, rows=(row,)),))
    text_findings = [*loose_ends(alone)]
    text_findings += [f for f in ownership_findings(alone, rules, stage) if f.code != "ownership-unguarded"]
    yield from text_findings
    if not text_findings:
        algebra = SymbolicAlgebra()
        try:
            domain = Walker(algebra, table.lookups).row(row, SymbolicScope(fields))
        except TooManyPathsError:
            yield Finding("table-too-many-paths", f"this value has more than {MAX_PATHS} paths", at=row.at)
            return
        yield from algebra.findings.values()
        if not domain.always:
            yield Finding("row-not-always", "this value can be absent, and is needed for every request", at=row.at)
        for problem in misfits(domain, wanted):
            yield Finding("row-misfit", f"this value {problem.message}", at=row.at, hint=problem.hint)


@dataclass(slots=True)
class _Place:
    """One place of the payload on one path: what is written there, appended to it, and below it."""

    written: Written | None = None
    appended: list[Written] = field(default_factory=list)
    below: dict[str, _Place] = field(default_factory=dict)

    def all_written(self) -> Iterator[Written]:
        if self.written is not None:
            yield self.written
        yield from self.appended
        for place in self.below.values():
            yield from place.all_written()


class _Proof:
    """The proof of one table, path by path."""

    def __init__(
        self, table: Table, rules: RequestRules, stage: StageType, contract: Contract | Nodes, fields: Fields
    ) -> None:
        self._table, self._rules, self._stage = table, rules, stage
        self._contract, self._fields = contract, fields
        self._algebra = SymbolicAlgebra()
        nodes = contract if isinstance(contract, Nodes) else None
        self._graphs = None if nodes is None else GraphProof(nodes)
        self._walker: Walker[Domain, SymbolicScope] = Walker(self._algebra, table.lookups, nodes)
        self._found: dict[tuple[object, ...], Finding] = {}

    def findings(self) -> list[Finding]:
        """Walk every path and say what is wrong on any of them."""
        read_on_some: frozenset[str] = frozenset()
        try:
            for scope, (written, read, dropped) in self._paths():
                read_on_some |= read
                self._hold(written)
                self._note(*unread_findings(self._table, self._stage, scope, read, dropped))
        except TooManyPathsError:
            message = f"the table has more than {MAX_PATHS} paths and cannot be proven"
            hint = "conditions that have nothing to do with each other belong on rows, not on sections"
            return [Finding("table-too-many-paths", message, at=self._table.at, hint=hint)]
        self._note(*self._algebra.findings.values())
        self._note(*member_findings(self._table, self._rules, self._fields, read_on_some))
        self._note(*drop_findings(self._table, self._rules, self._stage, self._fields, read_on_some))
        if not self._found:  # what is wrong otherwise makes paths look dead that are not
            self._note(*dead_findings(self._table, self._algebra))
            if self._graphs is not None:
                self._note(*self._graphs.unread_findings(self._table.flow))
        origins = {at: row.inherited_by for row in rows_of(self._table.flow) for at in _positions(row)}
        return [
            finding if finding.origin or finding.at is None else replace(finding, origin=origins.get(finding.at))
            for finding in self._found.values()
        ]

    def _paths(self) -> Iterator[tuple[SymbolicScope, tuple[list[Written], frozenset[str], frozenset[str]]]]:
        return explore(SymbolicScope(self._fields), self._walk, self._algebra.budget)

    def _hold(self, written: Iterable[Written]) -> None:
        """Hold what one path writes against the contract."""
        if isinstance(self._contract, Contract):
            root = self._placed(written)
            for problem in misfits(self._domain(root), dict(self._contract.schema)):
                self._misfit(problem.path, problem.message, problem.hint, root)
        elif self._graphs is not None and self._walker.graph is not None:
            self._note(*self._graphs.findings(self._walker.graph, self._table.at))

    def _note(self, *findings: Finding) -> None:
        for finding in findings:
            self._found.setdefault((finding.code, finding.message, finding.at), finding)

    def _walk(self, scope: SymbolicScope) -> tuple[list[Written], frozenset[str], frozenset[str]]:
        self._algebra.read_names, self._algebra.dropped_names = set(), set()
        self._walker.decide(self._table.flow, scope)  # most walks of a table with many conditions end here
        written = []
        if isinstance(self._contract, Nodes):
            self._walker.graph_of(self._table.flow, scope, self._contract)
        else:
            written = list(self._walker.walk(self._table.flow, scope))
        return written, frozenset(self._algebra.read_names), frozenset(self._algebra.dropped_names)

    def _placed(self, written: Iterable[Written]) -> _Place:
        """What a path writes, as a tree. Two rows for one place, or one inside the other's, are a finding."""
        root = _Place()
        for one in written:
            if one.value.never:
                continue
            *parents, last = one.row.target
            place = root
            for step in parents:
                place = place.below.setdefault(step, _Place())
                if place.written is not None and last != "-":
                    self._clash(one.row, place.written.row)
            if last == "-":
                if (other := next((w for p in place.below.values() for w in p.all_written()), None)) is not None:
                    self._two_kinds(one.row, other.row)
                place.appended.append(one)
                continue
            if place.appended:
                self._two_kinds(one.row, place.appended[0].row)
            place = place.below.setdefault(last, _Place())
            if (other := next(place.all_written(), None)) is not None:
                self._clash(one.row, other.row)
            place.written = one
        return root

    def _clash(self, row: Row, other: Row) -> None:
        message = f"{target_text(row.target)} is written twice on one path: here and at {other.at}"
        hint = "write one row and choose with 'first' or 'when'"
        self._note(Finding("row-target-twice", message, at=row.at, hint=hint, origin=row.inherited_by))

    def _two_kinds(self, row: Row, other: Row) -> None:
        message = f"{target_text(row.target[:-1])} is made a list and a mapping: here and at {other.at}"
        self._note(Finding("row-target-twice", message, at=row.at, origin=row.inherited_by))

    def _domain(self, place: _Place) -> Domain:
        """The set of what stands at this place."""
        if place.appended:
            return self._list(place.written, place.appended)
        if place.written is not None:
            return place.written.value
        entries = {step: self._domain(below) for step, below in place.below.items()}

        def together(keys: tuple[str, ...]) -> set[tuple[bool | None, ...]]:
            rows = [tuple(place.below[key].all_written()) if key in place.below else () for key in keys]
            scope = next(one.scope for part in rows for one in part)  # on one path all have decided the same
            return self._algebra.together(scope, lambda inner: tuple(self._any_of(part, inner) for part in rows))

        always = not place.below or any(entry.always for entry in entries.values())
        return Domain((Record(entries, together=together),), maybe_absent=not always)

    def _list(self, written: Written | None, appended: Sequence[Written]) -> Domain:
        """The list that is written whole, if it is, with what is appended to it."""
        runs = () if written is None else runs_of(written.value)
        if runs is None and written is not None:
            message = f"{target_text(written.row.target)} is {described(written.value)}, and a row appends to it"
            self._note(Finding("row-type", message, at=appended[0].row.at, origin=appended[0].row.inherited_by))
        items = (Segment(Domain(one.value.parts), int(not one.value.maybe_absent), 1) for one in appended)
        always = any(one.value.always for one in (written, *appended) if one is not None)
        return Domain((Lists((*(() if runs is None else runs), *items)),), maybe_absent=not always)

    def _any_of(self, rows: Sequence[Written], scope: SymbolicScope) -> Domain:
        """There if any of these rows is; only its presence counts."""
        values = [self._walker.evaluate(one.row.expression, replace(one.scope, pins=scope.pins)) for one in rows]
        if any(value.always for value in values):
            return literal(True)
        return NOWHERE if all(value.never for value in values) else Domain(literal(True).parts, maybe_absent=True)

    def _misfit(self, path: tuple[str, ...], message: str, hint: str | None, root: _Place) -> None:
        row = _writer(path, root)
        where = target_text(path) if path else "the payload"
        code = "row-unknown-target" if message == "is not known there" else "row-misfit"
        at, origin = (self._table.at, None) if row is None else (row.at, row.inherited_by)
        self._note(Finding(code, f"{where} {message}", at=at, hint=hint, origin=origin))


def _writer(path: tuple[str, ...], root: _Place) -> Row | None:
    """The row that wrote what stands at this path, or the nearest place above it."""
    place, row = root, None
    for step in path:
        if step not in place.below:
            break
        place = place.below[step]
        first = next(place.all_written(), None)
        row = row if first is None else first.row
    return row


def _positions(row: Row) -> Iterator[object]:
    """Where a row and its parts stand: what is found there is found in every table that inherits it."""
    yield row.at
    for part in parts_of(row.expression):
        yield part.at
    for take in of_kind(Take, row.expression):
        yield from (step.at for step in take.steps)
