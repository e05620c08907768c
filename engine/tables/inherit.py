"""From a chain of tables to one: reading table files, and what `extends`, `replace` and `remove` mean.

A table has at most one parent. Its own rows add to the parent's; a change wants a mark (`replace`), an omission a
reason (`remove`), and a collision without a mark is an error. A parent's name without a slash is looked up in the
most derived back end first, so that a `_common` of one's own changes every stage that is inherited. What comes out
is flat: every row remembers where it was written and which table took it over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from engine.documents import Document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.tables.forms import LookupTable, Row, Section, Table, Target, target_text
from engine.tables.sections import SECTION_WORDS, SectionReader, parse_target
from engine.tables.traverse import rows_of, sections_of

__all__ = ["TABLE_WORDS", "TableSource", "flatten", "read_table"]

#: The words at the top of a table.
TABLE_WORDS = SECTION_WORDS | {
    "format", "payload", "extends", "lookups", "replace_lookups", "flow", "replace", "remove", "undrop",
}  # fmt: skip
_MAX_PARENTS = 16


@dataclass(frozen=True, slots=True)
class TableSource:
    """One table file as written, before inheritance."""

    name: str
    at: Position
    payload: str | None
    extends: str | None
    extends_at: Position
    flow: tuple[Section, ...]
    lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    replaced_lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    replaced: tuple[Row, ...] = ()
    removed: Mapping[Target, Position] = field(default_factory=dict)
    undropped: Mapping[str, Position] = field(default_factory=dict)


def read_table(document: Document, name: str) -> TableSource:
    """The table in this document. Raises TableError with all findings."""
    reader = SectionReader(document)
    top = reader.mapping((), document.value, "a table")
    reader.known((), top, TABLE_WORDS, "a table")
    reader.format(top, "a table")
    flow = reader.flow(("flow",), top["flow"]) if "flow" in top else ()
    if top.keys() & SECTION_WORDS:
        flow = (reader.section((), {word: top[word] for word in SECTION_WORDS if word in top}), *flow)
    tables = {
        word: {
            key: reader.lookup_table((word, key), node, key)
            for key, node in reader.mapping((word,), top.get(word), f"'{word}'").items()
        }
        for word in ("lookups", "replace_lookups")
    }
    removed: dict[Target, Position] = {}
    for text, reason in reader.mapping(("remove",), top.get("remove"), "'remove'").items():
        reader.text(("remove", text), reason, "a removal's reason")
        target = parse_target(text)
        if target is None:
            reader.fault("form-target", f"{text!r} is no target", document.key_at("remove", text))
        else:
            removed[target] = document.key_at("remove", text)
    undropped = {}
    for key, reason in reader.mapping(("undrop",), top.get("undrop"), "'undrop'").items():
        reader.text(("undrop", key), reason, "the reason of 'undrop'")
        undropped[key] = document.key_at("undrop", key)
    # Before `lookups` is taken: the tables that these rows hold in place are among them.
    replaced = reader.rows(("replace",), top["replace"]) if "replace" in top else ()
    source = TableSource(
        name=name,
        at=document.at(),
        payload=reader.text(("payload",), top["payload"], "'payload'") if "payload" in top else None,
        extends=reader.text(("extends",), top["extends"], "'extends'") if "extends" in top else None,
        extends_at=document.at("extends"),
        flow=flow,
        lookups={**tables["lookups"], **reader.lookups},
        replaced_lookups=tables["replace_lookups"],
        replaced=replaced,
        removed=removed,
        undropped=undropped,
    )
    if source.extends is None and (source.replaced or removed or undropped or source.replaced_lookups):
        message = "this table changes rows of a parent, and extends none"
        reader.fault("inherit-nothing-there", message, document.at())
    if reader.findings:
        raise TableError(reader.findings)
    return source


def flatten(source: TableSource, find: Callable[[str], TableSource | None]) -> Table:
    """The table with all that it inherits. `find` looks up a parent by the name that `extends` says.

    Raises TableError with all findings.
    """
    chain = [source]
    while (parent := chain[-1].extends) is not None:
        found = find(parent)
        at = chain[-1].extends_at
        if found is None:
            raise TableError([Finding("inherit-unknown-table", f"there is no table {parent!r} to extend", at=at)])
        if any(found is known for known in chain):
            names = " -> ".join(table.name for table in (*chain[chain.index(found) :], found))
            raise TableError([Finding("inherit-circle", f"tables extend each other in a circle: {names}", at=at)])
        if len(chain) > _MAX_PARENTS:
            raise TableError([Finding("inherit-circle", f"a table has more than {_MAX_PARENTS} parents", at=at)])
        chain.append(found)
    root = chain.pop()
    table = Table(source.name, root.payload, root.flow, root.at, dict(root.lookups))
    findings: list[Finding] = []
    for child in reversed(chain):
        table = _extended(table, child, findings)
    if findings:
        raise TableError(findings)
    # What is refused is refused first, whoever says so: no row has to be right for it.
    flow = sorted(table.flow, key=lambda section: not _only_refuses(section))
    return replace(table, name=source.name, at=source.at, flow=tuple(flow))


def _only_refuses(section: Section) -> bool:
    """Whether nothing in this section builds anything."""
    inside = (*section.then, *section.otherwise)
    return section.refuse is not None or (
        bool(inside) and not section.rows and not section.drops and all(map(_only_refuses, inside))
    )


def _extended(parent: Table, child: TableSource, findings: list[Finding]) -> Table:
    """The parent's table as the child changes it."""
    targets = {row.target for row in rows_of(parent.flow)}
    drops = {drop.name for section in sections_of(parent.flow) for drop in section.drops}
    replaced = {row.target: row for row in child.replaced}
    for target, at in [*((row.target, row.at) for row in child.replaced), *child.removed.items()]:
        if target not in targets:
            hint = did_you_mean(target_text(target), [target_text(known) for known in targets])
            message = f"{parent.name} has no row for {target_text(target)} to change"
            findings.append(Finding("inherit-nothing-there", message, at=at, hint=hint))
    for target in replaced.keys() & child.removed.keys():
        message = f"{target_text(target)} is replaced and removed at once"
        findings.append(Finding("inherit-collision", message, at=child.removed[target], hint="keep one of them"))
    for name, at in child.undropped.items():
        if name not in drops:
            message = f"{parent.name} does not drop {name!r}"
            findings.append(Finding("inherit-nothing-there", message, at=at, hint=did_you_mean(name, drops)))
    for row in rows_of(child.flow):
        if row.target in targets - child.removed.keys() and row.target[-1] != "-":
            message = f"{target_text(row.target)} is written by {parent.name} already"
            hint = "write the row under 'replace' to change it, or name the target under 'remove'"
            findings.append(Finding("inherit-collision", message, at=row.at, hint=hint))
    lookups = dict(parent.lookups)
    for name, table in child.lookups.items():
        if name in lookups:
            message, hint = f"{parent.name} has a lookup {name!r} already", "write it under 'replace_lookups'"
            findings.append(Finding("inherit-collision", message, at=table.at, hint=hint))
        lookups[name] = table
    for name, table in child.replaced_lookups.items():
        if name not in lookups:
            message, hint = f"{parent.name} has no lookup {name!r} to replace", did_you_mean(name, lookups)
            findings.append(Finding("inherit-nothing-there", message, at=table.at, hint=hint))
        lookups[name] = table

    def changed(section: Section) -> Section:
        rows = tuple(
            replaced[row.target] if row.target in replaced else replace(row, inherited_by=child.extends_at)
            for row in section.rows
            if row.target not in child.removed
        )
        kept = (drop for drop in section.drops if drop.name not in child.undropped)
        return replace(
            section,
            rows=rows,
            drops=tuple(replace(drop, inherited_by=child.extends_at) for drop in kept),
            then=_kept(map(changed, section.then)),
            otherwise=_kept(map(changed, section.otherwise)),
        )

    flow = (*_kept(map(changed, parent.flow)), *child.flow)
    payload = child.payload if child.payload is not None else parent.payload
    return Table(child.name, payload, flow, child.at, lookups)


def _kept(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections that still hold something."""
    return tuple(s for s in sections if s.rows or s.drops or s.then or s.otherwise)
