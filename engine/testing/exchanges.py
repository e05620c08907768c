"""A case with answers: the whole conversation with a server that says what the case says, without a socket.

What comes of it is data: every request as it is sent, pictures as digests, and the result or the error. This module
knows cases and conversations, and no step of any back end.
"""

from __future__ import annotations

import itertools
import json

from engine.backends.build import prepare
from engine.backends.catalog import Backend, Catalog
from engine.cases import Case, MakePicture, ScriptedAnswer, case_request
from engine.conversation.exchange import exchange
from engine.conversation.talk import HttpRequest, HttpResponse
from engine.errors import BackendError, BackendTimeoutError, BackendUnreachableError, StageEngineError
from engine.results import GenerateResult
from engine.testing.bodies import told_body
from engine.testing.playing import Said, after, play
from engine.values import Json

__all__ = ["conversation_of"]


def conversation_of(case: Case, backend: Backend, catalog: Catalog, picture: MakePicture) -> dict[str, Json]:
    """What is sent, and what comes of it, as JSON. Names of jobs and clients are `id-1`, `id-2`, …

    Raises PlanError or PayloadError where the case is refused before anything is sent.
    """
    request = case_request(case, catalog, picture)
    stage = backend.stages[case.stage_type]
    names = (f"id-{number}" for number in itertools.count(1))
    talk = exchange(backend, stage, prepare(backend, request), stage_id="one", ids=lambda: next(names))
    said = [_said(answer, backend.name, picture) for answer in case.answers]
    unasked = len(said)

    def server(_: HttpRequest) -> after:
        nonlocal unasked
        unasked -= 1
        number = min(len(said) - 1, len(said) - unasked - 1)
        return after(case.answers[number].after, said[number])

    played = play(talk, server, cancel_at=case.cancel_at)
    told: dict[str, Json] = {"requests": [_request(one) for one in played.sent]}
    if unasked > 0:
        told["answers_not_asked_for"] = unasked
    if played.error is not None:
        return {**told, "error": _told(played.error)}
    return {**told, "result": _result(played.made)}


def _told(error: StageEngineError) -> str:
    return f"{type(error).__name__} [{error.code}] {error.message}"


def _said(answer: ScriptedAnswer, backend: str, picture: MakePicture) -> Said:
    if answer.fails is not None:
        kind, code = _FAILURES[answer.fails]
        return kind(f"the case says: {answer.fails}", code=code, backend=backend, stage="one")
    if answer.picture is not None:
        image = picture(*answer.picture, "an answer")
        return HttpResponse(answer.status, image.data, image.media_type)
    if not answer.is_json:
        return HttpResponse(answer.status, str(answer.body).encode(), "text/plain")
    return HttpResponse(answer.status, json.dumps(_with_pictures(answer.body, picture)).encode(), "application/json")


_FAILURES: dict[str, tuple[type[BackendError], str]] = {
    "unreachable": (BackendUnreachableError, "backend-cut-off"),
    "timeout": (BackendTimeoutError, "backend-timeout"),
}


def _with_pictures(value: Json, picture: MakePicture, label: str = "") -> Json:
    """The value with a picture's base64 text for each `{picture: [width, height]}`."""
    if isinstance(value, dict):
        size = value.get("picture") if len(value) == 1 else None
        if isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size):
            return picture(int(size[0]), int(size[1]), f"answer {label}").base64  # type: ignore[arg-type]
        return {key: _with_pictures(item, picture, f"{label}/{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_with_pictures(item, picture, f"{label}/{index}") for index, item in enumerate(value)]
    return value


def _request(request: HttpRequest) -> Json:
    told: dict[str, Json] = {"request": f"{request.method} {request.url or '/' + '/'.join(request.path)}"}
    if request.query:
        told["query"] = dict(request.query)
    if request.body is not None:
        told["body"] = told_body(request.body, str(request.content_type))
    return told


def _result(result: GenerateResult) -> Json:
    return {
        "images": [image.describe() for image in result.images],
        "expected": result.expected,
        "seeds": list(result.seeds),
        "cancelled": result.cancelled,
        "warnings": [str(warning) for warning in result.warnings],
        "error": None if result.error is None else _told(result.error),
    }
