"""Configs and plans for hypothesis, made from the fields and rules of a catalog: yours as well as the built-in one.

    from hypothesis import given
    from engine import Catalog
    from engine.testing.strategies import Strategies

    drawn = Strategies(Catalog([Path("my-tables")]))

    @given(drawn.configs("txt2img"))
    def test_of_mine(pair): ...

What comes out of `configs` is valid by construction: every value is one that the field's schema allows, a group is
switched on where its fields are given, and what counts together comes together. What comes out of `near_misses` is
wrong in one thing. A field, group or stage type is drawn from the day on which it stands in the schemas and rules.
This module and `engine.testing.field_values` alone import hypothesis. They know no field and no back end; the ranges
that keep trials cheap are in `NARROWED`, and can be others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from engine.backends.catalog import Catalog
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.rules.request import RequestRules
from engine.tables.forms import ListOf, ObjectOf
from engine.tables.traverse import names_in
from engine.testing.field_values import Strategy, pictures, values_of_field

__all__ = ["NARROWED", "Pair", "Strategies"]


def _sides(most: int) -> Strategy:
    return st.integers(1, most // 8).map(lambda n: n * 8)


#: What the built-in fields are narrowed to, beyond their schemas: small pictures and few of them, so that a chain of
#: stages stays cheap, and steps that a refiner's switch can lie between. Fields that a catalog has not are passed over.
NARROWED: Final[Mapping[str, Strategy]] = MappingProxyType(
    {
        "steps": st.integers(20, 150) | st.integers(20, 150).map(float),
        "refiner_switch_step": st.integers(1, 19),
        "batch_size": st.integers(1, 2),
        "n_iter": st.just(1),
        "hires_upscale_factor": st.sampled_from([1, 1.1, 1.5, 2.0]),
        "upscale_factor": st.sampled_from([1, 1.1, 1.5, 2.0]),
        "width": _sides(192),
        "height": _sides(192),
        "hires_width": _sides(384),
        "hires_height": _sides(384),
        "upscale_width": _sides(384),
        "upscale_height": _sides(384),
    }
)


@dataclass(frozen=True)
class Pair:
    """A base config and a stage's own, for a stage of this type."""

    stage: str
    base: Mapping[str, Any]
    own: Mapping[str, Any]


class Strategies:
    """Strategies over the rules of a catalog."""

    def __init__(self, catalog: Catalog, narrowed: Mapping[str, Strategy] = NARROWED) -> None:
        """Take a catalog, and what to draw for a field instead of all that its schema allows.

        Narrow a field that makes pictures large or many, or that another field must lie above:
        `Strategies(catalog, {**NARROWED, "frame_width": st.integers(1, 8)})`. Raises TableError where the folders'
        rules cannot be read.
        """
        self.catalog, self.rules = catalog, catalog.rules
        self._narrowed = narrowed
        self._values: dict[str, Strategy] = {}

    @staticmethod
    def pictures(least: int = 8, most: int = 96) -> st.SearchStrategy[Image]:
        """Pictures whose sides have from `least` to `most` pixels."""
        return pictures(least, most)

    def value_of(self, field: str) -> Strategy:
        """Valid values for a field, by its name, in the words that a config may use. Never one for "not given"."""
        if field not in self._values:
            self._values[field] = values_of_field(self.rules, field, self._narrowed.get(field))
        return self._values[field]

    def everything(self) -> st.SearchStrategy[dict[str, Any]]:
        """Base configs that say something of every field of every group, by any of its names, and of every switch."""
        return _everything(self)

    def configs(self, stage: str, base: Mapping[str, Any] | None = None) -> st.SearchStrategy[Pair]:
        """Valid pairs for a stage type: some of its fields in each config.

        `base`: the base config; without it there is none, or one that says anything of any stage type, or some of it.
        """
        return _configs(self, stage, base)

    def near_misses(self, stage: str) -> st.SearchStrategy[Pair]:
        """Pairs with one thing in the stage's own config made wrong: no request may come of them."""
        return _near_misses(self, stage)

    def plans(
        self, options: PlanOptions | None = None
    ) -> st.SearchStrategy[tuple[StageExecutionPlan, Mapping[str, Any]]]:
        """Plans, each with its base config: up to four stages in order, some of them disabled, pictures where needed.

        `options` are the plans' own; without them, what a back end cannot do is left out with a warning.
        """
        return _plans(self, PlanOptions(on_unsupported="warn") if options is None else options)


