"""Doubles of the client and of the runner, with the real signatures.

They know requests, plans and results as a host sees them. A test compares their signatures with the real ones', so
that code which runs with a double runs with the real thing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

from engine.backends.catalog import Catalog
from engine.cancel import Cancellable
from engine.client import PreparedRequest
from engine.errors import Finding
from engine.events import Progress
from engine.host_plans import AnyPlan, read_plan
from engine.images import Image
from engine.plan import StageExecutionPlan
from engine.planning import PlannedRun
from engine.request import GenerateImagesRequest
from engine.results import GenerateResult, PipelineResult, StageResult
from engine.runner import PipelineRunner
from engine.testing.pictures import picture

__all__ = ["CancelAfter", "FakeClient", "FakePipeline"]

_SIDE = 512


class CancelAfter:
    """A cancel token that says yes from the time on when it has said no `times` times.

    The runner asks before each call, so `CancelAfter(1)` lets one stage run.

        >>> token = CancelAfter(1)
        >>> token.is_cancelled(), token.is_cancelled(), token.is_cancelled()
        (False, True, True)
    """

    def __init__(self, times: int) -> None:
        self._left = times

    def is_cancelled(self) -> bool:
        """Whether to stop."""
        self._left -= 1
        return self._left < 0

    def cancel(self) -> None:
        """Say yes from now on."""
        self._left = 0


class FakeClient:
    """A client that makes small valid pictures of the right number and size, and remembers what it was asked.

        client = FakeClient(gives={"first": 2}, fails={"second": StageEngineError("no luck", code="test")})
        result = PipelineRunner(client).run_pipeline(plan, {"prompt": "a lighthouse", "batch_size": 3})
        assert result.stages[0].status == "partial"
        assert client.requests[0].fields["prompt"] == "a lighthouse"

    The same requests give the same bytes. With a back end's name, requests are built and checked as a real client
    does it, and every picture has the size that the back end's tables predict; without one, a picture has the size
    that the request gives, else its input's.
    """

    def __init__(
        self,
        *,
        backend: str | None = None,
        catalog: Catalog | None = None,
        fails: Mapping[str, Exception] | None = None,
        gives: Mapping[str, int] | None = None,
        during: Callable[[GenerateImagesRequest], object] | None = None,
        tells: Sequence[float] = (),
        stops: bool = False,
    ) -> None:
        """Take what should happen, by the ids of stages.

        `fails`: what is raised in a stage. `gives`: how many pictures at most a stage gives; 0 gives none.
        `during`: called with each request while it is "in flight", to cancel a token, say. `tells`: how far each
        call is, one after the other, as ratios. `stops`: whether a call ends, cancelled, when the token says so
        while it is in flight; else it is done by then.
        """
        self.catalog = Catalog() if catalog is None else catalog
        self.requests: list[GenerateImagesRequest] = []
        self.closed = False
        self._backend = None if backend is None else self.catalog.backend(backend)
        self._fails = {} if fails is None else dict(fails)
        self._gives = {} if gives is None else dict(gives)
        self._during = during
        self._tells, self._stops = tuple(tells), stops

    def prepare(self, request: GenerateImagesRequest) -> PreparedRequest | None:
        """As the real client's, where there is a back end; else None, which lets the runner guess. Not remembered."""
        return None if self._backend is None else PreparedRequest.of(self._backend, request)

    def generate_images(
        self,
        request: GenerateImagesRequest,
        *,
        cancel_token: Cancellable | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> GenerateResult:
        """Pictures for a request, as it was set up. Raises what `fails` holds for the stage."""
        self.requests.append(request)
        if self._during is not None:
            self._during(request)
        if on_progress is not None:
            for ratio in self._tells:
                on_progress(Progress(ratio))
        if self._stops and cancel_token is not None and cancel_token.is_cancelled():
            return GenerateResult((), cancelled=True)
        if request.stage_id in self._fails:
            raise self._fails[request.stage_id]
        prepared = self.prepare(request)
        if prepared is not None and prepared.skipped:
            return GenerateResult(request.input_images, warnings=prepared.warnings)
        wanted = _sizes(request) if prepared is None else [(i.width, i.height) for i in prepared.stand_ins]
        given = wanted[: self._gives.get(request.stage_id, len(wanted))]
        before = ",".join(image.digest for image in request.input_images)
        return GenerateResult(
            images=tuple(
                picture(width, height, f"{request.stage_id} {number} {request.fields.get('seed')} {before}")
                for number, (width, height) in enumerate(given)
            ),
            seeds=_seeds(request, len(given)),
            warnings=() if prepared is None else prepared.warnings,
            expected=len(wanted),
            wire_digests=() if prepared is None else tuple(call.digest for call in prepared.calls),
        )

    def close(self) -> None:
        """Nothing is open; `closed` remembers it."""
        self.closed = True

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sizes(request: GenerateImagesRequest) -> list[tuple[int, int]]:
    """The size of each picture that a request asks for, as well as its fields alone tell."""
    count = math.prod(_whole(request, name, 1) for name in ("batch_size", "n_iter"))
    inputs: Iterable[Image | None] = request.input_images if request.input_images else (None,)
    return [
        (
            _whole(request, "width", _SIDE if image is None else image.width),
            _whole(request, "height", _SIDE if image is None else image.height),
        )
        for image in inputs
        for _ in range(count)
    ]


def _seeds(request: GenerateImagesRequest, count: int) -> tuple[int, ...]:
    seed = request.fields.get("seed")
    return tuple(seed + number for number in range(count)) if isinstance(seed, int) else ()


def _whole(request: GenerateImagesRequest, name: str, otherwise: int) -> int:
    value = request.fields.get(name)
    return value if isinstance(value, int) else otherwise


class FakePipeline:
    """A runner that runs nothing: it gives the results that a test has prepared, in order, the last one for ever.

        pipeline = FakePipeline([PipelineResult("one", "failed", error=StageEngineError("no luck", code="test"))])
        window = MyWindow(pipeline)
        window.press_run()
        assert window.text == "no luck"
        assert pipeline.runs[0][1] == {"prompt": "a lighthouse"}

    An exception in the list is raised. With no results at all, every run completes: each stage gives one picture.
    """

    def __init__(self, results: Iterable[PipelineResult | Exception] = ()) -> None:
        self._results = list(results)
        self.runs: list[tuple[AnyPlan, object, Cancellable | None]] = []

    def check(self, plan: AnyPlan, base_config: object, *, dry: bool = True) -> PlannedRun:
        """The real check, against no back end: raises PlanError for a plan that a real runner would refuse."""
        return PipelineRunner(FakeClient()).check(plan, base_config, dry=dry)

    def check_server(self, planned: PlannedRun) -> Sequence[Finding]:  # noqa: ARG002 - the real one's
        """No warning: there is no server that could lack something."""
        return ()

    def run_pipeline(
        self,
        plan: AnyPlan,
        base_config: object,
        cancel_token: Cancellable | None = None,
    ) -> PipelineResult:
        """The next result. What it was called with stands in `runs`."""
        self.runs.append((plan, base_config, cancel_token))
        if not self._results:
            catalog = Catalog()
            return _completed(read_plan(plan, base_config, catalog.host_words, catalog.rules).plan)
        result = self._results[min(len(self.runs), len(self._results)) - 1]
        if isinstance(result, Exception):
            raise result
        return result


def _completed(plan: StageExecutionPlan) -> PipelineResult:
    stages = tuple(
        StageResult(stage.id, stage.stage_type, "skipped")
        if stage.stage_config.enabled is False
        else StageResult(stage.id, stage.stage_type, "completed", images=(picture(_SIDE, _SIDE, stage.id),))
        for stage in plan.stages
    )
    images = next((stage.images for stage in reversed(stages) if stage.images), ())
    return PipelineResult(plan.run_id, "completed", stages, images)
