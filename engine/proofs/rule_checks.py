"""What is wrong with the rules of request.yaml: the proof that resolving can only give what the fields allow.

Above all it proves that no group's fields flow into another's: a field is derived only from fields that every stage
which sees it sees as well. It knows the rules and the fields' schemas, and no back end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.errors import Finding, did_you_mean
from engine.proofs.fits import misfits
from engine.proofs.kinds import KINDS
from engine.proofs.loose_ends import loose_ends
from engine.proofs.paths import MAX_PATHS, Fields, SymbolicScope, TooManyPathsError
from engine.proofs.symbolic import SymbolicAlgebra
from engine.rules.request import FieldRule, RequestRules, StageType, Visibility
from engine.tables.contracts import with_needed
from engine.tables.domains import Domain, of_schema
from engine.tables.forms import Expression, GroupOn, Late, Lookup, Open, Row, Section, Table, Take
from engine.tables.traverse import all_tests, conditions_of, names_in, parts_of
from engine.tables.validation import problems_of, validator
from engine.tables.walk import Walker
from engine.values import ABSENT, Json, is_integer, same

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


def _group_findings(rules: RequestRules) -> Iterator[Finding]:
    home: dict[str, str] = {}
    for group, members in rules.groups.items():
        for name in members:
            at = rules.place("groups", group, name)
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
            hint = "add it to a group, or take it out of fields.json"
            yield Finding("rules-homeless-field", message, at=rules.place("fields", name), hint=hint)


def _stage_findings(rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    for group, visibility in stage.groups.items():
        if group not in rules.groups:
            hint = did_you_mean(group, rules.groups)
            message = f"the stage type {stage.name} sees a group {group!r} that there is not"
            yield Finding("rules-unknown-group", message, at=stage.at, hint=hint)
        elif visibility.switch is not None:
            yield from _switch_findings(rules, stage, group, visibility, visibility.switch)
    for name, value in rules.constants_of(stage).items():
        schema = rules.schemas.get(name)
        if schema is None:
            message, hint = (
                f"the stage type {stage.name} sets {name!r}, which is no field",
                did_you_mean(name, rules.schemas),
            )
            yield Finding("rules-constant", message, at=stage.at, hint=hint)
        elif problems := problems_of(validator(schema, handles=True), value):
            message = f"the stage type {stage.name} sets {name}, which {problems[0].message}"
            yield Finding("rules-constant", message, at=stage.at, hint=problems[0].hint)
        elif rules.group_of(name) in stage.groups:
            message = f"the stage type {stage.name} sets {name}, and sees its group {rules.group_of(name)} as well"
            yield Finding("rules-constant", message, at=stage.at, hint="a constant belongs to no group of the stage")


def _switch_findings(
    rules: RequestRules, stage: StageType, group: str, visibility: Visibility, switch: str
) -> Iterator[Finding]:
    is_flag = rules.schemas.get(switch, {}).get("type") == "boolean" and rules.group_of(switch) is None
    if not (is_flag or switch in rules.groups[group]):
        message = f"{switch!r} cannot switch the group {group}: it is no boolean of its own and none of its fields"
        near = None if switch in rules.schemas else did_you_mean(switch, rules.schemas)
        yield Finding("rules-switch", message, at=stage.at, hint=near)
    elif is_flag and not (visibility.defaults and isinstance(rules.rule(switch).default, bool)):
        message = f"{switch} switches the group {group}, and is neither true nor false where nobody says which"
        yield Finding("rules-switch", message, at=stage.at, hint=f"give it a default: {{{switch}: {{default: false}}}}")


def _field_findings(rules: RequestRules, rule: FieldRule) -> Iterator[Finding]:
    schema = rules.schemas[rule.name]
    if rule.default is not ABSENT:
        for problem in problems_of(validator(schema, handles=True), rule.default):
            yield Finding("rules-default", f"the default of {rule.name} {problem.message}", at=rule.at, field=rule.name)
        if rule.required:
            message = f"{rule.name} has a default and is required: it can never be missing"
            yield Finding("rules-default", message, at=rule.at, field=rule.name)
    yield from _value_findings(rule.name, rule, schema)
    if rule.draw is not ABSENT and not (schema.get("type") == "integer" and is_integer(rule.draw)):
        yield Finding("rules-draw", f"only whole numbers are drawn, and {rule.name} is none", at=rule.at)
    ends = [*_loose_ends(rules, rule)]
    yield from ends
    if not ends:
        yield from _lookup_findings(rules, rule)
        if rule.otherwise is not None:
            yield from _derivation_findings(rules, rule, rule.otherwise)
    items = schema.get("items")
    properties = items.get("properties") if isinstance(items, dict) else None
    for name, inner in rule.items.items():
        part = properties.get(name) if isinstance(properties, dict) else None
        if not isinstance(part, dict):
            known = list(properties) if isinstance(properties, dict) else []
            message = f"an item of {rule.name} has no {name!r}"
            yield Finding("rules-unknown-field", message, at=inner.at, hint=did_you_mean(name, known))
            continue
        yield from _value_findings(f"{rule.name}.{name}", inner, part)
        if inner.default is not ABSENT:
            for problem in problems_of(validator(part, handles=True), inner.default):
                message = f"the default of {rule.name}.{name} {problem.message}"
                yield Finding("rules-default", message, at=inner.at, field=rule.name)


def _value_findings(name: str, rule: FieldRule, schema: Mapping[str, Json]) -> Iterator[Finding]:
    if rule.names is not None and (rule.names not in KINDS or schema.get("type") != "string"):
        message = f"the values of {name} cannot be names of {rule.names!r}"
        near = did_you_mean(rule.names, KINDS) if rule.names not in KINDS else None
        hint = near or f"a text can name one of: {', '.join(KINDS)}"
        yield Finding("rules-names", message, at=rule.at, hint=hint, field=name.partition(".")[0])
    for value in rule.neutral:
        for problem in problems_of(validator(schema, handles=True), value):
            message = f"a neutral value of {name} {problem.message}"
            yield Finding("rules-default", message, at=rule.at, field=rule.name)


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
            unset = any(same(value, known) for known in rule.unset)
            for problem in () if unset else problems_of(validator(schema, handles=True), value):
                message = f"{rule.name}: the lookup turns {key!r} into a value that {problem.message}"
                yield Finding("rules-lookup", message, at=last.at, field=rule.name)


def _derivation_findings(rules: RequestRules, rule: FieldRule, made: Expression) -> Iterator[Finding]:
    if not (names := [*names_in(made)]):
        message = f"what {rule.name} is made of names no field"
        yield Finding("rules-otherwise", message, at=made.at, hint="write a constant as 'default'", field=rule.name)
        return
    if any(isinstance(part, (Late, Open)) for part in parts_of(made)) or any(
        isinstance(test, GroupOn) for condition in conditions_of(made) for test in all_tests(condition)
    ):
        message = f"{rule.name} is made before there is a payload: no group can be asked about, nothing is late or open"
        yield Finding("rules-otherwise", message, at=made.at, field=rule.name)
        return
    group = rules.group_of(rule.name)
    domains: dict[str, Domain] = {}
    for name, at in names:
        if name not in rules.schemas:
            hint = did_you_mean(name, rules.schemas)
            yield Finding("row-unknown-field", f"there is no field {name!r}", at=at, hint=hint)
            continue
        domains[name] = Domain(of_schema(rules.schemas[name]).parts)
        blind = [stage.name for stage in rules.stages.values() if not _may_derive(rules, stage, rule.name, name)]
        if blind:
            source, ours = rules.group_of(name), f" (group {group})" if group is not None else ""
            theirs = f"{name} (group {source})" if source is not None else f"{name}, which is in no group and"
            message = (
                f"{rule.name}{ours} is derived from {theirs}, which a stage of type {' and '.join(blind)} does not see"
            )
            hint = "derive a field from fields of its own group, or of groups that are seen wherever it is"
            yield Finding("ownership-derived", message, at=at, hint=hint, field=rule.name)
    algebra = SymbolicAlgebra()
    row = Row((rule.name,), made, made.at)
    try:
        found = Walker(algebra, rules.lookups).row(row, SymbolicScope(Fields(domains, frozenset())))
    except TooManyPathsError:
        yield Finding("table-too-many-paths", f"{rule.name} has more than {MAX_PATHS} paths", at=row.at)
        return
    yield from algebra.findings.values()
    # What is made here is filled with the defaults of its items' members only then.
    schema = rules.schemas[rule.name]
    wanted = with_needed(schema, rule.filled, needed=False) if rule.filled else dict(schema)
    for problem in misfits(found, wanted):
        yield Finding("row-misfit", f"{rule.name} {problem.message}", at=rule.at, hint=problem.hint, field=rule.name)


def _may_derive(rules: RequestRules, stage: StageType, name: str, source: str) -> bool:
    """Whether a stage sees the source wherever it sees the field that is derived from it.

    A switch is asked before any switched group is there, so it may look at groups only that are always seen.
    """
    group, theirs = rules.group_of(name), rules.group_of(source)
    if any(visibility.switch == name for visibility in stage.groups.values()):
        ours = Visibility()
    elif group in stage.groups:
        ours = stage.groups[str(group)]
        if theirs == group:
            return True
    else:
        return True  # the stage does not see the field at all
    if theirs not in stage.groups:
        return False
    seen = stage.groups[str(theirs)]
    return (seen.switch is None or seen.switch == ours.switch) and (ours.own or not seen.own)


def _spelling_findings(rules: RequestRules) -> Iterator[Finding]:
    taken = {name: name for name in rules.schemas}
    for rule in rules.fields.values():
        for alias in rule.aliases:
            if alias in taken or alias in rules.drops:
                other = taken.get(alias, "'drop'")
                message = f"{rule.name} has the alias {alias!r}, which already stands for {other}"
                yield Finding("rules-alias", message, at=rule.at, field=rule.name)
            taken.setdefault(alias, rule.name)
        inside = {name: name for name in rule.items}
        for inner in rule.items.values():
            for alias in inner.aliases:
                if inside.setdefault(alias, inner.name) != inner.name:
                    message = (
                        f"{rule.name}.{inner.name} has the alias {alias!r}, which already stands for {inside[alias]}"
                    )
                    yield Finding("rules-alias", message, at=inner.at, field=rule.name)
