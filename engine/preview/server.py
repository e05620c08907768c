"""The embedded server: HTTP on loopback, in a thread of its own.

This module knows sockets, threads, authentication, the size of requests and how JSON comes in and goes out. What
is answered stands in `answers`; it opens no file, and it listens on loopback only.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import ipaddress
import json
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from engine.preview.answers import Answers, Check
from engine.preview.received import Memory, Seen, read_json
from engine.preview.refusals import Refusal, bare, failed, refused
from engine.values import Json

__all__ = ["MAX_BODY_BYTES", "PreviewServer"]

#: The largest request body, in bytes.
MAX_BODY_BYTES: Final = 256 * 1024 * 1024

_log = logging.getLogger("engine.preview")

#: How long a connection may be silent, in seconds.
_IDLE: Final = 60.0


class PreviewServer:
    """A server that looks like an AUTOMATIC1111 server and draws placeholder pictures. Needs Pillow.

        with PreviewServer(check=check) as server:
            requests.post(server.url + "/sdapi/v1/txt2img", json={"prompt": "a cat"})

    It differs from the real one on purpose in these points:

    - It is stricter. `check(name, body)`, with the name "txt2img", "img2img" or "extras", gives the texts of
      all problems of a body with its contract; where there are any, the answer is 422 in the real server's
      shape. The real server drops unknown keys in silence; here they are found. Texts are no numbers.
    - It has every model. Checkpoints, refiners, VAEs and detectors are taken as present whatever their name,
      except those in `missing`, which are answered as the real server answers names that it does not know.
      Upscalers must be known, since their name decides how a picture is resized.
    - It uses no clock and no chance: the same request gives the same bytes; a seed of -1 becomes a number made
      from the request.
    - It saves nothing, runs no selectable script, fetches no address, and refuses pictures beyond 16,384 pixels
      a side or 64 megapixels.

    `port` 0 takes a free one. `host` must be a loopback address (IPv4) or "localhost", else ValueError. `auth`
    is a user name and password that /sdapi asks for (HTTP Basic). `delay` is what each picture takes beside its
    drawing, in seconds, so that progress and interrupt can be tried. `max_body_bytes` bounds requests (413).

    As a context manager it starts on entry and has stopped, all threads and sockets included, on exit. OSError
    is raised by `start` where the port is taken.
    """

    def __init__(
        self,
        *,
        check: Check,
        port: int = 0,
        host: str = "127.0.0.1",
        auth: tuple[str, str] | None = None,
        delay: float = 0.0,
        missing: Iterable[str] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._host = _loopback(host)
        self._port = port
        self._auth = auth
        self._max_body = max_body_bytes
        self._answers = Answers(check, missing=missing, delay=delay)
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
        if self._http is None or self._thread is None:
            return
        self._answers.jobs.close()
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

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The requests so far, oldest first; only the latest are kept (256, and 64 MiB of bodies)."""
        return self._seen.all()

    def respond(self, method: str, path: str, authorization: str | None, is_json: bool, raw: bytes) -> _Answer:
        """The answer to one request whose body is `raw`."""
        try:
            body, problem = read_json(raw, declared=is_json)
            self._seen.add(Seen(method, path, body), len(raw))
            allowed = self._answers.methods(path)
            if method not in allowed:
                return _Answer(405, {"detail": "Method Not Allowed"}, ", ".join(allowed))
            self._let_in(path, authorization)
            if problem is not None and self._answers.needs_body(path, method):
                return _Answer(problem.status, problem.body, None)
            return _Answer(200, self._answers.answer(method, path, body), None)
        except Refusal as refusal:
            return _Answer(refusal.status, refusal.body, None)
        except Exception as error:  # noqa: BLE001 - the outermost boundary: a server answers, whatever broke
            _log.exception("The preview could not answer %s %s.", method, path)
            return _Answer(500, failed(type(error).__name__, str(error)[:300]).body, None)

    @property
    def max_body_bytes(self) -> int:
        """The largest request body that is read, in bytes."""
        return self._max_body

    def _let_in(self, path: str, authorization: str | None) -> None:
        if self._auth is None or not path.startswith("/sdapi/"):
            return
        if authorization is None or not authorization.startswith("Basic "):
            raise refused(401, "Not authenticated")
        with contextlib.suppress(ValueError):
            given = base64.b64decode(authorization.removeprefix("Basic "), validate=True)
            if hmac.compare_digest(given, ":".join(self._auth).encode("utf-8")):
                return
        raise refused(401, "Incorrect username or password")


class _Answer(NamedTuple):
    status: int
    body: Json
    allow: str | None


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
        raw, refusal = self._read()
        if refusal is None:
            kind = self.headers.get_content_type()
            is_json = "Content-Type" in self.headers and (kind == "application/json" or kind.endswith("+json"))
            path = urlsplit(self.path).path
            preview = self.server.preview
            answer = preview.respond(self.command, path, self.headers.get("Authorization"), is_json, raw)
        else:
            answer = _Answer(refusal.status, refusal.body, None)
        # One request a connection: then no thread ever waits for a client that has nothing more to say.
        self.close_connection = True
        self._write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve  # noqa: N815 - http.server's names

    def _read(self) -> tuple[bytes, Refusal | None]:
        if "Transfer-Encoding" in self.headers:
            return b"", bare(411, "Send the body with a Content-Length.")
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            return b"", bare(400, "Content-Length is no number.")
        size, limit = int(length), self.server.preview.max_body_bytes
        if size <= limit:
            return self.rfile.read(size), None
        # Read a moderate surplus to its end: a client that is cut off while it sends never sees the answer.
        left = min(size, limit + 64 * 1024 * 1024)
        while left > 0 and (piece := self.rfile.read(min(left, 1024 * 1024))):
            left -= len(piece)
        return b"", bare(413, f"The body has {size} bytes: at most {limit} are read.")

    def _write(self, answer: _Answer) -> None:
        data = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if answer.allow is not None:
            self.send_header("Allow", answer.allow)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

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
