"""The runner: a plan and a base config in, one call for each enabled stage in order, a result out.

Before the first call everything is checked, and what is wrong is raised. From the first call on nothing is raised:
whatever happens, the result holds what was made until then. Each stage's pictures are the next one's, as they came.
The runner knows plans, requests and results; what a request means to a server is the client's business.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from engine.backends.catalog import Catalog
from engine.cancel import Cancellable, CancelToken
from engine.errors import AnswerError, Finding, StageEngineError
from engine.events import Event, Listener
from engine.images import Image
from engine.plan import StageExecutionPlan
from engine.planning import PlannedRun, PlannedStage, plan_run
from engine.request import GenerateImagesRequest
from engine.results import GenerateResult, PipelineResult, StageResult, Status

__all__ = ["Client", "PipelineRunner"]

_log = logging.getLogger(__name__)


class Client(Protocol):
    """Whatever generates images. `prepare(request)` and `catalog` are used where a client has them."""

    def generate_images(self, request: GenerateImagesRequest) -> GenerateResult:
        """Give the pictures of one request, or raise a StageEngineError."""


class PipelineRunner:
    """Runs plans through one client. Holds no state of a run: several may go on at once."""

    def __init__(self, client: Client, *, listeners: Iterable[Listener] = (), catalog: Catalog | None = None) -> None:
        """Take a client, and listeners that are told what happens.

        `catalog` holds the rules of what a request may be; the client's own is taken where it has one.
        """
        self._client = client
        self._listeners = tuple(listeners)
        known = getattr(client, "catalog", None) if catalog is None else catalog
        self._catalog = known if isinstance(known, Catalog) else Catalog()

    def check(self, plan: StageExecutionPlan, base_config: Mapping[str, object], *, dry: bool = True) -> PlannedRun:
        """Resolve, build and check the whole plan without sending anything. Raises as `run_pipeline` does."""
        return plan_run(plan, base_config, self._catalog, getattr(self._client, "prepare", None), dry=dry)

    def run_pipeline(
        self,
        plan: StageExecutionPlan,
        base_config: Mapping[str, object],
        cancel_token: Cancellable | None = None,
    ) -> PipelineResult:
        """Run every enabled stage in the plan's order.

        Raises PlanError, PayloadError or TableError, with all findings, before the first call. After it, failures,
        missing pictures and cancellation are in the result, beside everything that was made.
        """
        return _Run(self._client, self._listeners, self.check(plan, base_config, dry=False), cancel_token).run()


class _Run:
    """One run of a planned plan."""

    def __init__(
        self, client: Client, listeners: tuple[Listener, ...], planned: PlannedRun, token: Cancellable | None
    ) -> None:
        self._client, self._listeners, self._planned = client, listeners, planned
        self._token = CancelToken() if token is None else token
        self._total = sum(stage.enabled for stage in planned.stages)
        self._warnings: list[Finding] = []
        self._run_id = planned.plan.run_id

    def run(self) -> PipelineResult:
        began, started = time.monotonic(), _now()
        self._tell(Event("run_started", self._run_id, self._total))
        images, results = self._planned.input_images, list[StageResult]()
        status: Status = "completed"
        error: StageEngineError | None = None
        index = 0
        for stage in self._planned.stages:
            if not stage.enabled or status != "completed":
                results.append(StageResult(stage.execution.id, stage.execution.stage_type, "skipped"))
                continue
            if self._token.is_cancelled():
                status = "cancelled"
                results.append(StageResult(stage.execution.id, stage.execution.stage_type, "cancelled"))
                continue
            result = self._stage(stage, images, index)
            index += 1
            results.append(result)
            status, error = result.status, result.error
            images = result.images if result.images else images
            if status == "completed" and self._token.is_cancelled():
                # What the stage gave is kept; nothing after it runs.
                status = "cancelled" if index < self._total else "completed"
        made = next((result.images for result in reversed(results) if result.images), ())
        outcome = PipelineResult(
            run_id=self._run_id,
            status=status,
            stages=tuple(results),
            images=made,
            error=error,
            started=started,
            duration=time.monotonic() - began,
            warnings=tuple(self._warnings),
        )
        self._tell(Event("run_finished", self._run_id, self._total, result=outcome))
        return replace(outcome, warnings=tuple(self._warnings))

    def _stage(self, stage: PlannedStage, images: tuple[Image, ...], index: int) -> StageResult:
        request = stage.request
        assert request is not None  # noqa: S101 - only enabled stages come here
        if request.input_images:
            request = replace(request, input_images=images)
        name, kind = stage.execution.id, stage.execution.stage_type
        self._tell(Event("stage_started", self._run_id, self._total, index, name, kind))
        began, started = time.monotonic(), _now()
        result = _generated(self._client, request)
        result = replace(result, started=started, duration=time.monotonic() - began)
        self._tell(Event("stage_finished", self._run_id, self._total, index, name, kind, stage=result))
        return result

    def _tell(self, event: Event) -> None:
        """Tell every listener. One that raises is reported in the result, and cannot hurt the run."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as problem:  # noqa: BLE001 - a listener is foreign code
                _log.exception("a listener raised at %s", event.kind)
                message = f"a listener raised {type(problem).__name__} at {event.kind}; the run went on"
                self._warnings.append(Finding("listener-raised", message, severity="warning"))


def _generated(client: Client, request: GenerateImagesRequest) -> StageResult:
    """One call, and what became of it."""
    result = StageResult(request.stage_id, request.stage_type, "failed", request)
    try:
        given: object = client.generate_images(request)
    except StageEngineError as problem:
        return replace(result, error=problem)
    except Exception as problem:  # noqa: BLE001 - a client may be foreign code; what was made so far must not be lost
        _log.exception("the client raised in stage %s", request.stage_id)
        error = StageEngineError(f"the client raised {type(problem).__name__}: {problem}", code="client-raised")
        error.__cause__ = problem
        return replace(result, error=error)
    if not isinstance(given, GenerateResult):
        message = f"the client gave a {type(given).__name__} and not a GenerateResult"
        return replace(result, error=StageEngineError(message, code="client-result"))
    result = replace(
        result,
        images=tuple(given.images),
        info=given.info,
        seeds=given.seeds,
        warnings=given.warnings,
        wire_digests=given.wire_digests,
    )
    if not given.images:
        error_found = given.error
        if error_found is None:
            error_found = AnswerError(
                "the stage gave no image",
                code="answer-no-images",
                backend=str(getattr(getattr(client, "backend", None), "name", "unknown")),
                stage=request.stage_id,
            )
        return replace(result, error=error_found)
    short = given.expected is not None and len(given.images) < given.expected
    status: Status = "partial" if short or given.error is not None else "completed"
    return replace(result, status=status, error=given.error)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
