"""The description of a server's nodes: what a graph may be made of, and whether a graph is.

`schemas/<back end>/nodes.json` describes the classes of nodes, each with its inputs (a kind, bounds, choices), its
outputs and their types. The server's own account of itself can be read into the same form
(`engine.tables.live_nodes`); how that is spelled is data in the file, and so is how a node is written in a graph.
This module knows nodes and values; it knows neither tables nor which back end it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from engine.documents import Document
from engine.errors import Position, TableError, did_you_mean
from engine.tables.shapes import Path, ShapeReader
from engine.tables.validation import Problem, problems_of, validator
from engine.values import ABSENT, Absent, Json, is_integer, is_number

__all__ = ["Kind", "LiveForm", "NodeClass", "NodeInput", "Nodes", "joins", "read_nodes"]

#: What an input takes. `file`: the name of a file of the server's; `picture`: a picture that is sent; `link`: only the
#: output of another node.
Kind: TypeAlias = Literal["integer", "number", "text", "boolean", "choice", "file", "picture", "link"]


@dataclass(frozen=True, slots=True)
class NodeInput:
    """One input of a class of nodes. `type`: that of the links that it takes; `choices`: None where any value is."""

    name: str
    kind: Kind
    required: bool = True
    type: str | None = None
    choices: tuple[Json, ...] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    default: Json | Absent = ABSENT

    @property
    def schema(self) -> Mapping[str, Json]:
        """What a value that is no link must be."""
        if self.choices is not None:
            return {"enum": list(self.choices)}
        match self.kind:
            case "integer" | "number":
                bounds: dict[str, Json] = {"minimum": self.low, "maximum": self.high}
                if self.kind == "integer" and self.step is not None and self.step > 1:
                    bounds["multipleOf"] = self.step  # the server cuts what lies between, and says nothing
                return {"type": self.kind, **{word: bound for word, bound in bounds.items() if bound is not None}}
            case "boolean":
                return {"type": "boolean"}
            case "picture":
                return {"type": "string", "contentMediaType": "image/*"}
            case "text":
                return {"type": "string"}
            case _:
                return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class NodeClass:
    """One class of nodes.

    `outputs`: name and type of each; `result`: what it is given is a result of the graph; `package`: what has to be
    installed for it, None for a class that every server has.
    """

    name: str
    inputs: Mapping[str, NodeInput]
    outputs: tuple[tuple[str, str], ...]
    result: bool = False
    package: str | None = None

    def output(self, name: str) -> int | None:
        """The index of the output of this name, or of this number. None where there is none."""
        if name.isdecimal() and int(name) < len(self.outputs):
            return int(name)
        return next((index for index, (known, _) in enumerate(self.outputs) if known == name), None)


@dataclass(frozen=True, slots=True)
class LiveForm:
    """How the server spells its own account: where its parts are, and its words for the kinds of inputs."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    outputs: str
    output_names: str
    result: str
    types: Mapping[str, Kind]
    words: Mapping[str, str]  # choices, picture, min, max, step, default -> the server's words


