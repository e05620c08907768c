"""The questions that tell what a server has, as backend.yaml writes them: requests, and where names stand in answers.

A list says where its items stand (`each`) and which names one item goes by (`names`): what servers call a checkpoint is
its title, its file's name and that without an ending, and any of them finds it. This module reads the forms; who asks
the questions is `engine.conversation.probing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from engine.backends.places import Place
from engine.backends.request_reader import RequestReader
from engine.backends.steps import RequestForm
from engine.errors import Finding, Position, did_you_mean
from engine.proofs.kinds import KINDS
from engine.tables.conversions import CONVERSIONS
from engine.tables.forms import Convert, Lookup, Step
from engine.tables.shapes import Path
from engine.values import Json

__all__ = ["FACTS", "ListForm", "NameForm", "Probe", "Question", "probe_findings", "read_probe"]

#: What a server may tell of itself beside lists: its version, and the checkpoint that it has loaded.
FACTS = ("version", "checkpoint")


@dataclass(frozen=True, slots=True)
class NameForm:
    """Where a name of an item stands in it, and the conversions that make it what requests say."""

    place: Place
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class ListForm:
    """Where the items of a list stand, and where in one item its names; the first is the one that is shown."""

    each: tuple[Place, ...]
    names: tuple[NameForm, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One request, and what its answer tells. `nodes`: where it gives an account of nodes, if it does."""

    request: RequestForm
    lists: Mapping[str, ListForm] = field(default_factory=dict)
    facts: Mapping[str, Place] = field(default_factory=dict)
    nodes: Place | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """All questions, by a name of their own. `needs`: for a stage type, what a list must hold for it to run.

    None takes away what an inherited description asks or needs.
    """

    questions: Mapping[str, Question | None] = field(default_factory=dict)
    needs: Mapping[str, Mapping[str, tuple[str, ...]] | None] = field(default_factory=dict)

    def over(self, parent: Probe) -> Probe:
        """What a parent asks and needs, with this put over it."""
        return Probe({**parent.questions, **self.questions}, {**parent.needs, **self.needs})


def read_probe(reader: RequestReader, path: Path, node: Json) -> Probe:
    """`probe`: the questions, in the order in which they are asked, and what stages need."""
    form = reader.mapping(path, node, "'probe'")
    reader.known(path, form, {"ask", "needs"}, "'probe'")
    ask = (*path, "ask")
    questions = {
        name: None if part is None else _question(reader, (*ask, name), part)
        for name, part in reader.mapping(ask, form.get("ask"), "'ask'").items()
    }
    needs = {
        stage: None if part is None else _needs(reader, (*path, "needs", stage), part)
        for stage, part in reader.mapping((*path, "needs"), form.get("needs"), "'needs'").items()
    }
    return Probe(questions, needs)


def probe_findings(probe: Probe, stages: Collection[str], at: Position) -> Iterator[Finding]:
    """Stage types that need something and that there are not; `at` is where the back end is described."""
    for stage in probe.needs:
        if stage not in stages:
            hint = did_you_mean(stage, stages)
            yield Finding("backend-unknown-stage", f"'needs' names a stage type {stage!r}", at=at, hint=hint)


def _question(reader: RequestReader, path: Path, node: Json) -> Question:
    form = reader.mapping(path, node, "a question")
    reader.known(path, form, {"request", "lists", "facts", "nodes"}, "a question")
    request = reader.request((*path, "request"), form.get("request"))
    if request.method != "GET":
        message = "a question changes nothing: its method is GET"
        reader.fault("form-shape", message, reader.document.at(*path, "request"))
    lists = reader.mapping((*path, "lists"), form.get("lists"), "'lists'")
    facts = reader.mapping((*path, "facts"), form.get("facts"), "'facts'")
    reader.known((*path, "lists"), lists, KINDS, "'lists'")
    reader.known((*path, "facts"), facts, FACTS, "'facts'")
    if not (lists or facts or "nodes" in form):
        reader.fault("form-shape", "a question must say what its answer tells", reader.document.at(*path))
    return Question(
        request,
        {name: _list(reader, (*path, "lists", name), part) for name, part in lists.items()},
        {name: reader.place((*path, "facts", name), part) for name, part in facts.items()},
        reader.place((*path, "nodes"), form["nodes"]) if "nodes" in form else None,
    )


def _list(reader: RequestReader, path: Path, node: Json) -> ListForm:
    form = reader.mapping(path, node, "a list of names")
    reader.known(path, form, {"each", "names"}, "a list of names")
    each, place = form.get("each"), (*path, "each")
    if isinstance(each, list):
        places = tuple(reader.place((*place, index), part) for index, part in enumerate(each))
    else:
        places = (reader.place(place, each),)
    names = reader.items((*path, "names"), form.get("names", [""]), "'names'")
    if not names:
        reader.fault("form-shape", "an item needs at least one name", reader.document.at(*path, "names"))
    return ListForm(places, tuple(_name(reader, (*path, "names", i), part) for i, part in enumerate(names)))


def _name(reader: RequestReader, path: Path, node: Json) -> NameForm:
    if not isinstance(node, dict):
        return NameForm(reader.place(path, node))
    reader.known(path, node, {"at", "as"}, "a name")
    steps = reader.steps(path, node)
    for step in steps:
        if isinstance(step, Lookup) or not _is_plain(step):
            word = step.conversion if isinstance(step, Convert) else ""
            hint = did_you_mean(word, CONVERSIONS) if word and word not in CONVERSIONS else None
            message = "a name is changed by conversions without a parameter alone, such as strip_hash"
            reader.fault("form-shape", message, reader.document.at(*path, "as"), hint)
    return NameForm(reader.place((*path, "at"), node.get("at")), steps)


def _is_plain(step: Convert) -> bool:
    known = CONVERSIONS.get(step.conversion)
    return known is not None and known.inputs == 1 and known.parameter == "none"


def _needs(reader: RequestReader, path: Path, node: Json) -> dict[str, tuple[str, ...]]:
    form = reader.mapping(path, node, "what a stage type needs")
    reader.known(path, form, KINDS, "what a stage type needs")
    return {
        name: tuple(
            reader.text((*path, name, i), one, "a name")
            for i, one in enumerate(reader.items((*path, name), part, "names"))
        )
        for name, part in form.items()
    }
