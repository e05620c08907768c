"""A graph while a table is walked: its nodes with what their inputs were given, and the wires as they stand.

A wire is a name for the output of a node; a section reads it as it stands and may set it anew, so a table reads in
the order in which the picture flows. What cannot be (a node that is there already, a wire that nothing set) is
reported to whoever walks. This module knows nodes and wires; it knows neither values nor what they are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from engine.errors import Position, did_you_mean
from engine.tables.forms import Link, NodeForm, Setting
from engine.tables.nodes import NodeClass, Nodes

__all__ = ["Graph", "Node", "Output"]

W = TypeVar("W")


class Fault(Protocol):
    """Where something that cannot be is reported."""

    def __call__(self, code: str, message: str, at: Position, hint: str | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a node. `type` is that of what comes out of it."""

    node: str
    index: int
    type: str


@dataclass(slots=True)
class Node(Generic[W]):
    """One node: what its inputs were given, in the order in which they were. `kind`: None for an unknown class."""

    name: str
    class_name: str
    kind: NodeClass | None
    form: NodeForm
    inputs: dict[str, W] = field(default_factory=dict)


@dataclass(slots=True)
class _Wire:
    output: Output | None
    setting: Setting
    is_read: bool = False


class Graph(Generic[W]):
    """The graph of one walk. Names inside of an `each` get the item's number: `lora` is `lora_2` for the second."""

    def __init__(self, nodes: Nodes, fault: Fault) -> None:
        self.nodes: dict[str, Node[W]] = {}
        self.read_settings: set[Position] = set()
        self._known, self._fault = nodes, fault
        self._wires: dict[str, _Wire] = {}

    def add(self, form: NodeForm, suffix: str, copied: Callable[[str, W], W]) -> Node[W] | None:
        """A node as a table adds it; None where it cannot be. `copied` makes an input its own that it takes over."""
        name = form.name + suffix
        if name in self.nodes:
            message = f"there is a node {name!r} already, from {self.nodes[name].form.at}"
            self._fault("node-twice", message, form.at, "give it a name of its own")
            return None
        inputs: dict[str, W] = {}
        if form.like is not None:
            model = self.find(form.like, suffix, form.at)
            kind, class_name = (None, "") if model is None else (model.kind, model.class_name)
            inputs = {} if model is None else {key: copied(name, value) for key, value in model.inputs.items()}
        else:
            class_name = str(form.class_name)
            kind = self._known.classes.get(class_name)
            if kind is None:
                hint = did_you_mean(class_name, self._known.classes)
                message = f"{self._known.name} knows no nodes of class {class_name!r}"
                self._fault("node-unknown-class", message, form.at, hint)
        self.nodes[name] = Node(name, class_name, kind, form, inputs)
        return self.nodes[name]

    def find(self, name: str, suffix: str, at: Position) -> Node[W] | None:
        """The node of this name as it is called here: that of the same item first, then those around it."""
        for spelled in _spellings(name, suffix):
            if spelled in self.nodes:
                return self.nodes[spelled]
        hint = did_you_mean(name, self.nodes) or "a node is there from the section on that adds it, where that applies"
        self._fault("node-unknown", f"there is no node {name!r} here", at, hint)
        return None

    def output_of(self, link: Link, suffix: str) -> Output | None:
        """What a link leads to; None where it leads nowhere."""
        node_name, dot, output = link.name.partition(".")
        if not dot:
            return self._read(link)
        node = self.find(node_name, suffix, link.at)
        if node is None or node.kind is None:
            return None
        index = node.kind.output(output)
        if index is None:
            names = [name for name, _ in node.kind.outputs]
            hint = did_you_mean(output, names) or f"it has: {', '.join(names) or 'none'}"
            self._fault("node-unknown-output", f"{node.class_name} has no output {output!r}", link.at, hint)
            return None
        return Output(node.name, index, node.kind.outputs[index][1])

    def _read(self, link: Link) -> Output | None:
        wire = self._wires.get(link.name)
        if wire is None:
            hint = did_you_mean(link.name, self._wires) or "a wire is there from the section on that sets it"
            self._fault("wire-unknown", f"no wire {link.name!r} is set here", link.at, hint)
            return None
        wire.is_read = True
        self.read_settings.add(wire.setting.at)
        return wire.output

    def set(self, setting: Setting, suffix: str) -> None:
        """Set a wire, anew if it is set. What it led to must have been read: else that work is lost."""
        output = self.output_of(setting.source, suffix)
        known = self._wires.get(setting.wire)
        if known is not None and not known.is_read:
            message = f"the wire {setting.wire!r} is set anew, and nothing has read what {known.setting.at} set it to"
            hint = "link it to what comes in here, or set it in an 'else'"
            self._fault("wire-lost", message, setting.at, hint)
        self._wires[setting.wire] = _Wire(output, setting)


def _spellings(name: str, suffix: str) -> Iterator[str]:
    """A name with the numbers of the items that it may stand in, the innermost first."""
    while suffix:
        yield name + suffix
        suffix = suffix.rpartition("_")[0]
    yield name
