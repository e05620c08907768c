"""Graphs that were drawn in a server's own editor, taken into a table: `import`.

A workflow's nodes are known by their titles, which become their names; what a table binds to an input stands in the
place of what was drawn there, and nodes that are cut are left out, so that sections can join in. How a workflow is
written is the description's to say. This module turns one into nodes as a table would add them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.documents import Document
from engine.errors import Position, did_you_mean
from engine.tables.forms import Constant, Expression, Link, NodeForm, Row
from engine.tables.nodes import Nodes
from engine.values import Json, is_integer

__all__ = ["FindWorkflow", "Import", "imported", "is_word"]

_WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")

#: Where a workflow of this file name lies, and the nodes that a graph of this description is made of.
FindWorkflow: TypeAlias = Callable[[str, str], "tuple[Document, Nodes] | None"]

Fault: TypeAlias = Callable[[str, Position], None]


@dataclass(frozen=True, slots=True)
class Import:
    """What a table says of a workflow: titles and the names they get, nodes that are cut, inputs that are bound."""

    names: Mapping[str, str]
    cut: Mapping[str, Position]
    bind: Mapping[tuple[str, str], tuple[Expression, Position]]
    at: Position


def is_word(text: str) -> bool:
    """Whether this may name a node or a wire: small letters, digits and single underscores, beginning with a letter."""
    return _WORD.fullmatch(text) is not None


def imported(document: Document, nodes: Nodes, said: Import, fault: Fault) -> tuple[NodeForm, ...]:
    """The nodes of a workflow in the order in which they run. What cannot be is reported to `fault`."""
    drawn = document.value if isinstance(document.value, dict) else {}
    names = _names(document, drawn, nodes, said, fault)
    if names is None:
        return ()
    for name, at in said.cut.items():
        if name not in names.values():
            fault(f"the workflow has no node {name!r}{_near(name, names)}", at)
    forms = {
        name: _node(document, key, drawn[key], nodes, said, names, fault)
        for key, name in names.items()
        if name not in said.cut
    }
    given = {row.target for form in forms.values() for row in form.rows}
    for target, (_, at) in said.bind.items():
        if target[0] not in forms:
            fault(f"the workflow has no node {target[0]!r}{_near(target[0], names)}", at)
        elif target not in given:
            inputs = [key for node, key in given if node == target[0]]
            hint = did_you_mean(target[1], inputs)
            fault(f"the node {target[0]!r} has no input {target[1]!r}{f' - {hint}' if hint else ''}", at)
    return _in_order(forms, said, fault)


def _names(
    document: Document, drawn: Mapping[str, Json], nodes: Nodes, said: Import, fault: Fault
) -> dict[str, str] | None:
    """Key in the workflow -> the node's name; None where what lies there is no workflow."""
    names: dict[str, str] = {}
    titles = set()
    for key, node in drawn.items():
        inner = node if isinstance(node, dict) else {}
        if not isinstance(inner.get(nodes.class_key), str) or not isinstance(inner.get(nodes.inputs_key), dict):
            fault("this is no workflow: export it in the form for the API", document.key_at(key))
            return None
        title = _title(inner, nodes)
        titles.add(title)
        name = said.names.get(title, "_".join(re.findall(r"[a-z0-9]+", title.lower())))
        if not is_word(name):
            fault(f"the node {title!r} of the workflow has no name: give it one under 'names'", said.at)
        elif name in names.values():
            fault(f"two nodes of the workflow would be called {name!r}: tell them apart under 'names'", said.at)
        names[key] = name
    for title in said.names.keys() - titles:
        fault(f"the workflow has no node with the title {title!r}", said.at)
    return names if names else None


def _title(node: Mapping[str, Json], nodes: Nodes) -> str:
    """A node's title; that of its class where it has none."""
    found: Json = dict(node)
    for step in nodes.title:
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found.strip() else str(node[nodes.class_key])


def _node(
    document: Document, key: str, node: Json, nodes: Nodes, said: Import, names: Mapping[str, str], fault: Fault
) -> NodeForm:
    name, rows = names[key], []
    drawn = node if isinstance(node, dict) else {}
    inputs = drawn.get(nodes.inputs_key)
    for word, value in inputs.items() if isinstance(inputs, dict) else ():
        at = document.at(key, nodes.inputs_key, word)
        if (name, word) in said.bind:
            expression, at = said.bind[name, word]
        elif isinstance(value, list) and len(value) == 2 and str(value[0]) in names and is_integer(value[1]):
            source = names[str(value[0])]
            expression = Link(f"{source}.{value[1]}", at)
            if source in said.cut:
                fault(f"{name}/{word} comes from {source!r}, which is cut: bind it to a wire, {{link: …}}", said.at)
        else:
            expression = Constant(value, at)
        rows.append(Row((name, word), expression, at))
    return NodeForm(name, str(drawn.get(nodes.class_key)), None, tuple(rows), document.key_at(key))


def _in_order(forms: Mapping[str, NodeForm], said: Import, fault: Fault) -> tuple[NodeForm, ...]:
    """Each node after those that it is linked to."""
    ordered: dict[str, NodeForm] = {}
    waiting = dict(forms)
    while waiting:
        ready = [name for name, form in waiting.items() if not (_sources(form) & waiting.keys())]
        if not ready:
            fault(f"the workflow goes in a circle: {', '.join(waiting)}", said.at)
            return tuple(forms.values())
        for name in ready:
            ordered[name] = waiting.pop(name)
    return tuple(ordered.values())


def _sources(form: NodeForm) -> set[str]:
    links = (row.expression for row in form.rows if isinstance(row.expression, Link))
    return {link.name.partition(".")[0] for link in links}


def _near(name: str, names: Mapping[str, str]) -> str:
    hint = did_you_mean(name, names.values())
    return f" - {hint}" if hint else ""
