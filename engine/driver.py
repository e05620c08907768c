"""Runs a conversation: it sends what the conversation wants sent, lets time pass, and asks the token.

What takes long is sent in a thread, so that the token and progress are heeded meanwhile; where nobody watches, it is
sent right here. A thread that is left behind, since its answer is not wanted any more, ends with its request's time.
This module owns threads and the clock; it knows no step, no path and no key.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from engine.addresses import socket_address
from engine.cancel import Cancellable
from engine.conversation.talk import HttpRequest, HttpResponse, Incoming, Listen, Outgoing, Start, Talk, Tick, Wait
from engine.errors import BackendError
from engine.events import Progress
from engine.transport import Transport
from engine.values import Json
from engine.websocket import Listener

__all__ = ["Driver", "UnderWay"]

T = TypeVar("T")

#: How long the word to stop may go unnoticed, in seconds. A foreign token can only be asked.
_GLANCE = 0.05
#: How long a job waits for the websocket that tells of it, in seconds: it only hints.
_HANDSHAKE = 2.0
#: More messages than these are not kept: they are hints.
_MOST_MESSAGES = 1000
_log = logging.getLogger(__name__)


class UnderWay:
    """How many long requests a client has under way. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def begin(self) -> None:
        """One more."""
        with self._lock:
            self._count += 1

    def end(self) -> None:
        """One fewer."""
        with self._lock:
            self._count -= 1

    @property
    def alone(self) -> bool:
        """Whether there is one at most."""
        return self._count <= 1


class Driver:
    """Drives one conversation. `backend` and `stage` are for messages."""

    def __init__(
        self,
        transport: Transport,
        under_way: UnderWay,
        *,
        backend: str,
        stage: str,
        token: Cancellable | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> None:
        self._transport, self._under_way = transport, under_way
        self._backend, self._stage = backend, stage
        self._token, self._on_progress = token, on_progress
        self._cancelled = self._was_told = False
        self._changed = threading.Condition()
        self._outcome: HttpResponse | BackendError | None = None
        self._crashed: BaseException | None = None
        self._messages: list[Json] = []
        self._listener: Listener | None = None

    def run(self, talk: Talk[T]) -> T:
        """Run it to its end and give what it gives. Raises what it raises."""
        incoming: Incoming = None
        failure: BackendError | None = None
        try:
            while True:
                try:
                    outgoing = talk.send(incoming) if failure is None else talk.throw(failure)
                except StopIteration as end:
                    result: T = end.value
                    return result
                incoming, failure = None, None
                try:
                    incoming = self._do(outgoing)
                except BackendError as problem:
                    failure = problem
        finally:
            talk.close()
            if self._listener is not None:
                self._listener.close()

    def _do(self, outgoing: Outgoing) -> Incoming:
        if isinstance(outgoing, HttpRequest):
            return self._send(outgoing)
        if isinstance(outgoing, Wait):
            return self._tick(outgoing.seconds)
        if isinstance(outgoing, Start):
            self._start(outgoing.request)
        elif isinstance(outgoing, Listen):
            self._listen(outgoing.request)
        else:
            self._tell(outgoing)
        return None

    def _send(self, request: HttpRequest) -> HttpResponse:
        return self._transport.send(request, backend=self._backend, stage=self._stage)

    # -- in the background ----------------------------------------------------------------------------------

    def _start(self, request: HttpRequest) -> None:
        self._outcome = None
        self._under_way.begin()
        if self._token is None and self._on_progress is None:
            self._work(request)
        else:
            threading.Thread(target=self._work, args=(request,), name="stage-engine-request", daemon=True).start()

    def _work(self, request: HttpRequest) -> None:
        """Send, and keep what came of it, whatever that is: the thread that waits for it must not wait for ever."""
        outcome: HttpResponse | BackendError | None = None
        crashed: BaseException | None = None
        try:
            outcome = self._send(request)
        except BackendError as problem:
            outcome = problem
        except BaseException as problem:  # noqa: BLE001 - it is raised in the thread that waits
            crashed = problem
        finally:
            self._under_way.end()
            with self._changed:
                self._outcome, self._crashed = outcome, crashed
                self._changed.notify_all()

    def _listen(self, request: HttpRequest) -> None:
        url = socket_address(self._transport.address(request))
        self._listener = Listener(url, self._transport.headers, request.timeouts.connect, self._heard)
        self._listener.ready.wait(min(_HANDSHAKE, request.timeouts.connect))

    def _heard(self, message: Json) -> None:
        with self._changed:
            if len(self._messages) < _MOST_MESSAGES:
                self._messages.append(message)
            self._changed.notify_all()

    # -- time -----------------------------------------------------------------------------------------------

    def _tick(self, seconds: float) -> Tick:
        end = time.monotonic() + seconds
        while True:
            stopped = self._is_cancelled()
            with self._changed:
                left = end - time.monotonic()
                happened = self._outcome is not None or self._crashed is not None or bool(self._messages)
                # Once told to stop, a wait is a wait again: for the server to end.
                if happened or left <= 0 or (stopped and not self._was_told):
                    break
                self._changed.wait(left if self._token is None else min(left, _GLANCE))
        return self._how_things_are(stopped)

    def _how_things_are(self, stopped: bool) -> Tick:
        with self._changed:
            if self._crashed is not None:
                raise self._crashed
            messages, self._messages = tuple(self._messages), []
            outcome = self._outcome
        self._was_told = stopped
        return Tick(time.monotonic(), stopped, outcome, messages, self._under_way.alone)

    def _is_cancelled(self) -> bool:
        """Whether to stop. A token that said so once is not asked again."""
        if not self._cancelled and self._token is not None:
            self._cancelled = bool(self._token.is_cancelled())
        return self._cancelled

    # -- progress -------------------------------------------------------------------------------------------

    def _tell(self, progress: Progress) -> None:
        """Tell whoever wants to know. Foreign code that raises is told nothing more; the pictures count."""
        if self._on_progress is None:
            return
        try:
            self._on_progress(progress)
        except Exception:  # noqa: BLE001 - it is foreign code
            _log.exception("on_progress raised, and is told nothing more")
            self._on_progress = None
