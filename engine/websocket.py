"""What a server says through a websocket, heard in a thread of its own.

Messages only hint at when to look and how far a job is: a socket that cannot be opened, falls silent or breaks is no
failure, and without the library `websocket-client` there is none. Text is JSON or is passed over, binary frames
(previews of pictures) are too; a message is bounded in size.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from engine.backends.places import parsed
from engine.values import ABSENT, Json

__all__ = ["Listener"]

_MAX_MESSAGE = 16 * 1024 * 1024
#: Seconds after which the thread looks whether it should end, where nothing is said.
_GLANCE = 0.5
_log = logging.getLogger(__name__)


class Listener:
    """Hears one websocket from the moment it is made until it is closed.

    `hear` is called in another thread with each message. `ready`: set when the socket is open, or is known not to be.
    """

    def __init__(self, url: str, headers: Mapping[str, str], connect: float, hear: Callable[[Json], None]) -> None:
        self._url, self._headers, self._connect, self._hear = url, dict(headers), connect, hear
        self._over = threading.Event()
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stage-engine-websocket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._over.set()
        self._thread.join(self._connect + 2 * _GLANCE)

    def _run(self) -> None:
        try:
            import websocket
        except ImportError:
            _log.debug("websocket-client is not installed: jobs are looked for at intervals alone")
            self.ready.set()
            return
        try:
            socket = _bounded(websocket.WebSocket)(enable_multithread=False)
            headers = [f"{name}: {value}" for name, value in self._headers.items()]
            socket.connect(
                self._url,
                header=headers,
                timeout=self._connect,
                suppress_origin=True,  # servers refuse an origin that is not theirs
                http_no_proxy=["*"],  # no proxies behind the caller's back
                redirect_limit=0,
            )
        except (websocket.WebSocketException, OSError, ValueError) as problem:
            _log.debug("no websocket at %s: %s", self._url.partition("?")[0], type(problem).__name__)
            self.ready.set()
            return
        self.ready.set()
        try:
            socket.settimeout(_GLANCE)
            while not self._over.is_set():
                try:
                    kind, data = socket.recv_data()
                except websocket.WebSocketTimeoutException:
                    continue
                socket.taken = 0
                if kind == websocket.ABNF.OPCODE_CLOSE:
                    break
                message = parsed(data) if kind == websocket.ABNF.OPCODE_TEXT else ABSENT
                if message is not ABSENT:
                    self._hear(message)
        except (websocket.WebSocketException, OSError, ValueError) as problem:
            _log.debug("the websocket broke: %s", type(problem).__name__)
        finally:
            socket.shutdown()


def _bounded(base: Any) -> Any:
    """The library's socket with a limit on what one message may hold. `taken`: what came since it was last set to 0."""

    class Bounded(base):  # type: ignore[misc]
        taken = 0

        def _recv(self, bufsize: int) -> Any:
            data = super()._recv(bufsize)
            self.taken += len(data)
            if self.taken > _MAX_MESSAGE:
                raise ValueError("the message is too large")
            return data

    return Bounded
