"""What a document is made of, and how it is put together from what a parser says, one step at a time.

This module knows values with their places, which unquoted words are numbers, booleans and null, that a key stands
once, and how much a document may hold. It knows no syntax: `engine.documents` brings the events of YAML and JSON.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from engine.errors import Finding, Position, TableError
from engine.values import Json

__all__ = ["MAX_DEPTH", "MAX_NODES", "Builder", "Document"]

#: How many lists and mappings may stand inside one another.
MAX_DEPTH: Final = 40
#: How many values and keys a file may hold, each alias counted as what it stands for.
MAX_NODES: Final = 100_000

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS: Final = len(str(-(2**64)))
_NULLS: Final = frozenset({"", "~", "null"})
_BOOLEANS: Final = {"true": True, "false": False}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class _Key:
    text: str
    literal: Json
    line: int
    column: int
    refused: bool = False


@dataclass(slots=True)
class _Node:
    """A value, its place (from 1), and the same for what is in it. `size` and `height` count aliases in full."""

    value: Json
    line: int
    column: int
    keys: dict[str, _Key] = field(default_factory=dict)
    children: dict[str | int, _Node] = field(default_factory=dict)
    size: int = 1
    height: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as plain data, and where each part of it stands.

    `file` is the name that people are shown. `value` is what the file says; mappings keep their order, and
    every key is text: a key that was written as `true` or `1` is the text "true" or "1", and `key_literal`
    tells what it was. A path is the keys and indices that lead to a value; the empty path is the whole.
    """

    file: str
    value: Json
    _root: _Node = field(repr=False, compare=False)

    def at(self, *path: str | int) -> Position:
        """Where the value at this path starts; the nearest parent that exists, if the path leads nowhere.

        What was written once and used again by a YAML alias stands where it was written.
        """
        node = self._nearest(path)[0]
        return Position(self.file, node.line, node.column)

    def key_at(self, *path: str | int) -> Position:
        """Where the key of the path's last step stands; for an item of a list, the item. Else as `at`."""
        parent, complete = self._nearest(path[:-1])
        if complete and path and isinstance(path[-1], str) and path[-1] in parent.keys:
            key = parent.keys[path[-1]]
            return Position(self.file, key.line, key.column)
        return self.at(*path)

    def key_literal(self, *path: str | int) -> Json:
        """What the key of the path's last step was written as: true, 1 or "text". KeyError where none stands."""
        parent, complete = self._nearest(path[:-1])
        if not (complete and path and isinstance(path[-1], str) and path[-1] in parent.keys):
            raise KeyError(path)
        return parent.keys[path[-1]].literal

    def _nearest(self, path: tuple[str | int, ...]) -> tuple[_Node, bool]:
        node = self._root
        for step in path:
            child = node.children.get(step)
            if child is None:
                return node, False
            node = child
        return node, True


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is open. `key` is a mapping's key that still waits for its value."""

    node: _Node
    into: dict[str, Json] | list[Json]
    anchor: str | None
    is_key: bool
    start: int
    key: _Key | None = None
    numbers: dict[int | float, _Key] = field(default_factory=dict)


