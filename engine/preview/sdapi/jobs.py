"""One generation after the other, what the current one is at, and how it is stopped.

This module knows the queue of one, the state that GET progress shows, interrupt and skip, and the pause that lets
a person watch a preview work. It reads no clock: the pause is waited for in steps. What is drawn is not its
business.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from engine.values import Json

__all__ = ["JOB_TIMESTAMP", "Jobs", "Outcome"]

#: Answers are the same for the same request: no clock goes into them.
JOB_TIMESTAMP: Final = "20000101000000"

Outcome = Literal["done", "interrupted", "skipped"]

#: A pause is cut into at most so many waits, however many steps were asked for.
_MAX_TICKS: Final = 200


class Jobs:
    """The queue and the state of the current job. Safe between threads.

    `delay` is how long every picture takes beside its drawing, in seconds.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self._delay = delay
        self._turn = threading.Lock()
        self._state = threading.Condition()
        self._closed = False
        self._interrupted = False
        self._skipped = False
        self._job = ""
        self._count = 0
        self._number = 0
        self._step = 0
        self._steps = 0

    @contextmanager
    def turn(self, job: str, count: int) -> Iterator[None]:
        """Wait until no other job runs, then be the job that does, with `count` pictures to make."""
        with self._turn:
            with self._state:
                self._interrupted = self._skipped = self._closed
                self._job, self._count = job, count
                self._number = self._step = self._steps = 0
            try:
                yield
            finally:
                with self._state:
                    # An idle server forgets the job, but keeps showing how its last one ended (recorded).
                    self._job, self._count, self._step = "", 0, 0

    def sample(self, steps: int) -> tuple[Outcome, float]:
        """Take the time of one picture (or one batch). Returns how it ended and the ratio of its steps done.

        Returns at once when the job is interrupted or the picture skipped.
        """
        ticks = min(max(steps, 1), _MAX_TICKS) if self._delay > 0 else 1
        with self._state:
            self._step, self._steps = 0, steps
            for tick in range(1, ticks + 1):
                if self._delay > 0:
                    self._state.wait_for(lambda: self._interrupted or self._skipped, self._delay / ticks)
                if self._interrupted:
                    return "interrupted", (tick - 1) / ticks
                if self._skipped:
                    self._skipped = False
                    self._number += 1
                    return "skipped", (tick - 1) / ticks
                self._step = steps * tick // ticks
            self._number += 1
        return "done", 1.0

    def waste(self) -> None:
        """Take the time of half a picture, for a job that is going to fail."""
        with self._state:
            self._state.wait_for(lambda: self._closed, self._delay / 2)

    def interrupt(self) -> None:
        """Stop the job that runs. With none, this is shown by `progress` and lost when the next one starts."""
        with self._state:
            self._interrupted = True
            self._state.notify_all()

    def skip(self) -> None:
        """Stop the picture that is being made and go on with the next."""
        with self._state:
            self._skipped = True
            self._state.notify_all()

    def close(self) -> None:
        """End the job that runs and every one that comes, so that nobody waits for a server that stops."""
        with self._state:
            self._closed = self._interrupted = True
            self._state.notify_all()

    def progress(self) -> dict[str, Json]:
        """GET progress: how far the current job is. There is never a picture in it."""
        with self._state:
            done, left = 0.0, 0.0
            if self._count > 0:
                within = self._step / self._steps if self._steps > 0 else 0.0
                done = min(0.01 + (self._number + within) / self._count, 1.0)
                left = max(self._delay * (self._count - self._number - within), 0.0)
            return {
                "progress": done,
                "eta_relative": left,
                "state": {
                    "skipped": self._skipped,
                    "interrupted": self._interrupted,
                    "stopping_generation": False,
                    "job": self._job,
                    "job_count": self._count,
                    "job_timestamp": JOB_TIMESTAMP if self._job else "0",
                    "job_no": self._number,
                    "sampling_step": self._step,
                    "sampling_steps": self._steps,
                },
                "current_image": None,
                "textinfo": None,
            }
