"""The runner: a plan and a base config in, one call for each enabled stage in order, a result out.

Before the first call everything is checked, and what is wrong is raised. From the first call on nothing is raised:
whatever happens, the result holds what was made until then. Each stage's pictures are the next one's, as they came.
The runner knows plans, requests and results; what a request means to a server is the client's business.
"""

from __future__ import annotations

import datetime
import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from engine.backends.catalog import Catalog
from engine.cancel import Cancellable, CancelToken
from engine.errors import AnswerError, Finding, StageEngineError, VerificationError
from engine.events import Event, Listener, Progress
from engine.host_plans import AnyPlan
from engine.images import Image
from engine.learning import LearningHooks, Record, TimedEvent, learning_record
from engine.planning import PlannedRun, PlannedStage, plan_run
from engine.request import GenerateImagesRequest
from engine.results import GenerateResult, PipelineResult, StageResult, Status
from engine.wire import cleaned

__all__ = ["Client", "PipelineRunner"]

_log = logging.getLogger(__name__)


class Client(Protocol):
    """Whatever generates images. `prepare(request)` and `catalog` are used where a client has them."""

    def generate_images(self, request: GenerateImagesRequest) -> GenerateResult:
        """Give the pictures of one request, or raise a StageEngineError.

        One that takes `cancel_token` and `on_progress`, too, is handed them by these names: to stop while it is at
        work, and to tell how far it is.
        """


class PipelineRunner:
    """Runs plans through one client. Holds no state of a run: several may go on at once."""

    def __init__(
        self,
        client: Client,
        *,
        listeners: Iterable[Listener] = (),
        catalog: Catalog | None = None,
        learning_writer: object | None = None,
        on_learning_record: Callable[[Record], object] | None = None,
        learning_enabled: bool = True,
    ) -> None:
        """Take a client, and listeners that are told what happens.

        `catalog` holds the rules of what a request may be; the client's own is taken where it has one.
        After a run that completed, its record (schemas/learning_record.json) is given once to `learning_writer`
        (its `append_record(record)`, else its `write(record)`) and once to `on_learning_record`. None is off, and while
        `learning_enabled` is false, both are; it may be set at any time, and counts when a run ends.

        Raises TypeError for a writer that has neither method.
        """
        self._client = client
        self._listeners = tuple(listeners)
        self.learning_enabled = learning_enabled
        self._hooks = LearningHooks(learning_writer, on_learning_record)
        self._watchable = _takes(client.generate_images, "cancel_token", "on_progress")
        known = getattr(client, "catalog", None) if catalog is None else catalog
        self._catalog = known if isinstance(known, Catalog) else Catalog()

    def check(self, plan: AnyPlan, base_config: object, *, dry: bool = True) -> PlannedRun:
        """Resolve, build and check the whole plan without sending anything. Raises as `run_pipeline` does."""
        return plan_run(plan, base_config, self._catalog, getattr(self._client, "prepare", None), dry=dry)

    def check_server(self, planned: PlannedRun) -> Sequence[Finding]:
        """Hold a plan against what the server has, where the client asks it. Gives warnings, raises as the client."""
        check: Callable[[object], Sequence[Finding]] | None = getattr(self._client, "check_server", None)
        return () if check is None else check(planned.prepared)

    def run_pipeline(
        self, plan: AnyPlan, base_config: object, cancel_token: Cancellable | None = None
    ) -> PipelineResult:
        """Run every enabled stage in the plan's order.

        `plan` is ours or a host's own: an object with stages, or the stages; `base_config` a mapping, or an object
        with the fields as attributes (docs/host.md shows the shapes). What a host's objects hold and this engine
        does not know is a warning in the result; in a mapping that is handed in itself it is an error.

        Raises PlanError, PayloadError or TableError, with all findings, before the first call, BackendError where the
        server is asked what it has and cannot be reached. After it, failures are in the result, beside the pictures.
        """
        planned = self.check(plan, base_config, dry=False)
        lacking = self.check_server(planned)
        token = CancelToken() if cancel_token is None else cancel_token
        run = _Run(self._client, self._listeners, planned, token, watchable=self._watchable)
        run.warnings += lacking
        result = run.run()
        if self.learning_enabled and self._hooks and result.success:
            record = learning_record(planned.plan, planned.base_config, result, run.told, _now())
            run.warnings += self._hooks.give(record)
        return run.finish(result)


