"""Values that a field may have, for hypothesis: what its schema allows, in the words that its rule takes.

This module knows schemas, rules and hypothesis. It knows no field: a field that is added to the schemas is drawn from
that day on. Where a schema alone would give what is dear to try (a picture of 8192 pixels) or what another field
forbids, whoever draws narrows it: `engine.testing.strategies` says how.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st

from engine.images import Image
from engine.rules.request import FieldRule, RequestRules
from engine.tables.forms import Lookup
from engine.testing.pictures import picture
from engine.values import same

__all__ = ["Strategy", "members_of", "pictures", "values_of_field", "values_of_schema"]

Strategy: TypeAlias = st.SearchStrategy[Any]

#: What people write into fields of text, traps of names included.
_NAMES = st.sampled_from(
    ["Euler", "DPM++ 2M Karras", "Euler SGM Uniform", "a/b.pt [31e35c80fc]", "No VAE", "None", "Latent", "x"]
)
_CHARACTERS = st.characters(exclude_categories=["Cs"])
_LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=4)
#: Keys that a schema leaves open: of these letters alone, so that none is a word that a server or a table reserves.
_OPEN_KEYS = st.text("xyzXYZ ", min_size=1, max_size=8)
#: Numbers without a bound are drawn up to this.
_FAR = 1_000_000
_MOST_ITEMS = 3


def pictures(least: int = 8, most: int = 96) -> st.SearchStrategy[Image]:
    """Pictures whose sides have so many pixels, most of them unlike each other."""
    sides = st.integers(least, most)
    return st.builds(picture, sides, sides, st.sampled_from(["", "a", "b"]))


def values_of_schema(schema: Mapping[str, Any]) -> Strategy:
    """Values that a schema of fields.json allows. Raises ValueError for a schema without a type."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "boolean":
            return st.booleans()
        case "integer":
            return _integers(schema)
        case "number":
            return _numbers(schema)
        case "string" if "contentMediaType" in schema:
            return pictures()
        case "string":
            return _texts(schema)
        case "array":
            return _lists(schema, values_of_schema(schema["items"]) if "items" in schema else _LEAVES)
        case "object":
            return _objects(schema)
    raise ValueError(f"nothing can be drawn for a schema that says neither type, enum nor const: {dict(schema)}")


def _integers(schema: Mapping[str, Any]) -> Strategy:
    step = schema.get("multipleOf", 1)
    low, high = schema.get("minimum", -_FAR), schema.get("maximum", _FAR)
    low = max(low, math.floor(schema["exclusiveMinimum"]) + 1) if "exclusiveMinimum" in schema else low
    high = min(high, math.ceil(schema["exclusiveMaximum"]) - 1) if "exclusiveMaximum" in schema else high
    whole = st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda n: n * step)
    return whole | whole.map(float)  # hosts send 20.0 for 20


def _numbers(schema: Mapping[str, Any]) -> Strategy:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -_FAR))
    high = schema.get("maximum", schema.get("exclusiveMaximum", _FAR))
    above, below = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        found = st.integers(math.ceil(low / step), math.floor(high / step)).map(lambda n: n * step)
        return found.filter(lambda value: not (above and value <= low) and not (below and value >= high))
    floats = st.floats(low, high, allow_subnormal=False, exclude_min=above, exclude_max=below)
    first, last = math.floor(low * 20) + 1, math.ceil(high * 20) - 1
    # Decimals as people write them: what is exact on them is tested on them.
    return st.integers(first, last).map(lambda n: n / 20) | floats if first <= last else floats


def _texts(schema: Mapping[str, Any]) -> Strategy:
    least, most = schema.get("minLength", 0), schema.get("maxLength", _FAR)
    texts = st.text(_CHARACTERS, min_size=least, max_size=min(most, max(12, least)))
    names = _NAMES.filter(lambda name: least <= len(name) <= most) if most < 20 or least else _NAMES
    if "pattern" not in schema:
        return texts | names
    pattern = re.compile(schema["pattern"])
    # Most texts meet no pattern: those that are made from it do, and a few of the others may.
    made = st.from_regex(pattern).filter(lambda text: least <= len(text) <= most)
    return made | (texts | names).filter(lambda text: pattern.search(text) is not None)


