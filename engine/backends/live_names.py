"""Holding a request against what a live server has: names that it lacks, nodes and scripts that a stage needs.

A server that is asked for a checkpoint or a sampler that it lacks often runs another one and says success. What is
compared is what the tables would send: a name goes through the very steps of the row that reads it. What the server did
not tell is not checked. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from engine.backends.build import Call
from engine.backends.catalog import Backend, BackendStage
from engine.backends.server import Entry, ServerDescription
from engine.errors import Finding, did_you_mean
from engine.proofs.kinds import KINDS
from engine.request import GenerateImagesRequest
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.forms import Each, Table, Take, target_text
from engine.tables.live_nodes import live_nodes
from engine.tables.nodes import NodeInput, Nodes
from engine.tables.traverse import names_in, of_kind, sections_of
from engine.tables.validation import Problem
from engine.tables.walk import Walker

__all__ = ["live_findings"]

#: So many names are listed where none is close.
_SHOWN = 8


def live_findings(
    backend: Backend, server: ServerDescription, request: GenerateImagesRequest, calls: Sequence[Call]
) -> list[Finding]:
    """Everything that a request wants and the server lacks. `calls`: what it is sent as."""
    stage = backend.stages.get(request.stage_type)
    if stage is None:
        return []
    found = [*_needed(backend, server, request)]
    contract: object = stage.contract
    if isinstance(contract, Nodes):
        found += _node_findings(stage, contract, server, request, calls)
    else:
        found += _name_findings(backend, stage, server, request)
    return [replace(finding, stage=request.stage_id, backend=backend.name) for finding in dict.fromkeys(found)]


def _needed(backend: Backend, server: ServerDescription, request: GenerateImagesRequest) -> Iterator[Finding]:
    """What a stage of this type cannot do without."""
    for kind, names in (backend.probe.needs.get(request.stage_type) or {}).items():
        entries = server.lists.get(kind)
        for name in names if entries is not None else ():
            if not any(entry.is_called(name) for entry in entries or ()):
                message = f"the server has no {KINDS[kind]} {name!r}, and stages of type {request.stage_type} need it"
                yield Finding("server-lacks-part", message, hint="install it there, or disable the stage")


def _name_findings(
    backend: Backend, stage: BackendStage, server: ServerDescription, request: GenerateImagesRequest
) -> Iterator[Finding]:
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), stage.lookups)
    takes = _takes(stage.table)
    for kind, place, name, value in _names(backend, request):
        entries = server.lists.get(kind)
        if entries is None or name not in takes:
            continue
        sent = list(_sent(walker, takes[name], value))
        if sent and not any(entry.is_called(text) for entry in entries for text in sent):
            origin = request.origins.get(place.partition(".")[0])
            message = f"the server has no {KINDS[kind]} {value!r}, which {place} names"
            at, field = (None if origin is None else origin.at), place.partition(".")[0]
            yield Finding("server-lacks-name", message, at=at, hint=_hint(value, entries), field=field)


def _names(backend: Backend, request: GenerateImagesRequest) -> Iterator[tuple[str, str, str, str]]:
    """Every name in a request: its kind, its place, its field (`list.entry` in a list's items), and itself."""
    for name, value in request.fields.items():
        rule = backend.rules.rule(name)
        if rule.names is not None and isinstance(value, str) and value:
            yield rule.names, name, name, value
        for index, item in enumerate(value if rule.items and isinstance(value, list) else []):
            for member, part in item.items() if isinstance(item, dict) else ():
                kind = rule.items[member].names if member in rule.items else None
                if kind is not None and isinstance(part, str) and part:
                    yield kind, f"{name}.{index}.{member}", f"{name}.{member}", part


def _takes(table: Table) -> Mapping[str, list[Take]]:
    """How the table reads each field (`list.entry`: an entry of a list's items), wherever it does so."""
    found: dict[str, list[Take]] = {}
    for section in sections_of(table.flow):
        for row in section.rows:
            over = dict([section.each] if section.each is not None else [])
            over |= {each.variable: each.source for each in of_kind(Each, row.expression)}
            for take in of_kind(Take, row.expression):
                if len(take.sources) == 1:
                    variable, _, member = take.sources[0].partition(".")
                    name = f"{over[variable]}.{member}" if variable in over else take.sources[0]
                    found.setdefault(name, []).append(take)
    return found


def _sent(walker: Walker[Value, Scope], takes: Sequence[Take], value: str) -> Iterator[str]:
    for take in takes:
        try:
            made = walker.evaluate(take, Scope({take.sources[0]: value}, frozenset()))
        except EvaluationError:
            continue  # one way of several; the way that was taken has been built
        if isinstance(made, str):
            yield made


def _node_findings(
    stage: BackendStage, known: Nodes, server: ServerDescription, request: GenerateImagesRequest, calls: Sequence[Call]
) -> Iterator[Finding]:
    """What a graph asks of the server's own nodes and they do not give."""
    if not isinstance(server.account, dict):
        return
    try:
        live = live_nodes(server.account, known)
    except ValueError:
        return
    for call in calls:
        kinds = dict.fromkeys(_class(known, node) for node in call.body.values())
        missing = [name for name in kinds if name not in live.classes]
        for name in missing:
            if name not in live.unreadable:
                message = f"the server has no node {name}, and stages of type {request.stage_type} need it"
                yield Finding("server-lacks-part", message, hint="install it there, or disable the stage")
        for problem in live.problems(call.body):
            kind = live.classes.get(_class(known, call.body[problem.path[0]]))
            wanted = None if kind is None else kind.inputs.get(problem.path[-1])
            # Where a node is missing, links to it lead nowhere: that it is missing has been said.
            if kind is not None and not (missing and wanted is not None and wanted.kind == "link"):
                yield _node_finding(stage, request, call, problem, wanted)


def _node_finding(
    stage: BackendStage, request: GenerateImagesRequest, call: Call, problem: Problem, wanted: NodeInput | None
) -> Finding:
    """One thing that a server's node does not take, with the field that asks for it."""
    row = call.rows.get(target_text(problem.path))
    names = [] if row is None else [_field(stage.table, name) for name, _ in names_in(row.expression)]
    where = names[0] if names else "/".join(problem.path)
    field = where.partition(".")[0] if names else None
    origin = None if field is None else request.origins.get(field)
    at = origin.at if origin is not None else None if row is None else row.at
    value: Value = dict(call.body)
    for step in problem.path:
        value = value.get(step) if isinstance(value, dict) else None
    message, hint = f"{where} {problem.message} on this server", problem.hint
    if wanted is not None and wanted.choices is not None and isinstance(value, str):
        entries = [Entry(choice) for choice in wanted.choices if isinstance(choice, str)]
        message, hint = f"the server has no {value!r}, which {where} asks for", _hint(value, entries)
    return Finding("server-lacks-name", message, at=at, hint=hint, field=field)


def _field(table: Table, name: str) -> str:
    """The field that a name in a row is: of a bound variable, the list that it goes over."""
    variable, _, member = name.partition(".")
    for section in sections_of(table.flow):
        if section.each is not None and section.each[0] == variable:
            return f"{section.each[1]}.{member}" if member else section.each[1]
    return name


def _class(known: Nodes, node: Value) -> str:
    return str(node.get(known.class_key)) if isinstance(node, dict) else ""


def _hint(name: str, entries: Sequence[Entry]) -> str:
    near = did_you_mean(name, [spelling for entry in entries for spelling in (entry.name, *entry.also)])
    if near is not None:
        return near
    names = [entry.name for entry in entries]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it has: {', '.join(names[:_SHOWN])}{more}" if names else "it has none"
