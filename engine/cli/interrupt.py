"""Ctrl-C: the first press asks the run to stop, the second stops waiting for it.

The work is done in a thread, and the main thread does nothing but wait for it and for the keyboard: so a second
press counts at once on every system, even while the work waits for a server that says nothing. Work that makes
nothing is not waited for: there the first press is enough.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Generic, TypeVar

__all__ = ["run_interruptibly", "run_until_pressed"]

T = TypeVar("T")

#: How long a press may wait until it counts, in seconds.
_GLANCE = 0.05


def run_interruptibly(work: Callable[[], T], on_first_press: Callable[[], None]) -> T:
    """What `work` gives or raises. `on_first_press` is called in this thread, which must be the main one.

    Raises KeyboardInterrupt at the second press, and what `on_first_press` raises at the first. The work's thread is
    then left to itself, and ends with the process.
    """
    presses = 0

    def pressed(_number: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1

    job = _Job(work)
    before = signal.signal(signal.SIGINT, pressed)
    try:
        job.start()
        asked = False
        while not job.done.wait(_GLANCE):
            if presses > 0 and not asked:
                asked = True
                on_first_press()
            if presses > 1:
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
    return job.result()


def run_until_pressed(work: Callable[[], T]) -> T:
    """What `work` gives or raises. Raises KeyboardInterrupt at the first press. For the main thread."""

    def leave() -> None:
        raise KeyboardInterrupt

    return run_interruptibly(work, leave)


class _Job(threading.Thread, Generic[T]):
    """A thread that keeps what its work gave. A daemon: the process does not wait for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(name="stage-engine-run", daemon=True)
        self.done = threading.Event()
        self._work = work
        self._given: list[T] = []
        self._raised: BaseException | None = None

    def run(self) -> None:
        """Do the work and keep what comes of it."""
        try:
            self._given.append(self._work())
        except BaseException as problem:  # noqa: BLE001 - whatever it is, `result` raises it in the caller's thread
            self._raised = problem
        finally:
            self.done.set()

    def result(self) -> T:
        """What the work gave; raises what it raised."""
        if self._raised is not None:
            raise self._raised
        return self._given[0]
