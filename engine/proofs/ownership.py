"""Which group of fields may reach which target: what is certain of a table without walking it.

A group that a switch turns on owns the targets that its sections write: no other row may write them, or into them,
whatever its form, but for one that stands in where the group is surely off (`else`). What is written under a condition
that asks for any of several groups belongs to these together: it may be written where one of them is surely on. A
group's fields may be read in its own sections only, and a field whose group the stage does not see may not be read at
all. Both are decided from the text of the table, so they hold for every config there will ever be. This module knows
names, groups and sections; it knows neither contracts nor values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from engine.errors import Finding, Position, did_you_mean
from engine.rules.request import RequestRules, StageType
from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Constant,
    Each,
    Expression,
    First,
    GroupOn,
    Guarded,
    ListOf,
    Not,
    ObjectOf,
    Row,
    Section,
    Table,
    Target,
    target_text,
)
from engine.tables.traverse import all_tests, names_in, names_tested, rows_in
from engine.values import Json

__all__ = ["Owner", "condition_findings", "item_members", "owned_targets", "ownership_findings"]

#: Who owns a target: one group, or several together, where a section asks for any of them.
Owner: TypeAlias = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Guard:
    """What is known where a row stands: of each set in `on` one group is surely on, of each in `off` one is off."""

    on: frozenset[Owner] = frozenset()
    off: frozenset[Owner] = frozenset()
    bound: Mapping[str, str] = field(default_factory=dict)  # variable -> the list field it goes over

    def has_on(self, owner: Owner) -> bool:
        """Whether at least one of these groups is surely on."""
        return any(known <= owner for known in self.on)

    def has_all_off(self, owner: Owner) -> bool:
        """Whether every one of these groups is surely off."""
        return all(frozenset({group}) in self.off for group in owner)

    @property
    def owners(self) -> frozenset[Owner]:
        """Who owns what is written here: where both are known, `hires` and not `hires or refiner`."""
        return frozenset(owner for owner in self.on if not any(other < owner for other in self.on))


def owned_targets(table: Table) -> dict[Owner, frozenset[Target]]:
    """Owner -> the targets that it owns in this table: those that are written where it is surely on."""
    owned: dict[Owner, set[Target]] = {}
    for row, guard in _guarded_rows(table.flow, _Guard()):
        for owner in guard.owners:
            owned.setdefault(owner, set()).add(row.target)
    return {owner: frozenset(_outermost(targets)) for owner, targets in owned.items()}


def _outermost(targets: set[Target]) -> Iterator[Target]:
    """These targets without those that lie in a node which is among them whole."""
    yield from (target for target in targets if len(target) == 1 or target[:1] not in targets)


def ownership_findings(table: Table, rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    """Every way in which the table reads or writes what is not its own."""
    names = _Names(rules, stage)
    owned = owned_targets(table)
    for section, guard in _guarded_sections(table.flow, _Guard()):
        if section.each is not None:
            yield from names.binding_findings(*section.each, section.at)
            yield from names.findings(section.each[1], section.at, guard)
        if section.when is not None:
            yield from names.condition_findings(section.when, _bound(section, guard))
    for row, guard in _guarded_rows(table.flow, _Guard()):
        for finding in names.row_findings(row.expression, guard):
            yield replace(finding, origin=row.inherited_by)
        for owner in sorted(owned, key=sorted):
            if guard.has_on(owner) or guard.has_all_off(owner):
                continue
            for target in sorted(owned[owner]):
                if _touch(row.target, target):
                    yield _foreign_target(row, owner, target)


def _foreign_target(row: Row, owner: Owner, target: Target) -> Finding:
    """The finding for a row that writes what belongs to groups that may all be off."""
    if len(owner) == 1:
        (group,) = owner
        message = f"{target_text(target)} belongs to the group {group}, and this row writes it without it"
        hint = f"write it under 'groups: {{{group}: …}}', or not at all"
    else:
        names = sorted(owner)
        message = (
            f"{target_text(target)} belongs to the groups {' and '.join(names)}, and this row writes it without them"
        )
        asked = ", ".join(f"{{group: {name}}}" for name in names)
        hint = f"write it in a section with 'when: {{any: [{asked}]}}', or not at all"
    return Finding("ownership-target", message, at=row.at, hint=hint, origin=row.inherited_by)


def _touch(one: Target, other: Target) -> bool:
    """Whether two targets are the same place, or one lies inside the other. Appending leaves the list to others."""
    short, long = sorted((one, other), key=len)
    return long[: len(short)] == short and (long == short or long[len(short) :] != ("-",))


def condition_findings(condition: Condition, rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    """Every way in which a condition that stands in no table asks about what the stage does not see."""
    yield from _Names(rules, stage).condition_findings(condition, _Guard())


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
        match expression:
            case Each(variable=variable, source=source, body=body, at=at):
                yield from self.binding_findings(variable, source, at)
                yield from self.findings(source, at, guard)
                yield from self.row_findings(body, replace(guard, bound={**guard.bound, variable: source}))
            case Guarded(when=when, body=body):
                yield from self.condition_findings(when, guard)
                yield from self.row_findings(body, guard)
            case First(options=parts) | ListOf(items=parts):
                for part in parts:
                    yield from self.row_findings(part, guard)
            case ObjectOf(entries=entries):
                for _, part in entries:
                    yield from self.row_findings(part, guard)
            case _:
                for name, at in names_in(expression):
                    yield from self.findings(name, at, guard)

    def condition_findings(self, condition: Condition, guard: _Guard) -> Iterator[Finding]:
        for name, at in names_tested(condition):
            yield from self.findings(name, at, guard)
        yield from self._group_findings(condition)

    def binding_findings(self, variable: str, source: str, at: Position) -> Iterator[Finding]:
        """A variable that is spelled like a field would hide who owns what is read."""
        if any(variable == name.split(".")[0] for name in self.rules.schemas):
            message = f"'each' binds {variable!r}, which is the name of a field"
            yield Finding("each-variable", message, at=at, hint=f"call it otherwise: each: {{item: {source}}}")

    def findings(self, name: str, at: Position, guard: _Guard) -> Iterator[Finding]:
        """What is wrong with reading this name here."""
        variable, _, member = name.partition(".")
        if variable in guard.bound:
            if member:
                yield from self._member_findings(name, member, guard, at)
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
        if switched and frozenset({group}) not in guard.on:
            message = f"{name} belongs to the group {group}, and this row may apply where {group} is off"
            hint = f"write it under 'groups: {{{group}: …}}'"
            yield Finding("ownership-unguarded", message, at=at, hint=hint)

    def _member_findings(self, name: str, member: str, guard: _Guard, at: Position) -> Iterator[Finding]:
        source = guard.bound[name.partition(".")[0]]
        known = _members(self._list(source, guard.bound))
        if member not in known:
            hint = did_you_mean(member, known)
            yield Finding("row-unknown-field", f"an item of {source} has no {member!r} ({name})", at=at, hint=hint)

    def _list(self, source: str, bound: Mapping[str, str]) -> Json:
        """The schema of a list: a field's, or that of an entry of a bound item."""
        variable, _, member = source.partition(".")
        if source in self.rules.schemas or variable not in bound:
            return dict(self.rules.schemas.get(source, {}))
        outer = {known: over for known, over in bound.items() if known != variable}
        return _members(self._list(bound[variable], outer)).get(member)

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
    return list(_members(dict(rules.schemas.get(source, {}))))


