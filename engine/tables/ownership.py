"""Which group of fields may reach which target: what is certain of a table without walking it.

A group that a switch turns on owns the targets that its sections write: no other row may write them, whatever its
form. Its fields may be read in its own sections only, and a field whose group the stage does not see may not be
read at all. Both are decided from the text of the table, so they hold for every config there will ever be. This
module knows names, groups and sections; it knows neither contracts nor values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from engine.errors import Finding, Position, did_you_mean
from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Each,
    Expression,
    GroupOn,
    Row,
    Section,
    Table,
    Target,
    target_text,
)
from engine.tables.request import RequestRules, StageType
from engine.tables.traverse import all_tests, conditions_of, names_in, names_tested, of_kind
from engine.values import Json

__all__ = ["condition_findings", "item_members", "owned_targets", "ownership_findings"]


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is known where a row stands: groups that are surely on, groups that were asked about, bound names."""

    on: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    bound: Mapping[str, str] = None  # type: ignore[assignment]  # variable -> the list field it goes over


def owned_targets(table: Table) -> dict[str, frozenset[Target]]:
    """Group -> the targets that it owns in this table."""
    owned: dict[str, set[Target]] = {}
    for row, guard in _guarded_rows(table.flow, _Guard(bound={})):
        for group in guard.asked:
            owned.setdefault(group, set()).add(row.target)
    return {group: frozenset(targets) for group, targets in owned.items()}


