"""The grammar of graphs: nodes, links and wires.

`nodes` adds nodes of a class, or like one that is there, with links and inputs; `sets` gives names to their outputs.
Which classes there are, and what goes into which, is decided elsewhere: this module knows words and shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.tables.expressions import ExpressionReader
from engine.tables.forms import Link, NodeForm, Row, Setting
from engine.tables.shapes import Path
from engine.tables.workflows import FindWorkflow, Import, imported, is_word
from engine.values import Json

__all__ = ["GraphReader"]

_IMPORT_WORDS = frozenset({"workflow", "names", "cut", "bind"})
_NODE_WORDS = frozenset({"class", "like", "links", "inputs"})


@dataclass(slots=True)
class GraphReader(ExpressionReader):
    """Reads nodes and wires. `graph` is the description of nodes that the table names; `find` finds workflows."""

    graph: str | None = None
    find: FindWorkflow | None = None

    def nodes(self, path: Path, node: Json) -> tuple[NodeForm, ...]:
        """A mapping from names to nodes."""
        return tuple(
            self._node((*path, name), name, part) for name, part in self.mapping(path, node, "'nodes'").items()
        )

    def _node(self, path: Path, name: str, node: Json) -> NodeForm:
        form = self.mapping(path, node, "a node")
        self.known(path, form, _NODE_WORDS, "a node")
        self._word(path, name, "a node's name")
        kinds = [word for word in ("class", "like") if word in form]
        if len(kinds) != 1:
            message = "a node is of a 'class', or 'like' another: write one of the two"
            self.fault("form-choice", message, self.document.key_at(*path))
        texts = {word: self.text((*path, word), form[word], f"'{word}'") for word in kinds}
        links = self.mapping((*path, "links"), form.get("links"), "'links'")
        inputs = self.mapping((*path, "inputs"), form.get("inputs"), "'inputs'")
        rows = [
            Row((name, key), self._link((*path, "links", key), source), self.document.key_at(*path, "links", key))
            for key, source in links.items()
        ]
        for key, expression in inputs.items():
            at = self.document.key_at(*path, "inputs", key)
            rows.append(Row((name, key), self.expression((*path, "inputs", key), expression), at))
            if key in links:
                self.fault("form-choice", f"{key} is given as a link and as an input", at, "keep one of them")
        return NodeForm(name, texts.get("class"), texts.get("like"), tuple(rows), self.document.key_at(*path))

    def workflow(self, path: Path, node: Json) -> tuple[NodeForm, ...]:
        """`import`: the nodes of a workflow that was drawn in the server's editor."""
        form = self.mapping(path, node, "'import'")
        self.known(path, form, _IMPORT_WORDS, "'import'")
        at = self.document.at(*path)
        file = self.text((*path, "workflow"), form.get("workflow"), "'workflow', a file beside the table,")
        names = self.mapping((*path, "names"), form.get("names"), "'names'")
        cut = self.items((*path, "cut"), form["cut"], "'cut'") if "cut" in form else []
        bind = {}
        for target, expression in self.mapping((*path, "bind"), form.get("bind"), "'bind'").items():
            name, _, key = target.partition("/")
            place = (*path, "bind", target)
            bind[name, key] = self.expression(place, expression), self.document.key_at(*place)
        for title, word in names.items():
            self._word((*path, "names", title), self.text((*path, "names", title), word, "a name"), "a node's name")
        if self.graph is None:
            self.fault("import-form", "a table that imports a workflow says itself of which nodes: 'graph: …'", at)
            return ()
        found = None if self.find is None else self.find(file, self.graph)
        if found is None:
            self.fault("import-form", f"there is no workflow {file!r} beside the table", at)
            return ()
        said = Import(
            {title: str(name) for title, name in names.items()},
            {str(name): self.document.at(*path, "cut", i) for i, name in enumerate(cut)},
            bind,
            at,
        )
        return imported(*found, said, lambda message, where: self.fault("import-form", message, where))

    def sets(self, path: Path, node: Json) -> tuple[Setting, ...]:
        """A mapping from wires to what they are set to."""
        settings = []
        for wire, source in self.mapping(path, node, "'sets'").items():
            self._word((*path, wire), wire, "a wire's name")
            settings.append(Setting(wire, self._link((*path, wire), source), self.document.key_at(*path, wire)))
        return tuple(settings)

    def _link(self, path: Path, node: Json) -> Link:
        return self.link_to(path, self.text(path, node, "a wire, or a node and its output,"))

    def _word(self, path: Path, name: str, what: str) -> None:
        if not is_word(name):
            hint = "small letters, digits and underscores: hires_sampler"
            self.fault("form-target", f"{what} is a word, and {name!r} is none", self.document.key_at(*path), hint)
