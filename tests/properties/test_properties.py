"""What always holds, whatever the plan and the configs say."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backends.catalog import Backend, Catalog
from engine.client import PreparedRequest
from engine.errors import PayloadError, PlanError
from engine.images import Image
from engine.plan import PlanOptions, RunConfig, StageConfig, StageExecution, StageExecutionPlan
from engine.planning import PlannedRun, plan_run
from engine.request import GenerateImagesRequest
from engine.results import GenerateResult
from engine.runner import PipelineRunner
from engine.testing import picture
from engine.testing.properties import UnknownFormError, broken_contract, unequal_bodies
from engine.testing.strategies import Pair, Strategies
from engine.wire import described
from tests.pipeline.host_shapes import SHAPES, as_object

CATALOG = Catalog()
RULES = CATALOG.rules
DRAWN = Strategies(CATALOG)
configs, everything, near_misses = DRAWN.configs, DRAWN.everything, DRAWN.near_misses
pictures, plans = DRAWN.pictures, DRAWN.plans

BACKENDS = {name: CATALOG.backend(name) for name in CATALOG.names()}
BACKEND = BACKENDS["a1111"]
STAGES = list(RULES.stages)
SPELLINGS = RULES.spellings()
#: Every form of these back ends' tables is known to the naive interpreter; that of a graph is not.
READ_PLAINLY = {"a1111", "forge", "sdnext"}
RUN = [(name, stage) for name in BACKENDS for stage in BACKENDS[name].stages]
FLAGS = {"stage_type", *RULES.toggles, *(name for name in RULES.switches if RULES.group_of(name) is None)}

FEW = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
MANY = settings(FEW, max_examples=60)

#: The configs that are drawn say anything; a back end leaves out what it cannot do.
OPTIONS = PlanOptions(seed="server", on_unsupported="warn")


class RecordingClient:
    """Builds with the real tables, and answers a call with the pictures that it should give, each unlike any other."""

    def __init__(self, backend: Backend = BACKEND) -> None:
        self.catalog, self.backend = CATALOG, backend
        self.calls: list[tuple[GenerateImagesRequest, tuple[Image, ...]]] = []

    def prepare(self, request: GenerateImagesRequest) -> PreparedRequest:
        return PreparedRequest.of(self.backend, request)

    def generate_images(self, request: GenerateImagesRequest) -> GenerateResult:
        wanted = self.prepare(request).stand_ins
        label = f"{len(self.calls)}-{request.stage_id}"
        given = tuple(picture(image.width, image.height, f"{label}-{n}") for n, image in enumerate(wanted))
        self.calls.append((request, given))
        return GenerateResult(given, expected=len(given))


def run_of(pair: Pair, images: tuple[Image, ...] = (picture(40, 24),), backend: Backend = BACKEND) -> PlannedRun:
    """The pair as a plan of one stage, planned and built."""
    pictures_in = images if RULES.stages[pair.stage].takes_images else ()
    stage = StageExecution("only", StageConfig(pair.stage, pair.own))
    plan = StageExecutionPlan((stage,), pictures_in, OPTIONS, run_id="drawn")
    return plan_run(plan, pair.base, CATALOG, RecordingClient(backend).prepare)


def request_of(planned: PlannedRun) -> GenerateImagesRequest:
    request = planned.stages[0].request
    assert request is not None
    return request


def bodies_of(planned: PlannedRun) -> tuple[Any, ...]:
    prepared = planned.stages[0].prepared
    assert prepared is not None
    return prepared.bodies


def text(value: Any) -> str:
    """The one text of a value: 1, 1.0 and true are three things in it."""
    return json.dumps(described(value), sort_keys=True)


# Plans ----------------------------------------------------------------------------------------------------------


@FEW
@given(plans())
def test_a_plan_is_executed_in_order_with_one_call_for_each_enabled_stage(drawn: Any) -> None:
    plan, base = drawn
    client = RecordingClient()
    result = PipelineRunner(client).run_pipeline(plan, base)
    enabled = [stage.id for stage in plan.stages if stage.stage_config.enabled is not False]
    assert [request.stage_id for request, _ in client.calls] == enabled
    assert result.status == "completed"
    assert [stage.id for stage in result.stages] == [stage.id for stage in plan.stages]
    assert result.images == client.calls[-1][1]


@FEW
@given(plans())
def test_the_input_of_each_stage_is_byte_for_byte_the_output_of_the_one_before(drawn: Any) -> None:
    plan, base = drawn
    client = RecordingClient()
    PipelineRunner(client).run_pipeline(plan, base)
    before: tuple[Image, ...] = tuple(plan.input_images)
    for request, given_back in client.calls:
        if RULES.stages[request.stage_type].takes_images:
            assert [image.data for image in request.input_images] == [image.data for image in before]
        else:
            assert request.input_images == ()
        before = given_back


@FEW
@given(plans())
def test_a_dry_run_of_the_same_plan_gives_the_same_bytes(drawn: Any) -> None:
    plan, base = drawn

    def payloads() -> list[str]:
        planned = plan_run(plan, base, CATALOG, RecordingClient().prepare, dry=True)
        return [text([stage.prepared.bodies]) for stage in planned.stages if stage.prepared is not None]

    assert payloads() == payloads()


@FEW
@given(plans())
def test_neither_the_plan_nor_a_config_is_changed(drawn: Any) -> None:
    plan, base = drawn
    before = copy.deepcopy(base), [copy.deepcopy(stage.stage_config) for stage in plan.stages]
    PipelineRunner(RecordingClient()).run_pipeline(plan, base)
    assert (base, [stage.stage_config for stage in plan.stages]) == before
    assert text(base) == text(before[0])


@pytest.mark.parametrize("shape", SHAPES)
@FEW
@given(drawn=plans())
def test_a_host_s_shape_of_a_plan_gives_the_same_bytes(shape: str, drawn: Any) -> None:
    plan, base = drawn
    named = [replace(stage, id=f"{n + 1}-{stage.stage_type}") for n, stage in enumerate(plan.stages)]
    # Nothing is drawn, since what a dry run draws comes from the words of the plan.
    plan = replace(plan, stages=tuple(named), options=OPTIONS)

    def payloads(given: Any, config: Any) -> list[str]:
        planned = plan_run(given, config, CATALOG, RecordingClient().prepare, dry=True)
        assert planned.plan.run_id == plan.run_id
        return [text([stage.prepared.bodies]) for stage in planned.stages if stage.prepared is not None]

    assert payloads(SHAPES[shape](plan), as_object(base)) == payloads(plan, base)


# Single stages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
@FEW
@given(data=st.data())
def test_a_request_holds_its_own_groups_fields_and_nothing_else(stage: str, data: st.DataObject) -> None:
    pair = data.draw(configs(stage, data.draw(everything())))
    request = request_of(run_of(pair))
    kind = RULES.stages[stage]
    mine = {name for group in kind.groups for name in RULES.groups[group]}
    assert set(request.fields) <= mine | FLAGS
    off = set(kind.groups) - request.groups
    assert not set(request.fields) & {name for group in off for name in RULES.groups[group]}


@pytest.mark.parametrize("stage", STAGES)
@FEW
@given(data=st.data())
def test_what_base_says_of_groups_that_are_off_or_foreign_changes_no_body(stage: str, data: st.DataObject) -> None:
    pair = data.draw(configs(stage, data.draw(everything())))
    planned = run_of(pair)
    on = request_of(planned).groups
    bare = {key: value for key, value in pair.base.items() if RULES.group_of(SPELLINGS[key]) in {*on, None}}
    assert bare.keys() < pair.base.keys()
    assert text(list(bodies_of(planned))) == text(list(bodies_of(run_of(Pair(stage, bare, pair.own)))))


@pytest.mark.parametrize(("backend", "stage"), RUN)
def test_every_valid_config_gives_payloads_that_meet_both_contracts(backend: str, stage: str) -> None:
    assert broken_contract(CATALOG, backend, stage, examples=25) is None


@pytest.mark.parametrize("stage", STAGES)
@MANY
@given(data=st.data())
def test_every_near_miss_is_refused_with_a_typed_error_and_no_call(stage: str, data: st.DataObject) -> None:
    pair = data.draw(near_misses(stage))
    client = RecordingClient()
    images = (picture(40, 24),) if RULES.stages[stage].takes_images else ()
    plan = StageExecutionPlan((StageExecution("only", StageConfig(stage, pair.own)),), images, OPTIONS)
    with pytest.raises((PlanError, PayloadError)) as refusal:
        PipelineRunner(client).run_pipeline(plan, pair.base)
    assert client.calls == []
    assert all(finding.code and finding.message for finding in refusal.value.findings)


@pytest.mark.parametrize(("backend", "stage"), RUN)
def test_a_naive_second_implementation_gives_equal_bodies(backend: str, stage: str) -> None:
    try:
        assert unequal_bodies(CATALOG, backend, stage, examples=25) is None
    except UnknownFormError as unknown:
        assert backend not in READ_PLAINLY
        pytest.skip(f"the naive interpreter does not know this: {unknown}")


@pytest.mark.parametrize("stage", STAGES)
@FEW
@given(data=st.data())
def test_a_config_may_be_any_mapping(stage: str, data: st.DataObject) -> None:
    pair = data.draw(configs(stage))
    other = Pair(stage, RunConfig(pair.base), RunConfig(pair.own))  # type: ignore[arg-type]
    assert text(list(bodies_of(run_of(pair)))) == text(list(bodies_of(run_of(other))))
