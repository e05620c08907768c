"""Stage events in a host's form, made from this package's events.

A host's callback is told of stages in mappings of its own: the stage, the phase, which image of how many, whether it
was cancelled; an error adds its code, one of the host's (mappings/host_client.yaml), and a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from engine.backends.catalog import Catalog
from engine.events import Event
from engine.results import StageResult

__all__ = ["HostStageEvent", "HostStageEvents"]

#: `{stage, phase, image_index, total_images, cancelled}`; where the phase is `error`, `code` and `message` too.
HostStageEvent: TypeAlias = "dict[str, object]"

#: How a stage ends -> the phase that says so. What is partial has come to its end; what is missing, the result says.
_PHASES = {"completed": "exit", "partial": "exit", "failed": "error", "cancelled": "cancelled"}


class HostStageEvents:
    """A listener that tells a callback of every stage in a host's form.

        PipelineRunner(client, listeners=[HostStageEvents(window.on_stage_event)])

    Phases: `enter`, then `exit`, `cancelled` or `error`. `image_index` counts from 0: the first image at `enter`, the
    last that came at the end. `total_images` is how many are expected (at least 1) and, at the end, how many came. A
    stage that was cancelled before it began has no `enter`. One instance serves several runs at once.
    """

    def __init__(self, callback: Callable[[HostStageEvent], object], *, catalog: Catalog | None = None) -> None:
        """Take the callback. It is called in the thread of the run; what it raises is a warning in the result."""
        self._callback = callback
        self._catalog = Catalog() if catalog is None else catalog

    def __call__(self, event: Event) -> None:
        """Tell the callback, where the event is about a stage."""
        if event.kind == "stage_started":
            self._tell(str(event.stage_type), "enter", 0, 1 if event.images is None else max(1, event.images))
        elif event.stage is not None:
            self._end(event.stage)
        elif event.result is not None:
            for stage in event.result.stages:
                if stage.status == "cancelled" and stage.started is None:
                    self._end(stage)

    def _end(self, stage: StageResult) -> None:
        came = len(stage.images)
        beside: HostStageEvent = {}
        if stage.error is not None and stage.status == "failed":
            words = self._catalog.host_words.client
            beside = {"code": words.code_of(stage.error, self._catalog.rules), "message": stage.error.message}
        self._tell(stage.stage_type, _PHASES.get(stage.status, stage.status), max(0, came - 1), came, beside)

    def _tell(self, stage: str, phase: str, index: int, total: int, beside: HostStageEvent | None = None) -> None:
        told: HostStageEvent = {"stage": stage, "phase": phase, "image_index": index, "total_images": total}
        self._callback({**told, "cancelled": phase == "cancelled", **(beside or {})})
