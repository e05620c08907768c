"""What a back end's `backend.yaml` says: which stages it runs, how they are sent, and what an answer means.

This module knows that file as a whole, its stages and what it inherits; `step_reader` knows its steps and
`answer_forms` its answers. Values in it (`gives`, a fan-out's conditions) are expressions of the table language. It
neither builds nor sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.backends.answer_forms import AnswerForm, ErrorForm
from engine.backends.capabilities import Said, read_said
from engine.backends.probe_forms import Probe, read_probe
from engine.backends.step_reader import STEP_WORDS, StepReader
from engine.backends.steps import Accept, RequestForm, Submit, Timeouts
from engine.backends.verify import Verify, read_verify
from engine.documents import Document
from engine.errors import Position, TableError, did_you_mean
from engine.notations import NOTATIONS
from engine.tables.forms import Condition, Expression, LookupTable
from engine.tables.shapes import Path
from engine.values import Json, Later

__all__ = ["BackendDescription", "FanOut", "Gives", "StageDescription", "read_backend"]

_TOP_WORDS = frozenset(
    {"format", "name", "title", "extends", "overrides", "default", "preview", "errors", "answers", "stages"}
    | {"lookups", "timeouts", "cannot", "can", "probe", "notations", "verify", *STEP_WORDS}
)
_STAGE_WORDS = frozenset({"table", "post", "submit", "answer", "gives", "fan_out", "timeouts", "cannot", "can"})


@dataclass(frozen=True, slots=True)
class Gives:
    """How many pictures one call gives, and their size in pixels, as expressions over the request's fields."""

    count: Expression
    width: Expression
    height: Expression

    @property
    def sizes(self) -> tuple[Expression, ...]:
        """All of them."""
        return self.count, self.width, self.height


@dataclass(frozen=True, slots=True)
class FanOut:
    """Several calls for one request: for every item of a list field (`over`), so many `times`, or both.

    `add_index`: the fields to which the call's number is added, when; it is the item's number and the time's together.
    """

    over: str | None
    times: Expression | None
    add_index: tuple[tuple[str, Condition | None], ...]
    at: Position


@dataclass(frozen=True, slots=True)
class StageDescription:
    """How a back end runs one stage type. `submit`: how its payload is sent; None: as the back end's own step says."""

    stage: str
    at: Position
    table: str
    submit: Submit | None
    answer: str
    gives: Gives
    fan_out: FanOut | None
    timeouts: Timeouts
    said: Said


@dataclass(frozen=True, slots=True)
class BackendDescription:
    """One back end as its own file says; what it inherits is added by the catalog.

    `steps`: the steps that it states, by their words; None where it takes one away that its parent has.
    """

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
    steps: Mapping[str, Any] = field(default_factory=dict)
    verify: Verify = field(default_factory=Verify)
    probe: Probe = field(default_factory=Probe)
    notations: tuple[str, ...] | None = None


def read_backend(document: Document, name: str) -> BackendDescription:
    """The description in this document, which lies in the folder `name`. Raises TableError with all findings."""
    reader = _Reader(document)
    description = reader.read(name)
    if reader.findings:
        raise TableError(reader.findings)
    return description


class _Reader(StepReader):
    def read(self, folder: str) -> BackendDescription:
        top = self.mapping((), self.document.value, "backend.yaml")
        self.known((), top, _TOP_WORDS, "backend.yaml")
        self.format(top, "backend.yaml")
        name = self.text(("name",), top.get("name"), "a back end's 'name'")
        if name and name != folder:
            message = f"the back end {name!r} lies in a folder {folder!r}: they must be the same"
            self.fault("backend-name", message, self.document.at("name"))
        timeouts = self.timeouts(("timeouts",), top.get("timeouts"), Timeouts())
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
            errors=self.errors(("errors",), top["errors"]) if "errors" in top else None,
            answers={
                key: self.answer(("answers", key), node)
                for key, node in self.mapping(("answers",), top.get("answers"), "'answers'").items()
            },
            stages={key: stage for key, stage in stages.items() if stage is not None},
            verify=read_verify(self, ("verify",), top["verify"]) if "verify" in top else Verify(),
            said=read_said(self, (), top, with_stages=True),
            lookups={**lookups, **self.lookups},
            steps=self.stated_steps(top),
            probe=read_probe(self, ("probe",), top.get("probe")),
            notations=self._notations(("notations",), top["notations"]) if "notations" in top else None,
        )

    def _flag(self, word: str, node: Mapping[str, Json]) -> bool:
        return self.flag((word,), node[word], f"'{word}'") if word in node else False

    def _notations(self, path: Path, node: Json) -> tuple[str, ...]:
        names = self.items(path, node, "'notations'")
        found = tuple(self.text((*path, i), name, "a notation's name") for i, name in enumerate(names))
        for index, name in enumerate(found):
            if name and name not in NOTATIONS:
                hint = did_you_mean(name, NOTATIONS) or f"there are: {', '.join(NOTATIONS)}"
                self.fault("form-unknown-word", f"there is no notation {name!r}", self.document.at(*path, index), hint)
        return found

    def _stage(self, stage: str, path: Path, node: Json, timeouts: Timeouts) -> StageDescription | None:
        form = self.mapping(path, node, "a stage")
        self.known(path, form, _STAGE_WORDS, "a stage")
        missing = [word for word in ("answer", "gives") if word not in form]
        if missing:
            message = f"the stage {stage} must say {' and '.join(missing)}"
            self.fault("form-shape", message, self.document.key_at(*path))
            return None
        if "post" in form and "submit" in form:
            message = "a stage says 'post' or 'submit': the first is short for a POST of the payload as JSON"
            self.fault("form-choice", message, self.document.key_at(*path))
        submit = None
        if "post" in form:
            place = (*path, "post")
            segments, at = self.segments(place, form["post"]), self.document.at(*place)
            submit = Submit(RequestForm("POST", segments, at, body=Later("payload"), has_body=True), Accept())
        elif "submit" in form:
            submit = self.submit((*path, "submit"), form["submit"])
        return StageDescription(
            stage,
            self.document.key_at(*path),
            self.text((*path, "table"), form["table"], "'table'") if "table" in form else stage,
            submit,
            self.text((*path, "answer"), form["answer"], "'answer'"),
            self._gives((*path, "gives"), form["gives"]),
            self._fan_out((*path, "fan_out"), form["fan_out"]) if "fan_out" in form else None,
            self.timeouts((*path, "timeouts"), form.get("timeouts"), timeouts),
            read_said(self, path, form, with_stages=False),
        )

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
        self.known(path, form, {"over", "times", "add_index"}, "'fan_out'")
        if not form.keys() & {"over", "times"}:
            message = "'fan_out' says 'over' which list there is a call for each, or how many 'times'"
            self.fault("form-shape", message, self.document.at(*path))
        over = self.text((*path, "over"), form["over"], "'over'") if "over" in form else None
        times = self.expression((*path, "times"), form["times"]) if "times" in form else None
        place = (*path, "add_index")
        fields = self.mapping(place, form.get("add_index"), "'add_index'")
        added = tuple(
            (name, None if test == "always" else self.condition((*place, name), test)) for name, test in fields.items()
        )
        return FanOut(over, times, added, self.document.at(*path))
