"""What two values differ in, and which way a contract moved: properties that hold for any two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.errors import Position
from engine.review.contracts import contract_changes, nodes_schema
from engine.review.differences import Difference, differences
from engine.tables.nodes import NodeClass, NodeInput, Nodes
from engine.values import ABSENT, same

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", 1.0, 0.5])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
MAPPINGS = st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3))


@given(VALUES, VALUES)
def test_two_values_differ_exactly_where_they_are_not_the_same(old: Any, new: Any) -> None:
    found = list(differences(old, new))
    assert (found == []) == same(old, new)
    for difference in found:
        assert difference.old is not difference.new
        assert difference.old is ABSENT or difference.new is ABSENT or not same(difference.old, difference.new)


@given(MAPPINGS, MAPPINGS)
def test_the_differences_of_mappings_lead_from_one_to_the_other(old: Any, new: Any) -> None:
    holder = {"root": old}
    for difference in differences({"root": old}, {"root": new}):
        holder = applied(holder, difference)
    assert same(holder, {"root": new})


def applied(value: Any, difference: Difference) -> Any:
    *steps, last = difference.path
    if not steps:
        rest = {key: item for key, item in value.items() if key != last}
        return rest if difference.new is ABSENT else {**value, last: difference.new}
    return {**value, steps[0]: applied(value[steps[0]], Difference((*steps[1:], last), difference.old, difference.new))}


def test_an_item_put_in_front_is_one_addition() -> None:
    assert list(differences([1, 2, 3], [0, 1, 2, 3])) == [Difference(("0",), ABSENT, 0)]


def test_true_is_not_1_and_absent_is_not_null() -> None:
    assert list(differences({"a": True, "b": None}, {"a": 1})) == [
        Difference(("a",), True, 1),
        Difference(("b",), None, ABSENT),
    ]


BOUNDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number", "string", "null", "boolean"])},
    optional={
        "minimum": st.integers(-3, 3),
        "maximum": st.integers(-3, 3),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "enum": st.lists(LEAVES, min_size=1, max_size=3),
        "const": LEAVES,
    },
)
OBJECTS = st.builds(
    lambda properties, required, others: {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": others,
    },
    st.dictionaries(st.sampled_from("abc"), BOUNDS, max_size=3),
    st.sets(st.sampled_from("abc"), max_size=2),
    st.booleans(),
)
LISTS = st.builds(
    lambda items, fixed, most: {"type": "array", "items": items, "prefixItems": fixed, "maxItems": most},
    BOUNDS | st.booleans(),
    st.lists(BOUNDS, min_size=1, max_size=2),
    st.integers(0, 3),
)
SCHEMAS = BOUNDS | OBJECTS | LISTS


@given(SCHEMAS, SCHEMAS, VALUES)
def test_a_value_that_became_legal_means_wider_and_one_that_became_illegal_means_narrower(
    old: dict[str, Any], new: dict[str, Any], value: Any
) -> None:
    legal = [Draft202012Validator(side).is_valid(value) for side in (old, new)]
    directions = {change.direction for change in contract_changes("c", old, new)}
    if legal == [False, True]:
        assert directions & {"widened", "changed"}
    if legal == [True, False]:
        assert directions & {"narrowed", "changed"}


@given(SCHEMAS)
def test_a_contract_that_is_the_same_did_not_change(schema: dict[str, Any]) -> None:
    assert list(contract_changes("c", schema, {**schema, "description": "in other words"})) == []


def test_nodes_are_compared_class_by_class() -> None:
    at = Position("nodes.json", 1, 1)

    def described(*inputs: NodeInput, outputs: tuple[tuple[str, str], ...] = (("IMAGE", "IMAGE"),)) -> dict[str, Any]:
        one = NodeClass("Scale", {item.name: item for item in inputs}, outputs)
        return nodes_schema(Nodes("comfyui/nodes", at, {"Scale": one}, "class_type", "inputs"))

    def changes(old: dict[str, Any], new: dict[str, Any]) -> set[tuple[tuple[str, ...], str]]:
        return {(change.path, change.direction) for change in contract_changes("c", old, new)}

    width = NodeInput("width", "integer", low=16, high=4096)
    assert changes(described(width), described(width)) == set()
    assert changes(described(width), described(replace(width, high=8192))) == {(("Scale", "width"), "widened")}
    assert changes(described(width), described(replace(width, required=False))) == {(("Scale",), "widened")}
    assert (("Scale", "crop"), "widened") in changes(described(width), described(width, NodeInput("crop", "text")))
    renamed = described(width, outputs=(("PIXELS", "IMAGE"),))
    assert (("Scale", "output IMAGE"), "narrowed") in changes(described(width), renamed)


@pytest.mark.parametrize(
    ("old", "new", "direction", "what"),
    [
        ({"maximum": 4}, {"maximum": 5}, "widened", "maximum was 4 and is 5"),
        ({"minimum": 0}, {"minimum": 1}, "narrowed", "minimum was 0 and is 1"),
        ({}, {"maxItems": 3}, "narrowed", "maxItems is 3 now, and was not there"),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, "widened", 'enum allows "b" too'),
        ({"enum": ["a", "b"]}, {"enum": ["b"]}, "narrowed", 'enum does not allow "a" any more'),
        ({"required": []}, {"required": ["x"]}, "narrowed", "x is required now"),
        ({"dependentRequired": {"x": ["y"]}}, {}, "widened", "x does not want y beside it any more"),
        (
            {"additionalProperties": False},
            {"additionalProperties": True},
            "widened",
            "was closed and is open to anything",
        ),
        ({"pattern": "a"}, {"pattern": "b"}, "changed", 'pattern was "a" and is "b"'),
        ({"const": 1}, {"const": True}, "widened", "const allows true too"),
    ],
)
def test_a_change_is_told_in_words(old: dict[str, Any], new: dict[str, Any], direction: str, what: str) -> None:
    assert (direction, what) in {(change.direction, change.what) for change in contract_changes("c", old, new)}
