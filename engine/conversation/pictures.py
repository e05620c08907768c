"""Pictures on their way: sent ahead of the payload that names them, and got where an answer only names them.

A picture is sent once for each request, whatever names it, and what the server calls it stands in its place. A
picture that a finished job named and that is there no more is told apart: the job can be done again.
"""

from __future__ import annotations

from engine.backends.places import text_at
from engine.backends.steps import Fetch, Upload
from engine.conversation.answers import Results, picture_of
from engine.conversation.outgoing import MAX_TEXT
from engine.conversation.session import Session
from engine.conversation.talk import HttpRequest, Talk, send
from engine.errors import BackendError
from engine.images import Image
from engine.tables.concrete import Value
from engine.values import Json

__all__ = ["PictureGoneError", "pictures", "with_uploads"]

#: Seconds before a picture is asked for again, where its server was away.
_AGAIN = 1.0


class PictureGoneError(Exception):
    """The job was done, and a picture of it is there no more. `problem`: what the server said."""

    def __init__(self, problem: BackendError) -> None:
        super().__init__(problem.message)
        self.problem = problem


def with_uploads(session: Session, upload: Upload, value: Value) -> Talk[Value]:
    """A body with the name of an upload in the place of each picture."""
    if isinstance(value, Image):
        if value.digest not in session.uploaded:
            session.uploaded[value.digest] = yield from _uploaded(session, upload, value)
        return session.uploaded[value.digest]
    if isinstance(value, dict):
        parts: dict[str, Value] = {}
        for key, item in value.items():
            parts[key] = yield from with_uploads(session, upload, item)
        return parts
    if isinstance(value, list):
        items: list[Value] = []
        for item in value:
            items.append((yield from with_uploads(session, upload, item)))  # noqa: PERF401 - no comprehension can yield
        return items
    return value


def _uploaded(session: Session, upload: Upload, image: Image) -> Talk[str]:
    request = session.request(upload.request, late={**session.late, "file": image})
    response = yield from send(request)
    session.check(response, upload.accept)
    data = session.json(response)
    texts = [text_at(data, place, session.names) for place in upload.value.places]
    name = upload.value.between.join(text for text in texts if text)
    if None in texts or name.strip() == "" or len(name) > MAX_TEXT:
        raise session.answer_error("answer-no-upload", "the server took a picture and did not say under which name")
    return name


def pictures(session: Session, results: Results) -> Talk[tuple[Image, ...]]:
    """The pictures of an answer, fetched where it only names them. Raises PictureGoneError."""
    fetch, found = session.backend.steps.fetch, list[Image]()
    for number, item in enumerate(results.items, results.first):
        content = item if fetch is None else (yield from _fetched(session, fetch, item))
        found.append(picture_of(content, number, backend=session.backend.name, stage=session.stage_id))
    return tuple(found)


def _fetched(session: Session, fetch: Fetch, item: Json) -> Talk[str | bytes]:
    accept = f"{fetch.accept.type}*" if fetch.accept.type.endswith("/") else fetch.accept.type or "*/*"
    if fetch.request is not None:
        request = session.request(fetch.request, item=item, accept=accept)
    else:
        url = None if fetch.url is None else text_at(item, fetch.url)
        if url is None or url.strip() == "":
            raise session.answer_error("answer-bad-place", "the answer names a picture without saying where it is")
        if url[:5].lower() == "data:":
            return url  # the picture itself
        request = HttpRequest("GET", (), None, None, session.timeouts, accept=accept, url=url)
    response = yield from session.asked(request, _AGAIN)
    if response.status in fetch.again:
        raise PictureGoneError(session.refusal(response))
    session.check(response, fetch.accept)
    return response.body
