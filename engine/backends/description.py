"""What a back end's `backend.yaml` says: which stages it runs, where a request goes, and what an answer means.

This module knows the words of that file and turns them into data; values in it (`gives`, a fan-out's conditions) are
expressions of the table language. It neither builds nor sends. Places in an answer are JSON Pointers; `{info: …}`
is a pointer into the decoded info.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.backends.capabilities import Said, read_said
from engine.documents import Document
from engine.errors import Position, TableError
from engine.tables.expressions import ExpressionReader
from engine.tables.forms import Condition, Expression, LookupTable
from engine.tables.shapes import Path
from engine.values import Json

__all__ = [
    "AnswerForm",
    "BackendDescription",
    "ErrorForm",
    "FanOut",
    "Gives",
    "Place",
    "StageDescription",
    "Timeouts",
    "read_backend",
]

_TOP_WORDS = frozenset(
    {"format", "name", "title", "extends", "overrides", "default", "preview", "errors", "answers", "stages"}
    | {"lookups", "timeouts", "cannot", "can"}
)
_STAGE_WORDS = frozenset({"table", "post", "answer", "gives", "fan_out", "timeouts", "cannot", "can"})
_MAX_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in an answer: the steps of a JSON Pointer (`*`: every item), in the body or in its decoded info."""

    steps: tuple[str, ...]
    in_info: bool
    at: Position


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """Where an answer holds what.

    `skip` and `take` say which of the images are results (a number, or a list that is counted); `info_is_json`:
    the info is JSON in a text; `seeds`: the seed of each result.
    """

    images: Place
    skip: Place | None = None
    take: Place | None = None
    info: Place | None = None
    info_is_json: bool = False
    seeds: Place | None = None


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """Where a refusal's message may stand, in the order in which to look, and where the place it complains of.

    `hints`: for a status code, what a person can do about it.
    """

    message: tuple[Place, ...] = ()
    where: Place | None = None
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gives:
    """How many pictures one call gives, and their size in pixels, as expressions over the request's fields."""

    count: Expression
    width: Expression
    height: Expression