class _Run:
    """One run of a planned plan."""

    def __init__(
        self,
        client: Client,
        listeners: tuple[Listener, ...],
        planned: PlannedRun,
        token: Cancellable,
        *,
        watchable: bool,
    ) -> None:
        self._client, self._listeners, self._planned, self._token = client, listeners, planned, token
        self._watchable, self._token_raised = watchable, False
        self._total = sum(stage.enabled for stage in planned.stages)
        self._run_id = planned.plan.run_id
        self.warnings: list[Finding] = list(planned.left_out)
        self.told: list[TimedEvent] = []

    def run(self) -> PipelineResult:
        """Every stage, until one does not complete."""
        began, started = time.monotonic(), _now()
        self._tell(Event("run_started", self._run_id, self._total))
        images, results = self._planned.input_images, list[StageResult]()
        status: Status = "completed"
        error: StageEngineError | None = None
        index = 0
        for stage in self._planned.stages:
            if not stage.enabled or status != "completed":
                left = StageResult(stage.execution.id, stage.execution.stage_type, "skipped", warnings=stage.warnings)
                results.append(left)
                continue
            if self.is_cancelled():
                # Asked before each call; after the last one there is nothing left to stop.
                status = "cancelled"
                results.append(StageResult(stage.execution.id, stage.execution.stage_type, "cancelled"))
                continue
            result = self._stage(stage, images, index)
            index += 1
            results.append(result)
            status, error = result.status, result.error
            images = result.images
        made = next((result.images for result in reversed(results) if result.images), ())
        return PipelineResult(
            run_id=self._run_id,
            status=status,
            stages=tuple(results),
            images=made,
            error=error,
            started=started,
            duration=time.monotonic() - began,
        )

    def finish(self, result: PipelineResult) -> PipelineResult:
        """The result with all warnings, after the listeners were told of it."""
        self._tell(
            Event("run_finished", self._run_id, self._total, result=replace(result, warnings=tuple(self.warnings)))
        )
        return replace(result, warnings=tuple(self.warnings))

    def is_cancelled(self) -> bool:
        """Whether to stop. A token that cannot be asked stops the run too: nobody could stop it any more."""
        if self._token_raised:
            return True
        try:
            return bool(self._token.is_cancelled())
        except Exception as problem:  # noqa: BLE001 - a token may be foreign code; what was made must not be lost
            _log.exception("the cancel token raised")
            message = f"the cancel token raised {type(problem).__name__}; the run was stopped"
            self.warnings.append(Finding("token-raised", message, severity="warning"))
            self._token_raised = True
            return True

    def _stage(self, stage: PlannedStage, images: tuple[Image, ...], index: int) -> StageResult:
        request = stage.request
        assert request is not None  # noqa: S101 - only enabled stages come here
        if request.input_images:
            request = replace(request, input_images=images)
        name, kind = stage.execution.id, stage.execution.stage_type
        wanted = None if stage.prepared is None else len(stage.prepared.stand_ins)
        self._tell(Event("stage_started", self._run_id, self._total, index, name, kind, images=wanted))
        began, started = time.monotonic(), _now()
        generate: Callable[..., object] = self._client.generate_images
        if self._watchable:

            def tell(progress: Progress) -> None:
                self._tell(Event("progress", self._run_id, self._total, index, name, kind, progress=progress))

            generate = functools.partial(generate, cancel_token=self, on_progress=tell)
        result = _generated(self._client, generate, request)
        if self._planned.plan.options.strict:
            result = _held_to_its_word(result)
        result = replace(result, started=started, duration=time.monotonic() - began)
        self._tell(Event("stage_finished", self._run_id, self._total, index, name, kind, stage=result))
        return result

    def _tell(self, event: Event) -> None:
        """Tell every listener. One that raises is reported in the result, and cannot hurt the run."""
        if event.kind != "progress":
            self.told.append((_now(), event))
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as problem:  # noqa: BLE001 - a listener is foreign code
                _log.exception("a listener raised at %s", event.kind)
                message = f"a listener raised {type(problem).__name__} at {event.kind}; the run went on"
                self.warnings.append(Finding("listener-raised", message, severity="warning"))


def _takes(function: Callable[..., object], *names: str) -> bool:
    """Whether a function takes all of these as keywords. One that cannot be looked into takes none."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return True
    by_keyword = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return set(names) <= {parameter.name for parameter in parameters if parameter.kind in by_keyword}


def _generated(
    client: Client, generate: Callable[[GenerateImagesRequest], object], request: GenerateImagesRequest
) -> StageResult:
    """One call, and what became of it."""
    result = StageResult(request.stage_id, request.stage_type, "failed", request)
    try:
        given = generate(request)
    except StageEngineError as problem:
        return replace(result, error=problem)
    except Exception as problem:  # noqa: BLE001 - a client may be foreign code; what was made so far must not be lost
        # No traceback: its text is not ours, and may hold what no log should. It stays at hand as the cause.
        _log.warning("the client raised %s in stage %s", type(problem).__name__, request.stage_id)
        message = f"the client raised {type(problem).__name__}: {cleaned(str(problem))}"
        error = StageEngineError(message, code="client-raised")
        error.__cause__ = problem
        return replace(result, error=error)
    if fault := _fault(given):
        return replace(result, error=StageEngineError(f"the client gave {fault}", code="client-result"))
    assert isinstance(given, GenerateResult)  # noqa: S101 - else there was a fault
    result = replace(
        result,
        images=given.images,
        info=given.info,
        seeds=given.seeds,
        warnings=given.warnings,
        wire_digests=given.wire_digests,
    )
    if given.cancelled:
        return replace(result, status="cancelled", error=given.error)
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


def _held_to_its_word(result: StageResult) -> StageResult:
    """The result, failed where its answer tells that the server did otherwise. It keeps its pictures."""
    found = [replace(w, severity="error") for w in result.warnings if w.code.startswith("verify-")]
    if not found or result.status not in ("completed", "partial"):
        return result
    return replace(result, status="failed", error=VerificationError(found))


def _fault(given: object) -> str | None:
    """What is wrong with what a client gave, or None. It may be foreign code, and its pictures are threaded on."""
    if not isinstance(given, GenerateResult):
        return f"a {type(given).__name__} and not a GenerateResult"
    images: object = given.images
    if not isinstance(images, tuple):
        return f"a {type(images).__name__} of images and not a tuple"
    for image in images:
        if not isinstance(image, Image):
            return f"a {type(image).__name__} as an image"
        if image.predicted:
            return "a stand-in as an image"
    return None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
