"""How a request's calls become a result, without a socket: the calls one after the other, each in its steps.

Whoever drives it owns the connection, its limits and time (`engine.driver`, or a test with answers of its own). When
a call fails, or is stopped, after others gave pictures, the pictures are kept and what happened stands beside them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.backends.build import Call
from engine.backends.catalog import Backend, BackendStage
from engine.backends.verify import differences
from engine.conversation.answers import picture_of, read_results
from engine.conversation.jobs import job
from engine.conversation.outgoing import filled
from engine.conversation.pictures import PictureGoneError, pictures, with_uploads
from engine.conversation.posts import post
from engine.conversation.session import Cancelled, Session
from engine.conversation.talk import Talk
from engine.errors import BackendError, BackendTimeoutError, Finding
from engine.images import Image
from engine.results import GenerateResult
from engine.tables.concrete import Value
from engine.values import Json

__all__ = ["exchange", "new_id"]


def new_id() -> str:
    """A name that nobody has: of a job, or of this client."""
    return str(uuid.uuid4())


def exchange(
    backend: Backend,
    stage: BackendStage,
    calls: Sequence[Call],
    *,
    stage_id: str,
    shared: bool = False,
    watched: bool = False,
    ids: Callable[[], str] = new_id,
) -> Talk[GenerateResult]:
    """Make the calls in order. What it yields and is sent: see `engine.conversation.talk`.

    `shared`: others use the server, so what would stop all of it is never sent. `watched`: tell of progress. `ids`
    gives names for jobs. Raises the BackendError of the first call that fails, unless pictures of earlier calls are
    there to keep. A result that was stopped says so, and holds the pictures of the calls that had ended.
    """
    session = Session(backend, stage, stage_id, ids, shared, watched, calls=len(calls), late={"client_id": ids()})
    images: list[Image] = []
    info: list[Mapping[str, Json]] = []
    seeds: list[int] = []
    digests: list[str] = []
    failure: BackendError | None = None
    cancelled = False
    for call in calls:
        try:
            made = yield from _call(session, call, digests)
        except Cancelled:
            cancelled = True
            break
        except BackendError as problem:
            if not images:
                raise
            failure = problem
            break
        if len(made.images) != call.count:
            code = "answer-fewer-images" if len(made.images) < call.count else "answer-more-images"
            message = f"{call.count} images were asked for and {len(made.images)} came"
            session.warnings.append(Finding(code, message, stage=stage_id, backend=backend.name, severity="warning"))
        size = (call.width, call.height)
        told = differences(stage.verify, call.asked, made.info, made.images, size, stage.lookups)
        session.warnings += (replace(warning, stage=stage_id, backend=backend.name) for warning in told)
        images += made.images
        info.append(made.info)
        seeds += made.seeds
    return GenerateResult(
        images=tuple(images),
        info=tuple(info),
        seeds=tuple(seeds) if len(seeds) == len(images) else (),
        warnings=tuple(session.warnings),
        expected=sum(call.count for call in calls),
        wire_digests=tuple(digests),
        error=failure,
        cancelled=cancelled,
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What one call gave. `seeds` is empty where the server did not tell one for each image."""

    images: tuple[Image, ...]
    info: Mapping[str, Json]
    seeds: tuple[int, ...]


def _call(session: Session, call: Call, digests: list[str]) -> Talk[_Made]:
    """Make one call. Raises Cancelled, or the BackendError that ended it."""
    session.call, session.told, session.deadline, session.unanswered = call.index, None, None, 0
    if (yield from session.wait(0)).cancelled:
        raise Cancelled
    digests.append(call.digest)
    body: Value = dict(call.body)
    if session.backend.steps.upload is not None:
        body = yield from with_uploads(session, session.backend.steps.upload, body)
    try:
        return (yield from _attempt(session, body))
    except PictureGoneError:
        pass
    try:  # under another name, so that the server makes it anew instead of remembering it
        return (yield from _attempt(session, body))
    except PictureGoneError as gone:
        raise gone.problem from gone


def _attempt(session: Session, body: Value) -> Talk[_Made]:
    """Send a body under a new name, and give what comes of it. Raises Cancelled and PictureGoneError.

    A job that has had its time is told to stop, where that stops nothing else.
    """
    cancel = session.backend.steps.cancel
    try:
        return (yield from _made(session, body))
    except BackendTimeoutError as problem:
        if problem.code == "job-timeout" and cancel is not None and not cancel.whole_server:
            yield from session.send_cancel()
        raise


def _made(session: Session, body: Value) -> Talk[_Made]:
    stage, look, name = session.stage, session.backend.steps.look, session.backend.name
    session.late["job_id"] = session.new_id()
    session.deadline = session.tick.now + session.timeouts.job
    late = {**session.late, "payload": filled(body, session.late)}
    accept = "application/json" if stage.answer.images is not None else "image/*, application/json;q=0.5"
    request = session.request(stage.submit.request, late=late, accept=accept)
    if look is not None:
        data = yield from job(session, request, stage.submit, look)
    else:
        response = yield from post(session, request)
        session.check(response, stage.submit.accept)
        if stage.answer.images is None or response.media_type.startswith("image/"):
            image = picture_of(response.body, 0, backend=name, stage=session.stage_id)
            return _Made((image,), {}, ())
        data = session.json(response)
    results = read_results(stage.answer, data, session.names, backend=name, stage=session.stage_id)
    made = yield from pictures(session, results)
    return _Made(made, results.info, results.seeds_of(len(made)))
