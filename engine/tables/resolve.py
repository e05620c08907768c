"""From a plan's configs to the fields of one request: the rules of request.yaml, applied.

Two layers of config meet here, the base that all stages share and the stage's own. Words become fields, the stage
goes over the base, derived values belong to the layer of what they are derived from, groups are kept to the stages
that see them, and nothing is dropped in silence. Pure: neither layer is changed, nothing is read or sent. It knows
fields and groups, and nothing about back ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import Finding, PlanError, Position, did_you_mean
from engine.images import Image
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.forms import Take
from engine.tables.request import FieldRule, RequestRules, StageType, Visibility
from engine.tables.traverse import names_in
from engine.tables.validation import problems_of, validator
from engine.tables.walk import Walker
from engine.values import ABSENT, is_integer, non_json, same

__all__ = ["Draw", "Layer", "Origin", "Resolution", "resolve"]

#: Draws a value for a field that asks for one (a seed of -1): the field, and whether the stage's own config asked.
#: None leaves the value as it is.
Draw = Callable[[str, bool], int | None]


@dataclass(frozen=True, slots=True)
class Layer:
    """One config: its name for messages, what it says, and where each key stands if it came from a file."""

    name: str
    values: Mapping[str, object]
    place: Callable[[str], Position | None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a field's value comes from: a layer's key, a default, another field, or the stage type itself."""

    kind: Literal["stage", "base", "derived", "default", "constant", "drawn"]
    key: str | None = None
    at: Position | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """The fields of one stage's request, the groups that are on, and where each value comes from."""

    fields: Mapping[str, Value]
    groups: frozenset[str]
    origins: Mapping[str, Origin]


@dataclass(frozen=True, slots=True)
class _Given:
    """One field in one layer: the key as written and the value before normalisation. None is JSON's null."""

    key: str
    raw: object
    at: Position | None


def resolve(rules: RequestRules, stage: StageType, base: Layer, own: Layer, draw: Draw) -> Resolution:
    """The request's fields for a stage of this type. Raises PlanError with everything that is wrong."""
    return _Resolving(rules, stage, base, own, draw).run()


