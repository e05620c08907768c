"""From a request to the bodies that a back end is sent: the table, evaluated and held against its contract.

Pure: nothing is sent, the request is not changed, the same request always gives the same bodies. A stage that is
fanned out gives one call for every picture. Image handles stand in the bodies until they are encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from engine.backends.catalog import Backend, BackendStage
from engine.backends.unsupported import possible
from engine.backends.verify import Asked, asked_of
from engine.errors import Finding, PayloadError
from engine.images import Image
from engine.request import GenerateImagesRequest
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.forms import Expression, Row, target_text
from engine.tables.validation import Problem
from engine.tables.walk import Walker
from engine.tables.walk import Written as AnyWritten
from engine.values import ABSENT, is_integer
from engine.wire import digest

__all__ = ["Call", "place", "prepare", "scopes"]

Written = AnyWritten[Value, Scope]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a request: its body, and what it should give (`count` pictures of `width` x `height` pixels).

    `asked`: what its answer is held against.
    """

    index: int
    body: Mapping[str, Value]
    rows: Mapping[str, Row]
    count: int
    width: int
    height: int
    asked: tuple[Asked, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the body, images by theirs."""
        return digest(self.body)

    def stand_ins(self) -> list[Image]:
        """Stand-ins for the pictures that this call should give."""
        return [Image.predict(max(1, self.width), max(1, self.height)) for _ in range(self.count)]


def prepare(backend: Backend, request: GenerateImagesRequest) -> tuple[Call, ...]:
    """The calls of a request, none where it may be left out. Raises PayloadError with everything that is wrong."""
    request = possible(backend, request).request
    stage = backend.stages.get(request.stage_type)
    if stage is None:
        return ()
    calls: list[Call] = []
    findings: dict[Finding, None] = {}
    for index, scope in enumerate(scopes(stage, request)):
        try:
            calls.append(_call(stage, index, scope))
        except EvaluationError as problem:
            findings[Finding(problem.code, str(problem), at=problem.at, hint=problem.hint, field=problem.field)] = None
            continue
        for problem_found in stage.contract.problems(calls[-1].body):
            findings[_finding(stage, problem_found, calls[-1].rows)] = None
    if findings:
        raise PayloadError(replace(found, stage=request.stage_id, backend=backend.name) for found in findings)
    return tuple(calls)


def _groups_on(stage: BackendStage, fields: Mapping[str, Value]) -> frozenset[str]:
    """The groups that the request's own switches turn on: what it says elsewhere cannot contradict them."""

    def is_on(switch: str | None) -> bool:
        value = ABSENT if switch is None else fields.get(switch, ABSENT)
        return switch is None or value is True or not (value is ABSENT or isinstance(value, bool))

    return frozenset(group for group, visibility in stage.stage.groups.items() if is_on(visibility.switch))


def _fanned_out(
    stage: BackendStage, request: GenerateImagesRequest
) -> Iterable[tuple[Mapping[str, Value], Image | None]]:
    """The request's fields for each call, and the picture that the call is about."""
    fan_out = stage.description.fan_out
    if fan_out is None:
        yield request.fields, request.input_images[0] if request.input_images else None
        return
    over, takes_images = fan_out.over, stage.stage.takes_images
    parts: object = request.input_images[:1] or [None] if over is None else request.fields.get(over, [])
    if over is not None and takes_images:
        parts = request.input_images
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), stage.lookups)
    scope = Scope(request.fields, _groups_on(stage, request.fields))
    added = [name for name, when in fan_out.add_index if when is None or walker.holds(when, scope)]
    times = 1 if fan_out.times is None else _whole(walker, fan_out.times, scope)
    for item, part in enumerate(parts if isinstance(parts, (list, tuple)) else ()):
        for index in range(item, item + times):
            fields = dict(request.fields)
            for name in added:
                value = fields.get(name)
                # A negative value asks the server to draw one itself: it draws anew for every call.
                if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                    fields[name] = value + index
            if over is not None and not takes_images:
                fields[over] = [part]
            yield fields, part if isinstance(part, Image) else None


def scopes(stage: BackendStage, request: GenerateImagesRequest) -> Iterator[Scope]:
    """What the table sees of the request, for each call: its fields, and the picture that the call is about."""
    for fields, image in _fanned_out(stage, request):
        known: dict[str, Value] = dict(fields)
        if stage.stage.takes_images and image is not None:
            pictures: list[Value] = [*request.input_images]
            known |= {"input_images": pictures}
            known |= {"input.image": image, "input.width": image.width, "input.height": image.height}
        yield Scope(known, _groups_on(stage, request.fields))


def _call(stage: BackendStage, index: int, scope: Scope) -> Call:
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), stage.lookups, stage.nodes)
    written = list(walker.walk(stage.table.flow, scope))
    gives = stage.description.gives
    count, width, height = (
        _whole(walker, expression, scope) for expression in (gives.count, gives.width, gives.height)
    )
    rows = {target_text(one.row.target): one.row for one in written}
    asked = asked_of(tuple(stage.verify.checks.values()), stage.lookups, scope)
    return Call(index, place(written), rows, count, width, height, asked)


def _whole(walker: Walker[Value, Scope], expression: Expression, scope: Scope) -> int:
    value = walker.evaluate(expression, scope)
    if not is_integer(value):
        raise EvaluationError("value-not-convertible", "this must give a whole number", expression.at)
    return int(value)


def place(written: Iterable[Written]) -> dict[str, Value]:
    """What rows gave, put where their targets say. A target that ends in `-` appends to a list."""
    body: dict[str, Value] = {}
    for one in written:
        if one.value is not ABSENT:
            _put(body, one.row.target, one.value)
    return body


def _put(body: dict[str, Value], target: tuple[str, ...], value: Value) -> None:
    *parents, last = target
    here: dict[str, Value] = body
    for position, step in enumerate(parents):
        if last == "-" and position == len(parents) - 1:
            items = here.get(step)
            here[step] = [*items, value] if isinstance(items, list) else [value]
            return
        inner = here.get(step)
        below: dict[str, Value] = dict(inner) if isinstance(inner, dict) else {}
        here[step] = below
        here = below
    here[last] = value


def _finding(stage: BackendStage, problem: Problem, rows: Mapping[str, Row]) -> Finding:
    """A broken contract at run time, with the row that wrote the value."""
    path = problem.path
    row = next(
        (rows[text] for n in range(len(path), 0, -1) if (text := target_text(path[:n])) in rows),
        None,
    )
    at, origin = (stage.table.at, None) if row is None else (row.at, row.inherited_by)
    message = f"{target_text(path) if path else 'the payload'} {problem.message}"
    return Finding("payload-contract", message, at=at, hint=problem.hint, origin=origin)