@dataclass(frozen=True, slots=True)
class FanOut:
    """One call for every item of a list field; `add_index`: the fields to which the call's index is added, when."""

    over: str
    add_index: tuple[tuple[str, Condition | None], ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait: for a connection, and for the next byte of an answer. Seconds."""

    connect: float = 10.0
    read: float = 600.0


@dataclass(frozen=True, slots=True)
class StageDescription:
    """How a back end runs one stage type."""

    stage: str
    at: Position
    table: str
    path: tuple[str, ...]
    answer: str
    gives: Gives
    fan_out: FanOut | None
    timeouts: Timeouts
    said: Said


@dataclass(frozen=True, slots=True)
class BackendDescription:
    """One back end as its own file says; what it inherits is added by the catalog."""

    name: str
    at: Position
    title: str
    extends: str | None
    extends_at: Position
    overrides: bool
    default: bool
    preview: str | None
    errors: ErrorForm | None
    answers: Mapping[str, AnswerForm]
    stages: Mapping[str, StageDescription]
    said: Said
    lookups: Mapping[str, LookupTable] = field(default_factory=dict)


def read_backend(document: Document, name: str) -> BackendDescription:
    """The description in this document, which lies in the folder `name`. Raises TableError with all findings."""
    reader = _Reader(document)
    description = reader.read(name)
    if reader.findings:
        raise TableError(reader.findings)
    return description


class _Reader(ExpressionReader):
    def read(self, folder: str) -> BackendDescription:
        top = self.mapping((), self.document.value, "backend.yaml")
        self.known((), top, _TOP_WORDS, "backend.yaml")
        self.format(top, "backend.yaml")
        name = self.text(("name",), top.get("name"), "a back end's 'name'")
        if name and name != folder:
            message = f"the back end {name!r} lies in a folder {folder!r}: they must be the same"
            self.fault("backend-name", message, self.document.at("name"))
        timeouts = self._timeouts(("timeouts",), top.get("timeouts"), Timeouts())
        lookups = {
            key: self.lookup_table(("lookups", key), node, key)
            for key, node in self.mapping(("lookups",), top.get("lookups"), "'lookups'").items()
        }
        stages = {
            stage: self._stage(stage, ("stages", stage), node, timeouts)
            for stage, node in self.mapping(("stages",), top.get("stages"), "'stages'").items()
        }
        return BackendDescription(
            name=name,
            at=self.document.at(),
            title=self.text(("title",), top["title"], "'title'") if "title" in top else name,
            extends=self.text(("extends",), top["extends"], "'extends'") if "extends" in top else None,
            extends_at=self.document.at("extends"),
            overrides=self._flag("overrides", top),
            default=self._flag("default", top),
            preview=self.text(("preview",), top["preview"], "'preview'") if "preview" in top else None,
            errors=self._errors(("errors",), top["errors"]) if "errors" in top else None,
            answers={
                key: self._answer(("answers", key), node)
                for key, node in self.mapping(("answers",), top.get("answers"), "'answers'").items()
            },
            stages={key: stage for key, stage in stages.items() if stage is not None},
            said=read_said(self, (), top, with_stages=True),
            lookups={**lookups, **self.lookups},
        )

    def _flag(self, word: str, node: Mapping[str, Json]) -> bool:
        return self.flag((word,), node[word], f"'{word}'") if word in node else False

    def _place(self, path: Path, node: Json) -> Place:
        at = self.document.at(*path)
        in_info = isinstance(node, dict) and list(node) == ["info"]
        pointer = node["info"] if isinstance(node, dict) and in_info else node
        if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
            hint = "a place is a JSON Pointer (/images), or {info: /seed} for one in the info"
            self.fault("form-shape", "this is no place in an answer", at, hint)
            return Place((), in_info, at)
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
        return Place(steps, in_info, at)

    def _errors(self, path: Path, node: Json) -> ErrorForm:
        form = self.mapping(path, node, "'errors'")
        self.known(path, form, {"message", "where", "hints"}, "'errors'")
        hints = self.mapping((*path, "hints"), form.get("hints"), "'hints'")
        places = self.items((*path, "message"), form.get("message", []), "'message'")
        return ErrorForm(
            tuple(self._place((*path, "message", i), place) for i, place in enumerate(places)),
            self._place((*path, "where"), form["where"]) if "where" in form else None,
            {status: self.text((*path, "hints", status), hint, "a hint") for status, hint in hints.items()},
        )

    def _answer(self, path: Path, node: Json) -> AnswerForm:
        form = self.mapping(path, node, "an answer")
        self.known(path, form, {"images", "skip", "take", "info", "seeds"}, "an answer")
        if "images" not in form:
            self.fault("form-shape", "an answer must say where its 'images' are", self.document.at(*path))
        info, is_json = form.get("info"), False
        if isinstance(info, dict):
            self.known((*path, "info"), info, {"at", "as"}, "'info'")
            is_json = info.get("as") == "json"
            if "at" not in info or not (is_json or "as" not in info):
                message = "'info' is a place, or {at: a place, as: json} where JSON stands in a text"
                self.fault("form-shape", message, self.document.at(*path, "info"))
            info = info.get("at")
        place = {w: self._place((*path, w), form[w]) for w in ("skip", "take", "seeds") if w in form}
        for word in (word for word, at in place.items() if at.in_info and info is None):
            message = f"{word!r} lies in the info, and the answer does not say where its 'info' is"
            self.fault("form-shape", message, self.document.at(*path, word))
        return AnswerForm(
            images=self._place((*path, "images"), form.get("images", "")),
            skip=place.get("skip"),
            take=place.get("take"),
            info=self._place((*path, "info"), info) if info is not None else None,
            info_is_json=is_json,
            seeds=place.get("seeds"),
        )

    def _stage(self, stage: str, path: Path, node: Json, timeouts: Timeouts) -> StageDescription | None:
        form = self.mapping(path, node, "a stage")
        self.known(path, form, _STAGE_WORDS, "a stage")
        missing = [word for word in ("post", "answer", "gives") if word not in form]
        if missing:
            message = f"the stage {stage} must say {' and '.join(missing)}"
            self.fault("form-shape", message, self.document.key_at(*path))
            return None
        segments = self.items((*path, "post"), form["post"], "'post', the segments of a path,")
        steps = tuple(self._segment((*path, "post", i), segment) for i, segment in enumerate(segments))
        if form["post"] == []:
            self.fault("form-shape", "'post' needs at least one segment", self.document.at(*path, "post"))
        return StageDescription(
            stage,
            self.document.key_at(*path),
            self.text((*path, "table"), form["table"], "'table'") if "table" in form else stage,
            steps,
            self.text((*path, "answer"), form["answer"], "'answer'"),
            self._gives((*path, "gives"), form["gives"]),
            self._fan_out((*path, "fan_out"), form["fan_out"]) if "fan_out" in form else None,
            self._timeouts((*path, "timeouts"), form.get("timeouts"), timeouts),
            read_said(self, path, form, with_stages=False),
        )

    def _segment(self, path: Path, node: Json) -> str:
        text = self.text(path, node, "a path segment")
        if "/" in text or text in (".", ".."):
            hint = "write each step of the path as an item of its own: [v1, pictures]"
            self.fault("form-shape", f"{text!r} is no segment of a path", self.document.at(*path), hint)
        return text

    def _gives(self, path: Path, node: Json) -> Gives:
        form = self.mapping(path, node, "'gives'")
        self.known(path, form, {"count", "width", "height"}, "'gives'")
        for word in ("count", "width", "height"):
            if word not in form:
                self.fault("form-shape", f"'gives' must say {word!r}", self.document.at(*path))
        count, width, height = (self.expression((*path, w), form.get(w, "")) for w in ("count", "width", "height"))
        return Gives(count, width, height)

    def _fan_out(self, path: Path, node: Json) -> FanOut:
        form = self.mapping(path, node, "'fan_out'")
        self.known(path, form, {"over", "add_index"}, "'fan_out'")
        over = self.text((*path, "over"), form.get("over"), "'over'")
        place = (*path, "add_index")
        fields = self.mapping(place, form.get("add_index"), "'add_index'")
        added = tuple(
            (name, None if test == "always" else self.condition((*place, name), test)) for name, test in fields.items()
        )
        return FanOut(over, added, self.document.at(*path))

    def _timeouts(self, path: Path, node: Json, known: Timeouts) -> Timeouts:
        form = self.mapping(path, node, "'timeouts'")
        self.known(path, form, {"connect", "read"}, "'timeouts'")
        seconds = {"connect": known.connect, "read": known.read}
        for word, value in ((word, form[word]) for word in seconds if word in form):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if number and 0 < value <= _MAX_SECONDS:  # type: ignore[operator]
                seconds[word] = float(value)  # type: ignore[arg-type]
            else:
                message = f"{word!r} is in seconds, above 0 and at most a day"
                self.fault("form-shape", message, self.document.at(*path, word))
        return Timeouts(seconds["connect"], seconds["read"])
