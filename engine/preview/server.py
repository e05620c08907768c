"""The embedded server: HTTP on loopback, in a thread of its own.

This module knows sockets, threads, and the size of requests. What is answered is the business of the protocol that
the server speaks; it opens no file, and it listens on loopback only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from engine.preview.faults import Fault, Faults
from engine.preview.messages import Answered, Check, HangUp, Reply, Request, Settings
from engine.preview.protocols import PROTOCOLS
from engine.preview.received import Memory, Seen, read_json
from engine.preview.websocket import Channel, accept_key
from engine.tables.nodes import Nodes

__all__ = ["MAX_BODY_BYTES", "PreviewServer"]

#: The largest request body, in bytes.
MAX_BODY_BYTES: Final = 256 * 1024 * 1024

_log = logging.getLogger("engine.preview")

#: How long a connection may be silent, in seconds. A WebSocket may be silent for as long as it likes.
_IDLE: Final = 60.0


class PreviewServer:
    """A server that speaks as a real one does and draws placeholder pictures. Needs Pillow.

        with PreviewServer(check=check) as server:
            requests.post(server.url + "/sdapi/v1/txt2img", json={"prompt": "a cat"})

    `protocol` is a name in `PROTOCOLS`. The preview differs from the real servers on purpose in these points:

    - It is stricter. `check(name, body)`, with the name of a contract such as "txt2img", gives the texts of all
      problems of a body with that contract; where there are any, the answer is a refusal in the real server's
      shape. Real servers drop unknown keys in silence; here they are found. Texts are no numbers.
    - It has every model. Checkpoints, refiners, VAEs and detectors are taken as present whatever their name,
      except those in `missing`, which are answered as the real server answers names that it does not know.
      Upscalers must be known where their name decides how a picture is resized.
    - Pictures are made without a clock and without chance: the same request gives the same pixels; a seed of -1
      becomes a number made from the request.
    - It saves nothing on disk, runs no selectable script, fetches no address, and refuses pictures beyond 16,384
      pixels a side or 64 megapixels.

    `port` 0 takes a free one. `host` must be a loopback address (IPv4) or "localhost", else ValueError. `auth`
    is a user name and password that the server asks for (HTTP Basic) where the real one can. `delay` is what each
    picture takes beside its drawing, in seconds, so that progress and cancel can be tried. `max_body_bytes` bounds
    requests (413). `faults` say which requests fail. `nodes` describes the nodes of servers that take graphs; by
    default the description that ships with the package. `on_answer` is told of every answer, in the thread that
    gave it.

    As a context manager it starts on entry and has stopped, all threads and sockets included, on exit. OSError
    is raised by `start` where the port is taken.
    """

    def __init__(
        self,
        *,
        check: Check,
        protocol: str = "sdapi",
        port: int = 0,
        host: str = "127.0.0.1",
        auth: tuple[str, str] | None = None,
        delay: float = 0.0,
        missing: Iterable[str] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
        faults: Iterable[Fault] = (),
        nodes: Nodes | None = None,
        on_answer: Callable[[Answered], None] | None = None,
    ) -> None:
        self._host = _loopback(host)
        self._port = port
        self._max_body = max_body_bytes
        self.speaker = PROTOCOLS[protocol].speaker(
            Settings(check, frozenset(missing), delay, auth, Faults(faults), nodes)
        )
        self._on_answer = on_answer
        self._seen = Memory()
        self._http: _Http | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> PreviewServer:
        """Listen, and answer in a thread. A server starts once."""
        if self._http is not None:
            raise RuntimeError("This preview server has been started already.")
        self._http = _Http((self._host, self._port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="preview-server")
        self._thread.start()
        _log.info("The preview server listens on %s.", self.url)
        return self

    def stop(self) -> None:
        """Stop listening, end what runs, close every connection, and wait for the threads. May be called again."""
        if self._thread is None or self._http is None:
            self.speaker.close()
            return
        self.speaker.close()
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()
        self._thread = None

    def __enter__(self) -> PreviewServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL, as "http://127.0.0.1:43210". Raises RuntimeError before the start."""
        if self._http is None:
            raise RuntimeError("This preview server has not been started: use it in a `with` statement.")
        return f"http://{self._host}:{self._http.server_address[1]}"

    def restart(self) -> None:
        """Lose what the real server would lose in a restart, jobs above all, while the address stays the same."""
        self.speaker.restart()

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The requests so far, oldest first; only the latest are kept (256, and 64 MiB of bodies)."""
        return self._seen.all()

    def respond(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Reply:
        """The answer to one request whose body is `raw`. Raises HangUp where there is to be none."""
        request = read_request(method, target, headers, raw)
        self._seen.add(Seen(method, request.path, request.body), len(raw))
        began, status = time.monotonic(), None
        try:
            reply = self.speaker.answer(request)
            status = reply.status
        except HangUp:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost boundary: a server answers, whatever broke
            _log.exception("The preview could not answer %s %s.", method, request.path)
            reply = self.speaker.refuse(500, f"{type(error).__name__}: {error}"[:300])
            status = reply.status
        finally:
            if self._on_answer is not None:
                self._on_answer(Answered(method, request.path, status, time.monotonic() - began))
        return reply

    @property
    def max_body_bytes(self) -> int:
        """The largest request body that is read, in bytes."""
        return self._max_body


def read_request(method: str, target: str, headers: Mapping[str, str], raw: bytes = b"") -> Request:
    """The request with this first line, these headers (names in lower case) and this body."""
    address = urlsplit(target)
    body, problem = read_json(raw, headers.get("content-type"))
    query = dict(parse_qsl(address.query, keep_blank_values=True, max_num_fields=64))
    return Request(method, address.path, query, headers, raw, body, problem)


class _Http(ThreadingHTTPServer):
    """The socket server; it remembers its open connections, so that it can end them."""

    daemon_threads = False
    block_on_close = True
    # On Windows this flag would let a second server take the same port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, address: tuple[str, int], preview: PreviewServer) -> None:
        self.preview = preview
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own: that asks the name service for the host's full name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            with self._open_lock:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            with self._open_lock:
                self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End all connections, so that no thread goes on waiting for a client."""
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    # The reading side only: an answer that is being written still goes out.
                    connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        _log.debug("A client of the preview went away.", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: _Http
    protocol_version = "HTTP/1.1"
    server_version = "stage-engine-preview"
    sys_version = ""
    timeout = _IDLE
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        # One request a connection: then no thread ever waits for a client that has nothing more to say.
        self.close_connection = True
        preview = self.server.preview
        headers = {name.lower(): value for name, value in self.headers.items()}
        if preview.speaker.talks(urlsplit(self.path).path) and (key := accept_key(headers)) is not None:
            self._converse(key, headers)
            return
        raw, refusal = self._read()
        try:
            self._write(preview.respond(self.command, self.path, headers, raw) if refusal is None else refusal)
        except HangUp:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve  # noqa: N815 - http.server's names

    def _converse(self, key: str, headers: Mapping[str, str]) -> None:
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", key)):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()
        channel = Channel(self.connection)
        self.server.preview.speaker.converse(read_request(self.command, self.path, headers), channel)
        channel.close()

    def _read(self) -> tuple[bytes, Reply | None]:
        refuse = self.server.preview.speaker.refuse
        if "Transfer-Encoding" in self.headers:
            return b"", refuse(411, "Send the body with a Content-Length.")
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            return b"", refuse(400, "Content-Length is no number.")
        size, limit = int(length), self.server.preview.max_body_bytes
        if size <= limit:
            return self.rfile.read(size), None
        # Read a moderate surplus to its end: a client that is cut off while it sends never sees the answer.
        left = min(size, limit + 64 * 1024 * 1024)
        while left > 0 and (piece := self.rfile.read(min(left, 1024 * 1024))):
            left -= len(piece)
        return b"", refuse(413, f"The body has {size} bytes: at most {limit} are read.")

    def _write(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.media is not None:
            self.send_header("Content-Type", reply.media)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.data)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives
        _log.debug(format, *args)


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise ValueError(f"{host!r} is no IPv4 loopback address: use 127.0.0.1.") from error
    if not address.is_loopback:
        raise ValueError(f"The preview listens on loopback only, not on {host}: use 127.0.0.1.")
    return host
