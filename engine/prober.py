"""A client's knowledge of its server: asked once, kept for a while, bounded in time and size.

It brings together the questions (`engine.conversation.probing`) and the socket; what the answers mean for a plan is
decided in `engine.backends.live_names`.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from engine.backends.catalog import Backend
from engine.backends.server import ServerDescription
from engine.conversation.probing import probing
from engine.credentials import Credentials
from engine.errors import BackendError, BackendTimeoutError
from engine.transport import Transport

__all__ = ["MAX_AGE", "Prober"]

#: How long what a server told is believed, in seconds.
MAX_AGE: Final = 60.0
#: How long all questions together may take, in seconds; what is not asked by then stays unknown.
_MOST_SECONDS: Final = 45.0
#: The largest answer that is read: a server with thousands of nodes describes them in some 20 MB.
_MAX_BYTES: Final = 64 * 1024**2


class Prober:
    """Asks one server what it has. Safe to share by threads: they wait for one answer instead of asking twice."""

    def __init__(self, backend: Backend, base_url: str, credentials: Credentials) -> None:
        """Take the back end whose description says what to ask."""
        self._backend = backend
        self._transport = Transport(base_url, credentials=credentials, max_answer_bytes=_MAX_BYTES)
        self._lock = threading.Lock()
        self._known: tuple[float, ServerDescription] | None = None

    def describe(self, max_age: float = MAX_AGE) -> ServerDescription:
        """What the server has, as it said it at most so many seconds ago; 0 asks anew.

        Raises BackendUnreachableError, BackendTimeoutError or HttpStatusError where it tells nothing at all.
        """
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] >= max_age:
                self._known = (time.monotonic(), self._ask())
            return self._known[1]

    def _ask(self) -> ServerDescription:
        began = time.monotonic()
        talk = probing(self._backend, self._transport.base_url)
        try:
            request = next(talk)
            while True:
                try:
                    if time.monotonic() - began > _MOST_SECONDS:
                        message = f"the server took more than {_MOST_SECONDS:g} s to say what it has"
                        raise BackendTimeoutError(
                            message, code="probe-timeout", backend=self._backend.name, stage="probe"
                        )
                    response = self._transport.send(request, backend=self._backend.name, stage="probe")
                except BackendError as problem:
                    request = talk.throw(problem)
                else:
                    request = talk.send(response)
        except StopIteration as end:
            described: ServerDescription = end.value
            return described

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()
