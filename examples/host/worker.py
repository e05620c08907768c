"""One run at a time in a thread of its own. Knows the engine, and nothing of Tk.

Tk may be touched by the main thread alone. So this thread touches nothing but a queue: it puts messages in, and the
window takes them out when it finds the time.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine import (
    ApiClient,
    CancelToken,
    Catalog,
    Event,
    PipelineResult,
    PipelineRunner,
    PlannedRun,
    StageEngineError,
    StageExecutionPlan,
)
from engine.preview import preview_of


@dataclass(frozen=True)
class Planned:
    """The plan is in order; the first call is about to be made."""

    run: PlannedRun


@dataclass(frozen=True)
class Refused:
    """The plan is not in order, or there is nobody to run it. Nothing was sent."""

    error: StageEngineError


@dataclass(frozen=True)
class Ended:
    """The run is over, in whatever way."""

    result: PipelineResult


Message = Planned | Event | Refused | Ended


class Worker:
    """Runs plans. `start` and `cancel` are called by the window; `messages` is what it is told."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.messages: queue.Queue[Message] = queue.Queue()
        self._token = CancelToken()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a run goes on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, plan: StageExecutionPlan, base: Mapping[str, object], *, url: str, backend: str) -> None:
        """Run this plan. What comes of it comes through `messages`."""
        self._token = CancelToken()
        self._thread = threading.Thread(target=self._run, args=(plan, base, url, backend), daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the run to stop. The result says what was made until then."""
        self._token.cancel()

    def _run(self, plan: StageExecutionPlan, base: Mapping[str, object], url: str, backend: str) -> None:
        try:
            with self._client(url, backend) as client:
                runner = PipelineRunner(client, listeners=[self.messages.put])
                self.messages.put(Planned(runner.check(plan, base)))
                self.messages.put(Ended(runner.run_pipeline(plan, base, self._token)))
        except StageEngineError as problem:  # before the first call; after it, the result has everything
            self.messages.put(Refused(problem))

    @contextlib.contextmanager
    def _client(self, url: str, backend: str) -> Iterator[ApiClient]:
        """A client of the server, or of a preview that lives as long as the run."""
        if url:
            with ApiClient(url, backend=backend, catalog=self.catalog) as client:
                yield client
        else:
            with (
                preview_of(self.catalog, backend, delay=0.3) as server,
                ApiClient(server.url, backend=backend, catalog=self.catalog) as client,
            ):
                yield client