@dataclass(frozen=True)
class Nodes:
    """A description of nodes. `name` is its file under schemas/ without the suffix.

    `class_key`, `inputs_key`: under which a node of a graph names its class and holds its inputs; `title`: where a
    drawn one has its title; `unreadable`: the classes of a server's account that could not be understood.
    """

    name: str
    at: Position
    classes: Mapping[str, NodeClass]
    class_key: str
    inputs_key: str
    live: LiveForm | None = None
    title: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = field(default=(), compare=False)

    def problems(self, graph: object, *, encoded_images: bool = False) -> list[Problem]:
        """Every way in which a graph breaks the description, in its order.

        Pictures are handles; with `encoded_images` they are text, as on the wire.
        """
        if not isinstance(graph, Mapping):
            return [Problem((), "must be a graph: a mapping from nodes")]
        nodes = graph.items()
        return [p for name, node in nodes for p in self._node_problems(graph, str(name), node, not encoded_images)]

    def class_of(self, graph: Mapping[str, object], name: object) -> NodeClass | None:
        """The class of a node of a graph; None where there is no such node or class."""
        node = graph.get(name) if isinstance(name, str) else None
        word = node.get(self.class_key) if isinstance(node, Mapping) else None
        return self.classes.get(word) if isinstance(word, str) else None

    def _node_problems(self, graph: Mapping[str, object], name: str, node: object, handles: bool) -> Iterator[Problem]:
        if not isinstance(node, Mapping) or not isinstance(node.get(self.inputs_key), Mapping):
            yield Problem((name,), f"must be a node: a mapping with {self.class_key} and {self.inputs_key}")
            return
        kind, path = self.class_of(graph, name), (name, self.inputs_key)
        if kind is None:
            word = node.get(self.class_key)
            hint = did_you_mean(word, self.classes) if isinstance(word, str) else None
            yield Problem((name, self.class_key), "is no class of nodes that is known", hint)
            return
        given: Mapping[str, object] = node[self.inputs_key]
        for key, value in given.items():
            if key not in kind.inputs:
                yield Problem((*path, str(key)), "is not known there", did_you_mean(str(key), kind.inputs))
            elif kind.inputs[key].kind == "link":
                yield from self._link_problems(graph, kind.inputs[key], value, (*path, key))
            else:
                for problem in problems_of(validator(kind.inputs[key].schema, handles=handles), value):
                    yield Problem((*path, key, *problem.path), problem.message, problem.hint)
        for key, one in kind.inputs.items():
            if one.required and key not in given:
                yield Problem((*path, key), "is missing")

    def _link_problems(
        self, graph: Mapping[str, object], wanted: NodeInput, value: object, path: tuple[str, ...]
    ) -> Iterator[Problem]:
        if not (isinstance(value, (list, tuple)) and len(value) == 2 and is_integer(value[1])):
            yield Problem(path, "must be a link: a node and the number of one of its outputs")
            return
        source, index = self.class_of(graph, value[0]), int(value[1])
        if source is None or not 0 <= index < len(source.outputs):
            yield Problem(path, "leads to no output of a node of this graph")
        elif not joins(str(wanted.type), source.outputs[index][1]):
            yield Problem(path, f"wants {wanted.type}, and gets {source.outputs[index][1]}")


def joins(wanted: str, given: str) -> bool:
    """Whether an output of one type may go into an input of another. `*` is any; several stand with commas."""
    return "*" in (wanted, given) or set(given.split(",")) <= set(wanted.split(","))


# -- the file ---------------------------------------------------------------------------------------------------

_TOP_WORDS = frozenset({"format", "title", "written", "live", "choices", "classes"})
_CLASS_WORDS = frozenset({"package", "result", "inputs", "outputs"})
_LIVE_PLACES = frozenset({"required", "optional"})
_LIVE_WORDS = frozenset({"outputs", "output_names", "result"})
_LIVE_OPTIONS = frozenset({"choices", "picture", "min", "max", "step", "default"})


def read_nodes(document: Document, name: str) -> Nodes:
    """The description in this document. Raises TableError with all findings."""
    reader = _Reader(document)
    nodes = reader.read(name)
    if reader.findings:
        raise TableError(reader.findings)
    return nodes


