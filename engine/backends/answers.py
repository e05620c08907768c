"""What a response means: images, info and seeds, or the right typed error.

Where things stand in an answer is data (`AnswerForm`, `ErrorForm`); this module follows the places and distrusts
what it finds: an answer may be no JSON, lack its images, or call something an image that is none. A refusal's
message is the server's own, cut, with long runs of base64 left out, since servers echo what they were sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from engine.backends.description import AnswerForm, ErrorForm, Place
from engine.errors import AnswerError, HttpStatusError, ImageError
from engine.images import Image
from engine.values import ABSENT, Absent, Json, is_integer, kind_of, non_json
from engine.wire import cleaned

__all__ = ["Answer", "read_answer", "refuse"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one response gave. `seeds` is empty where the server did not tell one for each image."""

    images: tuple[Image, ...]
    info: Mapping[str, Json]
    seeds: tuple[int, ...]


def read_answer(form: AnswerForm, body: bytes, *, backend: str, stage: str) -> Answer:
    """The images, info and seeds in a successful response. Raises AnswerError where it cannot be used."""

    def fail(code: str, message: str) -> NoReturn:
        raise AnswerError(message, code=code, backend=backend, stage=stage)

    data = _parsed(body)
    if data is ABSENT:
        fail("answer-not-json", "the server said success, and its answer is not JSON")
    found = _find(data, form.images)
    texts: list[Json] = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    if not texts:
        where = "/".join(("", *form.images.steps))
        told = "nothing" if found is ABSENT else "an empty list" if isinstance(found, list) else kind_of(found)
        fail("answer-no-images", f"the server said success and sent no image: at {where} stands {told}")
    info = _info(form, data)
    if info is ABSENT:
        fail("answer-info", "the server sent images, and its account of them is not readable")
    skip, take = _number(data, info, form.skip), _number(data, info, form.take)
    first = 0 if skip is None else skip
    last = len(texts) if take is None or take == 0 else first + take
    images: list[Image] = []
    for index, text in enumerate(texts[first:last]):
        if not isinstance(text, str):
            fail("answer-bad-image", f"image {first + index} of the answer is {kind_of(text)}, not base64 text")
        try:
            images.append(Image.from_base64(text))
        except ImageError as problem:
            fail("answer-bad-image", f"image {first + index} of the answer cannot be used: {problem.message}")
    if not images:
        fail("answer-no-images", f"the answer holds {len(texts)} images, and says that none of them is a result")
    seeds = _seeds(_at(data, info, form.seeds), len(images))
    return Answer(tuple(images), info if isinstance(info, dict) else {"text": info}, seeds)


def refuse(form: ErrorForm, status: int, body: bytes, *, backend: str, stage: str) -> HttpStatusError:
    """The error for a status other than success, with the server's own message where it has one."""
    data = _parsed(body)
    message = None
    if data is ABSENT or isinstance(data, str):
        message = cleaned(body.decode("utf-8", "replace") if data is ABSENT else data)
    else:
        found = (_find(data, place) for place in form.message)
        message = next((cleaned(text) for text in found if isinstance(text, str) and text.strip()), None)
        where = _find(data, form.where) if form.where is not None else ABSENT
        if message and isinstance(where, list) and where:
            message = f"{cleaned('/'.join(str(step) for step in where[:8]))}: {message}"
    kind = {401: "http-unauthorized", 403: "http-unauthorized", 404: "http-not-found", 429: "http-too-many"}
    text = f"the server answered {status}" + (f": {message}" if message else " and did not say why")
    if hint := form.hints.get(str(status)):
        text += f" - {hint}"
    return HttpStatusError(text, status=status, backend=backend, stage=stage, code=kind.get(status, "http-status"))


def _parsed(body: bytes | str) -> Json | Absent:
    """The JSON of a body, or ABSENT. NaN and infinity, which some servers write, become null, as does 1e999."""
    try:
        data: Json = json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return ABSENT
    return data


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _info(form: AnswerForm, data: Json) -> Json | Absent:
    """What the server tells of a call; ABSENT where it is not readable, or nothing that could be written down."""
    if form.info is None:
        return {}
    found = _find(data, form.info)
    if found is ABSENT or found is None:
        return {}
    if form.info_is_json:
        parsed = _parsed(found) if isinstance(found, str) else found
        found = parsed if isinstance(parsed, dict) else ABSENT
    return found if non_json(found) is None else ABSENT


def _seeds(found: Json | Absent, count: int) -> tuple[int, ...]:
    """The first `count` seeds, where there are as many and all of them are whole numbers."""
    seeds = found[:count] if isinstance(found, list) else []
    if len(seeds) < count or not all(is_integer(seed) for seed in seeds):
        return ()
    return tuple(int(seed) for seed in seeds)  # type: ignore[arg-type]


def _at(data: Json, info: Json, place: Place | None) -> Json | Absent:
    if place is None:
        return ABSENT
    return _find(info if place.in_info else data, place)


def _number(data: Json, info: Json, place: Place | None) -> int | None:
    found = _at(data, info, place)
    if isinstance(found, list):
        return len(found)
    return int(found) if is_integer(found) and found >= 0 else None  # type: ignore[arg-type, operator]


def _find(data: Json, place: Place) -> Json | Absent:
    """What stands at a place. With `*` in it: the list of what stands at each."""
    here: list[Json] = [data]
    for step in place.steps:
        here = [found for node in here for found in _children(node, step)]
    if "*" in place.steps:
        return here
    return here[0] if here else ABSENT


def _children(node: Json, step: str) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values() if step == "*" else [node[step]] if step in node else []
    if isinstance(node, list):
        if step == "*":
            return node
        return [node[int(step)]] if step.isdecimal() and int(step) < len(node) else []
    return []
