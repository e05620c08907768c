"""What a response means: images, info and seeds, or the right typed error.

Where things stand in an answer is data (`AnswerForm`, `ErrorForm`); this module follows the places and distrusts
what it finds: an answer may be no JSON, lack its images, or call something an image that is none. A refusal's
message is the server's own, cut, with long runs of base64 and the folders of the server's files left out, since
servers echo what they were sent and where they live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from engine.backends.answer_forms import AnswerForm, ErrorForm
from engine.backends.places import LateValues, Place, find, parsed
from engine.errors import AnswerError, HttpStatusError, ImageError
from engine.images import Image
from engine.values import ABSENT, Absent, Json, is_integer, kind_of, non_json
from engine.wire import cleaned

__all__ = ["Results", "decoded", "message_in", "picture_of", "read_results", "refuse"]

#: Of each place, no more texts than these go into a message.
_MOST_TEXTS = 3


@dataclass(frozen=True, slots=True)
class Results:
    """What an answer holds: its results, as text or as what leads to them, info, and the seeds that it tells.

    `first`: how many things that are no results stand before them.
    """

    items: tuple[Json, ...]
    first: int
    info: Mapping[str, Json]
    seeds: Json | Absent

    def seeds_of(self, count: int) -> tuple[int, ...]:
        """The seeds of the first `count` images; none where the server did not tell one for each."""
        told = self.seeds if isinstance(self.seeds, list) else [] if self.seeds is ABSENT else [self.seeds]
        seeds = told[:count]
        if len(seeds) < count or not all(is_integer(seed) for seed in seeds):
            return ()
        return tuple(int(seed) for seed in seeds)  # type: ignore[arg-type]


def decoded(body: bytes, *, backend: str, stage: str) -> Json:
    """The JSON of a successful answer. Raises AnswerError where it is none."""
    data = parsed(body)
    if data is ABSENT:
        message = "the server said success, and its answer is not JSON"
        raise AnswerError(message, code="answer-not-json", backend=backend, stage=stage)
    return data


def read_results(form: AnswerForm, data: Json, late: LateValues, *, backend: str, stage: str) -> Results:
    """The results, info and seeds in a successful answer. Raises AnswerError where it cannot be used."""

    def fail(code: str, message: str) -> NoReturn:
        raise AnswerError(message, code=code, backend=backend, stage=stage)

    if form.images is None:
        fail("answer-no-images", "the server said success, and its answer is no picture")
    found = find(data, form.images, late)
    items: list[Json] = found if isinstance(found, list) else [found] if isinstance(found, (str, dict)) else []
    if not items or found == {}:
        told = "nothing" if found is ABSENT else "an empty list" if isinstance(found, list) else kind_of(found)
        way_out = f" - {form.no_images}" if form.no_images else ""
        message = f"the server said success and sent no image: at {form.images.shown} stands {told}"
        fail("answer-no-images", message + way_out)
    info = _info(form, data, late)
    if info is ABSENT:
        fail("answer-info", "the server sent images, and its account of them is not readable")
    skip, take = _number(data, info, form.skip, late), _number(data, info, form.take, late)
    first = 0 if skip is None else skip
    last = len(items) if take is None or take == 0 else first + take
    if not items[first:last]:
        fail("answer-no-images", f"the answer holds {len(items)} images, and says that none of them is a result")
    told_info = info if isinstance(info, dict) else {"text": info}
    seeds = (found for place in form.seeds if (found := _at(data, info, place, late)) not in (ABSENT, []))
    return Results(tuple(items[first:last]), first, told_info, next(seeds, ABSENT))


def picture_of(content: Json | bytes, number: int, *, backend: str, stage: str) -> Image:
    """The picture that these bytes or this base64 text are. `number`: the how-manieth of the answer it is."""

    def fail(why: str, problem: ImageError | None = None) -> NoReturn:
        message = f"image {number} of the answer {why}"
        raise AnswerError(message, code="answer-bad-image", backend=backend, stage=stage) from problem

    if not isinstance(content, (str, bytes)):
        fail(f"is {kind_of(content)}, not base64 text")
    try:
        return Image.from_bytes(content) if isinstance(content, bytes) else Image.from_base64(content)
    except ImageError as problem:
        fail(f"cannot be used: {problem.message}", problem)


def message_in(form: ErrorForm, data: Json | Absent, late: LateValues | None = None) -> str | None:
    """What a server says is wrong, cleaned; None where it does not say."""
    if data is ABSENT or isinstance(data, str):
        return cleaned(data) if isinstance(data, str) else None
    for group in form.message:
        parts = [text for place in group if (text := ", ".join(_texts(find(data, place, late))))]
        if parts:
            message = cleaned(": ".join(parts))
            where = find(data, form.where) if form.where is not None else ABSENT
            if message and isinstance(where, list) and where:
                message = f"{cleaned('/'.join(str(step) for step in where[:8]))}: {message}"
            return message
    return None


def refuse(form: ErrorForm, status: int, body: bytes, *, backend: str, stage: str) -> HttpStatusError:
    """The error for a status other than success, with the server's own message where it has one."""
    data = parsed(body)
    message = cleaned(body.decode("utf-8", "replace")) if data is ABSENT else message_in(form, data)
    kind = {401: "http-unauthorized", 403: "http-unauthorized", 404: "http-not-found", 429: "http-too-many"}
    text = f"the server answered {status}" + (f": {message}" if message else " and did not say why")
    if hint := form.hints.get(str(status)):
        text += f" - {hint}"
    return HttpStatusError(text, status=status, backend=backend, stage=stage, code=kind.get(status, "http-status"))


def _texts(found: Json | Absent) -> list[str]:
    """The texts at a place, a few of them, each once."""
    several = found if isinstance(found, list) else [found]
    texts = dict.fromkeys(text.strip() for text in several if isinstance(text, str) and text.strip())
    shown = list(texts)[:_MOST_TEXTS]
    return [*shown, "…"] if len(texts) > _MOST_TEXTS else shown


def _info(form: AnswerForm, data: Json, late: LateValues) -> Json | Absent:
    """What the server tells of a call; ABSENT where it is not readable, or nothing that could be written down."""
    if form.info is None:
        return {}
    found = find(data, form.info, late)
    if found is ABSENT or found is None:
        return {}
    if form.info_is_json:
        inner = parsed(found) if isinstance(found, str) else found
        found = inner if isinstance(inner, dict) else ABSENT
    return found if non_json(found) is None else ABSENT


def _at(data: Json, info: Json, place: Place, late: LateValues) -> Json | Absent:
    return find(info if place.in_info else data, place, late)


def _number(data: Json, info: Json, place: Place | None, late: LateValues) -> int | None:
    found = ABSENT if place is None else _at(data, info, place, late)
    if isinstance(found, list):
        return len(found)
    return int(found) if is_integer(found) and found >= 0 else None
