"""What is kept of a run that completed, for a host that learns from its runs: one record, and who is given it.

A record is JSON data as schemas/learning_record.json describes it: what was asked for, what ran, what came out, and
how long it took. Pictures stand in it by digest, type and size. This module knows plans, events and results, and the
names of the specification's fields; which stage types there are, and what a host does with a record, it does not.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeAlias

from engine.errors import Finding
from engine.events import Event
from engine.images import Image
from engine.plan import StageExecutionPlan
from engine.results import PipelineResult, StageResult
from engine.values import non_json
from engine.wire import described

__all__ = ["LearningHooks", "Record", "TimedEvent", "learning_record"]

#: JSON data.
Record: TypeAlias = "dict[str, object]"

#: An event and when it was told, as ISO 8601 in UTC.
TimedEvent: TypeAlias = tuple[str, Event]

#: What a record says of the run as a whole: these fields of the first stage that samples.
_PRIMARY = ("model_name", "sampler_name", "scheduler", "steps", "cfg_scale")
#: What a record holds of one value of a config: levels, and values in all.
_MAX_DEPTH = 32
_MAX_VALUES = 10_000

#: A stage that has this field samples.
_SAMPLES = "sampler_name"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LearningHooks:
    """Who is given a record. `writer` has `append_record(record)` or, where it has none, `write(record)`."""

    writer: object | None = None
    callback: Callable[[Record], object] | None = None

    def __post_init__(self) -> None:
        if self.writer is not None and self._write is None:
            raise TypeError("a learning writer has a method append_record(record) or write(record)")

    def __bool__(self) -> bool:
        return self.writer is not None or self.callback is not None

    @property
    def _write(self) -> Callable[[Record], object] | None:
        found = (getattr(self.writer, name, None) for name in ("append_record", "write"))
        return next((method for method in found if callable(method)), None)

    def give(self, record: Record) -> list[Finding]:
        """Give each hook a record of its own, once. One that raises is reported, and the other is still called."""
        warnings = []
        for name, hook in (("the learning writer", self._write), ("on_learning_record", self.callback)):
            if hook is None:
                continue
            try:
                hook(copy.deepcopy(record))
            except Exception as problem:  # noqa: BLE001 - a hook is foreign code, and the run has completed
                _log.exception("%s raised", name)
                message = f"{name} raised {type(problem).__name__}; the run is not affected"
                warnings.append(Finding("learning-hook-raised", message, severity="warning"))
        return warnings


def learning_record(
    plan: StageExecutionPlan,
    base_config: Mapping[str, object],
    result: PipelineResult,
    events: Sequence[TimedEvent],
    timestamp: str,
) -> Record:
    """The record of a run that completed. `timestamp`: when it did, as ISO 8601 in UTC."""
    first = next((stage for stage in result.stages if stage.request and _SAMPLES in stage.request.fields), None)
    return {
        "schema_version": 1,
        "run_id": result.run_id,
        "timestamp": timestamp,
        "duration": round(result.duration, 3),
        "base_config": {str(key): _recorded(value) for key, value in base_config.items()},
        "primary": {name: _field(first, name) for name in _PRIMARY},
        "stages": [
            {**_stage(stage), "order": order, "stage_config": _recorded(execution.stage_config.fields)}
            for order, (execution, stage) in enumerate(zip(plan.stages, result.stages, strict=True))
        ],
        "events": [{"kind": event.kind, "stage": event.stage_id, "at": at} for at, event in events],
        "outputs": next((_images(stage) for stage in reversed(result.stages) if stage.images), []),
    }


def _stage(stage: StageResult) -> Record:
    origin = None if stage.request is None else stage.request.origins.get("seed")
    return {
        "id": stage.id,
        "stage_type": stage.stage_type,
        "status": stage.status,
        "duration": round(stage.duration, 3),
        "seed": {
            "requested": _field(stage, "seed"),
            "drawn": origin is not None and origin.kind == "drawn",
            "actual": list(stage.seeds),
        },
        "images": _images(stage),
    }


def _images(stage: StageResult) -> list[Record]:
    return [
        {
            "name": f"{stage.id}-{number}{image.extension}",
            "digest": image.digest,
            "media_type": image.media_type,
            "width": image.width,
            "height": image.height,
        }
        for number, image in enumerate(stage.images, start=1)
    ]


def _field(stage: StageResult | None, name: str) -> object:
    """A field of the stage's request; null where it has none."""
    return None if stage is None or stage.request is None else described(stage.request.fields.get(name))


def _recorded(value: object, depth: int = _MAX_DEPTH, left: list[int] | None = None) -> object:
    """A config's value as JSON data, and no more of it than fits. A config may hold anything under dropped words."""
    left = [_MAX_VALUES] if left is None else left
    left[0] -= 1
    if depth == 0:
        return "<nested too deeply>"
    if left[0] < 0:
        return "<too much>"
    if isinstance(value, Mapping):
        return {str(key): _recorded(item, depth - 1, left) for key, item in value.items() if left[0] > 0}
    if isinstance(value, (list, tuple)):
        return [_recorded(item, depth - 1, left) for item in value if left[0] > 0]
    if isinstance(value, bytes):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, Image) or non_json(value) is None:
        return described(value)
    return f"<{type(value).__name__}>"
