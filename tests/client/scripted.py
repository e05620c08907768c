"""A server on loopback that answers exactly what a test tells it to, however wrong that is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeAlias

__all__ = ["Reply", "Scripted", "Seen", "generation"]


@dataclass(frozen=True)
class Reply:
    """One answer. `cut`: the connection breaks after so many bytes of the body; `wait`: seconds before it starts;
    `pause`: seconds in the middle of the body; `raw`: these bytes on the wire, and nothing else but what `then` gives
    afterwards."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    cut: int | None = None
    wait: float = 0.0
    pause: float = 0.0
    chunked: bool = False
    raw: bytes | None = None
    then: Callable[[], bytes] | None = None

    @classmethod
    def json(cls, data: object, status: int = 200, **more: Any) -> Reply:
        return cls(json.dumps(data).encode(), status, **more)


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


Answer: TypeAlias = "Reply | Callable[[Seen], Reply]"


class Scripted:
    """Gives the answers in order; the last one again and again."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = list(answers)
        self.seen: list[Seen] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._handle(self)

            def do_GET(self) -> None:
                outer._handle(self)

            def do_DELETE(self) -> None:
                outer._handle(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            block_on_close = True

            def get_request(self) -> tuple[socket.socket, Any]:
                outer.connections += 1
                return super().get_request()

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hung up is no error of ours."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        seen = Seen(handler.command, handler.path, dict(handler.headers.items()), raw)
        with self._lock:
            self.seen.append(seen)
            answer = self._answers[min(len(self.seen), len(self._answers)) - 1]
        reply = answer if isinstance(answer, Reply) else answer(seen)
        handler.close_connection = True
        self._over.wait(reply.wait)
        if reply.raw is not None:
            handler.wfile.write(reply.raw)
            if reply.then is not None:
                handler.wfile.flush()
                handler.wfile.write(reply.then())
            return
        handler.send_response(reply.status)
        for name, value in reply.headers:
            handler.send_header(name, value)
        if reply.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        else:
            handler.send_header("Content-Length", str(len(reply.body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        for part in (body[: len(body) // 2], body[len(body) // 2 :]):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if reply.chunked and part else part)
            handler.wfile.flush()
            self._over.wait(reply.pause)
        if reply.chunked and reply.cut is None:
            handler.wfile.write(b"0\r\n\r\n")

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def generation(
    *images: str, seeds: Iterable[object] | None = None, first: object = 0, **info: object
) -> dict[str, Any]:
    """An answer as the real server writes it: images as base64 text, and its account of them as JSON in a text."""
    every = [7] * len(images) if seeds is None else list(seeds)
    told = {"prompt": "x", "seed": 7, "all_seeds": every, "index_of_first_image": first, **info}
    return {"images": list(images), "parameters": {"prompt": "x"}, "info": json.dumps(told)}
