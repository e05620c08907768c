"""What listeners are told while a run goes on. Plain data; a listener is any callable that takes one event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.results import PipelineResult, StageResult

__all__ = ["Event", "Listener", "Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is while the server works on it.

    `ratio`: from 0 to 1, of the call that is under way; `step` of `steps`, where the server counts them; `call` of
    `calls`, counted from 0: a server that takes one picture at a time is called once for each.
    """

    ratio: float
    step: int | None = None
    steps: int | None = None
    call: int = 0
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `index` and `total` count enabled stages from 0; run events name no stage.

    `images`: how many pictures the stage should give, when it starts and that is known. `progress`: how far the stage
    is, while it goes on. `stage`: what became of the stage, when it has ended. `result`: what became of the run, when
    it has ended.
    """

    kind: Literal["run_started", "stage_started", "progress", "stage_finished", "run_finished"]
    run_id: str
    total: int
    index: int | None = None
    stage_id: str | None = None
    stage_type: str | None = None
    stage: StageResult | None = None
    result: PipelineResult | None = None
    progress: Progress | None = None
    images: int | None = None


Listener: TypeAlias = Callable[[Event], None]