def _members(schema: Json) -> Mapping[str, Json]:
    items = schema.get("items") if isinstance(schema, dict) else None
    properties = items.get("properties") if isinstance(items, dict) else None
    return properties if isinstance(properties, dict) else {}


def _guarded_sections(flow: tuple[Section, ...], guard: _Guard) -> Iterator[tuple[Section, _Guard]]:
    """Every section with the guard in which its condition is asked."""
    for section in flow:
        yield section, guard
        yield from _guarded_sections(section.then, _inside(section, guard))
        yield from _guarded_sections(section.otherwise, _beside(section, guard))


def _guarded_rows(flow: tuple[Section, ...], guard: _Guard) -> Iterator[tuple[Row, _Guard]]:
    for section, outer in _guarded_sections(flow, guard):
        inner = _inside(section, outer)
        yield from ((row, inner) for row in rows_in(section))
        for node in section.nodes:  # that it is there at all is written too
            whole = Row((node.name,), Constant(None, node.at), node.at, node.inherited_by)
            yield whole, inner


def _bound(section: Section, guard: _Guard) -> _Guard:
    """The guard with the section's variable, which its condition and both of its sides may read."""
    return guard if section.each is None else replace(guard, bound={**guard.bound, section.each[0]: section.each[1]})


def _inside(section: Section, guard: _Guard) -> _Guard:
    return _where(section, guard, holds=True)


def _beside(section: Section, guard: _Guard) -> _Guard:
    return _where(section, guard, holds=False)


def _where(section: Section, guard: _Guard, *, holds: bool) -> _Guard:
    known = _bound(section, guard)
    if section.when is None:
        return known
    on = known.on | _surely(section.when, holds=holds, on=True)
    return _Guard(on, known.off | _surely(section.when, holds=holds, on=False), known.bound)


def _surely(condition: Condition, *, holds: bool, on: bool) -> frozenset[Owner]:
    """Sets of groups of which one is certainly on (or off) where a condition holds (or does not)."""
    match condition:
        case GroupOn(group=group):
            return frozenset({frozenset({group})}) if holds is on else frozenset()
        case Not(condition=inner):
            return _surely(inner, holds=not holds, on=on)
        case All(conditions=parts) | AnyOf(conditions=parts):
            found = [_surely(part, holds=holds, on=on) for part in parts]
            every = isinstance(condition, All) is holds  # every part is as the whole is, or only one of them
            if every or not found:
                return frozenset[Owner]().union(*found)
            return frozenset(frozenset[str]().union(*one) for one in itertools.product(*found))
        case _:
            return frozenset()


def _groups_asked(condition: Condition) -> Iterator[GroupOn]:
    yield from (test for test in all_tests(condition) if isinstance(test, GroupOn))