def ownership_findings(table: Table, rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    """Every way in which the table reads or writes what is not its own."""
    names = _Names(rules, stage)
    owners: dict[Target, set[str]] = {}
    for group, targets in owned_targets(table).items():
        for target in targets:
            owners.setdefault(target, set()).add(group)
    for section, guard in _guarded_sections(table.flow, _Guard(bound={})):
        if section.when is not None:
            yield from names.condition_findings(section.when, guard)
        if section.each is not None:
            yield from names.findings(section.each[1], section.at, guard)
    for row, guard in _guarded_rows(table.flow, _Guard(bound={})):
        for finding in names.row_findings(row.expression, guard):
            yield replace(finding, origin=row.inherited_by)
        for owner in sorted(owners.get(row.target, set())):
            if owner not in guard.asked:
                message = f"{target_text(row.target)} belongs to the group {owner}, and this row writes it without it"
                hint = f"write it under 'groups: {{{owner}: …}}', or not at all"
                yield Finding("ownership-target", message, at=row.at, hint=hint, origin=row.inherited_by)


def condition_findings(condition: Condition, rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    """Every way in which a condition that stands in no table asks about what the stage does not see."""
    yield from _Names(rules, stage).condition_findings(condition, _Guard(bound={}))


class _Names:
    """What a name in a table of this stage may be."""

    def __init__(self, rules: RequestRules, stage: StageType) -> None:
        self.rules, self.stage = rules, stage
        groups = list(stage.groups)
        self.visible = {field for group in groups for field in rules.groups.get(group, ())}
        self.visible |= set(rules.constants_of(stage))
        self.visible |= {v.switch for v in stage.groups.values() if v.switch is not None}
        if stage.takes_images:
            self.visible |= {name for name in rules.schemas if name.startswith("input.")} | {"input_images"}
        self.visible -= {name for name, rule in rules.fields.items() if rule.input}

    def row_findings(self, expression: Expression, guard: _Guard) -> Iterator[Finding]:
        bound = guard.bound
        for name, at in names_in(expression):
            yield from self.findings(name, at, guard)
        for each in of_kind(Each, expression):
            inner = replace(guard, bound={**bound, each.variable: each.source})
            for name, at in names_in(each.body):
                if name.split(".")[0] == each.variable:
                    yield from self.findings(name, at, inner)
        for condition in conditions_of(expression):
            yield from self._group_findings(condition)

    def condition_findings(self, condition: Condition, guard: _Guard) -> Iterator[Finding]:
        for name, at in names_tested(condition):
            yield from self.findings(name, at, guard)
        yield from self._group_findings(condition)

    def findings(self, name: str, at: Position, guard: _Guard) -> Iterator[Finding]:
        """What is wrong with reading this name here."""
        variable, _, member = name.partition(".")
        if variable in guard.bound:
            if member:
                yield from self._member_findings(name, member, guard.bound[variable], at)
            return
        if name not in self.rules.schemas:
            hint = did_you_mean(name, [*self.visible, *guard.bound])
            yield Finding("row-unknown-field", f"there is no field {name!r}", at=at, hint=hint)
            return
        if self.rules.rule(name).input:
            message = f"{name} is an input only: another field is derived from it, and that one is sent"
            yield Finding("row-input-field", message, at=at)
            return
        group = self.rules.group_of(name)
        if name not in self.visible:
            seen = [stage.name for stage in self.rules.stages.values() if group in stage.groups]
            of = f"the group {group}, which only {' and '.join(seen)} may see" if seen else "no stage of this type"
            message = f"{name} belongs to {of}; this table is for {self.stage.name}"
            yield Finding("ownership-foreign-field", message, at=at, hint="take the row out of this table")
            return
        visibility = self.stage.groups.get(group) if group is not None else None
        switched = visibility is not None and visibility.switch not in (None, name)
        if switched and group not in guard.on:
            message = f"{name} belongs to the group {group}, and this row may apply where {group} is off"
            hint = f"write it under 'groups: {{{group}: …}}'"
            yield Finding("ownership-unguarded", message, at=at, hint=hint)

    def _member_findings(self, name: str, member: str, source: str, at: Position) -> Iterator[Finding]:
        known = item_members(self.rules, source)
        if member not in known:
            hint = did_you_mean(member, known)
            yield Finding("row-unknown-field", f"an item of {source} has no {member!r} ({name})", at=at, hint=hint)

    def _group_findings(self, condition: Condition) -> Iterator[Finding]:
        for test in _groups_asked(condition):
            if test.group in self.stage.groups:
                continue
            if test.group not in self.rules.groups:
                hint = did_you_mean(test.group, self.rules.groups)
                yield Finding("row-unknown-group", f"there is no group {test.group!r}", at=test.at, hint=hint)
            else:
                seen = [stage.name for stage in self.rules.stages.values() if test.group in stage.groups]
                message = f"only {' and '.join(seen)} may see the group {test.group}; this is {self.stage.name}"
                yield Finding("ownership-foreign-group", message, at=test.at, hint="take the section out")


def item_members(rules: RequestRules, source: str) -> list[str]:
    """The entries that an item of a list field may have."""
    items: Json = rules.schemas.get(source, {}).get("items")
    properties = items.get("properties") if isinstance(items, dict) else None
    return list(properties) if isinstance(properties, dict) else []


def _guarded_sections(flow: tuple[Section, ...], guard: _Guard) -> Iterator[tuple[Section, _Guard]]:
    """Every section with the guard in which its condition is asked."""
    for section in flow:
        yield section, guard
        for part, inner in ((section.then, _inside(section, guard)), (section.otherwise, _beside(section, guard))):
            yield from _guarded_sections(part, inner)


def _guarded_rows(flow: tuple[Section, ...], guard: _Guard) -> Iterator[tuple[Row, _Guard]]:
    for section, outer in _guarded_sections(flow, guard):
        inner = _inside(section, outer)
        yield from ((row, inner) for row in section.rows)


def _inside(section: Section, guard: _Guard) -> _Guard:
    bound = guard.bound if section.each is None else {**guard.bound, section.each[0]: section.each[1]}
    if section.when is None:
        return replace(guard, bound=bound)
    asked = {test.group for test in _groups_asked(section.when)}
    return _Guard(guard.on | _surely_on(section.when), guard.asked | asked, bound)


def _beside(section: Section, guard: _Guard) -> _Guard:
    asked = {test.group for test in _groups_asked(section.when)} if section.when is not None else set()
    return replace(guard, asked=guard.asked | asked)


def _surely_on(condition: Condition) -> frozenset[str]:
    match condition:
        case GroupOn(group=group):
            return frozenset({group})
        case All(conditions=parts):
            return frozenset[str]().union(*map(_surely_on, parts))
        case AnyOf(conditions=[first, *others]):
            return _surely_on(first).intersection(*map(_surely_on, others))
        case _:
            return frozenset()


def _groups_asked(condition: Condition) -> Iterator[GroupOn]:
    yield from (test for test in all_tests(condition) if isinstance(test, GroupOn))
