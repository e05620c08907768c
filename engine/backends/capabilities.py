"""What a back end cannot do, as its description says: read, inherited, checked, and taken out of what is proven.

`cannot:` names stage types, groups, fields (`list.entry` for an entry of a list's items) and single values of a field,
each with its reason; `can:` takes back what an inherited description says. A table is then proven for the requests that
are left, so nothing of it has to read or drop what is never sent. This module knows names and reasons; what a request
that asks for such a thing is told is decided in `engine.backends.unsupported`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from engine.errors import Finding, Position, did_you_mean
from engine.proofs.ownership import item_members
from engine.rules.request import FieldRule, RequestRules, StageType
from engine.tables.forms import Each, GroupOn, Table
from engine.tables.shapes import Path, ShapeReader
from engine.tables.traverse import all_tests, conditions_of, names_in, names_tested, of_kind, rows_of, sections_of
from engine.tables.validation import problems_of, validator
from engine.values import ABSENT, Absent, Json, same

__all__ = [
    "Limit",
    "Limits",
    "Said",
    "Subject",
    "combined",
    "fields_of",
    "limit_findings",
    "naming_findings",
    "narrowed",
    "read_said",
]

_KINDS: Mapping[str, Literal["stage", "group", "field"]] = {"stages": "stage", "groups": "group", "fields": "field"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What may not be possible: a stage type, a group, a field or an entry of its items, or one value of these."""

    kind: Literal["stage", "group", "field", "value"]
    name: str
    value: Json | Absent = ABSENT

    def __str__(self) -> str:
        of = {"stage": "stages of type ", "group": "the group "}.get(self.kind, "")
        return f"{of}{self.name}" if self.value is ABSENT else f"{self.name} {self.value!r}"


@dataclass(frozen=True, slots=True)
class Limit:
    """Why something is not possible, and where the description says so."""

    reason: str
    at: Position


Limits: TypeAlias = Mapping[Subject, Limit]

#: A field's schema.
Schema: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Said:
    """What one place of a description says: what is not possible, and what is although the parent says it is not."""

    cannot: Limits = field(default_factory=dict)
    can: Limits = field(default_factory=dict)


def read_said(reader: ShapeReader, path: Path, node: Mapping[str, Json], *, with_stages: bool) -> Said:
    """The words `cannot` and `can` of a mapping. `with_stages`: whether they may name stage types."""
    return Said(*(dict(_subjects(reader, (*path, word), node.get(word), with_stages)) for word in ("cannot", "can")))


def _subjects(reader: ShapeReader, path: Path, node: Json, with_stages: bool) -> Iterator[tuple[Subject, Limit]]:
    what = f"'{path[-1]}'"
    form = reader.mapping(path, node, what)
    kinds = {word: kind for word, kind in _KINDS.items() if with_stages or kind != "stage"}
    reader.known(path, form, [*kinds, "values"], what)
    for word, kind in kinds.items():
        for name, reason in reader.mapping((*path, word), form.get(word), f"'{word}'").items():
            yield Subject(kind, name), _limit(reader, (*path, word, name), reason)
    for name, values in reader.mapping((*path, "values"), form.get("values"), "'values'").items():
        place = (*path, "values", name)
        for key, reason in reader.mapping(place, values, "the values of a field").items():
            literal = reader.document.key_literal(*place, key)
            yield Subject("value", name, literal), _limit(reader, (*place, key), reason)


def _limit(reader: ShapeReader, path: Path, reason: Json) -> Limit:
    return Limit(reader.text(path, reason, "a reason"), reader.document.key_at(*path))


def combined(said: Iterable[Said]) -> tuple[dict[Subject, Limit], list[Finding]]:
    """What holds in the end, of several places: the parent's first. Also what is taken back and was never said."""
    limits: dict[Subject, Limit] = {}
    findings = []
    for one in said:
        for subject, limit in one.can.items():
            if limits.pop(subject, None) is None:
                message = f"'can' takes back {subject}, and nothing inherited says that it is not possible"
                findings.append(Finding("cannot-not-said", message, at=limit.at, hint="take the entry out"))
        limits |= one.cannot
    return limits, findings


def limit_findings(limits: Limits, rules: RequestRules, stages: Iterable[StageType]) -> Iterator[Finding]:
    """What is wrong with the limits of a back end, or of a stage of it, that runs stages of these types."""
    seen = {group for stage in stages for group in stage.groups}
    fields = {name for group in seen for name in rules.groups[group] if not rules.rule(name).input}
    entries = {f"{name}.{member}" for name in fields for member in item_members(rules, name)}
    known = {"stage": set(rules.stages), "group": seen, "field": fields | entries, "value": fields | entries}
    for subject, limit in limits.items():
        if subject.name not in known[subject.kind]:
            what = {"stage": "stage type", "group": "group"}.get(subject.kind, "field of a stage")
            hint = did_you_mean(subject.name, known[subject.kind])
            message = f"there is no {what} {subject.name!r} that could be impossible here"
            yield Finding("cannot-unknown", message, at=limit.at, hint=hint)
        elif subject.kind == "field" and rule_of(rules, subject.name).required:
            message = f"{subject.name} is required, so without it nothing of its group is possible"
            hint = f"name its group instead: {rules.group_of(subject.name.partition('.')[0])}"
            yield Finding("cannot-required", message, at=limit.at, hint=hint)
        elif subject.kind == "value":
            yield from _value_findings(subject, limit, rules)


