"""What a table's payload must meet: a contract, or for a graph a description of nodes.

It finds the one that a table names, in the most derived back end first, and knows what may stand in which kind of
table. It holds nothing against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.backends.folders import Folder
from engine.documents import Document, read_document
from engine.errors import Finding, Position, TableError
from engine.tables.contracts import Contract, ContractLibrary
from engine.tables.forms import Table
from engine.tables.nodes import Nodes, read_nodes
from engine.tables.traverse import graph_parts
from engine.tables.workflows import FindWorkflow

__all__ = ["nodes_of", "wanted_of", "workflows_beside"]


def wanted_of(table: Table, backends: Sequence[str], library: ContractLibrary) -> Contract | Nodes:
    """What the table's payload must meet; `backends` are searched in order. Raises TableError with all findings."""
    if (table.payload is None) is (table.graph is None):
        message = "the table must say which contract its payload meets: 'payload: …'"
        hint = "a table of nodes says 'graph: …' instead, the description of nodes that it keeps to"
        raise TableError([Finding("table-no-payload", message, at=table.at, hint=hint)])
    name = str(table.payload if table.graph is None else table.graph)
    names = [name] if "/" in name else [f"{backend}/{name}" for backend in backends]
    found = next((known for known in names if library.has(known)), names[0])
    if table.graph is not None:
        return nodes_of(library, found, table.at)
    if (stray := next(graph_parts(table.flow), None)) is not None:
        message = "nodes, links and wires stand in a table of rows"
        hint = "a table of nodes says 'graph: …' instead of 'payload: …'"
        raise TableError([Finding("graph-undeclared", message, at=stray, hint=hint)])
    return library.load(found, table.at)


def nodes_of(library: ContractLibrary, name: str, wanted_by: Position | None = None) -> Nodes:
    """The description of nodes of this name. Raises TableError with all findings."""
    document = library.document(name)
    if document is None:
        message = f"there is no description of nodes schemas/{name}.json"
        raise TableError([Finding("contract-missing", message, at=wanted_by)])
    return read_nodes(document, name)


def workflows_beside(file: Path, folder: Folder, library: ContractLibrary) -> FindWorkflow:
    """What finds the workflows that a table in this file imports: JSON files below the folder's mappings alone."""

    def find(name: str, graph: str) -> tuple[Document, Nodes] | None:
        there = file.parent / name
        inside = there.resolve().is_relative_to(folder.mappings.resolve())
        if not inside or there.suffix != ".json" or not there.is_file():
            return None
        described = nodes_of(library, graph if "/" in graph else f"{file.parent.name}/{graph}")
        return read_document(there, name=folder.name_of(there)), described

    return find
