"""What comes out: of one call, of one stage, of a whole run. Plain data that serialises without image bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import Finding, RunIncompleteError, StageEngineError
from engine.images import Image
from engine.request import GenerateImagesRequest
from engine.values import Json
from engine.wire import described

__all__ = ["GenerateResult", "PipelineResult", "StageResult", "Status"]

#: How a stage or a run ended. `partial`: fewer pictures than asked for. `skipped`: not enabled, or not reached.
Status = Literal["completed", "partial", "failed", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class GenerateResult:
    """What a client gives for one request.

    `images` in order; `info` what the server told of each call; `seeds` of the images, where they are known;
    `expected` how many images were asked for (None: unknown); `wire_digests` of each body that was sent;
    `error` what went wrong after some images had come already; `cancelled`: the token said stop, and the images
    are those of the calls that had ended before.
    """

    images: tuple[Image, ...]
    info: tuple[Mapping[str, Json], ...] = ()
    seeds: tuple[int, ...] = ()
    warnings: tuple[Finding, ...] = ()
    expected: int | None = None
    wire_digests: tuple[str, ...] = ()
    error: StageEngineError | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class StageResult:
    """What became of one stage of the plan. `duration` in seconds; `started` as ISO 8601 in UTC."""

    id: str
    stage_type: str
    status: Status
    request: GenerateImagesRequest | None = None
    images: tuple[Image, ...] = ()
    info: tuple[Mapping[str, Json], ...] = ()
    seeds: tuple[int, ...] = ()
    warnings: tuple[Finding, ...] = ()
    wire_digests: tuple[str, ...] = ()
    error: StageEngineError | None = None
    started: str | None = None
    duration: float = 0.0

    def to_json(self) -> dict[str, object]:
        """The result as JSON data; images as digest, type and size."""
        return {
            "id": self.id,
            "stage_type": self.stage_type,
            "status": self.status,
            "request": None if self.request is None else described(self.request.payload),
            "images": [image.describe() for image in self.images],
            "seeds": list(self.seeds),
            "info": [described(dict(info)) for info in self.info],
            "warnings": [warning.to_json() for warning in self.warnings],
            "wire_digests": list(self.wire_digests),
            "error": None if self.error is None else self.error.to_json(),
            "started": self.started,
            "duration": round(self.duration, 3),
        }


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What became of a run: every stage's result in the plan's order, and the last pictures that were made.

    A run that fails or is cancelled keeps what it had: `images` are those of the last stage that gave some.
    """

    run_id: str
    status: Status
    stages: tuple[StageResult, ...] = ()
    images: tuple[Image, ...] = ()
    error: StageEngineError | None = None
    started: str | None = None
    duration: float = 0.0
    warnings: tuple[Finding, ...] = field(default=())

    @property
    def success(self) -> bool:
        """Whether every enabled stage gave every picture that was asked for."""
        return self.status == "completed"

    def raise_for_status(self) -> PipelineResult:
        """The result itself where the run completed.

        Raises the error that ended it, or RunIncompleteError where pictures are missing or it was cancelled.
        """
        if self.error is not None:
            raise self.error
        if self.status != "completed":
            raise RunIncompleteError(f"the run {self.run_id} is {self.status}", code=f"run-{self.status}")
        return self

    def to_json(self) -> dict[str, object]:
        """The result as JSON data, without image bytes; the same result always gives the same data."""
        return {
            "schema_version": 1,
            "run_id": self.run_id,
            "status": self.status,
            "images": [image.describe() for image in self.images],
            "stages": [stage.to_json() for stage in self.stages],
            "warnings": [warning.to_json() for warning in self.warnings],
            "error": None if self.error is None else self.error.to_json(),
            "started": self.started,
            "duration": round(self.duration, 3),
        }
