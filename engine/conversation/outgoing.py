"""From a request's form to the request: late values put in, places followed, the body encoded.

What comes from a server (a job's name, the parts of a picture's address) goes into paths and queries as text, is
bounded, and cannot leave its segment. This module knows forms and values; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.backends.places import text_at
from engine.backends.steps import Form, Part, RequestForm, Timeouts
from engine.conversation.talk import HttpRequest
from engine.errors import AnswerError
from engine.images import Image
from engine.multipart import Part as FormPart
from engine.multipart import form_data
from engine.tables.concrete import Value
from engine.values import ABSENT, Json, Later
from engine.wire import encode

__all__ = ["MAX_TEXT", "Late", "filled", "outgoing"]

#: What is known when a request is sent, by name: texts, the payload, the picture that is uploaded.
Late = Mapping[str, Value]

#: The longest text of a server's that goes into a path or a query, in characters.
MAX_TEXT = 1000


def outgoing(
    form: RequestForm,
    late: Late,
    timeouts: Timeouts,
    *,
    item: Json = None,
    accept: str = "application/json",
    backend: str,
    stage: str,
) -> HttpRequest:
    """The request that a form describes. `item`: what its places lie in.

    Raises AnswerError `answer-bad-place` where an item does not hold what the request needs.
    """

    def text(part: Part) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, Later):
            return str(late[part.name])
        found = text_at(item, part)
        if found is None or len(found) > MAX_TEXT:
            message = f"the answer names a picture, and at {part.shown} stands nothing that leads to it"
            raise AnswerError(message, code="answer-bad-place", backend=backend, stage=stage)
        return found

    path = tuple(text(part) for part in form.path)
    if any(segment in ("", ".", "..") or len(segment) > MAX_TEXT for segment in path):
        message = f"the answer gives {form.shown} a step that is no segment of a path"
        raise AnswerError(message, code="answer-bad-place", backend=backend, stage=stage)
    body, content_type = _body(form, late)
    return HttpRequest(
        method=form.method,
        path=path,
        body=body,
        content_type=content_type,
        timeouts=timeouts,
        query=tuple((name, text(part)) for name, part in form.query),
        headers=form.headers,
        accept=accept,
        pace=form.pace,
        kind=f"{form.method} {form.shown}",
    )


def filled(value: Value, late: Late) -> Value:
    """A value with what is known late in its place."""
    if isinstance(value, Later):
        return late.get(value.name, value)
    if isinstance(value, dict):
        return {key: filled(item, late) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, late) for item in value]
    return value


def _body(form: RequestForm, late: Late) -> tuple[bytes | None, str | None]:
    if not form.has_body:
        return None, None
    if isinstance(form.body, Form):
        return form_data(_parts(form.body, late))
    return encode(filled(form.body, late)), "application/json"


def _parts(form: Form, late: Late) -> list[FormPart]:
    if form.parts is None:
        payload = late["payload"]
        pairs = list(payload.items()) if isinstance(payload, dict) else []
    else:
        pairs = [(name, late[part.name] if isinstance(part, Later) else str(part)) for name, part in form.parts]
    found = []
    for name, value in pairs:
        # A list is the same part again and again, as forms have it.
        found += [_part(name, one) for one in (value if isinstance(value, list) else [value]) if one is not ABSENT]
    return found


def _part(name: str, value: Value) -> FormPart:
    if isinstance(value, Image):
        file_name = f"{value.digest.removeprefix('sha256:')}{value.extension}"
        return FormPart(name, value.data, file_name, value.media_type)
    if isinstance(value, str):
        return FormPart(name, value.encode())
    return FormPart(name, encode(value))
