"""Case files: a config of one stage, why it is worth looking at, and the sizes of the pictures that come in.

    why: A factor that gives no multiple of 8.
    stage: {upscaler_name: Lanczos, upscale_factor: 1.3}
    inputs: [[51, 35]]

`on_unsupported: warn` beside these lets a back end leave out what it cannot do; without it such a case is refused.
`cases/<stage type>/<name>.yaml` is for every back end, `cases/<back end>/<stage type>/<name>.yaml` for that one alone.
A case of the second kind may also say what a server answers (`answers`), and is then about the whole conversation.
A test keeps what a case becomes, and a review compares it. This module reads cases and builds them; it keeps and
compares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias, get_args

from engine.backends.catalog import Backend, Catalog
from engine.client import PreparedRequest
from engine.documents import read_document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.images import Image
from engine.plan import PlanOptions, RunConfig, StageConfig, StageExecution, StageExecutionPlan
from engine.planning import plan_run
from engine.request import GenerateImagesRequest
from engine.tables.forms import Row
from engine.tables.shapes import Path as Steps
from engine.tables.shapes import ShapeReader
from engine.values import Json, is_integer, is_number
from engine.wire import described

__all__ = [
    "BuiltCase",
    "Case",
    "MakePicture",
    "ScriptedAnswer",
    "build_case",
    "case_request",
    "read_case",
    "read_cases",
]

#: Makes a picture of a width and a height in pixels; the label says what it is for.
MakePicture: TypeAlias = Callable[[int, int, str], Image]

_WORDS: Final = ("why", "base", "stage", "inputs", "on_unsupported", "answers", "cancel_at")
_MAX_SIDE: Final = 16384
_MAX_INPUTS: Final = 64
_MAX_SECONDS: Final = 86_400
_NO_SIZE: Final = f"a picture is a width and a height in pixels, from 1 to {_MAX_SIDE}"

_Failure: TypeAlias = Literal["unreachable", "timeout"]
_SAID: Final = ("json", "text", "picture", "fails")
_ANSWER_WORDS: Final = frozenset({"status", "after", *_SAID})


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What a server says to one request.

    `body` is JSON, in which `{picture: [width, height]}` stands for a picture in base64, or text where `is_json` is
    False. `picture`: the width and height of a picture that is the whole body. `fails`: no answer comes at all.
    `after`: how many seconds later it comes.
    """

    status: int = 200
    body: Json = None
    is_json: bool = True
    picture: tuple[int, int] | None = None
    fails: _Failure | None = None
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `name` is its file below cases/ without the ending; `backend` the only one that it is for, or None.

    `base` and `own` are what the two configs say; `inputs` the width and height in pixels of each picture. `answers`
    are what a server says to each request in turn; empty where the case is about payloads alone. `cancel_at`: the
    second at which the run is cancelled. `on_unsupported` is the option of that name in a plan.
    """

    name: str
    at: Position
    why: str
    backend: str | None
    stage_type: str
    base: Mapping[str, Json]
    own: Mapping[str, Json]
    inputs: tuple[tuple[int, int], ...]
    places: Mapping[tuple[str, str], Position]
    answers: tuple[ScriptedAnswer, ...] = ()
    cancel_at: float | None = None
    on_unsupported: Literal["refuse", "warn"] = "refuse"

    @property
    def short_name(self) -> str:
        """Its stage type and the name of its file: the same for every back end."""
        return f"{self.stage_type}/{PurePosixPath(self.name).name}"

    def is_for(self, backend: str) -> bool:
        """Whether a back end is to run it."""
        return self.backend is None or self.backend == backend


@dataclass(frozen=True, slots=True)
class BuiltCase:
    """What a case became for one back end.

    `request`: its fields; `bodies`: the body of each call, pictures described; `rows`: the row that wrote each target;
    `left_out`: what the back end cannot do of it, and why, where the case lets it be left out.
    """

    request: Mapping[str, Json]
    bodies: tuple[Json, ...]
    rows: Mapping[str, Row] = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def kept(self) -> Json:
        """What a snapshot keeps of it: the bodies, beside what is left out where something is."""
        bodies: list[Json] = list(self.bodies)
        return {"bodies": bodies, "left_out": list(self.left_out)} if self.left_out else bodies


def read_cases(folder: Path, shown: str, catalog: Catalog) -> tuple[Case, ...]:
    """Every case below a folder, in order of their names. `shown`: what people call the folder.

    What lies below a folder that is named neither after a stage type nor after a back end is no case. Raises
    TableError with all that is wrong in any of them.
    """
    stages, backends = catalog.rules.stages, catalog.names()
    cases: list[Case] = []
    findings: list[Finding] = []
    for file in sorted(folder.rglob("*.yaml")):
        steps = file.relative_to(folder).parts
        own = len(steps) == 3 and steps[0] in backends and steps[1] in stages
        if not (own or (len(steps) == 2 and steps[0] in stages)):
            continue
        try:
            cases.append(read_case(file, "/".join((shown, *steps)), steps[0] if own else None, steps[-2]))
        except TableError as problem:
            findings += problem.findings
    if findings:
        raise TableError(findings)
    return tuple(cases)


def read_case(file: Path, shown: str, backend: str | None, stage_type: str) -> Case:
    """The case in a file, for this stage type. Raises TableError with all that is wrong."""
    reader = _Reader(read_document(file, name=shown))
    case = reader.read(shown, backend, stage_type)
    if reader.findings:
        raise TableError(reader.findings)
    return case


def case_request(case: Case, catalog: Catalog, picture: MakePicture | None = None) -> GenerateImagesRequest:
    """The request that a case makes, resolved as a run does it; a seed of -1 stays as it is.

    `picture` makes the pictures that come in; without it there are stand-ins. Raises PlanError where the configs are
    wrong.
    """

    def made(width: int, height: int, label: str) -> Image:
        return Image.predict(width, height) if picture is None else picture(width, height, label)

    rules = catalog.rules
    takes = {word for word, name in rules.spellings().items() if "contentMediaType" in rules.schemas[name]}

    def config(side: str, values: Mapping[str, Json]) -> RunConfig:
        given: dict[str, object] = {
            key: made(*_size(value), key) if key in takes and _size(value) != (0, 0) else value
            for key, value in values.items()
        }
        return RunConfig.placed(given, {key: case.places[side, key] for key in values})

    images = tuple(made(*size, f"input {index}") for index, size in enumerate(case.inputs))
    stage = StageExecution("one", StageConfig(case.stage_type, config("stage", case.own)), case.at)
    options = PlanOptions(seed="server", on_unsupported=case.on_unsupported)
    plan = StageExecutionPlan((stage,), images, options, run_id="case")
    (only,) = plan_run(plan, config("base", case.base), catalog).stages
    assert only.request is not None  # noqa: S101 - a stage that says nothing of it is enabled
    return only.request


def build_case(case: Case, backend: Backend, catalog: Catalog, picture: MakePicture | None = None) -> BuiltCase:
    """The bodies that a back end would be sent. Raises PlanError or PayloadError where the case is refused."""
    request = case_request(case, catalog, picture)
    prepared = PreparedRequest.of(backend, request)
    return BuiltCase(
        {name: described(value) for name, value in request.payload.items()},
        tuple(described(body) for body in prepared.bodies),
        {target: row for call in prepared.calls for target, row in call.rows.items()},
        tuple(warning.message for warning in prepared.warnings),
    )


def _size(value: Json) -> tuple[int, int]:
    """The width and height that a value gives; zeros where it gives none."""
    if isinstance(value, list) and len(value) == 2:
        width, height = value
        if is_integer(width) and is_integer(height) and 0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE:
            return int(width), int(height)
    return 0, 0


class _Reader(ShapeReader):
    def read(self, shown: str, backend: str | None, stage_type: str) -> Case:
        top = self.mapping((), self.document.value, "a case")
        for word in top:
            if word not in _WORDS:
                hint = did_you_mean(word, _WORDS) or f"a case says {', '.join(_WORDS)}"
                self.fault("form-unknown-word", f"a case has no {word!r}", self.document.key_at(word), hint)
        configs = {word: self.mapping((word,), top.get(word), f"'{word}'") for word in ("base", "stage")}
        return Case(
            name=str(PurePosixPath(*PurePosixPath(shown).with_suffix("").parts[1:])),
            at=self.document.at(),
            why=self.text(("why",), top.get("why"), "'why'"),
            backend=backend,
            stage_type=stage_type,
            base=configs["base"],
            own=configs["stage"],
            inputs=self._inputs(("inputs",), top.get("inputs", [])),
            answers=tuple(
                self._answer(("answers", index), node, backend is not None)
                for index, node in enumerate(self.items(("answers",), top.get("answers", []), "'answers'"))
            ),
            cancel_at=self._seconds(("cancel_at",), top["cancel_at"]) if "cancel_at" in top else None,
            places={(word, key): self.document.key_at(word, key) for word, keys in configs.items() for key in keys},
            on_unsupported=self._on_unsupported(top.get("on_unsupported", "refuse")),
        )

    def _answer(self, path: Steps, node: Json, alone: bool) -> ScriptedAnswer:
        form, at = self.mapping(path, node, "an answer"), self.document.at(*path)
        if not alone:
            hint = "put the case into cases/<back end>/<stage type>"
            self.fault("form-shape", "only a case for one back end can say what the server answers", at, hint)
        self.known(path, form, _ANSWER_WORDS, "an answer")
        said = [word for word in _SAID if word in form]
        if len(said) != 1:
            self.fault("form-choice", f"an answer says one of {', '.join(_SAID)}", at)
            return ScriptedAnswer()
        value, status = form[said[0]], form.get("status", 200)
        if not (isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599):
            self.fault("form-shape", "'status' is a number from 100 to 599", self.document.at(*path, "status"))
            status = 200
        after = self._seconds((*path, "after"), form["after"]) if "after" in form else 0.0
        match said[0]:
            case "json":
                return ScriptedAnswer(status, value, after=after)
            case "text":
                text = value if value == "" else self.text((*path, "text"), value, "'text'")
                return ScriptedAnswer(status, text, is_json=False, after=after)
            case "picture":
                if _size(value) == (0, 0):
                    self.fault("form-shape", _NO_SIZE, self.document.at(*path, "picture"))
                return ScriptedAnswer(status, picture=_size(value), after=after)
            case _:
                if value not in get_args(_Failure):
                    message = f"'fails' is one of {', '.join(get_args(_Failure))}"
                    self.fault("form-shape", message, self.document.at(*path, "fails"))
                    return ScriptedAnswer()
                return ScriptedAnswer(fails="timeout" if value == "timeout" else "unreachable", after=after)

    def _seconds(self, path: Steps, node: Json) -> float:
        if is_number(node) and 0 <= node <= _MAX_SECONDS:
            return float(node)
        self.fault("form-shape", f"'{path[-1]}' is in seconds, from 0 to {_MAX_SECONDS}", self.document.at(*path))
        return 0.0

    def _on_unsupported(self, node: Json) -> Literal["refuse", "warn"]:
        if node not in ("refuse", "warn"):
            message = "'on_unsupported' is refuse or warn"
            self.fault("form-shape", message, self.document.at("on_unsupported"))
        return "warn" if node == "warn" else "refuse"

    def _inputs(self, path: Steps, node: Json) -> tuple[tuple[int, int], ...]:
        sizes = [_size(item) for item in self.items(path, node, "'inputs'")]
        for index, size in enumerate(sizes):
            if size == (0, 0):
                self.fault("form-shape", _NO_SIZE, self.document.at(*path, index), "write it like [64, 48]")
        if len(sizes) > _MAX_INPUTS:
            self.fault("form-shape", f"a case has at most {_MAX_INPUTS} inputs", self.document.at(*path))
        return tuple(sizes)
