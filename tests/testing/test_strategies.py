"""What the strategies draw is valid, or wrong in one thing, whatever the folder holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.backends.catalog import Catalog
from engine.errors import PlanError
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.planning import plan_run
from engine.tables.validation import problems_of, validator
from engine.testing import picture
from engine.testing.field_values import values_of_schema
from engine.testing.strategies import NARROWED, Pair, Strategies

OWN = Path(__file__).resolve().parents[1] / "own_backend"
CATALOG = Catalog([OWN])
DRAWN = Strategies(CATALOG)
FEW = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
T = TypeVar("T")


def planned(pair: Pair) -> None:
    images = (picture(40, 24),) if CATALOG.rules.stages[pair.stage].takes_images else ()
    stage = StageExecution("only", StageConfig(pair.stage, pair.own))
    plan_run(StageExecutionPlan((stage,), images, PlanOptions(seed="server")), pair.base, CATALOG)


def drawn(strategy: st.SearchStrategy[T], count: int = 60) -> list[T]:
    """What a strategy gives, a number of times, without looking for the simplest."""
    found: list[T] = []

    @settings(FEW, max_examples=count, phases=[Phase.generate])
    @given(strategy)
    def take(value: T) -> None:
        found.append(value)

    take()
    return found


@pytest.mark.parametrize("stage", CATALOG.rules.stages)
def test_what_is_drawn_is_valid_for_every_stage_type_a_folder_s_own_included(stage: str) -> None:
    for pair in drawn(DRAWN.configs(stage), 25):
        planned(pair)


@pytest.mark.parametrize("stage", CATALOG.rules.stages)
def test_a_near_miss_is_refused_for_every_stage_type_a_folder_s_own_included(stage: str) -> None:
    for pair in drawn(DRAWN.near_misses(stage), 10):
        with pytest.raises(PlanError):
            planned(pair)


def test_every_word_of_a_folder_s_own_is_tried() -> None:
    words = {key for pair in drawn(DRAWN.configs("frame", {})) for key in pair.own}
    assert words == {"frame_colour", "frame_color", "frame_width"}
    assert {base["frame_enabled"] for base in drawn(DRAWN.everything(), 15)} == {True, False}
    assert {s.stage_type for plan, _ in drawn(DRAWN.plans(), 40) for s in plan.stages} == set(CATALOG.rules.stages)


def test_a_field_can_be_narrowed() -> None:
    narrow = Strategies(CATALOG, {**NARROWED, "frame_width": st.just(3)})
    assert set(drawn(narrow.value_of("frame_width"))) == {3}
    assert max(drawn(DRAWN.value_of("frame_width"))) > 30
    assert max(drawn(DRAWN.value_of("width"))) <= 192
    assert max(drawn(Strategies(CATALOG, {}).value_of("width"))) > 1000


def test_a_value_is_never_one_that_means_nothing() -> None:
    allowed = CATALOG.rules.schemas["hires_scheduler"]["enum"]
    assert isinstance(allowed, list)
    values = drawn(DRAWN.value_of("hires_scheduler"), 200)
    assert not {"", "Use same scheduler"} & set(values)
    assert {"Karras", "karras"} <= set(values), "by the words that a lookup takes, and by the field's own"


def test_a_plan_has_pictures_exactly_where_it_needs_some() -> None:
    for plan, _ in drawn(DRAWN.plans(), 40):
        first = next(stage for stage in plan.stages if stage.stage_config.enabled is not False)
        assert bool(plan.input_images) == CATALOG.rules.stages[first.stage_type].takes_images


SCHEMAS: list[dict[str, Any]] = [
    {"const": 4},
    {"enum": ["a", 1, None]},
    {"type": "integer"},
    {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
    {"type": "integer", "minimum": 1, "maximum": 100, "multipleOf": 7},
    {"type": "number"},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.01},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 2, "multipleOf": 0.5},
    {"type": "string", "minLength": 15, "maxLength": 17},
    {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
    {"type": "array", "minItems": 5, "items": {"type": "boolean"}},
    {"type": "array", "maxItems": 1},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    {"type": "object", "additionalProperties": {"type": "integer", "minimum": 3}},
    {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "boolean"}}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
@FEW
@given(data=st.data())
def test_what_is_drawn_for_a_schema_is_what_it_allows(schema: dict[str, Any], data: st.DataObject) -> None:
    assert list(problems_of(validator(schema, handles=False), data.draw(values_of_schema(schema)))) == []


def test_a_schema_for_which_nothing_can_be_drawn_is_said() -> None:
    with pytest.raises(ValueError, match="neither type, enum nor const"):
        values_of_schema({"description": "anything"})


@FEW
@given(DRAWN.pictures(least=3, most=5))
def test_pictures_have_the_sides_that_are_asked_for(image: Image) -> None:
    assert {image.width, image.height} <= {3, 4, 5}
