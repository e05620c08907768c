"""A parent's table as a child changes it: rows and nodes replaced, removed and added, with every row's origin kept.

What a child says of things that are not there is a finding, and so is what it adds in the place of what is. Which
table is whose parent is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from engine.errors import Finding, Position, did_you_mean
from engine.tables.forms import LookupTable, NodeForm, Row, Section, Table, target_text
from engine.tables.table_source import TableSource
from engine.tables.traverse import rows_of, sections_of

__all__ = ["Extension", "marked"]


def marked(section: Section, at: Position) -> Section:
    """The section as a table takes it over that says so at this place."""
    return replace(
        section,
        nodes=tuple(replace(node, rows=_taken(node.rows, at), inherited_by=at) for node in section.nodes),
        rows=_taken(section.rows, at),
        replaced=_taken(section.replaced, at),
        sets=tuple(replace(setting, inherited_by=at) for setting in section.sets),
        drops=tuple(replace(drop, inherited_by=at) for drop in section.drops),
        then=tuple(marked(part, at) for part in section.then),
        otherwise=tuple(marked(part, at) for part in section.otherwise),
    )


def _taken(rows: Iterable[Row], at: Position) -> tuple[Row, ...]:
    return tuple(replace(row, inherited_by=at) for row in rows)


class Extension:
    """A parent's table as a child changes it. What the child says of things that are not there is a finding."""

    def __init__(self, parent: Table, child: TableSource, findings: list[Finding]) -> None:
        self._parent, self._child, self._findings = parent, child, findings
        self._replaced = {row.target: row for row in child.replaced}

    def table(self) -> Table:
        """The flat table; what is wrong with the change is noted."""
        parent, child = self._parent, self._child
        self._check_rows()
        lookups = self._lookups()
        flow = _kept(self._changed(marked(section, child.extends_at)) for section in parent.flow)
        added = []
        for section in child.flow:
            if section.before is None:
                added.append(section)
            else:
                flow = self._placed(flow, section, *section.before)
        payload = child.payload if child.payload is not None else parent.payload
        graph = child.graph if child.graph is not None else parent.graph
        return Table(child.name, payload, (*flow, *added), child.at, lookups, graph)

    def _note(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        self._findings.append(Finding(code, message, at=at, hint=hint))

    def _check_rows(self) -> None:
        parent, child = self._parent, self._child
        targets = {row.target for row in rows_of(parent.flow)} | {(node.name,) for node in _nodes_of(parent.flow)}
        drops = {drop.name for section in sections_of(parent.flow) for drop in section.drops}
        for target, at in [*((row.target, row.at) for row in child.replaced), *child.removed.items()]:
            if target not in targets:
                hint = did_you_mean(target_text(target), [target_text(known) for known in targets])
                message = f"{parent.name} has no row for {target_text(target)} to change"
                self._note("inherit-nothing-there", message, at, hint)
        for target in self._replaced.keys() & child.removed.keys():
            message = f"{target_text(target)} is replaced and removed at once"
            self._note("inherit-collision", message, child.removed[target], "keep one of them")
        for name, at in child.undropped.items():
            if name not in drops:
                self._note(
                    "inherit-nothing-there", f"{parent.name} does not drop {name!r}", at, did_you_mean(name, drops)
                )
        for row in (row for section in sections_of(child.flow) for row in (*section.rows, *section.replaced)):
            if row.target in targets - child.removed.keys() and row.target[-1] != "-":
                message = f"{target_text(row.target)} is written by {parent.name} already"
                hint = "write the row under 'replace' to change it, or name the target under 'remove'"
                self._note("inherit-collision", message, row.at, hint)
        for node in _nodes_of(child.flow):
            if (node.name,) in targets - child.removed.keys():
                message = f"{parent.name} has a node {node.name!r} already"
                hint = "change its inputs under 'replace', or name it under 'remove'"
                self._note("inherit-collision", message, node.at, hint)

    def _lookups(self) -> dict[str, LookupTable]:
        parent, child = self._parent, self._child
        lookups = dict(parent.lookups)
        for name, table in child.lookups.items():
            if name in lookups and lookups[name] != table:
                message = f"{parent.name} has a lookup {name!r} already"
                self._note("inherit-collision", message, table.at, "write it under 'replace_lookups'")
            lookups[name] = table
        for name, table in child.replaced_lookups.items():
            if name not in lookups:
                message = f"{parent.name} has no lookup {name!r} to replace"
                self._note("inherit-nothing-there", message, table.at, did_you_mean(name, lookups))
            lookups[name] = table
        return lookups

    def _changed(self, section: Section) -> Section:
        """A section of the parent's. Of a node that is removed the wires that it set go too."""
        removed = self._child.removed
        return replace(
            section,
            nodes=tuple(
                replace(node, rows=self._rows(node.rows)) for node in section.nodes if (node.name,) not in removed
            ),
            rows=self._rows(section.rows),
            replaced=self._rows(section.replaced),
            sets=tuple(s for s in section.sets if (s.source.name.partition(".")[0],) not in removed),
            drops=tuple(drop for drop in section.drops if drop.name not in self._child.undropped),
            then=_kept(map(self._changed, section.then)),
            otherwise=_kept(map(self._changed, section.otherwise)),
        )

    def _rows(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        return tuple(self._replaced.get(row.target, row) for row in rows if row.target not in self._child.removed)

    def _placed(self, flow: tuple[Section, ...], section: Section, name: str, at: Position) -> tuple[Section, ...]:
        """The flow with a section before the one that adds this node."""
        own = replace(section, before=None)
        count = 0

        def placed(parts: tuple[Section, ...]) -> tuple[Section, ...]:
            nonlocal count
            result: list[Section] = []
            for part in parts:
                if any(node.name == name for node in part.nodes):
                    count += 1
                    result.append(own)
                result.append(replace(part, then=placed(part.then), otherwise=placed(part.otherwise)))
            return tuple(result)

        result = placed(flow)
        if count != 1:
            often = "no section" if count == 0 else "more than one section"
            hint = did_you_mean(name, [node.name for node in _nodes_of(flow)])
            self._note("inherit-nothing-there", f"{often} of {self._parent.name} adds a node {name!r}", at, hint)
        return result


def _nodes_of(flow: Iterable[Section]) -> Iterator[NodeForm]:
    for section in sections_of(flow):
        yield from section.nodes


def _kept(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections that still hold something."""
    return tuple(s for s in sections if s.nodes or s.rows or s.replaced or s.sets or s.drops or s.then or s.otherwise)