# -- configs -------------------------------------------------------------------------------------------------------


def _flags(rules: RequestRules) -> list[str]:
    """The switches that belong to no group, which are booleans."""
    return sorted(name for name in rules.switches if rules.group_of(name) is None)


def _inputs(rules: RequestRules) -> frozenset[str]:
    return frozenset(name for name, rule in rules.fields.items() if rule.input)


def _spelled(rules: RequestRules, name: str, stage: str | None = None) -> st.SearchStrategy[str]:
    refused: Mapping[str, str] = {} if stage is None else rules.stages[stage].instead
    return st.sampled_from([name, *(word for word in rules.rule(name).aliases if word not in refused)])


def _described_by(rules: RequestRules) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Fields of which the items of a list are made: all of them, and those without which there is no item."""
    for name, rule in rules.fields.items():
        parts = rule.otherwise.items if isinstance(rule.otherwise, ListOf) else ()
        schema = rules.schemas[name].get("items")
        required = schema.get("required", []) if isinstance(schema, dict) else []
        for part in parts:
            if isinstance(part, ObjectOf) and isinstance(required, list):
                sources = {key: {found for found, _ in names_in(entry)} for key, entry in part.entries}
                needed = {key for key in required if key not in rule.filled}
                yield (
                    frozenset().union(*sources.values()),
                    frozenset(one for key in sources if key in needed for one in sources[key]),
                )


@st.composite
def _everything(draw: st.DrawFn, on: Strategies) -> dict[str, Any]:
    rules = on.rules
    names = sorted(name for fields in rules.groups.values() for name in fields)
    config = {draw(_spelled(rules, name)): draw(on.value_of(name)) for name in names}
    return {**config, **{switch: draw(st.booleans()) for switch in _flags(rules)}}


@st.composite
def _something(draw: st.DrawFn, on: Strategies) -> dict[str, Any]:
    """Base configs that leave some fields unsaid, so that others are derived."""
    base, spellings = draw(on.everything()), on.rules.spellings()
    gone = draw(st.sets(st.sampled_from(sorted({spellings[key] for key in base}))))
    for parts in (*map(frozenset, on.rules.together), *(describing for describing, _ in _described_by(on.rules))):
        gone |= parts if gone & parts else set()
    return {key: value for key, value in base.items() if spellings[key] not in gone}


@st.composite
def _configs(draw: st.DrawFn, on: Strategies, stage: str, base: Mapping[str, Any] | None) -> Pair:
    rules, kind = on.rules, on.rules.stages[stage]
    if base is None:
        base = draw(st.just({}) | on.everything() | _something(on))
    own: dict[str, Any] = {}
    spellings, inputs = rules.spellings(), _inputs(rules)
    below = {spellings[key] for key in base}
    paired = frozenset(name for parts in rules.together for name in parts)
    for group, visibility in kind.groups.items():
        names = list(rules.groups[group])
        if visibility.switch is not None and visibility.switch not in names:
            own[visibility.switch] = draw(st.booleans())
            if not own[visibility.switch] and draw(st.booleans()):
                continue  # hosts send the fields of a group that is off, too
        elif visibility.switch is not None and not draw(st.booleans()):
            continue
        chosen = draw(st.sets(st.sampled_from(names), max_size=len(names))) if names else set()
        if visibility.switch in names:
            chosen.add(str(visibility.switch))
        for parts in rules.together:
            chosen |= {*parts} if chosen & {*parts} else set()
        chosen |= {name for name in names if rules.rule(name).required and name not in below}
        for describing, needed in _described_by(rules):
            chosen |= needed if chosen & describing else set()
        for name in sorted(chosen):
            taken_back = name in below and name not in paired | inputs and not rules.rule(name).required
            nulls = taken_back and not visibility.own and draw(st.integers(0, 9)) == 0
            own[draw(_spelled(rules, name, stage))] = None if nulls else draw(on.value_of(name))
    return Pair(stage, base, own)


# -- near misses ---------------------------------------------------------------------------------------------------


@st.composite
def _near_misses(draw: st.DrawFn, on: Strategies, stage: str) -> Pair:
    rules, kind = on.rules, on.rules.stages[stage]
    pair = draw(on.configs(stage))
    spellings = rules.spellings()
    always = [name for group, v in kind.groups.items() if v.switch is None for name in rules.groups[group]]
    aliased = [name for name in always if rules.rule(name).aliases]
    said = {**pair.base, **pair.own}
    foreign = [
        name
        for group, names in rules.groups.items()
        if group not in kind.groups
        for name in names
        if not any(said.get(switch) is False for switch in _switches_of(rules, group))
    ]
    unknown = [w for w in ("promt", "", "input_images", "no such field") if w not in spellings and w not in rules.drops]
    ways = ["unknown", *(["value"] * 3 if always else []), *(["foreign"] if foreign else [])]
    ways += [*(["switch"] if _flags(rules) else []), *(["alias"] if aliased else [])]
    match draw(st.sampled_from(ways)):
        case "value":
            name = draw(st.sampled_from(always))
            own = {key: value for key, value in pair.own.items() if spellings[key] != name}
            own[name] = draw(st.sampled_from(_wrong(rules, name)))
        case "foreign":
            name = draw(st.sampled_from(foreign))
            own = {**pair.own, name: draw(on.value_of(name))}
        case "switch":
            wrong = st.sampled_from(["true", 1, 0, "", []])
            own = {**pair.own, draw(st.sampled_from(_flags(rules))): draw(wrong)}
        case "alias":
            name = draw(st.sampled_from(aliased))
            own = {key: value for key, value in pair.own.items() if spellings[key] != name}
            own |= {name: draw(on.value_of(name)), rules.rule(name).aliases[0]: None}
        case _:
            own = {**pair.own, draw(st.sampled_from(unknown)): 1}
    return Pair(stage, pair.base, own)


def _switches_of(rules: RequestRules, group: str) -> list[str]:
    return [str(kind.groups[group].switch) for kind in rules.stages.values() if group in kind.groups]


def _wrong(rules: RequestRules, name: str) -> list[Any]:
    """Values that are wrong for this field, whatever else is said."""
    schema: Mapping[str, Any] = rules.schemas[name]
    wrong: list[Any] = [math.nan, {1: 2}, object]
    match schema.get("type"):
        case "integer" | "number":
            wrong += [True, "1", [], -math.inf]
            wrong += [schema["minimum"] - 8] if "minimum" in schema else []
            wrong += [schema["maximum"] + 8, 10**40] if "maximum" in schema else []
            wrong += [schema[word] for word in ("exclusiveMinimum", "exclusiveMaximum") if word in schema]
            wrong += [schema["multipleOf"] * 1.5] if "multipleOf" in schema else []
        case "boolean":
            wrong += [0, 1, "true", [], ""]
        case "string":
            wrong += [0, True, [], {}]
            wrong += ["no such word"] if "enum" in schema else []
            # A step may make a long text short; without one it stays as long as it is.
            wrong += ["x" * (schema["maxLength"] + 1)] if "maxLength" in schema and not rules.rule(name).steps else []
        case _:
            wrong += [0, True, "x", [5]]
    return [value for value in wrong if not any(value is unset or value == unset for unset in rules.rule(name).unset)]


# -- plans ---------------------------------------------------------------------------------------------------------


@st.composite
def _plans(draw: st.DrawFn, on: Strategies, options: PlanOptions) -> tuple[StageExecutionPlan, Mapping[str, Any]]:
    base = draw(st.just({}) | on.everything() | _something(on))
    makes = [name for name, kind in on.rules.stages.items() if not kind.takes_images]
    takes = [name for name, kind in on.rules.stages.items() if kind.takes_images]
    from_text = bool(makes) and (not takes or draw(st.booleans()))
    kinds = [draw(st.sampled_from(makes))] if from_text else []
    kinds += draw(st.lists(st.sampled_from(takes), min_size=0 if from_text else 1, max_size=3)) if takes else []
    enabled = draw(st.lists(st.sampled_from([True, True, False, None]), min_size=len(kinds), max_size=len(kinds)))
    enabled[0] = True if from_text else enabled[0]
    if all(word is False for word in enabled):
        enabled[-1] = True
    stages = tuple(
        StageExecution(f"{index}-{kind}", StageConfig(kind, draw(on.configs(kind, base)).own, word))
        for index, (kind, word) in enumerate(zip(kinds, enabled, strict=True))
    )
    images = () if from_text else tuple(draw(st.lists(on.pictures(), min_size=1, max_size=2)))
    return StageExecutionPlan(stages, images, options, run_id="drawn"), base
