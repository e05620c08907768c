"""The grammar of sections: rows, drops, conditions over many rows, and flows of further sections.

It stands on the grammar of expressions and knows no more than that: which table inherits from which, and what is
true of a table, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.errors import Position
from engine.tables.forms import All, Condition, Drop, GroupOn, Row, Section, Target
from engine.tables.graph_reader import GraphReader
from engine.tables.shapes import Path
from engine.values import Json

__all__ = ["FLOW_WORDS", "SECTION_WORDS", "SectionReader", "parse_target"]

#: The words of a section. A table that needs one section only writes them at its top.
SECTION_WORDS = frozenset(
    {"rows", "groups", "when", "group", "each", "then", "else", "drop", "refuse"} | {"nodes", "sets", "use", "import"}
)

#: At the top of a table they speak of its parent; in a section of its flow, of what stands where it applies.
FLOW_WORDS = SECTION_WORDS | {"replace", "before"}


_TARGETS = "write the keys that lead there: outer/inner; '-' at the end appends to a list"


@dataclass(slots=True)
class SectionReader(GraphReader):
    """Reads rows, drops, sections and flows."""

    def rows(self, path: Path, node: Json) -> tuple[Row, ...]:
        """A mapping from targets to expressions."""
        rows = []
        for text, expression in self.mapping(path, node, "rows").items():
            at = self.document.key_at(*path, text)
            target = parse_target(text)
            if target is None:
                self.fault("form-target", f"{text!r} is no target", at, _TARGETS)
            else:
                rows.append(Row(target, self.expression((*path, text), expression), at))
        return tuple(rows)

    def drops(self, path: Path, node: Json) -> tuple[Drop, ...]:
        """A mapping from fields to the reasons why they are left out."""
        return tuple(
            Drop(name, self.text((*path, name), reason, "a drop's reason"), self.document.key_at(*path, name))
            for name, reason in self.mapping(path, node, "'drop'").items()
        )

    def section(self, path: Path, node: Mapping[str, Json]) -> Section:
        """What the section words of a mapping say."""
        conditions: list[Condition] = []
        if "when" in node:
            conditions.append(self.condition((*path, "when"), node["when"]))
        if "group" in node:
            name = self.text((*path, "group"), node["group"], "a group's name")
            conditions.append(GroupOn(name, self.document.at(*path, "group")))
        if "else" in node and not conditions:
            message = "'else' needs a 'when' or a 'group' that it is the other side of"
            self.fault("form-shape", message, self.document.key_at(*path, "else"))
        if "refuse" in node and (not conditions or node.keys() & {"rows", "groups", "drop", "then"}):
            message = "a section that refuses says 'when' or 'group', and holds no rows, groups, drops or sections"
            self.fault("form-shape", message, self.document.key_at(*path, "refuse"))
        when = None if not conditions else conditions[0] if len(conditions) == 1 else All(tuple(conditions))
        return Section(
            at=self.document.at(*path),
            when=when,
            each=self.binding((*path, "each"), node["each"]) if "each" in node else None,
            nodes=(
                *(self.workflow((*path, "import"), node["import"]) if "import" in node else ()),
                *(self.nodes((*path, "nodes"), node["nodes"]) if "nodes" in node else ()),
            ),
            rows=self.rows((*path, "rows"), node["rows"]) if "rows" in node else (),
            replaced=self.rows((*path, "replace"), node["replace"]) if "replace" in node else (),
            sets=self.sets((*path, "sets"), node["sets"]) if "sets" in node else (),
            drops=self.drops((*path, "drop"), node["drop"]) if "drop" in node else (),
            then=self._groups(path, node) + self._branch((*path, "then"), node.get("then", [])),
            otherwise=self._branch((*path, "else"), node.get("else", [])),
            refuse=self.text((*path, "refuse"), node["refuse"], "the reason of 'refuse'") if "refuse" in node else None,
            use=self._named(path, node, "use", "the name of a table"),
            before=self._named(path, node, "before", "the name of a node"),
        )

    def _named(self, path: Path, node: Mapping[str, Json], word: str, what: str) -> tuple[str, Position] | None:
        if word not in node:
            return None
        return self.text((*path, word), node[word], what), self.document.at(*path, word)

    def _groups(self, path: Path, node: Mapping[str, Json]) -> tuple[Section, ...]:
        groups = self.mapping((*path, "groups"), node.get("groups"), "'groups'")
        return tuple(
            Section(
                at=self.document.key_at(*path, "groups", name),
                when=GroupOn(name, self.document.key_at(*path, "groups", name)),
                rows=self.rows((*path, "groups", name), rows),
            )
            for name, rows in groups.items()
        )

    def _branch(self, path: Path, node: Json) -> tuple[Section, ...]:
        return self._sections([(path, node)]) if isinstance(node, dict) else self.flow(path, node)

    def flow(self, path: Path, node: Json) -> tuple[Section, ...]:
        """A list of sections."""
        return self._sections(((*path, i), part) for i, part in enumerate(self.items(path, node, "a flow")))

    def _sections(self, parts: Iterable[tuple[Path, Json]]) -> tuple[Section, ...]:
        sections = []
        for path, part in parts:
            section = self.mapping(path, part, "a section")
            self.known(path, section, FLOW_WORDS, "a section")
            sections.append(self.section(path, section))
        return tuple(sections)


def parse_target(text: str) -> Target | None:
    """The steps of a target as written (`a/b`, ~1 for a slash, ~0 for a tilde), or None where it is none.

    No step is empty; `-` stands at the end alone, behind the list that it appends to.
    """
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/"))
    return None if "" in steps or "-" in steps[:-1] or steps == ("-",) else steps