class _Resolving:
    """One resolution: collects findings and goes on, so that all come at once."""

    def __init__(self, rules: RequestRules, stage: StageType, base: Layer, own: Layer, draw: Draw) -> None:
        self.rules, self.stage, self.draw = rules, stage, draw
        self.layers = {"base": base, "stage": own}
        self.findings: list[Finding] = []
        self.origins: dict[str, Origin] = {}
        self.effective: dict[str, Value] = {}
        self.walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), rules.lookups)
        self.given = {name: dict(self._given(layer)) for name, layer in self.layers.items()}

    def run(self) -> Resolution:
        on = self._groups_on()
        self._refuse_strangers(on)
        fields: dict[str, Value] = dict(self.rules.constants_of(self.stage))
        self.origins |= {name: Origin("constant") for name in fields}
        for name in self.rules.schemas:
            group = self.rules.group_of(name)
            visibility = self.stage.groups.get(group) if group is not None else None
            if visibility is None or group not in on:
                continue
            value = self._field(self.rules.rule(name), visibility)
            if value is not ABSENT:
                self.effective[name] = value
        for visibility in self.stage.groups.values():
            if visibility.switch is not None and visibility.switch in self.effective:
                fields[visibility.switch] = self.effective[visibility.switch]
        fields |= {n: v for n, v in self.effective.items() if not self.rules.rule(n).input}
        self._require(on)
        if self.findings:
            raise PlanError(self.findings)
        ordered = {name: fields[name] for name in self.rules.schemas if name in fields}
        return Resolution(ordered, on, {name: self.origins[name] for name in ordered})

    def _fault(self, code: str, message: str, given: _Given | None, name: str, hint: str | None = None) -> None:
        at = given.at if given is not None else None
        self.findings.append(Finding(code, message, at=at, hint=hint, field=name))

    # -- what the layers say --------------------------------------------------------------------------------

    def _given(self, layer: Layer) -> Iterator[tuple[str, _Given]]:
        """Every field that a layer gives, under its own name. Drops and toggles are left out."""
        spellings = self.rules.spellings()
        seen: dict[str, _Given] = {}
        for key, raw in layer.values.items():
            given = _Given(key, raw, layer.place(key))
            if key in self.rules.drops or key in self.rules.toggles:
                continue
            name = spellings.get(key)
            if name is None:
                hint = "pictures are the plan's: write input_images there" if key == "input_images" else None
                near = hint or did_you_mean(key, [*spellings, *self.rules.drops])
                self._fault("config-unknown-key", f"{layer.name} has no field {key!r}", given, key, near)
            elif not isinstance(raw, Image) and (problem := non_json(raw)):
                self._fault("config-value", f"{layer.name}: {key}: {problem}", given, name)
            elif name in seen and (raw is None or seen[name].raw is None or not same(raw, seen[name].raw)):
                other = seen[name].key
                message = f"{layer.name} says {other!r} and {key!r}, which are the same field, and they differ"
                self._fault("config-alias-conflict", message, given, name, f"keep {name!r}")
            else:
                seen[name] = given
                yield name, given

    def _groups_on(self) -> frozenset[str]:
        on = set()
        for group, visibility in self.stage.groups.items():
            if visibility.switch is None or self._is_on(visibility.switch, visibility):
                on.add(group)
        return frozenset(on)

    def _is_on(self, switch: str, visibility: Visibility) -> bool:
        rule = self.rules.rule(switch)
        if self.rules.schemas[switch].get("type") != "boolean":
            return self._field(rule, visibility, fault=False) is not ABSENT
        value = self._field(rule, visibility)
        if not isinstance(value, bool):
            return False
        self.effective[switch] = value
        return value

    def _refuse_strangers(self, on: frozenset[str]) -> None:
        """Refuse what the stage's own config says that this stage does not see."""
        constants = self.rules.constants_of(self.stage)
        for name, given in self.given["stage"].items():
            group = self.rules.group_of(name)
            if name in constants:
                if given.raw is not None and not same(given.raw, constants[name]):
                    message = f"{given.key} is always {constants[name]} on a stage of type {self.stage.name}"
                    self._fault("config-constant", message, given, name)
                continue
            if group in on or given.raw is None or name in self.effective:
                continue
            switches = self._switches_of(name, group)
            if any(self._says_off(switch) for switch in switches):
                continue
            if name in self.stage.instead:
                message = f"{given.key} is no field of a stage of type {self.stage.name}"
                self._fault("config-foreign-field", message, given, name, self.stage.instead[name])
            elif group in self.stage.groups:
                switch = self.stage.groups[group].switch if group is not None else None
                wanted = "true" if self.rules.schemas[str(switch)].get("type") == "boolean" else "given"
                message = f"{given.key} is given, but its group {group} is not on"
                self._fault("config-group-off", message, given, name, f"{switch} must be {wanted}")
            else:
                seen_by = [s.name for s in self.rules.stages.values() if group in s.groups or _switches(s, name)]
                message = f"{given.key} is no field of a stage of type {self.stage.name}"
                hint = f"it belongs to {' and '.join(seen_by)}" if seen_by else None
                self._fault("config-foreign-field", message, given, name, hint)

    def _switches_of(self, name: str, group: str | None) -> list[str]:
        visible = [s.groups[group] for s in self.rules.stages.values() if group in s.groups] if group else []
        return [name, *(v.switch for v in visible if v.switch is not None)]

    def _says_off(self, switch: str) -> bool:
        return any(given[switch].raw is False for given in self.given.values() if switch in given)

    # -- one field ------------------------------------------------------------------------------------------

    def _field(self, rule: FieldRule, visibility: Visibility, *, fault: bool = True) -> Value:
        """A field's value: the stage's over the base's over the default; ABSENT where none says anything."""
        before = len(self.findings)
        value, origin = self._chosen(rule, visibility)
        if value is not ABSENT and origin is not None and len(self.findings) == before:
            value = self._checked(rule, value, origin)
            self.origins[rule.name] = origin
            if rule.draw is not ABSENT and same(value, rule.draw):
                drawn = self.draw(rule.name, origin.kind == "stage")
                if drawn is not None:
                    value, self.origins[rule.name] = drawn, Origin("drawn", origin.key, origin.at)
        if not fault:
            del self.findings[before:]
        return value

    def _chosen(self, rule: FieldRule, visibility: Visibility) -> tuple[Value, Origin | None]:
        erased = False
        for kind in ("stage",) if visibility.own else ("stage", "base"):
            given = self.given[kind].get(rule.name)
            if given is not None:
                value = self._normalised(rule, given)
                if value is not ABSENT:
                    return value, Origin("stage" if kind == "stage" else "base", given.key, given.at)
                erased = True  # null, or a value that means "not given": what lies below is erased with it
            elif not erased and rule.otherwise is not None:
                derived, origin = self._derived(rule, kind)
                if derived is not ABSENT:
                    return derived, origin
            if erased:
                break
        if visibility.defaults and rule.default is not ABSENT:
            return rule.default, Origin("default", at=rule.at)
        return ABSENT, None

    def _normalised(self, rule: FieldRule, given: _Given) -> Value:
        """The value after the rule's steps; ABSENT for null and for what means "not given"."""
        raw = given.raw
        if raw is None or any(same(raw, value) for value in rule.unset):
            return ABSENT
        try:
            value = self._sent_through(rule, raw)  # type: ignore[arg-type]
        except EvaluationError as problem:
            self._fault("config-value", f"{given.key}: {problem}", given, rule.name, problem.hint)
            return ABSENT
        return ABSENT if any(same(value, blank) for blank in rule.unset) else value

    def _sent_through(self, rule: FieldRule, raw: Value) -> Value:
        if not rule.steps or isinstance(raw, Image):
            return raw
        take = Take((rule.name,), rule.steps, at_run=True, at=rule.steps[0].at)
        return self.walker.evaluate(take, Scope({rule.name: raw}, frozenset()))

    def _derived(self, rule: FieldRule, kind: str) -> tuple[Value, Origin | None]:
        """The value made from other fields, where the first of them is given in this layer and still in force.

        That first one counts as it was written: "DPM++ 2M Karras" still holds its scheduler.
        """
        if rule.otherwise is None:
            return ABSENT, None
        first, *others = dict.fromkeys(name for name, _ in names_in(rule.otherwise))
        source = self.given[kind].get(first)
        overruled = kind == "base" and first in self.given["stage"]
        if source is None or source.raw is None or overruled:
            return ABSENT, None
        scope: dict[str, Value] = {}
        for name in others:
            group = self.rules.group_of(name)
            visibility = self.stage.groups.get(group) if group is not None else None
            if visibility is not None:
                scope[name], _ = self._chosen(self.rules.rule(name), visibility)
        scope[first] = source.raw  # type: ignore[assignment]
        known = {name: value for name, value in scope.items() if value is not ABSENT}
        try:
            value = self.walker.evaluate(rule.otherwise, Scope(known, frozenset()))
        except EvaluationError as problem:
            self._fault("config-value", f"{source.key}: {problem}", source, rule.name, problem.hint)
            return ABSENT, None
        return value, Origin("derived" if kind == "base" else "stage", source.key, source.at)

    def _checked(self, rule: FieldRule, value: Value, origin: Origin) -> Value:
        """The value, held against its schema; whole numbers as integers, items of a list by their own rules."""
        given = _Given(origin.key if origin.key is not None else rule.name, value, origin.at)
        if rule.items and isinstance(value, list):
            value = [self._item(rule, item, index, given) for index, item in enumerate(value)]
        schema = self.rules.schemas[rule.name]
        for problem in problems_of(validator(schema, handles=True), value):
            place = ".".join((given.key, *problem.path))
            self._fault("config-value", f"{place} {problem.message}", given, rule.name, problem.hint)
        if schema.get("type") == "integer" and isinstance(value, float) and is_integer(value):
            return int(value)
        return value

    def _item(self, rule: FieldRule, item: Value, index: int, given: _Given) -> Value:
        if not isinstance(item, dict):
            return item
        spellings = {word: name for name, r in rule.items.items() for word in (name, *r.aliases)}
        result: dict[str, Value] = {}
        for key, raw in item.items():
            name = spellings.get(key, key)
            inner = rule.items.get(name, FieldRule(name))
            place = _Given(f"{given.key}.{index}.{key}", raw, given.at)
            if name in result:
                message = f"{place.key} says again what another key of the item says"
                self._fault("config-alias-conflict", message, place, rule.name, f"keep {name!r}")
            value = self._normalised(inner, place)
            if value is not ABSENT:
                result[name] = value
        for name, inner in rule.items.items():
            if name not in result and inner.default is not ABSENT:
                result[name] = inner.default
        return result

    def _require(self, on: frozenset[str]) -> None:
        for group in self.stage.groups:
            for name in self.rules.groups[group] if group in on else ():
                if self.rules.rule(name).required and name not in self.effective:
                    switch = self.stage.groups[group].switch
                    why = f"{group} is on" if switch is not None else f"a stage of type {self.stage.name} needs it"
                    if not any(finding.field == name for finding in self.findings):
                        hint = f"set {name} in the stage's config or in base_config"
                        self._fault("config-missing", f"{name} is missing: {why}", None, name, hint)
        for parts in self.rules.together:
            given = [name for name in parts if name in self.effective]
            if given and len(given) < len(parts):
                missing = " and ".join(name for name in parts if name not in self.effective)
                message = f"{' and '.join(given)} is given without {missing}: they count together only"
                self._fault("config-together", message, None, given[0])


def _switches(stage: StageType, name: str) -> bool:
    return any(visibility.switch == name for visibility in stage.groups.values())
