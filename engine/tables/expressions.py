"""The grammar of expressions and conditions: what may stand on the right side of a row.

Every form has one small reader. A name that no field bears, a lookup that no table holds or a conversion that does
not exist is found later, by the proof: this module knows the words of the language and nothing about fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.errors import Position
from engine.tables.forms import (
    All,
    AnyOf,
    Condition,
    Constant,
    Convert,
    Each,
    Expression,
    First,
    GroupOn,
    Guarded,
    IsLonger,
    IsOneOf,
    IsPresent,
    Late,
    Link,
    ListOf,
    Lookup,
    LookupTable,
    Not,
    ObjectOf,
    Open,
    Step,
    Take,
)
from engine.tables.shapes import Path, ShapeReader
from engine.values import ABSENT, Json, kind_of

__all__ = ["FORM_WORDS", "ExpressionReader"]

_UNREADABLE = "\0unreadable"  # stands for an expression whose fault is already noted; no field bears this name


@dataclass(slots=True)
class ExpressionReader(ShapeReader):
    """Reads expressions and conditions. `lookups` gathers the tables that are written inline."""

    lookups: dict[str, LookupTable] = field(default_factory=dict)

    def expression(self, path: Path, node: Json) -> Expression:
        """A row's right side: a field name, or a mapping with exactly one form."""
        at = self.document.at(*path)
        if isinstance(node, str):
            return Take((self.text(path, node, "a field name"),), (), at_run=False, at=at)
        if not isinstance(node, dict):
            message = f"a row must be a field name or a form, not {kind_of(node)}"
            self.fault("form-shape", message, at, "write a constant as {value: …}")
            return _unreadable(at)
        found = [word for word in _FORMS if word in node]
        if found == ["each", "object"] or found == ["object", "each"]:
            found = ["each"]
        if len(found) != 1:
            names = " and ".join(found) if found else "none"
            hint = f"write exactly one of: {', '.join(_FORMS)}"
            self.fault("form-choice", f"a row holds one form; this one has {names}", at, hint)
            return _unreadable(at)
        form = _FORMS[found[0]]
        self.known(path, node, {found[0], "when", *form.beside}, f"the form {found[0]!r}")
        read = form.read(self, path, node)
        if "when" in node:
            return Guarded(self.condition((*path, "when"), node["when"]), read, at)
        return read

    def take(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`from`, with `replace`, `lookup` and `as` applied in this order."""
        at = self.document.at(*path)
        source = node["from"]
        if isinstance(source, list):
            sources = tuple(self.text((*path, "from", i), s, "a field name") for i, s in enumerate(source))
        else:
            sources = (self.text((*path, "from"), source, "a field name"),)
        return Take(sources, self.steps(path, node), at_run=self._at_run(path, node), at=at)

    def steps(self, path: Path, node: Mapping[str, Json]) -> tuple[Step, ...]:
        """What `replace`, `lookup` and `as` in this mapping do, in this order."""
        steps: list[Step] = []
        for word in ("replace", "lookup"):
            if word in node:
                table = self._table_name((*path, word), node[word])
                steps.append(Lookup(table, word == "replace", self.document.at(*path, word)))
        if "as" in node:
            chain, place = node["as"], (*path, "as")
            if isinstance(chain, list):
                steps += [self._convert((*place, i), link) for i, link in enumerate(chain)]
            else:
                steps.append(self._convert(place, chain))
        return tuple(steps)

    def _at_run(self, path: Path, node: Mapping[str, Json]) -> bool:
        if "bounds" not in node:
            return False
        if node["bounds"] != "at_run":
            message = "bounds can only be 'at_run': they are checked when the payload is built"
            self.fault("form-shape", message, self.document.at(*path, "bounds"))
        return True

    def _table_name(self, path: Path, node: Json) -> str:
        if isinstance(node, str):
            return self.text(path, node, "a lookup's name")
        at = self.document.at(*path)
        name = f"inline lookup at {at}"
        self.lookups[name] = self.lookup_table(path, node, name)
        return name

    def lookup_table(self, path: Path, node: Json, name: str) -> LookupTable:
        """A mapping from literals to values. Keys keep the type in which they are written."""
        entries = [
            (self.document.key_literal(*path, key), value)
            for key, value in self.mapping(path, node, "a lookup").items()
        ]
        if not entries:
            self.fault("form-shape", "a lookup must hold at least one entry", self.document.at(*path))
        return LookupTable(name, tuple(entries), self.document.at(*path))

    def _convert(self, path: Path, node: Json) -> Convert:
        at = self.document.at(*path)
        if isinstance(node, str):
            return Convert(node, ABSENT, at)
        if isinstance(node, dict) and len(node) == 1:
            name, argument = next(iter(node.items()))
            return Convert(name, argument, at)
        self.fault("form-shape", "a conversion is its name, or one name with its argument: {round_down: 8}", at)
        return Convert(_UNREADABLE, ABSENT, at)

    def value(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`value`: a constant."""
        return Constant(node["value"], self.document.at(*path))

    def first(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`first`: alternatives in order."""
        place = (*path, "first")
        options = self.items(place, node["first"], "'first'")
        if isinstance(node["first"], list) and len(options) < 2:
            message = "'first' needs at least two alternatives"
            self.fault("form-shape", message, self.document.at(*place), "with one, name the field itself")
        return First(
            tuple(self.expression((*place, i), option) for i, option in enumerate(options)),
            self.document.at(*path),
        )

    def list_of(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`list`: items, each an expression; an `each` among them is spliced. `join` makes them one text."""
        place = (*path, "list")
        items = self.items(place, node["list"], "'list'")
        parts = tuple(self.expression((*place, i), item) for i, item in enumerate(items))
        join = node.get("join")
        if "join" in node and not isinstance(join, str):
            message = f"'join' is the text between the items, not {kind_of(join)}"
            self.fault("form-shape", message, self.document.at(*path, "join"))
        return ListOf(parts, self.document.at(*path), join if isinstance(join, str) else None)

    def object_of(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`object`: entries, each an expression."""
        place = (*path, "object")
        entries = self.mapping(place, node["object"], "'object'")
        parts = tuple((key, self.expression((*place, key), entry)) for key, entry in entries.items())
        return ObjectOf(parts, self.document.at(*path))

    def each(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`each` with `object` or `do`: the body for every item. The variable is `item`, or {name: field}."""
        at = self.document.at(*path)
        variable, source = self.binding((*path, "each"), node["each"])
        bodies = [word for word in ("object", "do") if word in node]
        if len(bodies) != 1:
            self.fault("form-choice", "'each' needs a body: 'object', or 'do' for anything else", at)
            return _unreadable(at)
        is_object = bodies == ["object"]
        body = self.object_of(path, node) if is_object else self.expression((*path, "do"), node["do"])
        return Each(variable, source, body, at)

    def binding(self, path: Path, node: Json) -> tuple[str, str]:
        """What `each` goes over: a field's name (bound to `item`), or {variable: field}."""
        if isinstance(node, dict) and len(node) == 1:
            variable, source = next(iter(node.items()))
            return variable, self.text((*path, variable), source, "a field name")
        return "item", self.text(path, node, "a field name")

    def open(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`open` with `reserved`: keys that pass as they are, but for these."""
        source = self.text((*path, "open"), node["open"], "a field name")
        place = (*path, "reserved")
        reserved = self.items(place, node["reserved"], "'reserved'") if "reserved" in node else []
        names = tuple(self.text((*place, i), name, "a reserved key") for i, name in enumerate(reserved))
        return Open(source, names, self.document.at(*path))

    def late(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`late`: a value that is known only when the payload is sent."""
        return Late(self.text((*path, "late"), node["late"], "the name of a late value"), self.document.at(*path))

    def link(self, path: Path, node: Mapping[str, Json]) -> Expression:
        """`link`: in a graph, a wire or the output of a node."""
        return self.link_to((*path, "link"), self.text((*path, "link"), node["link"], "a wire, or a node's output,"))

    def link_to(self, path: Path, name: str) -> Link:
        """A link by the name of a wire, or by a node's name and its output's with a dot between."""
        if name.count(".") > 1 or name.startswith(".") or name.endswith("."):
            hint = "write the name of a wire, or a node and its output: load.IMAGE"
            self.fault("form-shape", f"{name!r} is no link", self.document.at(*path), hint)
        return Link(name, self.document.at(*path))

    # -- conditions -----------------------------------------------------------------------------------------

    def condition(self, path: Path, node: Json) -> Condition:
        """`when`: {field: present | absent | {equals: …} | {in: […]} | {longer_than: …}}, {group: …}, all, any, not."""
        parts: list[Condition] = []
        for word, test in self.mapping(path, node, "'when'").items():
            place = (*path, word)
            at = self.document.key_at(*place)
            if word == "group":
                parts.append(GroupOn(self.text(place, test, "a group's name"), at))
            elif word in ("all", "any"):
                tests = self.items(place, test, f"'{word}'")
                if test == []:
                    self.fault("form-shape", f"'{word}' tests nothing", self.document.at(*place))
                inner = tuple(self.condition((*place, i), part) for i, part in enumerate(tests))
                parts.append(All(inner) if word == "all" else AnyOf(inner))
            elif word == "not":
                parts.append(Not(self.condition(place, test)))
            else:
                parts.append(self._field_test(place, word, test, at))
        if not parts:
            self.fault("form-shape", "'when' tests nothing", self.document.at(*path))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _field_test(self, path: Path, name: str, test: Json, at: Position) -> Condition:
        if test == "present":
            return IsPresent(name, at)
        if test == "absent":
            return Not(IsPresent(name, at))
        if isinstance(test, dict) and list(test) == ["equals"]:
            return IsOneOf(name, (test["equals"],), at)
        if isinstance(test, dict) and list(test) == ["in"]:
            return IsOneOf(name, tuple(self.items((*path, "in"), test["in"], "'in'")), at)
        if isinstance(test, dict) and list(test) == ["longer_than"]:
            count = test["longer_than"]
            if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
                return IsLonger(name, count, at)
        hint = f"write {name}: present, absent, {{equals: …}}, {{in: […]}} or {{longer_than: 1}}"
        self.fault("form-shape", f"the test of {name!r} is none that 'when' knows", self.document.at(*path), hint)
        return IsPresent(name, at)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a form is read, and which words may stand beside it."""

    read: Callable[[ExpressionReader, Path, Mapping[str, Json]], Expression]
    beside: frozenset[str] = frozenset()


_FORMS: dict[str, _Form] = {
    "from": _Form(ExpressionReader.take, frozenset({"lookup", "replace", "as", "bounds"})),
    "value": _Form(ExpressionReader.value),
    "first": _Form(ExpressionReader.first),
    "list": _Form(ExpressionReader.list_of, frozenset({"join"})),
    "each": _Form(ExpressionReader.each, frozenset({"object", "do"})),
    "object": _Form(ExpressionReader.object_of),
    "open": _Form(ExpressionReader.open, frozenset({"reserved"})),
    "late": _Form(ExpressionReader.late),
    "link": _Form(ExpressionReader.link),
}

#: The words that name a form, and for each the words that may stand beside it; `when` may stand beside any.
FORM_WORDS: Mapping[str, frozenset[str]] = {word: form.beside for word, form in _FORMS.items()}


def _unreadable(at: Position) -> Take:
    return Take((_UNREADABLE,), (), at_run=True, at=at)
