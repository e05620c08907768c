"""The socket: one `requests` session, with every limit that an untrusted server wants.

It sends what a conversation yields and gives back what came. Redirects are not followed, an address that an answer
names is asked only if it lies below the base URL, nothing is read from the environment but what the caller passes,
an answer is bounded in size, and each request is sent once: a generation that failed on the way may have run, and
repeating it would draw another picture. Requests of a kind that wants a pace wait for their turn. It knows no path
and no key.
"""

from __future__ import annotations

import email.utils
import logging
import math
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import quote, urlencode

import requests
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import ReadTimeoutError

from engine.addresses import checked_base, inside
from engine.conversation.talk import HttpRequest, HttpResponse
from engine.credentials import Credentials
from engine.errors import AnswerError, BackendError, BackendTimeoutError, BackendUnreachableError, HttpStatusError

__all__ = ["MAX_ANSWER_BYTES", "Transport", "retry_after"]

#: The largest answer that is read. 64 pictures of 4096 x 4096 pixels fit.
MAX_ANSWER_BYTES = 2 * 1024**3

_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


class _NoCookies(RequestsCookieJar):
    """Keeps nothing: a server cannot mark a client, and threads share nothing."""

    def set_cookie(self, cookie: object, *args: object, **kwargs: object) -> None:
        """Forget it."""


class _Session(requests.Session):
    """Looks at no redirect: `requests` would read its whole body and its address even where it is not to follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - requests names it
        """None: there is nowhere to go."""
        return None


class Transport:
    """Sends requests below one base URL. One instance may serve several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Take the server's address and the credentials that go with every request.

        Raises StageEngineError (`url`) for an address that is not http(s), lacks a host or holds credentials.
        """
        self.base_url = checked_base(base_url)
        self._credentials = Credentials() if credentials is None else credentials
        self._max_answer_bytes = max_answer_bytes
        self._turns: dict[str, float] = {}
        self._lock = threading.Lock()
        self._session = _Session()
        self._session.trust_env = False  # no proxies and no netrc behind the caller's back
        self._session.cookies = _NoCookies()
        self._session.headers["User-Agent"] = "stage-engine"

    def address(self, request: HttpRequest) -> str:
        """Where a request goes. Raises ValueError for a URL that leads elsewhere."""
        if request.url is not None:
            return inside(self.base_url, request.url)
        path = "".join(f"/{quote(segment, safe='')}" for segment in request.path)
        query = f"?{urlencode(request.query)}" if request.query else ""
        return f"{self.base_url}{path}{query}"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that let a request in."""
        return self._credentials.headers

    def send(self, request: HttpRequest, *, backend: str, stage: str) -> HttpResponse:
        """Send once and read the whole answer. Raises a typed error that names back end and stage."""
        try:
            url = self.address(request)
        except ValueError as problem:
            message = f"the answer names a picture that is not fetched: its URL {problem}"
            raise AnswerError(message, code="answer-url-outside", backend=backend, stage=stage) from None
        self._take_turn(request)
        headers = {"Accept": request.accept, **dict(request.headers), **self._credentials.headers}
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        size = 0 if request.body is None else len(request.body)
        began, answered = time.monotonic(), False
        _log.debug("%s %s, %d bytes", request.method, url, size)
        try:
            with self._session.request(
                request.method,
                url,
                data=request.body,
                headers=headers,
                timeout=(request.timeouts.connect, request.timeouts.read),
                allow_redirects=False,
                stream=True,
            ) as response:
                answered = True
                if response.is_redirect:
                    message = f"the server answered {response.status_code}, a redirect, which is not followed"
                    hint = "give the address that it leads to as the base URL"
                    raise HttpStatusError(
                        f"{message}: {hint}",
                        status=response.status_code,
                        backend=backend,
                        stage=stage,
                        code="http-redirect",
                    )
                body = self._read(response, backend, stage)
        except requests.exceptions.RequestException as problem:
            waited = time.monotonic() - began
            raise self._failure(problem, answered, waited, backend=backend, stage=stage) from problem
        _log.debug("%s answered %d, %d bytes", url, response.status_code, len(body))
        if response.status_code >= 400:
            body = self._credentials.redacted(body)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return HttpResponse(response.status_code, body, media_type, retry_after(response.headers.get("Retry-After")))

    def _take_turn(self, request: HttpRequest) -> None:
        """Wait until a request of this kind may be sent. Its turn is taken before it waits, so that none is shared."""
        if request.pace <= 0:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._turns.get(request.kind, now))
            self._turns[request.kind] = turn + request.pace
        time.sleep(turn - now)

    def _failure(
        self, problem: requests.exceptions.RequestException, answered: bool, waited: float, *, backend: str, stage: str
    ) -> BackendError:
        """The typed error for a call that did not end in an answer. `answered`: a first part of one had come."""
        # While the body is read, requests wraps a timeout in an error of its connections.
        cause = problem.args[0] if problem.args else None
        if isinstance(problem, requests.exceptions.Timeout) or isinstance(cause, ReadTimeoutError):
            reached = not isinstance(problem, requests.exceptions.ConnectTimeout)
            what = "did not answer in time; it may still be at work" if reached else "did not accept a connection"
            message = f"{self.base_url} {what} (after {waited:.0f} s)"
            return BackendTimeoutError(message, code="backend-timeout", backend=backend, stage=stage)
        if answered:
            message = f"the answer of {self.base_url} broke off ({_reason(problem)}); the work may have been done"
            return BackendUnreachableError(message, code="backend-cut-off", backend=backend, stage=stage)
        message = f"{self.base_url} cannot be reached ({_reason(problem)}); is the server running there?"
        return BackendUnreachableError(message, code="backend-unreachable", backend=backend, stage=stage)

    def _read(self, response: requests.Response, backend: str, stage: str) -> bytes:
        parts, size = [], 0
        for part in response.iter_content(_CHUNK):
            size += len(part)
            if size > self._max_answer_bytes:
                message = f"the answer is larger than {self._max_answer_bytes} bytes; the rest was not read"
                raise AnswerError(message, code="answer-too-large", backend=backend, stage=stage)
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._session.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def retry_after(text: str | None) -> float | None:
    """The seconds after which a server wants to be asked again, from its header; None where it does not say."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _reason(problem: BaseException) -> str:
    """The innermost cause, in a few words and without addresses in memory."""
    innermost: BaseException = problem
    while (cause := innermost.__cause__ or innermost.__context__) is not None:
        innermost = cause
    text = str(innermost.strerror) if isinstance(innermost, OSError) and innermost.strerror else ""
    return text if text else type(innermost).__name__
