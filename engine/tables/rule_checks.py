"""What is wrong with the rules of request.yaml: the proof that resolving can only give what the fields allow.

Above all it proves that no group's fields flow into another's: a field is derived only from fields that every stage
which sees it sees as well. It knows the rules and the fields' schemas, and no back end.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding, did_you_mean
from engine.tables.domains import Domain, of_schema
from engine.tables.fits import misfits
from engine.tables.forms import Lookup, Row, Section, Table, Take
from engine.tables.loose_ends import loose_ends
from engine.tables.request import FieldRule, RequestRules, StageType
from engine.tables.symbolic import Fields, SymbolicAlgebra, SymbolicScope
from engine.tables.traverse import names_in
from engine.tables.validation import problems_of, validator
from engine.tables.walk import Walker
from engine.values import ABSENT, is_integer

__all__ = ["rule_findings"]


def rule_findings(rules: RequestRules) -> Iterator[Finding]:
    """Everything that is wrong with the rules. Nothing: every resolution meets its request contract."""
    yield from _group_findings(rules)
    for stage in rules.stages.values():
        yield from _stage_findings(rules, stage)
    for rule in rules.fields.values():
        if rule.name not in rules.schemas:
            hint = did_you_mean(rule.name, rules.schemas)
            yield Finding("rules-unknown-field", f"fields.json has no field {rule.name!r}", at=rule.at, hint=hint)
        else:
            yield from _field_findings(rules, rule)
    yield from _spelling_findings(rules)
    for name in (name for part in rules.together for name in part):
        if name not in rules.schemas:
            hint = did_you_mean(name, rules.schemas)
            yield Finding("rules-unknown-field", f"'together' names {name!r}, which is no field", hint=hint)


def _group_findings(rules: RequestRules) -> Iterator[Finding]:
    home: dict[str, str] = {}
    for group, members in rules.groups.items():
        for name in members:
            at = rules.places.get(group)
            if name not in rules.schemas:
                hint = did_you_mean(name, rules.schemas)
                message = f"the group {group} names {name!r}, which fields.json lacks"
                yield Finding("rules-unknown-field", message, at=at, hint=hint)
            elif name in home:
                message = f"{name} is in the groups {home[name]} and {group}: a field has one group"
                yield Finding("rules-two-groups", message, at=at)
            home[name] = group
    spoken_for = home.keys() | rules.switches | set(rules.toggles) | {"stage_type", "input_images"}
    spoken_for |= {name for stage in rules.stages.values() for name in stage.constants}
    for name in rules.schemas:
        if name not in spoken_for and not name.startswith("input."):
            message = f"fields.json declares {name}, and no group of request.yaml holds it"
            yield Finding("rules-homeless-field", message, hint="add it to a group, or take it out of fields.json")


def _stage_findings(rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    for group, visibility in stage.groups.items():
        if group not in rules.groups:
            hint = did_you_mean(group, rules.groups)
            message = f"the stage type {stage.name} sees a group {group!r} that there is not"
            yield Finding("rules-unknown-group", message, at=stage.at, hint=hint)
        elif visibility.switch is not None:
            switch = visibility.switch
            inside = switch in rules.groups[group]
            is_flag = rules.schemas.get(switch, {}).get("type") == "boolean" and rules.group_of(switch) is None
            if not (inside or is_flag):
                message = (
                    f"{switch!r} cannot switch the group {group}: it is no boolean of its own and none of its fields"
                )
                yield Finding("rules-switch", message, at=stage.at, hint=did_you_mean(switch, rules.schemas))
    for name, value in rules.constants_of(stage).items():
        schema = rules.schemas.get(name)
        if schema is None or problems_of(validator(schema, handles=True), value):
            message = f"the stage type {stage.name} sets {name} to what fields.json does not allow"
            yield Finding("rules-constant", message, at=stage.at, hint=did_you_mean(name, rules.schemas))


def _field_findings(rules: RequestRules, rule: FieldRule) -> Iterator[Finding]:
    schema = rules.schemas[rule.name]
    if rule.default is not ABSENT:
        for problem in problems_of(validator(schema, handles=True), rule.default):
            yield Finding("rules-default", f"the default of {rule.name} {problem.message}", at=rule.at, field=rule.name)
        if rule.required:
            message = f"{rule.name} has a default and is required: it can never be missing"
            yield Finding("rules-default", message, at=rule.at, field=rule.name)
    if rule.draw is not ABSENT and not (schema.get("type") == "integer" and is_integer(rule.draw)):
        yield Finding("rules-draw", f"only whole numbers are drawn, and {rule.name} is none", at=rule.at)
    ends = [*_loose_ends(rules, rule)]
    yield from ends
    if not ends:
        yield from _lookup_findings(rules, rule)
        if rule.otherwise is not None:
            yield from _derivation_findings(rules, rule)
    items = schema.get("items")
    properties = items.get("properties") if isinstance(items, dict) else None
    for name, inner in rule.items.items():
        part = properties.get(name) if isinstance(properties, dict) else None
        if not isinstance(part, dict):
            known = list(properties) if isinstance(properties, dict) else []
            message = f"an item of {rule.name} has no {name!r}"
            yield Finding("rules-unknown-field", message, at=inner.at, hint=did_you_mean(name, known))
        elif inner.default is not ABSENT:
            for problem in problems_of(validator(part, handles=True), inner.default):
                message = f"the default of {rule.name}.{name} {problem.message}"
                yield Finding("rules-default", message, at=inner.at, field=rule.name)


def _loose_ends(rules: RequestRules, rule: FieldRule) -> Iterator[Finding]:
    """The rule's expressions as rows of a table, so that what is checked of rows is checked of them."""
    if rule.at is None:
        return
    steps = {name: r.steps for name, r in ((rule.name, rule), *rule.items.items())}
    rows = [Row((name,), Take((name,), s, at_run=True, at=rule.at), rule.at) for name, s in steps.items() if s]
    if rule.otherwise is not None:
        rows.append(Row((rule.name,), rule.otherwise, rule.at))
    yield from loose_ends(Table("request", None, (Section(rule.at, rows=tuple(rows)),), rule.at, rules.lookups))


