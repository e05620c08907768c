"""What a host writes, for the type checker: it is never run. What breaks hosts breaks here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_type

from engine import (
    ApiClient,
    CancelToken,
    Catalog,
    ClientForHost,
    Event,
    Finding,
    GenerateImagesRequest,
    GenerateResult,
    HostClient,
    HostOutcome,
    HostStageEvent,
    HostStageEvents,
    Image,
    PipelineResult,
    PipelineRunner,
    PlanError,
    PlannedRun,
    RunConfig,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
    StageResult,
    load_plan,
)


class MyClient:
    """A client of the host's own needs one method."""

    def generate_images(self, request: GenerateImagesRequest) -> GenerateResult:
        """Give back what came in."""
        return GenerateResult(images=request.input_images, expected=len(request.input_images))


def tell(event: Event) -> None:
    """A listener is any callable."""
    if event.stage is not None:
        assert_type(event.stage, StageResult)


def run(url: str, base: Mapping[str, object]) -> tuple[Image, ...]:
    """Run a plan that is made from objects."""
    plan = StageExecutionPlan((StageExecution("base", StageConfig("txt2img", {"width": 512})),), input_images=())
    cancel = CancelToken()
    with ApiClient(url, backend="a1111", auth=("user", "secret")) as client:
        runner = PipelineRunner(client, listeners=[tell])
        assert_type(runner.check(plan, base), PlannedRun)
        result = runner.run_pipeline(plan, base, cancel)
    assert_type(result, PipelineResult)
    return result.raise_for_status().images


def run_file(path: Path) -> PipelineResult | None:
    """Run a plan from a file through a client of the host's own."""
    try:
        file = load_plan(path)
        return PipelineRunner(MyClient()).run_pipeline(file.plan, RunConfig(file.base_config, seed=7))
    except PlanError as problem:
        for finding in problem.findings:
            assert_type(finding.hint, str | None)
        return None


@dataclass
class TheirStage:
    """A stage of the host's own classes."""

    stage_type: str
    config: dict[str, object]


@dataclass
class TheirPlan:
    """A plan of the host's own classes: whatever has stages."""

    stages: list[TheirStage]


class TheirClient:
    """A client that the host has already."""

    def generate_images(
        self, *, stage: str, payload: dict[str, object], timings: dict[str, float] | None = None
    ) -> dict[str, object]:
        """Give a bare mapping."""
        return {"images": [], "stage": stage, "size": len(payload), "timings": timings}


def run_theirs(settings: object) -> PipelineResult:
    """Run a plan of the host's own classes through its own client, and tell a window in its own form."""

    def on_stage_event(event: HostStageEvent) -> None:
        assert_type(event["phase"], object)

    catalog = Catalog()
    client = HostClient(TheirClient(), backend="a1111", catalog=catalog)
    listeners = [HostStageEvents(on_stage_event, catalog=catalog)]
    runner = PipelineRunner(client, listeners=listeners, learning_enabled=False)
    runner.learning_enabled = True
    assert_type(runner.check([TheirStage("txt2img", {})], settings).warnings, tuple[Finding, ...])
    return runner.run_pipeline(TheirPlan([TheirStage("txt2img", {"steps": 20})]), settings)


def stand_in(client: ApiClient) -> list[str]:
    """Call this package's client as the host calls its own."""
    outcome = ClientForHost(client).generate_images(stage="txt2img", payload={"prompt": "a lighthouse"})
    assert_type(outcome, HostOutcome)
    if outcome.error is not None:
        assert_type(outcome.error.code, str)
    return [] if outcome.result is None else outcome.result.images


def listen(events: list[Event]) -> float:
    """How far a run is, from 0 to 1."""
    last = events[-1]
    done = 0.0 if last.index is None or last.total == 0 else last.index / last.total
    return done if last.progress is None else done + last.progress.ratio / last.total
