"""Configs and plans for hypothesis, made from schemas/fields.json and the rules of request.yaml.

A config that comes out of `configs` is valid by construction: every value is one that the field's schema allows, a
group is switched on where its fields are given, and what counts together comes together. A new field is drawn from
the day on which it stands in the schemas. Pictures are kept small and few, so that a chain of stages stays cheap.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from engine.backends.catalog import Catalog
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.tables.forms import Lookup
from engine.tables.request import FieldRule
from engine.testing import picture

__all__ = ["CATALOG", "RULES", "Pair", "configs", "everything", "near_misses", "pictures", "plans", "value_of"]

CATALOG = Catalog()
RULES = CATALOG.rules
SPELLINGS = RULES.spellings()
Strategy = st.SearchStrategy[Any]

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_NAMES = st.sampled_from(
    ["Euler", "DPM++ 2M Karras", "Euler SGM Uniform", "a/b.pt [31e35c80fc]", "No VAE", "None", "Latent", "x"]
)
_LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=4)

#: Narrower than the schemas: small pictures, few of them, and steps that a refiner's switch can lie between.
_NARROWED: Mapping[str, Strategy] = {
    "steps": st.integers(20, 150) | st.integers(20, 150).map(float),
    "refiner_switch_step": st.integers(1, 19),
    "batch_size": st.integers(1, 2),
    "n_iter": st.just(1),
    "hires_upscale_factor": st.sampled_from([1, 1.1, 1.5, 2.0]),
    "upscale_factor": st.sampled_from([1, 1.1, 1.5, 2.0]),
    **{name: st.integers(1, 24).map(lambda n: n * 8) for name in ("width", "height")},
    **{name: st.integers(1, 48).map(lambda n: n * 8) for name in ("hires_width", "hires_height")},
    **{name: st.integers(1, 48).map(lambda n: n * 8) for name in ("upscale_width", "upscale_height")},
    "extra_scripts": st.dictionaries(
        st.sampled_from(["ControlNet", "never OOM", "Regional"]),
        st.fixed_dictionaries({"args": st.lists(_LEAVES, max_size=3)}),
    ),
}


def pictures(least: int = 8, most: int = 96) -> st.SearchStrategy[Image]:
    sides = st.integers(least, most)
    return st.builds(picture, sides, sides, st.sampled_from(["", "a", "b"]))


def of_schema(schema: Mapping[str, Any]) -> Strategy:
    """Values that a schema of fields.json allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            step = schema.get("multipleOf", 1)
            whole = st.integers(math.ceil(schema["minimum"] / step), schema["maximum"] // step).map(lambda n: n * step)
            return whole | whole.map(float)
        case "number":
            low, high = (
                schema.get("minimum", schema.get("exclusiveMinimum")),
                schema.get("maximum", schema.get("exclusiveMaximum")),
            )
            ends = {"exclude_min": "exclusiveMinimum" in schema, "exclude_max": "exclusiveMaximum" in schema}
            # Decimals as people write them: what is exact on them is tested on them.
            plain = st.integers(math.floor(low * 20) + 1, math.ceil(high * 20) - 1).map(lambda n: n / 20)
            return plain | st.floats(low, high, allow_subnormal=False, **ends)
        case "string" if "contentMediaType" in schema:
            return pictures()
        case "string":
            texts = _TEXTS | _NAMES
            if "pattern" in schema:
                texts = texts.filter(lambda text: re.search(schema["pattern"], text) is not None)
            return texts.filter(lambda text: len(text) >= schema.get("minLength", 0))
        case "array":
            return st.lists(of_schema(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case _:
            raise AssertionError(f"no strategy for {schema}")


def value_of(name: str) -> Strategy:
    """Valid values for a field, in its own words or in those that the rules turn into them. None means "not given"."""
    if name in _NARROWED:
        return _given(RULES.rule(name), _NARROWED[name])
    schema = RULES.schemas[name]
    items = schema.get("items")
    if isinstance(items, dict) and items.get("type") == "object":
        return st.lists(_items(RULES.rule(name), items), min_size=schema.get("minItems", 0), max_size=3)
    return _given(RULES.rule(name), of_schema(schema))


def _given(rule: FieldRule, values: Strategy) -> Strategy:
    """The values, and the words that a partial lookup takes for them, less those that mean "not given"."""
    words = [
        key for step in rule.steps if isinstance(step, Lookup) for key in RULES.lookups.get(step.table, _NOTHING).keys
    ]
    values = values | st.sampled_from(words) if words else values

    def is_given(value: Any) -> bool:
        plain = value.partition("[")[0].strip() if isinstance(value, str) else value
        return not any(
            plain == unset and type(plain) is type(unset) for unset in [*rule.unset, *map(float, _numbers(rule))]
        )

    return values.filter(is_given)


def _numbers(rule: FieldRule) -> list[Any]:
    return [value for value in rule.unset if isinstance(value, int)]


class _NOTHING:
    keys: tuple[Any, ...] = ()


def _items(rule: FieldRule, schema: Mapping[str, Any]) -> Strategy:
    """Items of a list of objects, with what each member needs beside it."""
    members = {
        key: _given(rule.items.get(key, FieldRule(key)), of_schema(part)) for key, part in schema["properties"].items()
    }
    needs: Mapping[str, list[str]] = schema.get("dependentRequired", {})

    def closed(keys: frozenset[str]) -> frozenset[str]:
        return keys | {other for key in keys for other in needs.get(key, ())}

    def spelled(key: str) -> Strategy:
        inner = rule.items.get(key, FieldRule(key))
        return st.sampled_from([key, *inner.aliases])

    @st.composite
    def item(draw: st.DrawFn) -> dict[str, Any]:
        needed = {*schema["required"]} - {*rule.filled}
        chosen = closed(draw(st.frozensets(st.sampled_from(sorted(members)), max_size=6)) | needed)
        return {draw(spelled(key)): draw(members[key]) for key in sorted(chosen)}

    return item()


@dataclass(frozen=True)
class Pair:
    """A base config and a stage's own, which together are a valid request."""

    stage: str
    base: dict[str, Any]
    own: dict[str, Any]


_INPUTS = frozenset(name for name, rule in RULES.fields.items() if rule.input)
_PAIRED = frozenset(name for parts in RULES.together for name in parts)
_FIELDS = {name: value_of(name) for fields in RULES.groups.values() for name in fields}


@st.composite
def everything(draw: st.DrawFn) -> dict[str, Any]:
    """A base config that says something of every field of every group, by any of its names."""
    config = {draw(_spelled(name)): draw(values) for name, values in sorted(_FIELDS.items())}
    return {**config, **{switch: draw(st.booleans()) for switch in sorted(_flags())}}


def _flags() -> set[str]:
    return {name for name in RULES.switches if RULES.group_of(name) is None}


def _spelled(name: str, stage: str | None = None) -> Strategy:
    refused = {} if stage is None else RULES.stages[stage].instead
    return st.sampled_from([name, *(word for word in RULES.rule(name).aliases if word not in refused)])


@st.composite
def configs(draw: st.DrawFn, stage: str, base: dict[str, Any] | None = None) -> Pair:
    """A valid pair for a stage: some of its fields in each config; base may say anything of any other stage's."""
    kind = RULES.stages[stage]
    if base is None:
        base = draw(st.just({}) | everything())
    own: dict[str, Any] = {}
    below = {SPELLINGS[key] for key in base}
    for group, visibility in kind.groups.items():
        names = list(RULES.groups[group])
        if visibility.switch is not None and visibility.switch not in names:
            own[visibility.switch] = draw(st.booleans())
            if not own[visibility.switch] and draw(st.booleans()):
                continue  # hosts send the fields of a group that is off, too
        elif visibility.switch is not None and not draw(st.booleans()):
            continue
        chosen = draw(st.sets(st.sampled_from(names), max_size=len(names)))
        if visibility.switch in names:
            chosen.add(str(visibility.switch))
        for parts in RULES.together:
            chosen |= {*parts} if chosen & {*parts} else set()
        chosen |= {name for name in names if RULES.rule(name).required and name not in below}
        if chosen & _INPUTS and group == "adetailer":
            chosen.add("adetailer_model")  # the other flat fields describe the unit that it makes
        for name in sorted(chosen):
            taken_back = name in below and name not in _PAIRED | _INPUTS and not RULES.rule(name).required
            nulls = taken_back and not visibility.own and draw(st.integers(0, 9)) == 0
            own[draw(_spelled(name, stage))] = None if nulls else draw(_FIELDS[name])
    return Pair(stage, base, own)


@st.composite
def near_misses(draw: st.DrawFn, stage: str) -> Pair:
    """A valid pair with one thing in the stage's own config made wrong."""
    pair = draw(configs(stage))
    kind = RULES.stages[stage]
    always = [name for group, v in kind.groups.items() if v.switch is None for name in RULES.groups[group]]
    foreign = [name for group, names in RULES.groups.items() if group not in kind.groups for name in names]
    match draw(st.sampled_from(["value", "value", "value", "unknown", "foreign", "switch", "alias"])):
        case "value":
            name = draw(st.sampled_from(always))
            own = {key: value for key, value in pair.own.items() if SPELLINGS[key] != name}
            own[name] = draw(st.sampled_from(_wrong(name)))
        case "unknown":
            own = {**pair.own, draw(st.sampled_from(["promt", "", "input_images", "hires", "Steps"])): 1}
        case "foreign":
            off = {**pair.base, **pair.own}
            names = [n for n in foreign if not any(off.get(s) is False for s in _switches_of(n))]
            if not names:
                return draw(near_misses(stage))
            name = draw(st.sampled_from(names))
            own = {**pair.own, name: draw(_FIELDS[name])}
        case "switch":
            own = {**pair.own, draw(st.sampled_from(sorted(_flags()))): draw(st.sampled_from(["true", 1, 0, "", []]))}
        case _:
            name = draw(st.sampled_from([n for n in always if RULES.rule(n).aliases]))
            own = {key: value for key, value in pair.own.items() if SPELLINGS[key] != name}
            own |= {name: draw(_FIELDS[name]), RULES.rule(name).aliases[0]: None}
    return Pair(stage, pair.base, own)


def _switches_of(name: str) -> list[str]:
    group = RULES.group_of(name)
    return [str(s.groups[str(group)].switch) for s in RULES.stages.values() if group in s.groups]


def _wrong(name: str) -> list[Any]:
    """Values that are wrong for this field, whatever else is said."""
    schema = RULES.schemas[name]
    wrong: list[Any] = [math.nan, {1: 2}, object]
    match schema["type"]:
        case "integer" | "number":
            wrong += [True, "1", [], -math.inf, 10**40]
            wrong += [schema["minimum"] - 8] if "minimum" in schema else [schema["exclusiveMinimum"]]
            wrong += [schema["maximum"] + 8] if "maximum" in schema else [schema["exclusiveMaximum"]]
            wrong += [schema["multipleOf"] + 1] if "multipleOf" in schema else []
        case "boolean":
            wrong += [0, 1, "true", [], ""]
        case "string":
            wrong += [0, True, [], {}]
            wrong += ["no such word"] if "enum" in schema else []
        case _:
            wrong += [0, True, "x", [5]]
    return [value for value in wrong if not any(value is unset or value == unset for unset in RULES.rule(name).unset)]


@st.composite
def plans(draw: st.DrawFn) -> tuple[StageExecutionPlan, dict[str, Any]]:
    """A plan in order, with some stages disabled, over a base config that says everything or nothing."""
    base = draw(st.just({}) | everything())
    makes = [name for name, kind in RULES.stages.items() if not kind.takes_images]
    takes = [name for name, kind in RULES.stages.items() if kind.takes_images]
    from_text = draw(st.booleans())
    kinds = [
        *([draw(st.sampled_from(makes))] if from_text else []),
        *draw(st.lists(st.sampled_from(takes), max_size=3)),
    ]
    if not kinds:
        kinds = [draw(st.sampled_from(takes))]
    enabled = draw(st.lists(st.sampled_from([True, True, False, None]), min_size=len(kinds), max_size=len(kinds)))
    enabled[0] = enabled[0] if from_text is False else True
    if all(word is False for word in enabled):
        enabled[-1] = True
    stages = tuple(
        StageExecution(f"{index}-{kind}", StageConfig(kind, draw(configs(kind, base)).own, word))
        for index, (kind, word) in enumerate(zip(kinds, enabled, strict=True))
    )
    images = () if from_text else tuple(draw(st.lists(pictures(), min_size=1, max_size=2)))
    return StageExecutionPlan(stages, images, PlanOptions(on_unsupported="warn"), run_id="drawn"), base
