"""A host's own client behind this runner.

A host that has a client keeps it: `generate_images(*, stage, payload, timings=None)`, which gives an outcome with `ok`,
`result` and `error`, or a bare mapping. The adapter here builds the payload with this package's tables, hands it over
as plain JSON data, and reads pictures, info, timings and errors back. What the parts of an outcome are called, and
which of its error codes is which of ours, is data (mappings/host_client.yaml); this module knows no such word.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from engine import errors
from engine.backends.build import Call
from engine.backends.catalog import Catalog
from engine.cancel import Cancellable
from engine.client import PreparedRequest
from engine.errors import AnswerError, BackendError, Finding, ImageError, PayloadError, StageEngineError
from engine.events import Progress
from engine.host_objects import has_words, held
from engine.images import Image
from engine.request import GenerateImagesRequest
from engine.results import GenerateResult
from engine.tables.concrete import Value
from engine.values import ABSENT, Json, Later, canonical, is_integer, kind_of, non_json
from engine.wire import cleaned

__all__ = ["HostClient", "TheirClient"]

#: The keyword by which such a client takes a mapping for its timings, where it takes one.
_TIMINGS: Final = "timings"


class TheirClient(Protocol):
    """A client of a host's. It may take `timings` too, a mapping that it fills with seconds."""

    def generate_images(self, *, stage: str, payload: dict[str, Any]) -> object:
        """Give an outcome, or a bare mapping."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one outcome gave; `failure` stands beside pictures that came all the same."""

    images: tuple[Image, ...]
    info: Mapping[str, Json]
    seeds: tuple[int, ...]
    failure: StageEngineError | None


