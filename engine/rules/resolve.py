"""From a plan's configs to the fields of one request: the rules of request.yaml, applied.

Two layers of config meet here, the base that all stages share and the stage's own. Words become fields, the stage
goes over the base, derived values belong to the layer of what they are derived from, groups are kept to the stages
that see them, and nothing is dropped in silence. Pure: neither layer is changed, nothing is read or sent. It knows
fields and groups, and nothing about back ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from engine.errors import Finding, PlanError, Position
from engine.images import Image
from engine.rules.host_words import SwitchedOff
from engine.rules.layers import Given, Layer, read_layer
from engine.rules.request import FieldRule, RequestRules, StageType, Visibility
from engine.rules.strangers import listed, stranger_findings
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.forms import Take
from engine.tables.traverse import names_in, names_tested
from engine.tables.validation import problems_of, validator
from engine.tables.walk import Walker
from engine.values import ABSENT, is_integer, same

__all__ = ["Draw", "Layer", "Origin", "Resolution", "resolve"]

#: Draws a value for a field that asks for one (a seed of -1): the field, and whether the stage's own config asked.
#: None leaves the value as it is.
Draw = Callable[[str, bool], int | None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a field's value comes from: a layer's key, a default, another field (its key), or the stage type itself."""

    kind: Literal["stage", "base", "derived", "default", "constant", "drawn"]
    key: str | None = None
    at: Position | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """The fields of one stage's request, the groups that are on, where each value comes from, and what was left out."""

    fields: Mapping[str, Value]
    groups: frozenset[str]
    origins: Mapping[str, Origin]
    warnings: tuple[Finding, ...] = ()


def resolve(
    rules: RequestRules,
    stage: StageType,
    base: Layer,
    own: Layer,
    draw: Draw,
    off: Mapping[str, SwitchedOff] = MappingProxyType({}),
) -> Resolution:
    """The request's fields for a stage of this type. Raises PlanError with everything that is wrong.

    `off`: when a switch that a lenient layer turns on is taken as off.
    """
    return _Resolving(rules, stage, base, own, draw, off).run()


