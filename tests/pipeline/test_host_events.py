"""Stage events in a host's form."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from engine import (
    BackendUnreachableError,
    Catalog,
    GenerateResult,
    HostStageEvents,
    PipelineResult,
    PipelineRunner,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
)
from engine.testing import CancelAfter, FakeClient, picture

CATALOG = Catalog()
BASE = {"prompt": "a lighthouse", "width": 64, "height": 64, "seed": 7, "upscaler_name": "Lanczos", "batch_size": 2}


def told(client: Any = None, token: Any = None) -> tuple[PipelineResult, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    stages = tuple(StageExecution(f"s-{kind}", StageConfig(kind)) for kind in ("txt2img", "img2img", "upscale"))
    fake = FakeClient(backend="a1111", catalog=CATALOG) if client is None else client
    runner = PipelineRunner(fake, listeners=[HostStageEvents(events.append, catalog=CATALOG)])
    return runner.run_pipeline(StageExecutionPlan(stages), BASE, token), events


def said(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(e["stage"], e["phase"], e["image_index"], e["total_images"], e["cancelled"]) for e in events]


def test_each_stage_is_entered_and_left() -> None:
    _, events = told()
    assert said(events) == [
        (stage, phase, index, 2, False)
        for stage in ("txt2img", "img2img", "upscale")
        for phase, index in (("enter", 0), ("exit", 1))
    ]
    assert all(set(e) == {"stage", "phase", "image_index", "total_images", "cancelled"} for e in events)


def test_an_error_adds_the_host_s_code_and_a_message() -> None:
    gone = BackendUnreachableError("gone", code="backend-unreachable", backend="a1111", stage="s-img2img")
    _, events = told(FakeClient(backend="a1111", catalog=CATALOG, fails={"s-img2img": gone}))
    assert said(events)[2:] == [("img2img", "enter", 0, 2, False), ("img2img", "error", 0, 0, False)]
    assert (events[-1]["code"], "gone" in events[-1]["message"]) == ("connection_error", True)


def test_one_that_gives_less_is_left_with_what_came() -> None:
    _, events = told(FakeClient(backend="a1111", catalog=CATALOG, gives={"s-txt2img": 1}))
    assert said(events) == [("txt2img", "enter", 0, 2, False), ("txt2img", "exit", 0, 1, False)]


@pytest.mark.parametrize("lets", [0, 1])
def test_a_stage_that_was_cancelled_before_it_began_is_told_of_once(lets: int) -> None:
    result, events = told(token=CancelAfter(lets))
    assert result.status == "cancelled"
    cancelled = [event for event in events if event["phase"] == "cancelled"]
    assert said(cancelled) == [(("txt2img", "img2img")[lets], "cancelled", 0, 0, True)]
    assert events[-1] == cancelled[0]


class Stopped:
    """A client whose call is stopped in flight."""

    catalog = CATALOG

    def generate_images(self, request: Any, *, cancel_token: Any = None, on_progress: Any = None) -> GenerateResult:
        return GenerateResult((picture(64, 64),), cancelled=True)


def test_one_that_is_cancelled_in_flight_is_told_of_once() -> None:
    result, events = told(Stopped())
    assert [stage.status for stage in result.stages] == ["cancelled", "skipped", "skipped"]
    assert said(events) == [("txt2img", "enter", 0, 1, False), ("txt2img", "cancelled", 0, 1, True)]


def test_a_callback_that_raises_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: dict[str, Any]) -> None:
        raise KeyError("x")

    plan = StageExecutionPlan((StageExecution("a", StageConfig("txt2img")),))
    runner = PipelineRunner(FakeClient(catalog=CATALOG), listeners=[HostStageEvents(broken, catalog=CATALOG)])
    with caplog.at_level(logging.CRITICAL, "engine"):
        result = runner.run_pipeline(plan, BASE)
    assert result.success
    assert {warning.code for warning in result.warnings} == {"listener-raised"}


def test_without_a_back_end_nobody_knows_how_many_images_are_expected() -> None:
    _, events = told(FakeClient(catalog=CATALOG))
    assert [event["total_images"] for event in events if event["phase"] == "enter"] == [1, 1, 1]