class HostClient:
    """A client for the runner that hands every payload to a client of the host's.

        runner = PipelineRunner(HostClient(their_client, backend="a1111"))

    A stage whose back end takes one picture at a time is one call for each, in order. Where one fails after others
    gave pictures, those are kept and the result is partial. May be shared by threads where their client may.
    """

    def __init__(self, client: TheirClient, *, backend: str, catalog: Catalog | None = None) -> None:
        """Take their client, and the back end whose payloads it sends (`Catalog().names()` lists them).

        Raises TableError where the back end is unknown or its tables are not proven.
        """
        self.catalog = Catalog() if catalog is None else catalog
        self.backend = self.catalog.backend(backend)
        self._words = self.catalog.host_words.client
        self._client = client
        self._takes_timings = _takes(client.generate_images, _TIMINGS)

    def prepare(self, request: GenerateImagesRequest) -> PreparedRequest:
        """Build and check every payload of a request, without handing it over. Raises PayloadError."""
        prepared = PreparedRequest.of(self.backend, request)
        late = next((name for call in prepared.calls for name in _late_names(call.body)), None)
        if late is not None:
            message = f"the payload holds a value that is known only when it is sent ({late})"
            hint = "let an ApiClient speak to this back end"
            about = Finding("host-client-late", message, hint=hint)
            raise PayloadError([replace(about, stage=request.stage_id, backend=self.backend.name)])
        return prepared

    def generate_images(
        self,
        request: GenerateImagesRequest,
        *,
        cancel_token: Cancellable | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> GenerateResult:
        """Hand a request over, and read what comes back.

        `cancel_token` is asked, and `on_progress` told, before each call: a call of their client cannot be stopped.

        Raises PayloadError before anything is handed over; the error that their code means, or AnswerError, where a
        call fails and no earlier call gave pictures. What their client raises passes as it is in that case too.
        """
        prepared = self.prepare(request)
        if prepared.skipped:
            return GenerateResult(request.input_images, warnings=prepared.warnings)
        images: list[Image] = []
        info: list[Mapping[str, Json]] = []
        seeds: list[int] = []
        warnings: list[Finding] = list(prepared.warnings)
        digests: list[str] = []
        failure: StageEngineError | None = None
        cancelled = False
        for number, call in enumerate(prepared.calls):
            cancelled = cancel_token is not None and cancel_token.is_cancelled()
            if cancelled:
                break
            if on_progress is not None:
                on_progress(Progress(0.0, call=number, calls=len(prepared.calls)))
            digests.append(call.digest)
            try:
                answer = self._answered(call, request)
            except Exception as problem:
                if not images:
                    raise
                failure = problem if isinstance(problem, StageEngineError) else _raised(problem)
                break
            images += answer.images
            info.append(answer.info)
            seeds += answer.seeds
            failure = answer.failure
            if failure is not None:
                break
            if len(answer.images) != call.count:
                warnings.append(self._miscounted(call, request, len(answer.images)))
        return GenerateResult(
            images=tuple(images),
            info=tuple(info),
            seeds=tuple(seeds) if len(seeds) == len(images) else (),
            warnings=tuple(warnings),
            expected=sum(call.count for call in prepared.calls),
            wire_digests=tuple(digests),
            error=failure,
            cancelled=cancelled,
        )

    def _answered(self, call: Call, request: GenerateImagesRequest) -> _Answer:
        stage = self._words.stages.get(request.stage_type, request.stage_type)
        timings: dict[str, Json] = {}
        beside = {_TIMINGS: timings} if self._takes_timings else {}
        outcome = self._client.generate_images(
            stage=stage, payload={key: _plain(value) for key, value in call.body.items()}, **beside
        )
        return self._read(outcome, timings, request)

    # -- what comes back ------------------------------------------------------------------------------------

    def _read(self, outcome: object, timings: Mapping[str, Json], request: GenerateImagesRequest) -> _Answer:
        words = self._held(outcome, "outcome")
        failure = self._failure(words, request)
        told = self._role(words, "result")
        if failure is not None and told is not ABSENT and not has_words(told):
            raise failure
        result = words if told is ABSENT else self._held(told, "result")
        images = self._images(self._role(result, "images"), request)
        info = self._info(self._role(result, "info"))
        skip = self._role(info, "skip")
        images = images[int(skip) :] if is_integer(skip) and 0 <= int(skip) < len(images) else images
        if not images:
            if failure is None:
                message = "the client says that all is well, and gave no image"
                failure = AnswerError(message, **self._about(request), code="answer-no-images")
            raise failure
        spent = next((t for t in (self._role(result, "timings"), timings) if _is_data(t)), None)
        if spent is not None and _TIMINGS not in info:
            info = {**info, _TIMINGS: dict(spent)}  # type: ignore[call-overload]
        return _Answer(images, info, _seeds(self._role(info, "seeds"), len(images)), failure)

    def _held(self, item: object, what: str) -> dict[str, object]:
        if not has_words(item):
            message = f"the client gave {kind_of(item)}, and no {what}"
            raise StageEngineError(message, code="client-result")
        found, findings = held(item, self._words.known, f"the client's {what}")
        if findings:
            raise StageEngineError(findings[0].message, code="client-result", findings=findings)
        return found

    def _role(self, words: Mapping[str, object], role: str) -> object:
        return next((words[w] for w in self._words.outcome.get(role, ()) if words.get(w) is not None), ABSENT)

    def _failure(self, words: Mapping[str, object], request: GenerateImagesRequest) -> StageEngineError | None:
        """The error that an outcome tells of, or None. A word alone is its message."""
        ok, told = self._role(words, "ok"), self._role(words, "error")
        if _is_nothing(told) and ok is not False:
            return None
        parts = self._held(told, "error") if has_words(told) else {}
        meaning = self._words.meaning(self._role(parts, "code"))
        texts = [self._role(parts, "message") if has_words(told) else told, self._role(parts, "details")]
        message = cleaned(": ".join(text for text in map(_text, texts) if text))
        kind: type[BackendError] = getattr(errors, meaning.error)
        return kind(
            message if message else "the client failed, and did not say why", code=meaning.code, **self._about(request)
        )

    def _images(self, given: object, request: GenerateImagesRequest) -> tuple[Image, ...]:
        several = given if isinstance(given, (list, tuple)) else () if given is ABSENT else (given,)
        images: list[Image] = []
        for number, item in enumerate(several):
            try:
                images.append(_picture(item))
            except ImageError as problem:
                message = f"image {number} of the outcome cannot be used: {problem.message}"
                raise AnswerError(message, **self._about(request), code="answer-bad-image") from problem
        return tuple(images)

    def _info(self, given: object) -> dict[str, Json]:
        """What was told of the call as JSON data; a text that is JSON is read."""
        told = given
        if isinstance(given, str):
            try:
                told = json.loads(given)
            except (ValueError, RecursionError):
                told = None
        if isinstance(told, Mapping) and non_json(told) is None:
            return dict(told)
        return {"text": cleaned(given)} if isinstance(given, str) and given else {}

    def _miscounted(self, call: Call, request: GenerateImagesRequest, came: int) -> Finding:
        code = "answer-fewer-images" if came < call.count else "answer-more-images"
        message = f"{call.count} images were asked for and {came} came"
        return Finding(code, message, stage=request.stage_id, backend=self.backend.name, severity="warning")

    def _about(self, request: GenerateImagesRequest) -> dict[str, str]:
        return {"backend": self.backend.name, "stage": request.stage_id}


def _picture(item: object) -> Image:
    """A picture that a client gave: a handle, bytes, or base64 text, which may be a data URL. Raises ImageError."""
    if isinstance(item, Image):
        return item
    if isinstance(item, (bytes, bytearray)):
        return Image.from_bytes(bytes(item))
    if isinstance(item, str):
        return Image.from_base64(item)
    raise ImageError(f"it is {kind_of(item)}, and neither bytes nor base64 text", code="image-unreadable")


def _text(told: object) -> str:
    """A part of an error as text; nothing where it says nothing."""
    if isinstance(told, str):
        return told.strip()
    return "" if _is_nothing(told) or non_json(told) is not None else canonical(told)


def _is_nothing(told: object) -> bool:
    """Whether this says that there is nothing to say."""
    return told is ABSENT or told is None or (isinstance(told, (str, Mapping, list, tuple)) and len(told) == 0)


def _is_data(told: object) -> bool:
    """Whether this is a mapping of plain data that says something."""
    return isinstance(told, Mapping) and non_json(told) is None and len(told) > 0


def _seeds(given: object, count: int) -> tuple[int, ...]:
    seeds = given[:count] if isinstance(given, list) else []
    if len(seeds) < count or not all(is_integer(seed) for seed in seeds):
        return ()
    return tuple(int(seed) for seed in seeds)


def _raised(problem: Exception) -> StageEngineError:
    message = f"the client raised {type(problem).__name__}: {cleaned(str(problem))}"
    error = StageEngineError(message, code="client-raised")
    error.__cause__ = problem
    return error


def _plain(value: Value) -> Json:
    """The value as JSON data of its own: pictures as base64 text, everything copied."""
    if isinstance(value, Image):
        return value.base64
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value  # type: ignore[return-value]


def _late_names(value: object) -> list[str]:
    if isinstance(value, Later):
        return [value.name]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return [name for item in inner for name in _late_names(item)]


def _takes(method: object, keyword: str) -> bool:
    """Whether a callable takes this keyword. One whose signature cannot be read is not given it."""
    try:
        parameters = inspect.signature(method).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return any(p.name == keyword or p.kind is p.VAR_KEYWORD for p in parameters)
