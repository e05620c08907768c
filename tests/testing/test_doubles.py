"""Every double can stand where the real one stands: each of its calls takes the same, by the same names and types."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine import ApiClient, CancelToken, Catalog, PipelineRunner, PlanError, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.client import PreparedRequest
from engine.client_for_host import ClientForHost
from engine.host_client import TheirClient
from engine.plan import PlanOptions
from engine.testing import CancelAfter, FakeClient, FakeHostClient, FakePipeline

#: What a double leaves out, since a host never calls it without a server.
LEFT_OUT = {
    ApiClient: {"probe", "check_server", "send"},
    PipelineRunner: set[str](),
    CancelToken: set[str](),
}
DOUBLES = {FakeClient: ApiClient, FakePipeline: PipelineRunner, CancelAfter: CancelToken}
SPECIAL = ("__enter__", "__exit__")


def methods(kind: type) -> set[str]:
    """Its public methods, and those by which `with` takes it."""
    return {
        name
        for name, member in vars(kind).items()
        if inspect.isfunction(member) and (not name.startswith("_") or name in SPECIAL)
    }


CALLS = [(double, name) for double, real in DOUBLES.items() for name in sorted(methods(real) - LEFT_OUT[real])]


def shape(call: Callable[..., Any]) -> list[tuple[str, str, object, object]]:
    """Name, kind, default and annotation of each parameter, the annotations resolved."""
    hints = typing.get_type_hints(call)
    parameters = inspect.signature(call).parameters.values()
    return [(p.name, p.kind.name, p.default, hints.get(p.name)) for p in parameters]


@pytest.mark.parametrize(("double", "name"), CALLS)
def test_a_double_takes_what_the_real_one_takes(double: type, name: str) -> None:
    real = DOUBLES[double]
    assert name in methods(double), f"{double.__name__} has no {name}"
    assert shape(getattr(double, name)) == shape(getattr(real, name))


@pytest.mark.parametrize(("double", "name"), CALLS)
def test_a_double_gives_what_the_real_one_gives(double: type, name: str) -> None:
    wanted = typing.get_type_hints(getattr(DOUBLES[double], name))["return"]
    given = typing.get_type_hints(getattr(double, name))["return"]
    if (double, name) == (FakeClient, "prepare"):
        assert given == PreparedRequest | None, "without a back end there is nothing to prepare"
    elif name == "__enter__":
        assert (wanted, given) == (ApiClient, FakeClient)
    else:
        assert given == wanted


@pytest.mark.parametrize("double", DOUBLES)
def test_a_double_has_no_call_that_the_real_one_lacks(double: type) -> None:
    assert methods(double) <= methods(DOUBLES[double])


def test_a_host_s_client_takes_what_a_host_s_code_gives() -> None:
    given = [part[:3] for part in shape(FakeHostClient.generate_images)]
    assert given == [part[:3] for part in shape(ClientForHost.generate_images)]
    assert given[:3] == [part[:3] for part in shape(TheirClient.generate_images)]


# What the doubles do ----------------------------------------------------------------------------------------------


def test_a_fake_client_is_used_and_closed_like_the_real_one() -> None:
    with FakeClient() as client:
        assert client.closed is False
        assert PipelineRunner(client).run_pipeline(Plan((StageExecution("a", StageConfig("txt2img")),)), {}).success
    assert client.closed is True


def test_a_stage_that_is_left_out_hands_its_pictures_on() -> None:
    catalog = Catalog()
    full = catalog.backend("a1111")
    less = replace(full, stages={name: stage for name, stage in full.stages.items() if name != "upscale"})
    client = FakeClient(backend="a1111", catalog=catalog)
    client._backend = less
    stages = (
        StageExecution("draw", StageConfig("txt2img")),
        StageExecution("up", StageConfig("upscale", {"upscaler_name": "Lanczos"})),
    )
    plan = Plan(stages, (), PlanOptions(on_unsupported="warn"))
    result = PipelineRunner(client).run_pipeline(plan, {})
    assert result.images == result.stages[0].images
    assert len(result.images) == 1


def test_a_fake_pipeline_checks_as_a_runner_does() -> None:
    plan = Plan((StageExecution("a", StageConfig("txt2img", {"promt": "a cat"})),))
    with pytest.raises(PlanError, match="did you mean 'prompt'"):
        FakePipeline().check(plan, {})
    assert FakePipeline().check(Plan((StageExecution("a", StageConfig("txt2img")),)), {}).stages[0].request is not None


def test_a_token_that_waits_can_be_cancelled_at_once() -> None:
    token = CancelAfter(5)
    assert token.is_cancelled() is False
    token.cancel()
    assert token.is_cancelled() is True
    assert token.is_cancelled() is True
