"""A table line by line: every row and drop with its conditions, where it was written, and who took it over.

What `show` prints, as data. Nested it follows the table; flat, each line carries all its conditions, so that one
line alone says what it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.editing.writing import flow_text, written, written_condition
from engine.errors import Position
from engine.tables.forms import LookupTable, Section, Table, target_text
from engine.tables.traverse import rows_in
from engine.values import Json

__all__ = ["Line", "flat", "outline"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `name`: a row's target, a drop's field, or a word of a section; `text`: what stands behind it.

    `depth`: how many sections it stands in; `under`: what those say, outermost first; `at`: where it was written;
    `taken_over`: where the most derived table took it over, if it did.
    """

    kind: Literal["row", "drop", "when", "else", "each", "refuse"]
    name: str
    text: str
    depth: int
    under: tuple[str, ...]
    at: Position
    taken_over: Position | None = None

    def to_json(self) -> dict[str, object]:
        """The line as JSON data: only what is known, positions as `{file, line, column}`."""
        data: dict[str, object] = {"kind": self.kind, "name": self.name, "text": self.text, "under": [*self.under]}
        for word, place in (("at", self.at), ("taken_over", self.taken_over)):
            if place is not None:
                data[word] = {"file": place.file, "line": place.line, "column": place.column}
        return data


def outline(table: Table) -> Iterator[Line]:
    """Every line in the order of the table, sections before what stands in them."""
    for section in table.flow:
        yield from _section(section, 0, (), table.lookups)


def flat(table: Table) -> Iterator[Line]:
    """Rows and drops alone, each with all its conditions; rows in the order of their targets, then drops."""
    lines = [line for line in outline(table) if line.kind in ("row", "drop")]
    yield from sorted(lines, key=lambda line: (line.kind != "row", line.name))


def _section(
    section: Section, depth: int, under: tuple[str, ...], lookups: Mapping[str, LookupTable]
) -> Iterator[Line]:
    outside = (depth, under)
    heads: list[tuple[Literal["when", "each"], Json]] = []
    if section.each is not None:
        variable, source = section.each
        heads.append(("each", source if variable == "item" else {variable: source}))
    if section.when is not None:
        heads.append(("when", written_condition(section.when)))
    for word, head in heads:
        text = flow_text(head)
        yield Line(word, word, text, depth, under, section.at)
        depth, under = depth + 1, (*under, f"{word} {text}")
    if section.refuse is not None:
        yield Line("refuse", "refuse", section.refuse, depth, under, section.at)
    for node in section.nodes:
        kind: Json = {"class": node.class_name} if node.like is None else {"like": node.like}
        yield Line("row", node.name, flow_text(kind), depth, under, node.at, node.inherited_by)
    for row in rows_in(section):
        text = flow_text(written(row.expression, lookups))
        yield Line("row", target_text(row.target), text, depth, under, row.at, row.inherited_by)
    for setting in section.sets:
        name, source = f"wire {setting.wire}", setting.source.name
        yield Line("row", name, source, depth, under, setting.at, setting.inherited_by)
    for drop in section.drops:
        yield Line("drop", drop.name, drop.reason, depth, under, drop.at, drop.inherited_by)
    for part in section.then:
        yield from _section(part, depth, under, lookups)
    if section.otherwise:
        depth, under = outside
        if section.each is not None:
            depth, under = depth + 1, (*under, f"each {flow_text(heads[0][1])}")
        text = "" if section.when is None else flow_text(written_condition(section.when))
        yield Line("else", "else", "", depth, under, section.at)
        for part in section.otherwise:
            yield from _section(part, depth + 1, (*under, f"when not {text}"), lookups)
