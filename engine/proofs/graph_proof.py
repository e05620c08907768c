"""What is wrong with a graph on one path: inputs, links, and nodes whose work goes nowhere.

The walk has built the graph on sets of values; here each node is held against the description of its class. What is
not certain is wrong: an input that a node requires must be given for every value that a field may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.errors import Finding, Position, did_you_mean
from engine.proofs.fits import misfits
from engine.proofs.paths import SymbolicScope
from engine.tables.domains import Domain, Wired, described, fingerprint
from engine.tables.forms import Section
from engine.tables.graphs import Graph, Node
from engine.tables.nodes import NodeInput, Nodes, joins
from engine.tables.traverse import sections_of
from engine.tables.validation import Problem
from engine.tables.walk import Written

__all__ = ["GraphProof"]

Entry = Written[Domain, SymbolicScope]


class GraphProof:
    """The proof of a table's graphs, path by path."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._read: set[object] = set()  # where the wires are set that some path reads
        self._known: dict[object, tuple[Problem, ...]] = {}

    def findings(self, graph: Graph[Entry], at: Position) -> Iterator[Finding]:
        """Everything that is wrong with the graph of one path; `at` is where its table stands."""
        self._read |= graph.read_settings
        for node in graph.nodes.values():
            yield from self._node_findings(node)
        yield from _reach_findings(graph, at)

    def unread_findings(self, flow: Iterable[Section]) -> Iterator[Finding]:
        """Wires that are set and that no path reads."""
        for section in sections_of(flow):
            for setting in section.sets:
                if setting.at not in self._read:
                    message = f"the wire {setting.wire!r} is set, and nothing ever reads it"
                    yield Finding("wire-unread", message, at=setting.at, origin=setting.inherited_by)

    def _node_findings(self, node: Node[Entry]) -> Iterator[Finding]:
        kind = node.kind
        if kind is None:
            return
        for key, entry in node.inputs.items():
            target = f"{node.name}/{key}"
            row = entry.row
            if key not in kind.inputs:
                message = f"{target}: nodes of class {kind.name} have no such input"
                hint = did_you_mean(key, kind.inputs)
                yield Finding("row-unknown-target", message, at=row.at, hint=hint, origin=row.inherited_by)
                continue
            for problem in self._misfits(kind.inputs[key], entry.value):
                place = "/".join((target, *problem.path))
                message = f"{place} {problem.message}"
                yield Finding("row-misfit", message, at=row.at, hint=problem.hint, origin=row.inherited_by)
        for key, wanted in kind.inputs.items():
            given = node.inputs.get(key)
            if wanted.required and (given is None or not given.value.always):
                often = "never" if given is None or given.value.never else "not always"
                message = f"{node.name}/{key} is required by nodes of class {kind.name} and {often} given"
                yield Finding("row-misfit", message, at=node.form.at, origin=node.form.inherited_by)

    def _misfits(self, wanted: NodeInput, domain: Domain) -> tuple[Problem, ...]:
        """The ways in which some value is none that the input takes; kept, since most paths ask the same."""
        mark = fingerprint(domain)
        if mark == ():
            return tuple(_input_misfits(wanted, domain))
        key = id(wanted), mark
        if key not in self._known:
            self._known[key] = tuple(_input_misfits(wanted, domain))
        return self._known[key]


def _input_misfits(wanted: NodeInput, domain: Domain) -> Iterator[Problem]:
    links = [part for part in domain.parts if isinstance(part, Wired)]
    others = Domain(tuple(part for part in domain.parts if not isinstance(part, Wired)))
    for link in links:
        if wanted.type is None:
            yield Problem((), f"gets a link of type {link.type}, and takes values only")
        elif not joins(wanted.type, link.type):
            yield Problem((), f"gets a link of type {link.type}, and the node wants {wanted.type}")
    if wanted.type is None:
        yield from misfits(others, dict(wanted.schema))
    elif others.parts:
        hint = "write it under 'links', or {link: …}"
        yield Problem((), f"gets {described(others)}, and the node wants a link of type {wanted.type}", hint)


def _reach_findings(graph: Graph[Entry], at: Position) -> Iterator[Finding]:
    """A finding for every node from which no link leads on to a result."""
    results = [node.name for node in graph.nodes.values() if node.kind is not None and node.kind.result]
    sources = {name: _sources(node) for name, node in graph.nodes.items()}
    if any(node.kind is None or "" in sources[name] for name, node in graph.nodes.items()):
        return  # what is wrong with a link would make all behind it look lost
    if not results:
        yield Finding("graph-no-result", "no node of this graph gives a result", at=at)
        return
    reached, waiting = set(results), results
    while waiting:
        beyond = sources[waiting.pop()] - reached
        waiting += sorted(beyond)
        reached |= beyond
    for name, node in graph.nodes.items():
        if name not in reached:
            message = f"nothing that the node {name!r} gives reaches a result"
            hint = "link it on, or set the wire that the next section reads"
            yield Finding("node-unreached", message, at=node.form.at, hint=hint, origin=node.form.inherited_by)


def _sources(node: Node[Entry]) -> set[str]:
    """The nodes that links of this one lead to; "" for a link that leads nowhere."""
    return {part.node for entry in node.inputs.values() for part in entry.value.parts if isinstance(part, Wired)}