class _Resolving:
    """One resolution: collects findings and goes on, so that all come at once."""

    def __init__(
        self,
        rules: RequestRules,
        stage: StageType,
        base: Layer,
        own: Layer,
        draw: Draw,
        off: Mapping[str, SwitchedOff],
    ) -> None:
        self.rules, self.stage, self.draw, self.off = rules, stage, draw, off
        self.lenient = {kind for kind, layer in (("base", base), ("stage", own)) if layer.lenient}
        self.taken_as_off: set[str] = set()
        self.spellings = rules.spellings()
        self.findings: list[Finding] = []
        self.origins: dict[str, Origin] = {}
        self.effective: dict[str, Value] = {}
        self.walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), rules.lookups)
        self.given: dict[str, Mapping[str, Given]] = {}
        for name, layer in (("base", base), ("stage", own)):
            self.given[name], findings = read_layer(rules, layer)
            self.findings += findings

    def run(self) -> Resolution:
        on = self._groups_on()
        own, base = self.given["stage"], self.given["base"]
        self.findings += stranger_findings(self.rules, self.stage, own, base, on, self.taken_as_off)
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
        self._require_together()
        if any(finding.severity == "error" for finding in self.findings):
            raise PlanError(dict.fromkeys(self.findings))
        ordered = {name: fields[name] for name in self.rules.schemas if name in fields}
        warnings = tuple(dict.fromkeys(self.findings))
        return Resolution(ordered, on, {name: self.origins[name] for name in ordered}, warnings)

    def _fault(self, code: str, message: str, given: Given | None, name: str, hint: str | None = None) -> None:
        at = given.at if given is not None else None
        self.findings.append(Finding(code, message, at=at, hint=hint, field=name))

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
        self.effective[switch] = value and not self._taken_as_off(switch)
        return value and switch not in self.taken_as_off

    def _taken_as_off(self, switch: str) -> bool:
        """Whether a host's objects turn this on where it cannot work. Looked at before any value is complained of."""
        if switch not in self.off or self.origins[switch].kind not in self.lenient:
            return False
        scope: dict[str, Value] = {}
        before = len(self.findings)
        for name, _ in names_tested(self.off[switch].when):
            visibility = self.stage.groups.get(str(self.rules.group_of(name)))
            if visibility is not None:
                scope[name], _ = self._chosen(self.rules.rule(name), visibility)
        del self.findings[before:]
        known = {name: value for name, value in scope.items() if value is not ABSENT}
        if not self.walker.holds(self.off[switch].when, Scope(known, frozenset())):
            return False
        self.taken_as_off.add(switch)
        message = f"{switch} is true, and is taken as false: {self.off[switch].reason}"
        self.findings.append(Finding("config-taken-as-off", message, field=switch, severity="warning"))
        return True

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
        """What the highest layer gives, in its own words or by what it is derived from; else the default.

        Null, or a value that means "not given", erases what lies below its layer.
        """
        layers: tuple[Literal["stage", "base"], ...] = ("stage",) if visibility.own else ("stage", "base")
        for layer in layers:
            given = self.given[layer].get(rule.name)
            if given is not None and (value := self._normalised(rule, given)) is not ABSENT:
                return value, Origin(layer, given.key, given.at)
            derived, origin = self._derived(rule, layer)
            if derived is not ABSENT:
                return derived, origin
            if given is not None:
                break
        if visibility.defaults and rule.default is not ABSENT:
            return rule.default, Origin("default", at=rule.at)
        return ABSENT, None

    def _normalised(self, rule: FieldRule, given: Given) -> Value:
        """The value after the rule's steps; ABSENT for null and for what means "not given"."""
        if given.raw is None or _is_unset(rule, given.raw):
            return ABSENT
        try:
            value = self._sent_through(rule, given.raw)  # type: ignore[arg-type]
        except EvaluationError as problem:
            self._fault("config-value", f"{given.key} {_plainly(problem)}", given, rule.name, problem.hint)
            return ABSENT
        return ABSENT if _is_unset(rule, value) else value

    def _sent_through(self, rule: FieldRule, raw: Value) -> Value:
        if not rule.steps or isinstance(raw, Image):
            return raw
        take = Take((rule.name,), rule.steps, at_run=True, at=rule.steps[0].at)
        return self.walker.evaluate(take, Scope({rule.name: raw}, frozenset()))

    def _derived(self, rule: FieldRule, layer: Literal["stage", "base"]) -> tuple[Value, Origin | None]:
        """The value made from other fields, where the first of them is given in this layer and still in force.

        That first one counts as it was written: "DPM++ 2M Karras" still holds its scheduler.
        """
        if rule.otherwise is None:
            return ABSENT, None
        first, *others = dict.fromkeys(name for name, _ in names_in(rule.otherwise))
        source = self.given[layer].get(first)
        overruled = layer == "base" and first in self.given["stage"]
        if source is None or source.raw is None or overruled or _is_unset(self.rules.rule(first), source.raw):
            return ABSENT, None
        scope: dict[str, Value] = {first: source.raw}  # type: ignore[dict-item]
        for name in others:
            group = self.rules.group_of(name)
            visibility = self.stage.groups.get(group) if group is not None else None
            if visibility is not None:
                scope[name], _ = self._chosen(self.rules.rule(name), visibility)
        known = {name: value for name, value in scope.items() if value is not ABSENT}
        if any(problems_of(validator(self.rules.schemas[name], handles=True), value) for name, value in known.items()):
            return ABSENT, None  # each of them is complained of itself
        try:
            value = self.walker.evaluate(rule.otherwise, Scope(known, frozenset()))
        except EvaluationError as problem:
            self._fault("config-value", f"{source.key} {_plainly(problem)}", source, first, problem.hint)
            return ABSENT, None
        return value, Origin("derived", source.key, source.at)

    def _checked(self, rule: FieldRule, value: Value, origin: Origin) -> Value:
        """The value, held against its schema; whole numbers as integers, items of a list by their own rules."""
        word = rule.name if origin.key is None or origin.kind == "derived" else origin.key
        made = f", made from {origin.key}," if origin.kind == "derived" else ""
        # A person mends what was written, so that is what the finding is about.
        about = self.spellings[origin.key] if origin.key is not None and made else rule.name
        given = Given(word, value, origin.at)
        if rule.items and isinstance(value, list):
            value = [self._item(rule, item, index, given) for index, item in enumerate(value)]
        schema = self.rules.schemas[rule.name]
        for problem in problems_of(validator(schema, handles=True), value):
            place = ".".join((word, *problem.path))
            self._fault("config-value", f"{place}{made} {problem.message}", given, about, problem.hint)
        return _whole(schema, value)

    def _item(self, rule: FieldRule, item: Value, index: int, given: Given) -> Value:
        """An item of a list by its own rules: spellings, normalisation, what is derived, defaults."""
        if not isinstance(item, dict):
            return item
        spellings = {word: name for name, r in rule.items.items() for word in (name, *r.aliases)}
        raws: dict[str, Given] = {}
        for key, raw in item.items():
            name = spellings.get(key, key)
            here = Given(f"{given.key}.{index}.{key}", raw, given.at)
            if name not in raws:
                raws[name] = here
            elif not same(raw, raws[name].raw):
                other = raws[name].key.rpartition(".")[2]
                message = f"{given.key}.{index} says {other!r} and {key!r}, which are the same field, and they differ"
                self._fault("config-alias-conflict", message, here, rule.name, f"keep {name!r}")
        result: dict[str, Value] = {}
        for name in dict.fromkeys((*raws, *rule.items)):
            inner = rule.items.get(name, FieldRule(name))
            value = self._normalised(inner, raws[name]) if name in raws else ABSENT
            if value is ABSENT and inner.otherwise is not None:
                texts: dict[str, Value] = {n: g.raw for n, g in raws.items() if g.raw is not None}  # type: ignore[misc]
                value = self._made_inside(inner, texts)
            if value is ABSENT:
                value = inner.default
            if value is not ABSENT:
                result[name] = value
        return result

    def _made_inside(self, rule: FieldRule, known: dict[str, Value]) -> Value:
        """A member of an item that is derived from others. Those of a wrong kind are complained of themselves."""
        try:
            return self.walker.evaluate(rule.otherwise, Scope(known, frozenset()))  # type: ignore[arg-type]
        except EvaluationError:
            return ABSENT

    # -- what must be there ---------------------------------------------------------------------------------

    def _require(self, on: frozenset[str]) -> None:
        for group, visibility in self.stage.groups.items():
            for name in self.rules.groups[group] if group in on else ():
                if self.rules.rule(name).required and name not in self.effective:
                    self._missing(name, visibility)

    def _missing(self, name: str, visibility: Visibility) -> None:
        otherwise = self.rules.rule(name).otherwise
        words = [name] if otherwise is None else list(dict.fromkeys((name, *(n for n, _ in names_in(otherwise)))))
        if {finding.field for finding in self.findings if finding.severity == "error"} & set(words):
            return  # what is wrong with it has been said
        said = ((n, self.given[layer][n]) for layer in ("stage", "base") for n in words if n in self.given[layer])
        # A source counts only where it is blank itself: else what is made from it is missing for another reason.
        blank = [g for n, g in said if g.raw is not None and (n == name or _is_unset(self.rules.rule(n), g.raw))]
        given = blank[0] if blank else None
        ways = " or ".join(words[:2])
        hint = f"give {ways} in the stage's config or in base_config"
        blank_is = "" if given is None else f"{given.key} is {given.raw!r}, which counts as not given"
        if visibility.switch is not None:
            message = f"{visibility.switch} is true, and {blank_is if given is not None else f'{name} is missing'}"
            hint = f"{hint}, or say {visibility.switch}: false"
        else:
            message = f"a stage of type {self.stage.name} needs {ways}{f': {blank_is}' if given is not None else ''}"
        self._fault("config-missing", message, given, name, hint)

    def _require_together(self) -> None:
        """Refuse what does nothing alone: a part of a set, or what another field would be derived from, and is not."""
        for parts in self.rules.together:
            given = [name for name in parts if name in self.effective]
            if given and len(given) < len(parts):
                self._alone(given, [name for name in parts if name not in self.effective])
        for rule in self.rules.fields.values():
            origin = self.origins.get(rule.name)
            if rule.otherwise is None or origin is None or origin.kind not in ("base", "default"):
                continue
            first, *others = dict.fromkeys(name for name, _ in names_in(rule.otherwise))
            beside = [name for name in others if self.rules.rule(name).input and self._says(name)]
            if beside and not self._says(first):
                self._alone(beside, [first])

    def _says(self, name: str) -> bool:
        """Whether the stage's own config gives the field."""
        return name in self.given["stage"] and self.given["stage"][name].raw is not None

    def _alone(self, given: list[str], missing: list[str]) -> None:
        layers = (self.given["stage"], self.given["base"])
        said = next((layer[given[0]] for layer in layers if given[0] in layer), None)
        words = [given[0] if said is None else said.key, *given[1:]]
        verb = "is" if len(given) == 1 else "are"
        message = f"{listed(words)} {verb} given without {listed(missing)}: they count together only"
        self._fault("config-together", message, said, given[0])


def _is_unset(rule: FieldRule, value: object) -> bool:
    """Whether a value means "not given". Blanks around a text do not count."""
    plain = value.strip() if isinstance(value, str) else value
    return any(same(plain, unset) for unset in rule.unset)


def _plainly(problem: EvaluationError) -> str:
    """What a conversion or lookup complains of, without the table's words: the field's name goes before it."""
    return str(problem if problem.__cause__ is None else problem.__cause__)


def _whole(schema: object, value: Value) -> Value:
    """The value with 20.0 as 20, wherever its schema says that a number is whole."""
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, float) and schema.get("type") == "integer" and is_integer(value):
        return int(value)
    if isinstance(value, list):
        return [_whole(schema.get("items"), item) for item in value]
    members = schema.get("properties")
    if isinstance(value, dict) and isinstance(members, dict):
        return {name: _whole(members.get(name), item) for name, item in value.items()}
    return value
