"""How a request's calls become an answer, without a socket: it yields what to send and is sent what came back.

Whoever drives it owns the connection, its deadlines and its limits (`engine.transport`, or a test with answers of
its own). Calls are made one after the other; when one fails after others gave pictures, the pictures are kept and
the failure stands beside them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from engine.backends.answers import read_answer, refuse
from engine.backends.build import Call
from engine.backends.catalog import Backend, BackendStage
from engine.backends.description import Timeouts
from engine.errors import BackendError, Finding
from engine.images import Image
from engine.results import GenerateResult
from engine.values import Json
from engine.wire import encode

__all__ = ["HttpRequest", "HttpResponse", "exchange"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send: the method, the path's segments below the base URL, the body, and how long to wait."""

    method: str
    path: tuple[str, ...]
    body: bytes = field(repr=False)  # it holds pictures
    content_type: str
    timeouts: Timeouts


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back: the status and the whole body."""

    status: int
    body: bytes = field(repr=False)  # it holds pictures


def exchange(
    backend: Backend, stage: BackendStage, calls: Sequence[Call], *, stage_id: str
) -> Generator[HttpRequest, HttpResponse, GenerateResult]:
    """Make the calls in order. Yields requests, is sent responses or has a BackendError thrown in.

    Raises the BackendError of the first call that fails, unless pictures of earlier calls are there to keep.
    """
    images: list[Image] = []
    info: list[dict[str, Json]] = []
    seeds: list[int] = []
    digests: list[str] = []
    warnings: list[Finding] = []
    failure: BackendError | None = None
    for call in calls:
        try:
            digests.append(call.digest)
            timeouts = stage.description.timeouts
            response = yield HttpRequest(
                "POST", stage.description.path, encode(call.body), "application/json", timeouts
            )
            if not 200 <= response.status < 300:
                raise refuse(backend.errors, response.status, response.body, backend=backend.name, stage=stage_id)
            answer = read_answer(stage.answer, response.body, backend=backend.name, stage=stage_id)
        except BackendError as problem:
            if not images:
                raise
            failure = problem
            break
        if len(answer.images) != call.count:
            code = "answer-fewer-images" if len(answer.images) < call.count else "answer-more-images"
            message = f"{call.count} images were asked for and {len(answer.images)} came"
            warnings.append(Finding(code, message, stage=stage_id, backend=backend.name, severity="warning"))
        images += answer.images
        info.append(dict(answer.info))
        seeds += answer.seeds
    return GenerateResult(
        images=tuple(images),
        info=tuple(info),
        seeds=tuple(seeds) if len(seeds) == len(images) else (),
        warnings=tuple(warnings),
        expected=sum(call.count for call in calls),
        wire_digests=tuple(digests),
        error=failure,
    )
