"""YAML and JSON files that people wrote, read strictly, with the place of every value.

This module knows what a file may say at all: which words are booleans and numbers, that a key stands once, how
large and how deep a file may be, and on which line and in which column each key and each value stands. It
knows nothing about tables, fields or plans, and it judges no content.

YAML here is the part of it that cannot surprise. A plain (unquoted) scalar is a boolean if it is `true` or
`false`, null if it is `null`, `~` or empty, and a number exactly where JSON would say so; everything else is
text: `yes`, `on`, `NO`, `0x10`, `007`, `1_000`, `12:30`, `2026-01-01`. Tags and merge keys are refused.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn, Protocol

import yaml

from engine.errors import Finding, Position, TableError
from engine.values import Json

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "parse_json", "parse_yaml", "read_document"]

#: The longest file, in bytes of UTF-8.
MAX_BYTES: Final = 2 * 1024 * 1024
_READ: Final = MAX_BYTES + 3  # a byte order mark does not count
#: How many lists and mappings may stand inside one another.
MAX_DEPTH: Final = 40
#: How many values and keys a file may hold, each alias counted as what it stands for.
MAX_NODES: Final = 100_000

# libyaml is several times as fast; a wheel of PyYAML may come without it.
_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS: Final = len(str(-(2**64)))
_NULLS: Final = frozenset({"", "~", "null"})
_BOOLEANS: Final = {"true": True, "false": False}
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What YAML's text may not hold, and the line breaks that only YAML 1.1 knows: it would turn them into blanks.
_NOT_IN_YAML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BREAK: Final = re.compile(r"\r\n|[\r\n]")
_JSON_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')

_HINTS: Final = {
    "cannot start any token": "Indent with spaces; put quotes around text that starts with a special character.",
    "mapping values are not allowed": "Put quotes around text that holds a colon and a blank.",
}


class _Mark(Protocol):
    """What both parsers give as a place, counted from 0."""

    line: int
    column: int


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


def read_document(path: Path, *, name: str | None = None) -> Document:
    """Read a file that ends in .yaml, .yml or .json. `name` is what people are shown instead of the path.

    Raises TableError with all that is wrong with the file; `document-unreadable` if it cannot be read at all.
    """
    file = path.as_posix() if name is None else name
    suffix = path.suffix.lower()
    if suffix not in (".yaml", ".yml", ".json"):
        raise _error("document-unreadable", f"{file} does not end in .yaml, .yml or .json.")
    try:
        with path.open("rb") as stream:
            data = stream.read(_READ + 1)
    except OSError as error:
        reason = error.strerror if error.strerror is not None else type(error).__name__
        raise _error("document-unreadable", f"{file} cannot be read: {reason}.") from error
    except ValueError as error:
        raise _error("document-unreadable", f"{file!r} is no file name: {error}.") from error
    if len(data) > _READ:
        raise _too_large(file)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        raise _error(
            "document-encoding",
            "The file is not UTF-8 text.",
            at=_Lines(file, before).at(len(before)),
            hint="Save it as UTF-8.",
        ) from error
    return parse_json(text, file) if suffix == ".json" else parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Document:
    """The one YAML document in a text. `file` is its name for people. Raises TableError with all that is wrong."""
    text = _checked_text(text, file)
    if bad := _NOT_IN_YAML.search(text):
        raise _error(
            "document-control-character",
            f"The character U+{ord(bad[0]):04X} cannot stand in a YAML file.",
            at=_Lines(file, text).at(bad.start()),
            hint="Remove it, or write it as an escape in double quotes, if it may stand in text at all.",
        )
    builder = _Builder(file)
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            line, column = _place(event.start_mark)
            if isinstance(event, yaml.ScalarEvent):
                builder.tag(event.tag, line, column)
                plain = not event.style  # None or "" by the parser; quoted scalars are text, whatever they say
                literal = builder.literal(event.value, line, column) if plain else event.value
                builder.scalar(literal, event.value, line, column, anchor=event.anchor, plain=plain)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                builder.tag(event.tag, line, column)
                into: dict[str, Json] | list[Json] = {} if isinstance(event, yaml.MappingStartEvent) else []
                builder.open(into, line, column, anchor=event.anchor)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                builder.close()
            elif isinstance(event, yaml.AliasEvent):
                builder.alias(str(event.anchor), line, column)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    builder.stop("document-syntax", "A second document starts here: one file holds one.", line, column)
    except yaml.MarkedYAMLError as error:
        line, column = _place(error.problem_mark if error.problem_mark is not None else error.context_mark)
        problem = str(error.problem)
        context = "" if error.context is None else f" {error.context}"
        builder.stop(
            "document-syntax",
            f"This is no YAML:{context} {problem}.",
            line,
            column,
            hint=next((hint for part, hint in _HINTS.items() if part in problem), None),
        )
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The pure parser lets chr() and int() speak for themselves: "\UFFFFFFFF", %YAML 1.<5000 digits>.
        builder.stop("document-syntax", f"This is no YAML: {str(error).splitlines()[0]}.", 1, 1)
    return builder.document()


def parse_json(text: str, file: str) -> Document:
    """The JSON value in a text. `file` is its name for people. Raises TableError with all that is wrong."""
    text = _checked_text(text, file)
    lines = _Lines(file, text)
    try:
        # Only for the grammar: the walk below may then trust the text. Numbers are left as text, since int()
        # refuses more than 4300 digits with an error that has no place.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise _error("document-syntax", f"This is no JSON: {error.msg}.", at=lines.at(error.pos)) from error
    except RecursionError as error:
        raise _error("document-too-deep", f"{file} nests deeper than {MAX_DEPTH} levels.") from error
    builder = _Builder(file)
    for token in _JSON_TOKEN.finditer(text):
        word = token[0]
        line, column = lines.place(token.start())
        if word in ("{", "["):
            builder.open({} if word == "{" else [], line, column)
        elif word in ("}", "]"):
            builder.close()
        elif word[0] == '"':
            literal = json.loads(word) if "\\" in word else word[1:-1]
            builder.scalar(literal, literal, line, column)
        elif word in ("NaN", "Infinity", "-Infinity"):
            builder.refuse_number(word, line, column)
            builder.scalar(None, word, line, column)
        elif word not in (",", ":"):
            builder.scalar(builder.literal(word, line, column), word, line, column)
    return builder.document()


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


class _Builder:
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
        if self._findings:
            raise TableError(self._findings)
        if self._root is None:
            raise _error("document-syntax", "The file is empty.", at=Position(self._file, 1, 1))
        return Document(self._file, self._root.value, self._root)

    def find(self, code: str, message: str, line: int, column: int, *, hint: str | None = None) -> None:
        self._findings.append(Finding(code, message, at=Position(self._file, line, column), hint=hint))

    def stop(self, code: str, message: str, line: int, column: int, *, hint: str | None = None) -> NoReturn:
        self.find(code, message, line, column, hint=hint)
        raise TableError(self._findings)

    def tag(self, tag: str | None, line: int, column: int) -> None:
        if tag is not None:
            self.find("yaml-tag", "A tag stands here, and tags are not read.", line, column, hint="Remove the tag.")

    def refuse_number(self, word: str, line: int, column: int) -> None:
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
        start = self._count
        self._weigh(1, line, column)
        if len(self._open) >= MAX_DEPTH:
            self._too_deep(line, column)
        if is_key := self._expects_key():
            self._refuse_key("A list or a mapping cannot be a key.", line, column)
        node = _Node(into, line, column, height=1)
        if anchor is not None:
            self._name(anchor, None, line, column)
        self._open.append(_Frame(node, into, anchor, is_key, start))

    def close(self) -> None:
        frame = self._open.pop()
        frame.node.size = self._count - frame.start
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.node
        if not frame.is_key:
            self._add(frame.node)

    def alias(self, name: str, line: int, column: int) -> None:
        node = self._anchors.get(name)
        if node is None:
            inside = name in self._anchors
            what = "stands inside what it repeats" if inside else "repeats nothing that was named before"
            self.find("yaml-alias", f"The alias *{name} {what}.", line, column)
            node = _Node(None, line, column)
        self._weigh(node.size, line, column)
        if len(self._open) + node.height > MAX_DEPTH:
            self._too_deep(line, column)
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

    def _too_deep(self, line: int, column: int) -> NoReturn:
        self.stop("document-too-deep", f"Lists and mappings nest deeper than {MAX_DEPTH} levels.", line, column)

    def _check_text(self, text: str, line: int, column: int) -> None:
        if bad := _CONTROL.search(text):
            code = f"U+{ord(bad[0]):04X}"
            self.find("document-control-character", f"This text holds the control character {code}.", line, column)
        if _SURROGATE.search(text):
            self.find("document-encoding", "This text holds half of a character (a surrogate).", line, column)


def _place(mark: _Mark | None) -> tuple[int, int]:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


class _Lines:
    """Which line and column (from 1) an offset in a text is."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def at(self, offset: int) -> Position:
        return Position(self._file, *self.place(offset))


def _checked_text(text: str, file: str) -> str:
    """The text without a byte order mark, if it is not too long and can be written as UTF-8."""
    text = text.removeprefix("\ufeff")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise _error(
            "document-encoding",
            "Half of a character (a surrogate) stands here.",
            at=_Lines(file, text).at(error.start),
        ) from error
    if size > MAX_BYTES:
        raise _too_large(file)
    return text


def _too_large(file: str) -> TableError:
    return _error("document-too-large", f"{file} is longer than {MAX_BYTES // 2**20} MiB.")


def _error(code: str, message: str, *, at: Position | None = None, hint: str | None = None) -> TableError:
    return TableError([Finding(code, message, at=at, hint=hint)])
