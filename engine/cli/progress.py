"""How a run goes on, stage by stage: a table that fills on a terminal, lines and then the table elsewhere.

A listener among others: it is told events and draws them. It knows no file, no server and no exit code.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.live import Live
from rich.table import Table

from engine.cli.output import Output, is_screen, visible
from engine.cli.stage_table import StageRow, outcome, stage_table
from engine.events import Event
from engine.planning import PlannedRun

__all__ = ["Progress"]


class Progress:
    """Shows a run to the person who waits, in a `with`. The last state of the table stays."""

    def __init__(self, output: Output, planned: PlannedRun) -> None:
        self._console, self._quiet = output.notes, output.quiet
        self._rows = {
            stage.execution.id: StageRow(number, stage.execution.id, stage.execution.stage_type, stage.enabled)
            for number, stage in enumerate(planned.stages, 1)
        }
        self._lock = threading.Lock()
        self._closed = False
        self._live: Live | None = None
        if is_screen(self._console) and not self._quiet:
            self._live = Live(self, console=self._console, refresh_per_second=8)

    def __rich__(self) -> Table:
        return stage_table(list(self._rows.values()), time.monotonic(), self._console)

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
        for row in self._rows.values():
            row.left = True
        if self._live is not None:
            self._live.stop()
        elif not self._quiet:
            self._console.print(self)

    def __call__(self, event: Event) -> None:
        """Take one event. After the end of the `with` nothing is shown any more."""
        with self._lock:
            if self._closed or event.stage_id is None or event.index is None:
                return
            row = self._rows[event.stage_id]
            if event.kind == "stage_started":
                row.began = time.monotonic()
                self._line(event, row, "…")
            elif event.progress is not None:
                far = (event.progress.call + event.progress.ratio) / event.progress.calls
                row.ratio = far if row.ratio is None else max(row.ratio, far)
            elif event.stage is not None:
                row.result = event.stage
                self._line(event, row, f": {outcome(event.stage)}")

    def _line(self, event: Event, row: StageRow, text: str) -> None:
        if self._live is None and event.index is not None and not self._quiet:
            name = row.id if row.type in row.id else f"{row.id} ({row.type})"
            self._console.print(visible(f"[{event.index + 1}/{event.total}] {name}{text}"), soft_wrap=True)