class Builder:
    """Makes nodes of what a parser says, step by step; gathers what is wrong, and stops where a limit is passed.

    Nothing here calls itself, so that no depth of nesting can exhaust the stack.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._findings: list[Finding] = []
        self._open: list[_Frame] = []
        self._anchors: dict[str, _Node | None] = {}  # None: what it names is still open
        self._root: _Node | None = None
        self._count = 0

    def document(self) -> Document:
        """The document, when all is said. Raises TableError with all that was wrong."""
        if self._findings:
            raise TableError(self._findings)
        if self._root is None:
            empty = Finding("document-syntax", "The file is empty.", at=Position(self._file, 1, 1))
            raise TableError([empty])
        return Document(self._file, self._root.value, self._root)

    def find(self, code: str, message: str, line: int, column: int, *, hint: str | None = None) -> None:
        """Note what is wrong, and go on."""
        self._findings.append(Finding(code, message, at=Position(self._file, line, column), hint=hint))

    def stop(self, code: str, message: str, line: int, column: int, *, hint: str | None = None) -> NoReturn:
        """Note what is wrong, and raise TableError with it and all before it."""
        self.find(code, message, line, column, hint=hint)
        raise TableError(self._findings)

    def tag(self, tag: str | None, line: int, column: int) -> None:
        """Refuse an explicit tag, if there is one."""
        if tag is not None:
            self.find("yaml-tag", "A tag stands here, and tags are not read.", line, column, hint="Remove the tag.")

    def refuse_number(self, word: str, line: int, column: int) -> None:
        """Refuse a number that is not finite or has too many digits."""
        shown = word if len(word) <= 24 else f"{word[:24]}…"
        self.find("document-number", f"The number {shown} is not finite or too large to be kept.", line, column)

    def literal(self, word: str, line: int, column: int) -> Json:
        """What an unquoted word means; text, if nothing else."""
        if word in _NULLS:
            return None
        if word in _BOOLEANS:
            return _BOOLEANS[word]
        number = _NUMBER.fullmatch(word)
        if number is None:
            if _NOT_FINITE.fullmatch(word):
                self.refuse_number(word, line, column)
            return word
        if number[1] is None and number[2] is None:
            # Measured first, since int() takes long for many digits and gives up at 4300.
            whole = int(word) if len(word) <= _MAX_DIGITS else None
            if whole is not None and -(2**63) <= whole < 2**64:
                return whole
        elif math.isfinite(value := float(word)):
            return value
        self.refuse_number(word, line, column)
        return None

    def scalar(
        self, literal: Json, source: str, line: int, column: int, *, anchor: str | None = None, plain: bool = False
    ) -> None:
        """A value or key that is no list and no mapping. `source` is how it was written."""
        self._weigh(1, line, column)
        if isinstance(literal, str):
            self._check_text(literal, line, column)
        node = _Node(literal, line, column)
        if anchor is not None:
            self._name(anchor, node, line, column)
        if self._expects_key():
            self._key(_Key(source, literal, line, column), merge=plain and source == "<<")
        else:
            self._add(node)

    def open(self, into: dict[str, Json] | list[Json], line: int, column: int, *, anchor: str | None = None) -> None:
        """A list or a mapping starts."""
        start = self._count
        self._weigh(1, line, column)
        if len(self._open) >= MAX_DEPTH:
            self.too_deep(line, column)
        if is_key := self._expects_key():
            self._refuse_key("A list or a mapping cannot be a key.", line, column)
        node = _Node(into, line, column, height=1)
        if anchor is not None:
            self._name(anchor, None, line, column)
        self._open.append(_Frame(node, into, anchor, is_key, start))

    def close(self) -> None:
        """The list or mapping that started last ends."""
        frame = self._open.pop()
        frame.node.size = self._count - frame.start
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.node
        if not frame.is_key:
            self._add(frame.node)

    def alias(self, name: str, line: int, column: int) -> None:
        """What an anchor named stands here again."""
        node = self._anchors.get(name)
        if node is None:
            inside = name in self._anchors
            what = "stands inside what it repeats" if inside else "repeats nothing that was named before"
            self.find("yaml-alias", f"The alias *{name} {what}.", line, column)
            node = _Node(None, line, column)
        self._weigh(node.size, line, column)
        if len(self._open) + node.height > MAX_DEPTH:
            self.too_deep(line, column)
        if self._expects_key():
            self._refuse_key("An alias cannot be a key.", line, column)
        else:
            self._add(node)

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].into, dict) and self._open[-1].key is None

    def _add(self, node: _Node) -> None:
        if not self._open:
            self._root = node
            return
        frame = self._open[-1]
        frame.node.height = max(frame.node.height, node.height + 1)
        if isinstance(frame.into, list):
            frame.node.children[len(frame.into)] = node
            frame.into.append(node.value)
            return
        key, frame.key = frame.key, None
        if key is not None and not key.refused:
            frame.into[key.text] = node.value
            frame.node.keys[key.text] = key
            frame.node.children[key.text] = node

    def _key(self, key: _Key, *, merge: bool) -> None:
        frame = self._open[-1]
        frame.key = key
        same = frame.node.keys.get(key.text)
        if same is None and isinstance(key.literal, (int, float)) and not isinstance(key.literal, bool):
            same = frame.numbers.setdefault(key.literal, key)
        if merge:
            self.find("yaml-merge", "Merge keys are not read.", key.line, key.column, hint="Write the keys out.")
        elif key.literal is None:
            self._refuse_key("null cannot be a key.", key.line, key.column)
        elif same is not None and same is not key:
            shown = key.text if len(key.text) <= 60 else f"{key.text[:60]}…"
            self.find(
                "document-duplicate-key",
                f"The key {shown!r} stands here and in line {same.line}, column {same.column}.",
                key.line,
                key.column,
                hint="Remove one of them.",
            )
        else:
            return
        key.refused = True

    def _refuse_key(self, message: str, line: int, column: int) -> None:
        self.find("yaml-key", message, line, column, hint="Write the key as text, a number, true or false.")
        self._open[-1].key = _Key("", None, line, column, refused=True)

    def _name(self, anchor: str, node: _Node | None, line: int, column: int) -> None:
        if anchor in self._anchors:
            self.find("yaml-alias", f"The name &{anchor} is given twice.", line, column)
        self._anchors[anchor] = node

    def _weigh(self, size: int, line: int, column: int) -> None:
        self._count += size
        if self._count > MAX_NODES:
            self.stop("document-too-large", f"The file holds more than {MAX_NODES} values and keys.", line, column)

    def too_deep(self, line: int, column: int) -> NoReturn:
        """Stop where lists and mappings nest deeper than they may."""
        self.stop("document-too-deep", f"Lists and mappings nest deeper than {MAX_DEPTH} levels.", line, column)

    def _check_text(self, text: str, line: int, column: int) -> None:
        if bad := _CONTROL.search(text):
            code = f"U+{ord(bad[0]):04X}"
            self.find("document-control-character", f"This text holds the control character {code}.", line, column)
        if _SURROGATE.search(text):
            self.find("document-encoding", "This text holds half of a character (a surrogate).", line, column)
