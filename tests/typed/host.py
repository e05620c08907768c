"""What a host writes, for the type checker: it is never run. What breaks hosts breaks here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

from engine import (
    ApiClient,
    CancelToken,
    Event,
    GenerateImagesRequest,
    GenerateResult,
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
