"""From a chain of tables to one: reading table files, and what `extends`, `replace` and `remove` mean.

A table has at most one parent. Its own rows add to the parent's; a change wants a mark (`replace`), an omission a
reason (`remove`), and a collision without a mark is an error. A parent's name without a slash is looked up in the
most derived back end first, so that a `_common` of one's own changes every stage that is inherited. What comes out
is flat: every row remembers where it was written and which table took it over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.documents import Document
from engine.errors import Finding, Position, TableError
from engine.tables.extension import Extension, marked
from engine.tables.forms import LookupTable, Section, Table, Target
from engine.tables.sections import SECTION_WORDS, SectionReader, parse_target
from engine.tables.table_source import TableSource
from engine.tables.workflows import FindWorkflow

__all__ = ["TABLE_WORDS", "flatten", "read_table"]

#: The words at the top of a table.
TABLE_WORDS = SECTION_WORDS | {
    "format", "payload", "graph", "extends", "lookups", "replace_lookups", "flow", "replace", "remove", "undrop",
}  # fmt: skip
_MAX_PARENTS = 16


def read_table(document: Document, name: str, find: FindWorkflow | None = None) -> TableSource:
    """The table in this document; `find` finds workflows beside it. Raises TableError with all findings."""
    reader = SectionReader(document, find=find)
    top = reader.mapping((), document.value, "a table")
    reader.graph = graph if isinstance(graph := top.get("graph"), str) else None
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
        graph=reader.text(("graph",), top["graph"], "'graph'") if "graph" in top else None,
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
    """The table with all that it inherits and uses. `find` looks up another by the name that `extends` or `use` says.

    Raises TableError with all findings.
    """
    return _Flattening(find).table(source, ())


class _Flattening:
    """One table being made flat."""

    def __init__(self, find: Callable[[str], TableSource | None]) -> None:
        self._find = find

    def table(self, source: TableSource, using: tuple[TableSource, ...]) -> Table:
        """The flat table; `using` are those that it is a fragment of."""
        chain = [source]
        while (parent := chain[-1].extends) is not None:
            chain.append(self._found(parent, chain[-1].extends_at, "extend", (*using, *chain)))
        findings: list[Finding] = []
        root = chain.pop()
        flow, lookups = self._spliced(root, findings, (*using, *chain, root))
        table = Table(source.name, root.payload, flow, root.at, lookups, root.graph)
        for child in reversed(chain):
            own, more = self._spliced(child, findings, (*using, *chain))
            table = Extension(table, replace(child, flow=own, lookups=more), findings).table()
        if findings:
            raise TableError(findings)
        # What is refused is refused first, whoever says so: no row has to be right for it.
        flow = tuple(sorted(table.flow, key=lambda section: not _only_refuses(section)))
        return replace(table, name=source.name, at=source.at, flow=flow)

    def _found(self, name: str, at: Position, does: str, known: tuple[TableSource, ...]) -> TableSource:
        found = self._find(name)
        if found is None:
            raise TableError([Finding("inherit-unknown-table", f"there is no table {name!r} to {does}", at=at)])
        if any(found is table for table in known):
            names = " -> ".join(table.name for table in (*known[known.index(found) :], found))
            raise TableError([Finding("inherit-circle", f"tables {does} each other in a circle: {names}", at=at)])
        if len(known) > _MAX_PARENTS:
            raise TableError([Finding("inherit-circle", f"a table has more than {_MAX_PARENTS} parents", at=at)])
        return found

    def _spliced(
        self, source: TableSource, findings: list[Finding], using: tuple[TableSource, ...]
    ) -> tuple[tuple[Section, ...], dict[str, LookupTable]]:
        """A table's own flow with the fragments that it uses in their places, and its lookups with theirs."""
        lookups = dict(source.lookups)

        def spliced(section: Section) -> Section:
            inner = replace(
                section, then=tuple(map(spliced, section.then)), otherwise=tuple(map(spliced, section.otherwise))
            )
            if section.use is None:
                return inner
            name, at = section.use
            fragment = self.table(self._found(name, at, "use", using), using)
            for key, table in fragment.lookups.items():
                if lookups.setdefault(key, table) != table:
                    message = f"{fragment.name} has another lookup {key!r}, at {table.at}"
                    findings.append(Finding("inherit-collision", message, at=at, hint="give one another name"))
            return replace(inner, use=None, then=(*(marked(part, at) for part in fragment.flow), *inner.then))

        return tuple(map(spliced, source.flow)), lookups


def _only_refuses(section: Section) -> bool:
    """Whether nothing in this section builds anything."""
    inside = (*section.then, *section.otherwise)
    builds = section.rows or section.drops or section.nodes or section.replaced or section.sets
    return section.refuse is not None or (bool(inside) and not builds and all(map(_only_refuses, inside)))