def _lookup_findings(rules: RequestRules, rule: FieldRule) -> Iterator[Finding]:
    """A lookup that gives what the field cannot be would turn a right word into a wrong value."""
    schema = dict(rules.schemas[rule.name])
    last = rule.steps[-1] if rule.steps else None
    if isinstance(last, Lookup):
        for key, value in rules.lookups[last.table].entries:
            unset = any(value == known for known in rule.unset)
            for problem in () if unset else problems_of(validator(schema, handles=True), value):
                message = f"{rule.name}: the lookup turns {key!r} into a value that {problem.message}"
                yield Finding("rules-lookup", message, at=last.at, field=rule.name)


def _derivation_findings(rules: RequestRules, rule: FieldRule) -> Iterator[Finding]:
    assert rule.otherwise is not None  # noqa: S101 - the caller asked
    group = rules.group_of(rule.name)
    domains: dict[str, Domain] = {}
    for name, at in names_in(rule.otherwise):
        if name not in rules.schemas:
            yield Finding(
                "row-unknown-field", f"there is no field {name!r}", at=at, hint=did_you_mean(name, rules.schemas)
            )
            continue
        domains[name] = Domain(of_schema(rules.schemas[name]).parts)
        source = rules.group_of(name)
        blind = [
            stage.name for stage in rules.stages.values() if group in stage.groups and not _sees(stage, group, source)
        ]
        if blind:
            message = (
                f"{rule.name} (group {group}) is derived from {name} (group {source}), "
                f"which a stage of type {' and '.join(blind)} does not see"
            )
            hint = "derive a field from fields of its own group, or of groups that are seen wherever it is"
            yield Finding("ownership-derived", message, at=at, hint=hint, field=rule.name)
    algebra = SymbolicAlgebra()
    walker = Walker(algebra, rules.lookups)
    row = Row((rule.name,), rule.otherwise, rule.otherwise.at)
    found = walker.row(row, SymbolicScope(Fields(domains, frozenset())))
    yield from algebra.findings.values()
    for problem in misfits(found, dict(rules.schemas[rule.name])):
        yield Finding("row-misfit", f"{rule.name} {problem.message}", at=rule.at, hint=problem.hint, field=rule.name)


def _sees(stage: StageType, group: str | None, source: str | None) -> bool:
    """Whether a stage sees `source` wherever it sees `group`."""
    if source == group:
        return True
    if source not in stage.groups or group is None:
        return False
    ours, theirs = stage.groups[group], stage.groups[str(source)]
    return (theirs.switch is None or theirs.switch == ours.switch) and (ours.own or not theirs.own)


def _spelling_findings(rules: RequestRules) -> Iterator[Finding]:
    taken = {name: name for name in rules.schemas}
    for rule in rules.fields.values():
        for alias in rule.aliases:
            if alias in taken or alias in rules.drops:
                other = taken.get(alias, "'drop'")
                message = f"{rule.name} has the alias {alias!r}, which already stands for {other}"
                yield Finding("rules-alias", message, at=rule.at, field=rule.name)
            taken.setdefault(alias, rule.name)
