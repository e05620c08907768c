"""A server on loopback that answers exactly what a test tells it to, however wrong that is; it keeps what it was asked.

    with ScriptedServer([Reply.json({"images": []}), Reply(status=500)]) as server:
        client = ApiClient(server.url, backend="mine", catalog=catalog)
        ...
    assert [seen.told for seen in server.seen] == [{"request": "POST /api/paint", "body": {...}}]

Real sockets, and nothing of them is a double: cut connections, slow bodies and wrong lengths are what they are for a
client. This module knows HTTP, and no back end.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from engine.testing.bodies import told_body
from engine.values import Json

__all__ = ["Answer", "Reply", "ScriptedServer", "Seen"]


@dataclass(frozen=True)
class Reply:
    """One answer.

    `body`: its bytes; `status` and `headers` as HTTP has them. `cut`: the connection breaks after so many bytes of the
    body. `wait`: seconds before it starts. `pause`: seconds in the middle of the body and at its end. `chunked`: it is
    sent in chunks, without a length. `raw`: these bytes on the wire, and nothing else but what `then` gives afterwards.
    """

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
        """An answer of JSON. `more`: the other parameters of a reply."""
        return cls(json.dumps(data).encode(), status, **more)


@dataclass(frozen=True)
class Seen:
    """One request that came in. `path`: with its query, as it was sent; `raw`: the body's bytes."""

    method: str
    path: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return json.loads(self.raw)

    def header(self, name: str) -> str | None:
        """A header's value, whatever the case of its name; None where it was not sent."""
        return next((value for key, value in self.headers.items() if key.casefold() == name.casefold()), None)

    @property
    def told(self) -> dict[str, Json]:
        """The request as data that can be kept and shown: no credentials, and pictures as their digests and sizes.

        `request`: method and path; `body`, where there is one: JSON, the parts of a form, or how many bytes it has;
        `credentials`, where some were sent: the name of each header that holds them, without its value.
        """
        told: dict[str, Json] = {"request": f"{self.method} {_IN_QUERY.sub(_REDACTED, self.path)}"}
        if self.raw:
            told["body"] = told_body(self.raw, self.header("Content-Type") or "")
        if secret := sorted(name for name in self.headers if _SECRET.search(name)):
            told["credentials"] = list(secret)
        return told


#: A reply, or what makes one of the request.
Answer: TypeAlias = "Reply | Callable[[Seen], Reply]"
#: Headers that hold credentials, by their names.
_SECRET: Final = re.compile("authorization|cookie|token|secret|password|api[-_]?key|auth", re.IGNORECASE)
_IN_QUERY: Final = re.compile(rf"([?&][^=&]*(?:{_SECRET.pattern})[^=&]*=)[^&]*", re.IGNORECASE)
_REDACTED: Final = r"\1[redacted]"


class ScriptedServer:
    """Gives the answers in order; the last one again and again. Use it in a `with`.

    `url`: where it is reached; `seen`: every request so far, in order; `connections`: how many were opened.
    """

    def __init__(self, answers: Iterable[Answer]) -> None:
        """Take the answers, at least one; a function is given the request. Raises ValueError for none."""
        self._answers = list(answers)
        if not self._answers:
            raise ValueError("a scripted server needs at least one answer")
        self.seen: list[Seen] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                outer._handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of http.server's

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - likewise
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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