def _value_findings(subject: Subject, limit: Limit, rules: RequestRules) -> Iterator[Finding]:
    schema = schema_of(rules, subject.name)
    if problems := problems_of(validator(schema, handles=True), subject.value):
        message = f"{subject.name} can never be {subject.value!r}: it {problems[0].message}"
        yield Finding("cannot-unknown", message, at=limit.at, hint=problems[0].hint)
    elif same(rule_of(rules, subject.name).default, subject.value):
        message = f"{subject.value!r} is what {subject.name} is where nobody says anything: the table must take it"
        yield Finding("cannot-required", message, at=limit.at)


def rule_of(rules: RequestRules, name: str) -> FieldRule:
    """The rule of a field, or of an entry of its items."""
    outer, _, member = name.partition(".")
    return rules.rule(outer).items.get(member, FieldRule(member)) if member else rules.rule(outer)


def schema_of(rules: RequestRules, name: str) -> Schema:
    """The schema of a field, or of an entry of its items."""
    outer, _, member = name.partition(".")
    schema: Json = dict(rules.schemas[outer])
    for step in ("items", "properties", member) if member else ():
        schema = schema[step] if isinstance(schema, dict) else {}
    return schema if isinstance(schema, dict) else {}


def fields_of(limits: Limits, rules: RequestRules) -> frozenset[str]:
    """Every field that is not possible, alone or with its group."""
    alone = {subject.name for subject in limits if subject.kind == "field"}
    groups = [subject.name for subject in limits if subject.kind == "group"]
    return frozenset(alone | {name for group in groups for name in rules.groups.get(group, ())})


def narrowed(rules: RequestRules, stage: StageType, limits: Limits) -> tuple[RequestRules, StageType]:
    """The rules and the stage type as they are for requests that ask for nothing impossible."""
    gone = {subject.name for subject in limits if subject.kind == "group"}
    away = {subject.name for subject in limits if subject.kind == "field"}
    schemas = dict(rules.schemas)
    for name in dict.fromkeys(subject.name for subject in limits if subject.kind in ("field", "value")):
        outer, _, member = name.partition(".")
        if outer in schemas and (member or name not in away):
            schemas[outer] = _without(schemas[outer], member, _values_of(limits, name), whole=name in away)
    groups = {group: tuple(name for name in names if name not in away) for group, names in rules.groups.items()}
    kept = {group: seen for group, seen in stage.groups.items() if group not in gone and seen.switch not in away}
    return replace(rules, schemas=schemas, groups=groups), replace(stage, groups=kept)


def _values_of(limits: Limits, name: str) -> list[object]:
    return [subject.value for subject in limits if subject.kind == "value" and subject.name == name]


def _without(schema: Schema, member: str, values: list[object], *, whole: bool) -> Schema:
    """The schema without these values, of itself or of an entry of its items, or without that entry as a whole."""
    if not member:
        return _less(schema, values)
    items = schema["items"]
    assert isinstance(items, dict)  # noqa: S101 - that the entry exists was asked before
    entries = items["properties"]
    assert isinstance(entries, dict)  # noqa: S101 - likewise
    left = {key: part for key, part in entries.items() if not (whole and key == member)}
    if not whole and isinstance(part := left.get(member), dict):
        left[member] = dict(_less(part, values))
    required = items.get("required")
    if isinstance(required, list):
        items = {**items, "required": [key for key in required if key in left]}
    return {**schema, "items": {**items, "properties": left}}


def _less(schema: Schema, values: list[object]) -> Schema:
    """Choices are fewer. Of what has no choices, single values are not taken out: a set may be too large."""
    choices = [True, False] if schema.get("type") == "boolean" else schema.get("enum")
    if not isinstance(choices, list):
        return schema
    return {**schema, "enum": [choice for choice in choices if not any(same(choice, value) for value in values)]}


def naming_findings(table: Table, limits: Limits) -> Iterator[Finding]:
    """Everything that the table names although the back end says that it cannot do it."""
    eaches = {id(row): list(of_kind(Each, row.expression)) for row in rows_of(table.flow)}
    sources = [(each.variable, each.source) for inside in eaches.values() for each in inside]
    sources += [section.each for section in sections_of(table.flow) if section.each is not None]
    for row in rows_of(table.flow):
        names = [*names_in(row.expression), *(n for each in eaches[id(row)] for n in names_in(each.body))]
        groups = [test for condition in conditions_of(row.expression) for test in all_tests(condition)]
        yield from _named(limits, names, groups, sources, row.inherited_by)
    for section in sections_of(table.flow):
        if section.when is not None:
            yield from _named(limits, names_tested(section.when), all_tests(section.when), sources, None)


def _named(
    limits: Limits,
    names: Iterable[tuple[str, Position]],
    tests: Iterable[object],
    sources: Iterable[tuple[str, str]],
    origin: Position | None,
) -> Iterator[Finding]:
    over = list(sources)
    asked = [(Subject("group", test.group), test.at) for test in tests if isinstance(test, GroupOn)]
    for name, at in names:
        variable, _, member = name.partition(".")
        asked += [(Subject("field", f"{source}.{member}"), at) for known, source in over if known == variable]
        asked.append((Subject("field", name), at))
    for subject, at in asked:
        if (limit := limits.get(subject)) is not None:
            message = f"the table names {subject}, and {limit.at} says that this back end cannot do it"
            hint = "take one of the two out; a description that inherits says 'can', a table that inherits 'remove'"
            yield Finding("cannot-read", message, at=at, hint=hint, origin=origin)
