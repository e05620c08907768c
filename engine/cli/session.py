"""One run as the command sees it: the runner in a thread, pictures saved as they come, Ctrl-C heard.

This module ties listeners, cancel token and keyboard together. What it gives is always a result, also where
nobody waited for the run to end. It prints nothing but the word on what the first Ctrl-C does.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.cancel import CancelToken
from engine.cli.interrupt import run_interruptibly
from engine.cli.output import Output
from engine.cli.progress import Progress
from engine.cli.saving import Gallery
from engine.errors import Finding
from engine.events import Event
from engine.plan_files import PlanFile
from engine.planning import PlannedRun
from engine.results import PipelineResult, StageResult
from engine.runner import Client, PipelineRunner

__all__ = ["Ending", "Session"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    `unsaved`: why pictures could not be written, where they could not; `stopped`: whether a person asked for it.
    """

    result: PipelineResult
    unsaved: Finding | None
    stopped: bool


class Session:
    """One run of a plan that was checked. For the main thread: it listens for Ctrl-C."""

    def __init__(
        self,
        client: Client,
        file: PlanFile,
        planned: PlannedRun,
        gallery: Gallery,
        output: Output,
        tell: Callable[[Event, Sequence[Path]], None],
    ) -> None:
        """`tell` is given every event, and the files that the stage's pictures were written to."""
        self._file, self._planned, self._gallery, self._output, self._tell = file, planned, gallery, output, tell
        self._token = CancelToken()
        self._progress = Progress(output, planned)
        self._runner = PipelineRunner(client, listeners=[self._hear, self._progress])
        self._lock = threading.Lock()  # held while a stage's pictures are written
        self._began, self._began_at = time.monotonic(), datetime.datetime.now(datetime.UTC)
        self._finished: dict[str, StageResult] = {}
        self._started: set[str] = set()
        self._unsaved: Finding | None = None
        self._stopped = False
        self._left = False

    def run(self) -> Ending:
        """Run to the end, or until the second Ctrl-C."""
        with self._progress:
            try:
                result = run_interruptibly(self._work, self._stop_soon)
            except KeyboardInterrupt:
                result = self._so_far()
        return Ending(result, self._unsaved, self._stopped)

    def _work(self) -> PipelineResult:
        return self._runner.run_pipeline(self._file.plan, self._file.base_config, self._token)

    def _stop_soon(self) -> None:
        self._stopped = True
        self._token.cancel()
        self._output.note("Stopping. What was made is kept. Press Ctrl-C again to leave at once.", "yellow")

    def _hear(self, event: Event) -> None:
        with self._lock:
            if not self._left:
                self._tell(event, self._taken(event))

    def _taken(self, event: Event) -> Sequence[Path]:
        """The files that this event's pictures, if it has some, were written to."""
        if event.stage_id is None:
            return ()
        self._started.add(event.stage_id)
        if event.stage is None:
            return ()
        self._finished[event.stage_id] = event.stage
        try:
            return self._gallery.add(event.stage)
        except OSError as problem:
            # Going on would make pictures that are lost.
            self._token.cancel()
            message = f"the pictures of this stage cannot be written: {problem}"
            self._unsaved = Finding("pictures-unsaved", message, stage=event.stage_id)
            return ()

    def _so_far(self) -> PipelineResult:
        """The result of a run that nobody waits for any more. Nothing is saved from here on."""
        with self._lock:
            self._left = True
        stages = [self._stage_so_far(stage.execution.id, stage.execution.stage_type) for stage in self._planned.stages]
        made = next((stage.images for stage in reversed(stages) if stage.images), ())
        return PipelineResult(
            self._planned.plan.run_id,
            "cancelled",
            tuple(stages),
            made,
            started=self._began_at.isoformat(timespec="milliseconds"),
            duration=time.monotonic() - self._began,
        )

    def _stage_so_far(self, name: str, kind: str) -> StageResult:
        if name in self._finished:
            return self._finished[name]
        return StageResult(name, kind, "cancelled" if name in self._started else "skipped")
