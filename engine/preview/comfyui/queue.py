"""Jobs in their order: what waits, what runs, what is done, and how each of these is stopped.

This module knows the queue and the history, which live in memory and are gone after a restart, and runs one job after
the other in a thread of its own. What a job does stands in `execution`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Final

from engine.preview.comfyui.execution import Execution
from engine.preview.comfyui.files import Files
from engine.preview.comfyui.jobs import Cache, Job, Listener, Outcome
from engine.preview.comfyui.sockets import Sockets
from engine.preview.faults import Fault
from engine.tables.nodes import Nodes
from engine.values import Json

__all__ = ["Queue"]

#: How many finished jobs are remembered, and how many may wait.
_MAX_HISTORY: Final = 200
_MAX_WAITING: Final = 1000


class Queue:
    """The queue, its worker and the history. Safe between threads."""

    def __init__(self, nodes: Nodes, files: Files, sockets: Sockets, delay: float) -> None:
        self._nodes, self._files, self._sockets, self._delay = nodes, files, sockets, delay
        self._cache = Cache()
        self._state = threading.Condition()
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._node: str | None = None
        self._history: dict[str, dict[str, Json]] = {}
        self._number = 0
        self._interrupted = False
        self._closed = False
        self._worker: threading.Thread | None = None

    def submit(
        self,
        job_id: str,
        graph: Mapping[str, Json],
        extra: Mapping[str, Json],
        outputs: tuple[str, ...],
        *,
        number: float | None,
        front: bool,
        fault: Fault | None,
    ) -> float:
        """Queue a job; returns its number. A number that is given counts; `front` goes before all others."""
        with self._state:
            if len(self._waiting) >= _MAX_WAITING:
                raise OverflowError("too many jobs wait")
            own: float = self._number if number is None else number
            if number is None:
                own = -own if front else own
                self._number += 1
            self._waiting.append(Job(own, job_id, graph, extra, outputs, fault))
            self._waiting.sort(key=lambda job: job.number)
            if self._worker is None and not self._closed:
                self._worker = threading.Thread(target=self._work, name="preview-worker")
                self._worker.start()
            self._state.notify_all()
        self._tell_status()
        return own

    def remaining(self) -> int:
        """How many jobs wait or run."""
        with self._state:
            return len(self._waiting) + (self._running is not None)

    def listed(self) -> dict[str, Json]:
        """GET /queue."""
        with self._state:
            running: list[Json] = [] if self._running is None else [self._running.listed()]
            return {"queue_running": running, "queue_pending": [job.listed() for job in self._waiting]}

    def history(self, job_id: str | None = None, most: int | None = None) -> dict[str, Json]:
        """GET /history: all of it, the latest ones, or one job."""
        with self._state:
            if job_id is not None:
                return {job_id: self._history[job_id]} if job_id in self._history else {}
            names = list(self._history)
            kept = names if most is None else names[max(len(names) - most, 0) :]
            return {name: self._history[name] for name in kept}

    def delete(self, job_ids: Iterable[str] | None) -> None:
        """Take jobs out of the queue that still wait; None: all of them."""
        with self._state:
            kept = [] if job_ids is None else [job for job in self._waiting if job.id not in set(job_ids)]
            self._waiting = kept
        self._tell_status()

    def forget(self, job_ids: Iterable[str] | None) -> None:
        """Take jobs out of the history; None: all of them."""
        with self._state:
            gone = list(self._history) if job_ids is None else list(job_ids)
            for name in gone:
                self._history.pop(name, None)

    def restart(self) -> None:
        """What a restart of the server does: nobody knows any job any more, and the cache is empty."""
        with self._state:
            self._waiting, self._history, self._cache = [], {}, Cache()
            self._running = None
            self._interrupted = True
            self._state.notify_all()
        self._files.forget_temporary()

    def interrupt(self, job_id: str | None) -> None:
        """Stop the job that runs; with an id only if it is this one."""
        with self._state:
            if self._running is not None and job_id in (None, self._running.id):
                self._interrupted = True
                self._state.notify_all()

    def runs_for(self, client: str) -> str | None:
        """The node that is being executed for this client, if one is."""
        with self._state:
            return self._node if self._running is not None and self._running.client == client else None

    def close(self) -> None:
        """End what runs and drop what waits."""
        with self._state:
            self._closed = self._interrupted = True
            self._waiting = []
            self._state.notify_all()
        if self._worker is not None:
            self._worker.join()

    # -- the worker ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._running = self._waiting.pop(0)
                self._interrupted, self._node = False, None
            self._tell_status()
            outcome = self._outcome(job)
            with self._state:
                known, self._running, self._node = self._running is job, None, None
                if known and outcome is not None:
                    self._history.pop(job.id, None)
                    self._history[job.id] = outcome.listed(job)
                    while len(self._history) > _MAX_HISTORY:
                        del self._history[next(iter(self._history))]
            self._tell_status()
            if job.client is not None and outcome is not None:
                self._sockets.send("executing", {"node": None, "prompt_id": job.id}, job.client)

    def _outcome(self, job: Job) -> Outcome | None:
        """Run a job. None: nobody will ever hear of it again."""
        if job.fault is not None and job.fault.kind == "lost":
            self._pause(self._delay / 2)
            return None
        return Execution(job, self._nodes, self._files, self._cache, _Teller(self, job), self._pause).run(self._delay)

    def _pause(self, seconds: float) -> bool:
        with self._state:
            return self._state.wait_for(lambda: self._interrupted, seconds)

    def _tell_status(self) -> None:
        self._sockets.send("status", {"status": {"exec_info": {"queue_remaining": self.remaining()}}}, None)

    def tell(self, job: Job, event: str, data: dict[str, Json], *, everybody: bool) -> None:
        """A message of a job that runs: to its client, to everybody, or to nobody."""
        if event == "executing":
            with self._state:
                node = data.get("node")
                self._node = node if isinstance(node, str) else None
        if everybody or job.client is not None:
            self._sockets.send(event, data, None if everybody else job.client)

    def show(self, job: Job, node: str, jpeg: bytes) -> None:
        """A picture of a job that runs."""
        self._sockets.show(node, job.id, jpeg, job.client)


class _Teller(Listener):
    def __init__(self, queue: Queue, job: Job) -> None:
        self._queue, self._job = queue, job

    def event(self, name: str, data: dict[str, Json], *, everybody: bool = False) -> None:
        self._queue.tell(self._job, name, data, everybody=everybody)

    def picture(self, node: str, jpeg: bytes) -> None:
        self._queue.show(self._job, node, jpeg)