def _lists(schema: Mapping[str, Any], items: Strategy) -> Strategy:
    least, most = schema.get("minItems", 0), schema.get("maxItems", _FAR)
    return st.lists(items, min_size=least, max_size=min(most, max(_MOST_ITEMS, least)))


def _objects(schema: Mapping[str, Any]) -> Strategy:
    members = {key: values_of_schema(part) for key, part in schema.get("properties", {}).items()}
    needed = set(schema.get("required", ()))
    fixed = st.fixed_dictionaries(
        {key: part for key, part in members.items() if key in needed},
        optional={key: part for key, part in members.items() if key not in needed},
    )
    further = schema.get("additionalProperties", True)
    if further is False:
        return fixed
    values = values_of_schema(further) if isinstance(further, Mapping) else _LEAVES
    keys = _texts(schema["propertyNames"]) if "pattern" in schema.get("propertyNames", {}) else _OPEN_KEYS
    return st.builds(lambda more, named: {**more, **named}, st.dictionaries(keys, values, max_size=3), fixed)


# -- fields --------------------------------------------------------------------------------------------------------


def values_of_field(rules: RequestRules, name: str, narrowed: Strategy | None = None) -> Strategy:
    """Valid values for a field, in its own words or in those that its rule turns into them; none means "not given".

    `narrowed`: what to draw instead of what the schema allows.
    """
    rule, schema = rules.rule(name), rules.schemas[name]
    if narrowed is not None:
        return _given(rules, rule, narrowed)
    items = schema.get("items")
    if isinstance(items, Mapping) and items.get("type") == "object":
        return _lists(schema, _items(rules, rule, items))
    return _given(rules, rule, values_of_schema(schema))


def members_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of the items of a list of objects; empty for any other schema."""
    items = schema.get("items")
    members = items.get("properties", {}) if isinstance(items, Mapping) else {}
    return members if isinstance(members, Mapping) else {}


def _given(rules: RequestRules, rule: FieldRule, values: Strategy) -> Strategy:
    """The values and the words that a lookup takes for them, less those that mean "not given"."""
    steps = [step for step in rule.steps if isinstance(step, Lookup)]
    words = [key for step in steps for key in rules.lookups[step.table].keys]
    if any(not step.partial for step in steps):
        values = st.sampled_from(words)  # a total lookup takes no other words
    elif words:
        values = values | st.sampled_from(words)

    def is_given(value: Any) -> bool:
        # A title may be a word that means nothing, with a hash behind it: "None [31e35c80fc]".
        plain = value.partition("[")[0].strip() if isinstance(value, str) else value
        return not any(_equal(plain, unset) for unset in rule.unset)

    return values.filter(is_given)


def _equal(value: Any, unset: Any) -> bool:
    """As JSON tells values apart: 0 and 0.0 are the same number, false is none."""
    return same(value, unset) if not isinstance(value, Image) else False


def _items(rules: RequestRules, rule: FieldRule, schema: Mapping[str, Any]) -> Strategy:
    """Items of a list of objects, with what each member needs beside it, by any of its names."""
    ruled = {key: rule.items.get(key, FieldRule(key)) for key in schema["properties"]}
    members = {key: _given(rules, ruled[key], values_of_schema(part)) for key, part in schema["properties"].items()}
    needs: Mapping[str, Iterable[str]] = schema.get("dependentRequired", {})
    needed = {*schema.get("required", ())} - {*rule.filled}

    @st.composite
    def item(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.frozensets(st.sampled_from(sorted(members)), max_size=6)) | needed
        chosen |= {other for key in chosen for other in needs.get(key, ())}
        return {draw(st.sampled_from([key, *ruled[key].aliases])): draw(members[key]) for key in sorted(chosen)}

    return item()
