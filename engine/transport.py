"""The socket: one `requests` session, with every limit that an untrusted server wants.

It sends what the exchange yields and gives back what came. Redirects are not followed, nothing is read from the
environment but what the caller passes, an answer is bounded in size, and each request is sent once: a generation
that failed on the way may have run, and repeating it would draw another picture. It knows no path and no key.
"""

from __future__ import annotations

import logging
import time
from types import TracebackType
from urllib.parse import quote, urlsplit

import requests
from requests.auth import HTTPBasicAuth
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import ReadTimeoutError

from engine.backends.exchange import HttpRequest, HttpResponse
from engine.errors import (
    AnswerError,
    BackendError,
    BackendTimeoutError,
    BackendUnreachableError,
    HttpStatusError,
    StageEngineError,
)

__all__ = ["MAX_ANSWER_BYTES", "Transport"]

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
        auth: tuple[str, str] | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Take the server's address and, for HTTP Basic authentication, a name and a password.

        Raises StageEngineError (`url`) for an address that is not http(s), lacks a host or holds credentials.
        """
        self.base_url = _checked_url(base_url)
        self._max_answer_bytes = max_answer_bytes
        self._session = _Session()
        self._session.trust_env = False  # no proxies and no netrc behind the caller's back
        self._session.cookies = _NoCookies()
        self._session.auth = None if auth is None else HTTPBasicAuth(*(part.encode() for part in auth))
        self._session.headers["User-Agent"] = "stage-engine"

    def send(self, request: HttpRequest, *, backend: str, stage: str) -> HttpResponse:
        """Send once and read the whole answer. Raises a typed error that names back end and stage."""
        url = self.base_url + "".join(f"/{quote(segment, safe='')}" for segment in request.path)
        began, answered = time.monotonic(), False
        _log.debug("%s %s, %d bytes", request.method, url, len(request.body))
        try:
            with self._session.request(
                request.method,
                url,
                data=request.body,
                headers={"Content-Type": request.content_type, "Accept": "application/json"},
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
        return HttpResponse(response.status_code, body)

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
        """Close all connections."""
        self._session.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked_url(url: str) -> str:
    def refused(why: str) -> StageEngineError:
        return StageEngineError(f"the base URL {why}; write it like http://127.0.0.1:7860", code="url")

    text = url.strip()
    if any(character.isspace() or not character.isprintable() for character in text):
        raise refused("holds a blank or a control character")  # some of them urlsplit would drop in silence
    try:
        parts = urlsplit(text)
        _ = parts.port
        _ = "" if parts.hostname is None else parts.hostname.encode("idna")
    except ValueError as problem:
        raise refused("is no URL") from problem
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refused("must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise refused("must not hold a name or a password; pass them as auth")
    if "?" in text or "#" in text:
        raise refused("must not hold a query or a fragment")
    return text.rstrip("/")


def _reason(problem: BaseException) -> str:
    """The innermost cause, in a few words and without addresses in memory."""
    innermost: BaseException = problem
    while (cause := innermost.__cause__ or innermost.__context__) is not None:
        innermost = cause
    text = str(innermost.strerror) if isinstance(innermost, OSError) and innermost.strerror else ""
    return text if text else type(innermost).__name__
