"""A server's own account of its nodes, read into the form of the shipped description.

How the account is spelled is data (`LiveForm`, in the shipped file). Choices come in two spellings: a list in the
place of the type, or an option. Names of files look like fixed choices there; what the shipped description calls a
file or a picture stays one, with the server's names as its choices. A class that cannot be understood is left out
and named: other people's nodes say what they like. This module reads one JSON value and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from engine.tables.nodes import Kind, LiveForm, NodeClass, NodeInput, Nodes
from engine.values import ABSENT, Json, is_number

__all__ = ["live_nodes"]


class _UnreadableError(Exception):
    """A class of nodes that is described in a way that is not known."""


def live_nodes(data: Json, known: Nodes) -> Nodes:
    """The nodes that a server says it has. `known`: the shipped description, which says how such an account is read.

    Raises ValueError where the data is no account at all, or the description does not say how to read one.
    """
    form = known.live
    if form is None:
        raise ValueError(f"{known.name} does not say how a server describes its nodes")
    if not isinstance(data, dict) or not data:
        raise ValueError("this is no account of nodes: it must be a mapping from classes")
    classes, unreadable = {}, []
    for name, node in data.items():
        try:
            classes[name] = _class(name, node, form, known.classes.get(name))
        except _UnreadableError:
            unreadable.append(name)
    return replace(known, classes=classes, unreadable=tuple(unreadable))


def _class(name: str, node: Json, form: LiveForm, shipped: NodeClass | None) -> NodeClass:
    if not isinstance(node, dict):
        raise _UnreadableError
    inputs: dict[str, NodeInput] = {}
    for place, required in ((form.required, True), (form.optional, False)):
        for key, spec in _mapping_at(node, place).items():
            inputs[key] = _input(key, spec, form, required, None if shipped is None else shipped.inputs.get(key))
    types, names = _texts(node.get(form.outputs)), _texts(node.get(form.output_names, node.get(form.outputs)))
    if len(types) != len(names):
        raise _UnreadableError
    package = None if shipped is None else shipped.package
    return NodeClass(name, inputs, tuple(zip(names, types, strict=True)), node.get(form.result) is True, package)


def _mapping_at(node: Json, place: tuple[str, ...]) -> Mapping[str, Json]:
    """The mapping at a place; an empty one where nothing stands there."""
    for step in place:
        if not isinstance(node, dict):
            raise _UnreadableError
        node = node.get(step)
        if node is None:
            return {}
    if not isinstance(node, dict):
        raise _UnreadableError
    return node


def _texts(node: Json) -> list[str]:
    """The names of types. One that is a list of choices itself counts as the type of a choice."""
    if not isinstance(node, list):
        raise _UnreadableError
    return [part if isinstance(part, str) else "*" for part in node]


def _input(name: str, spec: Json, form: LiveForm, required: bool, shipped: NodeInput | None) -> NodeInput:
    if not isinstance(spec, list) or not spec:
        raise _UnreadableError
    options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    words = form.words
    listed = spec[0] if isinstance(spec[0], list) else options.get(words["choices"])
    if not isinstance(spec[0], (str, list)):
        raise _UnreadableError
    kind: Kind = "choice" if isinstance(spec[0], list) else form.types.get(spec[0], "link")
    if kind == "link":
        return NodeInput(name, "link", required, str(spec[0]))
    if kind == "choice":
        if shipped is not None and shipped.kind in ("file", "picture"):
            kind = shipped.kind
        elif options.get(words["picture"]) is True:
            kind = "picture"
        if kind == "picture":  # those are sent: what lies on the server already does not count
            return NodeInput(name, kind, required)
        choices = tuple(listed) if isinstance(listed, list) else None
        return NodeInput(name, kind, required, choices=choices, default=options.get(words["default"], ABSENT))
    low, high, step = (next(_numbers(options.get(words[word])), None) for word in ("min", "max", "step"))
    return NodeInput(name, kind, required, None, None, low, high, step, options.get(words["default"], ABSENT))


def _numbers(value: Json) -> Iterator[float]:
    if isinstance(value, (int, float)) and is_number(value):
        yield value