class _Reader(ShapeReader):
    """Reads one description."""

    def read(self, name: str) -> Nodes:
        top = self.mapping((), self.document.value, "a description of nodes")
        self.known((), top, _TOP_WORDS, "a description of nodes")
        self.format(top, "a description of nodes")
        written = self.mapping(("written",), top.get("written"), "'written'")
        self.known(("written",), written, {"class", "inputs", "title"}, "'written'")
        place = ("written", "title")
        title = tuple(str(s) for s in self.items(place, written["title"], "'title'")) if "title" in written else ()
        class_key, inputs_key = (
            self.text(("written", word), written.get(word), f"'{word}'") for word in ("class", "inputs")
        )
        shared = {
            word: tuple(self.items(("choices", word), node, "choices"))
            for word, node in self.mapping(("choices",), top.get("choices"), "'choices'").items()
        }
        classes = {
            word: self._class(word, ("classes", word), node, shared)
            for word, node in self.mapping(("classes",), top.get("classes"), "'classes'").items()
        }
        live = self._live(("live",), top["live"]) if "live" in top else None
        return Nodes(name, self.document.at(), classes, class_key, inputs_key, live, title)

    def _class(self, name: str, path: Path, node: Json, shared: Mapping[str, tuple[Json, ...]]) -> NodeClass:
        form = self.mapping(path, node, "a class of nodes")
        self.known(path, form, _CLASS_WORDS, "a class of nodes")
        outputs = self.mapping((*path, "outputs"), form.get("outputs"), "'outputs'")
        inputs = self.mapping((*path, "inputs"), form.get("inputs"), "'inputs'")
        return NodeClass(
            name,
            {word: self._input(word, (*path, "inputs", word), one, shared) for word, one in inputs.items()},
            tuple((word, self.text((*path, "outputs", word), kind, "a type")) for word, kind in outputs.items()),
            result=self.flag((*path, "result"), form["result"], "'result'") if "result" in form else False,
            package=self.text((*path, "package"), form["package"], "'package'") if "package" in form else None,
        )

    def _input(self, name: str, path: Path, node: Json, shared: Mapping[str, tuple[Json, ...]]) -> NodeInput:
        form = self.mapping(path, node, "an input")
        required = not (self.flag((*path, "optional"), form["optional"], "'optional'") if "optional" in form else False)
        if "link" in form:
            self.known(path, form, {"link", "optional"}, "an input that takes links")
            return NodeInput(name, "link", required, self.text((*path, "link"), form["link"], "a type"))
        kind = next((known for known in get_args(Kind) if known == form.get("type") and known != "link"), None)
        if kind is None:
            hint = f"write {{link: TYPE}}, or a type: {', '.join(k for k in get_args(Kind) if k != 'link')}"
            self.fault("nodes-form", f"the input {name} is of no known kind", self.document.at(*path), hint)
            return NodeInput(name, "text", required)
        numbers = {"min", "max", "step"} if kind in ("integer", "number") else set[str]()
        beside = {"choices"} if kind == "choice" else set[str]()
        self.known(path, form, {"type", "optional", "default", *numbers, *beside}, f"an input of type {kind!r}")
        for word in numbers & form.keys():
            if not is_number(form[word]):
                self.fault("nodes-form", f"{word!r} must be a number", self.document.at(*path, word))
        low, high, step = (_number(form.get(word)) for word in ("min", "max", "step"))
        one = NodeInput(name, kind, required, None, None, low, high, step, form.get("default", ABSENT))
        if kind != "choice":
            return one
        listed = form.get("choices")
        if isinstance(listed, str) and listed not in shared:
            at = self.document.at(*path, "choices")
            self.fault("nodes-form", f"there are no choices {listed!r}", at, did_you_mean(listed, shared))
        elif not isinstance(listed, str):
            listed = self.items((*path, "choices"), listed, "choices")
        choices = shared.get(listed, ()) if isinstance(listed, str) else tuple(listed)
        return NodeInput(name, kind, required, choices=choices, default=form.get("default", ABSENT))

    def _live(self, path: Path, node: Json) -> LiveForm:
        form = self.mapping(path, node, "'live'")
        self.known(path, form, {"types"} | _LIVE_PLACES | _LIVE_WORDS | _LIVE_OPTIONS, "'live'")
        places = {
            word: tuple(str(step) for step in self.items((*path, word), form.get(word), f"'{word}'"))
            for word in _LIVE_PLACES
        }
        texts = {word: self.text((*path, word), form.get(word), f"'{word}'") for word in _LIVE_WORDS | _LIVE_OPTIONS}
        types: dict[str, Kind] = {}
        for word, kind in self.mapping((*path, "types"), form.get("types"), "'types'").items():
            found = next((known for known in get_args(Kind) if known == kind), None)
            if found is None:
                self.fault("nodes-form", f"{kind!r} is no kind of input", self.document.at(*path, "types", word))
            else:
                types[word] = found
        words = {word: texts[word] for word in _LIVE_OPTIONS}
        return LiveForm(
            places["required"],
            places["optional"],
            texts["outputs"],
            texts["output_names"],
            texts["result"],
            types,
            words,
        )


def _number(value: Json) -> float | None:
    return value if isinstance(value, (int, float)) and is_number(value) else None
